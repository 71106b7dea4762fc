//! Each oracle sees the fault that it is for.

use std::collections::{BTreeMap, HashMap};
use std::io::{Read, Write};
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::books::{Account, Voice, Written, audit, line};
use crate::harness::{Mark, Site, descriptors, wait_until};
use crate::oracles::{converge, strays, wakeups, zombies};

#[test]
fn a_child_that_is_not_reaped_is_a_zombie() {
    let mut child = Command::new("true").spawn().unwrap();
    wait_until("the zombie to be seen", || zombies(std::process::id()).contains(&child.id()));
    child.wait().unwrap();
    assert!(!zombies(std::process::id()).contains(&child.id()));
}

#[test]
fn a_process_of_no_present_run_is_a_stray() {
    let mark = Mark::new();
    let run = |run: &str| {
        let mut command = Command::new("sleep");
        command.arg("1000").env(Mark::NAME, mark.value()).env("TASKMASTER_RUN_ID", run);
        command.spawn().unwrap()
    };
    let mut processes = [run("present"), run("present"), run("past")];
    let [leader, helper, stray] = [0, 1, 2].map(|at| processes[at].id());
    assert_eq!(strays(&mark, 1, &[leader]), [stray]);
    assert_eq!(strays(&mark, 1, &[stray]), [leader.min(helper), leader.max(helper)]);
    for process in &mut processes {
        process.kill().unwrap();
        process.wait().unwrap();
    }
}

#[test]
fn a_descriptor_that_stays_open_is_counted() {
    let mut shell = Command::new("sh")
        .args(["-c", "exec 9<&-; echo there; read go; exec 9</dev/null; read end"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    shell.stdout.as_mut().unwrap().read_exact(&mut [0; 6]).unwrap();
    let before = descriptors(shell.id());
    shell.stdin.as_mut().unwrap().write_all(b"go\n").unwrap();
    wait_until("the leak to be seen", || descriptors(shell.id()) == before + 1);
    shell.kill().unwrap();
    shell.wait().unwrap();
}

#[test]
fn one_who_wakes_without_a_reason_is_seen() {
    let mut ticking = Command::new("sh").args(["-c", "while :; do sleep 0.01; done"]).spawn().unwrap();
    wait_until("the wakeups to be seen", || wakeups(ticking.id(), Duration::from_millis(300)) > 0);
    ticking.kill().unwrap();
    ticking.wait().unwrap();
}

#[test]
fn a_wish_that_does_not_come_true_is_seen() {
    let running = Site::new("  w: {cmd: sleep 1000, starttime: 0}\n  bad: {cmd: ./missing, startretries: 0}")
        .supervise();
    running.wait_for_state("w:0", "RUNNING");
    running.wait_for_state("bad:0", "FATAL");
    let patience = Duration::from_millis(100);
    let wish = |name: &str, state: &'static str| BTreeMap::from([(name.to_owned(), state)]);
    assert!(converge(&running, &wish("w:0", "RUNNING"), patience).is_ok());
    for (name, state) in [("bad:0", "RUNNING"), ("w:0", "STOPPED"), ("w:1", "RUNNING")] {
        assert!(converge(&running, &wish(name, state), patience).unwrap_err().contains(name));
    }
    running.stop();
}

/// A log of two processes, of which the first was killed between two pieces of its fourth line, and each
/// way to harm it.
#[test]
fn each_harm_to_the_ledger_is_seen() {
    let voice = |slot| Voice { stream: "split:0/1".to_owned(), slot };
    let written =
        HashMap::from([(voice(0), Written { begun: 4, done: 3 }), (voice(1), Written { begun: 2, done: 2 })]);
    let cut = line(&voice(0), 4);
    let cut = &cut[..cut.len().div_ceil(2)];
    let mut lines: Vec<String> = (1..=3).map(|number| line(&voice(0), number)).collect();
    lines.push(cut.to_owned());
    lines.extend((1..=2).map(|number| line(&voice(1), number)));
    let told = |lines: &[String]| audit(&written, [("log", (lines.join("\n") + "\n").as_str())]);
    assert_eq!(told(&lines), Ok(Account { processes: 1, lines: 5, cut: 1 }));
    let without_the_cut = [&lines[..3], &lines[4..]].concat();
    assert_eq!(told(&without_the_cut), Ok(Account { processes: 1, lines: 5, cut: 0 }));

    let harmed = |harm: &dyn Fn(&mut Vec<String>)| {
        let mut lines = lines.clone();
        harm(&mut lines);
        told(&lines).unwrap_err()
    };
    for at in [0, 1, 2, 4, 5] {
        assert!(harmed(&|lines| drop(lines.remove(at))).contains("lost"));
        assert!(harmed(&|lines| lines.insert(at, lines[at].clone())).contains("twice"));
        assert!(harmed(&|lines| lines[at].truncate(20)).contains("torn"));
        assert!(harmed(&|lines| lines[at].insert(0, 'x')).contains("nobody wrote"));
    }
    assert!(harmed(&|lines| lines[4] = lines[3].clone() + &lines[4]).contains("torn"));
    assert!(harmed(&|lines| lines.push(cut.to_owned())).contains("torn"));
    assert!(harmed(&|lines| lines[3].push('x')).contains("torn"));
    assert!(harmed(&|lines| lines.swap(0, 1)).contains("out of order"));
    assert!(harmed(&|lines| lines.push(line(&voice(1), 3))).contains("nobody wrote"));
    assert!(harmed(&|lines| lines.push(line(&voice(2), 1))).contains("nobody wrote"));
}
