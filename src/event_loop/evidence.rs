//! What is seen of a process at the moment of its end, kept for `why`: its last words, and whether
//! the kernel killed it for want of memory. The core decides without it.

use std::collections::{HashMap, VecDeque};

use super::EventLoop;
use crate::command::Target;
use crate::io::clock::wall_time;
use crate::io::process::Reaped;
use crate::signal::Signal;
use crate::slots::Key;
use crate::supervisor::{ExitStatus, PAST_RUNS_MAX, Run, State};
pub(super) use crate::view::why::Evidence;
use crate::view::{
    self,
    why::{self, Moment},
};

/// Of every instance that had an exit worth a word, the last few. An entry is made only then.
#[derive(Default)]
pub(super) struct EvidenceRoom(HashMap<usize, (Key, VecDeque<Evidence>)>);

impl EvidenceRoom {
    fn note(&mut self, key: Key, evidence: Evidence) {
        let (owner, kept) = self.0.entry(key.index()).or_insert_with(|| (key, VecDeque::new()));
        if *owner != key {
            // The place of an instance that is gone was given to another.
            (*owner, *kept) = (key, VecDeque::new());
        }
        if kept.len() == PAST_RUNS_MAX {
            kept.pop_front();
        }
        kept.push_back(evidence);
    }

    fn of(&self, key: Key) -> Vec<Evidence> {
        let own = self.0.get(&key.index()).filter(|(owner, _)| *owner == key);
        own.map_or_else(Vec::new, |(_, kept)| kept.iter().cloned().collect())
    }
}

impl EventLoop {
    /// Takes down what a process has left to say.
    pub(super) fn note_end(&mut self, reaped: &Reaped) {
        let mut last_lines = Vec::new();
        for pipe in reaped.pipes.into_iter().flatten() {
            last_lines.extend(self.pipes.drain(self.poll.registry(), pipe));
        }
        let note = match self.is_unexplained_kill(reaped.run, reaped.status) {
            true => self.out_of_memory.explain(),
            false => self.why_ended(reaped.run),
        };
        if last_lines.is_empty() && note.is_none() {
            return;
        }
        let harmless = |line: String| line.replace('\t', "    ").replace(char::is_control, "\u{fffd}");
        let last_lines = last_lines.into_iter().map(harmless).collect();
        let incarnation = reaped.run.incarnation;
        self.evidence.note(reaped.run.instance, Evidence { incarnation, last_lines, note });
    }

    /// What we have ended it for, other than a wish.
    fn why_ended(&self, run: Run) -> Option<String> {
        let instance = self.supervisor.instance(run.instance)?;
        let is_stopping = matches!(instance.state(), State::Stopping(_));
        let ill = || why::ill(instance, run.incarnation);
        let recycled = || why::recycled(instance, run.incarnation);
        is_stopping.then(|| ill().or_else(recycled)).flatten().map(|reason| format!("as {reason}"))
    }

    /// A SIGKILL that is not our own.
    fn is_unexplained_kill(&self, run: Run, status: ExitStatus) -> bool {
        let is_ours =
            self.supervisor.instance(run.instance).is_none_or(|it| matches!(it.state(), State::Stopping(_)));
        matches!(status, ExitStatus::Signal { signal: Signal::KILL, .. }) && !is_ours
    }

    /// The answer to `why`.
    pub(super) fn why(&mut self, targets: &[Target]) -> Vec<String> {
        self.look_for_leftovers();
        let (keys, errors) = self.supervisor.resolve(targets);
        let remarks = self.supervisor.without_instances(targets);
        keys.into_iter().flat_map(|key| self.why_of(key)).chain(errors).chain(remarks).collect()
    }

    /// The same about one instance.
    fn why_of(&self, key: Key) -> Vec<String> {
        why::render(&self.supervisor, key, self.moment(), &self.evidence.of(key))
    }

    fn moment(&self) -> Moment {
        Moment { now: self.now, wall: wall_time() }
    }

    /// The same as a JSON document; `None` if there is no such instance.
    pub(super) fn why_document(&mut self, program: &str, number: u32) -> Option<Vec<u8>> {
        self.look_for_leftovers();
        let key = self.find_instance(program, number)?;
        let exits = why::exits(&self.supervisor, key, self.moment(), &self.evidence.of(key));
        Some(view::json::why(&self.supervisor.name(key), &self.why_of(key), &exits))
    }
}
