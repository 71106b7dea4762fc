//! The transitions of an instance. Each handler below lists every state it can meet; where nothing
//! happens, it says so.

use super::health::Health;
use super::instance::{Leader, Outcome, Process, is_expected};
use super::{Action, Ending, ExitStatus, Goal, Launch, PastRun, Run, Scope, State, Supervisor};
use crate::config::Kind;
use crate::signal::Signal;
use crate::slots::Key;
use std::sync::Arc;
use std::time::Duration;

/// How long a process may outlive SIGKILL before it is reported as stuck, and killed again. The
/// kernel needs milliseconds; five seconds of it are uninterruptible sleep or a tracer.
pub(super) const KILL_PATIENCE: Duration = Duration::from_secs(5);

impl Supervisor {
    pub(super) fn boot(&mut self) {
        let autostart = |key: &Key| self.program_of(*key).is_some_and(|program| program.spec.autostart);
        let (starting, resting): (Vec<Key>, Vec<Key>) =
            self.all_by_priority().into_iter().partition(autostart);
        resting.into_iter().for_each(|key| self.let_rest(key));
        starting.into_iter().for_each(|key| self.wish_up(key));
    }

    /// Every instance, those that start first in front: by priority, and nobody before what it needs.
    pub(super) fn all_by_priority(&self) -> Vec<Key> {
        let mut programs: Vec<_> = self.programs.iter().collect();
        programs.sort_by_key(|program| (program.rank.tier, program.rank.depth));
        programs.into_iter().flat_map(|program| program.instances.iter().copied()).collect()
    }

    /// The instance shall be up: starts it unless it is up, or on its way, already.
    pub(super) fn bring_up(&mut self, key: Key) {
        let Some(instance) = self.instances.get_mut(key) else { return };
        instance.goal = Goal::Up;
        match instance.state {
            State::Stopped | State::Exited | State::Fatal | State::Backoff => {
                instance.reset_counters();
                self.queue_spawn(key);
            }
            // The goal is looked at when the stop is over; what an exit would have come to, no more.
            State::Stopping(_) => instance.outcome = None,
            // What somebody wishes does not wait in a storm.
            State::Starting(Launch::Delayed) if instance.ticket.take().is_some() => {
                instance.by_itself = false;
                self.queue_spawn(key);
            }
            State::Starting(_) => instance.by_itself = false,
            State::Running => {}
        }
    }

    /// The instance shall be down: ends or cancels whatever there is.
    pub(super) fn bring_down(&mut self, key: Key) {
        let lingers = self.lingers(key);
        let Some(instance) = self.instances.get_mut(key) else { return };
        instance.goal = instance.goal.lowered();
        match instance.state {
            State::Stopped
            | State::Backoff
            | State::Starting(Launch::Held | Launch::Delayed | Launch::Queued)
            | State::Exited
            | State::Fatal
                if lingers =>
            {
                self.end_earlier(key);
            }
            State::Backoff | State::Starting(Launch::Held | Launch::Delayed | Launch::Queued) => {
                self.enter(key, State::Stopped, None);
            }
            State::Starting(Launch::Requested) => self.enter(key, State::Stopping(Ending::Unborn), None),
            State::Starting(Launch::Alive) | State::Running => self.end_in_turn(key),
            State::Stopped | State::Stopping(_) | State::Exited | State::Fatal => {}
        }
    }

    /// A fresh process, whatever there is now.
    pub(super) fn replace(&mut self, key: Key) {
        let lingers = self.may_linger(key);
        let Some(instance) = self.instances.get_mut(key) else { return };
        match instance.state {
            State::Starting(Launch::Alive) | State::Running => {
                instance.goal = Goal::Up;
                self.end_in_turn(key);
            }
            State::Stopped
            | State::Starting(Launch::Held | Launch::Delayed | Launch::Queued)
            | State::Backoff
            | State::Exited
            | State::Fatal
                if lingers =>
            {
                instance.goal = Goal::Up;
                self.end_earlier(key);
            }
            State::Stopped
            | State::Starting(Launch::Held | Launch::Delayed | Launch::Queued | Launch::Requested)
            | State::Backoff
            | State::Stopping(_)
            | State::Exited
            | State::Fatal => self.bring_up(key),
        }
    }

