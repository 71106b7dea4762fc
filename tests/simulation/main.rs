//! Random sequences against the pure core, on a fake clock and a fake kernel.
//!
//! Every step is compared with a reference that was written from the interface contract alone.
//! `SEED=n cargo test --test simulation` replays one sequence; `SECONDS=n` or `SEQUENCES=n` say how
//! many to play. A failure prints its seed and all that led to it.

mod answers;
mod changes;
mod kernel;
mod programs;
mod random;
mod reference;
mod rolling;
mod sequence;
mod storm;
mod trace;
mod way_out;
mod world;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use taskmaster::config::Config;

use sequence::play;
use trace::Trace;

/// How long to play unless told otherwise.
const SECONDS: u64 = 8;

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
    while sequences.map_or_else(|| begin.elapsed() < patience, |sequences| seed < sequences) {
        match outcome(seed, &plain, &mut Trace::default()) {
            Ok(count) => steps += count,
            Err(_) => return examine(seed, &plain),
        }
        seed += 1;
    }
    let rate = steps as f64 / begin.elapsed().as_secs_f64();
    println!("{seed} sequences, {steps} steps, {rate:.0} steps/s");
}

/// Plays one sequence for people to read.
fn examine(seed: u64, plain: &Config) {
    let mut trace = Trace::kept();
    if let Err(broken) = outcome(seed, plain, &mut trace) {
        panic!("{}\n\nseed {seed}: {broken}", trace.text());
    }
}

/// A panic of the core is a broken promise like any other.
fn outcome(seed: u64, plain: &Config, trace: &mut Trace) -> Result<u64, String> {
    let played = catch_unwind(AssertUnwindSafe(|| play(seed, plain, trace)));
    played.unwrap_or_else(|_| Err("the core panicked".to_owned()))
}

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok()?.parse().ok()
}
