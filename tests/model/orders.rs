//! What users can order, and what they are told.

use std::time::Duration;

use crate::scene::Scene;

const TRIO: &str = "w: {cmd: x, numprocs: 3}";

#[test]
fn start_answers_one_line_for_each_instance_when_it_runs() {
    let mut scene = Scene::new(TRIO);
    scene.order("start w:0");
    scene.spawn_all();
    assert_eq!(scene.reach_deadline(), ["w:0 -> Running", "#1 w:0: started", "#1 done"]);
    let lines = scene.order("start w");
    assert_eq!(lines[0], "#2 w:0: already running");
    scene.spawn_all();
    let lines = scene.reach_deadline();
    let expected = ["w:1 -> Running", "#2 w:1: started", "w:2 -> Running", "#2 w:2: started", "#2 done"];
    assert_eq!(lines, expected);
}

#[test]
fn an_order_fails_if_it_fails_for_one_target() {
    let mut scene = Scene::new("w: {cmd: x, numprocs: 2, startretries: 0, starttime: 0}");
    scene.order("start w");
    scene.take();
    scene.spawn_fails("w:0");
    scene.take();
    assert_eq!(scene.spawned("w:1"), ["w:1 -> Running", "#1 w:1: started", "#1 failed"]);
}

#[test]
fn restart_answers_when_the_fresh_process_runs() {
    let mut scene = Scene::running("w: {cmd: x}");
    assert_eq!(scene.order("restart w")[0], "w:0 TERM to group");
    assert!(!scene.ends("w:0").iter().any(|line| line.starts_with('#')));
    scene.spawn_all();
    assert_eq!(scene.reach_deadline(), ["w:0 -> Running", "#1 w:0: started", "#1 done"]);
    assert_eq!(scene.spawns_of("w:0"), 2);
}

#[test]
fn a_hundred_restarts_at_once_leave_one_process() {
    let mut scene = Scene::running("w: {cmd: x}");
    let signals =
        (0..100).flat_map(|_| scene.order("restart w")).filter(|line| line.contains("TERM")).count();
    scene.ends("w:0");
    assert_eq!(scene.spawn_all(), ["w:0"]);
    let lines = scene.reach_deadline();
    assert_eq!((signals, lines.iter().filter(|line| line.ends_with("done")).count()), (1, 100));
    assert_eq!(scene.spawns_of("w:0"), 2);
}

#[test]
fn the_same_instance_named_twice_is_answered_once() {
    let mut scene = Scene::new("w: {cmd: x}");
    assert_eq!(scene.order("stop w w:0 all"), ["#1 w:0: already stopped", "#1 done"]);
}

#[test]
fn unknown_targets_are_named_and_the_others_are_served() {
    let mut scene = Scene::running("worker: {cmd: x}");
    let lines = scene.order("signal HUP wroker worker worker:7 @GONE");
    assert_eq!(
        lines,
        [
            "#1 ERROR wroker: no such program (did you mean 'worker'?)",
            "#1 ERROR worker:7: no such instance: numprocs is 1",
            "#1 ERROR @GONE: no such state (STOPPED, STARTING, RUNNING, BACKOFF, STOPPING, EXITED, FATAL)",
            "worker:0 HUP to leader",
            "#1 worker:0: signalled",
            "#1 failed",
        ]
    );
}

#[test]
fn a_state_without_instances_and_a_program_without_instances_are_no_mistakes() {
    let mut scene = Scene::new("none: {cmd: x, numprocs: 0}");
    let orders =
        ["start none", "stop none:*", "restart all", "restart --rolling n*", "signal HUP none none:*"];
    for (at, line) in orders.iter().enumerate() {
        let number = at + 1;
        let told = [format!("#{number} none: no instances (numprocs 0)"), format!("#{number} done")];
        assert_eq!(scene.order(line), told, "{line}");
    }
    assert_eq!(scene.order("stop @FATAL"), ["#6 done"]);
    assert_eq!(scene.order("start none:0")[0], "#7 ERROR none:0: no such instance: numprocs is 0");
}

#[test]
fn that_a_program_has_no_instances_is_said_where_a_target_means_nothing_else() {
    let mut scene =
        Scene::running("none: {cmd: x, numprocs: 0}, one: {cmd: x}, nothing: {cmd: x, numprocs: 0}");
    let [none, nothing] = ["none", "nothing"].map(|it| format!("{it}: no instances (numprocs 0)"));
    let expected = |number: u32, said: &[&str]| -> Vec<String> {
        let lines = said.iter().copied().chain(["done"]);
        lines.map(|line| format!("#{number} {line}")).collect()
    };
    assert_eq!(scene.order("start all"), expected(1, &["one:0: already running"]));
    assert_eq!(scene.order("start n*"), expected(2, &[&none, &nothing]));
    assert_eq!(scene.order("start *o*e none"), expected(3, &[&none, "one:0: already running"]));
    scene.order("scale one 0");
    scene.ends("one:0");
    assert_eq!(scene.order("stop one"), expected(5, &["one: no instances (numprocs 0)"]));
}

#[test]
fn what_starts_first_stops_last() {
    let mut scene = Scene::running("db: {cmd: x, priority: 1}, web: {cmd: x, priority: 2, numprocs: 2}");
    let asked: Vec<String> =
        scene.order("stop all").into_iter().filter(|line| line.contains("TERM")).collect();
    assert_eq!(asked, ["web:1 TERM to group", "web:0 TERM to group", "db:0 TERM to group"]);
}

#[test]
fn a_signal_goes_to_the_leader_alone_and_only_where_there_is_one() {
    let mut scene = Scene::running("w: {cmd: x}, v: {cmd: x, autostart: false}");
    let lines = scene.order("signal USR1 w v");
    let expected = ["w:0 USR1 to leader", "#1 w:0: signalled", "#1 ERROR v:0: not running", "#1 failed"];
    assert_eq!(lines, expected);
}

#[test]
fn a_superfluous_tick_changes_nothing() {
    let mut scene = Scene::running(TRIO);
    assert!(scene.pass(Duration::ZERO).is_empty());
    assert!(scene.pass(Duration::from_secs(1_000_000)).is_empty());
    assert_eq!(scene.core.next_deadline(), None);
}
