//! What follows when a start failed or a run ended: another try, now or after a wait, or no more.

use std::time::Duration;

use super::instance::restarts_after;
use super::{ExitStatus, Goal, State, Supervisor, Surrender};
use crate::config::ProgramSpec;
use crate::slots::Key;
use crate::time::Time;

impl Supervisor {
    /// A start failed: another try after a wait, or FATAL when the tries are used up.
    pub(super) fn start_failed(&mut self, key: Key) {
        let spec = self.spec_of(key);
        let Some(instance) = self.instances.get_mut(key) else { return };
        instance.failures += 1;
        let failures = instance.failures;
        if instance.goal != Goal::Up {
            self.enter(key, State::Stopped, None);
        } else if instance.failures > spec.startretries {
            self.give_up(key, Surrender::FailedStarts);
        } else {
            instance.by_itself = true;
            let retry_at = self.now + self.retry_delay(key, &spec, failures);
            self.enter(key, State::Backoff, Some(retry_at));
        }
    }

    /// An exit while RUNNING: the restart policy decides.
    pub(super) fn run_ended(&mut self, key: Key, status: ExitStatus) {
        let spec = self.spec_of(key);
        let Some(instance) = self.instances.get_mut(key) else { return };
        if instance.goal != Goal::Up || !restarts_after(&spec, status) {
            self.enter(key, State::Exited, None);
            return;
        }
        self.restart_after_run(key);
    }

    /// A run is over, and another is to follow.
    pub(super) fn restart_after_run(&mut self, key: Key) {
        let spec = self.spec_of(key);
        let Some(instance) = self.instances.get_mut(key) else { return };
        if !instance.may_restart(self.now, &spec) {
            self.give_up(key, Surrender::Restarts);
            return;
        }
        instance.restarts += 1;
        instance.by_itself = true;
        let lived = instance.past_runs().last().map(|run| run.lived);
        if spec.restart_delay.is_some_and(|delay| lived > Some(delay.max)) {
            instance.waits = 0;
        }
        match self.delay_by_configuration(key, &spec) {
            Some(delay) if !delay.is_zero() => self.enter(key, State::Backoff, Some(self.now + delay)),
            Some(_) | None => self.queue_spawn(key),
        }
    }

    /// Nobody tries any more; if everything depends on it, everything ends.
    fn give_up(&mut self, key: Key, surrender: Surrender) {
        let ends_all = self.spec_of(key).governance.exit_on_failure && self.phase.is_supervising();
        if let Some(instance) = self.instances.get_mut(key) {
            instance.surrender = surrender;
        }
        self.enter(key, State::Fatal, None);
        if ends_all {
            self.failure.get_or_insert(key);
        }
    }

    /// The wait before retry number `retry` (from 1) of a failed start: `retry` seconds, as supervisord
    /// does, unless restart_delay says otherwise.
    fn retry_delay(&mut self, key: Key, spec: &ProgramSpec, retry: u32) -> Duration {
        self.delay_by_configuration(key, spec).unwrap_or(Duration::from_secs(u64::from(retry)))
    }

    fn delay_by_configuration(&mut self, key: Key, spec: &ProgramSpec) -> Option<Duration> {
        let delay = spec.restart_delay?;
        let instance = self.instances.get_mut(key)?;
        instance.waits = instance.waits.saturating_add(1);
        let chance = if delay.jitter > 0.0 { self.dice.roll() } else { 0.0 };
        Some(delay.wait(instance.waits, chance))
    }
}

impl super::Instance {
    /// Whether one more restart keeps to `max_restarts`; if so, it is counted.
    fn may_restart(&mut self, now: Time, spec: &ProgramSpec) -> bool {
        let governance = &spec.governance;
        if governance.max_restarts == 0 {
            return true;
        }
        self.restarted_at.retain(|at| *at + governance.window > now);
        let has_room = self.restarted_at.len() < governance.max_restarts as usize;
        if has_room {
            self.restarted_at.push(now);
        }
        has_room
    }
}