    pub(super) fn spawned(&mut self, run: Run, pid: u32) {
        let now = self.now;
        let Some(instance) = self.present(run) else { return };
        let process = Process { pid, started: now, leader: Leader::Alive };
        instance.health = None;
        match instance.state {
            State::Starting(Launch::Requested) => {
                instance.process = Some(process);
                instance.spawn_error = None;
                let starttime = self.spec_of(run.instance).starttime;
                if starttime.is_zero() {
                    self.enter_running(run.instance);
                } else {
                    self.enter(run.instance, State::Starting(Launch::Alive), Some(now + starttime));
                }
            }
            State::Stopping(Ending::Unborn) => {
                instance.process = Some(process);
                instance.spawn_error = None;
                if self.phase.is_out_of_patience() {
                    self.kill(run.instance, Ending::Killing);
                } else {
                    self.end_in_turn(run.instance);
                }
            }
            State::Stopped
            | State::Starting(Launch::Held | Launch::Delayed | Launch::Queued | Launch::Alive)
            | State::Running
            | State::Backoff
            | State::Stopping(Ending::Held | Ending::Terminating | Ending::Killing | Ending::Stuck)
            | State::Exited
            | State::Fatal => {}
        }
    }

    pub(super) fn spawn_failed(&mut self, run: Run, reason: String) {
        let Some(instance) = self.present(run) else { return };
        match instance.state {
            State::Starting(Launch::Requested) => {
                instance.spawn_error = Some(reason.into_boxed_str());
                self.start_failed(run.instance);
            }
            State::Stopping(Ending::Unborn) => {
                instance.spawn_error = Some(reason.into_boxed_str());
                if self.may_linger(run.instance) {
                    self.end_earlier(run.instance);
                } else {
                    self.stopped(run.instance);
                }
            }
            State::Stopped
            | State::Starting(Launch::Held | Launch::Delayed | Launch::Queued | Launch::Alive)
            | State::Running
            | State::Backoff
            | State::Stopping(Ending::Held | Ending::Terminating | Ending::Killing | Ending::Stuck)
            | State::Exited
            | State::Fatal => {}
        }
    }

    pub(super) fn exited(&mut self, run: Run, status: ExitStatus) {
        let key = run.instance;
        let now = self.now;
        let Some(spec) = self.program_of(key).map(|program| Arc::clone(&program.spec)) else { return };
        let Some(instance) = self.present(run) else { return };
        let Some(process) = instance.process.filter(|process| process.leader == Leader::Alive) else {
            return;
        };
        instance.past.note(PastRun {
            incarnation: run.incarnation,
            pid: process.pid,
            ended: now,
            lived: now - process.started,
            status,
            during: instance.state,
        });
        match instance.state {
            State::Starting(Launch::Alive) => {
                instance.process = None;
                // The end may be told before the tick that would have made it RUNNING.
                if now >= process.started + spec.starttime {
                    self.enter_running(key);
                    self.ended(run, process, Outcome::Ran(status));
                } else if spec.governance.kind == Kind::Oneshot && is_expected(&spec, status) {
                    // Its success, and not a start that failed.
                    self.ended(run, process, Outcome::Succeeded);
                } else {
                    self.ended(run, process, Outcome::FailedStart);
                }
            }
            State::Running => {
                instance.process = None;
                self.ended(run, process, Outcome::Ran(status));
            }
            State::Stopping(ending) => {
                self.await_remains(run, process);
                if ending == Ending::Held {
                    // Nobody needs it any more, so the rest of its group is asked at once.
                    self.terminate_rest(key);
                }
            }
            State::Stopped
            | State::Starting(Launch::Held | Launch::Delayed | Launch::Queued | Launch::Requested)
            | State::Backoff
            | State::Exited
            | State::Fatal => {}
        }
    }

    /// Fires what is due. A deadline set on the way, even for now, waits for the next tick, so that
    /// no chain of zero waits can hold the loop.
    pub(super) fn fire_deadlines(&mut self) {
        let mut due = Vec::new();
        while let Some(index) = self.timers.pop_due(self.now) {
            due.extend(self.instances.key_at(index));
        }
        for key in due {
            self.deadline_passed(key);
        }
    }

