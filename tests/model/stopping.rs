//! What stops, how it is asked to, and when it is over.

use std::time::Duration;

use taskmaster::supervisor::{Ending, Launch, State};

use crate::scene::{NANOSECOND, Scene};

const W: &str = "w:0";

#[test]
fn a_stop_is_stopsignal_then_sigkill_at_stoptime_and_not_a_nanosecond_before() {
    let mut scene = Scene::running("w: {cmd: x, stopsignal: INT, stoptime: 4}");
    let lines = scene.order("stop w");
    assert_eq!(lines, ["w:0 INT to group", "w:0 CONT to group", "w:0 -> Stopping(Terminating)"]);
    assert!(scene.pass(Duration::from_secs(4) - NANOSECOND).is_empty());
    assert_eq!(scene.pass(NANOSECOND), ["w:0 KILL to group", "w:0 -> Stopping(Killing)"]);
    assert!(scene.exits_with(W, 0).contains(&"w:0 watch group".to_owned()));
    assert_eq!(scene.group_goes(W), ["w:0 -> Stopped", "#1 w:0: stopped", "#1 done"]);
}

#[test]
fn a_process_that_was_stopped_by_a_signal_is_continued_after_the_stopsignal() {
    let mut scene = Scene::running("w: {cmd: x, stopasgroup: false}");
    assert_eq!(scene.order("stop w")[..2], ["w:0 TERM to leader", "w:0 CONT to leader"]);
}

#[test]
fn a_stopsignal_of_kill_needs_no_sigcont() {
    let mut scene = Scene::running("w: {cmd: x, stopsignal: KILL}");
    assert_eq!(scene.order("stop w"), ["w:0 KILL to group", "w:0 -> Stopping(Terminating)"]);
}

#[test]
fn without_killasgroup_it_is_stopped_when_its_leader_is_reaped() {
    let mut scene = Scene::running("w: {cmd: x, killasgroup: false, kill_strays: never, stoptime: 1}");
    scene.order("stop w");
    assert_eq!(scene.reach_deadline()[0], "w:0 KILL to leader");
    assert_eq!(scene.exits_with(W, 0), ["w:0 -> Stopped", "#1 w:0: stopped", "#1 done"]);
}

#[test]
fn a_group_that_outlives_its_leader_is_killed_at_stoptime() {
    let mut scene = Scene::running("w: {cmd: x}");
    scene.order("stop w");
    scene.exits_with(W, 0);
    assert_eq!(scene.reach_deadline()[0], "w:0 KILL to group");
    assert_eq!(scene.state(W), State::Stopping(Ending::Killing));
}

#[test]
fn what_cannot_be_killed_is_killed_again_every_five_seconds() {
    let mut scene = Scene::running("w: {cmd: x}");
    scene.order("stop w");
    scene.reach_deadline();
    for _ in 0..3 {
        assert_eq!(scene.wait_of(W), Some(Duration::from_secs(5)));
        assert_eq!(scene.reach_deadline()[0], "w:0 KILL to group");
        assert_eq!(scene.state(W), State::Stopping(Ending::Stuck));
    }
    scene.ends(W);
    assert_eq!(scene.state(W), State::Stopped);
}

#[test]
fn a_stop_cancels_a_spawn_that_is_still_queued() {
    let mut scene = Scene::booted("w: {cmd: x}");
    assert_eq!(scene.order("stop w"), ["w:0 -> Stopped", "#1 w:0: stopped", "#1 done"]);
    assert_eq!(scene.take(), None);
}

#[test]
fn a_stop_cancels_a_retry() {
    let mut scene = Scene::booted("w: {cmd: x}");
    scene.take();
    scene.spawn_fails(W);
    scene.order("stop w");
    assert_eq!((scene.state(W), scene.wait_of(W)), (State::Stopped, None));
    scene.pass(Duration::from_secs(3600));
    assert_eq!(scene.take(), None);
}

#[test]
fn a_stop_ends_a_process_that_is_just_being_spawned() {
    let mut scene = Scene::booted("w: {cmd: x}");
    scene.take();
    assert_eq!(scene.order("stop w"), ["w:0 -> Stopping(Unborn)"]);
    assert_eq!(scene.spawned(W)[0], "w:0 TERM to group");
}

#[test]
fn stopped_then_started_while_queued_it_is_spawned_once() {
    let mut scene = Scene::booted("w: {cmd: x}");
    for _ in 0..10 {
        scene.order("stop w");
        scene.order("start w");
    }
    assert_eq!(scene.spawn_all(), [W]);
}

