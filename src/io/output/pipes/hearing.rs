//! Lines that are waited for.

use super::super::listener::Listener;
use super::super::pace::PIPE_BYTES;
use super::{Outcome, Pipe, Pipes};
use crate::config::Pattern;
use crate::slots::Key;
use crate::supervisor::{Probe, Run};

impl Pipes {
    /// From now on [`Pipes::take_heard`] tells when a line of this pipe matches; of a heartbeat, each time
    /// after it was asked for by [`Pipes::listen_again`].
    pub(crate) fn listen(&mut self, key: Key, probe: Probe, pattern: &Pattern, incarnation: u32) {
        if let Some(pipe) = self.pipes.get_mut(key) {
            let listener = pipe.listener.get_or_insert_with(|| Box::new(Listener::new(incarnation)));
            listener.want(probe, pattern.clone());
        }
    }

    /// The next heartbeat on this pipe is wanted.
    pub(crate) fn listen_again(&mut self, key: Key) {
        if let Some(listener) = self.pipes.get_mut(key).and_then(|pipe| pipe.listener.as_mut()) {
            listener.wake(Probe::Liveness);
        }
    }

    /// It was heard: readiness is no more waited for on this pipe, a heartbeat not for now.
    pub(crate) fn settle(&mut self, key: Key, probe: Probe) {
        if let Some(pipe) = self.pipes.get_mut(key)
            && let Some(listener) = &mut pipe.listener
        {
            listener.settle(probe);
            pipe.forget_listener_if_done();
        }
    }

    /// Processes that have said what was waited for since the last call.
    pub(crate) fn take_heard(&mut self) -> Vec<(Run, Probe)> {
        std::mem::take(&mut self.heard)
    }

    /// Reads what a living process has written until now; no more than its pipe can hold, so that one that
    /// writes on has an end, too. False if its destination takes nothing, so that it cannot be heard.
    pub(crate) fn catch_up(&mut self, key: Key) -> bool {
        let mut left = self.pipes.get(key).map_or(PIPE_BYTES, Pipe::capacity);
        while !self.is_held_back(key) && !self.waits_for_line(key) {
            match self.read_once(key) {
                Outcome::Data(count) if count < left => left -= count,
                Outcome::Drained => return true,
                Outcome::Data(_) | Outcome::Ended => {
                    // There is more, or its end is to be seen by those who read it.
                    self.mark_ready(key);
                    return true;
                }
            }
        }
        self.mark_ready(key);
        false
    }
}

impl Pipe {
    /// Whether lines of it are looked at now.
    pub(super) fn is_listened_to(&self) -> bool {
        self.listener.as_ref().is_some_and(|listener| listener.is_awake())
    }

    /// What was waited for and one of these bytes ends, and who has said it.
    pub(super) fn listen(&mut self, new: &[u8]) -> Vec<(Run, Probe)> {
        let (Some(listener), Some(instance)) = (&mut self.listener, self.instance) else {
            return Vec::new();
        };
        let run = Run { instance, incarnation: listener.incarnation };
        let heard = listener.hears(new);
        self.forget_listener_if_done();
        heard.into_iter().map(|probe| (run, probe)).collect()
    }

    /// The same of a last line that has no end, when nothing comes any more.
    pub(super) fn hear_out(&mut self) -> Vec<(Run, Probe)> {
        let (Some(mut listener), Some(instance)) = (self.listener.take(), self.instance) else {
            return Vec::new();
        };
        let run = Run { instance, incarnation: listener.incarnation };
        listener.hears_out().into_iter().map(|probe| (run, probe)).collect()
    }

    fn forget_listener_if_done(&mut self) {
        self.listener.take_if(|listener| listener.is_done());
    }
}
