//! Standard input as lines or as keys, without ever blocking on it and without O_NONBLOCK: that flag would
//! belong to everybody who shares the terminal or the pipe, and outlive us.

use std::collections::VecDeque;
use std::io::{self, IsTerminal};
use std::os::fd::AsFd;

use mio::unix::SourceFd;
use mio::{Interest, Registry};
use nix::libc;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use super::keys::{Decoder, Key};
use super::terminal::{INTERRUPT, SUSPEND};
use crate::command::LINE_BYTES_MAX;
use crate::io::token::Source;

const STDIN: i32 = 0;
/// What is typed or piped ahead of a command that is being waited for, in bytes or keys; more stays
/// with the writer.
const AHEAD_BYTES_MAX: usize = 64 * 1024;
/// Keys that room is kept for; more is a paste, which is over at some time.
const KEYS_KEPT: usize = 1024;
/// Reads in search of one line; /dev/zero has none.
const FILLS_MAX: usize = 16;

/// What reading gave.
pub(super) enum Read {
    /// A line, without its end.
    Line(String),
    /// A key, for the editor.
    Key(Key),
    /// Ctrl-C on a terminal; the line it ended is dropped.
    Interrupt { line_was_empty: bool },
    /// Ctrl-Z on a terminal; the line it ended is dropped.
    Suspend,
    /// Ctrl-D on a terminal.
    Leave,
    /// Nothing now.
    Nothing,
    /// Nothing ever again.
    Closed,
}

/// Standard input.
pub(super) struct Input {
    kind: Kind,
    readiness: Readiness,
    pending: Vec<u8>,
    /// With an editor, bytes become keys as they are read.
    keys: Option<Keys>,
}

struct Keys {
    decoder: Decoder,
    ahead: VecDeque<Key>,
}

/// What is known of standard input without asking.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Readiness {
    /// Nothing to read until the next poll event.
    Drained,
    /// There may be something.
    Readable,
    /// In the background: not even lines that are pending are taken until the next poll event.
    Paused,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Terminal,
    /// A pipe or a socket: poll tells when there is something.
    Stream,
    /// Regular files and /dev/null cannot be polled, and never make anyone wait.
    File,
    Closed,
}

impl Input {
    pub(super) fn open(registry: &Registry) -> Input {
        let is_terminal = io::stdin().is_terminal();
        let token = Source::ConsoleInput.token();
        let registered = registry.register(&mut SourceFd(&STDIN), token, Interest::READABLE);
        let kind = match (registered, is_terminal) {
            (Ok(()), true) => Kind::Terminal,
            (Ok(()), false) => Kind::Stream,
            (Err(error), false) if error.raw_os_error() == Some(libc::EPERM) => Kind::File,
            (Err(_), _) => Kind::Closed,
        };
        let readiness = if kind == Kind::Closed { Readiness::Drained } else { Readiness::Readable };
        Input { kind, readiness, pending: Vec::new(), keys: None }
    }

    /// Gives keys instead of lines from now on.
    pub(super) fn read_keys(&mut self) {
        self.keys = Some(Keys { decoder: Decoder::new(), ahead: VecDeque::new() });
    }

    pub(super) fn none() -> Input {
        Input { kind: Kind::Closed, readiness: Readiness::Drained, pending: Vec::new(), keys: None }
    }

    pub(super) fn is_terminal(&self) -> bool {
        self.kind == Kind::Terminal
    }

    pub(super) fn mark_readable(&mut self) {
        self.readiness = Readiness::Readable;
    }

    /// Leaves what is there until the next poll event.
    pub(super) fn pause(&mut self) {
        self.readiness = Readiness::Paused;
    }

    /// Whether there may be something that has not been read, and there is room for it.
    pub(super) fn is_unread(&self) -> bool {
        let ahead = self.pending.len() + self.keys.as_ref().map_or(0, |keys| keys.ahead.len());
        self.readiness == Readiness::Readable && ahead < AHEAD_BYTES_MAX
    }

    pub(super) fn may_have_line(&self) -> bool {
        match self.readiness {
            Readiness::Readable => true,
            Readiness::Drained => match &self.keys {
                Some(keys) => !keys.ahead.is_empty(),
                None => self.pending.contains(&b'\n'),
            },
            Readiness::Paused => false,
        }
    }

