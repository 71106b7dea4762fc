/* A child that keeps a book: it writes numbered lines to standard output and standard error, and notes
 * in a shared page how far it came. The page outlives every kill, so what the log must hold is known.
 *
 * writer KIND, in a directory that has books/; its name is TASKMASTER_PROCESS_NAME. Kinds: `plain`;
 * `split` writes a line in two pieces; `deaf` ignores TERM; `mortal` ends by itself after a while, until
 * there is a file `calm`; `family` has a process of its group and one of another session beside it.
 * While there is a file `silent` nobody writes. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

/* One record of a book: the last line begun and the last line written whole, of either stream. */
struct record { volatile uint64_t pid, begun[2], done[2]; };

static void pause_ms(long ms) {
    struct timespec time = { ms / 1000, ms % 1000 * 1000000 };
    nanosleep(&time, NULL);
}

static void write_all(int fd, const char *from, size_t length) {
    while (length > 0) {
        ssize_t count = write(fd, from, length);
        if (count < 0) _exit(9);
        from += count;
        length -= count;
    }
}

/* A record at the end of the book; its number is the name of this process. */
static struct record *open_record(const char *name, unsigned long *slot) {
    char path[256];
    struct record empty = { getpid(), { 0, 0 }, { 0, 0 } };
    snprintf(path, sizeof path, "books/%s", name);
    int fd = open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (fd < 0 || write(fd, (void *)&empty, sizeof empty) != sizeof empty) exit(8);
    off_t at = lseek(fd, 0, SEEK_CUR) - sizeof empty, page = at / 4096 * 4096;
    char *book = mmap(NULL, at - page + sizeof empty, PROT_READ | PROT_WRITE, MAP_SHARED, fd, page);
    if (book == MAP_FAILED) exit(7);
    close(fd);
    *slot = at / sizeof empty;
    return (struct record *)(book + (at - page));
}

static void have_a_family(void) {
    for (int stranger = 0; stranger < 2; stranger++) {
        if (fork() == 0) {
            if (stranger) setsid();
            for (;;) pause();
        }
    }
}

int main(int count, char **arguments) {
    const char *name = getenv("TASKMASTER_PROCESS_NAME"), *kind = count > 1 ? arguments[1] : "plain";
    unsigned long slot;
    struct rlimit no_core = { 0, 0 };
    setrlimit(RLIMIT_CORE, &no_core);
    if (!name) return 6;
    struct record *record = open_record(name, &slot);
    int is_split = !strcmp(kind, "split"), is_mortal = !strcmp(kind, "mortal");
    if (!strcmp(kind, "deaf")) signal(SIGTERM, SIG_IGN);
    if (!strcmp(kind, "family")) have_a_family();
    srand(getpid());
    long rounds = 1 + rand() % 100;
    for (uint64_t n = 1;; n++) {
        while (access("silent", F_OK) == 0) pause_ms(100);
        for (int stream = 0; stream < 2; stream++) {
            char line[512];
            int length = snprintf(line, sizeof line, "%s/%d %lu %lu ", name, stream + 1, slot, (unsigned long)n);
            int padding = (n * 7 + slot * 13) % 150;
            memset(line + length, 'x', padding);
            length += padding;
            line[length++] = '.';
            line[length++] = '\n';
            record->begun[stream] = n;
            int first = is_split ? length / 2 : length;
            write_all(stream + 1, line, first);
            if (is_split) pause_ms(5);
            write_all(stream + 1, line + first, length - first);
            record->done[stream] = n;
        }
        if (is_mortal && (long)n >= rounds && access("calm", F_OK) != 0) {
            if (rand() % 5 == 0) abort();
            _exit(rand() % 3);
        }
        pause_ms(40 + rand() % 80);
    }
}
