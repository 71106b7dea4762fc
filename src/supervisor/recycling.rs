//! Recycling: what has run for longer than `max_age`, or uses more than `max_memory`, is stopped by its
//! rules and started anew; one instance of a program at a time, and the next only when the last is
//! RUNNING and ready.

use std::time::Duration;

use super::instance::Outcome;
use super::{Goal, Run, State, Supervisor};
use crate::slots::Key;
use crate::time::Time;

/// Why an instance was, or is being, recycled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Renewal {
    /// Which of its processes it was.
    pub incarnation: u32,
    /// What it had too much of.
    pub excess: Excess,
}

/// What a process had too much of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Excess {
    /// It had been RUNNING for so long.
    Age(Duration),
    /// So many bytes of it were resident.
    Memory(u64),
}

/// Those that are to be recycled, and those that are.
#[derive(Clone, Debug, Default)]
pub(super) struct Recycling {
    waiting: Vec<Waiting>,
    /// Ended for it, and not ready again.
    under_way: Vec<Key>,
}

#[derive(Clone, Copy, Debug)]
struct Waiting {
    run: Run,
    since: Time,
    excess: Excess,
}

impl super::Instance {
    /// Why it was recycled last, or is now.
    pub fn renewal(&self) -> Option<Renewal> {
        self.renewal.as_deref().copied()
    }
}

impl Supervisor {
    /// When a process that becomes RUNNING now will have run for long enough.
    pub(super) fn end_of_age(&mut self, key: Key) -> Option<Time> {
        let spec = self.spec_of(key);
        let age = spec.governance.recycle.max_age;
        let jitter = spec.governance.recycle.max_age_jitter;
        let chance = if jitter.is_zero() { 0.0 } else { self.dice.roll() };
        (!age.is_zero()).then(|| self.now + age.saturating_add(jitter.mul_f64(chance)))
    }

    /// It has been RUNNING for as long as it may.
    pub(super) fn age_reached(&mut self, key: Key) {
        let is_limited = !self.spec_of(key).governance.recycle.max_age.is_zero();
        if let Some(instance) = self.instances.get(key).filter(|_| is_limited) {
            let run = Run { instance: key, incarnation: instance.incarnation };
            let age = instance.process.map_or(Duration::ZERO, |process| self.now - process.started);
            self.recycle_in_turn(run, Excess::Age(age));
        }
    }

    /// So many bytes of a process are resident.
    pub(super) fn measured(&mut self, run: Run, resident: u64) {
        let most = match self.program_of(run.instance) {
            Some(program) => program.spec.governance.recycle.max_memory,
            None => return,
        };
        let is_running = self.present(run).is_some_and(|instance| instance.state == State::Running);
        if is_running && most > 0 && resident > most {
            self.recycle_in_turn(run, Excess::Memory(resident));
        }
    }

    fn recycle_in_turn(&mut self, run: Run, excess: Excess) {
        if !self.recycling.waiting.iter().any(|waiting| waiting.run == run) {
            self.recycling.waiting.push(Waiting { run, since: self.now, excess });
        }
    }

    /// Looks again at those that are to be recycled.
    pub(super) fn advance_recycling(&mut self) {
        let mut under_way = std::mem::take(&mut self.recycling.under_way);
        under_way.retain(|key| self.is_being_recycled(*key));
        self.recycling.under_way = under_way;
        let mut waiting = std::mem::take(&mut self.recycling.waiting);
        waiting.retain(|it| {
            self.instances.get(it.run.instance).is_some_and(|instance| {
                let is_same = instance.incarnation == it.run.incarnation && instance.state == State::Running;
                is_same && instance.goal == Goal::Up
            })
        });
        // First come, first served; of those that came together the lowest number.
        waiting.sort_by_key(|it| (it.since, self.instances[it.run.instance].number));
        waiting.retain(|it| {
            let may = self.may_be_recycled(it.run.instance);
            if may {
                self.recycle(it.run, it.excess);
            }
            !may
        });
        self.recycling.waiting = waiting;
    }

    fn is_being_recycled(&self, key: Key) -> bool {
        self.instances.get(key).is_some_and(|instance| {
            let is_back = instance.is_ready() || instance.state == State::Exited;
            instance.goal == Goal::Up && !is_back
        })
    }

    /// Whether no other of its program is being recycled or restarted in turn, and one of them works, if
    /// there are others.
    fn may_be_recycled(&self, key: Key) -> bool {
        let program = self.instances[key].program;
        let is_of_it = |other: &Key| self.instances.get(*other).is_some_and(|it| it.program == program);
        let mut others = self.programs[program as usize].instances.iter().filter(|other| **other != key);
        let is_covered = others.clone().next().is_none()
            || others.any(|other| self.instances.get(*other).is_some_and(super::Instance::is_ready));
        is_covered
            && self.phase.is_supervising()
            && !self.recycling.under_way.iter().any(is_of_it)
            && !self.rolls.keys().any(|key| is_of_it(&key))
    }

    fn recycle(&mut self, run: Run, excess: Excess) {
        let key = run.instance;
        if let Some(instance) = self.instances.get_mut(key) {
            instance.renewal = Some(Box::new(Renewal { incarnation: run.incarnation, excess }));
            instance.outcome = Some(Outcome::Recycled);
            self.recycling.under_way.push(key);
            self.end_in_turn(key);
        }
    }

    /// A process that was ended to be recycled is gone: another follows at once, whatever autorestart
    /// says.
    pub(super) fn ended_recycled(&mut self, key: Key) {
        let Some(instance) = self.instances.get_mut(key) else { return };
        if instance.goal == Goal::Up {
            instance.restarts += 1;
            instance.by_itself = false;
            self.queue_spawn(key);
        } else {
            self.enter(key, State::Stopped, None);
        }
    }
}
