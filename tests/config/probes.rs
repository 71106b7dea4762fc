//! readiness and liveness: one check each, and its times.

use std::time::Duration;

use insta::assert_snapshot;
use taskmaster::config::{Check, Pattern, Template};

use super::{program, program_complaint};

#[test]
fn a_probe_has_one_check_and_times_with_defaults() {
    let probe = |text: &str| program(&format!("readiness: {text}")).governance.readiness.unwrap();
    let plain = probe("{tcp: 'localhost:5432'}");
    assert_eq!(plain.check, Check::Tcp(Template::new("localhost:5432")));
    let second = Duration::from_secs(1);
    assert_eq!(
        (plain.interval, plain.timeout, plain.retries, plain.start_delay),
        (second, second, 3, Duration::ZERO)
    );
    let all = probe(
        "{http: 'http://127.0.0.1:80{process_num:02}/x', interval: 5, timeout: 2m, retries: 1, start_delay: 3}",
    );
    assert_eq!(all.check, Check::Http(Template::new("http://127.0.0.1:80{process_num:02}/x")));
    assert_eq!(
        (all.interval, all.timeout, all.retries, all.start_delay),
        (5 * second, 120 * second, 1, 3 * second)
    );
    let log = probe("{log: 'listening on .*:\\d{2,5}$', interval: 1, timeout: 1, retries: 3}");
    assert_eq!(log.check, Check::Log(Pattern::new(r"listening on .*:\d{2,5}$").unwrap()));
    let beat = program("liveness: {log: ^beat, interval: 30, retries: 2, start_delay: 60}");
    assert_eq!(beat.heartbeat(), Some(&Pattern::new("^beat").unwrap()));
    assert_eq!(beat.awaited_line(), None);
    let beat = beat.governance.liveness.unwrap();
    assert_eq!((beat.interval, beat.retries, beat.start_delay), (30 * second, 2, 60 * second));
    assert_eq!(probe("{exec: test -e 'a b'}").check, probe("{exec: [test, -e, 'a b']}").check);
}

#[test]
fn what_is_no_probe_is_refused() {
    let told = |text: &str| program_complaint(&format!("liveness: {text}"));
    assert_snapshot!(told("{interval: 1}"), @"
    error: `liveness` has nothing to check
     --> config.yaml:4:15
      |
    4 |     liveness: {interval: 1}
      |               ^^^^^^^^^
      |
      = help: add exec, tcp, http or log
    ");
    assert_snapshot!(told("{tcp: 'localhost:1', exec: run}"), @"
    error: `liveness` has 2 checks: tcp, exec
     --> config.yaml:4:15
      |
    4 |     liveness: {tcp: 'localhost:1', exec: run}
      |               ^^^^
      |
      = help: leave all but one out
    ");
    assert_snapshot!(told("{tcp: 'example.org:80'}"), @"
    error: `tcp: example.org:80` is nothing to connect to
     --> config.yaml:4:21
      |
    4 |     liveness: {tcp: 'example.org:80'}
      |                     ^^^^^^^^^^^^^^^^
      |
      = help: it takes ADDRESS:PORT, such as 127.0.0.1:5432 or localhost:5432
    ");
    assert_snapshot!(told("{http: 'https://127.0.0.1/'}"), @"
    error: `http: https://127.0.0.1/` is nothing to connect to
     --> config.yaml:4:22
      |
    4 |     liveness: {http: 'https://127.0.0.1/'}
      |                      ^^^^^^^^^^^^^^^^^^^^
      |
      = help: it takes http://ADDRESS:PORT/PATH, with an address or localhost
    ");
    assert_snapshot!(told("{tcp: 'localhost:1', interval: 0, retries: 0}"), @"
    error: `interval` is nothing
     --> config.yaml:4:46
      |
    4 |     liveness: {tcp: 'localhost:1', interval: 0, retries: 0}
      |                                              ^
      |
      = help: it takes a time

    error: `retries` is 0
     --> config.yaml:4:58
      |
    4 |     liveness: {tcp: 'localhost:1', interval: 0, retries: 0}
      |                                                          ^
      |
      = help: 1 is the first failure
    ");
    assert_snapshot!(told("localhost:80"), @"
    error: `liveness` takes a map
     --> config.yaml:4:15
      |
    4 |     liveness: localhost:80
      |               ^^^^^^^^^
      |
      = help: such as {tcp: localhost:5432, interval: 5}
    ");
    assert_snapshot!(told("{tpc: 'localhost:1'}"), @"
    error: unknown key `tpc`
     --> config.yaml:4:16
      |
    4 |     liveness: {tpc: 'localhost:1'}
      |                ^^^
      |
      = help: did you mean `tcp`?
    ");
}

#[test]
fn an_expression_that_is_none_is_pointed_at() {
    let told = |text: &str| program_complaint(&format!("readiness: {text}"));
    assert_snapshot!(told("{log: 'ready (now'}"), @r"
    error: `log: ready (now` is not a regular expression: found open group without closing ')'
     --> config.yaml:4:22
      |
    4 |     readiness: {log: 'ready (now'}
      |                      ^^^^^^^^^^^^
      |
      = help: it takes a regular expression, such as 'listening on .*:80$'
    ");
    assert_snapshot!(told("{log: 'x{100000}'}"), @r"
    error: `log: x{100000}` is not a regular expression: compiled regex exceeded size limit
     --> config.yaml:4:22
      |
    4 |     readiness: {log: 'x{100000}'}
      |                      ^^^^^^^^^^^
      |
      = help: it takes a regular expression, such as 'listening on .*:80$'
    ");
    assert_snapshot!(told("{log: ''}"), @r"
    error: `log` is empty, which every line matches
     --> config.yaml:4:22
      |
    4 |     readiness: {log: ''}
      |                      ^^
      |
      = help: it takes a regular expression, such as 'listening on .*:80$'
    ");
}