    fn deadline_passed(&mut self, key: Key) {
        let Some(instance) = self.instances.get(key) else { return };
        match instance.state {
            State::Starting(Launch::Alive) => self.enter_running(key),
            State::Running => self.age_reached(key),
            State::Backoff => self.queue_spawn(key),
            State::Starting(Launch::Delayed) => self.turn_has_come(key),
            State::Stopping(Ending::Terminating) => self.kill(key, Ending::Killing),
            State::Stopping(Ending::Killing | Ending::Stuck) => self.kill(key, Ending::Stuck),
            // These have no deadline.
            State::Stopped
            | State::Starting(Launch::Held | Launch::Queued | Launch::Requested)
            | State::Stopping(Ending::Held | Ending::Unborn)
            | State::Exited
            | State::Fatal => {}
        }
    }

    fn enter_running(&mut self, key: Key) {
        let spec = self.spec_of(key);
        if let Some(instance) = self.instances.get_mut(key) {
            instance.failures = 0;
            // What it has said before counts, if what it says does.
            let announced = instance.health.take().filter(|_| spec.awaited_line().is_some());
            instance.health = announced.or_else(|| Health::new(&spec));
        }
        let end_of_age = self.end_of_age(key);
        self.enter(key, State::Running, end_of_age);
    }

    /// Asks the process to end: stopsignal, then CONT, because a stopped process (SIGSTOP, a
    /// terminal) would not see it otherwise; systemd and runit do the same.
    pub(super) fn terminate(&mut self, key: Key) {
        let rules = self.instances.get_mut(key).and_then(|instance| instance.stop_rules.take());
        let spec = rules.unwrap_or_else(|| self.spec_of(key));
        let scope = if spec.stopasgroup { Scope::Group } else { Scope::Leader };
        let leader = self.instances.get(key).and_then(|instance| instance.process).map(|it| it.leader);
        let has_whom = match leader {
            Some(Leader::Alive) | None => true,
            Some(Leader::Reaped) => scope == Scope::Group,
            Some(Leader::Astray) => false,
            Some(Leader::Past) => {
                self.look_for_earlier(key, &spec);
                false
            }
        };
        if has_whom {
            self.signal(key, spec.stopsignal, scope);
        }
        if has_whom && spec.stopsignal != Signal::KILL {
            self.signal(key, Signal::CONT, scope);
        }
        self.enter(key, State::Stopping(Ending::Terminating), Some(self.now + spec.stoptime));
    }

    /// Sends SIGKILL to whatever is left. Whose leader is reaped has a group that is waited for, even if
    /// killasgroup has been turned off meanwhile.
    pub(super) fn kill(&mut self, key: Key, ending: Ending) {
        let process = self.instances.get(key).and_then(|instance| instance.process);
        match process.map(|process| process.leader) {
            Some(Leader::Astray) => self.signal_strays(key, Signal::KILL),
            // It gets its SIGKILL when it is found.
            Some(Leader::Past) => {
                let rules = self.instances.get_mut(key).and_then(|instance| instance.stop_rules.take());
                self.look_for_earlier(key, &rules.unwrap_or_else(|| self.spec_of(key)));
            }
            Some(Leader::Reaped) => self.signal(key, Signal::KILL, Scope::Group),
            Some(Leader::Alive) | None => {
                let to_group = self.spec_of(key).killasgroup;
                let scope = if to_group { Scope::Group } else { Scope::Leader };
                self.signal(key, Signal::KILL, scope);
            }
        }
        self.enter(key, State::Stopping(ending), Some(self.now + KILL_PATIENCE));
    }

    pub(super) fn signal(&mut self, key: Key, signal: Signal, scope: Scope) {
        let Some(instance) = self.instances.get(key) else { return };
        let run = Run { instance: key, incarnation: instance.incarnation };
        if let Some(Process { pid, .. }) = instance.process {
            self.actions.push_back(Action::Signal { run, pid, signal, scope });
        }
    }

    /// A stop is over: nothing is left of the process.
    pub(super) fn stopped(&mut self, key: Key) {
        let Some(instance) = self.instances.get_mut(key) else { return };
        instance.process = None;
        if let Some(outcome) = instance.outcome.take() {
            self.conclude(key, outcome);
            return;
        }
        self.enter(key, State::Stopped, None);
        if self.instances.get(key).is_some_and(|instance| instance.goal == Goal::Up) {
            self.bring_up(key);
        }
    }

    /// The instance, if `run` is its present or latest process.
    pub(super) fn present(&mut self, run: Run) -> Option<&mut super::Instance> {
        self.instances.get_mut(run.instance).filter(|instance| instance.incarnation == run.incarnation)
    }
}
