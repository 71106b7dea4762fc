//! Values that are numbers: what each form means, and how the others are refused.

use insta::assert_snapshot;

use super::{program, refused};

#[test]
fn a_umask_is_octal_however_it_is_written() {
    for (written, mask) in [
        ("022", 0o22),
        ("\"022\"", 0o22),
        ("0o22", 0o22),
        ("'22'", 0o22),
        ("0", 0),
        ("7", 7),
        ("0777", 0o777),
    ] {
        assert_eq!(program(&format!("umask: {written}")).umask, Some(mask), "{written}");
    }
}

#[test]
fn a_umask_that_could_be_decimal_or_octal_is_refused() {
    assert_snapshot!(refused("umask", &["22", "777", "18", "\"18\"", "99", "+7"]), @r#"
    error: `umask: 22` could be meant as decimal or as octal
     --> config.yaml:2:24
      |
    2 |   a: {cmd: run, umask: 22}
      |                        ^^
      |
      = help: write "022" if it is octal, "026" if it is decimal

    error: `umask: 777` could be meant as decimal or as octal
     --> config.yaml:3:24
      |
    3 |   b: {cmd: run, umask: 777}
      |                        ^^^
      |
      = help: write "0777" if it is octal

    error: `umask: 18` is not an octal number
     --> config.yaml:4:24
      |
    4 |   c: {cmd: run, umask: 18}
      |                        ^^
      |
      = help: write "022" if it is decimal

    error: `umask: 18` is not an octal number
     --> config.yaml:5:24
      |
    5 |   d: {cmd: run, umask: "18"}
      |                        ^^^^
      |
      = help: it takes an octal number such as "022"

    error: `umask: 99` is not an octal number
     --> config.yaml:6:24
      |
    6 |   e: {cmd: run, umask: 99}
      |                        ^^
      |
      = help: it takes an octal number such as "022"

    error: `umask: +7` is not an octal number
     --> config.yaml:7:24
      |
    7 |   f: {cmd: run, umask: +7}
      |                        ^^
      |
      = help: it takes an octal number such as "022"
    "#);
}

#[test]
fn a_umask_that_is_not_octal_is_refused() {
    assert_snapshot!(refused("umask", &["0999", "01000", "-1", "0x12", "2.5", "\"\"", "u=rwx", "true"]), @r#"
    error: `umask: 0999` is not an octal number
     --> config.yaml:2:24
      |
    2 |   a: {cmd: run, umask: 0999}
      |                        ^^^^
      |
      = help: it takes an octal number such as "022"

    error: `umask: 01000` is more than 0777
     --> config.yaml:3:24
      |
    3 |   b: {cmd: run, umask: 01000}
      |                        ^^^^^

    error: `umask: -1` is not an octal number
     --> config.yaml:4:24
      |
    4 |   c: {cmd: run, umask: -1}
      |                        ^^
      |
      = help: it takes an octal number such as "022"

    error: `umask: 0x12` is not an octal number
     --> config.yaml:5:24
      |
    5 |   d: {cmd: run, umask: 0x12}
      |                        ^^^^
      |
      = help: it takes an octal number such as "022"

    error: `umask: 2.5` is not an octal number
     --> config.yaml:6:24
      |
    6 |   e: {cmd: run, umask: 2.5}
      |                        ^^^
      |
      = help: it takes an octal number such as "022"

    error: `umask: ` is not an octal number
     --> config.yaml:7:24
      |
    7 |   f: {cmd: run, umask: ""}
      |                        ^^
      |
      = help: it takes an octal number such as "022"

    error: `umask: u=rwx` is not an octal number
     --> config.yaml:8:24
      |
    8 |   g: {cmd: run, umask: u=rwx}
      |                        ^^^^^
      |
      = help: it takes an octal number such as "022"

    error: `umask: true` is not an octal number
     --> config.yaml:9:24
      |
    9 |   h: {cmd: run, umask: true}
      |                        ^^^^
      |
      = help: it takes an octal number such as "022"
    "#);
}

#[test]
fn times_are_seconds_or_have_units() {
    let millis = |written: &str| program(&format!("stoptime: {written}")).stoptime.as_millis();
    for (written, wanted) in [
        ("0", 0),
        ("-0.0", 0),
        ("0.5", 500),
        (".5", 500),
        ("1e1", 10_000),
        ("500ms", 500),
        ("2m", 120_000),
        ("1h 30m", 5_400_000),
        ("\"3\"", 3000),
        ("1day", 86_400_000),
    ] {
        assert_eq!(millis(written), wanted, "{written}");
    }
}

#[test]
fn what_is_no_time_is_refused() {
    assert_snapshot!(refused("starttime", &[".nan", ".inf", "0x10", "5 parsecs", "true", "\"\"", "99999999999999999999y"]), @r#"
    error: `starttime: .nan` is not a time
     --> config.yaml:2:28
      |
    2 |   a: {cmd: run, starttime: .nan}
      |                            ^^^^
      |
      = help: it takes seconds (2, 0.5) or a time with units (500ms, 2m, 1h 30m)

    error: `starttime: .inf` is not a time
     --> config.yaml:3:28
      |
    3 |   b: {cmd: run, starttime: .inf}
      |                            ^^^^
      |
      = help: it takes seconds (2, 0.5) or a time with units (500ms, 2m, 1h 30m)

    error: `starttime: 0x10` is not a time
     --> config.yaml:4:28
      |
    4 |   c: {cmd: run, starttime: 0x10}
      |                            ^^^^
      |
      = help: it takes seconds (2, 0.5) or a time with units (500ms, 2m, 1h 30m)

    error: `starttime: 5 parsecs` is not a time
     --> config.yaml:5:28
      |
    5 |   d: {cmd: run, starttime: 5 parsecs}
      |                            ^
      |
      = help: it takes seconds (2, 0.5) or a time with units (500ms, 2m, 1h 30m)

    error: `starttime: true` is not a time
     --> config.yaml:6:28
      |
    6 |   e: {cmd: run, starttime: true}
      |                            ^^^^
      |
      = help: it takes seconds (2, 0.5) or a time with units (500ms, 2m, 1h 30m)

    error: `starttime: ` is not a time
     --> config.yaml:7:28
      |
    7 |   f: {cmd: run, starttime: ""}
      |                            ^^
      |
      = help: it takes seconds (2, 0.5) or a time with units (500ms, 2m, 1h 30m)

    error: `starttime: 99999999999999999999y` is not a time
     --> config.yaml:8:28
      |
    8 |   g: {cmd: run, starttime: 99999999999999999999y}
      |                            ^^^^^^^^^^^^^^^^^^^^^
      |
      = help: it takes seconds (2, 0.5) or a time with units (500ms, 2m, 1h 30m)
    "#);
}

#[test]
fn times_have_bounds() {
    assert_snapshot!(refused("starttime", &["-1", "-.inf", "1e300", "101years"]), @"
    error: `starttime: -1` is negative
     --> config.yaml:2:28
      |
    2 |   a: {cmd: run, starttime: -1}
      |                            ^^
      |
      = help: it takes seconds (2, 0.5) or a time with units (500ms, 2m, 1h 30m)

    error: `starttime: -.inf` is not a time
     --> config.yaml:3:28
      |
    3 |   b: {cmd: run, starttime: -.inf}
      |                            ^^^^^
      |
      = help: it takes seconds (2, 0.5) or a time with units (500ms, 2m, 1h 30m)

    error: `starttime: 1e300` is more than a hundred years
     --> config.yaml:4:28
      |
    4 |   c: {cmd: run, starttime: 1e300}
      |                            ^^^^^
      |
      = help: it takes seconds (2, 0.5) or a time with units (500ms, 2m, 1h 30m)

    error: `starttime: 101years` is more than a hundred years
     --> config.yaml:5:28
      |
    5 |   d: {cmd: run, starttime: 101years}
      |                            ^^^^^^^^
      |
      = help: it takes seconds (2, 0.5) or a time with units (500ms, 2m, 1h 30m)
    ");
}

#[test]
fn exit_codes_are_one_or_several() {
    let codes = |written: &str| program(&format!("exitcodes: {written}")).exitcodes;
    assert_eq!(codes("0"), [0]);
    assert_eq!(codes("[0, 2]"), [0, 2]);
    assert_eq!(codes("\n  - 3\n  - 255"), [3, 255]);
    assert!(codes("[]").is_empty());
    assert_snapshot!(refused("exitcodes", &["256", "-1", "x", "1.0", "[0, 300]", "[[1]]", "\"0,2\""]), @r#"
    error: 256 is not an exit code
     --> config.yaml:2:28
      |
    2 |   a: {cmd: run, exitcodes: 256}
      |                            ^^^
      |
      = help: exit codes are numbers from 0 to 255

    error: -1 is not an exit code
     --> config.yaml:3:28
      |
    3 |   b: {cmd: run, exitcodes: -1}
      |                            ^^
      |
      = help: exit codes are numbers from 0 to 255

    error: x is not an exit code
     --> config.yaml:4:28
      |
    4 |   c: {cmd: run, exitcodes: x}
      |                            ^
      |
      = help: exit codes are numbers from 0 to 255

    error: 1.0 is not an exit code
     --> config.yaml:5:28
      |
    5 |   d: {cmd: run, exitcodes: 1.0}
      |                            ^^^
      |
      = help: exit codes are numbers from 0 to 255

    error: 300 is not an exit code
     --> config.yaml:6:32
      |
    6 |   e: {cmd: run, exitcodes: [0, 300]}
      |                                ^^^
      |
      = help: exit codes are numbers from 0 to 255

    error: an item of `exitcodes` cannot be a list
     --> config.yaml:7:29
      |
    7 |   f: {cmd: run, exitcodes: [[1]]}
      |                             ^^
      |
      = help: it takes exit codes from 0 to 255

    error: 0,2 is not an exit code
     --> config.yaml:8:28
      |
    8 |   g: {cmd: run, exitcodes: "0,2"}
      |                            ^^^^^
      |
      = help: write a list: [0,2]
    "#);
}

#[test]
fn counts_are_whole_numbers() {
    assert_eq!(program("numprocs: 0").numprocs, 0);
    assert_eq!(program("numprocs: \"3\"").numprocs, 3);
    assert_eq!(program("numprocs: 100000").numprocs, 100_000);
    assert_eq!(program("priority: -5").priority, -5);
}

#[test]
fn what_is_no_count_is_refused() {
    assert_snapshot!(refused("numprocs", &["100001", "1.5", "-1", "99999999999", "true", "two"]), @"
    error: `numprocs` is more than 100000
     --> config.yaml:2:27
      |
    2 |   a: {cmd: run, numprocs: 100001}
      |                           ^^^^^^

    error: `numprocs: 1.5` is not a whole number of 0 or more
     --> config.yaml:3:27
      |
    3 |   b: {cmd: run, numprocs: 1.5}
      |                           ^^^
      |
      = help: it takes the number of instances

    error: `numprocs: -1` is not a whole number of 0 or more
     --> config.yaml:4:27
      |
    4 |   c: {cmd: run, numprocs: -1}
      |                           ^^
      |
      = help: it takes the number of instances

    error: `numprocs: 99999999999` is not a whole number of 0 or more
     --> config.yaml:5:27
      |
    5 |   d: {cmd: run, numprocs: 99999999999}
      |                           ^^^^^^^^^^^
      |
      = help: it takes the number of instances

    error: `numprocs: true` is not a whole number of 0 or more
     --> config.yaml:6:27
      |
    6 |   e: {cmd: run, numprocs: true}
      |                           ^^^^
      |
      = help: it takes the number of instances

    error: `numprocs: two` is not a whole number of 0 or more
     --> config.yaml:7:27
      |
    7 |   f: {cmd: run, numprocs: two}
      |                           ^^^
      |
      = help: it takes the number of instances
    ");
}

#[test]
fn what_is_no_priority_is_refused() {
    assert_snapshot!(refused("priority", &["1.5", "high", "99999999999", "[1]", "true"]), @"
    error: `priority: 1.5` is not a whole number
     --> config.yaml:2:27
      |
    2 |   a: {cmd: run, priority: 1.5}
      |                           ^^^

    error: `priority: high` is not a whole number
     --> config.yaml:3:27
      |
    3 |   b: {cmd: run, priority: high}
      |                           ^^^^

    error: `priority: 99999999999` is not a whole number
     --> config.yaml:4:27
      |
    4 |   c: {cmd: run, priority: 99999999999}
      |                           ^^^^^^^^^^^

    error: `priority` cannot be a list
     --> config.yaml:5:27
      |
    5 |   d: {cmd: run, priority: [1]}
      |                           ^^
      |
      = help: it takes a whole number; lower starts first and stops last

    error: `priority: true` is not a whole number
     --> config.yaml:6:27
      |
    6 |   e: {cmd: run, priority: true}
      |                           ^^^^
    ");
}
