//! The reading ends of children's stdout and stderr, copied to where they lead.
//!
//! mio is edge-triggered: a pipe is done only at WouldBlock or at its end. One that was read once
//! and may hold more goes to the back of the ready queue, so that a firehose starves nobody. A pipe
//! whose destination takes nothing is parked unread: its child waits, as at any full pipe.

mod hearing;
mod last_words;
mod open_line;

use std::collections::{HashMap, VecDeque};
use std::io::{self, PipeReader, Read};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::time::Duration;

use mio::unix::pipe::Receiver;
use mio::{Interest, Registry};

use super::large::{CHATTY_PIPE_BYTES, LARGE_PIPE_BYTES, LargePipes};
use super::listener::Listener;
use super::pace::{PIPE_BYTES, Pace, REST};
use super::recent::Recent;
use super::sink::Writer;
use super::sinks::Sinks;
use super::stream::{Destination, LogRules, Out, Stream};
use super::tally::Counts;
use super::voices::{Voice, Voices};
use crate::config::Rotation;
use crate::io::token::Source;
use crate::lines::{LINE_BYTES_MAX, Style, cut};
use crate::slots::{Key, Slots};
use crate::supervisor::{Probe, Run};
use crate::time::Time;
use crate::timers::Timers;

/// One read, and so one pipe's share of a turn: what a pipe holds that was made larger.
const READ_BYTES: usize = LARGE_PIPE_BYTES;
/// The same for a pipe that was left alone for a moment.
const RESTED_BYTES: usize = CHATTY_PIPE_BYTES;
/// The same while a line is waited for: holding what was read against an expression takes a hundred times
/// as long as reading it, and others are to be heard in between.
const LISTENED_BYTES: usize = 16 * 1024;

/// How long a pipe is left alone that cannot be polled: a tenth of a second is soon enough for people, and
/// a thousand of them cost little.
const UNPOLLED_REST: Duration = Duration::from_millis(100);

/// All pipes from children.
pub(crate) struct Pipes {
    pipes: Slots<Pipe>,
    sinks: Sinks,
    voices: Voices,
    ready: VecDeque<Key>,
    /// Pipes with something to read whose destination takes nothing for now, or a line of another one first.
    parked: Vec<Key>,
    /// Pipes that are left alone for a moment, by slab index.
    rests: Timers,
    /// One for all: the beginning of a line that was kept, and what is read behind it.
    buffer: Box<[u8]>,
    /// Lines as they are to be written, where that is not as they came.
    dressed: Vec<u8>,
    large_pipes: LargePipes,
    /// Whether the last pipe that was to be polled could not be; told once.
    is_refused: bool,
    /// What was kept of pipes that ended before their process was reaped.
    last_words: HashMap<Key, Box<Recent>>,
    /// Processes that have said what was waited for.
    heard: Vec<(Run, Probe)>,
    /// The time of this turn.
    now: Time,
}

