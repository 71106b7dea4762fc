//! What is remembered of the processes that have ended.

use std::time::Duration;

use taskmaster::signal::Signal;
use taskmaster::supervisor::{ExitStatus, Launch, PAST_RUNS_MAX, State};

use crate::scene::Scene;

const W: &str = "w:0";
const SECOND: Duration = Duration::from_secs(1);

#[test]
fn each_end_is_remembered_with_the_state_that_it_met() {
    let mut scene = Scene::booted("w: {cmd: x, startretries: 9}");
    scene.spawn_all();
    scene.pass(SECOND / 2);
    scene.exits_with(W, 3);
    scene.reach_deadline();
    scene.spawn_all();
    scene.reach_deadline();
    scene.pass(4 * SECOND);
    scene.exits(W, ExitStatus::Signal { signal: Signal::KILL, core_dumped: false });
    scene.spawn_all();
    scene.order("stop w");
    scene.exits_with(W, 0);
    let past = scene.instance(W).past_runs();
    let seen: Vec<_> = past.iter().map(|run| (run.incarnation, run.lived, run.during)).collect();
    let expected = [
        (1, SECOND / 2, State::Starting(Launch::Alive)),
        (2, 5 * SECOND, State::Running),
        (3, Duration::ZERO, State::Stopping(taskmaster::supervisor::Ending::Terminating)),
    ];
    assert_eq!(seen, expected);
    assert_eq!(scene.instance(W).last_exit(), Some(ExitStatus::Code(0)));
}

#[test]
fn only_the_last_few_are_kept() {
    let mut scene = Scene::running("w: {cmd: x, autorestart: always, starttime: 0}");
    for code in 0..20 {
        scene.exits_with(W, code);
        scene.spawn_all();
    }
    let codes: Vec<_> = scene.instance(W).past_runs().iter().map(|run| run.status).collect();
    let expected: Vec<_> = (20 - PAST_RUNS_MAX as i32..20).map(ExitStatus::Code).collect();
    assert_eq!(codes, expected);
}
