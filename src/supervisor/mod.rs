//! The pure core: what every instance is, what it is meant to be, and what to do about it.
//!
//! No I/O, no clock, no system call: [`Supervisor::handle`] is told what happened and when, and the
//! effects it wants are drained from [`Supervisor::poll_action`] and [`Supervisor::poll_spawn`].
//! Spawns are pulled, so that the loop decides how many it starts a turn, and a `stop` cancels one
//! that is still queued.
//!
//! - `state`: the states; `instance`: one record and its policy; `lifecycle`: the transitions
//! - `dependencies`: who waits for whom; `restarts`: what follows an end
//! - `remains`: what a process leaves behind when it ends; `earlier`: the same of runs long ended
//! - `calendar`: programs that start at certain times
//! - `orders`: commands to wishes; `requests`: commands that wait; `rolling`: restarts a few at a time;
//!   `recycling`: of what is old or large; `storms`: restarts of very many at once;
//!   `reload`: another configuration; `departures`: what leaves with it;
//!   `shutdown`: the way out
//!
//! Invariants: `Supervisor::enter` is the only writer of a state, and sets or clears the instance's
//! one deadline with it. An instance has a process exactly when its state says so. A report about an
//! earlier process changes nothing.

// A new state must be thought about wherever states are told apart.
#![deny(clippy::wildcard_enum_match_arm)]

mod action;
mod black_box;
mod calendar;
mod departures;
mod dependencies;
mod dice;
mod earlier;
mod event;
mod health;
mod heartbeats;
mod instance;
mod lifecycle;
mod orders;
mod recycling;
mod reload;
mod remains;
mod requests;
mod restarts;
mod rolling;
mod shutdown;
mod state;
mod storms;

pub use action::{Action, Remains, Scope, Spawn, Subject};
pub use black_box::{PAST_RUNS_MAX, PastRun};
pub use dependencies::Blocker;
pub use event::{Event, ExitStatus, Leftover, Run};
pub use health::{Illness, Probe};
pub use heartbeats::Heartbeats;
pub use instance::{Instance, Surrender, is_expected, too_many_restarts};
pub use recycling::{Excess, Renewal};
pub use state::{Ending, Goal, Launch, State};

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use crate::config::{Config, ProgramSpec};
use crate::slots::{Key, Slots};
use crate::time::Time;
use crate::timers::Timers;
use calendar::Calendar;
use departures::Departures;
use dependencies::Rank;
use dice::Dice;
use earlier::Errand;
use recycling::Recycling;
use requests::{Requests, verdict};
use rolling::Rolls;
use shutdown::Phase;
use storms::Storms;

/// The state of everything supervised.
#[derive(Clone, Debug)]
pub struct Supervisor {
    programs: Vec<Program>,
    instances: Slots<Instance>,
    timers: Timers,
    /// Instances in the order they asked to be spawned; one that was stopped meanwhile is skipped.
    spawn_queue: VecDeque<Key>,
    /// Instances that wait for what they depend on; some may not, any more.
    held_starts: Vec<Key>,
    /// Instances that are to be stopped after what depends on them; some may not, any more.
    held_stops: Vec<Key>,
    actions: VecDeque<Action>,
    requests: Requests,
    /// What waits until it is known what earlier runs have left behind.
    waiting: VecDeque<Errand>,
    rolls: Rolls,
    recycling: Recycling,
    storms: Storms,
    phase: Phase,
    /// The instance whose failure ends everything.
    failure: Option<Key>,
    dice: Dice,
    /// How many instances of each tier have a process, or may have.
    occupied: BTreeMap<i32, usize>,
    /// Counts the changes of the list of programs and instances.
    list_revision: u64,
    /// Instances at rest that are to be gone, until all about them has been told.
    gone: Vec<Key>,
    departures: Departures,
    /// The time of the event being handled.
    now: Time,
}

/// A program and its instances.
#[derive(Clone, Debug)]
pub struct Program {
    /// As it is in force; `scale` may have changed its numprocs.
    spec: Arc<ProgramSpec>,
    /// By number; those that are to be gone are among them until they are.
    instances: Vec<Key>,
    /// Its place among those that it depends on, and that depend on it.
    rank: Rank,
    /// When an instance was last queued to be spawned.
    last_start: Option<Time>,
    /// What is known of its schedule.
    calendar: Calendar,
    /// The numprocs of the file. `None`: it is not in the file any more and leaves with its last
    /// instance.
    configured: Option<u32>,
}

