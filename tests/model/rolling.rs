//! Rolling restarts: a few at a time, and no more after the first that fails.

use std::collections::BTreeSet;
use std::time::Duration;

use taskmaster::supervisor::{Event, Probe, State};

use crate::scene::Scene;

const FOUR: &str = "w: {cmd: x, numprocs: 4, startretries: 0, stoptime: 5}";
const SECOND: Duration = Duration::from_secs(1);

/// The answers among what the core does, without the number of the order.
fn said(lines: &[String], order: u32) -> Vec<String> {
    let mark = format!("#{order} ");
    lines.iter().filter_map(|line| line.strip_prefix(&mark)).map(str::to_owned).collect()
}

/// Whom a stopsignal went to.
fn asked(lines: &[String]) -> Vec<String> {
    lines.iter().filter_map(|line| line.strip_suffix(" TERM to group")).map(str::to_owned).collect()
}

/// Ends the process, starts the next and lets it live for its starttime.
fn turn_over(scene: &mut Scene, name: &str) -> Vec<String> {
    let mut lines = scene.ends(name);
    lines.extend(scene.spawn_all());
    lines.extend(scene.reach_deadline());
    lines
}

fn check(scene: &mut Scene, name: &str, outcome: Result<(), &str>) -> Vec<String> {
    let run = scene.run(name);
    scene.handle(Event::Probed { run, probe: Probe::Readiness, outcome: outcome.map_err(str::to_owned) })
}

#[test]
fn one_after_the_other_and_each_is_told_when_it_runs() {
    let mut scene = Scene::running(FOUR);
    assert_eq!(asked(&scene.order("restart --rolling w")), ["w:0"]);
    for (name, next) in [("w:0", Some("w:1")), ("w:1", Some("w:2")), ("w:2", Some("w:3")), ("w:3", None)] {
        assert!(asked(&scene.ends(name)).is_empty(), "the next waits until it runs");
        assert_eq!(scene.spawn_all(), [name]);
        let lines = scene.reach_deadline();
        assert_eq!(asked(&lines), next.into_iter().collect::<Vec<_>>());
        let done = next.is_none().then(|| "done".to_owned());
        let told = [format!("{name}: started")].into_iter().chain(done).collect::<Vec<_>>();
        assert_eq!(said(&lines, 1), told);
    }
    assert_eq!(scene.core.next_deadline(), None);
}

#[test]
fn a_batch_is_of_one_program_and_the_next_waits_for_all_of_it() {
    let mut scene = Scene::running("w: {cmd: x, numprocs: 3}, v: {cmd: x}");
    assert_eq!(asked(&scene.order("restart --rolling --batch 2 all")), ["w:0", "w:1"]);
    assert!(asked(&turn_over(&mut scene, "w:1")).is_empty());
    assert_eq!(asked(&turn_over(&mut scene, "w:0")), ["w:2"]);
    assert_eq!(asked(&turn_over(&mut scene, "w:2")), ["v:0"]);
    assert_eq!(said(&turn_over(&mut scene, "v:0"), 1), ["v:0: started", "done"]);
}

#[test]
fn the_first_that_fails_ends_it_and_the_rest_keeps_its_run() {
    let mut scene = Scene::running(FOUR);
    scene.order("restart --rolling --batch 2 w");
    turn_over(&mut scene, "w:0");
    scene.ends("w:1");
    scene.take();
    let lines = scene.spawn_fails("w:1");
    let stopped = "rolling restart stopped: w:1 failed: no such program; 1 restarted, 2 left as they are";
    assert!(lines.contains(&format!("note: {stopped}")), "{lines:?}");
    let kept = ["w:2: not restarted, left as it is", "w:3: not restarted, left as it is"].map(str::to_owned);
    let mut told = vec!["ERROR w:1: no such program".to_owned()];
    told.extend(kept);
    told.extend([format!("ERROR {stopped}"), "failed".to_owned()]);
    assert_eq!(said(&lines, 1), told);
    assert_eq!([scene.spawns_of("w:2"), scene.spawns_of("w:3")], [1, 1]);
    assert_eq!((scene.state("w:2"), scene.state("w:3")), (State::Running, State::Running));
}

#[test]
fn the_others_of_a_batch_are_waited_for_although_one_has_failed() {
    let mut scene = Scene::running(FOUR);
    scene.order("restart --rolling --batch 2 w");
    scene.ends("w:0");
    scene.take();
    assert_eq!(said(&scene.spawn_fails("w:0"), 1), ["ERROR w:0: no such program"]);
    assert!(said(&turn_over(&mut scene, "w:1"), 1).contains(&"w:1: started".to_owned()));
    assert_eq!(scene.spawns_of("w:2"), 1);
}

#[test]
fn what_does_not_run_comes_first_and_when_it_fails_nothing_that_runs_is_touched() {
    let mut scene = Scene::running(FOUR);
    scene.order("stop w:2");
    scene.ends("w:2");
    assert!(asked(&scene.order("restart --rolling --batch 3 w")).is_empty());
    assert_eq!(scene.take().as_deref(), Some("w:2"));
    let lines = scene.spawn_fails("w:2");
    assert!(asked(&lines).is_empty() && said(&lines, 2).contains(&"failed".to_owned()), "{lines:?}");
}

