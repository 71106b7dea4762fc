//! The shutdown: who goes first, how long it may take, and what a second signal means.

use std::time::Duration;

use taskmaster::supervisor::{Event, State};

use crate::scene::Scene;

const TIERS: &str = "db: {cmd: x, priority: 1, stoptime: 3}, web: {cmd: x, priority: 9, stoptime: 5}, \
                     api: {cmd: x, priority: 9, stoptime: 2}";

fn asked(lines: &[String]) -> Vec<&str> {
    lines.iter().filter_map(|line| line.strip_suffix(" TERM to group")).collect()
}

#[test]
fn the_highest_priority_number_stops_first_and_the_next_when_it_is_down() {
    let mut scene = Scene::running(TIERS);
    assert_eq!(asked(&scene.order("exit")), ["api:0", "web:0"]);
    assert!(asked(&scene.ends("web:0")).is_empty());
    assert_eq!(asked(&scene.ends("api:0")), ["db:0"]);
    assert_eq!(scene.ends("db:0")[2..], ["#1 done", "quit, 0 left"]);
}

#[test]
fn what_still_runs_meanwhile_is_not_restarted_if_it_ends() {
    let mut scene = Scene::running("db: {cmd: x, priority: 1, autorestart: always}, web: {cmd: x}");
    scene.order("exit");
    scene.exits_with("db:0", 1);
    assert_eq!((scene.state("db:0"), scene.take()), (State::Exited, None));
}

#[test]
fn a_tier_is_given_up_ten_seconds_after_its_longest_stoptime() {
    let mut scene = Scene::running(TIERS);
    scene.order("exit");
    scene.ends("api:0");
    let mut waited = Duration::ZERO;
    let next = loop {
        waited += scene.core.next_deadline().expect("a deadline") - scene.now;
        let next = asked(&scene.reach_deadline()).join(" ");
        if !next.is_empty() {
            break next;
        }
    };
    assert_eq!((next.as_str(), waited), ("db:0", Duration::from_secs(15)));
    assert_eq!(scene.ends("db:0")[2..], ["#1 failed", "quit, 1 left"]);
}

#[test]
fn whoever_waits_for_what_cannot_be_ended_is_told() {
    let mut scene = Scene::running("w: {cmd: x, stoptime: 0}");
    scene.order("stop w");
    scene.order("exit");
    scene.reach_deadline();
    scene.reach_deadline();
    let lines = scene.reach_deadline();
    let told = ["#1 ERROR w:0: could not be stopped", "#1 failed", "#2 failed", "quit, 1 left"];
    assert_eq!(lines[lines.len() - 4..], told);
}

#[test]
fn a_second_signal_kills_everything_at_once_and_waits_ten_seconds_at_most() {
    let mut scene = Scene::running(TIERS);
    scene.handle(Event::ShutdownSignal);
    let lines = scene.handle(Event::ShutdownSignal);
    let killed: Vec<&String> = lines.iter().filter(|line| line.ends_with("KILL to group")).collect();
    assert_eq!(killed, ["db:0 KILL to group", "web:0 KILL to group", "api:0 KILL to group"]);
    scene.ends("db:0");
    scene.ends("web:0");
    assert!(!scene.pass(Duration::from_nanos(9_999_999_999)).contains(&"quit, 1 left".to_owned()));
    assert!(scene.pass(Duration::from_nanos(1)).contains(&"quit, 1 left".to_owned()));
}

#[test]
fn a_signal_after_an_exit_is_the_first() {
    let mut scene = Scene::running("w: {cmd: x}");
    scene.order("exit");
    assert!(scene.handle(Event::ShutdownSignal).is_empty());
    assert_eq!(scene.handle(Event::ShutdownSignal)[0], "w:0 KILL to group");
}

#[test]
fn a_third_signal_changes_nothing() {
    let mut scene = Scene::running("w: {cmd: x}");
    scene.handle(Event::ShutdownSignal);
    scene.handle(Event::ShutdownSignal);
    assert!(scene.handle(Event::ShutdownSignal).is_empty());
}

#[test]
fn what_is_just_being_spawned_is_killed_as_soon_as_it_has_a_pid() {
    let mut scene = Scene::booted("w: {cmd: x}");
    scene.take();
    scene.handle(Event::ShutdownSignal);
    scene.handle(Event::ShutdownSignal);
    assert_eq!(scene.spawned("w:0")[0], "w:0 KILL to group");
    assert_eq!(scene.ends("w:0").last().map(String::as_str), Some("quit, 0 left"));
}

#[test]
fn what_is_born_after_it_was_given_up_is_killed() {
    let mut scene = Scene::booted("w: {cmd: x}");
    scene.take();
    scene.order("exit");
    assert_eq!(scene.pass(Duration::from_secs(20)), ["#1 failed", "quit, 1 left"]);
    assert_eq!(scene.spawned("w:0")[0], "w:0 KILL to group");
}

#[test]
fn nothing_starts_during_a_shutdown() {
    let mut scene = Scene::running("w: {cmd: x}, v: {cmd: x, autostart: false}");
    scene.order("exit");
    for line in ["start v", "restart v"] {
        let lines = scene.order(line);
        assert!(lines[0].ends_with("ERROR v:0: the supervisor is shutting down"), "{lines:?}");
    }
    assert_eq!(scene.take(), None);
}

#[test]
fn a_restart_that_is_on_its_way_ends_with_the_stop() {
    let mut scene = Scene::running("w: {cmd: x}");
    scene.order("restart w");
    scene.order("exit");
    let told = ["#1 ERROR w:0: stopped before it was running", "#1 failed", "#2 done", "quit, 0 left"];
    assert_eq!(scene.ends("w:0")[2..], told);
}

#[test]
fn an_exit_asked_for_twice_is_no_more_urgent_and_both_are_answered() {
    let mut scene = Scene::running("w: {cmd: x}");
    scene.order("exit");
    assert!(scene.order("exit").is_empty());
    assert_eq!(scene.ends("w:0")[2..], ["#1 done", "#2 done", "quit, 0 left"]);
}

#[test]
fn an_order_after_the_end_is_answered_at_once() {
    let mut scene = Scene::new("w: {cmd: x}");
    scene.order("exit");
    assert_eq!(scene.order("exit"), ["#2 done"]);
    assert_eq!(scene.order("start w"), ["#3 ERROR w:0: the supervisor is shutting down", "#3 failed"]);
}
