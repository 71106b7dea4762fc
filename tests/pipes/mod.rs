//! Random histories of pipes and log files, in the room that copies the one into the other (`io/output`):
//! children that come, write in pieces and go, alone or several to a file; rotation, moved and emptied files,
//! reopening, a disk that refuses; lines that are waited for, and people who follow. The pipes and files are real,
//! the clock is not, and nothing sleeps. What stands in the logs is held against a reference that was written
//! from the README alone.
//!
//! They are played in a process of their own: those beside other tests would have pipes that do not end, as a process
//! that another test starts holds the ends of all pipes until its exec.
//!
//! `PIPES_SEED=n cargo test --lib histories` replays one history; `PIPES_SECONDS=n` or `PIPES_HISTORIES=n` say how
//! many to play. A failure prints its seed and a short way to it.

#![allow(clippy::disallowed_methods, clippy::print_stdout)] // Tests look at the clock and tell figures.

mod disk;
mod ears;
mod history;
mod logs;
#[allow(dead_code, reason = "the simulation uses the rest")]
#[path = "../simulation/random.rs"]
mod random;
mod reference;
mod scenes;
mod shrinking;
mod texts;
mod world;
mod writers;

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use history::{Seen, Trace, play};
use random::Random;
use shrinking::{kind, shrink};

/// How many to play unless told otherwise.
const HISTORIES: u64 = 1000;
/// More numbers than any history draws.
const TAPE_LENGTH: usize = 2000;
/// Histories in which everything that they are for happens.
const ENOUGH: u64 = 250;

#[test]
fn histories_and_scenes_by_themselves() {
    let mut tests = Command::new(std::env::current_exe().unwrap());
    let Output { status, stdout, stderr } =
        tests.args(["--ignored", "io::output::histories::"]).output().unwrap();
    let said = [stdout, stderr].map(|said| String::from_utf8_lossy(&said).into_owned()).concat();
    assert!(status.success() && said.contains("9 passed"), "{said}");
}

#[test]
#[ignore = "in a process of its own"]
fn every_history_keeps_every_promise() {
    let directory = memory();
    if let Some(seed) = number("PIPES_SEED") {
        return examine(seed, directory.path());
    }
    let begin = Instant::now();
    let seconds = number("PIPES_SECONDS").map(Duration::from_secs);
    let enough = number("PIPES_HISTORIES");
    let goes_on = |seed: u64| match seconds {
        Some(seconds) => begin.elapsed() < seconds,
        None => seed < enough.unwrap_or(HISTORIES),
    };
    let (mut seed, mut seen) = (0, Seen::default());
    while goes_on(seed) {
        match outcome(Random::new(seed), directory.path(), &mut Trace::default()) {
            Ok(more) => seen.add(&more),
            // Who counts histories wants to know whether one fails, and soon.
            Err(_) if enough.is_some() => return examine(seed, directory.path()),
            Err(broken) => return explain(seed, &broken, directory.path()),
        }
        seed += 1;
    }
    let rate = seed as f64 / begin.elapsed().as_secs_f64();
    println!("{seed} histories, {rate:.0} a second: {seen:?}");
}

/// What never happens is never tested.
#[test]
#[ignore = "in a process of its own"]
fn the_histories_see_what_they_are_for() {
    let directory = memory();
    let mut seen = Seen::default();
    for seed in 0..ENOUGH {
        // What they find is told elsewhere.
        if let Ok(more) = outcome(Random::new(seed), directory.path(), &mut Trace::default()) {
            seen.add(&more);
        }
    }
    assert_eq!(seen.clone().missing(), [""; 0], "{seen:?}");
}

/// Plays one history for people to read.
fn examine(seed: u64, directory: &Path) {
    let mut trace = Trace::kept();
    if let Err(broken) = outcome(Random::new(seed), directory, &mut trace) {
        panic!("{}\n\nseed {seed}: {broken}", trace.text());
    }
}

/// Finds a short history that fails alike, and shows that.
fn explain(seed: u64, broken: &str, directory: &Path) {
    let fails = |tape: &[u64]| {
        let outcome = outcome(Random::from_tape(tape), directory, &mut Trace::default());
        outcome.is_err_and(|other| first_line(&other) == first_line(broken))
    };
    let tape = shrink(Random::tape(seed, TAPE_LENGTH), fails);
    let mut trace = Trace::kept();
    let shown = outcome(Random::from_tape(&tape), directory, &mut trace).err();
    let shown = shown.unwrap_or_else(|| "it did not fail again".to_owned());
    panic!("{}\n\n{shown}\n\nshrunk from\nseed {seed}: {broken}", trace.text());
}

/// What was broken, without numbers and what was said.
fn first_line(broken: &str) -> String {
    let line = broken.lines().next().unwrap_or_default();
    kind(line.split('"').next().unwrap_or_default())
}

/// Plays a history in a directory of its own; a panic is a failure, too.
fn outcome(random: Random, directory: &Path, trace: &mut Trace) -> Result<Seen, String> {
    let own = directory.join("history");
    fs::create_dir(&own).unwrap();
    let played = catch_unwind(AssertUnwindSafe(|| play(random, own.clone(), trace)));
    fs::remove_dir_all(&own).unwrap();
    played.unwrap_or_else(|panic| {
        let told = panic.downcast_ref::<String>().cloned();
        Err(told.or_else(|| panic.downcast_ref::<&str>().map(|it| (*it).to_owned())).unwrap_or_default())
    })
}

/// A directory in memory, where there is such a thing.
fn memory() -> TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap()
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|value| value.parse().unwrap_or_else(|_| panic!("{name} is a number")))
}
