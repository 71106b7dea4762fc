//! What starts, how often, and when it counts as running.

use std::time::Duration;

use taskmaster::signal::Signal;
use taskmaster::supervisor::{ExitStatus, Goal, Launch, State};

use crate::scene::{NANOSECOND, Scene};

const W: &str = "w:0";
const SECOND: Duration = Duration::from_secs(1);
const QUEUED: State = State::Starting(Launch::Queued);

/// Lets every start fail until nothing is tried any more; the waits between the tries.
fn waits_until_fatal(programs: &str, fails: fn(&mut Scene)) -> (Vec<Duration>, Scene) {
    let mut scene = Scene::booted(programs);
    let mut waits = Vec::new();
    while scene.take().is_some() {
        fails(&mut scene);
        waits.extend(scene.wait_of(W));
        scene.reach_deadline();
    }
    assert_eq!(scene.state(W), State::Fatal);
    (waits, scene)
}

fn fails_to_spawn(scene: &mut Scene) {
    scene.spawn_fails(W);
}

fn exits_at_once(scene: &mut Scene) {
    scene.spawned(W);
    scene.exits_with(W, 0);
}

#[test]
fn the_wait_before_retry_k_is_k_seconds() {
    for fails in [fails_to_spawn, exits_at_once] {
        let (waits, _) = waits_until_fatal("w: {cmd: x, startretries: 4}", fails);
        assert_eq!(waits, [SECOND, 2 * SECOND, 3 * SECOND, 4 * SECOND]);
    }
}

#[test]
fn restart_delay_makes_the_wait_before_each_retry_the_same() {
    let (waits, _) = waits_until_fatal("w: {cmd: x, restart_delay: 7}", exits_at_once);
    assert_eq!(waits, [7 * SECOND; 3]);
    let (waits, _) = waits_until_fatal("w: {cmd: x, restart_delay: 0}", exits_at_once);
    assert_eq!(waits, [Duration::ZERO; 3]);
}

#[test]
fn a_start_is_tried_exactly_once_more_than_startretries_says() {
    for retries in [0, 1, 3, 10] {
        for fails in [fails_to_spawn, exits_at_once] {
            let (_, scene) = waits_until_fatal(&format!("w: {{cmd: x, startretries: {retries}}}"), fails);
            assert_eq!(scene.spawns_of(W), 1 + retries);
        }
    }
}

#[test]
fn fatal_names_the_reason_to_whoever_waits() {
    let mut scene = Scene::new("w: {cmd: x, startretries: 0}");
    scene.order("start w");
    scene.take();
    assert_eq!(scene.spawn_fails(W), ["w:0 -> Fatal", "#1 ERROR w:0: no such program", "#1 failed"]);
    scene.order("start w");
    scene.spawn_all();
    let lines = scene.exits_with(W, 3);
    assert_eq!(lines, ["w:0 -> Fatal", "#2 ERROR w:0: exited too quickly (exit code 3)", "#2 failed"]);
}

#[test]
fn a_start_of_what_is_fatal_has_all_its_tries_again() {
    let (_, mut scene) = waits_until_fatal("w: {cmd: x, startretries: 2}", fails_to_spawn);
    scene.order("start w");
    assert_eq!(scene.instance(W).failures(), 0);
    while scene.take().is_some() {
        scene.spawn_fails(W);
        scene.reach_deadline();
    }
    assert_eq!((scene.state(W), scene.spawns_of(W)), (State::Fatal, 6));
}

#[test]
fn it_is_running_at_starttime_and_not_a_nanosecond_before() {
    let mut scene = Scene::booted("w: {cmd: x, starttime: 3}");
    scene.spawn_all();
    scene.pass(3 * SECOND - NANOSECOND);
    assert_eq!(scene.state(W), State::Starting(Launch::Alive));
    assert_eq!(scene.pass(NANOSECOND), ["w:0 -> Running"]);
}

