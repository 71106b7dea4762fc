//! Standard output, which may be slow, stopped, closed or dead, and must never hold the loop.
//!
//! A terminal or pipe is opened a second time by its name in /proc: that gives a file description of
//! our own, and O_NONBLOCK on it is nobody else's business. Where that is not allowed, small pieces
//! are written when poll(2) says that there is room.

use std::fs::{File, OpenOptions};
use std::io::{self, IsTerminal, Write};
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::time::Duration;

use mio::unix::SourceFd;
use mio::{Interest, Registry};
use nix::libc;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use super::painter::harmless;
use crate::io::token::Source;

/// With more than this waiting to be written, no further command is read and messages are dropped.
const QUEUE_BYTES_MAX: usize = 64 * 1024;
/// A pipe that poll(2) calls writable takes this much (PIPE_BUF).
const GUARDED_BYTES: usize = 4096;
/// How long the last words may take.
const FINISH_WITHIN: Duration = Duration::from_secs(1);

/// Standard output.
pub(super) struct Output {
    /// None when it is dead: then everything is dropped.
    file: Option<File>,
    /// Whether writing may block, so that poll must be asked before.
    is_guarded: bool,
    is_terminal: bool,
    is_registered: bool,
    queue: Vec<u8>,
}

impl Output {
    pub(super) fn open() -> Output {
        let is_terminal = io::stdout().is_terminal();
        let (file, is_guarded) = open_again();
        Output { file, is_guarded, is_terminal, is_registered: false, queue: Vec::new() }
    }

    pub(super) fn is_terminal(&self) -> bool {
        self.is_terminal
    }

    /// Whether so much waits to be written that nothing should be added.
    pub(super) fn is_clogged(&self) -> bool {
        self.queue.len() > QUEUE_BYTES_MAX
    }

    pub(super) fn text(&mut self, text: &str) {
        if self.file.is_some() {
            self.queue.extend_from_slice(text.as_bytes());
        }
    }

    /// One line. Names and reasons may come from hostile hands, so a terminal gets no control bytes.
    pub(super) fn line(&mut self, line: &str) {
        if self.is_terminal {
            self.text(&harmless(line));
        } else {
            self.text(line);
        }
        self.text("\n");
    }

    /// A message while a command may be half typed, on a terminal that cannot do better: it takes the
    /// prompt's line, and the prompt comes back below it.
    pub(super) fn line_above_prompt(&mut self, line: &str, prompt: &str) {
        self.text("\r");
        self.line(line);
        self.text(prompt);
    }

    /// Whether something is still to be written.
    pub(super) fn has_more(&self) -> bool {
        !self.queue.is_empty()
    }

    /// Forgets what was not written.
    pub(super) fn drop_all(&mut self) {
        self.queue.clear();
    }

    /// Writes as much as it takes.
    pub(super) fn flush(&mut self, registry: &Registry) {
        let is_done = self.write_some();
        let Some(file) = &self.file else { return };
        let fd = file.as_raw_fd();
        let mut source = SourceFd(&fd);
        if !is_done && !self.is_registered {
            let token = Source::ConsoleOutput.token();
            self.is_registered = registry.register(&mut source, token, Interest::WRITABLE).is_ok();
        } else if is_done && self.is_registered {
            self.is_registered = registry.deregister(&mut source).is_err();
        }
    }

    /// Waits for the rest to be written, but not long: the terminal may be stopped.
    pub(super) fn finish(&mut self) {
        while !self.write_some() {
            let Some(file) = &self.file else { return };
            let mut fds = [PollFd::new(file.as_fd(), PollFlags::POLLOUT)];
            let timeout = PollTimeout::try_from(FINISH_WITHIN).unwrap_or(PollTimeout::ZERO);
            if !matches!(poll(&mut fds, timeout), Ok(1..)) {
                return;
            }
        }
    }

    /// Whether all is written, or nothing will ever be.
    fn write_some(&mut self) -> bool {
        let mut written = 0;
        while written < self.queue.len() {
            let Some(file) = &mut self.file else { break };
            let mut rest = &self.queue[written..];
            if self.is_guarded {
                if !is_writable(file) {
                    break;
                }
                rest = &rest[..rest.len().min(GUARDED_BYTES)];
            }
            match file.write(rest) {
                Ok(count) => written += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => {
                    log::warn!("standard output is gone, answers are dropped from now on: {error}");
                    self.file = None;
                    self.queue = Vec::new();
                    return true;
                }
            }
        }
        self.queue.drain(..written);
        if self.queue.is_empty() && self.queue.capacity() > QUEUE_BYTES_MAX {
            // A table of 5,000 rows is not kept room for.
            self.queue = Vec::new();
        }
        self.queue.is_empty()
    }
}

/// Standard output as a file of our own, and whether writing to it may block.
fn open_again() -> (Option<File>, bool) {
    let Ok(own) = io::stdout().as_fd().try_clone_to_owned().map(File::from) else {
        return (None, false);
    };
    let Ok(found) = own.metadata() else { return (None, false) };
    if !found.file_type().is_fifo() && !found.file_type().is_char_device() {
        // A regular file never blocks, and its offset must stay shared with who opened it.
        return (Some(own), !found.is_file());
    }
    let again = OpenOptions::new()
        .write(true)
        .custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY)
        .open("/proc/self/fd/1");
    match again {
        Ok(file) => (Some(file), false),
        Err(_) => (Some(own), true),
    }
}

fn is_writable(file: &File) -> bool {
    let mut fds = [PollFd::new(file.as_fd(), PollFlags::POLLOUT)];
    matches!(poll(&mut fds, PollTimeout::ZERO), Ok(1..))
}

/// A line on standard error. If that is dead too, the log has it.
pub(super) fn complain(text: &str) {
    let _ = writeln!(io::stderr(), "taskmaster: {text}");
}
