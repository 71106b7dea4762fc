//! Larger pipes for children that keep theirs full.

use std::os::fd::AsFd;
use std::time::Duration;

use nix::fcntl::{FcntlArg, fcntl};

use crate::time::Time;

/// What the pipe of a child holds that writes in large pieces, in bytes.
pub(super) const LARGE_PIPE_BYTES: usize = 256 * 1024;
/// The same for one that writes line by line and is left alone for a moment after each read: it is not to fill its
/// pipe meanwhile, as it would have to wait then (about 280 KB a millisecond are written so). More at a time slows
/// those down that write in large pieces.
pub(super) const CHATTY_PIPE_BYTES: usize = 512 * 1024;
/// What all larger pipes may hold together, in bytes: a user has 64 MiB of pipes in all (pipe(7)).
const LARGE_BYTES_MAX: usize = 16 * 1024 * 1024;
/// How long none is asked for after the kernel has refused one: the user's other programs may hold
/// what there is.
const AGAIN_AFTER: Duration = Duration::from_secs(60);

/// How much they hold.
#[derive(Default)]
pub(super) struct LargePipes {
    bytes: usize,
    /// Set when the kernel has refused one.
    again_at: Option<Time>,
}

impl LargePipes {
    /// Makes a pipe larger that may have been made so before, to `held` bytes, if there may be so much more; whether
    /// it is. Each needs a [`LargePipes::give_back`].
    pub(super) fn enlarge(&mut self, pipe: impl AsFd, held: usize, wanted: usize, now: Time) -> bool {
        let total = self.bytes - held + wanted;
        if total > LARGE_BYTES_MAX || self.again_at.is_some_and(|at| at > now) {
            return false;
        }
        let is_large = fcntl(pipe, FcntlArg::F_SETPIPE_SZ(wanted as i32)).is_ok();
        if is_large {
            self.bytes = total;
        }
        self.again_at = (!is_large).then(|| now + AGAIN_AFTER);
        is_large
    }

    /// A larger pipe of so many bytes was closed.
    pub(super) fn give_back(&mut self, bytes: usize) {
        self.bytes -= bytes;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn closed_pipes_make_room_and_a_refusal_is_not_for_ever() {
        let mut large = LargePipes::default();
        let pipe = || std::io::pipe().unwrap().0;
        let mut ask = |now| large.enlarge(pipe(), 0, LARGE_PIPE_BYTES, now);
        let given = (0..100).filter(|_| ask(Time::ZERO)).count();
        assert_eq!(given, LARGE_BYTES_MAX / LARGE_PIPE_BYTES);
        large.give_back(LARGE_PIPE_BYTES);
        // What is no pipe is refused, as is one for a user who has too many.
        let file = std::fs::File::open("/dev/null").unwrap();
        assert!(!large.enlarge(file, 0, LARGE_PIPE_BYTES, Time::ZERO));
        let mut ask = |now| large.enlarge(pipe(), 0, LARGE_PIPE_BYTES, now);
        assert!(!ask(Time::ZERO + AGAIN_AFTER / 2));
        assert!(ask(Time::ZERO + AGAIN_AFTER));
    }

    #[test]
    fn a_larger_pipe_can_become_larger_still_and_counts_once() {
        let mut large = LargePipes::default();
        let (pipe, now) = (std::io::pipe().unwrap().0, Time::ZERO);
        assert!(large.enlarge(&pipe, 0, LARGE_PIPE_BYTES, now));
        assert!(large.enlarge(&pipe, LARGE_PIPE_BYTES, CHATTY_PIPE_BYTES, now));
        assert_eq!(large.bytes, CHATTY_PIPE_BYTES);
        large.give_back(CHATTY_PIPE_BYTES);
        assert_eq!(large.bytes, 0);
    }
}
