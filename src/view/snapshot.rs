//! Plain rows of everything supervised, at one moment. Every face renders these.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::slots::Key;
use crate::supervisor::{
    Ending, ExitStatus, Goal, Instance, Launch, Program, State, Supervisor, Surrender, too_many_restarts,
};
use crate::time::Time;

/// Said of one that is to be restarted after others, besides what it is meanwhile.
pub(super) const WAITS_IN_ROLL: &str = "waits for its turn in a rolling restart";

/// Everything, or what was asked for.
#[derive(Clone, Debug, PartialEq)]
pub struct Snapshot {
    /// In the order of the configuration.
    pub programs: Vec<ProgramRows>,
}

/// One program.
#[derive(Clone, Debug, PartialEq)]
pub struct ProgramRows {
    /// Its name.
    pub name: String,
    /// How many instances it is meant to have.
    pub numprocs: u32,
    /// Its instances, by number.
    pub processes: Vec<ProcessRow>,
}

/// One instance.
#[derive(Clone, Debug, PartialEq)]
pub struct ProcessRow {
    /// `worker:0`.
    pub name: String,
    /// Its state.
    pub state: State,
    /// Of its living process.
    pub pid: Option<u32>,
    /// How long that process has lived.
    pub uptime: Option<Duration>,
    /// Automatic restarts since the last command.
    pub restarts: u32,
    /// Ends of its processes, failed spawns included.
    pub exits: u32,
    /// How its last process ended.
    pub exit: Option<ExitStatus>,
    /// What a user would ask next: why, and what comes.
    pub description: String,
    /// What its process uses, where that was measured.
    pub usage: Option<Usage>,
}

/// What a process uses.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Usage {
    /// Share of one CPU, in percent, since it was measured before.
    pub cpu_percent: f64,
    /// CPU time since its start, in seconds.
    pub cpu_seconds: f64,
    /// Resident memory, in bytes.
    pub rss_bytes: u64,
}

/// What is seen of a living process from outside.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Observed {
    /// What it uses, where that was measured.
    pub usage: Option<Usage>,
    /// What keeps its output from its log.
    pub trouble: Option<String>,
}

/// The supervisor itself.
#[derive(Clone, Debug, PartialEq)]
pub struct About {
    /// Its process id.
    pub pid: u32,
    /// How long it has run.
    pub uptime: Duration,
    /// The configuration file, as it was named.
    pub config: String,
}

/// Builds the rows of all instances.
pub fn take(supervisor: &Supervisor, now: Time, observed: impl Fn(u32) -> Observed) -> Snapshot {
    let look = Look::new(supervisor, now, observed);
    let rows = |program: &Program| look.program(program, program.instances());
    Snapshot { programs: supervisor.programs().map(rows).collect() }
}

/// Builds the rows of these instances, those of a program together and by number, as
/// [`Supervisor::resolve`] finds them; programs without any of them are left out, unless they have no
/// instances at all.
pub fn take_some(
    supervisor: &Supervisor,
    now: Time,
    keys: &[Key],
    observed: impl Fn(u32) -> Observed,
) -> Snapshot {
    let mut shares: Vec<&[Key]> =
        keys.chunk_by(|one, other| supervisor.place_of(*one) == supervisor.place_of(*other)).collect();
    shares.sort_by_key(|share| supervisor.place_of(share[0]));
    let mut shares = shares.into_iter().peekable();
    let look = Look::new(supervisor, now, observed);
    let is_of = |share: &[Key], program: &Program| {
        let place = program.instances().first().and_then(|key| supervisor.place_of(*key));
        supervisor.place_of(share[0]) == place
    };
    let rows = |program: &Program| {
        let share = shares.next_if(|share| is_of(share, program)).unwrap_or_default();
        let is_shown = !share.is_empty() || program.instances().is_empty();
        is_shown.then(|| look.program(program, share))
    };
    Snapshot { programs: supervisor.programs().filter_map(rows).collect() }
}

