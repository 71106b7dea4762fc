//! What /proc tells about a process beyond its use of CPU and memory (proc(5)).

use std::fs;

/// How often an environment that reads as empty is read again: between the two halves of an exec(2) it
/// is, for some microseconds.
const EMPTY_READS_MAX: usize = 50;

/// Some fields of /proc/PID/stat.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stat {
    /// `Z` is a zombie.
    pub(super) state: char,
    /// Its process group.
    pub(super) group: u32,
    /// When it was started, in clock ticks since the system was: with the pid it names a process.
    pub(super) birth: u64,
}

pub(super) fn stat(pid: u32) -> Option<Stat> {
    parse_stat(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
}

/// The second field, the program's name, may hold anything, so counting starts behind the last
/// parenthesis, with the third.
fn parse_stat(stat: &str) -> Option<Stat> {
    let mut fields = stat.rsplit_once(')')?.1.split_ascii_whitespace();
    let state = fields.next()?.chars().next()?;
    let mut nth = |skipped: usize| fields.nth(skipped);
    let group = nth(1)?.parse().ok()?;
    let birth = nth(16)?.parse().ok()?;
    Some(Stat { state, group, birth })
}

/// The children of a process, of all its threads.
pub(super) fn children(pid: u32) -> Vec<u32> {
    let Ok(threads) = fs::read_dir(format!("/proc/{pid}/task")) else { return Vec::new() };
    let lists =
        threads.flatten().filter_map(|thread| fs::read_to_string(thread.path().join("children")).ok());
    lists
        .flat_map(|list| list.split_ascii_whitespace().filter_map(|pid| pid.parse().ok()).collect::<Vec<_>>())
        .collect()
}

/// A variable of the environment that a process was started with.
pub(super) fn variable(pid: u32, name: &str) -> Option<String> {
    let path = format!("/proc/{pid}/environ");
    let mut environment = fs::read(&path).ok()?;
    for _ in 0..EMPTY_READS_MAX {
        if !environment.is_empty() {
            break;
        }
        std::thread::yield_now();
        environment = fs::read(&path).ok()?;
    }
    let mut variables = environment.split(|byte| *byte == 0);
    let value = variables.find_map(|variable| variable.strip_prefix(name.as_bytes())?.strip_prefix(b"="))?;
    Some(String::from_utf8_lossy(value).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hostile_program_name_does_not_shift_the_fields() {
        let stat = "42 (evil) Z 1 2) S 1 40 42 0 -1 4194304 100 0 0 0 7 5 0 0 20 0 1 0 123456 1000 123 99";
        assert_eq!(parse_stat(stat), Some(Stat { state: 'S', group: 40, birth: 123_456 }));
        assert_eq!(parse_stat("42 (short) S 1"), None);
    }

    #[test]
    fn our_own_entries_can_be_read() {
        assert_ne!(stat(std::process::id()).unwrap().birth, 0);
        assert_eq!(variable(std::process::id(), "CARGO_PKG_NAME").as_deref(), Some("taskmaster"));
        let mut child = std::process::Command::new("sleep").arg("1000").spawn().unwrap();
        assert!(children(std::process::id()).contains(&child.id()));
        child.kill().unwrap();
        child.wait().unwrap();
    }
}
