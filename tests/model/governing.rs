//! Waits that grow, limits on restarts, programs that are meant to end, and failures that end all.

use std::time::Duration;

use taskmaster::supervisor::{Launch, State, Surrender};

use crate::scene::Scene;

const W: &str = "w:0";
const SECOND: Duration = Duration::from_secs(1);
const QUEUED: State = State::Starting(Launch::Queued);

/// The waits before the next restarts of what lives for `life` each time.
fn waits(scene: &mut Scene, count: usize, life: Duration) -> Vec<Duration> {
    let wait = |_| {
        scene.pass(life);
        scene.exits_with(W, 1);
        let wait = scene.wait_of(W).unwrap_or_default();
        scene.reach_deadline();
        scene.spawn_all();
        wait
    };
    (0..count).map(wait).collect()
}

#[test]
fn delays_grow_and_a_stable_run_or_a_wish_lets_them_begin_anew() {
    let mut scene =
        Scene::running("w: {cmd: x, starttime: 0, restart_delay: {initial: 1, max: 8, factor: 2}}");
    assert_eq!(waits(&mut scene, 6, SECOND), [1, 2, 4, 8, 8, 8].map(Duration::from_secs));
    // As long as the longest wait is not yet longer.
    assert_eq!(waits(&mut scene, 1, 8 * SECOND), [8 * SECOND]);
    assert_eq!(waits(&mut scene, 3, 9 * SECOND), [SECOND; 3]);
    assert_eq!(waits(&mut scene, 2, SECOND), [2 * SECOND, 4 * SECOND]);
    scene.order("stop w");
    scene.exits_with(W, 0);
    scene.group_goes(W);
    scene.order("start w");
    scene.spawn_all();
    assert_eq!(waits(&mut scene, 1, SECOND), [SECOND]);
}

#[test]
fn failed_starts_grow_along_the_same_delay() {
    let mut scene = Scene::booted("w: {cmd: x, startretries: 9, restart_delay: {initial: 1, max: 8}}");
    let mut waits = Vec::new();
    for _ in 0..5 {
        scene.take();
        scene.spawn_fails(W);
        waits.push(scene.wait_of(W).unwrap().as_secs());
        scene.reach_deadline();
    }
    assert_eq!(waits, [1, 2, 4, 8, 8]);
}

#[test]
fn jitter_spreads_those_that_died_together_and_only_by_its_share() {
    let mut scene = Scene::running(
        "w: {cmd: x, numprocs: 50, starttime: 0, restart_delay: {initial: 10, factor: 1, jitter: 0.5}}",
    );
    let mut waits: Vec<Duration> = Vec::new();
    for number in 0..50 {
        let name = format!("w:{number}");
        scene.exits_with(&name, 1);
        waits.push(scene.wait_of(&name).unwrap());
    }
    assert!(waits.iter().all(|wait| (10 * SECOND..15 * SECOND).contains(wait)), "{waits:?}");
    waits.sort_unstable();
    waits.dedup();
    assert_eq!(waits.len(), 50);
    assert!(waits[0] < 11 * SECOND && waits[49] > 14 * SECOND, "{waits:?}");
}

#[test]
fn one_restart_more_than_max_restarts_within_its_window_is_fatal() {
    let mut scene = Scene::running("w: {cmd: x, starttime: 0, max_restarts: 3, window: 10}");
    for _ in 0..3 {
        scene.exits_with(W, 1);
        assert_eq!(scene.state(W), QUEUED);
        scene.spawn_all();
    }
    scene.exits_with(W, 1);
    assert_eq!((scene.state(W), scene.instance(W).surrender()), (State::Fatal, Surrender::Restarts));
    let lines = scene.order("start w");
    assert_eq!(lines, ["w:0 -> Starting(Queued)"]);
    scene.spawn_all();
    scene.exits_with(W, 1);
    assert_eq!(scene.state(W), QUEUED, "a wish forgives");
}

#[test]
fn restarts_that_are_spread_over_more_than_the_window_go_on_for_ever() {
    let mut scene = Scene::running("w: {cmd: x, starttime: 0, max_restarts: 3, window: 10}");
    for _ in 0..100 {
        scene.pass(4 * SECOND);
        scene.exits_with(W, 1);
        scene.spawn_all();
        assert_eq!(scene.state(W), State::Running);
    }
}

#[test]
fn a_oneshot_is_started_when_it_has_ended_well() {
    let mut scene = Scene::new("w: {cmd: x, type: oneshot, startretries: 0}");
    scene.order("start w");
    scene.spawn_all();
    let lines = scene.exits_with(W, 0);
    assert_eq!(lines, ["w:0 -> Exited", "#1 w:0: started, and done (exit code 0)", "#1 done"]);
    scene.order("start w");
    scene.spawn_all();
    assert_eq!(scene.reach_deadline(), ["w:0 -> Running"], "it takes long, and nobody is answered");
    let lines = scene.exits_with(W, 0);
    assert_eq!(lines, ["w:0 -> Exited", "#2 w:0: started, and done (exit code 0)", "#2 done"]);
    scene.order("start w");
    scene.spawn_all();
    let lines = scene.exits_with(W, 1);
    assert_eq!(lines, ["w:0 -> Fatal", "#3 ERROR w:0: exited too quickly (exit code 1)", "#3 failed"]);
}

#[test]
fn a_oneshot_that_fails_late_and_is_not_restarted_has_failed() {
    let mut scene = Scene::new("w: {cmd: x, type: oneshot, autorestart: never, starttime: 0}");
    scene.order("start w");
    scene.spawn_all();
    let lines = scene.exits_with(W, 7);
    assert_eq!(lines, ["w:0 -> Exited", "#1 ERROR w:0: failed (exit code 7)", "#1 failed"]);
}

#[test]
fn a_failure_ends_everything_only_where_that_is_wanted() {
    let programs = |wanted: bool| {
        format!("w: {{cmd: x, startretries: 0, exit_on_failure: {wanted}}}, v: {{cmd: x, starttime: 0}}")
    };
    let mut scene = Scene::booted(&programs(false));
    scene.spawn_all();
    scene.exits_with(W, 1);
    assert_eq!((scene.state("v:0"), scene.core.failure()), (State::Running, None));
    let mut scene = Scene::booted(&programs(true));
    scene.spawn_all();
    let lines = scene.exits_with(W, 1);
    assert_eq!(lines[..3], ["w:0 -> Fatal", "v:0 TERM to group", "v:0 CONT to group"]);
    scene.exits_with("v:0", 0);
    assert!(scene.group_goes("v:0").contains(&"quit, 0 left".to_owned()));
    assert!(scene.core.failure().is_some());
}

#[test]
fn a_failure_takes_nobody_along_before_his_stoptime_is_over() {
    let mut scene = Scene::booted(
        "w: {cmd: x, startretries: 1, restart_delay: 1, exit_on_failure: true}, v: {cmd: x, starttime: 1}",
    );
    // Both deadlines are due in one tick.
    scene.spawn_all();
    scene.exits_with(W, 1);
    scene.reach_deadline();
    scene.take();
    let lines = scene.spawn_fails(W);
    assert!(!lines.iter().any(|line| line.contains("KILL")), "{lines:?}");
    assert_eq!(scene.wait_of("v:0"), Some(10 * SECOND));
}