struct Pipe {
    receiver: Receiver,
    /// Whose output it is; none where nothing of it is written anywhere.
    instance: Option<Key>,
    stream: Stream,
    is_queued: bool,
    /// Whether poll tells of it; not while it rests.
    is_polled: bool,
    /// The beginning of a line whose end has not come yet; only where lines are kept whole.
    remainder: Vec<u8>,
    recent: Option<Box<Recent>>,
    /// While lines are waited for.
    listener: Option<Box<Listener>>,
    /// Its process has been reaped; whoever still holds it was left behind.
    is_bereaved: bool,
    /// What it holds if it was made larger, in bytes; 0 if it was not.
    large_bytes: usize,
    pace: Pace,
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
            voices: Voices::default(),
            ready: VecDeque::new(),
            parked: Vec::new(),
            rests: Timers::new(),
            buffer: vec![0; LINE_BYTES_MAX + RESTED_BYTES].into_boxed_slice(),
            dressed: Vec::new(),
            large_pipes: LargePipes::default(),
            is_refused: false,
            last_words: HashMap::new(),
            heard: Vec::new(),
            now: Time::ZERO,
        }
    }

    /// A stream into a log file. Only whole lines are written where the rules say that it is shared,
    /// and as soon as a second stream leads to the same file.
    ///
    /// # Errors
    /// In words that name the file.
    pub(crate) fn open_log(&mut self, path: &Path, rules: LogRules) -> io::Result<Stream> {
        let LogRules { rotation, full, style, is_shared, keeps_recent } = rules;
        let destination = Destination::Sink(self.sinks.open(path, rotation, full)?);
        Ok(Stream { destination, style, whole_lines: is_shared, keeps_recent })
    }

    /// A stream to our own stdout or stderr.
    pub(crate) fn open_voice(&self, voice: Voice, process: &str, keeps_recent: bool) -> Stream {
        let style = Style::of_shared_stream(process);
        Stream { destination: Destination::Voice(voice), style, whole_lines: true, keeps_recent }
    }

    /// A stream of which nothing is kept but, if so wanted, its last lines.
    pub(crate) fn open_nowhere(&self, keeps_recent: bool) -> Stream {
        Stream { destination: Destination::Nowhere, style: Style::Raw, whole_lines: false, keeps_recent }
    }

    /// Gives up a stream for which no pipe came to be.
    pub(crate) fn close(&mut self, stream: &Stream) {
        if let Destination::Sink(sink) = stream.destination {
            self.sinks.close(sink);
        }
    }

    /// Copies from `reader`, which must be non-blocking, to `stream` until it ends.
    pub(crate) fn add(
        &mut self,
        registry: &Registry,
        reader: PipeReader,
        stream: Stream,
        instance: Key,
    ) -> Key {
        self.insert(registry, reader, stream, Some(instance))
    }

    /// Reads `reader`, which must be non-blocking and is no instance's, until it ends. Nothing is kept of
    /// it but its last lines.
    pub(crate) fn add_unlogged(&mut self, registry: &Registry, reader: PipeReader) -> Key {
        let stream = self.open_nowhere(true);
        self.insert(registry, reader, stream, None)
    }

    fn insert(
        &mut self,
        registry: &Registry,
        reader: PipeReader,
        stream: Stream,
        instance: Option<Key>,
    ) -> Key {
        let key = self.pipes.insert(Pipe {
            receiver: Receiver::from(OwnedFd::from(reader)),
            instance,
            stream,
            is_queued: false,
            is_polled: false,
            remainder: Vec::new(),
            recent: None,
            listener: None,
            is_bereaved: false,
            large_bytes: 0,
            pace: Pace::default(),
        });
        self.poll(registry, key);
        key
    }

    /// Lets poll tell when there is something in a pipe. Where that is refused the pipe is looked at again
    /// and again: closed, it would end its program.
    fn poll(&mut self, registry: &Registry, key: Key) {
        let Some(pipe) = self.pipes.get_mut(key) else { return };
        match registry.register(&mut pipe.receiver, Source::Pipe(key).token(), Interest::READABLE) {
            Ok(()) => {
                (pipe.is_polled, pipe.is_queued) = (true, false);
                self.is_refused = false;
            }
            Err(error) => {
                // Queued, so that nothing else reads it meanwhile.
                pipe.is_queued = true;
                self.rests.set(key.index(), Some(self.now + UNPOLLED_REST));
                if !std::mem::replace(&mut self.is_refused, true) {
                    log::warn!(
                        "a pipe from a child cannot be polled, it is looked at again and again: {error}"
                    );
                }
            }
        }
    }

    /// A new turn begins.
    pub(crate) fn begin_turn(&mut self, now: Time) {
        self.now = now;
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

    /// When [`Pipes::pump`] is needed though no pipe has an event; never at rest.
    pub(crate) fn next_deadline(&self) -> Option<Time> {
        [self.rests.next(), self.sinks.next_deadline(), self.line_wait()].into_iter().flatten().min()
    }

    /// One bounded read for each pipe that is ready.
    pub(crate) fn pump(&mut self, registry: &Registry) {
        self.sinks.retry(self.now);
        self.unpark();
        while let Some(index) = self.rests.pop_due(self.now) {
            if let Some(key) = self.pipes.key_at(index) {
                self.wake(registry, key);
            }
        }
        for _ in 0..self.ready.len() {
            let Some(key) = self.ready.pop_front() else { break };
            self.serve(registry, key);
        }
        self.voices.flush(registry);
        // A stream that takes everything at once is not told of by another event.
        self.unpark();
    }

    fn serve(&mut self, registry: &Registry, key: Key) {
        if self.is_to_wait(registry, key) {
            return self.parked.push(key);
        }
        match self.read_once(key) {
            Outcome::Data(count) => {
                let now = self.now;
                let Some(pipe) = self.pipes.get_mut(key) else { return };
                pipe.pace.note(now, count);
                if pipe.pace.is_chatty() {
                    return self.rest(registry, key);
                }
                if pipe.pace.wants_larger_pipe() {
                    self.enlarge(key, LARGE_PIPE_BYTES);
                }
                self.ready.push_back(key);
            }
            Outcome::Drained => self.drained(registry, key),
            Outcome::Ended => self.end(registry, key),
        }
    }

    /// Nothing is left to read: poll tells when there is.
    fn drained(&mut self, registry: &Registry, key: Key) {
        let Some(pipe) = self.pipes.get_mut(key) else { return };
        pipe.is_queued = false;
        if !pipe.is_polled {
            pipe.pace.calm_down();
        }
        if pipe.remainder.is_empty() {
            // At rest a pipe keeps no buffer; most writers end their lines.
            pipe.remainder = Vec::new();
        }
        if !pipe.is_polled {
            // What has come since the read is told at once.
            self.poll(registry, key);
        }
    }

    /// Leaves a chatty pipe alone for a moment. It is queued meanwhile: nothing else may read it.
    fn rest(&mut self, registry: &Registry, key: Key) {
        let Some(pipe) = self.pipes.get_mut(key) else { return };
        if pipe.is_polled && registry.deregister(&mut pipe.receiver).is_ok() {
            pipe.is_polled = false;
        }
        self.rests.set(key.index(), Some(self.now + REST));
    }

    fn wake(&mut self, registry: &Registry, key: Key) {
        if self.is_to_wait(registry, key) {
            return self.parked.push(key);
        }
        match self.read_once(key) {
            Outcome::Data(count) => {
                let now = self.now;
                let Some(pipe) = self.pipes.get_mut(key) else { return };
                let capacity = pipe.capacity();
                if pipe.pace.rested(now, count, capacity) {
                    self.enlarge(key, CHATTY_PIPE_BYTES);
                }
                let is_chatty = self.pipes.get(key).is_some_and(|pipe| pipe.pace.is_chatty());
                if is_chatty { self.rest(registry, key) } else { self.ready.push_back(key) }
            }
            Outcome::Drained => self.drained(registry, key),
            Outcome::Ended => self.end(registry, key),
        }
    }

    fn is_held_back(&self, key: Key) -> bool {
        match self.pipes.get(key).map(|pipe| pipe.stream.destination) {
            Some(Destination::Sink(sink)) => self.sinks.holds_back(sink),
            Some(Destination::Voice(voice)) => self.voices.is_clogged(voice),
            Some(Destination::Nowhere) | None => false,
        }
    }

    fn unpark(&mut self) {
        for key in std::mem::take(&mut self.parked) {
            let waits = self.is_held_back(key) || self.waits_for_line(key);
            if waits { self.parked.push(key) } else { self.ready.push_back(key) }
        }
    }

    /// A child that fills its pipe faster than we are there gets a larger one, while there are some.
    fn enlarge(&mut self, key: Key, bytes: usize) {
        if let Some(pipe) = self.pipes.get_mut(key).filter(|pipe| pipe.large_bytes < bytes)
            && self.large_pipes.enlarge(&pipe.receiver, pipe.large_bytes, bytes, self.now)
        {
            pipe.large_bytes = bytes;
        }
    }

    /// Ends a pipe, whoever still holds its other end.
    pub(crate) fn hang_up(&mut self, registry: &Registry, key: Key) {
        if self.pipes.get(key).is_some() {
            self.end(registry, key);
        }
    }

    /// The last lines of a stream, oldest first; none where they are not kept.
    pub(crate) fn recent_lines(&self, key: Key) -> Vec<String> {
        let recent = self.pipes.get(key).and_then(|pipe| pipe.recent.as_ref());
        recent.map_or_else(Vec::new, |recent| recent.lines())
    }

    /// Opens every log file anew.
    pub(crate) fn reopen(&mut self) {
        self.sinks.reopen();
    }

    /// Sets when the log file of this path is rotated, if it is open.
    pub(crate) fn set_rotation(&mut self, path: &Path, rotation: Rotation) {
        self.sinks.set_rotation(path, rotation);
    }

    /// What keeps a pipe's log file from taking output, if anything does.
    pub(crate) fn trouble(&self, key: Key) -> Option<String> {
        match self.pipes.get(key)?.stream.destination {
            Destination::Sink(sink) => self.sinks.trouble(sink),
            Destination::Voice(_) | Destination::Nowhere => None,
        }
    }

    /// What the logs of an instance have taken and lost since we were started.
    pub(crate) fn counts(&self, instance: Key) -> Counts {
        self.sinks.counts(instance)
    }

    /// Forgets the counts of instances that there are no more.
    pub(crate) fn keep_counts(&mut self, is_there: impl Fn(Key) -> bool) {
        self.sinks.keep_counts(is_there);
    }

    /// What programs say to a terminal that has a console goes through the console from now on.
    pub(crate) fn speak_through_console(&mut self) {
        self.voices.speak_through_console();
    }

    /// What programs have said to the console's terminal.
    pub(crate) fn take_console_lines(&mut self) -> Vec<String> {
        self.voices.take_lines()
    }

    /// From now on [`Pipes::take_news`] names this path when it was written to.
    pub(crate) fn watch(&mut self, path: &Path) {
        self.sinks.watch(path);
    }

    /// Takes one [`Pipes::watch`] back.
    pub(crate) fn unwatch(&mut self, path: &Path) {
        self.sinks.unwatch(path);
    }

    /// Watched paths that were written to since the last call.
    pub(crate) fn take_news(&mut self) -> Vec<PathBuf> {
        self.sinks.take_news()
    }

    fn read_once(&mut self, key: Key) -> Outcome {
        let Some(pipe) = self.pipes.get_mut(key) else { return Outcome::Ended };
        let kept = pipe.remainder.len();
        self.buffer[..kept].copy_from_slice(&pipe.remainder);
        let room = if pipe.is_listened_to() { LISTENED_BYTES } else { pipe.large_bytes.max(READ_BYTES) };
        loop {
            match pipe.receiver.read(&mut self.buffer[kept..kept + room]) {
                Ok(0) => return Outcome::Ended,
                Ok(count) => {
                    self.deliver(key, kept, count);
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

    /// Passes on what was read: the buffer holds `kept` bytes of a line that had begun, and `count`
    /// new ones.
    fn deliver(&mut self, key: Key, kept: usize, count: usize) {
        let Pipes { pipes, sinks, voices, buffer, dressed, now, heard, .. } = self;
        let Some(pipe) = pipes.get_mut(key) else { return };
        let (data, new) = (&buffer[..kept + count], &buffer[kept..kept + count]);
        if pipe.stream.keeps_recent {
            pipe.recent.get_or_insert_default().note(new);
        }
        heard.extend(pipe.listen(new));
        pipe.remainder.clear();
        let Some(instance) = pipe.instance else { return };
        let writer = Writer { pipe: key, instance };
        let mut out = Out { sinks, voices, dressed, now: *now, stream: &pipe.stream, writer };
        if !pipe.stream.keeps_lines_whole(out.sinks) {
            return out.write(data);
        }
        let rest = cut(data, kept, |lines| out.write_lines(lines));
        pipe.remainder.extend_from_slice(rest);
    }

    fn end(&mut self, registry: &Registry, key: Key) {
        let Some(mut pipe) = self.pipes.remove(key) else { return };
        self.large_pipes.give_back(pipe.large_bytes);
        self.rests.set(key.index(), None);
        self.heard.extend(pipe.hear_out());
        if let Some(recent) = pipe.recent.take().filter(|_| !pipe.is_bereaved) {
            self.last_words.insert(key, recent);
        }
        if let Some(instance) = pipe.instance.filter(|_| !pipe.remainder.is_empty()) {
            pipe.remainder.push(b'\n');
            let Pipes { sinks, voices, dressed, now, .. } = self;
            let writer = Writer { pipe: key, instance };
            let mut out = Out { sinks, voices, dressed, now: *now, stream: &pipe.stream, writer };
            out.write_lines(&pipe.remainder);
        }
        if pipe.is_polled {
            // Deregistered before it is closed: a later file of the same number must not be in the way.
            let _ = registry.deregister(&mut pipe.receiver);
        }
        self.close(&pipe.stream);
    }
}

impl Pipe {
    /// What it holds, in bytes.
    fn capacity(&self) -> usize {
        self.large_bytes.max(PIPE_BYTES)
    }
}
