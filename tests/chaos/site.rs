//! The site of a chaos: programs with every kind of writer, and the configurations that a reload goes
//! back and forth between.

use std::fs;
use std::process::Command;

use crate::harness::Site;

const WRITER: &str = include_str!("writer.c");
/// The longest that any of the programs takes to end by its stop rules, in seconds.
pub const STOPTIME: f64 = 1.0;

/// The programs, and so many of the instances each has, in hundredths.
const PROGRAMS: [(&str, u32, &str); 7] = [
    ("own", 30, "stdout: 'logs/own-{process_num}', stderr: stdout"),
    ("plain", 20, "starttime: 100ms"),
    ("split", 15, "stdout: logs/split, stderr: stdout"),
    ("second", 5, "stdout: logs/../logs/split, stderr: logs/second, log_format: raw"),
    ("deaf", 10, "stoptime: 500ms"),
    ("mortal", 10, "autorestart: always, stdout: logs/mortal, stderr: stdout"),
    ("family", 10, "kill_strays: always"),
];

/// What a configuration may say differently from another one.
#[derive(Clone, Copy, Default)]
pub struct Variation {
    /// A program that comes and goes.
    pub has_guest: bool,
    /// `plain` gets other processes.
    pub is_changed: bool,
    /// Instances that are missing of each program, in hundredths of them.
    pub missing: u32,
    /// A smaller size of files.
    pub rotates_early: bool,
}

/// How many instances a program has.
pub fn numprocs(name: &str, instances: u32) -> u32 {
    let share = PROGRAMS.iter().find(|(other, ..)| *other == name).map_or(0, |(_, share, _)| *share);
    (instances * share / 100).max(1)
}

/// The names of all programs that are always there.
pub fn names() -> [&'static str; 7] {
    PROGRAMS.map(|(name, ..)| name)
}

/// How many instances there are when nothing is varied.
pub fn count(instances: u32) -> u32 {
    names().iter().map(|name| numprocs(name, instances)).sum()
}

/// The entries of `programs:`.
pub fn programs(instances: u32, variation: Variation) -> String {
    let size = if variation.rotates_early { "16KB" } else { "64KB" };
    // All backups are kept: what falls out of the last one is not lost by accident.
    let rules = format!(
        "stdout_maxbytes: {size}, stdout_backups: 1000000, stderr_maxbytes: {size}, \
         stderr_backups: 1000000, stoptime: {STOPTIME}, starttime: 0"
    );
    let mut text = String::new();
    for (name, _, keys) in PROGRAMS {
        let all = numprocs(name, instances);
        let some = all - all * variation.missing / 100;
        let kind = if ["own", "second"].contains(&name) { "split" } else { name };
        let version = if variation.is_changed && name == "plain" { " 2" } else { "" };
        // What is said twice is said by the program.
        let rules: Vec<&str> = rules.split(", ").filter(|rule| !keys.contains(key_of(rule))).collect();
        let rules = rules.join(", ");
        text += &format!("  {name}: {{cmd: ./writer {kind}{version}, numprocs: {some}, {rules}, {keys}}}\n");
    }
    if variation.has_guest {
        text += &format!("  guest: {{cmd: ./writer plain, numprocs: 3, {rules}}}\n");
    }
    text
}

fn key_of(rule: &str) -> &str {
    rule.split_once(' ').map_or(rule, |(key, _)| key)
}

/// A directory with the writer and everything that it needs. The configuration is that without
/// variation.
pub fn prepare(instances: u32) -> Site {
    let site = Site::new(&programs(instances, Variation::default()));
    for directory in ["books", "logs"] {
        fs::create_dir(site.path(directory)).unwrap();
    }
    let source = site.write("writer.c", WRITER);
    let compiler = Command::new("cc").args(["-O1", "-o"]).args([site.path("writer"), source]).output();
    let output = compiler.expect("cc, which links Rust programs, too");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    site
}
