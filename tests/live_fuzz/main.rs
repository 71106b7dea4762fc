//! Broken requests at both doors of a running supervisor, and broken configurations by SIGHUP: it answers or
//! hangs up at once, leaks nothing, and touches no program that it was not told to.
//!
//! Each input can be made again: the number that a failure names is its seed.

#[path = "../harness/mod.rs"]
mod harness;
#[path = "../config/mutate.rs"]
mod mutate;
mod reloads;
mod requests;

/// How many inputs: those of every day, or what the environment asks for (scripts/fuzz-live).
fn rounds(variable: &str, every_day: u64) -> u64 {
    std::env::var(variable).ok().and_then(|text| text.parse().ok()).unwrap_or(every_day)
}
