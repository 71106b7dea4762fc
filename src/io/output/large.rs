//! Larger pipes for children that keep theirs full.

use std::os::fd::AsFd;
use std::time::Duration;

use nix::fcntl::{FcntlArg, fcntl};

use crate::time::Time;

/// What a larger pipe holds, in bytes.
pub(super) const LARGE_PIPE_BYTES: usize = 256 * 1024;
/// Pipes that are made larger at most at a time: a user has 64 MiB of pipes in all (pipe(7)).
const LARGE_PIPES_MAX: u32 = 64;
/// How long none is asked for after the kernel has refused one: the user's other programs may hold
/// what there is.
const AGAIN_AFTER: Duration = Duration::from_secs(60);

/// How many there are.
#[derive(Default)]
pub(super) struct LargePipes {
    count: u32,
    /// Set when the kernel has refused one.
    again_at: Option<Time>,
}

impl LargePipes {
    /// Makes a pipe larger, if there may be one more; whether it is. Each needs a
    /// [`LargePipes::give_back`].
    pub(super) fn enlarge(&mut self, pipe: impl AsFd, now: Time) -> bool {
        if self.count >= LARGE_PIPES_MAX || self.again_at.is_some_and(|at| at > now) {
            return false;
        }
        let is_large = fcntl(pipe, FcntlArg::F_SETPIPE_SZ(LARGE_PIPE_BYTES as i32)).is_ok();
        self.count += u32::from(is_large);
        self.again_at = (!is_large).then(|| now + AGAIN_AFTER);
        is_large
    }

    /// A larger pipe was closed.
    pub(super) fn give_back(&mut self) {
        self.count -= 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn closed_pipes_make_room_and_a_refusal_is_not_for_ever() {
        let mut large = LargePipes::default();
        let pipe = || std::io::pipe().unwrap().0;
        let given = (0..100).filter(|_| large.enlarge(pipe(), Time::ZERO)).count();
        assert_eq!(given, LARGE_PIPES_MAX as usize);
        large.give_back();
        // What is no pipe is refused, as is one for a user who has too many.
        let file = std::fs::File::open("/dev/null").unwrap();
        assert!(!large.enlarge(file, Time::ZERO));
        assert!(!large.enlarge(pipe(), Time::ZERO + AGAIN_AFTER / 2));
        assert!(large.enlarge(pipe(), Time::ZERO + AGAIN_AFTER));
    }
}