#[test]
fn an_exit_counts_by_the_time_lived_even_if_no_tick_came_before_it() {
    for (early, outcome) in [(NANOSECOND, State::Backoff), (Duration::ZERO, State::Exited)] {
        let mut scene = Scene::booted("w: {cmd: x, starttime: 3}");
        scene.spawn_all();
        scene.now = scene.now + (3 * SECOND - early);
        scene.exits_with(W, 0);
        assert_eq!(scene.state(W), outcome);
    }
}

#[test]
fn without_a_starttime_it_is_running_at_once() {
    let mut scene = Scene::booted("w: {cmd: x, starttime: 0}");
    scene.take();
    assert_eq!(scene.spawned(W), ["w:0 -> Running"]);
}

#[test]
fn a_run_forgives_the_failures_before_it() {
    let mut scene = Scene::booted("w: {cmd: x, startretries: 1}");
    for _ in 0..5 {
        scene.take();
        scene.spawn_fails(W);
        assert_eq!(scene.wait_of(W), Some(SECOND));
        scene.reach_deadline();
        scene.spawn_all();
        scene.reach_deadline();
        assert_eq!(scene.state(W), State::Running);
        scene.exits_with(W, 1);
    }
    assert_eq!(scene.instance(W).restarts(), 5);
}

#[test]
fn autorestart_and_exitcodes_decide_what_follows_a_run() {
    let killed = ExitStatus::Signal { signal: Signal::KILL, core_dumped: false };
    let (zero, two) = (ExitStatus::Code(0), ExitStatus::Code(2));
    let cases = [
        ("always", "[0]", [QUEUED, QUEUED, QUEUED]),
        ("unexpected", "[0]", [State::Exited, QUEUED, QUEUED]),
        ("unexpected", "[0, 2]", [State::Exited, State::Exited, QUEUED]),
        ("unexpected", "[]", [QUEUED, QUEUED, QUEUED]),
        ("never", "[0]", [State::Exited, State::Exited, State::Exited]),
    ];
    for (autorestart, exitcodes, outcomes) in cases {
        for (status, outcome) in [zero, two, killed].into_iter().zip(outcomes) {
            let keys = format!("cmd: x, autorestart: {autorestart}, exitcodes: {exitcodes}");
            let mut scene = Scene::running(&format!("w: {{{keys}}}"));
            scene.exits(W, status);
            assert_eq!(scene.state(W), outcome, "{keys}: {status}");
        }
    }
}

#[test]
fn a_restart_after_a_run_waits_for_restart_delay() {
    let mut scene = Scene::running("w: {cmd: x, autorestart: always, restart_delay: 2}");
    scene.exits_with(W, 0);
    assert_eq!((scene.state(W), scene.wait_of(W)), (State::Backoff, Some(2 * SECOND)));
    scene.reach_deadline();
    assert_eq!(scene.spawn_all(), [W]);
}

#[test]
fn lower_priority_numbers_start_first() {
    let mut scene = Scene::booted(
        "last: {cmd: x, priority: 20}, first: {cmd: x, priority: -1, numprocs: 2}, mid: {cmd: x, priority: 5}",
    );
    assert_eq!(scene.spawn_all(), ["first:0", "first:1", "mid:0", "last:0"]);
}

#[test]
fn only_autostart_starts_by_itself() {
    let mut scene = Scene::booted("w: {cmd: x, autostart: false}, v: {cmd: x}");
    assert_eq!(scene.spawn_all(), ["v:0"]);
    assert_eq!((scene.state(W), scene.instance(W).goal()), (State::Stopped, Goal::Down));
}

#[test]
fn a_spawn_error_is_shown_until_a_spawn_works_even_one_that_is_to_be_stopped() {
    let mut scene = Scene::booted("w: {cmd: x}");
    scene.take();
    scene.spawn_fails(W);
    assert_eq!(scene.instance(W).spawn_error(), Some("no such program"));
    scene.reach_deadline();
    scene.take();
    scene.order("stop w");
    scene.spawned(W);
    assert_eq!(scene.instance(W).spawn_error(), None);
}
