//! A child between its clone and its exec.
//!
//! A fork, and posix_spawn too, copies our table of descriptors, and exec then closes the copies one
//! by one: with ten thousand instances that is ten thousand times ten thousand, and far more than all
//! else together. So a child shares our table at first, and leaves it with a copy of the lowest few
//! (close_range(2), `CLOSE_RANGE_UNSHARE`): a start costs the same however much is open. Our memory is
//! not copied either; we stand still until the exec, as with vfork(2).
//!
//! In here only async-signal-safe calls are allowed: everything is looked up and allocated before.

use std::ffi::CStr;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::RawFd;
use std::ptr;
use std::sync::atomic::{AtomicI32, Ordering};

use nix::errno::Errno;
use nix::libc::{self, c_char, c_int, c_uint, c_void};

use super::transition::Transition;

/// For the few frames of [`be_born`]; a build without optimisation needs more of it.
const STACK_BYTES: usize = 64 * 1024;

/// All that a child is to be given.
pub(super) struct Birth<'a> {
    pub(super) file: &'a CStr,
    /// Ends with a null pointer.
    pub(super) arguments: &'a [*const c_char],
    /// Ends with a null pointer.
    pub(super) environment: &'a [*const c_char],
    pub(super) workingdir: &'a CStr,
    /// Beyond 2, and below `unneeded_from`.
    pub(super) stdio: [RawFd; 3],
    /// Descriptors from here on are left behind at once; `None` where the system has no call for it.
    pub(super) unneeded_from: Option<c_uint>,
    /// `None` is ours.
    pub(super) umask: Option<u32>,
    /// The limit of open files, where it is not ours.
    pub(super) file_limit: Option<libc::rlimit>,
    pub(super) transition: Option<&'a Transition>,
    /// Signals that are not at their default in us and are to be in it.
    pub(super) signals: &'a [c_int],
}

/// What a child was about when it failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Clone,
    Descriptors,
    Group,
    Streams,
    Directory,
    FileLimit,
    Limits,
    Nice,
    OomScore,
    Groups,
    OwnGroup,
    User,
    OnCrash,
    Exec,
}

const STEPS: [(Step, Option<&str>); 14] = [
    (Step::Clone, None),
    (Step::Descriptors, Some("leave the supervisor's descriptors")),
    (Step::Group, Some("lead a process group")),
    (Step::Streams, Some("take its standard streams")),
    (Step::Directory, None),
    (Step::FileLimit, Some("take back the limit of open files")),
    (Step::Limits, Some("set its limits")),
    (Step::Nice, Some("set its priority (nice)")),
    (Step::OomScore, Some("set its oom_score_adj")),
    (Step::Groups, Some("join its groups")),
    (Step::OwnGroup, Some("become its group")),
    (Step::User, Some("become its user")),
    (Step::OnCrash, Some("be tied to the supervisor (on_crash)")),
    (Step::Exec, None),
];

/// Why there is no child.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Failure {
    pub(super) step: Step,
    pub(super) errno: i32,
}

impl Failure {
    /// What the present errno says of a step.
    pub(super) fn at(step: Step) -> Failure {
        Failure { step, errno: Errno::last_raw() }
    }

    /// One line for the user, if the step says more than a failed exec would.
    pub(super) fn explain(self) -> Option<String> {
        let what = STEPS[self.step as usize].1?;
        Some(format!("it cannot {what}: {}", Errno::from_raw(self.errno).desc()))
    }
}

/// What a child that fails leaves for its parent: step + 1, or 0, and errno.
#[derive(Default)]
struct Report {
    step: AtomicI32,
    errno: AtomicI32,
}

struct Delivery<'a> {
    birth: &'a Birth<'a>,
    report: &'a Report,
}

