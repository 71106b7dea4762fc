// A small service: says every minute that it is there, reports on USR1, leaves on TERM or INT.
#include <chrono>
#include <csignal>
#include <ctime>
#include <iostream>

int main() {
    using namespace std::chrono;
    const auto start = steady_clock::now();

    // Blocked signals wait for sigtimedwait below, so no handler can interrupt half a line.
    sigset_t awaited;
    sigemptyset(&awaited);
    for (int signal : {SIGTERM, SIGINT, SIGUSR1}) sigaddset(&awaited, signal);
    sigprocmask(SIG_BLOCK, &awaited, nullptr);

    std::cout << "service: ready; 'signal USR1 service' asks for a report" << std::endl;
    const timespec minute{60, 0};
    for (;;) {
        const int signal = sigtimedwait(&awaited, nullptr, &minute);
        const auto uptime = duration_cast<seconds>(steady_clock::now() - start).count();
        if (signal == SIGTERM || signal == SIGINT) {
            std::cout << "service: goodbye after " << uptime << " s" << std::endl;
            return 0;
        }
        std::cout << "service: all is well after " << uptime << " s" << std::endl;
    }
}
