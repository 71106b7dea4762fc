//! How fast a pipe is filled, and what follows for reading it.
//!
//! A child that writes line by line wakes us for every line, and each waking costs more than the
//! line. Once a pipe has shown that it does so, it is left alone for a moment after each read: many
//! lines are taken at once then. A quiet child is read at once, always.

use std::time::Duration;

use crate::time::Time;

/// How long a chatty pipe is left alone; a line is this late at most. It is the shortest time that
/// epoll can wait, and what a child writes meanwhile as fast as it can fits into a large pipe.
pub(super) const REST: Duration = Duration::from_millis(1);
/// Reads that follow each other within this time are the same burst.
const BURST_WITHIN: Duration = Duration::from_millis(1);
/// Small reads of one burst that make a pipe chatty.
const BURST_READS: u8 = 16;
/// A read of less than this was not worth the waking, in bytes.
const SMALL_BYTES: usize = 16 * 1024;
/// Full reads in a row after which a larger pipe pays.
const FULL_READS: u8 = 8;
/// What a pipe holds by default (pipe(7)); a read of so much found it full.
pub(super) const PIPE_BYTES: usize = 64 * 1024;

/// What is known of the latest reads of one pipe.
#[derive(Debug, Default)]
pub(super) struct Pace {
    read_at: Time,
    small_reads: u8,
    full_reads: u8,
}

impl Pace {
    /// Takes note of a read of `count` bytes.
    pub(super) fn note(&mut self, now: Time, count: usize) {
        let is_burst = now - self.read_at <= BURST_WITHIN;
        self.read_at = now;
        self.small_reads =
            if is_burst && count < SMALL_BYTES { self.small_reads.saturating_add(1) } else { 0 };
        self.full_reads = if count >= PIPE_BYTES { self.full_reads.saturating_add(1) } else { 0 };
    }

    /// A rest is over, and so much had come meanwhile into a pipe that holds `capacity`: whether it
    /// goes on as before. True if the child may have had to wait, so that a larger pipe would pay.
    pub(super) fn rested(&mut self, now: Time, count: usize, capacity: usize) -> bool {
        self.read_at = now;
        let is_filled = count >= capacity / 4 * 3;
        if is_filled {
            self.small_reads = 0;
        }
        is_filled
    }

    /// Nothing had come.
    pub(super) fn calm_down(&mut self) {
        self.small_reads = 0;
    }

    pub(super) fn is_chatty(&self) -> bool {
        self.small_reads >= BURST_READS
    }

    /// Whether it has kept its pipe full since this was last true.
    pub(super) fn wants_larger_pipe(&mut self) -> bool {
        let wants = self.full_reads >= FULL_READS;
        if wants {
            self.full_reads = 0;
        }
        wants
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(microseconds: u64) -> Time {
        Time::since_start(Duration::from_micros(microseconds))
    }

    #[test]
    fn only_many_small_reads_in_a_row_make_a_pipe_chatty() {
        let mut pace = Pace::default();
        for number in 0..100 {
            pace.note(at(number * 2_000), 10);
            assert!(!pace.is_chatty());
        }
        for number in 0..20 {
            pace.note(at(1_000_000 + number * 10), 10);
        }
        assert!(pace.is_chatty());
        pace.note(at(1_000_300), SMALL_BYTES);
        assert!(!pace.is_chatty());
    }

    #[test]
    fn a_rest_that_fills_the_pipe_was_too_long() {
        let mut pace = Pace::default();
        for number in 0..20 {
            pace.note(at(number), 10);
        }
        assert!(!pace.rested(at(2_000), 1000, PIPE_BYTES));
        assert!(!pace.rested(at(3_000), PIPE_BYTES, 4 * PIPE_BYTES));
        assert!(pace.is_chatty());
        assert!(pace.rested(at(4_000), PIPE_BYTES, PIPE_BYTES));
        assert!(!pace.is_chatty());
    }

    #[test]
    fn a_pipe_that_is_kept_full_asks_for_a_larger_one_now_and_then() {
        let mut pace = Pace::default();
        let asked = (0..100).filter(|number| {
            pace.note(at(*number), PIPE_BYTES);
            pace.wants_larger_pipe()
        });
        assert_eq!(asked.count(), 100 / usize::from(FULL_READS));
    }
}
