//! What is remembered of the processes that an instance has had: the flight recorder behind `why`.

use std::time::Duration;

use super::{ExitStatus, State};
use crate::time::Time;

/// Ended processes that are remembered of each instance: enough to tell a pattern from an accident.
pub const PAST_RUNS_MAX: usize = 5;

/// A process that has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PastRun {
    /// Which of the instance's processes it was, counted from 1.
    pub incarnation: u32,
    /// Its pid, which may be somebody else's by now.
    pub pid: u32,
    /// When it was reaped.
    pub ended: Time,
    /// How long it lived.
    pub lived: Duration,
    /// How it ended.
    pub status: ExitStatus,
    /// The state of the instance at that moment: whether this was a failed start, the end of a run,
    /// or what a stop was for.
    pub during: State,
}

/// The last [`PAST_RUNS_MAX`] of them, oldest first. Nothing is allocated before the first exit.
#[derive(Clone, Debug, Default)]
pub(super) struct BlackBox(Vec<PastRun>);

impl BlackBox {
    pub(super) fn note(&mut self, run: PastRun) {
        if self.0.len() == PAST_RUNS_MAX {
            self.0.remove(0);
        }
        self.0.reserve_exact(1);
        self.0.push(run);
    }

    pub(super) fn runs(&self) -> &[PastRun] {
        &self.0
    }
}
