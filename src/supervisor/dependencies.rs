//! Order among programs: who waits for whom before it starts, and before it is asked to stop.
//!
//! A dependent that waits is STARTING, [`Launch::Held`]; a program whose dependents are being stopped
//! is STOPPING, [`Ending::Held`], and still lives. Both are looked at again after every event, while
//! there are any.

use std::collections::HashMap;

use super::requests::Wish;
use super::{Ending, Goal, Launch, Program, State, Supervisor, is_expected};
use crate::config::{Condition, Kind};
use crate::slots::Key;
use crate::time::Time;

/// What the dependencies make of a program. Computed anew when the list of programs changes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Rank {
    /// Its priority, or that of the first of its dependents: nobody starts later, or stops earlier,
    /// than whoever needs it.
    pub(super) tier: i32,
    /// The length of the longest chain of what it depends on.
    pub(super) depth: usize,
    /// What it depends on, by index.
    pub(super) needs: Vec<(usize, Condition)>,
    /// What depends on it, by index.
    pub(super) dependents: Vec<usize>,
}

/// What an instance waits for before it starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Blocker {
    /// The instance that is not what it is to be.
    pub instance: Key,
    /// What it is to be.
    pub condition: Condition,
    /// Whether it will not become so by itself.
    pub is_hopeless: bool,
}

impl Supervisor {
    /// Computes every program's rank.
    pub(super) fn rank_programs(&mut self) {
        let names = self.programs.iter().enumerate().map(|(at, program)| (program.spec.name.as_str(), at));
        let index_of: HashMap<&str, usize> = names.collect();
        let needs_of = |program: &Program| {
            let needs = program.spec.governance.depends_on.iter();
            needs.filter_map(|need| Some((*index_of.get(need.program.as_str())?, need.condition))).collect()
        };
        let mut ranks: Vec<Rank> = self
            .programs
            .iter()
            .map(|it| Rank { tier: it.spec.priority, needs: needs_of(it), ..Rank::default() })
            .collect();
        // As often as the longest chain is long; the configuration has no circles.
        for _ in 0..ranks.len() {
            if !settle_once(&mut ranks) {
                break;
            }
        }
        for at in 0..ranks.len() {
            for (need, _) in ranks[at].needs.clone() {
                ranks[need].dependents.push(at);
            }
        }
        for (program, rank) in self.programs.iter_mut().zip(ranks) {
            program.rank = rank;
        }
    }

    /// The first that keeps an instance from starting.
    pub fn blocker(&self, key: Key) -> Option<Blocker> {
        let program = self.program_of(key)?;
        program.rank.needs.iter().find_map(|(need, condition)| {
            let mut instances = self.programs[*need].instances.iter();
            let instance = *instances.find(|key| !self.satisfies(**key, *condition))?;
            let is_hopeless = self.is_hopeless(instance);
            Some(Blocker { instance, condition: *condition, is_hopeless })
        })
    }

    fn satisfies(&self, key: Key, condition: Condition) -> bool {
        let (Some(instance), Some(program)) = (self.instances.get(key), self.program_of(key)) else {
            return true;
        };
        let ended_well = instance.state == State::Exited
            && instance.last_exit().is_some_and(|exit| is_expected(&program.spec, exit));
        match condition {
            Condition::Healthy if instance.state == State::Running => instance.is_ready(),
            Condition::Running | Condition::Healthy => {
                let is_oneshot = program.spec.governance.kind == Kind::Oneshot;
                instance.state == State::Running || (is_oneshot && ended_well)
            }
            Condition::ExitedOk => ended_well,
        }
    }

    /// Whether nothing more happens to an instance unless somebody wants it.
    fn is_hopeless(&self, key: Key) -> bool {
        match self.instances.get(key).map(|instance| (instance.state, instance.goal)) {
            Some((State::Fatal | State::Exited | State::Stopped, _)) | None => true,
            Some((State::Stopping(_), goal)) => goal != Goal::Up,
            Some((State::Starting(_) | State::Running | State::Backoff, _)) => false,
        }
    }

    /// Somebody wants the instance to be up, and so what it needs.
    pub(super) fn wish_up(&mut self, key: Key) {
        self.wish_up_needs(key);
        self.bring_up(key);
    }

    /// Whatever rests, or is about to, and is not as it has to be is brought up.
    pub(super) fn wish_up_needs(&mut self, key: Key) {
        let Some(program) = self.program_of(key).filter(|program| !program.rank.needs.is_empty()) else {
            return;
        };
        for (need, condition) in program.rank.needs.clone() {
            for key in self.programs[need].instances.clone() {
                let rests = match self.instances.get(key).map(|instance| instance.state) {
                    Some(State::Stopped | State::Exited | State::Fatal | State::Stopping(_)) => true,
                    Some(State::Starting(_) | State::Running | State::Backoff) | None => false,
                };
                if rests && !self.satisfies(key, condition) {
                    self.wish_up(key);
                }
            }
        }
    }

    /// The process is due: it is spawned as soon as what it depends on and its program's
    /// start_interval allow it.
    pub(super) fn queue_spawn(&mut self, key: Key) {
        if let Some(instance) = self.instances.get_mut(key) {
            instance.strays = 0;
        }
        if self.blocker(key).is_some() {
            self.held_starts.push(key);
            self.enter(key, State::Starting(Launch::Held), None);
        } else if let Some(turn) = self.turn_behind_others(key) {
            self.enter(key, State::Starting(Launch::Delayed), Some(turn));
        } else {
            self.queue_at_its_pace(key);
        }
    }

