//! One instance: its record, and the questions its policy answers.

use std::num::NonZeroU32;
use std::sync::Arc;

use super::black_box::BlackBox;
use super::earlier::Earlier;
use super::health::{Health, Illness};
use super::{ExitStatus, Goal, PastRun, Renewal, State};
use crate::config::{Autorestart, ProgramSpec};
use crate::time::Time;

/// What is known of one instance of a program. At rest this record is all that it costs.
#[derive(Clone, Debug)]
pub struct Instance {
    /// Index of its program.
    pub(super) program: u32,
    /// Which instance of it: the 1 of `worker:1`.
    pub(super) number: u32,
    pub(super) state: State,
    pub(super) goal: Goal,
    /// Counts spawns; the present or last process carries this number.
    pub(super) incarnation: u32,
    /// Failed starts since the last wish or the last RUNNING.
    pub(super) failures: u32,
    /// Automatic restarts after a run, since the last wish.
    pub(super) restarts: u32,
    /// Waits by `restart_delay` since the last wish or the last stable run.
    pub(super) waits: u32,
    /// When it was restarted within the last `window`, if `max_restarts` counts that.
    pub(super) restarted_at: Vec<Time>,
    /// It comes again by itself, and nobody has asked for that.
    pub(super) by_itself: bool,
    /// Its place among those that wait in a restart storm, if it is one of them.
    pub(super) ticket: Option<NonZeroU32>,
    /// Why it is FATAL, if it is.
    pub(super) surrender: Surrender,
    /// The rules by which a stop that is held back is to go, once its turn has come.
    pub(super) stop_rules: Option<Arc<ProgramSpec>>,
    /// What its checks have found, if it is RUNNING and has any.
    pub(super) health: Option<Box<Health>>,
    /// The last end that a check has brought.
    pub(super) illness: Option<Box<Illness>>,
    /// Why it was recycled last.
    pub(super) renewal: Option<Box<Renewal>>,
    pub(super) process: Option<Process>,
    /// Strays of the present or latest run, as far as they were found.
    pub(super) strays: u32,
    /// What its earlier runs have left.
    pub(super) earlier: Earlier,
    /// It is STOPPING only because the remains of an exit are cleared away.
    pub(super) outcome: Option<Outcome>,
    pub(super) past: BlackBox,
    /// Why the last spawn failed, until one works.
    pub(super) spawn_error: Option<Box<str>>,
}

/// Why nobody tries any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Surrender {
    /// More failed starts in a row than `startretries` allows.
    FailedStarts,
    /// More restarts within `window` than `max_restarts` allows.
    Restarts,
}

/// A process that has not been reaped, or whose group is still being ended.
#[derive(Clone, Copy, Debug)]
pub(super) struct Process {
    pub pid: u32,
    pub started: Time,
    pub leader: Leader,
}

/// Whether the process that was spawned is still to be reaped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Leader {
    Alive,
    /// Its group is waited for.
    Reaped,
    /// Its group is gone, or does not count; strays are waited for.
    Astray,
    /// It ended long ago, and what earlier runs have left is to be ended when its turn has come.
    Past,
}

/// What an exit that no wish has led to comes to, once its remains are cleared away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    FailedStart,
    Ran(ExitStatus),
    Succeeded,
    /// It was ended because a check of its liveness failed.
    Ill,
    /// It was ended because of its age or its size.
    Recycled,
}

impl Instance {
    pub(super) fn new(program: u32, number: u32) -> Instance {
        Instance {
            program,
            number,
            state: State::Stopped,
            goal: Goal::Down,
            incarnation: 0,
            failures: 0,
            restarts: 0,
            waits: 0,
            restarted_at: Vec::new(),
            by_itself: false,
            ticket: None,
            surrender: Surrender::FailedStarts,
            stop_rules: None,
            health: None,
            illness: None,
            renewal: None,
            process: None,
            strays: 0,
            earlier: Earlier::Nothing,
            outcome: None,
            past: BlackBox::default(),
            spawn_error: None,
        }
    }

    /// Its state.
    pub fn state(&self) -> State {
        self.state
    }

