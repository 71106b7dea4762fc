//! A line that somebody has begun in a file that others write to as well.
//!
//! A sole writer is copied as it comes, so that a prompt is seen at once. When a second one joins, the
//! first may be within a line: what the second one says waits for the end of it in its pipe, for a moment.
//! Then the line is ended where it is.

use mio::Registry;

use super::super::stream::Destination;
use super::{Outcome, Pipe, Pipes};
use crate::slots::Key;
use crate::time::Time;

impl Pipes {
    /// Whether a pipe is not to be read for now.
    pub(super) fn is_to_wait(&mut self, registry: &Registry, key: Key) -> bool {
        if self.is_held_back(key) || self.waits_for_line(key) {
            return true;
        }
        self.hear_opener(registry, key);
        false
    }

    /// Whether what a pipe says waits for the end of another one's line.
    pub(super) fn waits_for_line(&mut self, key: Key) -> bool {
        let Some((sink, _)) = self.line_in_the_way(key) else { return false };
        self.sinks.awaits_line(sink, self.now)
    }

    /// When the first of those who wait for a line waits no longer.
    pub(super) fn line_wait(&self) -> Option<Time> {
        let waiting = self.parked.iter().filter(|key| !self.is_held_back(**key));
        waiting.filter_map(|key| self.sinks.line_wait(self.line_in_the_way(*key)?.0)).min()
    }

    /// The file in which somebody else who lives has begun a line, and who that is. Those who are dead
    /// do not go on, nearly always.
    fn line_in_the_way(&self, key: Key) -> Option<(Key, Key)> {
        let Destination::Sink(sink) = self.pipes.get(key)?.stream.destination else { return None };
        let opener = self.sinks.opener_of_line(sink, key)?;
        let is_alive = self.pipes.get(opener).is_some_and(|opener| !opener.is_bereaved);
        is_alive.then_some((sink, opener))
    }

    /// A line that is in the way is about to be ended: its own end may have come. No more is read for it than
    /// its pipe can hold.
    pub(super) fn hear_opener(&mut self, registry: &Registry, key: Key) {
        let mut total = 0;
        while let Some((_, opener)) = self.line_in_the_way(key) {
            let capacity = self.pipes.get(opener).map_or(0, Pipe::capacity);
            if self.is_held_back(opener) || total >= capacity {
                return;
            }
            match self.read_once(opener) {
                Outcome::Data(count) => total += count,
                Outcome::Drained => return,
                Outcome::Ended => return self.end(registry, opener),
            }
        }
    }
}