#[test]
fn readiness_is_waited_for_and_an_end_before_it_is_a_failure() {
    let ready = "w: {cmd: x, numprocs: 3, starttime: 0, readiness: {tcp: 'localhost:1', retries: 2}}";
    let mut scene = Scene::running(ready);
    for number in 0..3 {
        check(&mut scene, &format!("w:{number}"), Ok(()));
    }
    scene.order("restart --rolling w");
    scene.ends("w:0");
    scene.spawn_all();
    for _ in 0..9 {
        assert!(asked(&check(&mut scene, "w:0", Err("refused"))).is_empty());
    }
    assert_eq!(asked(&check(&mut scene, "w:0", Ok(()))), ["w:1"]);
    scene.ends("w:1");
    scene.spawn_all();
    let lines = scene.exits_with("w:1", 7);
    assert_eq!(said(&lines, 1)[0], "ERROR w:1: ended before it was ready (exit code 7)");
    assert_eq!(scene.spawns_of("w:2"), 1);
}

#[test]
fn what_never_becomes_ready_fails_when_it_had_time_for_it() {
    let ready = "w: {cmd: x, numprocs: 2, starttime: 0, readiness: {tcp: 'localhost:1', start_delay: 30, interval: 9, retries: 3}}";
    let mut scene = Scene::running(ready);
    scene.order("restart --rolling w");
    scene.ends("w:0");
    scene.spawn_all();
    check(&mut scene, "w:0", Err("refused"));
    let patience = 60 * SECOND + 30 * SECOND + 3 * (9 * SECOND + SECOND);
    assert_eq!(scene.core.next_deadline(), Some(scene.now + patience));
    assert!(scene.pass(patience - SECOND / 2).is_empty());
    let lines = scene.pass(SECOND / 2);
    assert_eq!(said(&lines, 1)[0], "ERROR w:0: does not become ready (not ready: refused)");
    assert_eq!(scene.core.next_deadline(), None);
    assert_eq!(scene.spawns_of("w:1"), 1);
}

#[test]
fn what_was_restarted_must_stay_up_before_more_is_touched() {
    let mut scene = Scene::running("w: {cmd: x, numprocs: 4, starttime: 1}");
    scene.order("restart --rolling --batch 2 w");
    turn_over(&mut scene, "w:0");
    scene.exits_with("w:0", 3);
    let lines = turn_over(&mut scene, "w:1");
    let told = said(&lines, 1);
    assert_eq!(told[0], "w:1: started");
    assert_eq!(
        told[3],
        "ERROR rolling restart stopped: w:0 failed: ended again after its restart (exit code 3); 1 restarted, 2 left as they are"
    );
}

#[test]
fn an_expected_end_meanwhile_is_waited_for() {
    let mut scene = Scene::running("w: {cmd: x, numprocs: 4, starttime: 1, autorestart: always}");
    scene.order("restart --rolling --batch 2 w");
    turn_over(&mut scene, "w:0");
    scene.exits_with("w:0", 0);
    assert!(asked(&turn_over(&mut scene, "w:1")).len() == 2, "w:0 was started with the rest, and runs again");
    scene.exits_with("w:1", 0);
    scene.ends("w:2");
    scene.ends("w:3");
    scene.take();
    scene.spawned("w:1");
    scene.pass(SECOND / 2);
    scene.spawn_all();
    let lines = scene.pass(SECOND);
    assert!(said(&lines, 1).contains(&"done".to_owned()), "{lines:?}");
}

#[test]
fn whoever_is_stopped_restarted_or_removed_before_his_turn_leaves() {
    let mut scene = Scene::running(FOUR);
    scene.order("restart --rolling w");
    let lines = scene.order("stop w:1");
    assert_eq!(said(&lines, 1), ["w:1: not restarted: it was told to stop"]);
    scene.ends("w:1");
    let lines = scene.order("restart w:2");
    assert_eq!(said(&lines, 1), ["w:2: not restarted: another restart has taken it over"]);
    let lines = scene.order("scale w 3");
    assert_eq!(said(&lines, 1), ["w:3: not restarted: it is being removed"]);
    let lines = turn_over(&mut scene, "w:0");
    assert_eq!(said(&lines, 1), ["w:0: started", "done"]);
    assert_eq!(scene.state("w:1"), State::Stopped);
}

#[test]
fn a_reload_that_restarts_them_takes_them_over() {
    let mut scene = Scene::running(FOUR);
    scene.order("restart --rolling w");
    let lines = scene.reload("w: {cmd: y, numprocs: 4, startretries: 0}");
    let told = said(&lines, 1);
    assert_eq!(told, [3, 2, 1].map(|number| format!("w:{number}: not restarted: the reload restarts it")));
    let lines = turn_over(&mut scene, "w:0");
    assert!(said(&lines, 1).contains(&"done".to_owned()));
}

