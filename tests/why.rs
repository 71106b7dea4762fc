//! `why`: the cause in one sentence, and the evidence for it.

mod harness;

use harness::{Console, Site, kill, wait_until};
use nix::sys::signal::Signal;

fn ask(console: &mut Console, target: &str) -> Vec<String> {
    console.ask(&format!("why {target}"))
}

#[test]
fn a_failing_start_is_explained_with_its_last_words_and_what_comes_next() {
    let site = Site::new(
        "  w: {cmd: [sh, -c, 'echo first >&2; printf \"\\033[2Jsecond\\tone\" >&2; exit 3'], restart_delay: 600, stderr: none}",
    );
    let mut console = Console::open(site);
    let row = console.running.wait_for_state("w:0", "BACKOFF");
    assert_eq!(row["exit"]["code"], 3);
    let lines = ask(&mut console, "w");
    let head = &lines[0];
    for part in ["w:0 is BACKOFF: it ended too early (exit code 3)", "retry 1 of 3 in "] {
        assert!(head.contains(part), "{part} in {lines:#?}");
    }
    assert!(lines[1].contains("pid ") && lines[1].contains("exit code 3 after 0"), "{lines:#?}");
    assert!(lines[1].trim_start().starts_with("20") && lines[1].contains("Z  "), "a UTC time in {lines:#?}");
    let answer = harness::get(console.running.site.port, "/api/programs/w/why/0").unwrap();
    let told: serde_json::Value = serde_json::from_slice(&answer.body).unwrap();
    let told: Vec<String> = serde_json::from_value(told["lines"].clone()).unwrap();
    assert_eq!(told[1..], lines[1..], "{told:#?}");
    assert_eq!(harness::get(console.running.site.port, "/api/programs/w/why/1").unwrap().status, 404);
    assert_eq!(lines[2..], ["  the last lines on its stderr:", "    first", "    \u{fffd}[2Jsecond    one"]);
}

#[test]
fn the_last_words_are_those_of_the_moment_of_death_even_when_the_next_run_has_begun() {
    let site = Site::new(
        "  w: {cmd: [sh, -c, 'if [ -e again ]; then echo new >&2; exec sleep 1000; fi; echo old words >&2; touch again; exit 9'], starttime: 0}",
    );
    let mut console = Console::open(site);
    wait_until("the second run", || {
        let row = console.running.process("w:0");
        row["restarts"] == 1 && row["state"] == "RUNNING"
    });
    let lines = ask(&mut console, "w:0");
    assert!(lines[0].contains("restarted once, because it ended unexpectedly (exit code 9)"), "{lines:#?}");
    assert_eq!(lines.last().unwrap(), "    old words");
}

#[test]
fn every_state_has_its_sentence() {
    let mut console = Console::open(Site::new(
        "  up: {cmd: sleep 1000, starttime: 0}\n  done: {cmd: 'true', starttime: 0}\n  off: {cmd: x, autostart: false}\n  bad: {cmd: /nowhere/x, startretries: 0}\n  gone: {cmd: sleep 1000, starttime: 0, autorestart: never}",
    ));
    for (name, state) in
        [("done:0", "EXITED"), ("bad:0", "FATAL"), ("up:0", "RUNNING"), ("gone:0", "RUNNING")]
    {
        console.running.wait_for_state(name, state);
    }
    kill(console.running.pid_of("gone:0").unwrap(), Signal::SIGKILL);
    console.running.wait_for_state("gone:0", "EXITED");
    let first = |console: &mut Console, target: &str| ask(console, target)[0].clone();
    let up = first(&mut console, "up");
    assert!(up.starts_with("up:0 is RUNNING: pid ") && up.contains("lives for 0:00:"), "{up}");
    let done = first(&mut console, "done");
    assert!(done.starts_with("done:0 is EXITED: it ended as expected (exit code 0)"), "{done}");
    assert!(done.contains("autorestart is unexpected"), "{done}");
    let off = first(&mut console, "off");
    assert!(off.contains("never started, and autostart is false"), "{off}");
    let bad = first(&mut console, "bad");
    assert!(bad.contains("could not be started: there is no program /nowhere/x"), "{bad}");
    let gone = first(&mut console, "gone");
    assert!(gone.contains("ended unexpectedly (killed by SIGKILL)"), "{gone}");
    assert_eq!(console.ask("stop up"), ["up:0: stopped"]);
    let stopped = first(&mut console, "up");
    assert!(stopped.contains("told to stop; it was stopped (killed by SIGTERM)"), "{stopped}");
    assert_eq!(console.ask("why"), ["ERROR usage: why TARGET..."]);
    assert_eq!(console.ask("why nobody"), ["ERROR nobody: no such program"]);
}

#[test]
fn what_ends_well_but_too_early_is_told_of_oneshots() {
    let mut console = Console::open(Site::new(
        "  ok: {cmd: 'true', startretries: 0}\n  bad: {cmd: 'false', startretries: 0}\n  done: {cmd: 'true', type: oneshot}",
    ));
    console.running.wait_for_state("ok:0", "FATAL");
    console.running.wait_for_state("bad:0", "FATAL");
    console.running.wait_for_state("done:0", "EXITED");
    let mut has_hint =
        |target| ask(&mut console, target)[0].contains("; what is meant to end takes `type: oneshot`");
    assert_eq!(["ok", "bad", "done"].map(&mut has_hint), [true, false, false]);
}

/// One try is not a row of them.
#[test]
fn a_start_that_is_given_up_says_how_many_tries_it_had() {
    let mut console = Console::open(Site::new(
        "  none: {cmd: 'false', startretries: 0}\n  one: {cmd: 'false', startretries: 1, restart_delay: 0.01}",
    ));
    let fatal =
        |console: &Console, name| console.running.wait_for_state(name, "FATAL")["description"].clone();
    assert_eq!(fatal(&console, "none:0"), "exited too quickly (exit code 1)");
    assert_eq!(fatal(&console, "one:0"), "exited too quickly 2 times in a row (exit code 1)");
    let told = |console: &mut Console, target: &str| ask(console, target)[0].clone();
    let none = told(&mut console, "none");
    assert!(none.ends_with("; startretries is 0, and nothing happens until it is told to start"), "{none}");
    let one = told(&mut console, "one");
    assert!(one.ends_with("; its one retry is used, and nothing happens until it is told to start"), "{one}");
}
