//! What a child does to itself between fork and exec: limits, user, groups. A program that asks for none
//! of it does not fork at all.
//!
//! In there only async-signal-safe calls are allowed, so everything is looked up and allocated before.

use std::ffi::CString;
use std::io;
use std::os::unix::process::CommandExt;
use std::process::Command;

use nix::libc;

use crate::config::{Identity, Limit, OnCrash};

/// Failures are told to the parent as one number: the step, times this, plus errno.
const STEP: i32 = 1000;
/// What each step was about, for the user.
const STEPS: [&str; 7] = [
    "set its limits",
    "set its priority (nice)",
    "set its oom_score_adj",
    "join its groups",
    "become its group",
    "become its user",
    "be tied to the supervisor (on_crash)",
];

/// Arranges for all that `identity` asks for; nothing if that is nothing.
pub(super) fn arrange(command: &mut Command, identity: &Identity) {
    let Identity { user, group, rlimits, nice, oom_score_adj, on_crash, env_file: _, clear_env: _ } =
        identity;
    let gid = group.or(user.as_ref().map(|user| user.gid));
    let is_plain = gid.is_none()
        && rlimits.is_empty()
        && nice.is_none()
        && oom_score_adj.is_none()
        && *on_crash == OnCrash::Keep;
    if is_plain {
        return;
    }
    let limits: Vec<_> = rlimits
        .iter()
        .map(|(limit, range)| (resource(*limit), libc::rlimit { rlim_cur: range.soft, rlim_max: range.hard }))
        .collect();
    let score = oom_score_adj.and_then(|score| CString::new(score.to_string()).ok());
    // The group that is asked for stands in for the user's own one.
    let groups: Vec<libc::gid_t> = match (user, gid) {
        (Some(user), Some(gid)) => {
            user.groups.iter().copied().filter(|one| *one != user.gid).chain([gid]).collect()
        }
        (None, Some(gid)) => vec![gid],
        (_, None) => Vec::new(),
    };
    let (uid, nice, dies_with_us) = (user.as_ref().map(|user| user.uid), *nice, *on_crash == OnCrash::Kill);
    let parent = std::process::id();
    let change = move || {
        for (resource, limit) in &limits {
            // SAFETY: reads one struct that lives.
            done(0, unsafe { libc::setrlimit(*resource, limit) })?;
        }
        if let Some(nice) = nice {
            // SAFETY: takes numbers only.
            done(1, unsafe { libc::setpriority(libc::PRIO_PROCESS, 0, nice) })?;
        }
        if let Some(score) = &score {
            done(2, write_score(score))?;
        }
        if let Some(gid) = gid {
            // SAFETY: reads as many numbers as it is told of.
            done(3, unsafe { libc::setgroups(groups.len(), groups.as_ptr()) })?;
            // SAFETY: takes numbers only.
            done(4, unsafe { libc::setgid(gid) })?;
        }
        if let Some(uid) = uid {
            // SAFETY: takes numbers only.
            done(5, unsafe { libc::setuid(uid) })?;
        }
        if dies_with_us {
            // After the change of user, which takes it back.
            // SAFETY: takes numbers only.
            done(6, unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) })?;
            // Whose parent died before that hears of no death any more.
            // SAFETY: takes nothing.
            if u32::try_from(unsafe { libc::getppid() }) != Ok(parent) {
                return Err(io::Error::from_raw_os_error(6 * STEP + STEP + libc::ESRCH));
            }
        }
        Ok(())
    };
    // SAFETY: all that is called in there is async-signal-safe, and nothing is allocated.
    unsafe { command.pre_exec(change) };
}

fn done(step: i32, result: libc::c_int) -> io::Result<()> {
    if result != -1 {
        return Ok(());
    }
    let errno = io::Error::last_os_error().raw_os_error().unwrap_or(libc::EINVAL);
    Err(io::Error::from_raw_os_error((step + 1) * STEP + errno))
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

/// Why a step failed, if it is one of these that did.
pub(super) fn explain(error: &io::Error) -> Option<String> {
    let number = error.raw_os_error().filter(|number| *number >= STEP)?;
    let what = STEPS.get(usize::try_from(number / STEP - 1).ok()?)?;
    let why = nix::errno::Errno::from_raw(number % STEP).desc();
    Some(format!("it cannot {what}: {why}"))
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

    #[test]
    fn a_step_that_failed_is_named() {
        let error =
            done(5, -1).map_err(|_| io::Error::from_raw_os_error(6 * STEP + libc::EPERM)).unwrap_err();
        assert_eq!(explain(&error).unwrap(), "it cannot become its user: Operation not permitted");
        assert_eq!(explain(&io::Error::from_raw_os_error(libc::ENOENT)), None);
    }
}
