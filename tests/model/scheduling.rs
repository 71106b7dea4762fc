//! Programs that start when their time has come.

use std::time::Duration;

use taskmaster::supervisor::{Event, Goal, State};

use crate::scene::Scene;

const W: &str = "w:0";
const DAILY: &str = "w: {cmd: x, schedule: '0 3 * * *'}";

fn due(scene: &mut Scene) -> Vec<String> {
    scene.handle(Event::Due { program: "w".to_owned() })
}

/// It was spawned and has ended well.
fn run(scene: &mut Scene, name: &str) {
    scene.spawn_all();
    scene.pass(Duration::from_secs(2));
    scene.exits_with(name, 0);
    assert_eq!(scene.state(name), State::Exited);
}

#[test]
fn it_rests_until_its_time_and_after_each_run() {
    let mut scene = Scene::booted(DAILY);
    assert_eq!((scene.state(W), scene.instance(W).goal()), (State::Stopped, Goal::Later));
    for _ in 0..3 {
        assert_eq!(due(&mut scene), ["w:0 -> Starting(Queued)"]);
        run(&mut scene, W);
    }
}

#[test]
fn a_run_that_failed_for_good_is_tried_again_at_its_next_time() {
    let mut scene = Scene::booted("w: {cmd: x, schedule: '0 3 * * *', startretries: 0}");
    for _ in 0..2 {
        due(&mut scene);
        scene.spawn_all();
        scene.exits_with(W, 1);
        assert_eq!(scene.state(W), State::Fatal);
    }
    assert_eq!(scene.instance(W).failures(), 1, "the next time forgives what was before");
}

#[test]
fn whatever_is_not_at_rest_skips_its_time_and_that_is_told_once() {
    let mut scene = Scene::booted(DAILY);
    due(&mut scene);
    for state in ["STARTING", "STARTING", "RUNNING"] {
        let told = due(&mut scene);
        assert_eq!(scene.state(W).name(), state);
        assert!(told.len() <= 1, "{told:?}");
        if scene.spawns_of(W) == 0 {
            assert_eq!(told, ["note: w:0: a scheduled run is skipped, as it is STARTING"]);
            scene.spawn_all();
        } else {
            assert_eq!(told, [""; 0]);
            scene.pass(Duration::from_secs(2));
        }
    }
    let skipped = |scene: &Scene| scene.core.programs().next().unwrap().skipped_runs();
    assert_eq!(skipped(&scene).unwrap().0, 3);
    scene.exits_with(W, 0);
    assert_eq!(
        due(&mut scene),
        ["w:0 -> Starting(Queued)", "note: w: 3 scheduled runs were skipped before this one"]
    );
    assert_eq!(skipped(&scene), None);
}

#[test]
fn a_retry_that_waits_is_a_run_that_goes_on() {
    let mut scene = Scene::booted(DAILY);
    due(&mut scene);
    scene.spawn_all();
    scene.exits_with(W, 1);
    assert_eq!(scene.state(W), State::Backoff);
    assert_eq!(due(&mut scene), ["note: w:0: a scheduled run is skipped, as it is BACKOFF"]);
    assert_eq!(scene.instance(W).failures(), 1);
}

#[test]
fn a_stop_holds_at_rest_and_in_the_middle_and_a_start_lets_go() {
    for at_rest in [true, false] {
        let mut scene = Scene::booted(DAILY);
        due(&mut scene);
        scene.spawn_all();
        if at_rest {
            scene.pass(Duration::from_secs(2));
            scene.exits_with(W, 0);
            scene.order("stop w");
        } else {
            scene.order("stop w");
            scene.ends(W);
        }
        assert_eq!(due(&mut scene), [""; 0]);
        scene.order("start w");
        run(&mut scene, W);
        assert_eq!(due(&mut scene), ["w:0 -> Starting(Queued)"]);
    }
    let mut scene = Scene::booted(DAILY);
    scene.order("stop w");
    assert_eq!(due(&mut scene), [""; 0], "before its first time, too");
}