/// The rows of just these instances; of those that are gone there is none.
pub fn rows(
    supervisor: &Supervisor,
    now: Time,
    keys: impl Iterator<Item = Key>,
    observed: impl Fn(u32) -> Observed,
) -> Vec<ProcessRow> {
    let look = Look::new(supervisor, now, observed);
    keys.filter_map(|key| look.process(supervisor.program_of(key)?, key)).collect()
}

/// How many instances are in each state, in the order of [`State::NAMES`].
pub fn counts(supervisor: &Supervisor) -> [usize; State::NAMES.len()] {
    let mut counts = [0; State::NAMES.len()];
    let keys = supervisor.programs().flat_map(|program| program.instances());
    for instance in keys.filter_map(|key| supervisor.instance(*key)) {
        counts[instance.state().ordinal()] += 1;
    }
    counts
}

/// What rows are made of.
struct Look<'a, F> {
    supervisor: &'a Supervisor,
    now: Time,
    /// Those that wait for their turn in a rolling restart.
    turns: BTreeSet<Key>,
    observed: F,
}

impl<F: Fn(u32) -> Observed> Look<'_, F> {
    fn new(supervisor: &Supervisor, now: Time, observed: F) -> Look<'_, F> {
        Look { supervisor, now, turns: supervisor.awaiting_turn(), observed }
    }

    fn program(&self, program: &Program, keys: &[Key]) -> ProgramRows {
        ProgramRows {
            name: program.spec().name.clone(),
            numprocs: program.spec().numprocs,
            processes: keys.iter().filter_map(|key| self.process(program, *key)).collect(),
        }
    }

    fn process(&self, program: &Program, key: Key) -> Option<ProcessRow> {
        let instance = self.supervisor.instance(key)?;
        let Observed { usage, trouble } = instance.pid().map(&self.observed).unwrap_or_default();
        let description = waits_for(self.supervisor, key).unwrap_or_else(|| {
            describe(instance, program, self.supervisor.deadline(key).map(|at| at - self.now))
        });
        let turn = self.turns.contains(&key).then(|| WAITS_IN_ROLL.to_owned());
        let words = [description].into_iter().filter(|words| !words.is_empty()).chain(turn).chain(trouble);
        Some(ProcessRow {
            name: format!("{}:{}", program.spec().name, instance.number()),
            state: instance.state(),
            pid: instance.pid(),
            uptime: instance.started().map(|started| self.now - started),
            restarts: instance.restarts(),
            exits: instance.exits(),
            exit: instance.last_exit(),
            description: words.collect::<Vec<_>>().join("; "),
            usage,
        })
    }
}

/// What an instance waits for that has not been started for want of it, beside its start_interval.
pub(super) fn waits_for(supervisor: &Supervisor, key: Key) -> Option<String> {
    if let Some(wait) = supervisor.storm_wait(key) {
        return Some(format!("waits for its turn in a restart storm, in {}", seconds(wait)));
    }
    let is_held = |instance: &&Instance| matches!(instance.state(), State::Starting(Launch::Held));
    supervisor.instance(key).filter(is_held)?;
    supervisor.blocker(key).map(|blocker| supervisor.waits_for(blocker))
}