impl Birth<'_> {
    /// The pid of the child, which has executed its program by now. No handler of ours may run in it, as it would
    /// be in our memory: so all signals wait.
    pub(super) fn deliver(&self, _: &AllBlocked) -> Result<u32, Failure> {
        // Whoever becomes somebody else gets a memory of its own, or that user could reach into ours.
        let shares_memory = self.transition.is_none_or(|transition| !transition.changes_user());
        let own = Report::default();
        let shared = if shares_memory { None } else { Some(SharedReport::map()?) };
        let report = shared.as_ref().map_or(&own, SharedReport::get);
        let mut flags = libc::CLONE_VFORK | libc::SIGCHLD;
        if shares_memory {
            flags |= libc::CLONE_VM;
        }
        if self.unneeded_from.is_some() {
            flags |= libc::CLONE_FILES;
        }
        let delivery = Delivery { birth: self, report };
        let mut stack = [const { MaybeUninit::<u128>::uninit() }; STACK_BYTES / size_of::<u128>()];
        let top = stack.as_mut_ptr_range().end.cast::<c_void>();
        // SAFETY: we are suspended until the child has left our memory, so all that is borrowed outlives it, and
        // its stack is ours to lend: `be_born` needs less of it and never returns.
        let pid = unsafe { libc::clone(be_born, top, flags, ptr::from_ref(&delivery).cast_mut().cast()) };
        let Some(pid) = u32::try_from(pid).ok() else { return Err(Failure::at(Step::Clone)) };
        match report.failure() {
            None => Ok(pid),
            Some(failure) => {
                // SAFETY: it has ended, or is about to; nobody else waits for it.
                unsafe { libc::waitpid(pid.cast_signed(), ptr::null_mut(), 0) };
                Err(failure)
            }
        }
    }

    /// Everything up to the exec, in the child. The order counts: nothing of ours is touched before the
    /// table of descriptors is its own, and what only the old user may do comes before the new one.
    fn prepare(&self) -> Result<(), Failure> {
        // SAFETY: all of these take numbers, or pointers to what `deliver` keeps.
        unsafe {
            if let Some(first) = self.unneeded_from {
                let flags = libc::CLOSE_RANGE_UNSHARE as c_int;
                done(Step::Descriptors, libc::close_range(first, c_uint::MAX, flags))?;
            }
            for signal in self.signals {
                libc::signal(*signal, libc::SIG_DFL);
            }
            done(Step::Group, libc::setpgid(0, 0))?;
            for (number, file) in (0..).zip(self.stdio) {
                done(Step::Streams, libc::dup2(file, number))?;
            }
            done(Step::Directory, libc::chdir(self.workingdir.as_ptr()))?;
            if let Some(mask) = self.umask {
                libc::umask(mask);
            }
            if let Some(limit) = &self.file_limit {
                done(Step::FileLimit, libc::setrlimit(libc::RLIMIT_NOFILE, limit))?;
            }
        }
        self.transition.map_or(Ok(()), Transition::apply)
    }
}

/// What the child runs; it ends with an exec or with a report.
extern "C" fn be_born(delivery: *mut c_void) -> c_int {
    // SAFETY: `deliver` passes one that outlives this.
    let Delivery { birth, report } = unsafe { &*delivery.cast_const().cast::<Delivery>() };
    let prepared = birth.prepare();
    if prepared.is_ok() {
        // SAFETY: the arrays and texts live and end with a null.
        unsafe {
            let mut none = MaybeUninit::uninit();
            libc::sigemptyset(none.as_mut_ptr());
            libc::sigprocmask(libc::SIG_SETMASK, none.as_ptr(), ptr::null_mut());
            libc::execve(birth.file.as_ptr(), birth.arguments.as_ptr(), birth.environment.as_ptr());
        }
    }
    report.put(prepared.err().unwrap_or_else(|| Failure::at(Step::Exec)));
    // SAFETY: nothing of ours is run or flushed by it.
    unsafe { libc::_exit(127) }
}

/// -1 and errno, as system calls have it, to a result.
pub(super) fn done(step: Step, result: c_int) -> Result<(), Failure> {
    if result == -1 { Err(Failure::at(step)) } else { Ok(()) }
}