#[test]
fn a_second_one_takes_over_and_no_more_than_a_batch_is_down() {
    let mut scene = Scene::running(FOUR);
    scene.order("restart --rolling w");
    let lines = scene.order("restart --rolling w");
    assert!(asked(&lines).is_empty(), "the one that is down comes first: {lines:?}");
    let told = said(&lines, 1);
    assert_eq!(
        told,
        [1, 2, 3].map(|n| format!("w:{n}: not restarted: a later rolling restart has taken it over"))
    );
    let lines = turn_over(&mut scene, "w:0");
    assert_eq!(
        (said(&lines, 1), said(&lines, 2)),
        (vec!["w:0: started".to_owned(), "done".to_owned()], vec!["w:0: started".to_owned()])
    );
    assert_eq!(asked(&lines), ["w:1"]);
}

#[test]
fn a_stop_of_the_one_whose_turn_it_is_ends_it() {
    let mut scene = Scene::running(FOUR);
    scene.order("restart --rolling w");
    scene.order("stop w:0");
    let lines = scene.ends("w:0");
    assert_eq!(said(&lines, 1)[0], "ERROR w:0: stopped before it was running");
    assert_eq!(scene.spawns_of("w:1"), 1);
}

#[test]
fn a_shutdown_answers_all_of_it() {
    let mut scene = Scene::running(FOUR);
    scene.order("restart --rolling w");
    let lines = scene.order("exit");
    let mut told: Vec<String> =
        (0..4).map(|n| format!("ERROR w:{n}: not restarted: the supervisor is shutting down")).collect();
    told.push("failed".to_owned());
    assert_eq!(said(&lines, 1), told);
    let lines = scene.order("restart --rolling w:1 nobody");
    assert!(said(&lines, 3).contains(&"failed".to_owned()), "{lines:?}");
}

#[test]
fn what_it_needs_and_cannot_get_is_a_failure() {
    let mut scene =
        Scene::running("w: {cmd: x, numprocs: 2, depends_on: [db]}, db: {cmd: x, startretries: 0}");
    scene.spawn_all();
    scene.reach_deadline();
    scene.order("stop db");
    scene.ends("db:0");
    let lines = scene.order("restart --rolling w");
    scene.take();
    scene.spawn_fails("db:0");
    let lines = [lines, scene.ends("w:0")].concat();
    assert!(said(&lines, 2)[0].starts_with("ERROR w:0: waits for db:0, which is FATAL"), "{lines:?}");
    assert_eq!(scene.spawns_of("w:1"), 1);
}

/// Who waits for his turn, as far as everybody whose answer to that has changed was told of.
fn waiting(scene: &Scene, known: &mut BTreeSet<String>, lines: &[String]) -> Vec<String> {
    let now: BTreeSet<String> = scene.core.awaiting_turn().iter().map(|key| scene.core.name(*key)).collect();
    for name in now.symmetric_difference(known) {
        assert!(lines.contains(&format!("{name} turn")), "nobody is told of {name}: {lines:?}");
    }
    *known = now;
    known.iter().cloned().collect()
}

#[test]
fn it_is_known_who_waits_for_his_turn_and_told_when_that_changes() {
    let mut scene = Scene::running(FOUR);
    let mut known = BTreeSet::new();
    let lines = scene.order("restart --rolling w");
    assert_eq!(waiting(&scene, &mut known, &lines), ["w:1", "w:2", "w:3"]);
    let lines = scene.order("stop w:3");
    assert_eq!(waiting(&scene, &mut known, &lines), ["w:1", "w:2"]);
    let lines = turn_over(&mut scene, "w:0");
    assert_eq!(waiting(&scene, &mut known, &lines), ["w:2"]);
    scene.ends("w:1");
    scene.take();
    let lines = scene.spawn_fails("w:1");
    assert_eq!(waiting(&scene, &mut known, &lines), [""; 0], "it has failed");
    let lines = scene.order("restart --rolling w");
    assert_eq!(waiting(&scene, &mut known, &lines).len(), 3);
    let lines = scene.order("exit");
    assert_eq!(waiting(&scene, &mut known, &lines), [""; 0]);
}

#[test]
fn nobody_is_a_roll_that_is_over() {
    let mut scene = Scene::running("none: {cmd: x, numprocs: 0}");
    assert_eq!(scene.order("restart --rolling none"), ["#1 none: no instances (numprocs 0)", "#1 done"]);
}

#[test]
fn what_came_back_by_itself_before_is_restarted_like_all_others() {
    let mut scene = Scene::running("w: {cmd: x, autorestart: always, numprocs: 2}");
    scene.exits_with("w:1", 0);
    scene.spawn_all();
    scene.reach_deadline();
    assert_eq!(scene.instance("w:1").restarts(), 1);
    scene.order("restart --rolling w");
    turn_over(&mut scene, "w:0");
    assert_eq!(said(&turn_over(&mut scene, "w:1"), 1), ["w:1: started", "done"]);
}
