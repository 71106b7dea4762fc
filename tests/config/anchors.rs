//! Anchors, aliases and merge keys.

use std::time::Duration;

use insta::assert_snapshot;

use super::{CpuTime, accepted, complaint, program};

#[test]
fn anchors_may_stand_in_sections_of_their_own() {
    let config = accepted("x-cmd: &cmd run\nprograms:\n  a: {cmd: *cmd}\n  b: &b {cmd: b}\n  c: *b\n");
    let commands: Vec<String> = config.programs.iter().map(|program| program.cmd[0].to_string()).collect();
    assert_eq!(commands, ["run", "b", "b"]);
}

#[test]
fn merged_keys_come_after_own_ones_and_earlier_maps_win() {
    let merged = |merge: &str| {
        let text = format!(
            "x-a: &a {{startretries: 1, numprocs: 1}}\nx-b: &b {{numprocs: 2, priority: 2, <<: *a}}\n\
             programs:\n  web: {{{merge}, cmd: run}}\n"
        );
        let program = accepted(&text).programs[0].clone();
        (program.startretries, program.numprocs, program.priority)
    };
    assert_eq!(merged("<<: *a"), (1, 1, 999));
    assert_eq!(merged("<<: *b"), (1, 2, 2));
    assert_eq!(merged("<<: [*a, *b]"), (1, 1, 2));
    assert_eq!(merged("<<: [*b, *a], startretries: 7"), (7, 2, 2));
    assert_eq!(merged("startretries: 7, <<: {startretries: 8, priority: 8}"), (7, 1, 8));
    assert_eq!(program("env: {<<: {A: a, B: b}, A: c}").env.len(), 2);
}

#[test]
fn a_bad_merge_is_shown_where_it_is() {
    assert_snapshot!(complaint("programs:\n  web:\n    <<: {priority: 1}\n    cmd: run\n    env:\n      <<: [{A: b}, c]\n"), @"
    error: `<<` takes a map, or a list of maps
     --> config.yaml:6:20
      |
    6 |       <<: [{A: b}, c]
      |                    ^
      |
      = help: such as `<<: *name`, where &name is the anchor of a map
    ");
}

#[test]
fn what_is_wrong_at_an_anchor_is_shown_there_once() {
    let text = "x-base: &base\n  cmd: run\n  umask: 99\n  nmprocs: 2\nprograms:\n  a: {<<: *base}\n  b: {<<: [*base]}\n  c: *base\n";
    assert_snapshot!(complaint(text), @r#"
    error: `umask: 99` is not an octal number
     --> config.yaml:3:10
      |
    3 |   umask: 99
      |          ^^
      |
      = help: it takes an octal number such as "022"

    error: unknown key `nmprocs`
     --> config.yaml:4:3
      |
    4 |   nmprocs: 2
      |   ^^^^^^^
      |
      = help: did you mean `numprocs`?
    "#);
}

#[test]
fn alias_bombs_are_refused_in_no_time() {
    let mut bomb = "x-0: &a0 [a, a, a, a, a, a, a, a, a]\n".to_owned();
    for level in 1..30 {
        let aliases = vec![format!("*a{}", level - 1); 9].join(", ");
        bomb.push_str(&format!("x-{level}: &a{level} [{aliases}]\n"));
    }
    let started = CpuTime::start();
    assert_snapshot!(complaint(&bomb), @"
    error: x-5[1][7][8][6][5]: more than 200000 values, with all aliases followed
     --> config.yaml:1:6
      |
    1 | x-0: &a0 [a, a, a, a, a, a, a, a, a]
      |      ^^^
    ");
    assert!(started.spent() < Duration::from_secs(1), "{:?}", started.spent());
}
