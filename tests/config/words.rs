//! Values that are words: what each form means, and how the others are refused.

use insta::assert_snapshot;
use taskmaster::config::Autorestart;
use taskmaster::signal::Signal;

use super::{program, refused};

#[test]
fn a_stop_signal_is_a_name_or_a_number() {
    for (written, signal) in
        [("KILL", Signal::KILL), ("15", Signal::TERM), ("sigterm", Signal::TERM), ("\"2\"", Signal::INT)]
    {
        assert_eq!(program(&format!("stopsignal: {written}")).stopsignal, signal, "{written}");
    }
}

#[test]
fn what_is_no_stop_signal_is_refused() {
    assert_snapshot!(refused("stopsignal", &["NO", "STOP", "99", "0", "TREM", "true", "\"\""]), @r#"
    error: `stopsignal: NO` is not a signal
     --> config.yaml:2:29
      |
    2 |   a: {cmd: run, stopsignal: NO}
      |                             ^^
      |
      = help: it takes a signal by name or number: TERM, SIGTERM, 15

    error: SIGSTOP does not end a process, it freezes it
     --> config.yaml:3:29
      |
    3 |   b: {cmd: run, stopsignal: STOP}
      |                             ^^^^
      |
      = help: TERM, INT and QUIT are usual

    error: `stopsignal: 99` is not a signal
     --> config.yaml:4:29
      |
    4 |   c: {cmd: run, stopsignal: 99}
      |                             ^^
      |
      = help: it takes a signal by name or number: TERM, SIGTERM, 15

    error: `stopsignal: 0` is not a signal
     --> config.yaml:5:29
      |
    5 |   d: {cmd: run, stopsignal: 0}
      |                             ^
      |
      = help: it takes a signal by name or number: TERM, SIGTERM, 15

    error: `stopsignal: TREM` is not a signal
     --> config.yaml:6:29
      |
    6 |   e: {cmd: run, stopsignal: TREM}
      |                             ^^^^
      |
      = help: did you mean `TERM`?

    error: `stopsignal: true` is not a signal
     --> config.yaml:7:29
      |
    7 |   f: {cmd: run, stopsignal: true}
      |                             ^^^^
      |
      = help: it takes a signal by name or number: TERM, SIGTERM, 15

    error: `stopsignal: ` is not a signal
     --> config.yaml:8:29
      |
    8 |   g: {cmd: run, stopsignal: ""}
      |                             ^^
      |
      = help: it takes a signal by name or number: TERM, SIGTERM, 15
    "#);
}

#[test]
fn a_restart_policy_is_a_word_or_a_truth_value() {
    let policy = |written: &str| program(&format!("autorestart: {written}")).autorestart;
    for (written, wanted) in [
        ("always", Autorestart::Always),
        ("true", Autorestart::Always),
        ("True", Autorestart::Always),
        ("\"true\"", Autorestart::Always),
        ("unexpected", Autorestart::Unexpected),
        ("never", Autorestart::Never),
        ("false", Autorestart::Never),
    ] {
        assert_eq!(policy(written), wanted, "{written}");
    }
    assert_snapshot!(refused("autorestart", &["yes", "on-failure", "1", "\"\""]), @r#"
    error: `autorestart: yes` is not a restart policy
     --> config.yaml:2:30
      |
    2 |   a: {cmd: run, autorestart: yes}
      |                              ^^^
      |
      = help: it takes always (or true), unexpected, or never (or false)

    error: `autorestart: on-failure` is not a restart policy
     --> config.yaml:3:30
      |
    3 |   b: {cmd: run, autorestart: on-failure}
      |                              ^^^^^^^^^^
      |
      = help: it takes always (or true), unexpected, or never (or false)

    error: `autorestart: 1` is not a restart policy
     --> config.yaml:4:30
      |
    4 |   c: {cmd: run, autorestart: 1}
      |                              ^
      |
      = help: it takes always (or true), unexpected, or never (or false)

    error: `autorestart: ` is not a restart policy
     --> config.yaml:5:30
      |
    5 |   d: {cmd: run, autorestart: ""}
      |                              ^^
      |
      = help: it takes always (or true), unexpected, or never (or false)
    "#);
}

#[test]
fn a_truth_value_is_true_or_false() {
    assert!(!program("autostart: false").autostart);
    assert!(program("autostart: True").autostart);
    assert_snapshot!(refused("autostart", &["yes", "on", "\"true\"", "'no'", "1", "maybe"]), @r#"
    error: `autostart: yes` is a text, not a truth value
     --> config.yaml:2:28
      |
    2 |   a: {cmd: run, autostart: yes}
      |                            ^^^
      |
      = help: write true, without quotes

    error: `autostart: on` is a text, not a truth value
     --> config.yaml:3:28
      |
    3 |   b: {cmd: run, autostart: on}
      |                            ^^
      |
      = help: write true, without quotes

    error: `autostart: true` is a text, not a truth value
     --> config.yaml:4:28
      |
    4 |   c: {cmd: run, autostart: "true"}
      |                            ^^^^^^
      |
      = help: write true, without quotes

    error: `autostart: no` is a text, not a truth value
     --> config.yaml:5:28
      |
    5 |   d: {cmd: run, autostart: 'no'}
      |                            ^^^^
      |
      = help: write false, without quotes

    error: `autostart: 1` is neither true nor false
     --> config.yaml:6:28
      |
    6 |   e: {cmd: run, autostart: 1}
      |                            ^

    error: `autostart: maybe` is neither true nor false
     --> config.yaml:7:28
      |
    7 |   f: {cmd: run, autostart: maybe}
      |                            ^^^^^
    "#);
}

#[test]
fn outputs_are_words_or_paths() {
    assert_snapshot!(refused("stdout", &["stdout", "\"\"", "~/log", "{a: b}"]), @r#"
    error: `stdout: stdout` leads to itself
     --> config.yaml:2:25
      |
    2 |   a: {cmd: run, stdout: stdout}
      |                         ^^^^^^
      |
      = help: to write a file of that name: ./stdout

    error: `stdout` is empty
     --> config.yaml:3:25
      |
    3 |   b: {cmd: run, stdout: ""}
      |                         ^^
      |
      = help: it takes a path

    error: `stdout`: no shell runs, so ~ is not replaced
     --> config.yaml:4:25
      |
    4 |   c: {cmd: run, stdout: ~/log}
      |                         ^^^^^
      |
      = help: write ${HOME}/log

    error: `stdout` cannot be a map
     --> config.yaml:5:25
      |
    5 |   d: {cmd: run, stdout: {a: b}}
      |                         ^^
      |
      = help: it takes a path, none or inherit
    "#);
    assert_snapshot!(refused("stderr", &["\"\"", "\"~\"", "[a]"]), @r#"
    error: `stderr` is empty
     --> config.yaml:2:25
      |
    2 |   a: {cmd: run, stderr: ""}
      |                         ^^
      |
      = help: it takes a path

    error: `stderr`: no shell runs, so ~ is not replaced
     --> config.yaml:3:25
      |
    3 |   b: {cmd: run, stderr: "~"}
      |                         ^^^
      |
      = help: write ${HOME}

    error: `stderr` cannot be a list
     --> config.yaml:4:25
      |
    4 |   c: {cmd: run, stderr: [a]}
      |                         ^^
      |
      = help: it takes a path, none or inherit
    "#);
}