/// The words behind the state. `left` is the time to the instance's deadline.
pub(super) fn describe(instance: &Instance, program: &Program, left: Option<Duration>) -> String {
    let spec = program.spec();
    let last = || last_of(instance);
    let rests = || match scheduled(instance, program) {
        Some(next) => format!("{}; {next}", last()),
        None => last(),
    };
    let within = || left.map_or_else(String::new, |left| format!(" in {}", seconds(left)));
    match instance.state() {
        State::Stopped | State::Exited => rests(),
        State::Starting(Launch::Held) => "waits for what it depends on".to_owned(),
        State::Starting(Launch::Delayed) => format!("waits for its turn{} (start_interval)", within()),
        State::Starting(Launch::Queued | Launch::Requested) => "waits to be spawned".to_owned(),
        State::Starting(Launch::Alive) if instance.failures() > 0 => {
            format!("retry {} of {}", instance.failures(), spec.startretries)
        }
        State::Starting(Launch::Alive) => String::new(),
        State::Running => instance.not_ready().unwrap_or_default(),
        State::Backoff if instance.failures() > 0 => {
            let retry = format!("retry {} of {}", instance.failures(), spec.startretries);
            format!("{}; {retry}{}", last(), within())
        }
        State::Backoff => format!("{}; restart{}", last(), within()),
        State::Stopping(Ending::Held) => "stops after what depends on it".to_owned(),
        State::Stopping(Ending::Unborn) => "stops as soon as it is spawned".to_owned(),
        State::Stopping(Ending::Terminating) if instance.strays() > 0 => {
            format!("ended, but not its strays ({} in all); SIGKILL{}", instance.strays(), within())
        }
        State::Stopping(Ending::Terminating) if instance.pid().is_none() => {
            format!("ended, but not all of its group; SIGKILL{}", within())
        }
        State::Stopping(Ending::Terminating) => format!("SIG{} sent; SIGKILL{}", spec.stopsignal, within()),
        State::Stopping(Ending::Killing) => "SIGKILL sent".to_owned(),
        State::Stopping(Ending::Stuck) => {
            "SIGKILL has no effect: blocked in the kernel, or traced".to_owned()
        }
        State::Fatal => {
            let why = gave_up(instance, program, &last());
            scheduled(instance, program).map_or(why.clone(), |next| format!("{why}; {next}"))
        }
    }
}

/// Why an instance is FATAL.
pub fn surrender(instance: &Instance, program: &Program) -> String {
    gave_up(instance, program, &last_of(instance))
}

/// How its last process ended, or did not begin.
fn last_of(instance: &Instance) -> String {
    match (instance.spawn_error(), instance.last_exit()) {
        (Some(error), _) => error.to_owned(),
        (None, Some(exit)) => exit.to_string(),
        (None, None) => "not started".to_owned(),
    }
}

/// Why nobody tries any more; `last` is how it ended last.
fn gave_up(instance: &Instance, program: &Program, last: &str) -> String {
    match instance.failures() {
        _ if instance.spawn_error().is_some() => last.to_owned(),
        _ if instance.surrender() == Surrender::Restarts => {
            format!("{} ({last})", too_many_restarts(program.spec()))
        }
        0 | 1 => format!("exited too quickly ({last})"),
        times => format!("exited too quickly {times} times in a row ({last})"),
    }
}

/// What its schedule does next with one that rests.
pub(super) fn scheduled(instance: &Instance, program: &Program) -> Option<String> {
    program.spec().governance.schedule.as_ref()?;
    Some(match (instance.goal(), program.next_run()) {
        (Goal::Down | Goal::Gone, _) => "its schedule waits until it is told to start".to_owned(),
        (Goal::Up | Goal::Later, Some(next)) => format!("next run {next}"),
        (Goal::Up | Goal::Later, None) => "its schedule has no further time".to_owned(),
    })
}

/// Whole seconds, rounded up: `retry in 0 s` would be a lie.
pub(super) fn seconds(left: Duration) -> String {
    format!("{} s", left.as_secs() + u64::from(left.subsec_nanos() > 0))
}

impl Snapshot {
    /// How many of the rows are in each state, in the order of [`State::NAMES`].
    pub fn counts(&self) -> [usize; State::NAMES.len()] {
        let mut counts = [0; State::NAMES.len()];
        for row in self.rows() {
            counts[row.state.ordinal()] += 1;
        }
        counts
    }

    /// All rows.
    pub fn rows(&self) -> impl Iterator<Item = &ProcessRow> {
        self.programs.iter().flat_map(|program| program.processes.iter())
    }
}
