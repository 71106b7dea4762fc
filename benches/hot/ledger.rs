//! `benches/counts.txt`: the counts that were accepted, and by which compiler they came about.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use super::callgrind::{self, Counts};
use super::workloads::ALL;

/// By how much a count may grow before it has to be accepted, in percent.
const BOUND_PERCENT: f64 = 3.0;
const HOW: &str = "cargo bench --bench hot -- accept";

fn file() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/counts.txt")
}

/// What counts depend on beside our code: the compiler, and what the crates ask of the CPU (httparse
/// and memchr look for these when they run).
fn conditions() -> String {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let output = Command::new(rustc).arg("-V").output().map(|output| output.stdout).unwrap_or_default();
    let compiler = String::from_utf8_lossy(&output).trim().to_owned();
    format!("{compiler}, {}, {}", std::env::consts::ARCH, vectors())
}

#[cfg(target_arch = "x86_64")]
fn vectors() -> &'static str {
    match (std::is_x86_feature_detected!("avx2"), std::is_x86_feature_detected!("sse4.2")) {
        (true, true) => "avx2 and sse4.2",
        (true, false) => "avx2",
        (false, true) => "sse4.2",
        (false, false) => "neither avx2 nor sse4.2",
    }
}

#[cfg(not(target_arch = "x86_64"))]
fn vectors() -> &'static str {
    "its own vectors"
}

fn count_all() -> Result<BTreeMap<&'static str, Counts>, String> {
    let dir = tempfile::tempdir().map_err(|error| error.to_string())?;
    ALL.iter().map(|workload| Ok((workload.name, callgrind::count(workload, dir.path())?))).collect()
}

/// Counts, and fails if anything has grown by more than the bound since it was accepted.
pub fn compare() -> ExitCode {
    let text = match fs::read_to_string(file()) {
        Ok(text) => text,
        Err(error) => return fail(&format!("benches/counts.txt: {error}")),
    };
    let (accepted_under, accepted) = read(&text);
    let now = match count_all() {
        Ok(now) => now,
        Err(why) => return fail(&why),
    };
    let conditions = conditions();
    let is_comparable = conditions == accepted_under;
    println!("{:<24}{:>14}{:>10}{:>14}{:>10}", "", "instructions", "", "allocations", "");
    let mut grown = Vec::new();
    for (name, counts) in &now {
        let before = accepted.get(*name);
        let growth =
            |figure: fn(&Counts) -> u64| before.map(|before| growth_percent(figure(before), figure(counts)));
        let (instructions, allocations) =
            (growth(|counts| counts.instructions), growth(|counts| counts.allocations));
        println!(
            "{name:<24}{:>14}{:>10}{:>14}{:>10}",
            counts.instructions,
            shown(instructions),
            counts.allocations,
            shown(allocations)
        );
        let is_within = |growth: Option<f64>| growth.is_some_and(|growth| growth <= BOUND_PERCENT);
        if !is_within(instructions) || !is_within(allocations) {
            grown.push(*name);
        }
    }
    if !is_comparable {
        println!("\nNOT COMPARED: accepted under {accepted_under}; this is {conditions}");
        println!("To compare from now on: {HOW}");
        return ExitCode::SUCCESS;
    }
    match grown.is_empty() {
        true => ExitCode::SUCCESS,
        false => fail(&format!(
            "{} cost more than {BOUND_PERCENT} % more than what was accepted, or are new. If that is meant: {HOW}",
            grown.join(", ")
        )),
    }
}

/// Writes down what is counted now.
pub fn accept() -> ExitCode {
    let now = match count_all() {
        Ok(now) => now,
        Err(why) => return fail(&why),
    };
    let mut text = format!(
        "# Instructions of our own code and allocations for each workload in benches/hot/workloads.\n\
         # Written by `{HOW}`; compared by `cargo bench --bench hot -- counts`, as .ci/run does.\n\
         under {}\n",
        conditions()
    );
    for (name, counts) in &now {
        text.push_str(&format!("{name:<24}{:>14}{:>10}\n", counts.instructions, counts.allocations));
    }
    print!("{text}");
    match fs::write(file(), text) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(&format!("benches/counts.txt: {error}")),
    }
}

fn read(text: &str) -> (String, BTreeMap<String, Counts>) {
    let mut conditions = String::new();
    let mut counts = BTreeMap::new();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        if let Some(under) = line.strip_prefix("under ") {
            conditions = under.to_owned();
        } else if let [name, instructions, allocations] = line.split_whitespace().collect::<Vec<_>>()[..]
            && let (Ok(instructions), Ok(allocations)) = (instructions.parse(), allocations.parse())
        {
            counts.insert(name.to_owned(), Counts { instructions, allocations });
        }
    }
    (conditions, counts)
}

/// How much more `now` is; of next to nothing, a little more is no growth.
fn growth_percent(before: u64, now: u64) -> f64 {
    const NOTHING: u64 = 20;
    if now <= NOTHING && before <= NOTHING {
        return 0.0;
    }
    (now as f64 / before.max(1) as f64 - 1.0) * 100.0
}

fn shown(growth: Option<f64>) -> String {
    match growth {
        None => "new".to_owned(),
        Some(growth) if growth.abs() < 0.05 => "=".to_owned(),
        Some(growth) => format!("{growth:+.1} %"),
    }
}

fn fail(why: &str) -> ExitCode {
    println!("\nFAILED: {why}");
    ExitCode::FAILURE
}
