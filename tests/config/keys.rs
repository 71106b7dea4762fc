//! Keys: every one is known, is there once, and has a value of its kind.

use insta::assert_snapshot;
use taskmaster::config::{PROGRAM_KEYS, SUPERVISOR_KEYS};

use super::{complaint, parse, program_complaint, program_with};

#[test]
fn keys_that_are_given_twice_are_refused_at_every_level() {
    let text = "programs:\n  web:\n    cmd: run\n    env: {A: 1, B: 2, A: 3}\n    umask: 022\n    umask: 077\n\
                taskmaster: {http: off, http: off}\nx-a: {b: 1, b: 2}\nprograms: {}\n";
    assert_snapshot!(complaint(text), @"
    error: `A` is given twice
     --> config.yaml:4:23
      |
    4 |     env: {A: 1, B: 2, A: 3}
      |                       ^
      |
      = help: the first one is in line 4

    error: `umask` is given twice
     --> config.yaml:6:5
      |
    6 |     umask: 077
      |     ^^^^^
      |
      = help: the first one is in line 5

    error: `http` is given twice
     --> config.yaml:7:25
      |
    7 | taskmaster: {http: off, http: off}
      |                         ^^^^
      |
      = help: the first one is in line 7

    error: `b` is given twice
     --> config.yaml:8:13
      |
    8 | x-a: {b: 1, b: 2}
      |             ^
      |
      = help: the first one is in line 8

    error: `programs` is given twice
     --> config.yaml:9:1
      |
    9 | programs: {}
      | ^^^^^^^^
      |
      = help: the first one is in line 1
    ");
}

#[test]
fn unknown_keys_are_answered_with_the_nearest_one() {
    assert_snapshot!(program_complaint("autorestrat: never\nStopTime: 3\nstdot: x"), @"
    error: unknown key `autorestrat`
     --> config.yaml:4:5
      |
    4 |     autorestrat: never
      |     ^^^^^^^^^^^
      |
      = help: did you mean `autorestart`?

    error: unknown key `StopTime`
     --> config.yaml:5:5
      |
    5 |     StopTime: 3
      |     ^^^^^^^^
      |
      = help: did you mean `stoptime`?

    error: unknown key `stdot`
     --> config.yaml:6:5
      |
    6 |     stdot: x
      |     ^^^^^
      |
      = help: did you mean `stdout`?
    ");
    assert_snapshot!(complaint("programs: {}\ntaskmaster: {htp: off}\n"), @"
    error: unknown key `htp`
     --> config.yaml:2:14
      |
    2 | taskmaster: {htp: off}
      |              ^^^
      |
      = help: did you mean `http`?
    ");
    let listed = |text: &str, names: &mut dyn Iterator<Item = &'static str>| {
        let complaint = complaint(text);
        let words: Vec<&str> = complaint.split([' ', ',', '\n']).collect();
        names.filter(|name| !words.contains(name)).collect::<Vec<_>>()
    };
    let missing = listed(&program_with("zzzzzz: 1"), &mut PROGRAM_KEYS.iter().map(|key| key.name));
    assert_eq!(missing, [""; 0], "a key that is like none is answered with all of them");
    let section = "programs: {}\ntaskmaster: {zzzzzz: 80}\n";
    assert_eq!(listed(section, &mut SUPERVISOR_KEYS.iter().map(|key| key.name)), [""; 0]);
}

#[test]
fn unknown_keys_at_the_top_are_answered_with_where_they_belong() {
    assert_snapshot!(complaint("program: {}\nprograms: {}\ntaskmastr: {}\nhttp: off\ncmd: x\nweb: {cmd: y}\nzzzzzz: 1\n"), @"
    error: unknown key `program`
     --> config.yaml:1:1
      |
    1 | program: {}
      | ^^^^^^^
      |
      = help: did you mean `programs`?

    error: unknown key `taskmastr`
     --> config.yaml:3:1
      |
    3 | taskmastr: {}
      | ^^^^^^^^^
      |
      = help: did you mean `taskmaster`?

    error: unknown key `http`
     --> config.yaml:4:1
      |
    4 | http: off
      | ^^^^
      |
      = help: `http` belongs below `taskmaster:`

    error: unknown key `cmd`
     --> config.yaml:5:1
      |
    5 | cmd: x
      | ^^^
      |
      = help: `cmd` belongs below the name of a program, below `programs:`

    error: unknown key `web`
     --> config.yaml:6:1
      |
    6 | web: {cmd: y}
      | ^^^
      |
      = help: if `web` is a program, it belongs below `programs:`

    error: unknown key `zzzzzz`
     --> config.yaml:7:1
      |
    7 | zzzzzz: 1
      | ^^^^^^
      |
      = help: there are `programs`, `taskmaster`, and x-... for anchors
    ");
}

#[test]
fn what_others_call_it_is_answered_with_what_we_call_it() {
    let text = "programs:\n  web:\n    command: run\n    directory: /srv\n    environment: {A: 1}\n    startsecs: 1\n    \
                stopwaitsecs: 2\n    redirect_stderr: true\n    instances: 3\n    stdout_logfile: x\n";
    assert_snapshot!(complaint(text), @"
    error: unknown key `command`
     --> config.yaml:3:5
      |
    3 |     command: run
      |     ^^^^^^^
      |
      = help: supervisord's `command` is `cmd` here

    error: unknown key `directory`
     --> config.yaml:4:5
      |
    4 |     directory: /srv
      |     ^^^^^^^^^
      |
      = help: supervisord's `directory` is `workingdir` here

    error: unknown key `environment`
     --> config.yaml:5:5
      |
    5 |     environment: {A: 1}
      |     ^^^^^^^^^^^
      |
      = help: supervisord's `environment` is `env` here

    error: unknown key `startsecs`
     --> config.yaml:6:5
      |
    6 |     startsecs: 1
      |     ^^^^^^^^^
      |
      = help: supervisord's `startsecs` is `starttime` here

    error: unknown key `stopwaitsecs`
     --> config.yaml:7:5
      |
    7 |     stopwaitsecs: 2
      |     ^^^^^^^^^^^^
      |
      = help: supervisord's `stopwaitsecs` is `stoptime` here

    error: unknown key `redirect_stderr`
     --> config.yaml:8:5
      |
    8 |     redirect_stderr: true
      |     ^^^^^^^^^^^^^^^
      |
      = help: supervisord's `redirect_stderr` is `stderr: stdout` here

    error: unknown key `instances`
     --> config.yaml:9:5
      |
    9 |     instances: 3
      |     ^^^^^^^^^
      |
      = help: other tools' `instances` is `numprocs` here

    error: unknown key `stdout_logfile`
      --> config.yaml:10:5
       |
    10 |     stdout_logfile: x
       |     ^^^^^^^^^^^^^^
       |
       = help: supervisord's `stdout_logfile` is `stdout` here
    ");
}

#[test]
fn keys_of_later_versions_are_not_called_unknown() {
    assert_snapshot!(program_complaint("initgroups: true"), @"
    error: `initgroups` is not supported by this version yet
     --> config.yaml:4:5
      |
    4 |     initgroups: true
      |     ^^^^^^^^^^
      |
      = help: remove it for now
    ");
}

#[test]
fn a_value_of_the_wrong_kind_is_refused_by_every_key() {
    // What each key takes all the same.
    let is_fine = |key: &str, value: &str| match value {
        "~" => key == "env",
        "[]" => matches!(key, "allowed_hosts" | "on_event" | "depends_on" | "env_file" | "exitcodes"),
        "{}" => matches!(key, "depends_on" | "env" | "restart_delay" | "restart_storm" | "rlimits"),
        "[[a]]" | "[~]" | "{a: {b: c}}" => false,
        _ => matches!(key, "cmd" | "workingdir" | "stdout" | "stderr" | "logfile" | "socket"),
    };
    for value in ["~", "[]", "{}", "[[a]]", "[~]", "{a: {b: c}}", "some text"] {
        for key in PROGRAM_KEYS.iter().map(|key| key.name) {
            let text = match key {
                "cmd" => format!("programs: {{web: {{cmd: {value}}}}}\n"),
                _ => program_with(&format!("{key}: {value}")),
            };
            assert_eq!(parse(&text).is_ok(), is_fine(key, value), "{text}");
        }
        for key in SUPERVISOR_KEYS.iter().map(|key| key.name) {
            let text = format!("programs: {{}}\ntaskmaster: {{{key}: {value}}}\n");
            assert_eq!(parse(&text).is_ok(), is_fine(key, value), "{text}");
        }
    }
}

#[test]
fn problems_come_in_the_order_of_the_text() {
    let text = "programs:\n  a:\n    numprocs: many\n  b/c:\n    cmd: \"'\"\n    stopsignal: 99\n    numprocs: -1\ntaskmaster:\n  http: 80\n";
    assert_snapshot!(complaint(text), @r#"
    error: program `a` has no `cmd`
     --> config.yaml:2:3
      |
    2 |   a:
      |   ^
      |
      = help: add the command that starts it

    error: `numprocs: many` is not a whole number of 0 or more
     --> config.yaml:3:15
      |
    3 |     numprocs: many
      |               ^^^^
      |
      = help: it takes the number of instances

    error: `b/c` cannot be the name of a program
     --> config.yaml:4:3
      |
    4 |   b/c:
      |   ^^^
      |
      = help: names are made of letters, digits, `_`, `.` and `-`

    error: `cmd` has a quote that is not closed
     --> config.yaml:5:10
      |
    5 |     cmd: "'"
      |          ^^^
      |
      = help: quotes follow the rules of a POSIX shell

    error: `stopsignal: 99` is not a signal
     --> config.yaml:6:17
      |
    6 |     stopsignal: 99
      |                 ^^
      |
      = help: it takes a signal by name or number: TERM, SIGTERM, 15

    error: `numprocs: -1` is not a whole number of 0 or more
     --> config.yaml:7:15
      |
    7 |     numprocs: -1
      |               ^^
      |
      = help: it takes the number of instances

    error: `http: 80` is not an address
     --> config.yaml:9:9
      |
    9 |   http: 80
      |         ^^
      |
      = help: it takes ADDRESS:PORT such as 127.0.0.1:8080, or off
    "#);
}

#[test]
fn a_misspelt_key_of_another_tool_is_understood() {
    assert_snapshot!(complaint("programs:\n  a:\n    comand: x\n    work_dir: y\n"), @"
    error: unknown key `comand`
     --> config.yaml:3:5
      |
    3 |     comand: x
      |     ^^^^^^
      |
      = help: supervisord's `command` is `cmd` here

    error: unknown key `work_dir`
     --> config.yaml:4:5
      |
    4 |     work_dir: y
      |     ^^^^^^^^
      |
      = help: did you mean `workingdir`?
    ");
}

#[test]
fn values_are_found_in_every_style_of_writing() {
    let lines = "exitcodes:\n  - 0\n  - 300\nenv:\n  \"A\": [1]\n  ? B\n  : {c: d}\n  C: >-\n    folded\n    ${NO}\n'umask' :   9";
    assert_snapshot!(program_complaint(lines), @r#"
    error: 300 is not an exit code
     --> config.yaml:6:9
      |
    6 |       - 300
      |         ^^^
      |
      = help: exit codes are numbers from 0 to 255

    error: `A` cannot be a list
     --> config.yaml:8:12
      |
    8 |       "A": [1]
      |            ^^
      |
      = help: it takes a text

    error: `B` cannot be a map
      --> config.yaml:10:9
       |
    10 |       : {c: d}
       |         ^^
       |
       = help: it takes a text

    error: the environment variable NO is not set
      --> config.yaml:11:10
       |
    11 |       C: >-
       |          ^^
       |
       = help: set NO, give it a default (${NO:-...}), or write $${NO} if it is meant for a shell

    error: `umask: 9` is not an octal number
      --> config.yaml:14:17
       |
    14 |     'umask' :   9
       |                 ^
       |
       = help: it takes an octal number such as "022"
    "#);
}

#[test]
fn twenty_problems_are_shown_and_the_others_counted() {
    let programs: String = (0..500).map(|at| format!("  p{at}: {{}}\n")).collect();
    let text = complaint(&format!("programs:\n{programs}"));
    assert_eq!(text.matches("error: ").count(), 20);
    assert!(text.contains("program `p19` has no `cmd`\n  --> config.yaml:21:3\n"), "{text}");
    assert!(text.ends_with("\n\n... and 480 more problems\n"), "{text}");
    let one_more: String = (0..21).map(|at| format!("  p{at}: {{}}\n")).collect();
    assert!(complaint(&format!("programs:\n{one_more}")).ends_with("\n\n... and 1 more problem\n"));
}
