//! Low descriptor numbers, kept free for what is given to children.
//!
//! posix_spawn refuses (EBADF) a descriptor whose number is not below the limit in force, and that is
//! the child's limit, which is usually far below ours. With a few hundred instances all low numbers
//! are taken by pipes, so three are kept occupied by /dev/null and given up when they are needed.

use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};

use nix::fcntl::OFlag;
use nix::unistd::dup3;

use super::limits::FileLimit;

/// stdin, stdout and stderr of one child.
const SEATS: usize = 3;

/// The reserved numbers.
pub(super) struct Seats {
    limit: FileLimit,
    free: Vec<OwnedFd>,
}

impl Seats {
    /// Takes the lowest free numbers, so this must happen before much else is open.
    pub(super) fn reserve(null: &File, limit: FileLimit) -> io::Result<Seats> {
        let free = (0..SEATS).map(|_| null.try_clone().map(OwnedFd::from)).collect::<io::Result<_>>()?;
        Ok(Seats { limit, free })
    }

    /// The same file at a number that a child can inherit.
    pub(super) fn seat(&mut self, file: OwnedFd) -> io::Result<OwnedFd> {
        if self.limit.inherits(file.as_raw_fd()) {
            return Ok(file);
        }
        let Some(mut seat) = self.free.pop() else { return Ok(file) };
        dup3(&file, &mut seat, OFlag::O_CLOEXEC)?;
        Ok(seat)
    }

    /// Takes the seats again, once the child has what it needs and they are closed: a new descriptor
    /// gets the lowest number.
    pub(super) fn refill(&mut self, null: &File) {
        while self.free.len() < SEATS {
            match null.try_clone() {
                Ok(file) => self.free.push(file.into()),
                // Without a descriptor left nothing is started anyway; the next spawn tries again.
                Err(_) => return,
            }
        }
    }
}
