//! Where a child finds its standard streams: low descriptor numbers that are kept for them, because it
//! takes a copy of the lowest only.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd, RawFd};

use nix::fcntl::OFlag;
use nix::libc::c_uint;
use nix::unistd::dup3;

/// /dev/null, and the reserved numbers.
pub(super) struct Seats {
    /// The stdin of all children, and whatever is discarded.
    null: File,
    /// For stdout and stderr; /dev/null holds those that nobody sits on.
    outputs: [OwnedFd; 2],
    is_taken: bool,
}

/// One of the two.
#[derive(Clone, Copy)]
pub(super) enum Seat {
    Stdout = 0,
    Stderr = 1,
}

impl Seats {
    /// Takes the lowest free numbers, so this must happen before much else is open.
    pub(super) fn reserve() -> io::Result<Seats> {
        let null = OpenOptions::new().read(true).write(true).open("/dev/null")?;
        let another = || null.try_clone().map(OwnedFd::from);
        Ok(Seats { outputs: [another()?, another()?], null, is_taken: false })
    }

    /// The number of /dev/null.
    pub(super) fn null(&self) -> RawFd {
        self.null.as_raw_fd()
    }

    /// Lets `file` sit here until the next one or [`Seats::clear`]; the number it has then.
    pub(super) fn seat(&mut self, seat: Seat, file: OwnedFd) -> io::Result<RawFd> {
        self.is_taken = true;
        let number = &mut self.outputs[seat as usize];
        dup3(&file, number, OFlag::O_CLOEXEC)?;
        Ok(number.as_raw_fd())
    }

    /// The child has its own copies: a pipe ends when it closes them. Nothing happens where nobody sits.
    pub(super) fn clear(&mut self) {
        if self.is_taken {
            let Seats { null, outputs, .. } = self;
            let leave = |number| dup3(null.as_fd(), number, OFlag::O_CLOEXEC);
            // Onto a number that is taken this needs no descriptor and should not fail; if it does, once more.
            self.is_taken = outputs.each_mut().map(leave).iter().any(Result::is_err);
        }
    }

    /// Nobody sits on this number or a higher one.
    pub(super) fn end(&self) -> c_uint {
        let [stdout, stderr] = self.outputs.each_ref().map(AsRawFd::as_raw_fd);
        let highest = self.null().max(stdout).max(stderr);
        c_uint::try_from(highest).map_or(c_uint::MAX, |number| number + 1)
    }
}
