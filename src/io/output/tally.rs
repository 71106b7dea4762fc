//! What the logs of each instance have taken and lost. It outlives the files and the processes, so
//! that the figures only grow.

use std::collections::HashMap;

use crate::slots::Key;

/// In bytes, since we were started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) written: u64,
    /// Refused by the disk, with what had to be taken back of lines that it tore.
    pub(crate) dropped: u64,
}

/// The counts of all instances that have written anything.
#[derive(Default)]
pub(super) struct Tally {
    counts: HashMap<Key, Counts>,
}

impl Tally {
    pub(super) fn wrote(&mut self, instance: Key, bytes: u64) {
        self.counts.entry(instance).or_default().written += bytes;
    }

    pub(super) fn dropped(&mut self, instance: Key, bytes: u64) {
        self.counts.entry(instance).or_default().dropped += bytes;
    }

    pub(super) fn of(&self, instance: Key) -> Counts {
        self.counts.get(&instance).copied().unwrap_or_default()
    }

    /// Forgets instances that there are no more.
    pub(super) fn keep(&mut self, is_there: impl Fn(Key) -> bool) {
        self.counts.retain(|instance, _| is_there(*instance));
    }
}
