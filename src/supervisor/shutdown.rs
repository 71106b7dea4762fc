//! The way out: everything down by priority, the highest number first; then leave.

use std::time::Duration;

use super::lifecycle::KILL_PATIENCE;
use super::{Action, Ending, Launch, State, Supervisor};
use crate::slots::Key;
use crate::time::Time;

/// What a tier gets beyond its longest stoptime, for SIGKILL to have its effect.
/// After that its processes are given up and reported, because a shutdown must end.
const GRACE: Duration = Duration::from_secs(10);

/// Where the supervisor is in its own life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    Supervising,
    /// Stops the tier of this priority; those with a lower number still run.
    Stopping {
        tier: i32,
        give_up: Time,
        by: By,
    },
    /// A second signal: everything gets SIGKILL at once.
    Killing {
        give_up: Time,
    },
    Over,
}

/// What asked for the shutdown: an order, or a signal that a second one may follow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum By {
    Order,
    Signal,
}

impl Phase {
    pub(super) fn is_supervising(self) -> bool {
        self == Phase::Supervising
    }

    /// Whether a shutdown has begun, and is not over.
    pub(super) fn is_on_its_way_out(self) -> bool {
        match self {
            Phase::Stopping { .. } | Phase::Killing { .. } => true,
            Phase::Supervising | Phase::Over => false,
        }
    }

    /// Whether a process that turns up now is killed at once: nobody waits for it any more.
    pub(super) fn is_out_of_patience(self) -> bool {
        match self {
            Phase::Killing { .. } | Phase::Over => true,
            Phase::Supervising | Phase::Stopping { .. } => false,
        }
    }

    pub(super) fn deadline(self) -> Option<Time> {
        match self {
            Phase::Stopping { give_up, .. } | Phase::Killing { give_up } => Some(give_up),
            Phase::Supervising | Phase::Over => None,
        }
    }
}

impl Supervisor {
    /// A signal asks for the end: gracefully the first time, at once the second time. One after an
    /// `exit` is the first: a service manager that stops us then does not mean to do harm.
    pub(super) fn shutdown_signal(&mut self) {
        match self.phase {
            Phase::Supervising => self.begin_shutdown(By::Signal),
            Phase::Stopping { tier, give_up, by: By::Order } => {
                self.phase = Phase::Stopping { tier, give_up, by: By::Signal };
            }
            Phase::Stopping { by: By::Signal, .. } => self.kill_everything(),
            Phase::Killing { .. } | Phase::Over => {}
        }
    }

    /// While everything is being stopped: how many instances still have a process.
    pub fn remaining(&self) -> Option<usize> {
        (!self.phase.is_supervising()).then(|| self.count_occupied())
    }

    /// Nothing starts any more; what waited is cancelled; the first tier is asked to stop.
    pub(super) fn begin_shutdown(&mut self, by: By) {
        if !self.phase.is_supervising() {
            return;
        }
        self.cancel_rolls();
        self.storms.end();
        for key in self.all_by_priority() {
            let Some(instance) = self.instances.get_mut(key) else { continue };
            instance.goal = instance.goal.lowered();
            match instance.state {
                State::Backoff | State::Starting(Launch::Held | Launch::Delayed | Launch::Queued) => {
                    self.enter(key, State::Stopped, None);
                }
                State::Stopped
                | State::Starting(Launch::Requested | Launch::Alive)
                | State::Running
                | State::Stopping(_)
                | State::Exited
                | State::Fatal => {}
            }
        }
        self.stop_tier_below(None, by);
    }

    /// Moves on when the present tier is down, or has had its time.
    pub(super) fn advance_shutdown(&mut self) {
        match self.phase {
            Phase::Stopping { tier, give_up, by } => {
                let is_down = self.occupied.get(&tier).is_none_or(|count| *count == 0);
                if is_down || self.now >= give_up {
                    self.stop_tier_below(Some(tier), by);
                }
            }
            Phase::Killing { give_up } => {
                if self.now >= give_up || self.count_occupied() == 0 {
                    self.quit();
                }
            }
            // What is asked now cannot come true, but must not stay without an answer.
            Phase::Over => self.abandon_requests(),
            Phase::Supervising => {}
        }
    }

