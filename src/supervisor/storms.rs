//! Restart storms: when very many instances end together, their restarts are paced, so that what all
//! of them need is not overrun; and they are one incident, with a line at its begin and one at its end.
//!
//! Restarts that follow by themselves (after a run, after a failed start) are taken out of a bucket
//! that holds `burst` of them and gets `rate` a second. Whoever finds it empty is STARTING,
//! [`Launch::Delayed`], and waits in the order of arrival. What somebody wishes, and what starts for the
//! first time, takes nothing out of it and waits for nobody.

use std::collections::{BTreeMap, VecDeque};
use std::num::NonZeroU32;
use std::time::Duration;

use super::{Action, Goal, Launch, State, Subject, Supervisor};
use crate::config::RestartStorm;
use crate::slots::Key;
use crate::time::Time;

/// Programs that are named in a line about a storm.
const NAMED_MAX: usize = 3;

/// The bucket, and those that wait for it.
#[derive(Clone, Debug, Default)]
pub(super) struct Storms {
    /// `None`: nothing is paced.
    pace: Option<RestartStorm>,
    /// When the bucket is full, if nothing more is taken.
    full_at: Time,
    /// Those that wait, each with the ticket that its instance has, unless it has left.
    waiting: VecDeque<(Key, NonZeroU32)>,
    last_ticket: u32,
    /// What has been taken since the bucket was full last.
    taken: Taken,
    /// Somebody had to wait, and the bucket has not been full since.
    is_on: bool,
}

#[derive(Clone, Debug, Default)]
struct Taken {
    first: Time,
    last: Time,
    /// By the name of the program.
    programs: BTreeMap<String, u64>,
    /// How many of them had to wait.
    paced: u64,
}

impl Storms {
    pub(super) fn new(pace: Option<RestartStorm>) -> Storms {
        Storms { pace, ..Storms::default() }
    }

    /// When the next of those that wait may go, or the storm is over.
    pub(super) fn next_deadline(&self) -> Option<Time> {
        match self.waiting.is_empty() {
            false => Some(self.next_token()),
            true => self.is_on.then_some(self.full_at),
        }
    }

    /// Another pace holds from now on.
    pub(super) fn adopt(&mut self, pace: Option<RestartStorm>) {
        self.pace = pace;
    }

    /// Nothing starts any more.
    pub(super) fn end(&mut self) {
        self.waiting.clear();
        self.is_on = false;
    }

    /// When the bucket is not empty; that may be in the past.
    fn next_token(&self) -> Time {
        let Some(pace) = self.pace else { return Time::ZERO };
        let depth = pace.interval().saturating_mul(pace.burst - 1);
        Time::ZERO + (self.full_at - Time::ZERO).saturating_sub(depth)
    }

    /// Takes one out, of which it is known that it is there.
    fn take(&mut self, now: Time, program: &str) {
        if self.full_at <= now && !self.is_on {
            self.taken = Taken { first: now, ..Taken::default() };
        }
        if let Some(pace) = self.pace {
            self.full_at = self.full_at.max(now) + pace.interval();
        }
        self.taken.last = now;
        match self.taken.programs.get_mut(program) {
            Some(count) => *count += 1,
            None => drop(self.taken.programs.insert(program.to_owned(), 1)),
        }
    }
}

impl Taken {
    /// `400 restarts in 4.2 s (w: 300, v: 100)`.
    fn text(&self) -> String {
        let mut programs: Vec<_> = self.programs.iter().collect();
        programs.sort_by(|(_, one), (_, other)| other.cmp(one));
        let all: u64 = programs.iter().map(|(_, count)| **count).sum();
        let more = programs.len().saturating_sub(NAMED_MAX);
        let named = programs.iter().take(NAMED_MAX).map(|(name, count)| format!("{name}: {count}"));
        let rest = (more > 0).then(|| format!("and {more} more programs"));
        let named: Vec<String> = named.chain(rest).collect();
        let seconds = (self.last - self.first).as_secs_f64();
        format!("{all} restarts in {seconds:.1} s ({})", named.join(", "))
    }
}

