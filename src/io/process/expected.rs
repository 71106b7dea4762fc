//! Who is likely to have ended: those that were sent a signal, in that order.
//!
//! wait4(2) for anybody goes through our children in the order in which they were started, and passes all that
//! live. Stops go the other way, so that each of ten thousand dead would be found behind all that still live; that
//! took nearly half of the time of stopping them. Asked for by its pid, a child is found at once.

use std::collections::VecDeque;

/// Pids of children, those to be asked after first in front. A wrong guess costs one system call.
#[derive(Default)]
pub(super) struct Expected {
    pids: VecDeque<u32>,
}

impl Expected {
    /// A child was signalled; there are `most` of them. Signals that end nobody may come by the thousand, and
    /// whoever is not in here is found all the same.
    pub(super) fn note(&mut self, pid: u32, most: usize) {
        if self.pids.len() < most {
            self.pids.push_back(pid);
        }
    }

    /// Whom to ask after next, if anybody: one that `is_there`, not reaped by other ways.
    pub(super) fn next(&mut self, is_there: impl Fn(u32) -> bool) -> Option<u32> {
        let next = std::iter::from_fn(|| self.pids.pop_front()).find(|pid| is_there(*pid));
        if self.pids.is_empty() {
            self.pids = VecDeque::new();
        }
        next
    }

    /// That one lives: others are asked after before it is again.
    pub(super) fn put_back(&mut self, pid: u32) {
        self.pids.push_back(pid);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_are_asked_after_in_the_order_in_which_they_were_signalled() {
        let mut expected = Expected::default();
        for pid in [30, 20, 10] {
            expected.note(pid, 3);
        }
        expected.note(40, 3);
        assert_eq!(expected.next(|_| true), Some(30));
        expected.put_back(30);
        assert_eq!(expected.next(|pid| pid != 20), Some(10), "20 was reaped meanwhile");
        assert_eq!(expected.next(|_| true), Some(30), "40 was one too many");
        assert_eq!(expected.next(|_| true), None);
        assert_eq!(expected.pids.capacity(), 0);
    }
}
