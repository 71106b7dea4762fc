//! Process groups that outlive their leaders: who is in one has not left it, even if its run is over.

use std::collections::HashMap;
use std::io;

use nix::libc;

use crate::slots::Key;

/// How many groups are kept before those without a member are looked for.
const KEPT_MIN: usize = 64;

/// Groups whose leader was reaped while they had other members, by their id, and the instances that
/// they belong to.
#[derive(Default)]
pub(super) struct LeftGroups {
    owners: HashMap<u32, Key>,
    /// How many there may be before the empty ones are dropped, so that this takes no time on average.
    room: usize,
}

impl LeftGroups {
    /// A leader was reaped. One system call.
    pub(super) fn note(&mut self, leader: u32, owner: Key) {
        self.owners.remove(&leader);
        if is_gone(leader) {
            return;
        }
        if self.owners.len() >= self.room {
            self.owners.retain(|group, _| !is_gone(*group));
            self.room = KEPT_MIN.max(2 * self.owners.len());
        }
        self.owners.insert(leader, owner);
    }

    /// Whether this is a group that a run of `owner` has led. Ask about groups that have members: the
    /// number of one that has none may be another's by now.
    pub(super) fn is_of(&self, group: u32, owner: Key) -> bool {
        self.owners.get(&group) == Some(&owner)
    }
}

/// Whether a group has no member any more.
pub(super) fn is_gone(group: u32) -> bool {
    // SAFETY: signal 0 only asks whether anybody is there.
    let is_there = unsafe { libc::kill(-group.cast_signed(), 0) } == 0
        || io::Error::last_os_error().raw_os_error() != Some(libc::ESRCH);
    !is_there
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::process::CommandExt;
    use std::process::{Command, Stdio};

    #[test]
    fn a_group_is_kept_while_it_has_members_and_no_longer() {
        let owner = Key::new(3, 7);
        let mut groups = LeftGroups::default();
        let script = ["-c", "exec 0<&1; sleep 1000 & echo $!"];
        let mut sh = Command::new("sh");
        let leader = sh.args(script).process_group(0).stdin(Stdio::null()).stdout(Stdio::piped()).spawn();
        let mut leader = leader.unwrap();
        let mut told = String::new();
        let stdout = leader.stdout.take().unwrap();
        io::BufRead::read_line(&mut io::BufReader::new(stdout), &mut told).unwrap();
        let pid = leader.id();
        leader.wait().unwrap();
        groups.note(pid, owner);
        assert!(groups.is_of(pid, owner) && !groups.is_of(pid, Key::new(4, 8)));
        // SAFETY: the child of the shell lives, as nobody has ended it.
        unsafe { libc::kill(-pid.cast_signed(), libc::SIGKILL) };
        while !is_gone(pid) {
            std::thread::yield_now();
        }
        groups.note(pid, owner);
        assert!(!groups.is_of(pid, owner));
    }
}
