//! Random sequences against the pure core, on a fake clock and a fake kernel.
//!
//! Every step is compared with a reference that was written from the interface contract alone.
//! `SEED=n cargo test --test simulation` replays one sequence; `SECONDS=n`, `SEQUENCES=n` or `STEPS=n` say
//! how many to play. A failure prints its seed and a short way to it.

mod answers;
mod changes;
mod heartbeats;
mod kernel;
mod programs;
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
mod way_out;
mod world;
mod written;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use taskmaster::config::Config;

use random::Random;
use sequence::play;
use shrinking::{kind, shrink};
use trace::Trace;

/// How long to play unless told otherwise.
const SECONDS: u64 = 8;
/// How many sequences are written down and played again.
const SCENES_PLAYED_AGAIN: u64 = 100;
/// More numbers than any sequence draws.
const TAPE_LENGTH: usize = 20_000;

#[test]
fn every_random_sequence_keeps_every_promise() {
    let plain = programs::plain_config();
    if let Some(seed) = number("SEED") {
        return examine(seed, &plain);
    }
    let begin = Instant::now();
    let patience = Duration::from_secs(number("SECONDS").unwrap_or(SECONDS));
    let sequences = number("SEQUENCES");
    let (mut seed, mut steps) = (0, 0);
    let enough = number("STEPS");
    let goes_on = |seed: u64, steps: u64| match (sequences, enough) {
        (Some(sequences), _) => seed < sequences,
        (None, Some(enough)) => steps < enough,
        (None, None) => begin.elapsed() < patience,
    };
    while goes_on(seed, steps) {
        match outcome(Random::new(seed), &plain, &mut Trace::default()) {
            Ok(count) => steps += count,
            // Who counts sequences wants to know whether one fails, and soon.
            Err(_) if sequences.is_some() => return examine(seed, &plain),
            Err(broken) => return explain(seed, &broken, &plain),
        }
        seed += 1;
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

/// Finds a short sequence that fails alike, and shows that.
fn explain(seed: u64, broken: &str, plain: &Config) {
    let fails = |tape: &[u64]| {
        let outcome = outcome(Random::from_tape(tape), plain, &mut Trace::default());
        outcome.is_err_and(|other| kind(&other) == kind(broken))
    };
    let tape = shrink(Random::tape(seed, TAPE_LENGTH), fails);
    let mut trace = Trace::kept();
    let shown = outcome(Random::from_tape(&tape), plain, &mut trace);
    let scene = trace.scene();
    let text = trace.text();
    panic!(
        "{text}\n\nA scene for tests/simulation/scenes:\n{scene}\n\n{shown:?}, shrunk from\nseed {seed}: {broken}"
    );
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
        script::play_scene(&scene, &mut again).unwrap_or_else(|broken| panic!("seed {seed}: {broken}"));
        assert_eq!(first.text(), again.text(), "seed {seed}");
    }
}

/// Histories that have shown a bug, or show one that is planted: they keep their meaning whatever is drawn.
#[test]
fn every_scene_keeps_every_promise() {
    let scenes = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/simulation/scenes");
    let mut played = 0;
    for entry in std::fs::read_dir(scenes).unwrap() {
        let path = entry.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap();
        if let Some(planted) = text.lines().find_map(|line| line.strip_prefix("# Planted as ")) {
            let mutant = format!("{scenes}/../../mutants/{}.toml", planted.trim_end_matches('.'));
            assert!(std::path::Path::new(&mutant).exists(), "{}: {mutant} is not there", path.display());
        }
        let mut trace = Trace::kept();
        let kept = catch_unwind(AssertUnwindSafe(|| script::play_scene(&text, &mut trace)));
        match kept.unwrap_or_else(|_| Err("the core panicked".to_owned())) {
            Ok(()) => played += 1,
            Err(broken) => panic!("{}\n\n{}: {broken}", trace.text(), path.display()),
        }
    }
    assert!(played > 0);
}

/// A panic of the core is a broken promise like any other.
fn outcome(random: Random, plain: &Config, trace: &mut Trace) -> Result<u64, String> {
    let played = catch_unwind(AssertUnwindSafe(|| play(random, plain, trace)));
    played.unwrap_or_else(|_| Err("the core panicked".to_owned()))
}

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok()?.parse().ok()
}
