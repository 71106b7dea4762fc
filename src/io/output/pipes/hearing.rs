//! Lines that are waited for.

use super::super::listener::Listener;
use super::{Pipe, Pipes};
use crate::config::Pattern;
use crate::slots::Key;

impl Pipes {
    /// From now on [`Pipes::take_heard`] tells when a line of this pipe matches.
    pub(crate) fn listen(&mut self, key: Key, pattern: &Pattern, incarnation: u32) {
        if let Some(pipe) = self.pipes.get_mut(key) {
            pipe.listener = Some(Box::new(Listener::new(pattern.clone(), incarnation)));
        }
    }

    /// Nobody waits any more for a line of this pipe.
    pub(crate) fn stop_listening(&mut self, key: Key) {
        if let Some(pipe) = self.pipes.get_mut(key) {
            pipe.listener = None;
        }
    }

    /// Instances, and which of their processes, that have said what was waited for since the last call.
    pub(crate) fn take_heard(&mut self) -> Vec<(Key, u32)> {
        std::mem::take(&mut self.heard)
    }
}

impl Pipe {
    /// Whose line it is, if one of these bytes ends what was waited for.
    pub(super) fn listen(&mut self, new: &[u8]) -> Option<(Key, u32)> {
        let listener = self.listener.as_mut()?;
        let incarnation = listener.hears(new).then_some(listener.incarnation)?;
        self.listener = None;
        Some((self.instance, incarnation))
    }

    /// The same of a last line that has no end, when nothing comes any more.
    pub(super) fn hear_out(&mut self) -> Option<(Key, u32)> {
        let listener = self.listener.take().filter(|listener| listener.hears_out())?;
        Some((self.instance, listener.incarnation))
    }
}
