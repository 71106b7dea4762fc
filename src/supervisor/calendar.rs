//! Programs that start at certain times. Which times those are, and that one has come, is known
//! outside: there is no clock in here. What follows is decided here.

use super::{Action, Goal, Launch, Program, State, Subject, Supervisor};
use crate::slots::Key;
use crate::time::Time;

/// What is known of a program's schedule.
#[derive(Clone, Debug, Default)]
pub(super) struct Calendar {
    /// Its next time, in words.
    next: Option<Box<str>>,
    /// Times that came while the run before was still there, since one was kept.
    skipped: u32,
    last_skip: Option<Time>,
}

impl Program {
    /// When its schedule starts it next, in words.
    pub fn next_run(&self) -> Option<&str> {
        self.calendar.next.as_deref().filter(|_| self.spec.governance.schedule.is_some())
    }

    /// Times that came while the run before was still there, since one was kept, and when the last of
    /// them was.
    pub fn skipped_runs(&self) -> Option<(u32, Time)> {
        self.calendar.last_skip.map(|last| (self.calendar.skipped, last))
    }
}

impl Supervisor {
    /// The next time of a program's schedule is another one.
    pub(super) fn planned(&mut self, name: &str, next: Option<String>) {
        if let Some(at) = self.staying(name) {
            self.programs[at].calendar.next = next.map(String::into_boxed_str);
        }
    }

    /// A time of a program's schedule has come: what rests and was not told to do so is started.
    pub(super) fn due(&mut self, name: &str) {
        let Some(at) = self.staying(name).filter(|_| self.phase.is_supervising()) else { return };
        let program = &self.programs[at];
        let Some(schedule) = &program.spec.governance.schedule else { return };
        let overlap = schedule.overlap;
        let listens = |key: &Key| match self.instances[*key].goal {
            Goal::Up | Goal::Later => true,
            Goal::Down | Goal::Gone => false,
        };
        let keys: Vec<Key> = program.instances.iter().copied().filter(listens).collect();
        let (resting, busy): (Vec<Key>, Vec<Key>) = keys.into_iter().partition(|key| self.rests(*key));
        let started = if overlap { &resting[..resting.len().min(1)] } else { &resting[..] };
        for key in started {
            self.wish_up(*key);
        }
        match busy.first() {
            Some(first) if started.is_empty() || !overlap => self.skip(at, *first),
            Some(_) | None => self.end_of_skips(at),
        }
    }

    fn staying(&self, name: &str) -> Option<usize> {
        self.programs.iter().position(|it| it.spec.name == name && it.configured.is_some())
    }

    /// Whether it has ended, or was never there.
    fn rests(&self, key: Key) -> bool {
        match self.instances[key].state {
            State::Stopped | State::Exited | State::Fatal => true,
            State::Starting(
                Launch::Held | Launch::Delayed | Launch::Queued | Launch::Requested | Launch::Alive,
            )
            | State::Running
            | State::Backoff
            | State::Stopping(_) => false,
        }
    }

    /// Told when it begins; how often it was is told when it is over.
    fn skip(&mut self, at: usize, busy: Key) {
        let state = self.instances[busy].state.name();
        let text = format!("{}: a scheduled run is skipped, as it is {state}", self.name(busy));
        let calendar = &mut self.programs[at].calendar;
        calendar.skipped = calendar.skipped.saturating_add(1);
        calendar.last_skip = Some(self.now);
        if calendar.skipped == 1 {
            self.actions.push_back(Action::Note { text, subject: Subject::RunSkipped });
        }
    }

    fn end_of_skips(&mut self, at: usize) {
        let Program { calendar, spec, .. } = &mut self.programs[at];
        let skipped = std::mem::take(&mut calendar.skipped);
        calendar.last_skip = None;
        if skipped > 1 {
            let text = format!("{}: {skipped} scheduled runs were skipped before this one", spec.name);
            self.actions.push_back(Action::Note { text, subject: Subject::RunAfterSkipped });
        }
    }

    /// It is there, and is not to start with the others: its schedule starts it, if it has one.
    pub(super) fn let_rest(&mut self, key: Key) {
        let has_schedule = self.spec_of(key).governance.schedule.is_some();
        if let Some(instance) = self.instances.get_mut(key) {
            instance.goal = if has_schedule { Goal::Later } else { Goal::Down };
        }
    }

    /// Another schedule is in force: it counts for those, too, that were told to stop under the old one.
    pub(super) fn reschedule(&mut self, keys: &[Key], has_schedule: bool) {
        for key in keys {
            let Some(instance) = self.instances.get_mut(*key) else { continue };
            instance.goal = match (instance.goal, has_schedule) {
                (Goal::Down | Goal::Later, true) => Goal::Later,
                (Goal::Down | Goal::Later, false) => Goal::Down,
                (goal @ (Goal::Up | Goal::Gone), _) => goal,
            };
        }
    }
}