    /// The next line or key. With `only_urgent`, all stays where it is and only Ctrl-C and Ctrl-Z are
    /// looked for.
    pub(super) fn next(&mut self, registry: &Registry, only_urgent: bool) -> Read {
        for _ in 0..FILLS_MAX {
            if let Some(read) = self.take(only_urgent) {
                return read;
            }
            if !self.is_unread() {
                return Read::Nothing;
            }
            match self.fill() {
                Fill::Data => {}
                Fill::Nothing => {
                    self.readiness = Readiness::Drained;
                    return Read::Nothing;
                }
                // Ctrl-D. While a command is waited for, it means nothing.
                Fill::End if self.is_terminal() && self.keys.is_none() && !self.is_hung_up() => {
                    if !only_urgent {
                        return Read::Leave;
                    }
                }
                Fill::End => return self.close(registry),
            }
        }
        // There is more, and the loop comes back for it; but first it is somebody else's turn.
        Read::Nothing
    }

    fn take(&mut self, only_urgent: bool) -> Option<Read> {
        if let Some(keys) = &mut self.keys {
            return if only_urgent { keys.take_urgent() } else { keys.take() }.map(Read::Key);
        }
        match self.take_key() {
            None if !only_urgent => self.take_line().map(Read::Line),
            key => key,
        }
    }

    /// Ctrl-C or Ctrl-Z. Everything typed ahead goes too, as it does with a terminal's own.
    fn take_key(&mut self) -> Option<Read> {
        if !self.is_terminal() {
            return None;
        }
        let at = self.pending.iter().position(|byte| matches!(*byte, INTERRUPT | SUSPEND))?;
        let key = self.pending[at];
        let line_was_empty = at == 0 || self.pending[at - 1] == b'\n';
        self.pending.drain(..=at);
        Some(if key == SUSPEND { Read::Suspend } else { Read::Interrupt { line_was_empty } })
    }

    /// The end of a file may be a line without an end; half a line of a terminal that has gone is
    /// nobody's wish.
    fn close(&mut self, registry: &Registry) -> Read {
        if self.kind != Kind::File {
            let _ = registry.deregister(&mut SourceFd(&STDIN));
        }
        let kind = std::mem::replace(&mut self.kind, Kind::Closed);
        self.readiness = Readiness::Drained;
        if self.pending.is_empty() || kind == Kind::Terminal {
            return Read::Closed;
        }
        self.pending.push(b'\n');
        self.take_line().map_or(Read::Closed, Read::Line)
    }

    fn take_line(&mut self) -> Option<String> {
        let Some(end) = self.pending.iter().position(|byte| *byte == b'\n') else {
            // Of a line that is too long, just enough is kept for the parser to say so.
            self.pending.truncate(LINE_BYTES_MAX + 1);
            return None;
        };
        let line: Vec<u8> = self.pending.drain(..=end).collect();
        Some(String::from_utf8_lossy(&line[..line.len() - 1]).into_owned())
    }

    fn fill(&mut self) -> Fill {
        if self.kind != Kind::File && !has_something() {
            return Fill::Nothing;
        }
        let mut chunk = [0; 4096];
        match nix::unistd::read(io::stdin(), &mut chunk) {
            Ok(0) => Fill::End,
            Ok(count) => {
                match &mut self.keys {
                    Some(keys) => keys.ahead.extend(keys.decoder.feed(&chunk[..count])),
                    None => self.pending.extend_from_slice(&chunk[..count]),
                }
                Fill::Data
            }
            Err(nix::errno::Errno::EINTR | nix::errno::Errno::EAGAIN) => Fill::Nothing,
            Err(_) => Fill::End,
        }
    }

    /// Whether the terminal or the writer at the other end has gone.
    pub(super) fn is_hung_up(&self) -> bool {
        self.kind == Kind::Terminal && events().contains(PollFlags::POLLHUP)
    }
}

impl Keys {
    fn take(&mut self) -> Option<Key> {
        let key = self.ahead.pop_front();
        if key.is_none() && self.ahead.capacity() > KEYS_KEPT {
            self.ahead = VecDeque::new();
        }
        key
    }

    /// Ctrl-C drops what was typed ahead, as it does with a terminal's own; Ctrl-Z leaves it.
    fn take_urgent(&mut self) -> Option<Key> {
        let at = self.ahead.iter().position(|key| matches!(key, Key::Interrupt | Key::Suspend))?;
        let key = self.ahead.remove(at);
        if key == Some(Key::Interrupt) {
            self.ahead.drain(..at);
        }
        key
    }
}

enum Fill {
    Data,
    Nothing,
    End,
}

fn has_something() -> bool {
    events().intersects(PollFlags::POLLIN | PollFlags::POLLHUP | PollFlags::POLLERR)
}

/// What poll(2) says of standard input right now.
fn events() -> PollFlags {
    let stdin = io::stdin();
    let mut fds = [PollFd::new(stdin.as_fd(), PollFlags::POLLIN)];
    match poll(&mut fds, PollTimeout::ZERO) {
        Ok(_) => fds[0].revents().unwrap_or(PollFlags::empty()),
        Err(_) => PollFlags::empty(),
    }
}
