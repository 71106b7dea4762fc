/* `producer REPORTS GO LINES LINES_PER_WRITE PAUSE_US` says that it is there, waits until GO is opened for writing, and
   writes so many lines of 100 bytes. Then it waits for ever. */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { LINE = 100 };

int main(int count, char **words) {
    if (count != 6) return 2;
    long lines = atol(words[3]), at_once = atol(words[4]), pause_us = atol(words[5]);
    uint64_t report[2] = {0, (uint64_t)getpid()};
    int fifo = open(words[1], O_WRONLY | O_CLOEXEC);
    if (write(fifo, report, sizeof report) != sizeof report) return 1;
    close(fifo);
    int go = open(words[2], O_RDONLY | O_CLOEXEC);
    close(go);
    char *block = malloc((size_t)at_once * LINE);
    for (long line = 0; line < lines;) {
        long some = lines - line < at_once ? lines - line : at_once;
        for (long at = 0; at < some; at++) {
            char *start = block + at * LINE;
            int head = sprintf(start, "%012ld ", line + at);
            memset(start + head, 'x', (size_t)(LINE - head - 1));
            start[LINE - 1] = '\n';
        }
        for (long done = 0; done < some * LINE;) {
            ssize_t written = write(1, block + done, (size_t)(some * LINE - done));
            if (written < 0) return 1;
            done += written;
        }
        line += some;
        if (pause_us > 0) nanosleep(&(struct timespec){.tv_nsec = pause_us * 1000}, NULL);
    }
    for (;;) pause();
}
