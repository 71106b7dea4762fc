//! What /proc tells about a process beyond its use of CPU and memory (proc(5)).

use std::fs;
use std::io;

use nix::libc;

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

/// Whether a call failed because there is no descriptor or no memory for it now. That says nothing of what
/// it was to look at.
pub(super) fn is_lack(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::EMFILE | libc::ENFILE | libc::ENOMEM))
}

/// What was read of a process; none if there is no such process any more, or it is not ours to look at.
///
/// # Errors
/// If that cannot be known now, see [`is_lack`].
fn unless_gone<T>(read: io::Result<T>) -> io::Result<Option<T>> {
    match read {
        Ok(found) => Ok(Some(found)),
        Err(error) if is_lack(&error) => Err(error),
        Err(_) => Ok(None),
    }
}

/// What the kernel tells about a process, if there is one. Needs one descriptor, as all questions here.
pub(super) fn stat(pid: u32) -> io::Result<Option<Stat>> {
    let text = unless_gone(fs::read_to_string(format!("/proc/{pid}/stat")))?;
    Ok(text.as_deref().and_then(parse_stat))
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
pub(super) fn children(pid: u32) -> io::Result<Vec<u32>> {
    let Some(threads) = unless_gone(fs::read_dir(format!("/proc/{pid}/task")))? else {
        return Ok(Vec::new());
    };
    // The directory is closed before the first list is opened.
    let threads = threads.map(unless_gone).collect::<io::Result<Vec<_>>>()?;
    let mut children = Vec::new();
    for thread in threads.into_iter().flatten() {
        let list = unless_gone(fs::read_to_string(thread.path().join("children")))?.unwrap_or_default();
        children.extend(list.split_ascii_whitespace().filter_map(|pid| pid.parse::<u32>().ok()));
    }
    Ok(children)
}

/// A variable of the environment that a process was started with.
pub(super) fn variable(pid: u32, name: &str) -> io::Result<Option<String>> {
    let path = format!("/proc/{pid}/environ");
    let read = || unless_gone(fs::read(&path));
    let Some(mut environment) = read()? else { return Ok(None) };
    for _ in 0..EMPTY_READS_MAX {
        if !environment.is_empty() {
            break;
        }
        std::thread::yield_now();
        environment = match read()? {
            Some(environment) => environment,
            None => return Ok(None),
        };
    }
    let mut variables = environment.split(|byte| *byte == 0);
    let value = variables.find_map(|variable| variable.strip_prefix(name.as_bytes())?.strip_prefix(b"="));
    Ok(value.map(|value| String::from_utf8_lossy(value).into_owned()))
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
        assert_ne!(stat(std::process::id()).unwrap().unwrap().birth, 0);
        assert_eq!(variable(std::process::id(), "CARGO_PKG_NAME").unwrap().as_deref(), Some("taskmaster"));
        let mut child = std::process::Command::new("sleep").arg("1000").spawn().unwrap();
        assert!(children(std::process::id()).unwrap().contains(&child.id()));
        child.kill().unwrap();
        child.wait().unwrap();
    }
}
