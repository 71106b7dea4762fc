//! What is known of an instance's health while it is RUNNING, and what follows from it.

use super::instance::Outcome;
use super::{Action, Goal, Launch, Run, State, Supervisor};
use crate::config::{Autorestart, ProgramSpec};
use crate::slots::Key;

/// The two kinds of checks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Probe {
    /// Whether it can do its work now: dependents wait for it.
    Readiness,
    /// Whether it will ever do its work again: if not, it is restarted.
    Liveness,
}

/// What the checks have found. Kept only for programs that have checks.
#[derive(Clone, Debug)]
pub(super) struct Health {
    is_ready: bool,
    /// Failed checks in a row, of either kind.
    unready: u32,
    unlively: u32,
    /// Why the last check of its readiness failed.
    trouble: Option<Box<str>>,
}

/// An end that a failed liveness check has brought.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Illness {
    /// Which of the instance's processes it was.
    pub incarnation: u32,
    /// What the last check said.
    pub reason: Box<str>,
    /// Checks that had failed in a row.
    pub failures: u32,
}

impl Health {
    /// Of a process that has just become RUNNING; `None` is for programs without checks.
    pub(super) fn new(spec: &ProgramSpec) -> Option<Box<Health>> {
        let governance = &spec.governance;
        let is_ready = governance.readiness.is_none();
        let has_checks = !is_ready || governance.liveness.is_some();
        let trouble = spec.awaited_line().map(|line| format!("no line matches {} yet", line.text()).into());
        has_checks.then(|| Box::new(Health { is_ready, unready: 0, unlively: 0, trouble }))
    }

    /// Of a process that has said that it is ready.
    fn announced() -> Box<Health> {
        Box::new(Health { is_ready: true, unready: 0, unlively: 0, trouble: None })
    }
}

impl super::Instance {
    /// Whether it is RUNNING and able to do its work, as far as anybody asks.
    pub fn is_ready(&self) -> bool {
        self.state == State::Running && self.health.as_ref().is_none_or(|health| health.is_ready)
    }

    /// Why it is RUNNING and yet not ready: `not ready: connection refused`.
    pub fn not_ready(&self) -> Option<String> {
        let health = self.health.as_ref().filter(|health| !health.is_ready)?;
        let trouble = health.trouble.as_deref().unwrap_or("not checked yet");
        (self.state == State::Running).then(|| format!("not ready: {trouble}"))
    }

    /// The last end that a failed liveness check has brought.
    pub fn illness(&self) -> Option<&Illness> {
        self.illness.as_deref()
    }
}

impl Supervisor {
    /// A check of a running process came to an end.
    pub(super) fn probed(&mut self, run: Run, probe: Probe, outcome: Result<(), String>) {
        let key = run.instance;
        let Some(spec) = self.program_of(key).map(|program| program.spec.clone()) else { return };
        let Some(instance) = self.present(run) else { return };
        if instance.state == State::Starting(Launch::Alive) && outcome.is_ok() && probe == Probe::Readiness {
            // It is heard before it is RUNNING, too.
            instance.health = Some(Health::announced());
        }
        if instance.state != State::Running {
            return;
        }
        let Some(health) = &mut instance.health else { return };
        // A check that a reload has taken away has no say any more.
        let retries =
            |probe: &Option<crate::config::ProbeSpec>| probe.as_ref().map_or(u32::MAX, |it| it.retries);
        match (probe, outcome) {
            (Probe::Readiness, Ok(())) => {
                health.unready = 0;
                if !std::mem::replace(&mut health.is_ready, true) {
                    self.actions.push_back(Action::Health { instance: key });
                }
            }
            (Probe::Readiness, Err(reason)) => {
                health.unready = health.unready.saturating_add(1);
                let is_news = health.trouble.as_deref() != Some(&reason);
                health.trouble = Some(reason.into());
                let was_ready = health.is_ready;
                health.is_ready &= health.unready < retries(&spec.governance.readiness);
                if was_ready != health.is_ready || (is_news && !health.is_ready) {
                    self.actions.push_back(Action::Health { instance: key });
                }
            }
            (Probe::Liveness, Ok(())) => health.unlively = 0,
            (Probe::Liveness, Err(reason)) => {
                health.unlively = health.unlively.saturating_add(1);
                if health.unlively >= retries(&spec.governance.liveness) {
                    let failures = health.unlively;
                    let illness = Illness { incarnation: run.incarnation, reason: reason.into(), failures };
                    instance.illness = Some(Box::new(illness));
                    instance.outcome = Some(Outcome::Ill);
                    self.end_in_turn(key);
                }
            }
        }
    }

    /// A process that was ended for its illness is gone: its policy decides, as after an unexpected
    /// exit.
    pub(super) fn ended_ill(&mut self, key: Key) {
        let is_wanted = self.instances.get(key).is_some_and(|instance| instance.goal == Goal::Up);
        if !is_wanted {
            self.enter(key, State::Stopped, None);
        } else if self.spec_of(key).autorestart == Autorestart::Never {
            self.enter(key, State::Exited, None);
        } else {
            self.restart_after_run(key);
        }
    }
}
