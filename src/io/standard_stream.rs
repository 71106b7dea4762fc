//! A standard stream to write to, which may be slow, stopped, closed or dead, and must never hold the
//! loop.
//!
//! A terminal or pipe is opened a second time by its name in /proc: that gives a file description of
//! our own, and O_NONBLOCK on it is nobody else's business. Where that is not allowed, small pieces
//! are written when poll(2) says that there is room.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::time::Duration;

use mio::unix::SourceFd;
use mio::{Interest, Registry, Token};
use nix::libc;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

/// A pipe that poll(2) calls writable takes this much (PIPE_BUF).
const GUARDED_BYTES: usize = 4096;
/// Room that is kept for what comes next, once all is written: a table of 5,000 rows is not.
const SPARE_BYTES_MAX: usize = 64 * 1024;

/// Bytes on their way to a standard stream.
pub(crate) struct StandardStream {
    /// None when it is dead: then everything is dropped.
    file: Option<File>,
    /// Whether writing may block, so that poll must be asked before.
    is_guarded: bool,
    is_registered: bool,
    queue: Vec<u8>,
}

impl StandardStream {
    /// Takes a duplicate of the stream's descriptor.
    pub(crate) fn open(own: io::Result<OwnedFd>) -> StandardStream {
        let (file, is_guarded) = open_again(own);
        StandardStream { file, is_guarded, is_registered: false, queue: Vec::new() }
    }

    /// How much waits to be written, in bytes.
    pub(crate) fn waiting_bytes(&self) -> usize {
        self.queue.len()
    }

    /// Adds what is to be written by the next [`StandardStream::flush`].
    pub(crate) fn queue(&mut self, bytes: &[u8]) {
        if self.file.is_some() {
            self.queue.extend_from_slice(bytes);
        }
    }

    /// Forgets what was not written.
    pub(crate) fn drop_all(&mut self) {
        self.queue.clear();
    }

    /// Writes as much as it takes; while something is left, `token` tells when there is room.
    ///
    /// # Errors
    /// Once, when the stream has died. From then on everything is dropped.
    pub(crate) fn flush(&mut self, registry: &Registry, token: Token) -> io::Result<()> {
        if self.queue.is_empty() && !self.is_registered {
            return Ok(());
        }
        let is_done = self.write_some()?;
        let Some(file) = &self.file else { return Ok(()) };
        let fd = file.as_raw_fd();
        let mut source = SourceFd(&fd);
        if !is_done && !self.is_registered {
            self.is_registered = registry.register(&mut source, token, Interest::WRITABLE).is_ok();
        } else if is_done && self.is_registered {
            self.is_registered = registry.deregister(&mut source).is_err();
        }
        Ok(())
    }

    /// Waits for the rest to be written, `patience` for each piece: the terminal may be stopped.
    pub(crate) fn finish(&mut self, patience: Duration) {
        while !matches!(self.write_some(), Ok(true) | Err(_)) {
            let Some(file) = &self.file else { return };
            let mut fds = [PollFd::new(file.as_fd(), PollFlags::POLLOUT)];
            let timeout = PollTimeout::try_from(patience).unwrap_or(PollTimeout::ZERO);
            if !matches!(poll(&mut fds, timeout), Ok(1..)) {
                return;
            }
        }
    }

    /// Whether all is written, or nothing will ever be.
    fn write_some(&mut self) -> io::Result<bool> {
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
                    self.file = None;
                    self.queue = Vec::new();
                    return Err(error);
                }
            }
        }
        self.queue.drain(..written);
        if self.queue.is_empty() && self.queue.capacity() > SPARE_BYTES_MAX {
            self.queue = Vec::new();
        }
        Ok(self.queue.is_empty())
    }
}

/// The stream as a file of our own, and whether writing to it may block.
fn open_again(own: io::Result<OwnedFd>) -> (Option<File>, bool) {
    let Ok(own) = own.map(File::from) else { return (None, false) };
    let Ok(found) = own.metadata() else { return (None, false) };
    if !found.file_type().is_fifo() && !found.file_type().is_char_device() {
        // A regular file never blocks, and its offset must stay shared with who opened it.
        return (Some(own), !found.is_file());
    }
    let again = OpenOptions::new()
        .write(true)
        .custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY)
        .open(format!("/proc/self/fd/{}", own.as_raw_fd()));
    match again {
        Ok(file) => (Some(file), false),
        Err(_) => (Some(own), true),
    }
}

fn is_writable(file: &File) -> bool {
    let mut fds = [PollFd::new(file.as_fd(), PollFlags::POLLOUT)];
    matches!(poll(&mut fds, PollTimeout::ZERO), Ok(1..))
}
