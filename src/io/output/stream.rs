//! Where the data of a pipe goes, and how it is written there.

use super::sink::Writer;
use super::sinks::Sinks;
use super::voices::{Voice, Voices};
use crate::config::{LogFull, Rotation};
use crate::io::clock;
use crate::lines::Style;
use crate::slots::Key;
use crate::time::Time;

/// Where a pipe's data goes and how it is written there: held open until the stream is given to a
/// pipe or closed.
#[derive(Debug)]
pub(crate) struct Stream {
    pub(super) destination: Destination,
    pub(super) style: Style,
    /// Whether only whole lines are written, though there is one writer yet.
    pub(super) whole_lines: bool,
    /// Whether its last lines are kept in memory.
    pub(super) keeps_recent: bool,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Destination {
    Sink(Key),
    Voice(Voice),
    Nowhere,
}

/// What a log file's stream is to be like.
pub(crate) struct LogRules {
    pub(crate) rotation: Rotation,
    pub(crate) full: LogFull,
    pub(crate) style: Style,
    /// Whether others are known to write there, too.
    pub(crate) is_shared: bool,
    pub(crate) keeps_recent: bool,
}

impl Stream {
    /// Whether lines are kept whole, at the cost of looking for their ends.
    pub(super) fn keeps_lines_whole(&self, sinks: &Sinks) -> bool {
        let is_shared = match self.destination {
            Destination::Sink(sink) => sinks.is_shared(sink),
            Destination::Voice(_) | Destination::Nowhere => false,
        };
        self.whole_lines || is_shared || !self.style.is_raw()
    }
}

/// The way out for the data of one pipe.
pub(super) struct Out<'a> {
    pub(super) sinks: &'a mut Sinks,
    pub(super) voices: &'a mut Voices,
    /// Room for lines as they are to be written.
    pub(super) dressed: &'a mut Vec<u8>,
    pub(super) now: Time,
    pub(super) stream: &'a Stream,
    pub(super) writer: Writer,
}

impl Out<'_> {
    /// Writes whole lines in the stream's style.
    pub(super) fn write_lines(&mut self, lines: &[u8]) {
        if self.stream.style.is_raw() {
            return self.write(lines);
        }
        let mut dressed = std::mem::take(self.dressed);
        dressed.clear();
        self.stream.style.dress(lines, clock::wall_time(), &mut dressed);
        self.write(&dressed);
        *self.dressed = dressed;
    }

    /// Writes bytes as they are.
    pub(super) fn write(&mut self, data: &[u8]) {
        match self.stream.destination {
            Destination::Sink(sink) => self.sinks.write(sink, self.writer, data, self.now),
            Destination::Voice(voice) => self.voices.say(voice, data),
            Destination::Nowhere => {}
        }
    }
}
