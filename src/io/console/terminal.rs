//! The terminal's modes while we read commands from it.
//!
//! With an editor every key is read as it comes. Without one (a dumb terminal, or answers that go
//! elsewhere) editing stays the kernel's. Either way two keys are taken from it, because as signals
//! they would do harm. Ctrl-C could not be told from `kill -INT`, which is a shutdown. Ctrl-Z stops the
//! whole foreground group, and a child between vfork and exec belongs to it: stopped there, it holds us
//! in vfork(2) for ever, and nothing but SIGCONT to that very child gets us out (seen, not imagined).
//! Where the kernel edits, both become characters that end a line (VEOL, VEOL2), so that they arrive
//! at once, behind what was typed.

use std::fs::OpenOptions;
use std::io;
use std::os::unix::fs::OpenOptionsExt;

use nix::libc;
use nix::sys::termios::{
    InputFlags, LocalFlags, SetArg, SpecialCharacterIndices as Special, Termios, tcgetattr, tcsetattr,
};
use nix::unistd::{getpgrp, tcgetpgrp};

use super::painter::Size;

/// The byte that Ctrl-C sends.
pub(super) const INTERRUPT: u8 = 0x03;
/// The byte that Ctrl-Z sends.
pub(super) const SUSPEND: u8 = 0x1a;

/// Who makes lines of keys.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Editing {
    /// Our editor: the kernel hands every key on.
    Ours,
    /// The kernel, but Ctrl-C is read.
    Kernel,
    /// The kernel, and Ctrl-C is the signal that it always is: nobody is there to talk with.
    KernelWithInterrupt,
}

/// A terminal as standard input; in our modes from the first moment we are in its foreground until
/// this is dropped.
pub(super) struct Terminal {
    editing: Editing,
    before: Option<Termios>,
}

impl Terminal {
    pub(super) fn open(editing: Editing) -> Terminal {
        let mut terminal = Terminal { editing, before: None };
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
            let ours = modes(self.editing, &before);
            if tcsetattr(io::stdin(), SetArg::TCSANOW, &ours).is_ok() {
                self.before = Some(before);
            }
        }
        true
    }

    /// We were stopped and continued by others: whatever the modes are now, they are not ours.
    pub(super) fn continued(&mut self) {
        self.before = None;
        self.resume();
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

fn modes(editing: Editing, before: &Termios) -> Termios {
    let mut ours = before.clone();
    let chars = &mut ours.control_chars;
    chars[Special::VSUSP as usize] = libc::_POSIX_VDISABLE;
    match editing {
        Editing::Ours => {
            chars[Special::VINTR as usize] = libc::_POSIX_VDISABLE;
            chars[Special::VMIN as usize] = 1;
            chars[Special::VTIME as usize] = 0;
            ours.local_flags &=
                !(LocalFlags::ICANON | LocalFlags::ECHO | LocalFlags::ECHONL | LocalFlags::IEXTEN);
            ours.input_flags &=
                !(InputFlags::ICRNL | InputFlags::INLCR | InputFlags::IGNCR | InputFlags::ISTRIP);
        }
        Editing::Kernel => {
            chars[Special::VINTR as usize] = libc::_POSIX_VDISABLE;
            chars[Special::VEOL as usize] = INTERRUPT;
            chars[Special::VEOL2 as usize] = SUSPEND;
        }
        Editing::KernelWithInterrupt => chars[Special::VEOL2 as usize] = SUSPEND,
    }
    ours
}

/// The size of the terminal that we write to. Some do not know theirs.
pub(super) fn size() -> Size {
    let mut found = libc::winsize { ws_row: 0, ws_col: 0, ws_xpixel: 0, ws_ypixel: 0 };
    // SAFETY: TIOCGWINSZ fills in the struct that it is given, which outlives the call.
    unsafe { libc::ioctl(libc::STDOUT_FILENO, libc::TIOCGWINSZ, &raw mut found) };
    let or = |given: u16, usual| if given == 0 { usual } else { usize::from(given) };
    Size { rows: or(found.ws_row, 24), columns: or(found.ws_col, 80).max(2) }
}

/// The columns of the terminal that we write to.
pub(crate) fn columns() -> usize {
    size().columns
}

/// The rows of the terminal that we write to.
pub(crate) fn rows() -> usize {
    size().rows
}

/// Whether a job in the background would be stopped for writing to the terminal (`stty tostop`).
pub(super) fn stops_writers() -> bool {
    !is_in_foreground()
        && tcgetattr(io::stdout()).is_ok_and(|now| now.local_flags.contains(LocalFlags::TOSTOP))
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
pub(super) fn is_in_foreground() -> bool {
    tcgetpgrp(io::stdin()).map_or(true, |group| group == getpgrp())
}

/// Whether our session has a terminal that is still there.
pub(super) fn has_controlling_terminal() -> bool {
    let flags = libc::O_NOCTTY | libc::O_NONBLOCK;
    OpenOptions::new().read(true).write(true).custom_flags(flags).open("/dev/tty").is_ok()
}
