//! Every state and every event: what comes of it.

use std::fmt::Write as _;
use std::time::Duration;

use taskmaster::signal::Signal;
use taskmaster::supervisor::{Event, ExitStatus, Run, State};

use crate::expected::EXPECTED;
use crate::scene::{NANOSECOND, Scene};

const PROGRAM: &str = "w: {cmd: x, startretries: 1}";
const W: &str = "w:0";
/// For an instance that waits for nothing, time passes all the same.
const IDLE: Duration = Duration::from_secs(3600);

type Setting = fn() -> Scene;

/// Each state by the shortest way that leads there.
const STATES: [(&str, Setting); 13] = [
    ("STOPPED", || Scene::new(PROGRAM)),
    ("STARTING, queued", || Scene::booted(PROGRAM)),
    ("STARTING, requested", requested),
    ("STARTING, alive", alive),
    ("RUNNING", || Scene::running(PROGRAM)),
    ("BACKOFF", || after(alive(), |scene| scene.exits_with(W, 1))),
    ("STOPPING, unborn", || after(requested(), |scene| scene.order("stop w"))),
    ("STOPPING, terminating", terminating),
    ("STOPPING, terminating, leader reaped", || after(terminating(), |scene| scene.exits_with(W, 0))),
    ("STOPPING, killing", || after(terminating(), Scene::reach_deadline)),
    ("STOPPING, stuck", || after(after(terminating(), Scene::reach_deadline), Scene::reach_deadline)),
    ("EXITED", || after(Scene::running(PROGRAM), |scene| scene.exits_with(W, 0))),
    ("FATAL", fatal),
];

type Happening = fn(&mut Scene) -> Vec<String>;

const EVENTS: [(&str, Happening); 16] = [
    ("start", |scene| scene.order("start w")),
    ("stop", |scene| scene.order("stop w")),
    ("restart", |scene| scene.order("restart w")),
    ("signal HUP", |scene| scene.order("signal HUP w")),
    ("spawned", |scene| scene.spawned(W)),
    ("spawn failed", |scene| scene.spawn_fails(W)),
    ("exit code 0", |scene| scene.exits_with(W, 0)),
    ("exit code 1", |scene| scene.exits_with(W, 1)),
    ("death by SEGV", |scene| scene.exits(W, death_by_segv())),
    ("group gone", |scene| scene.group_goes(W)),
    ("stale reports", stale_reports),
    ("1 ns early", |scene| scene.pass(scene.wait_of(W).unwrap_or(IDLE) - NANOSECOND)),
    ("deadline", |scene| scene.pass(scene.wait_of(W).unwrap_or(IDLE))),
    ("order exit", |scene| scene.order("exit")),
    ("1 signal", |scene| scene.handle(Event::ShutdownSignal)),
    ("2 signals", |scene| {
        let mut lines = scene.handle(Event::ShutdownSignal);
        lines.extend(scene.handle(Event::ShutdownSignal));
        lines
    }),
];

#[test]
fn every_event_in_every_state_has_the_effect_that_the_table_says() {
    let table = table();
    let expected: Vec<&str> = EXPECTED.trim().lines().collect();
    let differs = |(at, line): &(usize, &str)| expected.get(*at) != Some(line);
    if let Some((at, line)) = table.lines().enumerate().find(differs) {
        panic!("\ngot:      {line}\nexpected: {:?}\n\nthe whole table is\n\n{table}", expected.get(at));
    }
    assert_eq!(table.lines().count(), expected.len());
}

#[test]
fn each_scene_stands_in_the_state_that_names_it() {
    for (title, scene) in STATES {
        let state = scene().state(W);
        assert!(title.starts_with(state.name()), "{title}: {state:?}");
    }
}

fn table() -> String {
    let mut table = String::new();
    for (title, scene) in STATES {
        let _ = writeln!(table, "{title}: {}", standing(&scene()));
        for (event, happens) in EVENTS {
            let _ = writeln!(table, "{}", row(event, happens, scene()));
        }
        table.push('\n');
    }
    table.trim_end().to_owned()
}

fn row(event: &str, happens: Happening, mut scene: Scene) -> String {
    let before = standing(&scene);
    let lines = happens(&mut scene);
    let after = standing(&scene);
    let shown =
        if lines.is_empty() && is_same_but_for_time(&before, &after) { "-".to_owned() } else { after };
    let last_change = format!("w:0 -> {:?}", scene.state(W));
    let is_told_elsewhere = |line: &&String| **line != last_change;
    let lines: Vec<&str> =
        lines.iter().filter(is_told_elsewhere).map(|line| line.trim_start_matches("w:0 ")).collect();
    format!("  {event:<14} {shown:<34} {}", lines.join("; ")).trim_end().to_owned()
}

/// `Backoff/Up in 1s`: what it is, what it is meant to be, and when its deadline is.
fn standing(scene: &Scene) -> String {
    let instance = scene.instance(W);
    let state = match instance.state() {
        state @ State::Stopping(_) if instance.pid().is_none() => format!("{state:?}-"),
        state => format!("{state:?}"),
    };
    let wait = scene.wait_of(W).map_or(String::new(), |wait| format!(" in {wait:?}"));
    format!("{state}/{:?}{wait}", instance.goal())
}

fn is_same_but_for_time(before: &str, after: &str) -> bool {
    before.split(" in ").next() == after.split(" in ").next()
}

fn after(mut scene: Scene, happens: impl FnOnce(&mut Scene) -> Vec<String>) -> Scene {
    happens(&mut scene);
    scene
}

fn requested() -> Scene {
    let mut scene = Scene::booted(PROGRAM);
    scene.take();
    scene
}

fn alive() -> Scene {
    after(requested(), |scene| scene.spawned(W))
}

fn terminating() -> Scene {
    after(Scene::running(PROGRAM), |scene| scene.order("stop w"))
}

fn fatal() -> Scene {
    let mut scene = requested();
    scene.spawn_fails(W);
    scene.reach_deadline();
    scene.take();
    scene.spawn_fails(W);
    scene
}

fn death_by_segv() -> ExitStatus {
    ExitStatus::Signal { signal: Signal::parse("SEGV").expect("SIGSEGV"), core_dumped: true }
}

/// Everything that can be said of a process, about the one before the present.
fn stale_reports(scene: &mut Scene) -> Vec<String> {
    let present = scene.run(W);
    let run = Run { incarnation: present.incarnation.wrapping_sub(1), ..present };
    let events = [
        Event::Spawned { run, pid: 99 },
        Event::SpawnFailed { run, reason: "late".to_owned() },
        Event::Exited { run, status: ExitStatus::Code(1) },
        Event::GroupGone { run },
    ];
    events.into_iter().flat_map(|event| scene.handle(event)).collect()
}
