//! Who waits for whom, on the way up and on the way down.

use std::time::Duration;

use taskmaster::supervisor::{Ending, Event, Launch, State};

use crate::scene::{NANOSECOND, Scene};

const SECOND: Duration = Duration::from_secs(1);
const HELD: State = State::Starting(Launch::Held);
const QUEUED: State = State::Starting(Launch::Queued);
const CHAIN: &str =
    "web: {cmd: x, depends_on: [api]}, api: {cmd: x, depends_on: [db]}, db: {cmd: x, priority: 1000}";

fn waits_for(scene: &Scene, name: &str) -> String {
    scene.core.blocker(scene.run(name).instance).map_or_else(String::new, |it| scene.core.waits_for(it))
}

#[test]
fn each_starts_when_what_it_needs_runs_and_not_before() {
    let mut scene = Scene::booted(CHAIN);
    assert_eq!(scene.spawn_all(), ["db:0"]);
    assert_eq!((scene.state("web:0"), scene.state("api:0")), (HELD, HELD));
    assert_eq!(waits_for(&scene, "api:0"), "waits for db:0 to be running (STARTING)");
    scene.pass(SECOND - NANOSECOND);
    assert_eq!(scene.spawn_all(), [""; 0]);
    scene.pass(NANOSECOND);
    assert_eq!(scene.spawn_all(), ["api:0"]);
    scene.pass(SECOND);
    assert_eq!(scene.spawn_all(), ["web:0"]);
}

#[test]
fn those_that_need_nothing_of_each_other_start_together() {
    let mut scene = Scene::booted("a: {cmd: x}, b: {cmd: x, depends_on: [a]}, c: {cmd: x, depends_on: [a]}");
    scene.spawn_all();
    scene.pass(SECOND);
    assert_eq!(scene.spawn_all(), ["b:0", "c:0"]);
}

#[test]
fn every_instance_of_what_is_needed_counts() {
    let mut scene = Scene::booted("a: {cmd: x, numprocs: 2, starttime: 0}, b: {cmd: x, depends_on: [a]}");
    scene.take();
    scene.spawned("a:0");
    assert_eq!(scene.state("b:0"), HELD);
    scene.take();
    scene.spawned("a:1");
    assert_eq!(scene.state("b:0"), QUEUED);
}

#[test]
fn a_job_must_have_ended_well() {
    let mut scene =
        Scene::booted("web: {cmd: x, depends_on: [job]}, job: {cmd: x, type: oneshot, startretries: 1}");
    assert_eq!(scene.spawn_all(), ["job:0"]);
    scene.pass(5 * SECOND);
    assert_eq!(waits_for(&scene, "web:0"), "waits for job:0 to be exited_ok (RUNNING)");
    scene.exits_with("job:0", 0);
    assert_eq!(scene.spawn_all(), ["web:0"]);
}

#[test]
fn whoever_waits_for_a_dependent_of_what_is_fatal_is_told_and_it_goes_on_waiting() {
    let mut scene = Scene::new("web: {cmd: x, depends_on: [db]}, db: {cmd: x, startretries: 0}");
    scene.order("start web");
    assert_eq!(scene.take().as_deref(), Some("db:0"));
    let lines = scene.spawn_fails("db:0");
    let told = "#1 ERROR web:0: waits for db:0, which is FATAL (depends_on: running)";
    assert_eq!(lines, ["db:0 -> Fatal", told, "#1 failed"]);
    assert_eq!(scene.state("web:0"), HELD);
    scene.order("start db");
    scene.spawn_all();
    scene.pass(SECOND);
    assert_eq!(scene.spawn_all(), ["web:0"]);
}

#[test]
fn a_start_brings_up_what_is_needed_even_without_autostart() {
    let mut scene = Scene::booted(
        "web: {cmd: x, depends_on: [api], autostart: false}, api: {cmd: x, depends_on: [db], autostart: false}, db: {cmd: x, starttime: 0, autostart: false}",
    );
    assert_eq!(scene.spawn_all(), [""; 0]);
    scene.order("start web");
    assert_eq!(scene.spawn_all(), ["db:0", "api:0"]);
}

#[test]
fn what_is_needed_can_be_stopped_alone_and_a_restart_waits_for_it() {
    let mut scene =
        Scene::running("web: {cmd: x, starttime: 0, depends_on: [db]}, db: {cmd: x, starttime: 0}");
    scene.spawn_all();
    scene.order("stop db");
    assert_eq!(scene.state("web:0"), State::Running, "it goes on");
    scene.exits_with("db:0", 0);
    scene.group_goes("db:0");
    scene.exits_with("web:0", 1);
    assert_eq!(scene.state("web:0"), HELD);
    assert_eq!(waits_for(&scene, "web:0"), "waits for db:0, which is STOPPED (depends_on: running)");
}