    pub(super) fn queue_now(&mut self, key: Key) {
        let now = self.now;
        if let Some(instance) = self.instances.get(key) {
            self.programs[instance.program as usize].last_start = Some(now);
        }
        self.spawn_queue.push_back(key);
        self.enter(key, State::Starting(Launch::Queued), None);
    }

    /// When its turn comes by start_interval, behind those that wait already; `None` is now.
    fn turn_behind_others(&self, key: Key) -> Option<Time> {
        let program = self.program_of(key)?;
        let interval = program.spec.governance.start_interval;
        let last = program.last_start.filter(|_| !interval.is_zero())?;
        let is_delayed = |key: &&Key| {
            self.instances.get(**key).is_some_and(|it| it.state == State::Starting(Launch::Delayed))
        };
        let ahead = program.instances.iter().filter(is_delayed).count();
        let steps = u32::try_from(ahead).unwrap_or(u32::MAX).saturating_add(1);
        let turn = last + interval.saturating_mul(steps);
        (turn > self.now).then_some(turn)
    }

    /// The turn of an instance has come, unless others have taken it meanwhile.
    pub(super) fn turn_has_come(&mut self, key: Key) {
        if self.has_its_turn(key) {
            self.queue_at_its_pace(key);
        }
    }

    /// Whether it may start now, as far as its dependencies and its start_interval are concerned; if
    /// not, it waits for them.
    pub(super) fn has_its_turn(&mut self, key: Key) -> bool {
        let Some(program) = self.program_of(key) else { return false };
        let next = program.last_start.map(|last| last + program.spec.governance.start_interval);
        match next {
            _ if self.blocker(key).is_some() => self.queue_spawn(key),
            Some(next) if next > self.now => {
                self.enter(key, State::Starting(Launch::Delayed), Some(next));
            }
            Some(_) | None => return true,
        }
        false
    }

    /// Asks a process to end, after those that depend on it and are being stopped, too.
    pub(super) fn end_in_turn(&mut self, key: Key) {
        if self.is_needed_by_the_ending(key) {
            let rules = self.spec_of(key);
            if let Some(instance) = self.instances.get_mut(key) {
                instance.stop_rules = Some(rules);
            }
            self.held_stops.push(key);
            self.enter(key, State::Stopping(Ending::Held), None);
        } else {
            self.terminate(key);
        }
    }

    /// Whether something that depends on it is on its way down. What SIGKILL does not end is not
    /// waited for.
    fn is_needed_by_the_ending(&self, key: Key) -> bool {
        let Some(program) = self.program_of(key) else { return false };
        let is_ending = |key: &Key| match self.instances.get(*key).map(|instance| instance.state) {
            Some(State::Stopping(ending)) => ending != Ending::Stuck,
            Some(
                State::Stopped
                | State::Starting(_)
                | State::Running
                | State::Backoff
                | State::Exited
                | State::Fatal,
            )
            | None => false,
        };
        program.rank.dependents.iter().any(|at| self.programs[*at].instances.iter().any(is_ending))
    }

    /// Looks again at all that waits for others.
    pub(super) fn advance_held(&mut self) {
        if self.held_stops.is_empty() && self.held_starts.is_empty() {
            return;
        }
        for key in std::mem::take(&mut self.held_stops) {
            if self.instances.get(key).is_none_or(|it| it.state != State::Stopping(Ending::Held)) {
                continue;
            }
            if self.is_needed_by_the_ending(key) {
                self.held_stops.push(key);
            } else if self.phase.is_out_of_patience() {
                self.kill(key, Ending::Killing);
            } else {
                self.terminate(key);
            }
        }
        for key in std::mem::take(&mut self.held_starts) {
            if self.instances.get(key).is_none_or(|it| it.state != State::Starting(Launch::Held)) {
                continue;
            }
            match self.blocker(key) {
                // Puts it back among the held only if there is a blocker, which there is not.
                None => self.queue_spawn(key),
                Some(blocker) => {
                    self.held_starts.push(key);
                    if blocker.is_hopeless {
                        self.disappoint(key, blocker);
                    }
                }
            }
        }
    }

    /// Whoever waits for this instance to be up is told why that may take for ever.
    fn disappoint(&mut self, key: Key, blocker: Blocker) {
        let line = format!("ERROR {}: {}", self.name(key), self.waits_for(blocker));
        let verdict = |wish| match wish {
            Wish::Up => Some((false, line.clone())),
            Wish::Down | Wish::Gone => None,
        };
        self.requests.settle(key, verdict, &mut self.actions);
    }

    /// `waits for db:0, which is FATAL`.
    pub fn waits_for(&self, blocker: Blocker) -> String {
        let Blocker { instance, condition, is_hopeless } = blocker;
        let name = self.name(instance);
        let state = self.instances.get(instance).map_or("gone", |instance| instance.state.name());
        match is_hopeless {
            true => format!("waits for {name}, which is {state} (depends_on: {})", condition.name()),
            false => format!("waits for {name} to be {} ({state})", condition.name()),
        }
    }
}

/// One round; whether it changed anything.
fn settle_once(ranks: &mut [Rank]) -> bool {
    let mut has_changed = false;
    for at in 0..ranks.len() {
        for (need, _) in ranks[at].needs.clone() {
            let (depth, tier) = (ranks[need].depth + 1, ranks[at].tier);
            if ranks[at].depth < depth {
                ranks[at].depth = depth;
                has_changed = true;
            }
            if ranks[need].tier > tier {
                ranks[need].tier = tier;
                has_changed = true;
            }
        }
    }
    has_changed
}
