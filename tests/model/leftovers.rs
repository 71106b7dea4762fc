//! What runs leave behind that ended by themselves: nobody looks for it then, and a later stop ends it.

use std::time::Duration;

use taskmaster::supervisor::{Ending, Event, Launch, State};

use crate::scene::Scene;

const W: &str = "w:0";

/// `w:0` has ended by itself and left a member of its group and a stray.
fn left(keys: &str) -> Scene {
    let mut scene = Scene::running(&format!("w: {{cmd: x, {keys}}}"));
    scene.exits_with(W, 0);
    scene.leaves(W, 1, 1);
    scene
}

#[test]
fn a_stop_of_what_has_ended_ends_what_it_left_like_everybody() {
    let mut scene = left("autorestart: never, stopsignal: INT, stoptime: 4");
    let lines = scene.order("stop w");
    assert_eq!(lines, ["w:0 sweep", "w:0 -> Stopping(Terminating)"]);
    assert_eq!(scene.strays(W, 2), ["w:0 INT to strays", "w:0 CONT to strays"]);
    assert_eq!(scene.wait_of(W), Some(Duration::from_secs(4)));
    assert_eq!(scene.reach_deadline(), ["w:0 KILL to strays", "w:0 -> Stopping(Killing)"]);
    assert_eq!(scene.group_goes(W), ["w:0 -> Stopped", "#1 w:0: stopped (2 strays ended)", "#1 done"]);
    // Nothing can be left any more, so nobody looks again.
    assert_eq!(scene.order("stop w"), ["#2 w:0: already stopped", "#2 done"]);
    assert_eq!(scene.surveys, 1);
}

#[test]
fn where_nothing_is_left_a_stop_says_what_it_always_said_and_one_look_is_enough() {
    let mut scene = Scene::running("w: {cmd: x, numprocs: 3, autorestart: never}");
    for number in 0..3 {
        scene.exits_with(&format!("w:{number}"), 0);
    }
    let told = scene.order("stop w");
    assert_eq!(told[..2], ["#1 w:2: not running (EXITED)", "#1 w:1: not running (EXITED)"]);
    scene.order("stop w");
    assert_eq!(scene.surveys, 1);
}

#[test]
fn an_order_that_ends_nothing_asks_for_no_look() {
    let mut scene = left("autorestart: never");
    scene.order("start w");
    scene.order("signal HUP w");
    assert_eq!(scene.surveys, 0);
}

#[test]
fn orders_behind_one_that_waits_for_the_look_wait_too() {
    let mut scene = left("autorestart: never");
    let request = |number| taskmaster::command::RequestId(number);
    let order = |line: &str| match taskmaster::command::parse(line) {
        Ok(Some(taskmaster::command::Command::Order(order))) => order,
        other => panic!("{other:?}"),
    };
    let now = scene.now;
    scene.core.handle(now, Event::Order { request: request(1), order: order("stop w") });
    scene.core.handle(now, Event::Order { request: request(2), order: order("start w") });
    assert_eq!((scene.state(W), scene.core.poll_spawn().is_some()), (State::Exited, false));
    scene.handle(Event::Surveyed { found: Vec::new() });
    assert_eq!(scene.state(W), State::Starting(Launch::Queued), "the last wish wins");
}

#[test]
fn who_cannot_be_looked_for_is_not_gone_and_a_stop_lasts_until_it_is_known() {
    let mut scene = left("autorestart: never, stopsignal: INT, stoptime: 4");
    scene.is_blind = true;
    assert_eq!(scene.order("stop w"), ["w:0 sweep", "w:0 -> Stopping(Terminating)"]);
    assert_eq!(scene.wait_of(W), Some(Duration::from_secs(4)));
    assert_eq!(scene.reach_deadline(), ["w:0 KILL to strays", "w:0 -> Stopping(Killing)"]);
    // Whoever is found at last has been told nothing, and has its stoptime.
    let told = ["w:0 INT to strays", "w:0 CONT to strays", "w:0 -> Stopping(Terminating)"];
    assert_eq!(scene.strays(W, 2), told);
    assert_eq!(scene.wait_of(W), Some(Duration::from_secs(4)));
    assert_eq!(scene.group_goes(W), ["w:0 -> Stopped", "#1 w:0: stopped (2 strays ended)", "#1 done"]);
    assert_eq!((scene.order("stop w").len(), scene.surveys), (2, 1), "all is known again");
}

