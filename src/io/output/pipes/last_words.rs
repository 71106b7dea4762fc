//! What is left in the pipes of processes that have ended.

use std::io::{self, Read};

use mio::Registry;

use super::super::stream::Destination;
use super::{Outcome, Pipes, READ_BYTES};
use crate::slots::Key;

/// Pipes of dead processes that wait for one log file at most; what later ones have left is dropped.
const DEAD_WAITING_MAX: usize = 8;
/// What is read at most from the pipe of a process that has ended: the largest pipe the kernel gives
/// an ordinary user (/proc/sys/fs/pipe-max-size). More can only come from a process that lives on.
const LAST_WORDS_BYTES_MAX: usize = 1024 * 1024;

impl Pipes {
    /// The last words of a process that has been reaped: all that it wrote is in the pipe by now.
    /// The pipe may stay open, if a process that it left behind holds it. Gives the last lines of the
    /// stream, where they are kept.
    pub(crate) fn drain(&mut self, registry: &Registry, key: Key) -> Vec<String> {
        let lines = self.hear_out(registry, key);
        // What was said to our own streams is there, too, before the end is told.
        self.voices.flush(registry);
        lines
    }

    fn hear_out(&mut self, registry: &Registry, key: Key) -> Vec<String> {
        match self.pipes.get_mut(key) {
            Some(pipe) => pipe.is_bereaved = true,
            // Its end was seen before that of its process.
            None => return self.last_words.remove(&key).map_or_else(Vec::new, |recent| recent.lines()),
        }
        self.hear_opener(registry, key);
        let mut total = 0;
        while total < LAST_WORDS_BYTES_MAX && !self.is_held_back(key) {
            match self.read_once(key) {
                Outcome::Data(count) => total += count,
                Outcome::Drained => return self.recent_lines(key),
                Outcome::Ended => {
                    let lines = self.recent_lines(key);
                    self.end(registry, key);
                    return lines;
                }
            }
        }
        if self.has_too_many_dead(key) {
            self.discard(registry, key);
        } else {
            self.mark_ready(key);
        }
        self.recent_lines(key)
    }

    /// With `log_full: block` the dead wait for the disk, too, and one that is always started again
    /// dies again and again.
    fn has_too_many_dead(&self, key: Key) -> bool {
        let log_of = |key: Key| match self.pipes.get(key)?.stream.destination {
            Destination::Sink(sink) if self.sinks.holds_back(sink) => Some(self.sinks.present(sink)),
            Destination::Sink(_) | Destination::Voice(_) | Destination::Nowhere => None,
        };
        let is_dead = |key: &&Key| self.pipes.get(**key).is_some_and(|pipe| pipe.is_bereaved);
        let Some(log) = log_of(key) else { return false };
        let dead = self.parked.iter().filter(is_dead).filter(|other| log_of(**other) == Some(log));
        dead.count() >= DEAD_WAITING_MAX
    }

    /// Drops what a dead process has left. Whoever else holds its pipe is heard later on.
    fn discard(&mut self, registry: &Registry, key: Key) {
        let mut total = 0;
        let is_over = loop {
            let Some(pipe) = self.pipes.get_mut(key) else { return };
            match pipe.receiver.read(&mut self.buffer[..READ_BYTES]) {
                Ok(0) => break true,
                Ok(count) => total += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => break error.kind() != io::ErrorKind::WouldBlock,
            }
            if total >= LAST_WORDS_BYTES_MAX {
                self.mark_ready(key);
                break false;
            }
        };
        let Some(pipe) = self.pipes.get_mut(key) else { return };
        if let (Destination::Sink(sink), Some(instance)) = (pipe.stream.destination, pipe.instance) {
            let kept = std::mem::take(&mut pipe.remainder).len();
            self.sinks.lose(sink, instance, (kept + total) as u64);
        }
        if is_over {
            self.end(registry, key);
        }
    }

    /// Takes what all pipes hold, before we leave.
    pub(crate) fn drain_all(&mut self, registry: &Registry) {
        self.sinks.hold_nothing_back();
        let keys: Vec<Key> = self.pipes.iter().map(|(key, _)| key).collect();
        for key in keys {
            self.drain(registry, key);
            if self.pipes.get(key).is_some() {
                self.end(registry, key);
            }
        }
        self.voices.finish();
    }
}