    /// Stops the tier of the highest priority number, below the one given, that has a process or has left
    /// one.
    fn stop_tier_below(&mut self, done: Option<i32>, by: By) {
        let below = |priority: &i32| done.is_none_or(|done| *priority < done);
        let occupied = self.occupied.iter().filter(|(_, count)| **count > 0).map(|(tier, _)| *tier);
        // What earlier runs have left ends when their instance would.
        let lingering = self.instances.iter().filter(|(key, _)| self.lingers(*key));
        let lingering = lingering.filter_map(|(key, _)| Some(self.program_of(key)?.rank.tier));
        let Some(tier) = occupied.chain(lingering).filter(below).max() else {
            self.quit();
            return;
        };
        let in_tier = |key: &Key| self.program_of(*key).is_some_and(|program| program.rank.tier == tier);
        let keys: Vec<Key> = self.all_by_priority().into_iter().filter(in_tier).collect();
        let patience = keys.iter().map(|key| self.spec_of(*key).stoptime).max().unwrap_or_default();
        // Those that others depend on stop after them, each with its own time.
        let depths = keys.iter().filter_map(|key| Some(self.program_of(*key)?.rank.depth));
        let (first, last) = (depths.clone().min().unwrap_or(0), depths.max().unwrap_or(0));
        let links = u32::try_from(last - first).unwrap_or(u32::MAX);
        let chain = (patience + KILL_PATIENCE).saturating_mul(links);
        self.phase = Phase::Stopping { tier, give_up: self.now + (chain + patience + GRACE), by };
        for key in keys.into_iter().rev() {
            self.bring_down(key);
        }
    }

    /// Strays were found that have a stoptime of their own: the tier waits for that, too.
    pub(super) fn give_more_time(&mut self, stoptime: Duration) {
        let needed = self.now + stoptime + GRACE;
        if let Phase::Stopping { give_up, .. } = &mut self.phase {
            *give_up = needed.max(*give_up);
        }
    }

    fn kill_everything(&mut self) {
        self.phase = Phase::Killing { give_up: self.now + GRACE };
        for key in self.all_by_priority() {
            let Some(instance) = self.instances.get(key) else { continue };
            match instance.state {
                // What is being spawned is killed as soon as its pid is known.
                State::Starting(Launch::Requested) => self.bring_down(key),
                State::Starting(Launch::Alive)
                | State::Running
                | State::Stopping(Ending::Held | Ending::Terminating) => {
                    self.kill(key, Ending::Killing);
                }
                State::Stopped
                | State::Starting(Launch::Held | Launch::Delayed | Launch::Queued)
                | State::Backoff
                | State::Exited
                | State::Fatal
                    if self.lingers(key) =>
                {
                    self.end_earlier(key);
                }
                State::Stopped
                | State::Starting(Launch::Held | Launch::Delayed | Launch::Queued)
                | State::Backoff
                | State::Stopping(Ending::Unborn | Ending::Killing | Ending::Stuck)
                | State::Exited
                | State::Fatal => {}
            }
        }
    }

    fn quit(&mut self) {
        let abandoned = self.count_occupied();
        self.phase = Phase::Over;
        self.abandon_requests();
        self.actions.push_back(Action::Quit { abandoned });
    }

    /// Nothing settles any more: whoever waits for a process that could not be ended is told so, and
    /// every open order is done.
    fn abandon_requests(&mut self) {
        for (key, request) in self.requests.waiting() {
            self.refuse(request, key, "could not be stopped");
        }
        let is_clean = self.count_occupied() == 0;
        self.requests.abandon_all(is_clean, &mut self.actions);
    }

    fn count_occupied(&self) -> usize {
        self.occupied.values().sum()
    }
}