#[test]
fn a_look_that_failed_is_asked_for_again_by_the_next_order_and_starts_wait_for_none() {
    let mut scene = Scene::running("w: {cmd: x, autorestart: never, starttime: 0}");
    scene.exits_with(W, 0);
    scene.is_blind = true;
    // Not even this one is known to have left nothing.
    assert_eq!(scene.order("stop w"), ["w:0 sweep", "w:0 -> Stopping(Terminating)"]);
    scene.group_goes(W);
    scene.order("start w");
    scene.spawn_all();
    scene.exits_with(W, 0);
    scene.is_blind = false;
    assert_eq!(scene.order("stop w"), ["#3 w:0: not running (EXITED)", "#3 done"]);
    assert_eq!(scene.surveys, 2);
}

#[test]
fn a_shutdown_goes_on_blind_and_gives_up_in_time() {
    let mut scene = left("autorestart: never, stoptime: 4");
    scene.is_blind = true;
    let told = scene.order("shutdown");
    assert!(told.contains(&"w:0 sweep".to_owned()), "{told:?}");
    let mut told = Vec::new();
    for _ in 0..10 {
        if scene.core.next_deadline().is_some() {
            told.extend(scene.reach_deadline());
        }
    }
    assert!(told.contains(&"quit, 1 left".to_owned()), "{told:?}");
}

#[test]
fn a_stop_during_the_wait_for_a_retry_cancels_it_and_ends_what_the_try_left() {
    let mut scene = Scene::booted("w: {cmd: x}");
    scene.spawn_all();
    scene.exits_with(W, 1);
    assert_eq!(scene.state(W), State::Backoff);
    scene.leaves(W, 0, 1);
    assert_eq!(scene.order("stop w"), ["w:0 sweep", "w:0 -> Stopping(Terminating)"]);
    scene.strays(W, 1);
    let told = ["w:0 -> Stopped", "#1 w:0: stopped (1 stray ended)", "#1 done"];
    assert_eq!(scene.group_goes(W), told);
    assert_eq!(scene.core.next_deadline(), None);
}

#[test]
fn a_restart_from_rest_comes_after_what_was_left_is_gone() {
    let mut scene = left("autorestart: never");
    assert_eq!(scene.order("restart w"), ["w:0 sweep", "w:0 -> Stopping(Terminating)"]);
    assert_eq!(scene.take(), None);
    scene.strays(W, 2);
    assert_eq!(scene.group_goes(W), ["w:0 -> Stopped", "w:0 -> Starting(Queued)"]);
    assert_eq!(scene.spawn_all(), [W]);
}

#[test]
fn a_start_and_a_restart_by_policy_leave_it_and_the_stop_after_them_does_not() {
    let mut scene = left("autorestart: always");
    assert_eq!(scene.spawn_all(), [W]);
    scene.reach_deadline();
    scene.order("stop w");
    assert_eq!(scene.exits_with(W, 0), ["w:0 watch group"], "which is about earlier runs, too");
    scene.strays(W, 2);
    assert!(scene.group_goes(W).contains(&"#1 w:0: stopped (2 strays ended)".to_owned()));
}

#[test]
fn what_is_taken_out_of_the_file_takes_what_it_left_along() {
    let mut scene = left("autorestart: never");
    assert_eq!(scene.reload("v: {cmd: x, autostart: false}")[0], "w:0 sweep");
    assert_eq!(scene.list(), ["v:0", "w:0"]);
    scene.strays(W, 1);
    assert!(scene.group_goes(W).contains(&"#1 w:0: removed (1 stray ended)".to_owned()));
    assert_eq!(scene.list(), ["v:0"]);
}

#[test]
fn what_the_file_makes_another_comes_after_what_was_left_is_gone() {
    let mut scene = left("autorestart: unexpected, exitcodes: [1], startretries: 0, starttime: 0");
    // It came again at once; its next try fails for good.
    scene.take();
    scene.spawn_fails(W);
    assert_eq!(scene.state(W), State::Fatal);
    assert_eq!(scene.reload("w: {cmd: y, startretries: 0, starttime: 0}")[0], "w:0 sweep");
    assert_eq!(scene.take(), None);
    scene.group_goes(W);
    assert_eq!(scene.spawn_all(), [W]);
}

