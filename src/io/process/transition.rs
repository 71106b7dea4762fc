//! What a child does to itself before its exec, where its configuration asks for that: limits, user, groups.
//!
//! In there only async-signal-safe calls are allowed, so everything is looked up and allocated before.

use std::ffi::CString;

use nix::libc;

use super::birth::{Failure, Step, done};
use crate::config::{Identity, Limit, OnCrash};

/// All that an `identity` asks for.
pub(super) struct Transition {
    limits: Vec<(libc::__rlimit_resource_t, libc::rlimit)>,
    nice: Option<i32>,
    /// What is written into oom_score_adj.
    score: Option<CString>,
    groups: Vec<libc::gid_t>,
    gid: Option<u32>,
    uid: Option<u32>,
    dies_with_us: bool,
    parent: u32,
}

impl Transition {
    /// `None` if nothing is asked for.
    pub(super) fn of(identity: &Identity) -> Option<Transition> {
        let Identity { user, group, rlimits, nice, oom_score_adj, on_crash, env_file: _, clear_env: _ } =
            identity;
        let gid = group.or(user.as_ref().map(|user| user.gid));
        let is_plain = gid.is_none()
            && rlimits.is_empty()
            && nice.is_none()
            && oom_score_adj.is_none()
            && *on_crash == OnCrash::Keep;
        if is_plain {
            return None;
        }
        let range =
            |limit: &crate::config::Range| libc::rlimit { rlim_cur: limit.soft, rlim_max: limit.hard };
        // The group that is asked for stands in for the user's own one.
        let groups: Vec<libc::gid_t> = match (user, gid) {
            (Some(user), Some(gid)) => {
                user.groups.iter().copied().filter(|one| *one != user.gid).chain([gid]).collect()
            }
            (None, Some(gid)) => vec![gid],
            (_, None) => Vec::new(),
        };
        Some(Transition {
            limits: rlimits.iter().map(|(limit, values)| (resource(*limit), range(values))).collect(),
            nice: *nice,
            score: oom_score_adj.and_then(|score| CString::new(score.to_string()).ok()),
            groups,
            gid,
            uid: user.as_ref().map(|user| user.uid),
            dies_with_us: *on_crash == OnCrash::Kill,
            parent: std::process::id(),
        })
    }

    /// Whether the process becomes another user's, or another group's.
    pub(super) fn changes_user(&self) -> bool {
        self.gid.is_some() || self.uid.is_some()
    }

    /// Does all of it, in the child.
    pub(super) fn apply(&self) -> Result<(), Failure> {
        for (resource, limit) in &self.limits {
            // SAFETY: reads one struct that lives.
            done(Step::Limits, unsafe { libc::setrlimit(*resource, limit) })?;
        }
        if let Some(nice) = self.nice {
            // SAFETY: takes numbers only.
            done(Step::Nice, unsafe { libc::setpriority(libc::PRIO_PROCESS, 0, nice) })?;
        }
        if let Some(score) = &self.score {
            done(Step::OomScore, write_score(score))?;
        }
        if let Some(gid) = self.gid {
            // SAFETY: reads as many numbers as it is told of.
            done(Step::Groups, unsafe { libc::setgroups(self.groups.len(), self.groups.as_ptr()) })?;
            // SAFETY: takes numbers only.
            done(Step::OwnGroup, unsafe { libc::setgid(gid) })?;
        }
        if let Some(uid) = self.uid {
            // SAFETY: takes numbers only.
            done(Step::User, unsafe { libc::setuid(uid) })?;
        }
        if self.dies_with_us {
            // After the change of user, which takes it back.
            // SAFETY: takes numbers only.
            done(Step::OnCrash, unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) })?;
            // Whose parent died before that hears of no death any more.
            // SAFETY: takes nothing.
            if u32::try_from(unsafe { libc::getppid() }) != Ok(self.parent) {
                return Err(Failure { step: Step::OnCrash, errno: libc::ESRCH });
            }
        }
        Ok(())
    }
}

/// -1 and errno, as a system call would.
fn write_score(score: &CString) -> libc::c_int {
    // SAFETY: both texts live and end with a NUL; the descriptor is closed in any case.
    unsafe {
        let file = libc::open(c"/proc/self/oom_score_adj".as_ptr(), libc::O_WRONLY | libc::O_CLOEXEC);
        if file == -1 {
            return -1;
        }
        let bytes = score.as_bytes();
        let written = libc::write(file, bytes.as_ptr().cast(), bytes.len());
        let errno = *libc::__errno_location();
        libc::close(file);
        *libc::__errno_location() = errno;
        if written == -1 { -1 } else { 0 }
    }
}

fn resource(limit: Limit) -> libc::__rlimit_resource_t {
    [
        libc::RLIMIT_AS,
        libc::RLIMIT_CORE,
        libc::RLIMIT_CPU,
        libc::RLIMIT_DATA,
        libc::RLIMIT_FSIZE,
        libc::RLIMIT_MEMLOCK,
        libc::RLIMIT_NOFILE,
        libc::RLIMIT_NPROC,
        libc::RLIMIT_RSS,
        libc::RLIMIT_STACK,
        libc::RLIMIT_SIGPENDING,
    ][limit.0]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::LIMITS;

    #[test]
    fn every_limit_has_its_number() {
        for (at, name) in LIMITS.iter().enumerate() {
            let shown = format!("RLIMIT_{}", name.to_uppercase());
            let known = match shown.as_str() {
                "RLIMIT_NOFILE" => libc::RLIMIT_NOFILE,
                "RLIMIT_NPROC" => libc::RLIMIT_NPROC,
                "RLIMIT_CORE" => libc::RLIMIT_CORE,
                "RLIMIT_SIGPENDING" => libc::RLIMIT_SIGPENDING,
                _ => continue,
            };
            assert_eq!(resource(Limit(at)), known, "{name}");
        }
    }
}