#[test]
fn a_start_that_waits_is_told_when_the_retry_is_cancelled() {
    let mut scene = Scene::new("w: {cmd: x}");
    scene.order("start w");
    scene.take();
    scene.spawn_fails(W);
    let lines = scene.order("stop w");
    let answers = ["#1 ERROR w:0: stopped before it was running", "#1 failed", "#2 w:0: stopped", "#2 done"];
    assert_eq!(lines[1..], answers);
}

#[test]
fn the_last_wish_wins_whatever_was_wished_before() {
    let mut scene = Scene::running("w: {cmd: x}");
    for line in ["stop w", "start w", "restart w", "stop w", "start w"] {
        scene.order(line);
    }
    scene.ends(W);
    assert_eq!(scene.state(W), State::Starting(Launch::Queued));
    for line in ["stop w", "restart w", "stop w"] {
        scene.order(line);
    }
    assert_eq!((scene.state(W), scene.take()), (State::Stopped, None));
}

#[test]
fn strays_are_asked_when_the_group_is_gone_and_get_a_stoptime_of_their_own() {
    let mut scene = Scene::running("w: {cmd: x, stopsignal: INT, stoptime: 4}");
    scene.order("stop w");
    scene.pass(Duration::from_secs(3));
    scene.exits_with(W, 0);
    let asked = ["w:0 INT to strays", "w:0 CONT to strays"];
    assert_eq!(scene.strays(W, 2), asked);
    assert_eq!(scene.wait_of(W), Some(Duration::from_secs(4)));
    assert_eq!(scene.strays(W, 1), asked, "one that was born meanwhile");
    assert_eq!(scene.reach_deadline(), ["w:0 KILL to strays", "w:0 -> Stopping(Killing)"]);
    assert_eq!(scene.strays(W, 1), ["w:0 KILL to strays"]);
    assert_eq!(scene.group_goes(W), ["w:0 -> Stopped", "#1 w:0: stopped (4 strays ended)", "#1 done"]);
}

#[test]
fn strays_of_what_had_to_be_killed_are_asked_like_all_others() {
    let mut scene = Scene::running("w: {cmd: x, killasgroup: false, stoptime: 1}");
    scene.order("stop w");
    scene.reach_deadline();
    assert_eq!(scene.exits_with(W, 9), ["w:0 watch group"]);
    assert_eq!(scene.strays(W, 1)[0], "w:0 TERM to strays");
    assert_eq!(scene.state(W), State::Stopping(Ending::Terminating));
    let lines = scene.group_goes(W);
    assert_eq!(lines[1..], ["#1 w:0: stopped (1 stray ended)", "#1 done"]);
}

#[test]
fn a_second_signal_spares_no_strays() {
    let mut scene = Scene::running("w: {cmd: x}");
    scene.handle(taskmaster::supervisor::Event::ShutdownSignal);
    scene.exits_with(W, 0);
    scene.handle(taskmaster::supervisor::Event::ShutdownSignal);
    assert!(scene.strays(W, 1).contains(&"w:0 KILL to strays".to_owned()));
}

#[test]
fn with_always_an_exit_is_followed_when_its_remains_are_gone() {
    let mut scene = Scene::running("w: {cmd: x, kill_strays: always, stoptime: 2}");
    let lines = scene.exits_with(W, 1);
    let cleared =
        ["w:0 watch group", "w:0 TERM to group", "w:0 CONT to group", "w:0 -> Stopping(Terminating)"];
    assert_eq!(lines, cleared);
    assert_eq!(scene.strays(W, 1), ["w:0 TERM to strays", "w:0 CONT to strays"]);
    assert_eq!(scene.group_goes(W), ["w:0 -> Starting(Queued)"]);
    assert_eq!(scene.instance(W).restarts(), 1);
}

#[test]
fn a_wish_while_the_remains_are_cleared_away_wins() {
    let mut scene = Scene::running("w: {cmd: x, kill_strays: always}");
    scene.exits_with(W, 1);
    scene.order("stop w");
    assert!(scene.group_goes(W).contains(&"#1 w:0: stopped".to_owned()));
    scene.order("start w");
    scene.spawn_all();
    scene.reach_deadline();
    scene.exits_with(W, 1);
    scene.order("restart w");
    scene.group_goes(W);
    assert_eq!((scene.state(W), scene.instance(W).restarts()), (State::Starting(Launch::Queued), 0));
}