#[test]
fn never_leaves_it_and_no_killasgroup_leaves_the_group() {
    let mut scene = left("autorestart: never, kill_strays: never");
    assert_eq!(scene.order("stop w"), ["#1 w:0: not running (EXITED)", "#1 done"]);
    assert_eq!(scene.surveys, 0);
    let mut scene = left("autorestart: never, killasgroup: false");
    scene.leaves(W, 1, 0);
    assert_eq!(scene.order("stop w"), ["#1 w:0: not running (EXITED)", "#1 done"]);
    scene.leaves(W, 1, 1);
    assert_eq!(scene.order("stop w")[0], "w:0 sweep, groups aside");
}

#[test]
fn a_shutdown_ends_what_is_left_in_the_turn_of_its_instance() {
    let mut scene = Scene::running("db: {cmd: x, priority: 1, autorestart: never}, web: {cmd: x}");
    scene.exits_with("db:0", 0);
    scene.leaves("db:0", 0, 1);
    assert!(!scene.order("exit").contains(&"db:0 sweep".to_owned()));
    assert!(scene.ends("web:0").contains(&"db:0 sweep".to_owned()));
    assert_eq!(scene.strays("db:0", 1)[0], "db:0 TERM to strays");
    assert_eq!(scene.group_goes("db:0").last().map(String::as_str), Some("quit, 0 left"));
}

#[test]
fn what_ends_by_itself_before_its_turn_in_a_shutdown_is_looked_after_in_its_turn() {
    let mut scene = Scene::running("db: {cmd: x, priority: 1}, web: {cmd: x}");
    scene.order("exit");
    assert!(!scene.exits_with("db:0", 0).contains(&"db:0 sweep".to_owned()));
    assert!(scene.ends("web:0").contains(&"db:0 sweep".to_owned()));
    assert_eq!(scene.group_goes("db:0").last().map(String::as_str), Some("quit, 0 left"));
    assert_eq!(scene.surveys, 0);
}

#[test]
fn a_stop_of_all_ends_what_is_left_after_those_that_need_it() {
    let mut scene = Scene::running(
        "db: {cmd: x, autorestart: never, type: oneshot}, web: {cmd: x, depends_on: {db: {condition: exited_ok}}}",
    );
    scene.exits_with("db:0", 0);
    scene.spawn_all();
    scene.reach_deadline();
    scene.leaves("db:0", 0, 1);
    scene.order("stop all");
    assert_eq!(scene.state("db:0"), State::Stopping(Ending::Held));
    assert!(scene.ends("web:0").contains(&"db:0 sweep".to_owned()));
}

#[test]
fn a_second_signal_kills_what_is_left() {
    let mut scene = Scene::running("db: {cmd: x, priority: 1, autorestart: never}, web: {cmd: x}");
    scene.exits_with("db:0", 0);
    scene.leaves("db:0", 0, 1);
    scene.handle(Event::ShutdownSignal);
    let lines = scene.handle(Event::ShutdownSignal);
    assert!(lines.contains(&"db:0 sweep".to_owned()), "{lines:?}");
    assert_eq!(scene.strays("db:0", 1)[0], "db:0 KILL to strays");
}

#[test]
fn what_takes_all_others_along_when_it_fails_takes_what_it_left() {
    let mut scene = Scene::booted("w: {cmd: x, startretries: 0, exit_on_failure: true}");
    scene.spawn_all();
    scene.leaves(W, 1, 0);
    assert!(scene.exits_with(W, 1).contains(&"w:0 sweep".to_owned()));
    scene.strays(W, 1);
    assert_eq!(scene.group_goes(W).last().map(String::as_str), Some("quit, 0 left"));
}

#[test]
fn a_stop_while_the_next_try_is_being_spawned_ends_what_is_left_even_if_that_fails() {
    let mut scene = Scene::running("w: {cmd: x, autorestart: always}");
    scene.exits_with(W, 0);
    scene.leaves(W, 0, 1);
    scene.take();
    scene.order("stop w");
    assert_eq!(scene.state(W), State::Stopping(Ending::Unborn));
    assert_eq!(scene.spawn_fails(W)[0], "w:0 sweep");
    assert_eq!(scene.instance(W).exits(), 2, "an end is counted once");
    scene.strays(W, 1);
    assert!(scene.group_goes(W).contains(&"#1 w:0: stopped (1 stray ended)".to_owned()));
}
