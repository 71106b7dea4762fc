//! depends_on: who there is, in which forms, and no circles.

use insta::assert_snapshot;
use taskmaster::config::{Condition, Dependency};

use super::{accepted, complaint};

fn dependencies(value: &str) -> Vec<Dependency> {
    let text = format!(
        "programs:\n  web: {{cmd: run, depends_on: {value}}}\n  db: {{cmd: run}}\n  job: {{cmd: run, type: oneshot}}\n"
    );
    accepted(&text).programs[0].governance.depends_on.clone()
}

fn on(program: &str, condition: Condition) -> Dependency {
    Dependency { program: program.to_owned(), condition }
}

#[test]
fn a_list_and_every_form_of_a_map_mean_the_same() {
    let both = [on("db", Condition::Running), on("job", Condition::ExitedOk)];
    for value in [
        "[db, job]",
        "{db: running, job: exited_ok}",
        "{db: {condition: running}, job: {condition: exited_ok}}",
        "{db: , job: {}}",
    ] {
        assert_eq!(dependencies(value), both, "{value}");
    }
    assert_eq!(dependencies("{job: running}"), [on("job", Condition::Running)]);
    assert_eq!(dependencies("{db: healthy}"), [on("db", Condition::Healthy)]);
    assert_eq!(dependencies("[]"), []);
    assert_eq!(dependencies("{}"), []);
}

#[test]
fn what_is_no_dependency_is_refused() {
    let told = |value: &str| {
        complaint(&format!("programs:\n  web: {{cmd: run, depends_on: {value}}}\n  db: {{cmd: run}}\n"))
    };
    assert_snapshot!(told("[bd]"), @"
    error: `depends_on`: there is no program `bd`
     --> config.yaml:2:32
      |
    2 |   web: {cmd: run, depends_on: [bd]}
      |                                ^^
      |
      = help: it takes the names of programs in this file
    ");
    assert_snapshot!(told("{postgres: healthy}"), @"
    error: `depends_on`: there is no program `postgres`
     --> config.yaml:2:32
      |
    2 |   web: {cmd: run, depends_on: {postgres: healthy}}
      |                                ^^^^^^^^
      |
      = help: it takes the names of programs in this file
    ");
    assert_snapshot!(complaint("programs:\n  a: {cmd: run, depends_on: [postgers]}\n  postgres: {cmd: run}\n"), @"
    error: `depends_on`: there is no program `postgers`
     --> config.yaml:2:30
      |
    2 |   a: {cmd: run, depends_on: [postgers]}
      |                              ^^^^^^^^
      |
      = help: did you mean `postgres`?
    ");
    assert_snapshot!(told("{db: service_healthy}"), @"
    error: `service_healthy` is no condition
     --> config.yaml:2:36
      |
    2 |   web: {cmd: run, depends_on: {db: service_healthy}}
      |                                    ^^^^^^^^^^^^^^^
      |
      = help: docker compose's `service_healthy` is `healthy` here
    ");
    assert_snapshot!(told("{db: helthy}"), @"
    error: `helthy` is no condition
     --> config.yaml:2:36
      |
    2 |   web: {cmd: run, depends_on: {db: helthy}}
      |                                    ^^^^^^
      |
      = help: did you mean `healthy`?
    ");
    assert_snapshot!(told("{db: {when: healthy}}"), @"
    error: unknown key `when`
     --> config.yaml:2:37
      |
    2 |   web: {cmd: run, depends_on: {db: {when: healthy}}}
      |                                     ^^^^
      |
      = help: there is only `condition` here
    ");
    assert_snapshot!(told("db"), @"
    error: `depends_on` cannot be a single value
     --> config.yaml:2:31
      |
    2 |   web: {cmd: run, depends_on: db}
      |                               ^^
      |
      = help: it takes a list of programs, or a map of them to running, healthy or exited_ok: [db]
    ");
    assert_snapshot!(told("[db, db]"), @"
    error: `depends_on` names `db` twice
     --> config.yaml:2:36
      |
    2 |   web: {cmd: run, depends_on: [db, db]}
      |                                    ^^
    ");
}

#[test]
fn a_circle_is_told_once_and_by_name() {
    let text = "programs:\n  a: {cmd: run, depends_on: [b]}\n  b:\n    cmd: run\n    depends_on: {c: healthy}\n  c: {cmd: run, depends_on: [d, a]}\n  d: {cmd: run}\n";
    assert_snapshot!(complaint(text), @"
    error: `depends_on` goes in a circle: a -> b -> c -> a
     --> config.yaml:2:17
      |
    2 |   a: {cmd: run, depends_on: [b]}
      |                 ^^^^^^^^^^
      |
      = help: none of them could ever start; leave one of these out
    ");
    assert_snapshot!(complaint("programs:\n  a: {cmd: run, depends_on: [a]}\n"), @"
    error: `depends_on` goes in a circle: a -> a
     --> config.yaml:2:17
      |
    2 |   a: {cmd: run, depends_on: [a]}
      |                 ^^^^^^^^^^
      |
      = help: none of them could ever start; leave one of these out
    ");
}

#[test]
fn many_programs_that_depend_on_each_other_are_no_circle() {
    let mut text = "programs:\n  p0: {cmd: run}\n".to_owned();
    for number in 1..300 {
        let before: Vec<String> = (0..number).rev().take(5).map(|at| format!("p{at}")).collect();
        text += &format!("  p{number}: {{cmd: run, depends_on: [{}]}}\n", before.join(", "));
    }
    assert_eq!(accepted(&text).programs.len(), 300);
}
