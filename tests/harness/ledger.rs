//! The ledger: numbered lines in, audited lines out.

use std::collections::HashMap;
use std::path::Path;

/// A shell command whose output is `WRITER 1` to `WRITER COUNT`.
pub fn numbered(writer: &str, count: u32) -> String {
    format!("seq -f '{writer} %.0f' {count}")
}

/// Checks that lines of the form `WRITER NUMBER` count from 1 to `count` for each of `writers` writers:
/// nothing is lost, torn or doubled.
pub fn audit(text: &str, writers: usize, count: u32) -> Result<(), String> {
    audit_from(text, writers, count, Some(1))
}

/// The same where the beginning may be missing, as after a rotation that has dropped old backups.
pub fn audit_end(text: &str, writers: usize, count: u32) -> Result<(), String> {
    audit_from(text, writers, count, None)
}

/// Checks that no line is torn or doubled, where some may be missing: lines of the form `WRITER
/// NUMBER`, the number of `digits` digits, growing. Gives how many there are.
pub fn audit_gaps(text: &str, digits: usize) -> Result<usize, String> {
    let mut last: HashMap<&str, u64> = HashMap::new();
    if !text.is_empty() && !text.ends_with('\n') {
        return Err("torn at its end".to_owned());
    }
    for line in text.lines() {
        let torn = || format!("torn: {line:?}");
        let (writer, number) = line.split_once(' ').ok_or_else(torn)?;
        let number: u64 = match number.parse() {
            Ok(parsed) if number.len() == digits => parsed,
            _ => return Err(torn()),
        };
        if last.insert(writer, number).is_some_and(|last| last >= number) {
            return Err(format!("{writer}: {number} is out of order"));
        }
    }
    Ok(text.lines().count())
}

fn audit_from(text: &str, writers: usize, count: u32, first: Option<u32>) -> Result<(), String> {
    if !text.is_empty() && !text.ends_with('\n') {
        return Err("torn at its end".to_owned());
    }
    let mut next: HashMap<&str, u32> = HashMap::new();
    for line in text.lines() {
        let (writer, number) = line.split_once(' ').ok_or(format!("torn: {line:?}"))?;
        let number: u32 = number.parse().map_err(|_| format!("torn: {line:?}"))?;
        let expected = next.entry(writer).or_insert(first.unwrap_or(number));
        if number != *expected {
            return Err(format!("{writer}: {number} where {expected} was due"));
        }
        *expected += 1;
    }
    let complete = next.values().filter(|next| **next == count + 1).count();
    if complete == writers { Ok(()) } else { Err(format!("{complete} of {writers} writers are complete")) }
}

/// A log with its backups, the oldest first, and the size of each file.
pub fn with_backups(path: &Path) -> (String, Vec<u64>) {
    let backup =
        |number: u32| path.with_file_name(format!("{}.{number}", path.file_name().unwrap().display()));
    let files = (1..=1000).rev().map(backup).chain([path.to_owned()]).filter(|file| file.exists());
    let texts: Vec<String> = files.map(|file| std::fs::read_to_string(file).unwrap()).collect();
    (texts.concat(), texts.iter().map(|text| text.len() as u64).collect())
}