impl Report {
    fn put(&self, failure: Failure) {
        self.errno.store(failure.errno, Ordering::Relaxed);
        self.step.store(failure.step as i32 + 1, Ordering::Relaxed);
    }

    fn failure(&self) -> Option<Failure> {
        let at = usize::try_from(self.step.load(Ordering::Relaxed)).ok()?.checked_sub(1)?;
        Some(Failure { step: STEPS.get(at)?.0, errno: self.errno.load(Ordering::Relaxed) })
    }
}

/// A report from a child that has a memory of its own.
struct SharedReport(*mut c_void);

impl SharedReport {
    fn map() -> Result<SharedReport, Failure> {
        let (access, kind) = (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_SHARED | libc::MAP_ANONYMOUS);
        // SAFETY: a new mapping, of no file.
        let page = unsafe { libc::mmap(ptr::null_mut(), size_of::<Report>(), access, kind, -1, 0) };
        if page == libc::MAP_FAILED { Err(Failure::at(Step::Clone)) } else { Ok(SharedReport(page)) }
    }

    fn get(&self) -> &Report {
        // SAFETY: the page is large enough and aligned, and zeros are a report of no failure.
        unsafe { &*self.0.cast_const().cast() }
    }
}

impl Drop for SharedReport {
    fn drop(&mut self) {
        // SAFETY: `map` has made it, and nobody uses it any more.
        unsafe { libc::munmap(self.0, size_of::<Report>()) };
    }
}

/// All signals wait for as long as this lives.
pub(super) struct AllBlocked {
    before: libc::sigset_t,
}

impl AllBlocked {
    pub(super) fn now() -> AllBlocked {
        let (mut all, mut before) = (MaybeUninit::uninit(), MaybeUninit::uninit());
        // SAFETY: both calls write the sets that they are given.
        unsafe {
            libc::sigfillset(all.as_mut_ptr());
            libc::sigprocmask(libc::SIG_SETMASK, all.as_ptr(), before.as_mut_ptr());
            AllBlocked { before: before.assume_init() }
        }
    }
}

impl Drop for AllBlocked {
    fn drop(&mut self) {
        // SAFETY: reads one set that lives.
        unsafe { libc::sigprocmask(libc::SIG_SETMASK, &self.before, ptr::null_mut()) };
    }
}

/// Signals that we handle or, as SIGPIPE, ignore for ourselves alone. Ask once all handlers are installed.
pub(super) fn own_signals() -> Vec<c_int> {
    let is_handled = |signal: &c_int| {
        let mut action = MaybeUninit::<libc::sigaction>::uninit();
        // SAFETY: only writes the struct, if it succeeds.
        let handler = unsafe {
            match libc::sigaction(*signal, ptr::null(), action.as_mut_ptr()) {
                0 => action.assume_init().sa_sigaction,
                _ => libc::SIG_DFL,
            }
        };
        handler != libc::SIG_DFL && handler != libc::SIG_IGN
    };
    (1..=libc::SIGRTMAX()).filter(|signal| *signal == libc::SIGPIPE || is_handled(signal)).collect()
}

impl From<Failure> for io::Error {
    fn from(failure: Failure) -> io::Error {
        io::Error::from_raw_os_error(failure.errno)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_step_stands_at_its_place() {
        for (at, (step, _)) in STEPS.iter().enumerate() {
            assert_eq!(*step as usize, at);
        }
    }

    #[test]
    fn a_report_comes_back_as_it_was_put() {
        let report = Report::default();
        assert_eq!(report.failure(), None);
        for (step, _) in STEPS {
            report.put(Failure { step, errno: 7 });
            assert_eq!(report.failure(), Some(Failure { step, errno: 7 }));
        }
    }

    #[test]
    fn a_step_that_failed_is_named() {
        let failure = Failure { step: Step::User, errno: libc::EPERM };
        assert_eq!(failure.explain().unwrap(), "it cannot become its user: Operation not permitted");
        assert_eq!(Failure { step: Step::Exec, errno: libc::ENOENT }.explain(), None);
    }
}
