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

/// How many processes `ps` would show with `T`.
fn stopped_by_a_signal(pids: &[u32]) -> usize {
    let is_stopped = |pid: &&u32| {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        stat.rsplit(')').next().is_some_and(|fields| fields.starts_with(" T"))
    };
    pids.iter().filter(is_stopped).count()
}

/// So many signals do not fit into one turn of the loop.
#[test]
fn an_order_to_very_many_reaches_each_of_them_and_is_answered_for_each() {
    let many = 300;
    let mut console = Console::open(Site::new(&format!(
        "  w: {{cmd: sleep 1000, numprocs: {many}, starttime: 0, stoptime: 100, stdout: none, stderr: none}}"
    )));
    let children = |console: &Console| {
        let own = console.running.pid();
        marked(&console.running.site.mark).into_iter().filter(|pid| *pid != own).collect::<Vec<u32>>()
    };
    wait_until("all of them", || children(&console).len() == many);
    console.running.wait_for_state("w:299", "RUNNING");
    let first = children(&console);
    let answers = |word: &str| (0..many).map(|number| format!("w:{number}: {word}")).collect::<Vec<_>>();
    assert_eq!(console.ask("signal STOP all"), answers("signalled"));
    wait_until("all of them to stand still", || stopped_by_a_signal(&first) == many);
    // Two orders at once: whoever stands still hears of the first only if it is sent on, too.
    console.say("restart all\nstop w:7\nstart w:7\n");
    let said: Vec<String> = (0..many + 2).map(|_| console.hear()).collect();
    let count = |line: &str| said.iter().filter(|other| *other == line).count();
    let twice = |number: usize| if number == 7 { 2 } else { 1 };
    assert!((0..many).all(|number| count(&format!("w:{number}: started")) == twice(number)), "{said:?}");
    assert_eq!(count("w:7: stopped"), 1, "{said:?}");
    let second = children(&console);
    assert_eq!(second.len(), many);
    assert!(!first.iter().any(|pid| is_alive(*pid)), "an old one lives");
    let mut stopped = console.ask("stop all");
    let mut expected = answers("stopped");
    stopped.sort();
    expected.sort();
    assert_eq!(stopped, expected);
    assert!(children(&console).is_empty());
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
