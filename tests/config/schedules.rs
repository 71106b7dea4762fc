//! `schedule`: cron expressions, and what they make of a program.

use insta::assert_snapshot;
use taskmaster::config::{Kind, Schedule};

use super::{program, program_complaint};

#[test]
fn an_expression_or_a_map() {
    let schedule = |text: &str| program(&format!("schedule: {text}")).governance.schedule.unwrap();
    let daily = Schedule::new("0 3 * * *").unwrap();
    assert_eq!(schedule("'0 3 * * *'"), daily);
    assert_eq!(schedule("0 3 * * *"), daily);
    assert_eq!(schedule("{cron: '0 3 * * *'}"), daily);
    let overlapping = schedule("{cron: '0 3 * * *', overlap: true}");
    assert_eq!((overlapping.text(), overlapping.overlap, daily.overlap), ("0 3 * * *", true, false));
    assert_ne!(overlapping, daily);
    for text in ["'@daily'", "'*/5 * * * * *'", "0 0 29 2 *", "0 12 L * FRI#2", "30 4 1,15 JAN-MAR MON-FRI"] {
        schedule(text);
    }
}

#[test]
fn it_makes_a_oneshot_that_waits_for_its_time_unless_it_says_otherwise() {
    let spec = program("schedule: '@daily'");
    assert_eq!((spec.governance.kind, spec.autostart), (Kind::Oneshot, false));
    let spec = program("schedule: '@daily'\nautostart: true\ntype: oneshot");
    assert_eq!((spec.governance.kind, spec.autostart), (Kind::Oneshot, true));
    assert_snapshot!(program_complaint("schedule: '@daily'\ntype: service"), @r"
    error: `schedule` starts what is meant to end, and `type` is service
     --> config.yaml:2:3
      |
    2 |   web:
      |   ^^^
      |
      = help: write `type: oneshot`, or leave it out
    ");
}

#[test]
fn what_is_no_schedule_is_pointed_at() {
    let told = |text: &str| program_complaint(&format!("schedule: {text}"));
    for (text, said) in [
        ("61 * * * *", "error: `schedule: 61 * * * *` is not a schedule: "),
        ("every day", "error: `schedule: every day` is not a schedule: "),
        ("0 3 30 2 *", "error: `schedule: 0 3 30 2 *` is not a schedule: it names no time that ever comes"),
        ("{overlap: true}", "error: `schedule` has no `cron`"),
        ("{cron: '0 3 * *', overlap: true}", "error: `cron: 0 3 * *` is not a schedule: "),
        ("{cron: '@daily', overlap: maybe}", "error: `overlap: maybe`"),
        ("{corn: '@daily'}", "error: unknown key `corn`"),
    ] {
        let told = told(text);
        assert!(told.starts_with(said) && told.contains("config.yaml:4:"), "{told}");
    }
}