#[test]
fn each_instance_has_its_own_run_unless_they_may_overlap() {
    let mut scene = Scene::booted("w: {cmd: x, numprocs: 3, schedule: '0 3 * * *'}");
    due(&mut scene);
    assert_eq!(scene.spawn_all(), ["w:0", "w:1", "w:2"]);
    scene.pass(Duration::from_secs(2));
    scene.exits_with("w:1", 0);
    due(&mut scene);
    assert_eq!(scene.spawn_all(), ["w:1"]);

    let mut scene = Scene::booted("w: {cmd: x, numprocs: 2, schedule: {cron: '0 3 * * *', overlap: true}}");
    for expected in [&["w:0"][..], &["w:1"], &[]] {
        due(&mut scene);
        assert_eq!(scene.spawn_all(), expected);
    }
    assert_eq!(scene.core.programs().next().unwrap().skipped_runs().unwrap().0, 1);
    scene.pass(Duration::from_secs(2));
    scene.exits_with("w:0", 0);
    due(&mut scene);
    assert_eq!(scene.spawn_all(), ["w:0"]);
}

#[test]
fn what_it_needs_starts_with_it() {
    let mut scene = Scene::booted(
        "w: {cmd: x, schedule: '0 3 * * *', depends_on: [db]}, db: {cmd: x, autostart: false, starttime: 0}",
    );
    due(&mut scene);
    assert_eq!(scene.spawn_all(), ["db:0", "w:0"]);
}

#[test]
fn a_reload_puts_another_schedule_in_force_and_starts_nothing() {
    let mut scene = Scene::booted(DAILY);
    scene.order("stop w");
    assert_eq!(scene.reload("w: {cmd: x, schedule: '0 4 * * *'}").last().unwrap(), "#2 done");
    assert_eq!(scene.spawn_all(), [""; 0]);
    assert_eq!(due(&mut scene), ["w:0 -> Starting(Queued)"]);
    run(&mut scene, W);
    // Another command, too, waits for its time.
    scene.reload("w: {cmd: y, schedule: '0 4 * * *'}");
    assert_eq!(scene.spawn_all(), [""; 0]);
    scene.reload("w: {cmd: y, type: oneshot, autostart: false}");
    assert_eq!(due(&mut scene), [""; 0]);
    // New ones, however they come, wait as well.
    scene.reload("w: {cmd: y, schedule: '0 4 * * *', numprocs: 2}");
    let told = scene.order("scale w 3");
    assert_eq!(told, ["#6 w:2: waits for its schedule", "#6 done"]);
    assert_eq!(scene.spawn_all(), [""; 0]);
    due(&mut scene);
    assert_eq!(scene.spawn_all(), ["w:0", "w:1", "w:2"]);
}

#[test]
fn what_has_failed_waits_for_its_time_even_if_it_is_another_program_now() {
    let mut scene = Scene::booted("w: {cmd: x, schedule: '0 3 * * *', startretries: 0}");
    due(&mut scene);
    scene.spawn_all();
    scene.exits_with(W, 1);
    scene.reload("w: {cmd: y, schedule: '0 3 * * *', startretries: 0}");
    assert_eq!((scene.state(W), scene.spawn_all()), (State::Fatal, Vec::new()));
    due(&mut scene);
    assert_eq!(scene.spawn_all(), [W]);
}

#[test]
fn on_the_way_out_no_time_comes() {
    let mut scene = Scene::booted("w: {cmd: x, schedule: '0 3 * * *'}, v: {cmd: x, starttime: 0}");
    scene.spawn_all();
    scene.order("shutdown");
    assert_eq!(due(&mut scene), [""; 0]);
    assert!(!scene.core.has_spawns());
}

#[test]
fn times_of_others_and_of_nobody_change_nothing() {
    let mut scene = Scene::booted("w: {cmd: x, autostart: false}");
    assert_eq!(due(&mut scene), [""; 0]);
    assert_eq!(scene.handle(Event::Due { program: "nobody".to_owned() }), [""; 0]);
    assert_eq!(scene.handle(Event::Planned { program: "nobody".to_owned(), next: None }), [""; 0]);
}