impl Program {
    /// Its configuration.
    pub fn spec(&self) -> &ProgramSpec {
        &self.spec
    }

    /// The numprocs that the file says, where `scale` has made it another one.
    pub fn scaled_from(&self) -> Option<u32> {
        self.configured.filter(|numprocs| *numprocs != self.spec.numprocs)
    }

    /// The same, to be kept.
    pub fn shared_spec(&self) -> &Arc<ProgramSpec> {
        &self.spec
    }

    /// Its instances by number.
    pub fn instances(&self) -> &[Key] {
        &self.instances
    }
}

impl Supervisor {
    /// Everything STOPPED; [`Event::Boot`] starts what is to start.
    pub fn new(config: &Config) -> Supervisor {
        let mut instances = Slots::new();
        let programs = config.programs.iter().enumerate().map(|(index, spec)| Program {
            spec: Arc::clone(spec),
            instances: (0..spec.numprocs)
                .map(|number| instances.insert(Instance::new(index as u32, number)))
                .collect(),
            rank: Rank::default(),
            last_start: None,
            calendar: Calendar::default(),
            configured: Some(spec.numprocs),
        });
        let mut supervisor = Supervisor {
            programs: programs.collect(),
            instances,
            timers: Timers::new(),
            spawn_queue: VecDeque::new(),
            held_starts: Vec::new(),
            held_stops: Vec::new(),
            actions: VecDeque::new(),
            requests: Requests::default(),
            waiting: VecDeque::new(),
            rolls: Rolls::default(),
            recycling: Recycling::default(),
            storms: Storms::new(config.supervisor.restart_storm),
            phase: Phase::Supervising,
            failure: None,
            dice: Dice::default(),
            occupied: BTreeMap::new(),
            list_revision: 0,
            gone: Vec::new(),
            departures: Departures::default(),
            now: Time::ZERO,
        };
        supervisor.rank_programs();
        supervisor
    }

    /// Takes in what happened at `now`. Never fails, does no I/O. Drain
    /// [`poll_action`](Supervisor::poll_action) before the next call.
    pub fn handle(&mut self, now: Time, event: Event) {
        self.now = now;
        match event {
            Event::Boot => self.boot(),
            Event::Tick => self.fire_deadlines(),
            Event::Spawned { run, pid } => self.spawned(run, pid),
            Event::SpawnFailed { run, reason } => self.spawn_failed(run, reason),
            Event::Exited { run, status } => self.exited(run, status),
            Event::StraysFound { run, count } => self.strays_found(run, count),
            Event::GroupGone { run } => self.group_gone(run),
            Event::Measured { run, resident } => self.measured(run, resident),
            Event::Surveyed { found } => self.surveyed(&found),
            Event::SurveyFailed => self.survey_failed(),
            Event::Probed { run, probe, outcome } => self.probed(run, probe, outcome),
            Event::Planned { program, next } => self.planned(&program, next),
            Event::Due { program } => self.due(&program),
            Event::Order { request, order } => self.admit(Errand::Order(request, order)),
            Event::Reload { request, plan } => self.admit(Errand::Reload(request, plan)),
            Event::ShutdownSignal => self.admit(Errand::Signal),
        }
        self.admit_failure();
        if !self.waiting.is_empty() {
            // The answer comes before anything else, and is followed by the rest.
            return;
        }
        self.advance_rolls();
        self.advance_recycling();
        self.advance_held();
        self.advance_storms();
        self.advance_shutdown();
    }

    /// The same, with chance that differs from that of other supervisors.
    pub fn with_seed(mut self, seed: u64) -> Supervisor {
        self.dice = Dice::seeded(seed);
        self
    }

    /// The instance whose failure has ended everything, by `exit_on_failure`.
    pub fn failure(&self) -> Option<Key> {
        self.failure
    }

    /// The next effect, in order. When all have been told, instances that were to be gone are.
    pub fn poll_action(&mut self) -> Option<Action> {
        if self.actions.is_empty() && self.forget_the_gone() {
            // One that waited for another to be up may be the only one by now.
            self.advance_recycling();
        }
        self.actions.pop_front()
    }

