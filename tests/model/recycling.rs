//! What is old or large is stopped and started anew, one instance of a program at a time.

use std::time::Duration;

use taskmaster::supervisor::{Event, Excess, Launch, Probe, State};

use crate::scene::Scene;

const SECOND: Duration = Duration::from_secs(1);
const MB: u64 = 1 << 20;
const OLD: &str = "w: {cmd: x, numprocs: 3, starttime: 1, autorestart: never, max_restarts: 1, max_age: 10}";
const LARGE: &str = "w: {cmd: x, numprocs: 2, starttime: 0, startretries: 0, max_memory: 100MB}";

/// Whom a stopsignal went to.
fn asked(lines: &[String]) -> Vec<String> {
    lines.iter().filter_map(|line| line.strip_suffix(" TERM to group")).map(str::to_owned).collect()
}

fn measure(scene: &mut Scene, name: &str, resident: u64) -> Vec<String> {
    let run = scene.run(name);
    asked(&scene.handle(Event::Measured { run, resident }))
}

#[test]
fn the_old_are_renewed_one_after_the_other_and_the_next_when_the_last_is_up() {
    let mut scene = Scene::running(OLD);
    assert_eq!(scene.wait_of("w:1"), Some(10 * SECOND), "counted from RUNNING");
    assert!(asked(&scene.pass(10 * SECOND - SECOND / 10)).is_empty());
    let mut lines = scene.pass(SECOND / 10);
    for number in 0..3 {
        let name = format!("w:{number}");
        assert_eq!(asked(&lines), [&*name]);
        assert!(asked(&scene.pass(SECOND / 2)).is_empty());
        assert!(asked(&scene.ends(&name)).is_empty());
        assert_eq!(scene.spawn_all(), [&*name], "whatever autorestart says");
        assert!(asked(&scene.pass(SECOND / 2)).is_empty());
        lines = scene.pass(SECOND / 2);
        assert_eq!(scene.state(&name), State::Running);
    }
    assert!(asked(&lines).is_empty());
    let renewal = scene.instance("w:0").renewal().unwrap();
    assert_eq!((renewal.incarnation, renewal.excess), (1, Excess::Age(11 * SECOND)));
    assert_eq!(scene.instance("w:0").restarts(), 1);
    // Each has an age of its own now: w:0 is two turns older than w:2.
    assert_eq!((scene.wait_of("w:0"), scene.wait_of("w:2")), (Some(7 * SECOND), Some(10 * SECOND)));
}

#[test]
fn jitter_makes_the_ages_differ() {
    let mut scene =
        Scene::booted("w: {cmd: x, numprocs: 20, starttime: 0, max_age: 100, max_age_jitter: 50}");
    scene.spawn_all();
    let mut ages: Vec<Duration> =
        (0..20).map(|number| scene.wait_of(&format!("w:{number}")).unwrap()).collect();
    assert!(ages.iter().all(|age| (100 * SECOND..150 * SECOND).contains(age)), "{ages:?}");
    ages.sort_unstable();
    ages.dedup();
    assert_eq!(ages.len(), 20);
}

#[test]
fn the_large_are_renewed_at_once_and_those_that_are_not_are_left_alone() {
    let mut scene = Scene::booted(LARGE);
    scene.spawn_all();
    assert!(measure(&mut scene, "w:0", 100 * MB).is_empty(), "that is allowed");
    assert_eq!(measure(&mut scene, "w:1", 100 * MB + 1), ["w:1"]);
    assert!(measure(&mut scene, "w:0", 200 * MB).is_empty(), "it waits for w:1");
    scene.ends("w:1");
    scene.take();
    assert_eq!(asked(&scene.spawned("w:1")), ["w:0"]);
    scene.ends("w:0");
    assert_eq!(scene.state("w:0"), State::Starting(Launch::Queued));
    scene.spawn_all();
    assert!(measure(&mut scene, "w:0", 99 * MB).is_empty());
}

