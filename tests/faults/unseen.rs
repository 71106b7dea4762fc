//! Nobody can be looked for: who cannot be seen is not taken for gone, and no stop is over before it is
//! known.

use crate::harness::{self, Running, Site, wait_until};
use crate::strace::{Fault, Tracer, injected, is_possible};

/// Lives, with one process that has a session of its own.
const SCRIPT: &str = "setsid sleep 1000 &\nexec sleep 1000";

fn running(script: &str, keys: &str) -> Running {
    let site = Site::new(&format!("  w: {{cmd: sh w.sh, starttime: 0, stoptime: 1, {keys}}}"));
    site.write("w.sh", script);
    site.supervise()
}

fn marked(running: &Running) -> usize {
    harness::marked(&running.site.mark).len()
}

fn told(running: &Running, line: &str) -> usize {
    running.log().matches(line).count()
}

/// Orders a stop while the calls fail, and lets them work again when they were tried. The stop must not be over
/// before, and leave nothing.
fn stop_blindly(running: &Running, calls: &'static str, error: &str) {
    let record = running.site.path("record");
    let _ = std::fs::remove_file(&record);
    let fault = Fault::new(calls, &format!("error={error}"), "1+");
    let line = if calls == "pidfd_open" { "to its strays" } else { "cannot be looked for" };
    let before = told(running, line);
    let tracer = Tracer::attach(running.pid(), &fault, &record);
    std::thread::scope(|scope| {
        let stop = scope.spawn(|| running.command("stop w"));
        wait_until("a line about it", || stop.is_finished() || told(running, line) > before);
        let is_over = stop.is_finished() && marked(running) > 1;
        assert!(!is_over, "{calls}: the stop is over, and a stray lives");
        drop(tracer);
        assert!(stop.join().unwrap().0, "{calls}");
        assert!(injected(&record) > 0, "{calls}");
    });
    assert_eq!(harness::marked(&running.site.mark), [running.pid()], "{calls}: a stray is left");
}

#[test]
fn strays_are_ended_although_they_could_not_be_seen_at_first() {
    if !is_possible() {
        return eprintln!("left out: there is no strace here, or it may not trace");
    }
    let running = running(SCRIPT, "");
    for calls in ["openat", "getdents64", "pidfd_open"] {
        wait_until("the stray", || marked(&running) == 3);
        stop_blindly(&running, calls, if calls == "getdents64" { "ENOMEM" } else { "ENFILE" });
        running.command("start w");
    }
    running.stop();
}

/// The look at the door fails, and so does the first one of the stop.
#[test]
fn what_a_run_has_left_is_ended_although_it_could_not_be_seen_at_first() {
    if !is_possible() {
        return eprintln!("left out: there is no strace here, or it may not trace");
    }
    let running = running("setsid sleep 1000 &\nexit 0", "autorestart: never");
    for calls in ["openat", "pidfd_open"] {
        running.wait_for_state("w:0", "EXITED");
        wait_until("the stray", || marked(&running) == 2);
        stop_blindly(&running, calls, "EMFILE");
        running.command("start w");
    }
    running.stop();
}