impl Supervisor {
    /// Whether very many restarts are being paced, or were just now.
    pub fn is_storm(&self) -> bool {
        self.storms.is_on
    }

    /// How long an instance that waits in a storm still has to, as far as can be seen now.
    pub fn storm_wait(&self, key: Key) -> Option<Duration> {
        let ticket = self.ticket(key)?;
        let (_, first) = self.storms.waiting.front()?;
        let ahead = ticket.get().saturating_sub(first.get());
        let interval = self.storms.pace.map_or(Duration::ZERO, |pace| pace.interval());
        Some((self.storms.next_token() + interval.saturating_mul(ahead)) - self.now)
    }

    fn ticket(&self, key: Key) -> Option<NonZeroU32> {
        let instance = self.instances.get(key)?;
        instance.ticket.filter(|_| instance.state == State::Starting(Launch::Delayed))
    }

    /// Nothing but the pace of a storm is in its way any more, if that is.
    pub(super) fn queue_at_its_pace(&mut self, key: Key) {
        let Some(instance) = self.instances.get_mut(key) else { return };
        let is_paced = instance.by_itself && self.storms.pace.is_some();
        if is_paced && (self.storms.next_token() > self.now || !self.storms.waiting.is_empty()) {
            // It never comes round to a ticket that is still held: so many do not wait.
            self.storms.last_ticket = self.storms.last_ticket.wrapping_add(1).max(1);
            instance.ticket = NonZeroU32::new(self.storms.last_ticket);
            self.storms.waiting.extend(instance.ticket.map(|ticket| (key, ticket)));
            self.enter(key, State::Starting(Launch::Delayed), None);
            self.begin_storm();
        } else {
            if is_paced {
                let program = instance.program as usize;
                self.storms.take(self.now, &self.programs[program].spec.name);
            }
            self.queue_now(key);
        }
    }

    fn begin_storm(&mut self) {
        let Some(pace) = self.storms.pace.filter(|_| !self.storms.is_on) else { return };
        self.storms.is_on = true;
        let taken = self.storms.taken.text();
        let text = format!(
            "restart storm: {taken}; further ones are paced to {} a second (restart_storm)",
            pace.rate
        );
        self.actions.push_back(Action::Note { text, subject: Subject::StormBegins });
    }

    /// Lets those go for whom there is room now.
    pub(super) fn advance_storms(&mut self) {
        while let Some((key, ticket)) = self.storms.waiting.front().copied() {
            let has_left = self.ticket(key) != Some(ticket);
            if !has_left && self.storms.next_token() > self.now {
                return;
            }
            self.storms.waiting.pop_front();
            if let Some(instance) = self.instances.get_mut(key).filter(|_| !has_left) {
                instance.ticket = None;
                let program = instance.program as usize;
                if self.has_its_turn(key) {
                    self.storms.take(self.now, &self.programs[program].spec.name);
                    self.storms.taken.paced += 1;
                    self.queue_now(key);
                }
            }
        }
        if self.storms.is_on && (self.storms.full_at <= self.now || self.storms.pace.is_none()) {
            self.end_storm();
        }
    }

    fn end_storm(&mut self) {
        self.storms.is_on = false;
        let is_missing = |key: &&Key| {
            self.instances.get(**key).is_some_and(|instance| match instance.state {
                State::Starting(_) | State::Backoff | State::Fatal => instance.goal == Goal::Up,
                State::Stopped | State::Running | State::Stopping(_) | State::Exited => false,
            })
        };
        let all = self.programs.iter().flat_map(|program| &program.instances);
        let missing = match all.filter(is_missing).count() {
            0 => String::new(),
            1 => "; 1 instance is not up".to_owned(),
            count => format!("; {count} instances are not up"),
        };
        let Taken { paced, .. } = self.storms.taken;
        let text =
            format!("restart storm is over: {}, {paced} of them paced{missing}", self.storms.taken.text());
        self.actions.push_back(Action::Note { text, subject: Subject::StormIsOver });
    }
}
