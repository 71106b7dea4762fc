//! Restart storms: what ends together by the hundreds comes again at a pace, and as one incident.

use std::time::Duration;

use taskmaster::supervisor::{Launch, State};

use crate::scene::Scene;

const MANY: &str = "w: {cmd: x, numprocs: 400, starttime: 0, stoptime: 1}";
const STEP: Duration = Duration::from_millis(20);
const SECOND: Duration = Duration::from_secs(1);
const QUEUED: State = State::Starting(Launch::Queued);
const DELAYED: State = State::Starting(Launch::Delayed);

fn count(scene: &Scene, state: State) -> usize {
    scene.list().iter().filter(|name| scene.state(name) == state).count()
}

fn running(programs: &str, section: &str) -> Scene {
    let mut scene = Scene::under(programs, section);
    scene.handle(taskmaster::supervisor::Event::Boot);
    scene.spawn_all();
    scene
}

/// All of them die; the notes.
fn all_die(scene: &mut Scene) -> Vec<String> {
    let names = scene.list();
    names.iter().flat_map(|name| notes(scene.exits_with(name, 1))).collect()
}

fn notes(lines: Vec<String>) -> Vec<String> {
    lines.into_iter().filter_map(|line| line.strip_prefix("note: ").map(str::to_owned)).collect()
}

#[test]
fn four_hundred_that_die_together_come_again_at_a_pace_and_are_one_incident() {
    let mut scene = running(MANY, "");
    assert_eq!(count(&scene, State::Running), 400, "what starts for the first time is not paced");
    let told = "restart storm: 200 restarts in 0.0 s (w: 200); further ones are paced to 50 a second (restart_storm)";
    assert_eq!(all_die(&mut scene), [told]);
    assert_eq!((count(&scene, QUEUED), count(&scene, DELAYED)), (200, 200));
    assert!(scene.core.is_storm());
    scene.spawn_all();
    for gone in 1..=200 {
        assert_eq!(scene.core.next_deadline(), Some(scene.now + STEP));
        assert_eq!(scene.core.storm_wait(scene.run("w:399").instance), Some(STEP * (201 - gone)));
        assert!(notes(scene.pass(STEP)).is_empty());
        assert_eq!(scene.spawn_all(), [format!("w:{}", 199 + gone)], "first come, first served");
    }
    assert_eq!(scene.core.next_deadline(), Some(scene.now + 4 * SECOND), "until the bucket is full");
    let over = "restart storm is over: 400 restarts in 4.0 s (w: 400), 200 of them paced";
    assert_eq!(notes(scene.pass(4 * SECOND)), [over]);
    assert!(!scene.core.is_storm());
    assert_eq!(scene.core.next_deadline(), None);
}

#[test]
fn what_goes_on_is_one_storm_and_those_that_are_missing_at_its_end_are_counted() {
    let mut scene = running(
        "w: {cmd: x, numprocs: 3, starttime: 0}, v: {cmd: x, numprocs: 2, starttime: 0, autorestart: always}",
        "restart_storm: {rate: 1, burst: 2}",
    );
    assert_eq!(all_die(&mut scene).len(), 1);
    for _ in 0..20 {
        scene.spawn_all();
        // One a second, and one of them dies again.
        assert!(notes(scene.pass(SECOND)).is_empty());
        let name = scene.spawn_all().pop().unwrap();
        assert!(notes(scene.exits_with(&name, 1)).is_empty());
    }
    for _ in 0..3 {
        scene.pass(SECOND);
        scene.spawn_all();
    }
    let last = scene.pass(SECOND);
    let over = notes([last, scene.pass(SECOND), scene.pass(SECOND)].concat());
    assert_eq!(over.len(), 1);
    assert!(over[0].starts_with("restart storm is over: 25 restarts in 23.0 s ("), "{over:?}");
}

#[test]
fn wishes_and_first_starts_wait_for_nobody() {
    let mut scene = running(MANY, "");
    all_die(&mut scene);
    let lines = scene.order("start w:398 w:399");
    assert_eq!(lines, ["w:398 -> Starting(Queued)", "w:399 -> Starting(Queued)"]);
    assert_eq!(scene.order("restart w:397"), ["w:397 -> Starting(Queued)"]);
    let lines = scene.order("scale w 401");
    assert_eq!(lines, ["w:400 -> Starting(Queued)"]);
    scene.spawn_all();
    // Those that have left hold up nobody.
    for _ in 0..197 {
        scene.pass(STEP);
    }
    assert_eq!(count(&scene, DELAYED), 0);
    let mut scene = running(MANY, "");
    all_die(&mut scene);
    scene.spawn_all();
    scene.order("restart w");
    assert_eq!(count(&scene, DELAYED), 0, "whoever waited starts at once");
}

