//! The reading ends of children's stdout and stderr, copied to their sinks.
//!
//! mio is edge-triggered: a pipe is done only at WouldBlock or at its end. One that was read once
//! and may hold more goes to the back of the ready queue, so that a firehose starves nobody.

use std::collections::VecDeque;
use std::io::{self, PipeReader, Read};
use std::os::fd::OwnedFd;
use std::path::Path;

use mio::unix::pipe::Receiver;
use mio::{Interest, Registry};

use super::sinks::Sinks;
use crate::io::token::Source;
use crate::slots::{Key, Slots};

/// One read, and so one pipe's share of a turn: what a pipe holds by default (pipe(7)).
const READ_BYTES: usize = 64 * 1024;
/// What is read at most from the pipe of a process that has ended: the largest pipe the kernel gives
/// an ordinary user (/proc/sys/fs/pipe-max-size). More can only come from a process that lives on.
const LAST_WORDS_BYTES_MAX: usize = 1024 * 1024;
/// The longest line that is kept together in a file with several writers. What is longer is cut into
/// lines of this length.
const LINE_BYTES_MAX: usize = 64 * 1024;

/// All pipes from children.
pub(crate) struct Pipes {
    pipes: Slots<Pipe>,
    sinks: Sinks,
    ready: VecDeque<Key>,
    buffer: Box<[u8]>,
}

struct Pipe {
    receiver: Receiver,
    stream: Stream,
    is_queued: bool,
    /// The beginning of a line whose end has not come yet; only where lines are kept whole.
    remainder: Vec<u8>,
}

/// Where a pipe's data goes: a sink held open until the stream is given to a pipe or closed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stream {
    sink: Key,
    whole_lines: bool,
}

/// What one read of a pipe gave.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Data(usize),
    Drained,
    Ended,
}

impl Pipes {
    pub(crate) fn new() -> Pipes {
        Pipes {
            pipes: Slots::new(),
            sinks: Sinks::default(),
            ready: VecDeque::new(),
            buffer: vec![0; READ_BYTES].into_boxed_slice(),
        }
    }

    /// Opens the log file of a stream. With `whole_lines`, or as soon as a second stream leads to the
    /// same file, only whole lines are written.
    pub(crate) fn open(&mut self, path: &Path, whole_lines: bool) -> io::Result<Stream> {
        Ok(Stream { sink: self.sinks.open(path)?, whole_lines })
    }

    /// Gives up a stream for which no pipe came to be.
    pub(crate) fn close(&mut self, stream: Stream) {
        self.sinks.close(stream.sink);
    }

    /// Copies from `reader`, which must be non-blocking, to `stream` until it ends.
    pub(crate) fn add(&mut self, registry: &Registry, reader: PipeReader, stream: Stream) -> io::Result<Key> {
        let receiver = Receiver::from(OwnedFd::from(reader));
        let key = self.pipes.insert(Pipe { receiver, stream, is_queued: false, remainder: Vec::new() });
        if let Some(pipe) = self.pipes.get_mut(key)
            && let Err(error) =
                registry.register(&mut pipe.receiver, Source::Pipe(key).token(), Interest::READABLE)
        {
            self.pipes.remove(key);
            self.sinks.close(stream.sink);
            return Err(error);
        }
        Ok(key)
    }

    /// A poll event came for this pipe.
    pub(crate) fn mark_ready(&mut self, key: Key) {
        if let Some(pipe) = self.pipes.get_mut(key)
            && !pipe.is_queued
        {
            pipe.is_queued = true;
            self.ready.push_back(key);
        }
    }

    /// Whether there is something left to read without waiting.
    pub(crate) fn has_ready(&self) -> bool {
        !self.ready.is_empty()
    }

    /// One bounded read for each pipe that is ready.
    pub(crate) fn pump(&mut self, registry: &Registry) {
        for _ in 0..self.ready.len() {
            let Some(key) = self.ready.pop_front() else { break };
            match self.read_once(key) {
                Outcome::Data(_) => self.ready.push_back(key),
                Outcome::Drained => {
                    if let Some(pipe) = self.pipes.get_mut(key) {
                        pipe.is_queued = false;
                    }
                }
                Outcome::Ended => self.end(registry, key),
            }
        }
    }

    /// The last words of a process that has been reaped: all that it wrote is in the pipe by now.
    /// The pipe may stay open, if a process that it left behind holds it.
    pub(crate) fn drain(&mut self, registry: &Registry, key: Key) {
        let mut total = 0;
        while total < LAST_WORDS_BYTES_MAX {
            match self.read_once(key) {
                Outcome::Data(count) => total += count,
                Outcome::Drained => return,
                Outcome::Ended => return self.end(registry, key),
            }
        }
        self.mark_ready(key);
    }

    /// Takes what all pipes hold, before we leave.
    pub(crate) fn drain_all(&mut self, registry: &Registry) {
        let keys: Vec<Key> = self.pipes.iter().map(|(key, _)| key).collect();
        for key in keys {
            self.drain(registry, key);
            if self.pipes.get(key).is_some() {
                self.end(registry, key);
            }
        }
    }

    /// Opens every log file anew.
    pub(crate) fn reopen(&mut self) {
        self.sinks.reopen();
    }

    fn read_once(&mut self, key: Key) -> Outcome {
        let Some(pipe) = self.pipes.get_mut(key) else { return Outcome::Ended };
        loop {
            match pipe.receiver.read(&mut self.buffer) {
                Ok(0) => return Outcome::Ended,
                Ok(count) => {
                    pipe.deliver(&mut self.sinks, key, &self.buffer[..count]);
                    return Outcome::Data(count);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Outcome::Drained,
                Err(error) => {
                    log::warn!("a pipe from a child cannot be read: {error}");
                    return Outcome::Ended;
                }
            }
        }
    }

    fn end(&mut self, registry: &Registry, key: Key) {
        let Some(mut pipe) = self.pipes.remove(key) else { return };
        if !pipe.remainder.is_empty() {
            pipe.remainder.push(b'\n');
            self.sinks.write(pipe.stream.sink, key, &pipe.remainder);
        }
        // Deregistered before it is closed: a later file of the same number must not be in the way.
        let _ = registry.deregister(&mut pipe.receiver);
        self.sinks.close(pipe.stream.sink);
    }
}

impl Pipe {
    fn deliver(&mut self, sinks: &mut Sinks, key: Key, data: &[u8]) {
        let sink = self.stream.sink;
        if !self.stream.whole_lines && !sinks.is_shared(sink) {
            if !self.remainder.is_empty() {
                sinks.write(sink, key, &std::mem::take(&mut self.remainder));
            }
            return sinks.write(sink, key, data);
        }
        let whole = data.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        let (lines, rest) = data.split_at(whole);
        if !lines.is_empty() {
            if !self.remainder.is_empty() {
                sinks.write(sink, key, &self.remainder);
                self.remainder.clear();
            }
            sinks.write(sink, key, lines);
        }
        self.remainder.extend_from_slice(rest);
        if self.remainder.len() >= LINE_BYTES_MAX {
            self.remainder.push(b'\n');
            sinks.write(sink, key, &self.remainder);
            self.remainder.clear();
        }
        if self.remainder.is_empty() {
            // At rest a pipe keeps no buffer; most writers end their lines.
            self.remainder = Vec::new();
        }
    }
}
