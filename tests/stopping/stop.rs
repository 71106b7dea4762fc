//! Stops: what is signalled, in which order, how long is waited, and what may be left: nothing.

use crate::harness::{Console, Site, field, is_alive, kill, marked, wait_for, wait_until, wait_while};
use nix::sys::signal::Signal;
use std::time::Duration;

/// Polls for the pid that a script writes to a file.
fn pid_in(site: &Site, name: &str) -> u32 {
    wait_for("a pid file", || site.read(name).strip_suffix('\n').and_then(|pid| pid.parse().ok()))
}

#[test]
fn the_oracle_for_leftovers_finds_them() {
    let running =
        Site::new("  w: {cmd: \"sh -c 'setsid sleep 1000 & exec sleep 1000'\", starttime: 0}").supervise();
    wait_until("three marked processes", || marked(&running.site.mark).len() == 3);
}

#[test]
fn stop_sends_the_stopsignal_to_the_group_and_ends_all_of_it() {
    let mut console = Console::open(Site::new(
        "  w:\n    cmd: [sh, -c, 'trap \"echo got int; exit 0\" INT; sleep 1000 & while :; do wait; done']\n    stopsignal: INT\n    stdout: out\n    starttime: 0.1\n    stoptime: 100",
    ));
    console.running.wait_for_state("w:0", "RUNNING");
    // The shell's background job ignores INT, as shells arrange it, so the group outlives the leader
    // until something else ends it.
    console.say("stop w\n");
    wait_until("the trap", || console.running.site.read("out").contains("got int"));
    let row = console.running.process("w:0");
    assert_eq!(row["state"], "STOPPING", "{row}");
    for pid in marked(&console.running.site.mark) {
        if pid != console.running.pid() {
            kill(pid, Signal::SIGKILL);
        }
    }
    assert_eq!(console.hear(), "w:0: stopped");
    assert_eq!(console.running.state("w:0"), "STOPPED");
}

#[test]
fn what_ignores_the_stopsignal_is_killed_after_stoptime_with_its_children() {
    let mut console = Console::open(Site::new(
        "  w: {cmd: [sh, -c, 'trap \"\" TERM; echo x > ready; sleep 1000; sleep 1000'], starttime: 0, stoptime: 300ms}",
    ));
    wait_until("the trap to be set", || !console.running.site.read("ready").is_empty());
    assert_eq!(console.ask("stop w:0"), ["w:0: stopped"]);
    let row = console.running.process("w:0");
    assert_eq!(row["exit"]["signal"], "KILL", "{row}");
    assert_eq!(marked(&console.running.site.mark), [console.running.pid()]);
}

#[test]
fn a_group_member_that_outlives_the_leader_delays_stopped_and_is_killed() {
    let mut console = Console::open(Site::new(
        "  w:\n    cmd: [sh, -c, '(trap \"\" TERM; echo $(exec sh -c \"echo \\$PPID\") > member; sleep 1000; sleep 1000) & trap \"exit 0\" TERM; while :; do wait; done']\n    starttime: 0\n    stoptime: 0.4",
    ));
    let member = pid_in(&console.running.site, "member");
    console.say("stop w\n");
    wait_until("the leader to be gone", || console.running.pid_of("w:0").is_none());
    let row = console.running.process("w:0");
    assert!(row["state"] != "STOPPED" || !is_alive(member), "{row}");
    assert_eq!(console.hear(), "w:0: stopped");
    assert!(!is_alive(member));
}

#[test]
fn without_killasgroup_only_the_leader_counts() {
    let mut console = Console::open(Site::new(
        "  w: {cmd: [sh, -c, 'sleep 1000 & echo $! > member; trap \"exit 0\" TERM; while :; do wait; done'], starttime: 0, stopasgroup: false, killasgroup: false}",
    ));
    let member = pid_in(&console.running.site, "member");
    assert_eq!(console.ask("stop w"), ["w:0: stopped"]);
    assert!(is_alive(member));
}

#[test]
fn a_process_that_is_stopped_by_a_signal_can_be_stopped() {
    let mut console = Console::open(Site::new("  w: {cmd: sleep 1000, starttime: 0, stoptime: 1000}"));
    let pid = console.running.wait_for_state("w:0", "RUNNING")["pid"].as_u64().unwrap() as u32;
    kill(pid, Signal::SIGSTOP);
    wait_until("it to be stopped", || field(pid, "State").unwrap().starts_with('T'));
    assert_eq!(console.ask("stop w"), ["w:0: stopped"]);
}

#[test]
fn orphans_of_programs_leave_no_zombies() {
    let running =
        Site::new("  w: {cmd: \"sh -c '(setsid sh -c \\\"exit 3\\\" &) ; sleep 0.2'\", starttime: 0, autorestart: never}")
            .supervise();
    running.wait_for_state("w:0", "EXITED");
    wait_until("no child to be left", || {
        let children =
            std::fs::read_to_string(format!("/proc/{0}/task/{0}/children", running.pid())).unwrap();
        children.trim().is_empty()
    });
    running.stop();
}

#[test]
fn many_restarts_at_once_leave_one_process_each() {
    let mut console = Console::open(Site::new("  w: {cmd: sleep 1000, numprocs: 5, starttime: 0}"));
    wait_until("all to run", || console.running.status()["counts"]["RUNNING"] == 5);
    console.say(&"restart w w:1 w:*\n".repeat(20));
    let last = console.ask("status @RUNNING");
    assert_eq!(last.iter().filter(|line| line.contains("RUNNING")).count(), 5, "{last:?}");
    // A process has no environment to be found by until its exec is through, so look more than once.
    wait_until("one process each", || marked(&console.running.site.mark).len() == 6);
    let new = marked(&console.running.site.mark);
    wait_while("there are others", Duration::from_millis(200), || marked(&console.running.site.mark) == new);
}
