/* The floor: the least that a supervisor can do. `floor N PIPES PROGRAM` spawns N children with PIPES pipes
   each (1: stdout and stderr share it), waits in epoll, starts again at once whoever ends, and on TERM ends
   them all. No state, no log, no policy. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;
static char *program;
static int pipes, epoll;
static pid_t *children;
static posix_spawnattr_t attributes;

static void die(const char *what) {
    perror(what);
    exit(1);
}

static void spawn(int slot) {
    posix_spawn_file_actions_t files;
    posix_spawn_file_actions_init(&files);
    posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0);
    int ends[2] = {-1, -1};
    for (int stream = 1; stream <= 2; stream++) {
        if (stream <= pipes) {
            int both[2];
            if (pipe2(both, O_CLOEXEC) != 0) die("pipe2");
            struct epoll_event interest = {.events = EPOLLIN, .data.fd = both[0]};
            if (epoll_ctl(epoll, EPOLL_CTL_ADD, both[0], &interest) != 0) die("epoll_ctl");
            ends[stream - 1] = both[1];
        }
        posix_spawn_file_actions_adddup2(&files, ends[stream <= pipes ? stream - 1 : 0], stream);
    }
    char *words[] = {program, NULL};
    if ((errno = posix_spawn(&children[slot], program, &files, &attributes, words, environ)) != 0) die("posix_spawn");
    posix_spawn_file_actions_destroy(&files);
    for (int stream = 0; stream < pipes; stream++) close(ends[stream]);
}

int main(int count, char **words) {
    if (count != 4) return 2;
    int n = atoi(words[1]), stopping = 0, left = n;
    pipes = atoi(words[2]);
    program = words[3];
    children = calloc((size_t)n, sizeof *children);
    sigset_t watched, none;
    sigemptyset(&none);
    sigemptyset(&watched);
    sigaddset(&watched, SIGCHLD);
    sigaddset(&watched, SIGTERM);
    sigprocmask(SIG_BLOCK, &watched, NULL);
    int signals = signalfd(-1, &watched, SFD_CLOEXEC | SFD_NONBLOCK);
    epoll = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event interest = {.events = EPOLLIN, .data.fd = signals};
    epoll_ctl(epoll, EPOLL_CTL_ADD, signals, &interest);
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK);
    posix_spawnattr_setsigmask(&attributes, &none);
    for (int slot = 0; slot < n; slot++) spawn(slot);
    struct epoll_event events[256];
    while (left > 0) {
        int ready = epoll_wait(epoll, events, 256, -1);
        for (int at = 0; at < ready; at++) {
            if (events[at].data.fd != signals) {
                if (events[at].events & EPOLLHUP) close(events[at].data.fd);
                continue;
            }
            struct signalfd_siginfo signal;
            while (read(signals, &signal, sizeof signal) == sizeof signal)
                if (signal.ssi_signo == SIGTERM && !stopping) {
                    stopping = 1;
                    for (int slot = 0; slot < n; slot++) kill(children[slot], SIGTERM);
                }
            pid_t ended;
            while ((ended = waitpid(-1, NULL, WNOHANG)) > 0) {
                int slot = 0;
                if (stopping) {
                    left--;
                    continue;
                }
                while (slot < n && children[slot] != ended) slot++;
                if (slot < n) spawn(slot);
            }
        }
    }
    return 0;
}