    /// What it is meant to be.
    pub fn goal(&self) -> Goal {
        self.goal
    }

    /// Which instance of its program it is.
    pub fn number(&self) -> u32 {
        self.number
    }

    /// The pid of its living process.
    pub fn pid(&self) -> Option<u32> {
        self.living().map(|process| process.pid)
    }

    /// When its living process was spawned.
    pub fn started(&self) -> Option<Time> {
        self.living().map(|process| process.started)
    }

    /// Processes of its present or latest run that had left its group when it ended.
    pub fn strays(&self) -> u32 {
        self.strays
    }

    /// Automatic restarts after a run, since the last wish.
    pub fn restarts(&self) -> u32 {
        self.restarts
    }

    /// Ends of its processes so far, failed spawns included.
    pub fn exits(&self) -> u32 {
        let has_ended = self.process.is_some_and(|process| process.leader != Leader::Alive);
        self.incarnation - u32::from(self.state.is_occupied() && !has_ended)
    }

    /// Failed starts in a row.
    pub fn failures(&self) -> u32 {
        self.failures
    }

    /// Why it is FATAL, if it is.
    pub fn surrender(&self) -> Surrender {
        self.surrender
    }

    /// How its last process ended.
    pub fn last_exit(&self) -> Option<ExitStatus> {
        self.past.runs().last().map(|run| run.status)
    }

    /// Its last processes that have ended, oldest first.
    pub fn past_runs(&self) -> &[PastRun] {
        self.past.runs()
    }

    /// Counts its processes; the present or last one carries this number.
    pub fn incarnation(&self) -> u32 {
        self.incarnation
    }

    /// Why its last spawn failed, if that is the latest that happened to it.
    pub fn spawn_error(&self) -> Option<&str> {
        self.spawn_error.as_deref()
    }

    fn living(&self) -> Option<Process> {
        self.process.filter(|process| process.leader == Leader::Alive)
    }

    /// Whether it was to be gone, and nothing is left to wait for.
    pub(super) fn is_to_be_forgotten(&self) -> bool {
        match self.state {
            State::Stopped | State::Exited | State::Fatal => self.goal == Goal::Gone,
            State::Starting(_) | State::Running | State::Backoff | State::Stopping(_) => false,
        }
    }

    /// A wish from outside forgives what went before.
    pub(super) fn reset_counters(&mut self) {
        self.failures = 0;
        self.restarts = 0;
        self.waits = 0;
        self.restarted_at = Vec::new();
        self.by_itself = false;
        self.ticket = None;
    }

    /// The reason shown for a start that failed.
    pub(super) fn failure_reason(&self, spec: &ProgramSpec) -> String {
        match (&self.spawn_error, self.last_exit()) {
            (Some(error), _) => error.to_string(),
            (None, Some(exit)) if self.surrender == Surrender::Restarts => {
                format!("{} ({exit})", too_many_restarts(spec))
            }
            (None, Some(exit)) => format!("exited too quickly ({exit})"),
            (None, None) => "did not start".to_owned(),
        }
    }
}

/// `ended more than 5 times within 60 s (max_restarts)`.
pub fn too_many_restarts(spec: &ProgramSpec) -> String {
    let (max, window) = (spec.governance.max_restarts, spec.governance.window.as_secs_f64());
    let times = if max == 1 { "once" } else { &format!("{max} times") };
    format!("ended more than {times} within {window} s (max_restarts)")
}

/// Whether an exit while RUNNING is followed by a restart.
pub(super) fn restarts_after(spec: &ProgramSpec, status: ExitStatus) -> bool {
    match spec.autorestart {
        Autorestart::Always => true,
        Autorestart::Never => false,
        Autorestart::Unexpected => !is_expected(spec, status),
    }
}

/// Whether an exit is one that the program's exitcodes name; death by a signal never is.
pub fn is_expected(spec: &ProgramSpec, status: ExitStatus) -> bool {
    match status {
        ExitStatus::Code(code) => spec.exitcodes.contains(&code),
        ExitStatus::Signal { .. } => false,
    }
}
