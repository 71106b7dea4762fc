//! Liveness by `log`: what counts as silence, and what follows from it.

use std::time::Duration;

use taskmaster::config::ProbeSpec;
use taskmaster::supervisor::{Event, Heartbeats, Probe, State};

use crate::scene::{NANOSECOND, Scene};

const W: &str = "w:0";
const SECOND: Duration = Duration::from_secs(1);

/// A program that runs and has to be heard from every two seconds, and its heartbeats.
fn running(more: &str) -> (Scene, Heartbeats) {
    let programs =
        format!("w: {{cmd: x, starttime: 0, liveness: {{log: beat, interval: 2, retries: 2{more}}}}}");
    let mut scene = Scene::booted(&programs);
    scene.spawn_all();
    let mut beats = Heartbeats::default();
    beats.expect(scene.run(W), Some(&liveness(&scene)));
    beats.begin(scene.now, scene.run(W));
    (scene, beats)
}

fn liveness(scene: &Scene) -> ProbeSpec {
    scene.core.programs().next().unwrap().spec().governance.liveness.clone().unwrap()
}

/// Everything that is due, told to the core as the loop does it.
fn pass(scene: &mut Scene, beats: &mut Heartbeats, time: Duration) -> Vec<String> {
    scene.pass(time);
    let mut lines = Vec::new();
    while let Some(run) = beats.pop_due(scene.now) {
        if let Some(reason) = beats.turn(scene.now, run, false) {
            lines.extend(scene.handle(Event::Probed { run, probe: Probe::Liveness, outcome: Err(reason) }));
        }
    }
    lines
}

fn beat(scene: &mut Scene, beats: &mut Heartbeats) {
    let run = scene.run(W);
    beats.heard(run);
    scene.handle(Event::Probed { run, probe: Probe::Liveness, outcome: Ok(()) });
}

#[test]
fn so_many_silent_intervals_in_a_row_end_it_and_say_why() {
    let (mut scene, mut beats) = running("");
    assert_eq!(pass(&mut scene, &mut beats, Duration::ZERO), [""; 0], "the first interval begins");
    for _ in 0..3 {
        assert_eq!(pass(&mut scene, &mut beats, 2 * SECOND), [""; 0]);
        beat(&mut scene, &mut beats);
        assert_eq!(pass(&mut scene, &mut beats, 2 * SECOND), [""; 0], "a line forgives the silence before");
    }
    assert_eq!(pass(&mut scene, &mut beats, 2 * SECOND), [""; 0]);
    assert_eq!(pass(&mut scene, &mut beats, 2 * SECOND - NANOSECOND), [""; 0]);
    assert_eq!(pass(&mut scene, &mut beats, NANOSECOND)[0], "w:0 TERM to group");
    let illness = scene.instance(W).illness().unwrap().clone();
    assert_eq!((&*illness.reason, illness.failures), ("no line matched beat within 2 s", 2));
    scene.exits_with(W, 0);
    scene.group_goes(W);
    assert_eq!((scene.state(W).name(), scene.instance(W).restarts()), ("STARTING", 1));
}

#[test]
fn the_start_delay_is_no_interval() {
    let (mut scene, mut beats) = running(", start_delay: 60");
    assert_eq!(beats.next_deadline(), Some(scene.now + 60 * SECOND));
    beats.heard(scene.run(W));
    assert_eq!(pass(&mut scene, &mut beats, 60 * SECOND), [""; 0]);
    assert!(beats.is_silent(scene.run(W)), "what it has said before does not count");
    pass(&mut scene, &mut beats, 2 * SECOND);
    assert_eq!(scene.state(W), State::Running);
    pass(&mut scene, &mut beats, 2 * SECOND);
    assert_ne!(scene.state(W), State::Running);
}

/// Nobody was heard while we were stopped ourselves, or while we could not read.
#[test]
fn what_we_could_not_hear_is_nobodys_silence() {
    let (mut scene, mut beats) = running("");
    pass(&mut scene, &mut beats, Duration::ZERO);
    assert_eq!(pass(&mut scene, &mut beats, 1000 * SECOND), [""; 0], "one interval, however late");
    assert_eq!(beats.next_deadline(), Some(scene.now + 2 * SECOND));
    scene.pass(2 * SECOND);
    let run = beats.pop_due(scene.now).unwrap();
    assert_eq!(beats.turn(scene.now, run, true), None);
}

#[test]
fn another_process_is_another_matter() {
    let (mut scene, mut beats) = running("");
    let first = scene.run(W);
    pass(&mut scene, &mut beats, Duration::ZERO);
    scene.exits_with(W, 1);
    scene.spawn_all();
    beats.expect(scene.run(W), Some(&liveness(&scene)));
    assert_eq!(beats.next_deadline(), None, "it is not RUNNING yet");
    beats.begin(scene.now, first);
    assert_eq!(beats.next_deadline(), None);
    beats.begin(scene.now, scene.run(W));
    pass(&mut scene, &mut beats, Duration::ZERO);
    beats.heard(first);
    assert!(beats.is_silent(scene.run(W)), "that was the voice of the one before");
    beats.end(scene.run(W).instance);
    assert_eq!((beats.next_deadline(), beats.pop_due(scene.now + 9 * SECOND)), (None, None));
}