    /// The next process to start, if any. Its outcome must come back as [`Event::Spawned`] or
    /// [`Event::SpawnFailed`].
    pub fn poll_spawn(&mut self) -> Option<Spawn> {
        while let Some(key) = self.spawn_queue.pop_front() {
            let Some(instance) = self.instances.get(key) else { continue };
            if instance.state != State::Starting(Launch::Queued) {
                continue;
            }
            if self.blocker(key).is_some() {
                // It was not so when it was queued.
                self.queue_spawn(key);
                self.advance_held();
                continue;
            }
            let Some(instance) = self.instances.get_mut(key) else { continue };
            instance.incarnation += 1;
            let run = Run { instance: key, incarnation: instance.incarnation };
            let (program, number) = (instance.program as usize, instance.number);
            self.enter(key, State::Starting(Launch::Requested), None);
            return Some(Spawn { run, program: Arc::clone(&self.programs[program].spec), number });
        }
        None
    }

    /// Whether [`poll_spawn`](Supervisor::poll_spawn) may have something.
    pub fn has_spawns(&self) -> bool {
        !self.spawn_queue.is_empty()
    }

    /// When [`Event::Tick`] is needed next.
    pub fn next_deadline(&self) -> Option<Time> {
        [self.timers.next(), self.phase.deadline(), self.rolls.next_deadline(), self.storms.next_deadline()]
            .into_iter()
            .flatten()
            .min()
    }

    /// Whether nobody has asked for a shutdown.
    pub fn is_supervising(&self) -> bool {
        self.phase.is_supervising()
    }

    /// Another number whenever programs or instances have come, gone or changed places.
    pub fn list_revision(&self) -> u64 {
        self.list_revision
    }

    /// The programs in the order of the configuration; those that leave come last.
    pub fn programs(&self) -> impl Iterator<Item = &Program> + Clone {
        self.programs.iter().filter(|program| program.is_there())
    }

    /// One instance.
    pub fn instance(&self, key: Key) -> Option<&Instance> {
        self.instances.get(key)
    }

    /// The instance's one deadline: the end of its starttime, of its wait, of its stoptime or of its age.
    pub fn deadline(&self, key: Key) -> Option<Time> {
        self.timers.get(key.index())
    }

    /// `worker:1`.
    pub fn name(&self, key: Key) -> String {
        self.instances.get(key).map_or_else(String::new, |instance| {
            format!("{}:{}", self.programs[instance.program as usize].spec.name, instance.number)
        })
    }

    /// The program that an instance belongs to.
    pub fn program_of(&self, key: Key) -> Option<&Program> {
        self.instances.get(key).map(|instance| &self.programs[instance.program as usize])
    }

    /// Which place that program has among all; its number is of use for nothing but comparisons.
    pub fn place_of(&self, key: Key) -> Option<u32> {
        self.instances.get(key).map(|instance| instance.program)
    }

    /// The only writer of a state: it sets or clears the instance's one deadline, keeps the counts,
    /// tells the world, and answers whoever waited for this.
    fn enter(&mut self, key: Key, to: State, deadline: Option<Time>) {
        let Some(instance) = self.instances.get_mut(key) else { return };
        let from = std::mem::replace(&mut instance.state, to);
        let tier = self.programs[instance.program as usize].rank.tier;
        self.timers.set(key.index(), deadline);
        match (from.is_occupied(), to.is_occupied()) {
            (false, true) => *self.occupied.entry(tier).or_default() += 1,
            (true, false) => {
                if let Some(count) = self.occupied.get_mut(&tier) {
                    *count -= 1;
                }
            }
            (true, true) | (false, false) => {}
        }
        if from == to {
            // STUCK again: SIGKILL was repeated, but nothing is new to anybody.
            return;
        }
        self.actions.push_back(Action::Changed { instance: key, from, to });
        if instance.is_to_be_forgotten() {
            self.gone.push(key);
        }
        self.settle(key);
    }

    /// Answers whoever waited for what the instance is now.
    fn settle(&mut self, key: Key) {
        let (requests, actions, programs) = (&mut self.requests, &mut self.actions, &self.programs);
        let Some(instance) = self.instances.get(key) else { return };
        let spec = &programs[instance.program as usize].spec;
        requests.settle(key, |wish| verdict(wish, instance, spec), actions);
    }

    /// The configuration of an instance that is known to exist.
    fn spec_of(&self, key: Key) -> Arc<ProgramSpec> {
        Arc::clone(&self.programs[self.instances[key].program as usize].spec)
    }
}
