//! The terminal's modes while we read commands from it.
//!
//! Line editing stays the kernel's, but two keys are taken from it, because as signals they would do
//! harm. Ctrl-C could not be told from `kill -INT`, which is a shutdown. Ctrl-Z stops the whole
//! foreground group, and a child between vfork and exec belongs to it: stopped there, it holds us in
//! vfork(2) for ever, and nothing but SIGCONT to that very child gets us out (seen, not imagined).
//! Both become characters that end a line (VEOL, VEOL2), so that they arrive at once, behind what was
//! typed.

use std::fs::OpenOptions;
use std::io;
use std::os::unix::fs::OpenOptionsExt;

use nix::libc;
use nix::sys::termios::{SetArg, SpecialCharacterIndices, Termios, tcgetattr, tcsetattr};
use nix::unistd::{getpgrp, tcgetpgrp};

/// The byte that Ctrl-C sends.
pub(super) const INTERRUPT: u8 = 0x03;
/// The byte that Ctrl-Z sends.
pub(super) const SUSPEND: u8 = 0x1a;

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
    /// modes when we come to the foreground.
    pub(super) fn resume(&mut self) -> bool {
        if !is_in_foreground() {
            return false;
        }
        if self.before.is_none()
            && let Ok(before) = tcgetattr(io::stdin())
        {
            let mut ours = before.clone();
            if self.takes_interrupts {
                ours.control_chars[SpecialCharacterIndices::VINTR as usize] = libc::_POSIX_VDISABLE;
                ours.control_chars[SpecialCharacterIndices::VEOL as usize] = INTERRUPT;
            }
            ours.control_chars[SpecialCharacterIndices::VSUSP as usize] = libc::_POSIX_VDISABLE;
            ours.control_chars[SpecialCharacterIndices::VEOL2 as usize] = SUSPEND;
            if tcsetattr(io::stdin(), SetArg::TCSANOW, &ours).is_ok() {
                self.before = Some(before);
            }
        }
        true
    }

    /// What Ctrl-Z is for: gives the terminal back and stops our whole job. Returns when somebody
    /// continues it. No spawn is under way, as there is one thread.
    pub(super) fn suspend(&mut self) {
        self.restore();
        // SAFETY: kill(2) touches no memory of ours.
        unsafe { libc::kill(0, libc::SIGTSTP) };
        self.resume();
    }

    fn restore(&mut self) {
        if let Some(before) = self.before.take()
            && is_in_foreground()
        {
            let _ = tcsetattr(io::stdin(), SetArg::TCSANOW, &before);
        }
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        self.restore();
    }
}

/// For a terminal that we do not read from: Ctrl-Z would still stop the foreground group, with the
/// danger described above, so it shall do nothing. Children inherit that, but they are never in the
/// foreground.
pub(super) fn ignore_suspend() {
    // SAFETY: sets a disposition; no handler of ours is involved.
    unsafe { libc::signal(libc::SIGTSTP, libc::SIG_IGN) };
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
