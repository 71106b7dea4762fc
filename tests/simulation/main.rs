//! Random sequences against the pure core, on a fake clock and a fake kernel.
//!
//! Every step is compared with a reference that was written from the interface contract alone.
//! `SEED=n cargo test --test simulation` replays one sequence; `SECONDS=n`, `SEQUENCES=n` or `STEPS=n` say
//! how many to play. A failure prints its seed and a short way to it; with `TRIES=n` the shortest of n.
//! `SCENE=file` plays one scene. With `HOLDS_WITH=program`, another build of these tests, only such histories
//! count as failures that hold there: `scripts/mutants --scenes` looks for scenes so.

mod answers;
mod changes;
mod heartbeats;
mod kernel;
mod programs;
#[allow(dead_code, reason = "the histories of pipes draw from a tape, too")]
mod random;
mod recycling;
mod reference;
mod rolling;
mod schedules;
mod script;
mod sequence;
mod shrinking;
mod storm;
mod trace;
mod trouble;
mod way_out;
mod world;
mod written;

use std::panic::{self, AssertUnwindSafe};
use std::path::Path;
use std::time::{Duration, Instant};

use taskmaster::config::Config;

use random::Random;
use script::Broken;
use sequence::play;
use shrinking::{kind, shrink};
use trace::Trace;

/// How long to play unless told otherwise.
const SECONDS: u64 = 8;
/// How many sequences are written down and played again.
const SCENES_PLAYED_AGAIN: u64 = 100;
#[test]
fn every_random_sequence_keeps_every_promise() {
    let plain = programs::plain_config();
    if let Some(seed) = number("SEED") {
        return examine(seed, &plain);
    }
    let begin = Instant::now();
    let patience = Duration::from_secs(number("SECONDS").unwrap_or(SECONDS));
    let sequences = number("SEQUENCES");
    let (mut seed, mut steps, mut failures) = (0, 0, Vec::new());
    let enough = number("STEPS");
    let tries = number("TRIES").unwrap_or(1);
    let goes_on = |seed: u64, steps: u64| match (sequences, enough) {
        (Some(sequences), _) => seed < sequences,
        (None, Some(enough)) => steps < enough,
        (None, None) => begin.elapsed() < patience,
    };
    while goes_on(seed, steps) && (failures.len() as u64) < tries {
        match outcome(Random::new(seed), &plain, &mut Trace::default()) {
            Ok(count) => steps += count,
            // Who counts sequences wants to know whether one fails, and soon.
            Err(_) if sequences.is_some() => return examine(seed, &plain),
            Err(broken) => failures.push((seed, broken)),
        }
        seed += 1;
    }
    if !failures.is_empty() {
        explain(failures, &plain);
    }
    let rate = steps as f64 / begin.elapsed().as_secs_f64();
    println!("{seed} sequences, {steps} steps, {rate:.0} steps/s");
}

/// Plays one sequence for people to read.
fn examine(seed: u64, plain: &Config) {
    let mut trace = Trace::kept();
    if let Err(broken) = outcome(Random::new(seed), plain, &mut trace) {
        panic!("{}\n\nseed {seed}: {broken}", trace.text());
    }
}

/// Finds short scenes that fail as these do, and shows the shortest.
fn explain(failures: Vec<(u64, String)>, plain: &Config) -> ! {
    // Those that are tried panic as often as they like.
    let hook = panic::take_hook();
    panic::set_hook(Box::new(|_| {}));
    let shrunk = failures.into_iter().map(|(seed, broken)| {
        let mut trace = Trace::kept();
        drop(outcome(Random::new(seed), plain, &mut trace));
        let is_like_it = |scene: &str| {
            played(scene, &mut Trace::default()).is_err_and(|other| kind(&other.promise) == kind(&broken))
                && holds_elsewhere(scene)
        };
        (shrink(&trace.scene(), is_like_it), seed, broken)
    });
    let (scene, seed, broken) =
        shrunk.min_by_key(|(scene, ..)| (scene.lines().count(), scene.len())).expect("something has failed");
    let mut trace = Trace::kept();
    let shown = played(&scene, &mut trace).map_err(|broken| broken.promise);
    panic::set_hook(hook);
    let text = trace.text();
    panic!(
        "{text}\n\nA scene for tests/simulation/scenes:\n{scene}\n\n{shown:?}, shrunk from\nseed {seed}: {broken}"
    );
}

/// Whether a scene holds with the build that `HOLDS_WITH` names, if it names one.
fn holds_elsewhere(scene: &str) -> bool {
    let Some(program) = std::env::var_os("HOLDS_WITH") else { return true };
    let path = std::env::temp_dir().join(format!("scene-{}", std::process::id()));
    std::fs::write(&path, scene).expect("room for a scene");
    let mut there = std::process::Command::new(program);
    there.args(["--exact", "every_scene_keeps_every_promise"]).env("SCENE", &path).env_remove("HOLDS_WITH");
    let output = there.output().expect("the other build");
    drop(std::fs::remove_file(path));
    output.status.success()
}

/// Whatever is played can be written down and played again, step by step alike.
#[test]
fn a_sequence_written_down_is_played_again() {
    let plain = programs::plain_config();
    for seed in 0..SCENES_PLAYED_AGAIN {
        let mut first = Trace::kept();
        outcome(Random::new(seed), &plain, &mut first).unwrap();
        let mut again = Trace::kept();
        let scene = first.scene();
        let played = played(&scene, &mut again);
        played.unwrap_or_else(|broken| panic!("seed {seed}: {}: {}", broken.line, broken.promise));
        assert_eq!(first.text(), again.text(), "seed {seed}");
    }
}

/// Histories that have shown a bug, or show one that is planted: they keep their meaning whatever is drawn.
#[test]
fn every_scene_keeps_every_promise() {
    if let Some(path) = std::env::var_os("SCENE") {
        return keeps_every_promise(path.as_ref());
    }
    let scenes = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/simulation/scenes");
    let paths: Vec<_> = std::fs::read_dir(scenes).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert!(!paths.is_empty());
    paths.iter().for_each(|path| keeps_every_promise(path));
}

fn keeps_every_promise(path: &Path) {
    let text = std::fs::read_to_string(path).unwrap();
    let mut trace = Trace::kept();
    if let Err(Broken { line, promise }) = played(&text, &mut trace) {
        panic!("{}\n\n{}: {line}: {promise}", trace.text(), path.display());
    }
}

/// A panic is a broken promise, in a scene like elsewhere.
fn played(scene: &str, trace: &mut Trace) -> Result<(), Broken> {
    let kept = panic::catch_unwind(AssertUnwindSafe(|| script::play_scene(scene, trace)));
    kept.unwrap_or_else(|_| Err(Broken { line: String::new(), promise: "the core panicked".to_owned() }))
}

/// A panic of the core is a broken promise like any other.
fn outcome(random: Random, plain: &Config, trace: &mut Trace) -> Result<u64, String> {
    let played = panic::catch_unwind(AssertUnwindSafe(|| play(random, plain, trace)));
    played.unwrap_or_else(|_| Err("the core panicked".to_owned()))
}

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok()?.parse().ok()
}
