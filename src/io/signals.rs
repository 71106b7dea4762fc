//! Signals to the supervisor, as poll events.

use std::io;

use mio::{Interest, Registry};
use nix::libc;
use nix::sys::signal::SigSet;
use signal_hook_mio::v1_0::Signals as SelfPipe;

use super::token::Source;
use crate::signal::Signal;

/// What a signal asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Notice {
    /// SIGCHLD: somebody is to be reaped.
    ChildEnded,
    /// SIGTERM, SIGINT, SIGQUIT.
    Shutdown(Signal),
    /// SIGHUP: the terminal closed, or a reload is wanted.
    Hangup,
    /// SIGUSR2: reopen all log files.
    Reopen,
    /// SIGWINCH: the terminal has another size.
    Resized,
    /// SIGCONT: we were stopped for a while.
    Continued,
}

/// The handlers and their self-pipe.
pub(crate) struct Signals {
    pipe: SelfPipe,
    hangup_was_ignored: bool,
}

const HANDLED: [Signal; 8] = [
    Signal::CHLD,
    Signal::TERM,
    Signal::INT,
    Signal::QUIT,
    Signal::HUP,
    Signal::USR2,
    Signal::WINCH,
    Signal::CONT,
];
/// Signals that would end us by default, though nobody who sends them means that: a stray USR1, a
/// timer of somebody's, a log file at its size limit (XFSZ; the write fails with EFBIG then). They are
/// handled rather than ignored, because children would inherit that.
const SURVIVED: [i32; 8] = [
    libc::SIGUSR1,
    libc::SIGALRM,
    libc::SIGVTALRM,
    libc::SIGPROF,
    libc::SIGIO,
    libc::SIGPWR,
    libc::SIGSTKFLT,
    libc::SIGXFSZ,
];

impl Signals {
    /// Installs the handlers. Children must not inherit what our launcher ignored or blocked, so
    /// all else is set to its default first: a shell starts `&` jobs with INT and QUIT ignored, and
    /// `stopsignal: INT` would do nothing.
    pub(crate) fn install(registry: &Registry) -> io::Result<Signals> {
        let hangup_was_ignored = is_ignored(Signal::HUP);
        reset_dispositions();
        let mut pipe = SelfPipe::new(HANDLED.map(Signal::number).iter().chain(&SURVIVED))?;
        unblock_all()?;
        registry.register(&mut pipe, Source::Signals.token(), Interest::READABLE)?;
        Ok(Signals { pipe, hangup_was_ignored })
    }

    /// Whether we were started with SIGHUP ignored, as nohup(1) does.
    pub(crate) fn hangup_was_ignored(&self) -> bool {
        self.hangup_was_ignored
    }

    /// What has arrived since the last call; several of a kind count once.
    pub(crate) fn drain(&mut self) -> Vec<Notice> {
        let notice = |number| match Signal::from_number(number)? {
            _ if SURVIVED.contains(&number) => None,
            Signal::CHLD => Some(Notice::ChildEnded),
            Signal::HUP => Some(Notice::Hangup),
            Signal::USR2 => Some(Notice::Reopen),
            Signal::WINCH => Some(Notice::Resized),
            Signal::CONT => Some(Notice::Continued),
            signal => Some(Notice::Shutdown(signal)),
        };
        self.pipe.pending().filter_map(notice).collect()
    }
}

/// Deaths that are heard one by one; many of them together are heard as one.
const HEARD_SINGLY_MAX: u32 = 2;

/// Keeps the ends of very many children from interrupting us once each: beyond the first few, SIGCHLD waits
/// until this is dropped, and the kernel keeps one of them for all. Children do not inherit that: they begin with
/// no signal blocked.
#[derive(Default)]
pub(crate) struct Lull {
    noted: u32,
    is_held: bool,
}

impl Lull {
    /// One more child has ended, or was asked to.
    pub(crate) fn note(&mut self) {
        self.noted = self.noted.saturating_add(1);
        if self.noted > HEARD_SINGLY_MAX && !self.is_held {
            // Refused, it is as it was: an interruption for each of them.
            self.is_held = child_ended().thread_block().is_ok();
        }
    }
}

impl Drop for Lull {
    fn drop(&mut self) {
        if self.is_held
            && let Err(errno) = child_ended().thread_unblock()
        {
            log::error!("SIGCHLD stays blocked: {errno}");
        }
    }
}

fn child_ended() -> SigSet {
    SigSet::from(nix::sys::signal::Signal::SIGCHLD)
}

fn is_ignored(signal: Signal) -> bool {
    // SAFETY: a null new action only reads the present one into `old`, which is plain data.
    unsafe {
        let mut old: libc::sigaction = std::mem::zeroed();
        libc::sigaction(signal.number(), std::ptr::null(), &mut old) == 0 && old.sa_sigaction == libc::SIG_IGN
    }
}

/// Sets every ignored signal to its default. SIGPIPE stays ignored, as Rust's runtime set it: a dead
/// terminal must not end us, and std resets it in children itself.
fn reset_dispositions() {
    for number in 1..=64 {
        let Some(signal) = Signal::from_number(number) else { continue };
        if number != libc::SIGPIPE && is_ignored(signal) {
            // SAFETY: installs the default action; no handler of ours is involved.
            unsafe { libc::signal(number, libc::SIG_DFL) };
        }
    }
}

fn unblock_all() -> io::Result<()> {
    let none = SigSet::empty();
    none.thread_set_mask()?;
    Ok(())
}