#[test]
fn what_is_needed_stops_after_those_that_need_it() {
    for way in ["stop all", "restart all", "exit"] {
        let mut scene = Scene::booted(CHAIN);
        for _ in 0..3 {
            scene.spawn_all();
            scene.pass(SECOND);
        }
        let lines = scene.order(way);
        assert!(lines.iter().all(|line| !line.contains("TERM") || line.starts_with("web:0")), "{lines:?}");
        assert_eq!(scene.state("db:0"), State::Stopping(Ending::Held));
        for (name, next) in [("web:0", "api:0"), ("api:0", "db:0")] {
            let mut lines = scene.exits_with(name, 0);
            lines.extend(scene.group_goes(name));
            let asked: Vec<&str> =
                lines.iter().filter_map(|line| line.strip_suffix(" TERM to group")).collect();
            assert_eq!(asked, [next], "{way}");
        }
    }
}

#[test]
fn what_sigkill_does_not_end_is_not_waited_for() {
    let mut scene =
        Scene::running("web: {cmd: x, starttime: 0, depends_on: [db]}, db: {cmd: x, starttime: 0}");
    scene.spawn_all();
    scene.order("stop all");
    scene.pass(10 * SECOND);
    assert_eq!(scene.state("db:0"), State::Stopping(Ending::Held));
    let lines = scene.pass(5 * SECOND);
    assert!(lines.contains(&"db:0 TERM to group".to_owned()), "{lines:?}");
}

#[test]
fn a_second_signal_kills_those_that_wait_to_be_asked_too() {
    let mut scene =
        Scene::running("web: {cmd: x, starttime: 0, depends_on: [db]}, db: {cmd: x, starttime: 0}");
    scene.spawn_all();
    scene.handle(Event::ShutdownSignal);
    assert!(scene.handle(Event::ShutdownSignal).contains(&"db:0 KILL to group".to_owned()));
}

#[test]
fn instances_start_one_interval_after_the_other() {
    let mut scene = Scene::booted("w: {cmd: x, numprocs: 3, start_interval: 2, starttime: 0}, v: {cmd: x}");
    assert_eq!(scene.spawn_all(), ["w:0", "v:0"]);
    assert_eq!(scene.state("w:1"), State::Starting(Launch::Delayed));
    scene.pass(2 * SECOND - NANOSECOND);
    assert_eq!(scene.spawn_all(), [""; 0]);
    scene.pass(NANOSECOND);
    assert_eq!(scene.spawn_all(), ["w:1"]);
    scene.pass(2 * SECOND);
    assert_eq!(scene.spawn_all(), ["w:2"]);
    scene.pass(2 * SECOND);
    scene.exits_with("w:1", 1);
    assert_eq!(scene.spawn_all(), ["w:1"], "nobody started lately");
}

#[test]
fn a_place_in_the_row_that_is_given_up_is_taken() {
    let mut scene = Scene::booted("w: {cmd: x, numprocs: 3, start_interval: 10}");
    scene.spawn_all();
    scene.order("stop w");
    scene.exits_with("w:0", 0);
    scene.group_goes("w:0");
    scene.pass(SECOND);
    scene.order("start w");
    assert_eq!(scene.wait_of("w:0"), Some(9 * SECOND), "and not behind those that were stopped");
}

#[test]
fn a_reload_keeps_the_order_of_stops_and_starts() {
    let both = "web: {cmd: x, starttime: 0, depends_on: [db]}, db: {cmd: x, starttime: 0, priority: 9999}";
    let mut scene = Scene::booted(both);
    scene.spawn_all();
    scene.spawn_all();
    assert_eq!(scene.state("web:0"), State::Running);
    let changed = both.replace("cmd: x", "cmd: y");
    scene.reload(&changed);
    assert_eq!(scene.state("db:0"), State::Stopping(Ending::Held));
    scene.exits_with("web:0", 0);
    scene.group_goes("web:0");
    assert_eq!((scene.state("web:0"), scene.state("db:0")), (HELD, State::Stopping(Ending::Terminating)));
    scene.exits_with("db:0", 0);
    scene.group_goes("db:0");
    assert_eq!(scene.spawn_all(), ["db:0", "web:0"]);
    scene.reload("other: {cmd: z}");
    assert_eq!(scene.state("db:0"), State::Stopping(Ending::Held));
}
