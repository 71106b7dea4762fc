//! The map of programs: its shape and the names in it.

use insta::assert_snapshot;

use super::{accepted, complaint};

#[test]
fn programs_that_are_no_map_are_answered_with_how_to_write_them() {
    assert_snapshot!(complaint("programs:\n"), @"
    error: `programs` cannot be empty; write {} if that is meant
     --> config.yaml:1:10
      |
    1 | programs:
      |          ^
      |
      = help: give each program a name:
                programs:
                  hello:
                    cmd: echo hello
    ");
    assert_snapshot!(complaint("programs: [web, db]\n"), @"
    error: `programs` cannot be a list; it takes a map (`key: value`)
     --> config.yaml:1:11
      |
    1 | programs: [web, db]
      |           ^^^^
      |
      = help: give each program a name:
                programs:
                  hello:
                    cmd: echo hello
    ");
    assert_snapshot!(complaint("programs:\n  - web:\n      cmd: ./run\n"), @"
    error: `programs` cannot be a list; it takes a map (`key: value`)
     --> config.yaml:2:3
      |
    2 |   - web:
      |   ^
      |
      = help: give each program a name:
                programs:
                  hello:
                    cmd: echo hello
    ");
    assert_snapshot!(complaint("programs: ./run\n"), @"
    error: `programs` cannot be a single value; it takes a map (`key: value`)
     --> config.yaml:1:11
      |
    1 | programs: ./run
      |           ^^^^^
      |
      = help: give each program a name:
                programs:
                  hello:
                    cmd: echo hello
    ");
}

#[test]
fn a_program_that_is_no_map_is_answered_with_how_to_write_it() {
    assert_snapshot!(complaint("programs:\n  web: ./run --fast\n  db:\n  mq: []\n  cron: {}\n"), @"
    error: `web` cannot be a single value; it takes a map (`key: value`)
     --> config.yaml:2:8
      |
    2 |   web: ./run --fast
      |        ^^^^^
      |
      = help: write
                web:
                  cmd: ./run --fast

    error: program `db` is empty
     --> config.yaml:3:3
      |
    3 |   db:
      |   ^^
      |
      = help: write
                db:
                  cmd: ...

    error: `mq` cannot be a list; it takes a map (`key: value`)
     --> config.yaml:4:7
      |
    4 |   mq: []
      |       ^
      |
      = help: write
                mq:
                  cmd: ...

    error: program `cron` has no `cmd`
     --> config.yaml:5:3
      |
    5 |   cron: {}
      |   ^^^^
      |
      = help: add the command that starts it
    ");
}

#[test]
fn a_program_that_is_defined_twice_is_refused() {
    assert_snapshot!(complaint("programs:\n  web: {cmd: a}\n  db: {cmd: b}\n  \"web\": {cmd: c}\n"), @r#"
    error: `web` is given twice
     --> config.yaml:4:3
      |
    4 |   "web": {cmd: c}
      |   ^^^^^
      |
      = help: the first one is in line 2
    "#);
}

#[test]
fn names_of_programs_are_plain() {
    let names = |text: &str| -> Vec<String> {
        accepted(text).programs.iter().map(|program| program.name.clone()).collect()
    };
    let longest = "x".repeat(64);
    let text =
        format!("programs: {{a.b-c_d: {{cmd: x}}, 1: {{cmd: x}}, All: {{cmd: x}}, {longest}: {{cmd: x}}}}\n");
    assert_eq!(names(&text), ["a.b-c_d", "1", "All", &longest]);
    let text = "programs:\n  all: {cmd: x}\n  a/b: {cmd: x}\n  ü: {cmd: x}\n  a b: {cmd: x}\n  \"\": {cmd: x}\n  \"a:1\": {cmd: x}\n";
    assert_snapshot!(complaint(text), @r#"
    error: `all` means every program, so none can be called that
     --> config.yaml:2:3
      |
    2 |   all: {cmd: x}
      |   ^^^

    error: `a/b` cannot be the name of a program
     --> config.yaml:3:3
      |
    3 |   a/b: {cmd: x}
      |   ^^^
      |
      = help: names are made of letters, digits, `_`, `.` and `-`

    error: `ü` cannot be the name of a program
     --> config.yaml:4:3
      |
    4 |   ü: {cmd: x}
      |   ^
      |
      = help: names are made of letters, digits, `_`, `.` and `-`

    error: `a b` cannot be the name of a program
     --> config.yaml:5:3
      |
    5 |   a b: {cmd: x}
      |   ^
      |
      = help: names are made of letters, digits, `_`, `.` and `-`

    error: `` cannot be the name of a program
     --> config.yaml:6:3
      |
    6 |   "": {cmd: x}
      |   ^^
      |
      = help: names are made of letters, digits, `_`, `.` and `-`

    error: `a:1` cannot be the name of a program
     --> config.yaml:7:3
      |
    7 |   "a:1": {cmd: x}
      |   ^^^^^
      |
      = help: names are made of letters, digits, `_`, `.` and `-`
    "#);
    assert_snapshot!(complaint(&format!("programs:\n  x{longest}: {{cmd: x}}\n")), @"
    error: the name of a program has at most 64 characters
     --> config.yaml:2:3
      |
    2 |   xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx: {cmd: x}
      |   ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
    ");
}

#[test]
fn all_instances_are_bounded_together() {
    let text = "programs:\n  a: {cmd: run, numprocs: 60000}\n  b: {cmd: run, numprocs: 40001}\n";
    assert_snapshot!(complaint(text), @"
    error: 100001 instances in all are more than 100000
     --> config.yaml:1:1
      |
    1 | programs:
      | ^^^^^^^^
      |
      = help: lower `numprocs` of some programs
    ");
}
