//! The terminal's modes while we read commands from it.
//!
//! Line editing stays the kernel's. Only Ctrl-C is taken from it: as a signal it could not be told
//! from `kill -INT`, which is a shutdown. It becomes a character that ends a line (VEOL), so that it
//! arrives at once, behind what was typed.

use std::fs::OpenOptions;
use std::io;
use std::os::unix::fs::OpenOptionsExt;

use nix::libc;
use nix::sys::termios::{SetArg, SpecialCharacterIndices, Termios, tcgetattr, tcsetattr};
use nix::unistd::{getpgrp, tcgetpgrp};

/// The byte that Ctrl-C sends.
pub(super) const INTERRUPT: u8 = 0x03;

/// A terminal as standard input; in our modes from the first moment we are in its foreground until
/// this is dropped.
pub(super) struct Terminal {
    takes_interrupts: bool,
    before: Option<Termios>,
}

impl Terminal {
    /// With `takes_interrupts`, Ctrl-C is read instead of being a signal.
    pub(super) fn open(takes_interrupts: bool) -> Terminal {
        let mut terminal = Terminal { takes_interrupts, before: None };
        terminal.resume();
        terminal
    }

    /// Whether we may read: false in the background, where the kernel would stop us for it. Sets our
    /// modes when we come to the foreground for the first time.
    pub(super) fn resume(&mut self) -> bool {
        if !is_in_foreground() {
            return false;
        }
        if self.takes_interrupts
            && self.before.is_none()
            && let Ok(before) = tcgetattr(io::stdin())
        {
            let mut ours = before.clone();
            ours.control_chars[SpecialCharacterIndices::VINTR as usize] = libc::_POSIX_VDISABLE;
            ours.control_chars[SpecialCharacterIndices::VEOL as usize] = INTERRUPT;
            if tcsetattr(io::stdin(), SetArg::TCSANOW, &ours).is_ok() {
                self.before = Some(before);
            }
        }
        true
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        if let Some(before) = &self.before
            && is_in_foreground()
        {
            let _ = tcsetattr(io::stdin(), SetArg::TCSANOW, before);
        }
    }
}

/// A terminal that is not our session's controlling one (tests, `script`) has no foreground to ask
/// for, and stops nobody.
fn is_in_foreground() -> bool {
    tcgetpgrp(io::stdin()).map_or(true, |group| group == getpgrp())
}

/// Whether our session has a terminal that is still there.
pub(super) fn has_controlling_terminal() -> bool {
    let flags = libc::O_NOCTTY | libc::O_NONBLOCK;
    OpenOptions::new().read(true).write(true).custom_flags(flags).open("/dev/tty").is_ok()
}
