/* The floor of log copying: reads 64 KiB at a time from standard input and writes them to standard output. */
#include <unistd.h>

static char buffer[64 * 1024];

int main(void) {
    ssize_t count;
    while ((count = read(0, buffer, sizeof buffer)) > 0)
        for (ssize_t done = 0; done < count;) {
            ssize_t written = write(1, buffer + done, (size_t)(count - done));
            if (written < 0) return 1;
            done += written;
        }
    return count < 0;
}