#[test]
fn who_is_stopped_while_he_waits_stays_so_and_his_place_is_free() {
    let mut scene = running(MANY, "");
    all_die(&mut scene);
    scene.spawn_all();
    assert_eq!(scene.order("stop w:200"), ["w:200 -> Stopped", "#1 w:200: stopped", "#1 done"]);
    scene.order("scale w 390");
    scene.pass(STEP);
    assert_eq!(scene.spawn_all(), ["w:201"]);
    scene.pass(189 * STEP);
    assert_eq!((count(&scene, DELAYED), scene.state("w:200")), (0, State::Stopped));
    // He is not let go again by the place that he had.
    scene.order("start w:200");
    scene.spawn_all();
    assert_eq!(scene.spawns_of("w:200"), 2);
}

#[test]
fn failed_starts_that_come_together_are_paced_too() {
    let mut scene = Scene::under("w: {cmd: x, numprocs: 5}", "restart_storm: {rate: 2, burst: 3}");
    scene.order("start w");
    for number in 0..5 {
        scene.take();
        scene.spawn_fails(&format!("w:{number}"));
    }
    scene.pass(SECOND);
    assert_eq!((count(&scene, QUEUED), count(&scene, DELAYED)), (3, 2));
    scene.pass(SECOND / 2);
    assert_eq!(count(&scene, DELAYED), 1);
}

#[test]
fn single_deaths_are_no_storm_however_many_in_the_long_run() {
    let mut scene = running("w: {cmd: x, numprocs: 2, starttime: 0}", "restart_storm: {rate: 50, burst: 1}");
    for _ in 0..1000 {
        scene.exits_with("w:0", 1);
        assert_eq!(scene.state("w:0"), QUEUED);
        scene.spawn_all();
        scene.pass(STEP);
    }
    scene.exits_with("w:0", 1);
    scene.spawn_all();
    scene.exits_with("w:0", 1);
    assert_eq!(scene.state("w:0"), DELAYED, "two within one step are");
}

#[test]
fn a_pace_can_be_turned_off_and_a_reload_sets_another() {
    let mut scene = running(MANY, "restart_storm: off");
    assert!(all_die(&mut scene).is_empty());
    assert_eq!(count(&scene, QUEUED), 400);
    let mut scene = running(MANY, "restart_storm: {rate: 1, burst: 1}");
    all_die(&mut scene);
    assert_eq!(count(&scene, DELAYED), 399);
    // The file says the default by now: 200 at once.
    scene.reload(MANY);
    assert_eq!(count(&scene, DELAYED), 249, "150 go: the second that was taken counts for 50");
    let over =
        "restart storm is over: 400 restarts in 0.0 s (w: 400), 399 of them paced; 400 instances are not up";
    assert_eq!(notes(scene.reload_under(MANY, "restart_storm: off")), [over]);
    assert_eq!((count(&scene, DELAYED), scene.core.next_deadline()), (0, None));
}

#[test]
fn a_shutdown_ends_the_storm() {
    let mut scene = running(MANY, "");
    all_die(&mut scene);
    scene.order("exit");
    assert_eq!((count(&scene, State::Stopped), scene.core.is_storm()), (400, false));
    assert_eq!(scene.core.next_deadline(), None);
}

#[test]
fn start_interval_and_dependencies_come_before_the_pace() {
    let mut scene = running(
        "w: {cmd: x, numprocs: 3, starttime: 0, start_interval: 3}",
        "restart_storm: {rate: 1, burst: 1}",
    );
    for _ in 0..2 {
        scene.pass(3 * SECOND);
        scene.spawn_all();
    }
    scene.pass(10 * SECOND);
    all_die(&mut scene);
    let mut starts = Vec::new();
    for second in 0..10 {
        starts.extend(scene.spawn_all().into_iter().map(|name| (second, name)));
        scene.pass(SECOND);
    }
    assert_eq!(starts, [(0, "w:0"), (3, "w:1"), (6, "w:2")].map(|(at, name)| (at, name.to_owned())));
}
