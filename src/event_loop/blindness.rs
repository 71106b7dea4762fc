//! A poll that fails. No kernel does that to a descriptor of ours, but a filter of system calls or a fault of
//! our own may, and then programs are not to be left alone: signals and timers are looked after without it.

use std::io;
use std::time::Duration;

/// How long nothing happens after a failure, so that failures cost no time worth speaking of.
const PAUSE: Duration = Duration::from_millis(100);
/// Failures in a row, about half a minute of them, after which everything is ended in order: programs whose
/// output nobody reads come to a halt.
const FAILURES_MAX: u32 = 300;

/// How long the poll has been failing.
#[derive(Default)]
pub(super) struct Blindness {
    failures: u32,
    has_given_up: bool,
}

impl Blindness {
    /// Whether the last poll told nothing.
    pub(super) fn is_blind(&self) -> bool {
        self.failures > 0
    }

    /// Whether everything was to be ended for it.
    pub(super) fn has_given_up(&self) -> bool {
        self.has_given_up
    }

    /// The poll works.
    pub(super) fn end(&mut self) {
        if std::mem::take(&mut self.failures) > 0 {
            log::warn!("the poll works again");
        }
    }

    /// The poll has failed. Waits for a moment; true at the time to give up.
    pub(super) fn note(&mut self, error: &io::Error) -> bool {
        self.failures += 1;
        if self.failures == 1 {
            log::error!(
                "the poll fails: {error}; programs are looked after all the same, and it is tried again"
            );
        }
        std::thread::sleep(PAUSE);
        let is_over = self.failures == FAILURES_MAX;
        if is_over {
            log::error!("the poll has failed {FAILURES_MAX} times in a row: shutting down");
            self.has_given_up = true;
        }
        is_over
    }
}
