//! What follows from the checks of a running instance.

use std::time::Duration;

use taskmaster::supervisor::{Event, Probe, State};

use crate::scene::Scene;

const W: &str = "w:0";
const CHECKED: &str = "w: {cmd: x, starttime: 0, readiness: {tcp: 'localhost:1', retries: 2}, liveness: {tcp: 'localhost:1', retries: 3}";

fn check(scene: &mut Scene, probe: Probe, is_well: bool) -> Vec<String> {
    let outcome = if is_well { Ok(()) } else { Err("no answer".to_owned()) };
    scene.handle(Event::Probed { run: scene.run(W), probe, outcome })
}

fn running(more: &str) -> Scene {
    let mut scene = Scene::booted(&format!("{CHECKED}{more}}}"));
    scene.spawn_all();
    scene
}

#[test]
fn it_is_ready_at_the_first_success_and_until_so_many_failures_in_a_row() {
    let mut scene = running("");
    assert_eq!(scene.instance(W).not_ready().unwrap(), "not ready: not checked yet");
    assert_eq!(check(&mut scene, Probe::Readiness, false), ["w:0 health"]);
    assert_eq!(scene.instance(W).not_ready().unwrap(), "not ready: no answer");
    assert_eq!(check(&mut scene, Probe::Readiness, true), ["w:0 health"]);
    for _ in 0..3 {
        assert_eq!(check(&mut scene, Probe::Readiness, false), [""; 0]);
        assert!(scene.instance(W).is_ready());
        assert_eq!(check(&mut scene, Probe::Readiness, true), [""; 0]);
    }
    check(&mut scene, Probe::Readiness, false);
    assert_eq!(check(&mut scene, Probe::Readiness, false), ["w:0 health"]);
    assert_eq!((scene.state(W), scene.instance(W).is_ready()), (State::Running, false));
}

#[test]
fn the_first_instance_of_failure_too_many_stops_it_and_its_policy_decides() {
    for (policy, state, restarts) in
        [("unexpected", "STARTING", 1), ("always", "STARTING", 1), ("never", "EXITED", 0)]
    {
        let mut scene = running(&format!(", autorestart: {policy}"));
        check(&mut scene, Probe::Liveness, false);
        check(&mut scene, Probe::Liveness, false);
        check(&mut scene, Probe::Liveness, true);
        check(&mut scene, Probe::Liveness, false);
        assert_eq!(check(&mut scene, Probe::Liveness, false), [""; 0]);
        let lines = check(&mut scene, Probe::Liveness, false);
        assert_eq!(lines[0], "w:0 TERM to group");
        let illness = scene.instance(W).illness().unwrap().clone();
        assert_eq!((illness.incarnation, &*illness.reason, illness.failures), (1, "no answer", 3));
        scene.exits_with(W, 0);
        scene.group_goes(W);
        assert_eq!((scene.state(W).name(), scene.instance(W).restarts()), (state, restarts), "{policy}");
    }
}

#[test]
fn restarts_for_illness_count_and_wait_like_others() {
    let mut scene = running(", max_restarts: 1, restart_delay: 7");
    for state in [State::Backoff, State::Fatal] {
        for _ in 0..3 {
            check(&mut scene, Probe::Liveness, false);
        }
        scene.exits_with(W, 0);
        scene.group_goes(W);
        assert_eq!(scene.state(W), state);
        scene.pass(Duration::from_secs(7));
        scene.spawn_all();
    }
}

/// A check that a reload has taken away may still be under way; it is nobody's verdict any more.
#[test]
fn a_check_that_was_taken_away_ends_nothing() {
    let mut scene = running("");
    check(&mut scene, Probe::Liveness, false);
    scene.reload("w: {cmd: x, starttime: 0, readiness: {tcp: 'localhost:1', retries: 2}}");
    for _ in 0..5 {
        assert_eq!(check(&mut scene, Probe::Liveness, false), [""; 0]);
    }
    check(&mut scene, Probe::Readiness, true);
    scene.reload("w: {cmd: x, starttime: 0}");
    for _ in 0..5 {
        assert_eq!(check(&mut scene, Probe::Readiness, false), [""; 0]);
    }
    assert!(scene.instance(W).is_ready());
}

#[test]
fn a_wish_is_above_the_illness() {
    let mut scene = running(", autorestart: never");
    for _ in 0..3 {
        check(&mut scene, Probe::Liveness, false);
    }
    scene.order("restart w");
    scene.exits_with(W, 0);
    scene.group_goes(W);
    assert_eq!(scene.spawn_all(), [W]);
}

#[test]
fn what_is_heard_while_it_starts_counts_once_it_runs() {
    let mut scene = Scene::booted("w: {cmd: x, starttime: 2, readiness: {log: ready}, startretries: 5}");
    scene.spawn_all();
    assert_eq!(check(&mut scene, Probe::Readiness, true), [""; 0]);
    assert!(!scene.instance(W).is_ready(), "it is not RUNNING yet");
    scene.pass(Duration::from_secs(2));
    assert!(scene.instance(W).is_ready());
    // Another process has to say it again.
    scene.exits_with(W, 1);
    scene.spawn_all();
    scene.pass(Duration::from_secs(2));
    assert_eq!(scene.instance(W).not_ready().unwrap(), "not ready: no line matches ready yet");
    assert_eq!(check(&mut scene, Probe::Readiness, true), ["w:0 health"]);
    assert!(scene.instance(W).is_ready());
}

#[test]
fn what_is_heard_while_it_starts_means_nothing_to_other_checks() {
    let mut scene = Scene::booted("w: {cmd: x, starttime: 2, readiness: {tcp: 'localhost:1'}}");
    scene.spawn_all();
    check(&mut scene, Probe::Readiness, true);
    scene.pass(Duration::from_secs(2));
    assert!(!scene.instance(W).is_ready());
}
