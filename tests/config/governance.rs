//! Restarts that are governed: delays that grow, limits, programs that are meant to end.

use std::time::Duration;

use insta::assert_snapshot;
use taskmaster::config::{Kind, RestartDelay};

use super::{program, program_complaint, refused};

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn a_delay_is_one_time_or_a_map_whose_keys_may_be_left_out() {
    let delay = |text: &str| program(&format!("restart_delay: {text}")).restart_delay.unwrap();
    assert_eq!(delay("1.5"), RestartDelay::constant(Duration::from_millis(1500)));
    assert_eq!(delay("{}"), RestartDelay { initial: SECOND, max: 60 * SECOND, factor: 2.0, jitter: 0.0 });
    let all = delay("{initial: 500ms, max: 2m, factor: 1.5, jitter: 0.25}");
    let expected = RestartDelay { initial: SECOND / 2, max: 120 * SECOND, factor: 1.5, jitter: 0.25 };
    assert_eq!(all, expected);
}

#[test]
fn what_is_no_delay_is_refused() {
    assert_snapshot!(program_complaint("restart_delay: {initial: 90, factr: 2}"), @"
    error: `restart_delay` begins with a wait that is longer than its `max`
     --> config.yaml:4:20
      |
    4 |     restart_delay: {initial: 90, factr: 2}
      |                    ^^^^^^^^
      |
      = help: raise `max` (60 unless it is given), or lower `initial`

    error: unknown key `factr`
     --> config.yaml:4:34
      |
    4 |     restart_delay: {initial: 90, factr: 2}
      |                                  ^^^^^
      |
      = help: did you mean `factor`?
    ");
    assert_snapshot!(program_complaint("restart_delay: {factor: 0.5, jitter: 2, initial: -1}"), @"
    error: `factor: 0.5` is out of range
     --> config.yaml:4:29
      |
    4 |     restart_delay: {factor: 0.5, jitter: 2, initial: -1}
      |                             ^^^
      |
      = help: it takes a number from 1 to 100

    error: `jitter: 2` is out of range
     --> config.yaml:4:42
      |
    4 |     restart_delay: {factor: 0.5, jitter: 2, initial: -1}
      |                                          ^
      |
      = help: it takes a share of the wait, from 0 to 1

    error: `initial: -1` is negative
     --> config.yaml:4:54
      |
    4 |     restart_delay: {factor: 0.5, jitter: 2, initial: -1}
      |                                                      ^^
      |
      = help: it takes seconds (2, 0.5) or a time with units (500ms, 2m, 1h 30m)
    ");
    assert_snapshot!(program_complaint("restart_delay: {initial: 90}"), @"
    error: `restart_delay` begins with a wait that is longer than its `max`
     --> config.yaml:4:20
      |
    4 |     restart_delay: {initial: 90}
      |                    ^^^^^^^^
      |
      = help: raise `max` (60 unless it is given), or lower `initial`
    ");
}

#[test]
fn limits_and_types_are_checked() {
    assert_snapshot!(refused("max_restarts", &["-1", "1001"]), @"
    error: `max_restarts: -1` is not a whole number of 0 or more
     --> config.yaml:2:31
      |
    2 |   a: {cmd: run, max_restarts: -1}
      |                               ^^
      |
      = help: it takes the number of restarts within `window`; 0 = any

    error: `max_restarts` is more than 1000
     --> config.yaml:3:31
      |
    3 |   b: {cmd: run, max_restarts: 1001}
      |                               ^^^^
    ");
    assert_snapshot!(refused("window", &["0"]), @"
    error: `window` is nothing
     --> config.yaml:2:25
      |
    2 |   a: {cmd: run, window: 0}
      |                         ^
      |
      = help: it takes a time, such as 60
    ");
    assert_snapshot!(refused("type", &["onshot", "job"]), @"
    error: `type: onshot` is not a type of program
     --> config.yaml:2:23
      |
    2 |   a: {cmd: run, type: onshot}
      |                       ^^^^^^
      |
      = help: did you mean `oneshot`?

    error: `type: job` is not a type of program
     --> config.yaml:3:23
      |
    3 |   b: {cmd: run, type: job}
      |                       ^^^
      |
      = help: it takes service, or oneshot for what is meant to end
    ");
    assert_eq!(program("type: service").governance.kind, Kind::Service);
}

#[test]
fn a_oneshot_that_can_never_end_is_refused() {
    assert_snapshot!(program_complaint("type: oneshot\nautorestart: always"), @"
    error: `type: oneshot` is meant to end, and `autorestart: always` never lets it
     --> config.yaml:2:3
      |
    2 |   web:
      |   ^^^
      |
      = help: leave `autorestart` out: an unexpected exit is answered by a restart, an expected one is not
    ");
    for policy in ["never", "unexpected"] {
        assert_eq!(program(&format!("type: oneshot\nautorestart: {policy}")).governance.kind, Kind::Oneshot);
    }
}
