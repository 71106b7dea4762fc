//! Schedules while somebody sets the clock of the machine, forward and back.
//!
//! Nobody may set that of the machine for a test. So the supervisor gets a library before its own: the wall
//! clock is moved by what a file says, and a timer on it is a descriptor that becomes readable when the time
//! has come by that clock, or when it was set, if that was asked for (TFD_TIMER_CANCEL_ON_SET). That is
//! what the kernel promises, and nothing else of the program is another one.

mod harness;

use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

use harness::{Running, Site, wait_until};

const LIBRARY: &str = r#"
#define _GNU_SOURCE
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int timer = -1, is_armed, is_cancelled_on_set;
static long long due, moved_when_armed;

static long long moved(void) {
    FILE *file = fopen(getenv("CLOCK_FILE"), "re");
    long long seconds = 0;
    if (file) { if (fscanf(file, "%lld", &seconds) != 1) seconds = 0; fclose(file); }
    return seconds;
}
static long long now(long long by) {
    struct timespec real;
    syscall(SYS_clock_gettime, CLOCK_REALTIME, &real);
    return (real.tv_sec + by) * 1000000000LL + real.tv_nsec;
}
int clock_gettime(clockid_t id, struct timespec *out) {
    int result = syscall(SYS_clock_gettime, id, out);
    if (result == 0 && id == CLOCK_REALTIME) out->tv_sec += moved();
    return result;
}
/* Looks a hundred times a second, and says how often it has told of something. */
static void *watch(void *unused) {
    for (;;) {
        usleep(10000);
        long long by = moved();
        pthread_mutex_lock(&lock);
        if (is_armed && (now(by) >= due || (is_cancelled_on_set && by != moved_when_armed))) {
            is_armed = 0;
            uint64_t one = 1;
            if (write(timer, &one, sizeof one) == sizeof one) {
                FILE *file = fopen(getenv("TOLD_FILE"), "ae");
                if (file) { fputc('.', file); fclose(file); }
            }
        }
        pthread_mutex_unlock(&lock);
    }
    return unused;
}
int timerfd_create(int clock, int flags) {
    if (clock != CLOCK_REALTIME) return syscall(SYS_timerfd_create, clock, flags);
    timer = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    pthread_t thread;
    pthread_create(&thread, 0, watch, 0);
    pthread_sigmask(SIG_SETMASK, &before, 0);
    return timer;
}
int timerfd_settime(int fd, int flags, const struct itimerspec *new, struct itimerspec *old) {
    if (fd != timer) return syscall(SYS_timerfd_settime, fd, flags, new, old);
    pthread_mutex_lock(&lock);
    uint64_t count;
    if (read(timer, &count, sizeof count) < 0) count = 0;
    due = new->it_value.tv_sec * 1000000000LL + new->it_value.tv_nsec;
    is_armed = due != 0;
    is_cancelled_on_set = (flags & TFD_TIMER_CANCEL_ON_SET) != 0;
    moved_when_armed = moved();
    pthread_mutex_unlock(&lock);
    return 0;
}
"#;

/// Seconds.
const HOUR: i64 = 3600;
const DAY: i64 = 24 * HOUR;

fn now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs().cast_signed()
}

/// A time of day in UTC, as a schedule: `30 4 * * *`.
fn daily(time: i64) -> String {
    format!("{} {} * * *", time / 60 % 60, time / HOUR % 24)
}

/// The clock is set to this, and the supervisor has looked at it.
fn set(running: &Running, time: i64) {
    let told = || running.site.read("told").len();
    let before = told();
    let file = running.site.write("clock.new", &(time - now()).to_string());
    std::fs::rename(file, running.site.path("clock")).unwrap();
    wait_until("the alarm", || told() > before);
    // What is answered now has come after it.
    running.status();
}

fn runs(running: &Running, name: &str) -> usize {
    running.log().matches(&format!("{name}: it is due by its schedule")).count()
}

#[test]
fn times_are_kept_once_however_the_clock_is_set() {
    // Half a day ahead, so that the true time is far away from all of this.
    let time = (now() + DAY / 2) / 60 * 60;
    let program = |name: &str, at: i64| {
        format!("  {name}: {{cmd: sh -c 'echo x >> {name}', schedule: '{}'}}\n", daily(at))
    };
    let programs = [("early", -30 * 60), ("w", 0), ("later", 60 * 60)];
    let programs: String = programs.iter().map(|(name, after)| program(name, time + after)).collect();
    let site = Site::new(&format!("{programs}  other: {{cmd: sleep 1000, starttime: 0}}"));
    let source = site.write("clock.c", LIBRARY);
    let library = site.path("clock.so");
    let compiler =
        Command::new("cc").args(["-shared", "-fPIC", "-pthread", "-o"]).arg(&library).arg(&source).output();
    match compiler {
        Ok(output) if output.status.success() => {}
        Ok(output) => panic!("{}", String::from_utf8_lossy(&output.stderr)),
        Err(_) => return eprintln!("left out: there is no C compiler here to make another clock with"),
    }
    let mut command = site.command();
    command.env("LD_PRELOAD", &library).env("TZ", "UTC");
    command.env("CLOCK_FILE", site.write("clock", "0")).env("TOLD_FILE", site.path("told"));
    let running = site.start(&mut command);
    running.wait_for_state("other:0", "RUNNING");
    let pid = running.pid_of("other:0");
    let all = || ["early", "w", "later"].map(|name| runs(&running, name));
    assert_eq!(all(), [0, 0, 0]);

    // Forward: what was passed over has one run, what comes by itself another.
    set(&running, time - 2);
    assert_eq!(runs(&running, "early"), 1);
    wait_until("its time", || runs(&running, "w") == 1);
    assert_eq!(all(), [1, 1, 0]);
    // Back, and over the same times again: they have had their runs.
    set(&running, time - 40 * 60);
    set(&running, time + 10 * 60);
    assert_eq!(all(), [1, 1, 0]);
    // Forward by days: one run for all of them.
    set(&running, time + 5 * DAY + 2 * HOUR);
    assert_eq!(all(), [2, 2, 1]);
    assert!(running.log().contains("w: 4 of its times were passed over: the clock was set, or nothing ran"));
    // Back by more than anybody does for summer time: the times begin anew.
    set(&running, time - HOUR);
    assert_eq!(all(), [2, 2, 1]);
    set(&running, time + 2 * HOUR);
    assert_eq!(all(), [3, 3, 2]);

    wait_until("all runs to have been", || {
        [("early", 3), ("w", 3), ("later", 2)]
            .iter()
            .all(|(name, count)| running.site.read(name).lines().count() == *count)
    });
    let other = running.process("other:0");
    assert_eq!((running.pid_of("other:0"), &other["restarts"]), (pid, &0.into()));
    assert!(other["uptime"].as_f64().unwrap() < 600.0, "{other}");
    running.stop();
}
