//! Waiting, from which only a signal that asks us to end wakes early.

use std::time::Duration;

use nix::libc;
use nix::sys::signal::{SigSet, Signal};

use super::Trouble;

/// Holds back the signals that ask us to end, so that nothing is left behind by one.
pub(super) struct Patience {
    signals: SigSet,
}

impl Patience {
    pub(super) fn new() -> Result<Patience, Trouble> {
        let asked = [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP, Signal::SIGQUIT];
        let signals: SigSet = asked.into_iter().collect();
        signals.thread_block().map_err(std::io::Error::from)?;
        Ok(Patience { signals })
    }

    /// Waits this long.
    ///
    /// # Errors
    /// If we are to end.
    pub(super) fn wait(&self, time: Duration) -> Result<(), Trouble> {
        let timeout = libc::timespec {
            tv_sec: time.as_secs() as libc::time_t,
            tv_nsec: time.subsec_nanos() as libc::c_long,
        };
        // SAFETY: reads a set and a time that live, and writes nothing.
        let signal = unsafe { libc::sigtimedwait(self.signals.as_ref(), std::ptr::null_mut(), &timeout) };
        if signal > 0 { Err(Trouble::Interrupted) } else { Ok(()) }
    }
}
