//! What could be taken for something else without a word: it is refused with one.

use insta::assert_snapshot;

use super::{complaint, program, program_complaint, refused};

#[test]
fn words_of_other_tools_do_not_become_files() {
    for word in ["None", "inherit ", "AUTO", "syslog", "false", "off", "null.log", "logs/none", "./none"] {
        let is_fine = word.contains(['/', ' ', '.']);
        let text = format!("programs: {{web: {{cmd: run, stdout: '{word}'}}}}");
        assert_eq!(super::parse(&text).is_ok(), is_fine, "{word}");
    }
    assert_snapshot!(refused("stdout", &["NONE", "off"]), @"
    error: `stdout: NONE` would be a file of that name
     --> config.yaml:2:25
      |
    2 |   a: {cmd: run, stdout: NONE}
      |                         ^^^^
      |
      = help: the words are none, inherit and, for stderr, stdout; for a file: ./NONE

    error: `stdout: off` would be a file of that name
     --> config.yaml:3:25
      |
    3 |   b: {cmd: run, stdout: off}
      |                         ^^^
      |
      = help: the words are none, inherit and, for stderr, stdout; for a file: ./off
    ");
    assert_snapshot!(refused("stderr", &["STDOUT", "stderr"]), @"
    error: `stderr: STDOUT` would be a file of that name
     --> config.yaml:2:25
      |
    2 |   a: {cmd: run, stderr: STDOUT}
      |                         ^^^^^^
      |
      = help: the words are none, inherit and, for stderr, stdout; for a file: ./STDOUT

    error: `stderr: stderr` would be a file of that name
     --> config.yaml:3:25
      |
    3 |   b: {cmd: run, stderr: stderr}
      |                         ^^^^^^
      |
      = help: the words are none, inherit and, for stderr, stdout; for a file: ./stderr
    ");
    assert_snapshot!(complaint("programs: {}\ntaskmaster: {logfile: none}"), @"
    error: `logfile: none` would be a file of that name
     --> config.yaml:2:23
      |
    2 | taskmaster: {logfile: none}
      |                       ^^^^
      |
      = help: /dev/null discards; for a file: ./none
    ");
}

#[test]
fn signals_that_end_nothing_do_not_stop_a_program() {
    assert_eq!(program("stopsignal: KILL").stopsignal.to_string(), "KILL");
    assert_snapshot!(refused("stopsignal", &["CONT", "18", "SIGSTOP"]), @"
    error: SIGCONT does not end a process, it wakes one
     --> config.yaml:2:29
      |
    2 |   a: {cmd: run, stopsignal: CONT}
      |                             ^^^^
      |
      = help: TERM, INT and QUIT are usual

    error: SIGCONT does not end a process, it wakes one
     --> config.yaml:3:29
      |
    3 |   b: {cmd: run, stopsignal: 18}
      |                             ^^
      |
      = help: TERM, INT and QUIT are usual

    error: SIGSTOP does not end a process, it freezes it
     --> config.yaml:4:29
      |
    4 |   c: {cmd: run, stopsignal: SIGSTOP}
      |                             ^^^^^^^
      |
      = help: TERM, INT and QUIT are usual
    ");
}

#[test]
fn names_of_other_tools_come_before_names_that_look_alike() {
    assert_snapshot!(program_complaint("cwd: /srv\nExecStart: run\nRestartSec: 1"), @"
    error: unknown key `cwd`
     --> config.yaml:4:5
      |
    4 |     cwd: /srv
      |     ^^^
      |
      = help: other tools' `cwd` is `workingdir` here

    error: unknown key `ExecStart`
     --> config.yaml:5:5
      |
    5 |     ExecStart: run
      |     ^^^^^^^^^
      |
      = help: systemd's `ExecStart` is `cmd` here

    error: unknown key `RestartSec`
     --> config.yaml:6:5
      |
    6 |     RestartSec: 1
      |     ^^^^^^^^^^
      |
      = help: systemd's `RestartSec` is `restart_delay` here
    ");
}

#[test]
fn braces_without_quotes_are_explained() {
    assert_snapshot!(complaint("programs: {web: {cmd: run, stdout: logs/{process_num}}}"), @"
    error: did not find expected ',' or '}', while parsing a flow mapping at line 1 column 17
     --> config.yaml:1:41
      |
    1 | programs: {web: {cmd: run, stdout: logs/{process_num}}}
      |                                         ^^^^^^^^^^^^
      |
      = help: a bracket is not closed, or a text with braces, brackets or commas has no quotes
    ");
}

#[test]
fn masks_that_are_too_large_are_not_answered_with_one() {
    assert_snapshot!(refused("umask", &["1000", "6000"]), @r"
    error: `umask: 1000` is more than 0777
     --> config.yaml:2:24
      |
    2 |   a: {cmd: run, umask: 1000}
      |                        ^^^^

    error: `umask: 6000` is more than 0777
     --> config.yaml:3:24
      |
    3 |   b: {cmd: run, umask: 6000}
      |                        ^^^^
    ");
}