#[test]
fn one_that_does_not_come_up_again_protects_the_others() {
    let mut scene = Scene::booted(LARGE);
    scene.spawn_all();
    measure(&mut scene, "w:1", 200 * MB);
    measure(&mut scene, "w:0", 200 * MB);
    scene.ends("w:1");
    scene.take();
    assert!(asked(&scene.spawn_fails("w:1")).is_empty());
    assert_eq!(scene.state("w:1"), State::Fatal);
    assert!(measure(&mut scene, "w:0", 300 * MB).is_empty(), "it is the last that works");
    scene.order("start w:1");
    scene.take();
    assert_eq!(asked(&scene.spawned("w:1")), ["w:0"]);
}

#[test]
fn readiness_is_waited_for() {
    let mut scene =
        Scene::booted("w: {cmd: x, numprocs: 2, starttime: 0, max_age: 10, readiness: {tcp: 'localhost:1'}}");
    scene.spawn_all();
    let ready = |scene: &mut Scene, name: &str| {
        let run = scene.run(name);
        asked(&scene.handle(Event::Probed { run, probe: Probe::Readiness, outcome: Ok(()) }))
    };
    assert!(asked(&scene.pass(10 * SECOND)).is_empty(), "none of them is ready");
    assert_eq!(ready(&mut scene, "w:1"), ["w:0"], "now the other is");
    scene.ends("w:0");
    scene.spawn_all();
    assert!(asked(&scene.pass(SECOND)).is_empty());
    assert_eq!(ready(&mut scene, "w:0"), ["w:1"]);
}

#[test]
fn a_single_instance_and_each_program_is_for_itself() {
    let mut scene =
        Scene::booted("w: {cmd: x, starttime: 0, max_age: 5}, v: {cmd: x, starttime: 0, max_age: 5}");
    scene.spawn_all();
    assert_eq!(asked(&scene.pass(5 * SECOND)).len(), 2);
}

#[test]
fn the_last_wish_wins() {
    let mut scene = Scene::booted(LARGE);
    scene.spawn_all();
    measure(&mut scene, "w:1", 200 * MB);
    scene.order("stop w:1");
    scene.ends("w:1");
    assert_eq!(scene.state("w:1"), State::Stopped);
    // Nobody waits for what was stopped, but w:0 is the last one.
    assert!(measure(&mut scene, "w:0", 200 * MB).is_empty());
    scene.order("stop w:0");
    scene.ends("w:0");
    scene.order("start w");
    scene.spawn_all();
    assert_eq!(scene.spawns_of("w:0"), 2, "what it used before is forgotten");
    assert_eq!(scene.state("w:0"), State::Running);
}

#[test]
fn a_rolling_restart_goes_first() {
    let mut scene = Scene::booted(LARGE);
    scene.spawn_all();
    assert_eq!(asked(&scene.order("restart --rolling w")), ["w:0"]);
    assert!(measure(&mut scene, "w:1", 200 * MB).is_empty());
    scene.ends("w:0");
    scene.take();
    assert_eq!(asked(&scene.spawned("w:0")), ["w:1"], "it is restarted as its turn has come");
    scene.ends("w:1");
    scene.spawn_all();
    assert_eq!((scene.spawns_of("w:0"), scene.spawns_of("w:1")), (2, 2));
}

#[test]
fn without_a_limit_nothing_is_measured_or_timed() {
    let mut scene = Scene::booted("w: {cmd: x, starttime: 0}");
    scene.spawn_all();
    assert!(measure(&mut scene, "w:0", u64::MAX).is_empty());
    assert_eq!(scene.core.next_deadline(), None);
}

#[test]
fn one_that_is_too_large_and_alone_by_now_is_renewed_without_another_event() {
    let mut scene = Scene::booted(LARGE);
    scene.spawn_all();
    scene.order("stop w:1");
    scene.ends("w:1");
    assert!(measure(&mut scene, "w:0", 200 * MB).is_empty(), "nobody else works");
    assert_eq!(asked(&scene.order("scale w 1")), ["w:0"]);
}
