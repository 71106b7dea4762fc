//! All that may happen to the core, and what must hold whatever happens.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use taskmaster::command::{Order, RequestId, Target};
use taskmaster::config::{Config, KillStrays, Kind, ProgramSpec, Source, parse};
use taskmaster::signal::Signal;
use taskmaster::slots::Key;
use taskmaster::supervisor::{
    Action, Ending, Event, ExitStatus, Instance, Launch, Leftover, Probe, Remains, Run, Scope, State,
    Supervisor,
};
use taskmaster::time::Time;

use crate::canonical::{self, View};
use crate::policies::Policy;

/// `Err` says which promise was broken.
pub type Kept = Result<(), String>;

/// Time goes on in these steps, or to the next deadline if that is nearer.
const STEP: Duration = Duration::from_millis(500);
/// Strays are found so often after one end.
const FINDS_MAX: u8 = 2;
/// The signal of orders to signal.
const ORDERED: Signal = Signal::HUP;
/// Turns in which a world that is left alone must come to rest.
const TURNS_MAX: usize = 200;

/// What may happen next.
#[derive(Clone, Debug)]
pub enum Choice {
    Boot,
    /// Time goes on to this moment; nobody is told.
    Pass(Time),
    Tick,
    TakeSpawn,
    Spawned(Key),
    SpawnFailed(Key),
    Exited(Key, ExitStatus),
    GroupGone(Key),
    StraysFound(Key),
    Probed(Key, Probe, bool),
    /// It uses more memory than it may.
    Measured(Key),
    Order(Order),
    ShutdownSignal,
    /// A time of the schedule has come.
    Due,
    /// To the other configuration, or back.
    Reload(bool),
}

/// What there is of an instance's process, by what the world has been told to do and has told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Body {
    None,
    /// A spawn whose outcome has not been told.
    HandedOut,
    Alive,
    /// What earlier runs have left is to end when its turn has come.
    Past,
    /// The leader is reaped; what counts of the rest is watched.
    Watched {
        group: bool,
        strays: bool,
        found: u8,
    },
}

/// One instance, as the world knows it.
#[derive(Clone, Debug)]
pub struct Facts {
    pub name: String,
    pub program: String,
    pub number: u32,
    /// The last wish, if that was about being up or down.
    pub wish: Option<bool>,
    /// It is not wanted any more, and leaves the list when it is at rest.
    pub is_going: bool,
    /// It is to be restarted when its turn in a roll has come.
    pub is_to_roll: bool,
    pub body: Body,
    /// What its process has to be asked with, if it has one.
    pub stopsignal: Option<Signal>,
    /// A run that ended by itself has left a process behind.
    is_left: bool,
    run: Option<Run>,
    pid: u32,
    /// Spawns since the last wish, or since it was RUNNING.
    pub tries: u32,
    pub shown: State,
}

#[derive(Clone)]
struct Open {
    request: RequestId,
    /// Names that have not got their line. Empty for a shutdown.
    unanswered: BTreeSet<String>,
}

/// What is the same for all states of a policy.
pub struct Setting {
    policy: Policy,
    pub config: Config,
    pub other: Option<Config>,
    specs: Vec<(String, String)>,
    bounds: Bounds,
}

/// What keeps an exploration short.
#[derive(Clone, Copy)]
pub struct Bounds {
    /// How many orders may be open at a time.
    pub orders_max: usize,
    /// Whether states count as different that differ only in how far apart deadlines are.
    pub is_exact: bool,
    /// How many things happen one after the other, at most.
    pub depth_max: usize,
    /// One in so many states that are taken for the same is looked at closely; none with 0.
    pub twins_every: u64,
}

impl Setting {
    pub fn new(policy: Policy, bounds: Bounds) -> Setting {
        let config = config(policy.programs, policy.storm);
        let other = policy.other.map(|programs| self::config(programs, policy.storm));
        let mut specs = Vec::new();
        for (at, config) in [Some(&config), other.as_ref()].into_iter().flatten().enumerate() {
            for spec in &config.programs {
                // `scale` makes another one of it, for which the numprocs stand.
                for numprocs in 0..3 {
                    let mut spec = (**spec).clone();
                    spec.numprocs = numprocs;
                    specs.push((format!("{spec:?}"), format!("{}{at}x{numprocs}", spec.name)));
                }
            }
        }
        Setting { policy, config, other, specs, bounds }
    }
}

/// `plain: {cmd: x}, ...` as a configuration.
fn config(programs: &str, storm: &str) -> Config {
    let text = format!("programs: {{{programs}}}\ntaskmaster: {{restart_storm: {storm}}}");
    let source = Source { name: "config.yaml".to_owned(), text, directory: "/".into() };
    parse(&source, &|_| None).expect("a valid configuration")
}

/// The core with the world around it.
#[derive(Clone)]
pub struct World<'s> {
    pub setting: &'s Setting,
    pub core: Supervisor,
    now: Time,
    pub facts: BTreeMap<Key, Facts>,
    /// As the file has it, and `scale`.
    pub programs: Vec<Arc<ProgramSpec>>,
    open: Vec<Open>,
    last_request: u64,
    last_pid: u32,
    has_booted: bool,
    pub is_leaving: bool,
    quit: Option<usize>,
    /// What the core wants, and has not got yet.
    wants: VecDeque<Action>,
}

impl<'s> World<'s> {
    pub fn new(setting: &'s Setting) -> World<'s> {
        let core = Supervisor::new(&setting.config);
        let mut world = World {
            setting,
            core,
            now: Time::ZERO,
            facts: BTreeMap::new(),
            programs: setting.config.programs.clone(),
            open: Vec::new(),
            last_request: 0,
            last_pid: 1,
            has_booted: false,
            is_leaving: false,
            quit: None,
            wants: VecDeque::new(),
        };
        world.meet();
        world
    }

    /// Two worlds of one digest behave alike; `None` is beyond the bounds.
    pub fn digest(&self) -> Option<u128> {
        let requests = self.requests();
        let facts: Vec<_> = self
            .facts
            .values()
            .map(|it| {
                let tries = it.tries * u32::from(it.wish == Some(true));
                let is_asked = matches!(
                    it.shown,
                    State::Stopping(Ending::Terminating | Ending::Killing | Ending::Stuck)
                );
                let stopsignal = it.stopsignal.filter(|_| it.body == Body::Alive && !is_asked);
                let wished = (it.wish, it.is_going, it.is_to_roll, tries);
                (&it.name, wished, it.body, it.is_left, it.shown, stopsignal.map(Signal::number))
            })
            .collect();
        let open: Vec<_> = self.open.iter().map(|open| &open.unanswered).collect();
        let rest = (self.has_booted, self.is_leaving, self.quit);
        canonical::digest(&self.view(&requests), &(facts, open, rest))
    }

    /// What the core is, without what is only history.
    pub fn canonical(&self) -> String {
        canonical::canonical(&self.view(&self.requests())).unwrap_or_default()
    }

    fn requests(&self) -> Vec<RequestId> {
        self.open.iter().map(|open| open.request).collect()
    }

    fn view<'a>(&'a self, requests: &'a [RequestId]) -> View<'a> {
        let Policy { age_max, ends_count, programs, places_max, .. } = self.setting.policy;
        View {
            core: &self.core,
            now: self.now,
            requests,
            specs: &self.setting.specs,
            age_max,
            ends_count,
            past_counts: !programs.contains("kill_strays: never"),
            is_exact: self.setting.bounds.is_exact,
            places_max,
            storms_count: self.setting.policy.storm != "off",
        }
    }

    /// All that may happen now.
    pub fn choices(&self) -> Vec<Choice> {
        if !self.has_booted {
            return vec![Choice::Boot];
        }
        let mut choices = vec![Choice::Tick, Choice::ShutdownSignal];
        if let Some(deadline) = self.core.next_deadline().filter(|deadline| *deadline > self.now) {
            choices.push(Choice::Pass(deadline.min(self.now + STEP)));
            if !self.setting.bounds.is_exact {
                let just_before = Time::ZERO + (deadline - Time::ZERO - STEP);
                choices.extend([just_before, deadline].map(Choice::Pass));
            }
        }
        if self.core.has_spawns() {
            choices.push(Choice::TakeSpawn);
        }
        if self.setting.policy.has_schedule {
            choices.push(Choice::Due);
        }
        for (key, facts) in &self.facts {
            self.add_happenings(*key, facts, &mut choices);
        }
        if self.open.len() < self.setting.bounds.orders_max && self.quit.is_none() {
            self.add_orders(&mut choices);
        }
        choices
    }

    fn add_happenings(&self, key: Key, facts: &Facts, choices: &mut Vec<Choice>) {
        let policy = &self.setting.policy;
        let killed = ExitStatus::Signal { signal: Signal::KILL, core_dumped: false };
        match facts.body {
            Body::None | Body::Past => {}
            Body::HandedOut => choices.extend([Choice::Spawned(key), Choice::SpawnFailed(key)]),
            Body::Alive => {
                choices.extend([Choice::Exited(key, ExitStatus::Code(0)), Choice::Exited(key, killed)]);
                if policy.is_measured && facts.shown == State::Running {
                    choices.push(Choice::Measured(key));
                }
                if policy.name == "checks" && facts.program == "a" {
                    for probe in [Probe::Readiness, Probe::Liveness] {
                        choices.extend([true, false].map(|is_well| Choice::Probed(key, probe, is_well)));
                    }
                }
            }
            Body::Watched { strays, found, .. } => {
                choices.push(Choice::GroupGone(key));
                if strays && policy.has_strays && found < FINDS_MAX {
                    choices.push(Choice::StraysFound(key));
                }
            }
        }
    }

    fn add_orders(&self, choices: &mut Vec<Choice>) {
        let mut targets: Vec<String> = self.facts.values().map(|facts| facts.name.clone()).collect();
        if targets.len() > 1 {
            targets.push("all".to_owned());
        }
        for target in &targets {
            let target = || vec![Target::parse(target)];
            let orders = [Order::Start(target()), Order::Stop(target()), Order::Restart(target())];
            choices.extend(orders.map(Choice::Order));
        }
        choices.push(Choice::Order(Order::Signal(ORDERED, vec![Target::parse("all")])));
        choices.push(Choice::Order(Order::Shutdown));
        if self.setting.policy.rolls {
            let all = || vec![Target::parse("all")];
            let rolls = [1, 2].map(|batch| Order::RestartRolling { batch, targets: all() });
            choices.extend(rolls.map(Choice::Order));
        }
        if self.setting.policy.scales {
            choices.extend([0, 1, 2].map(|count| Choice::Order(Order::Scale("a".to_owned(), count))));
        }
        if self.setting.other.is_some() {
            choices.extend([true, false].map(Choice::Reload));
        }
    }

    /// Makes it happen, and checks all that must hold.
    pub fn happen(&mut self, choice: &Choice) -> Kept {
        match choice {
            Choice::Boot => {
                self.has_booted = true;
                for key in self.keys() {
                    if self.autostarts(key) {
                        self.wish_up(key);
                    } else if !self.setting.policy.has_schedule {
                        self.wish_down(key);
                    }
                }
                self.handle(Event::Boot)
            }
            Choice::Pass(to) => {
                self.now = self.now.max(*to);
                Ok(())
            }
            Choice::Tick => self.tick(),
            Choice::TakeSpawn => self.take_spawn(),
            Choice::Spawned(key) => {
                self.last_pid += 1;
                let pid = self.last_pid;
                let facts = self.facts_of(*key)?;
                (facts.body, facts.pid) = (Body::Alive, pid);
                let run = facts.run.ok_or("no run")?;
                self.handle(Event::Spawned { run, pid })
            }
            Choice::SpawnFailed(key) => {
                let run = self.over(*key)?;
                self.handle(Event::SpawnFailed { run, reason: "out of luck".to_owned() })
            }
            Choice::Exited(key, status) => {
                let run = self.over(*key)?;
                self.handle(Event::Exited { run, status: *status })?;
                let has_strays = self.setting.policy.has_strays;
                let facts = self.facts_of(*key)?;
                facts.is_left |= has_strays && facts.body == Body::None && *status == ExitStatus::Code(0);
                Ok(())
            }
            Choice::GroupGone(key) => {
                let run = self.over(*key)?;
                self.facts_of(*key)?.is_left = false;
                self.handle(Event::GroupGone { run })
            }
            Choice::StraysFound(key) => {
                let facts = self.facts_of(*key)?;
                if let Body::Watched { found, group, .. } = &mut facts.body {
                    (*found, *group) = (*found + 1, false);
                }
                let run = facts.run.ok_or("no run")?;
                self.handle(Event::StraysFound { run, count: 1 })
            }
            Choice::Probed(key, probe, is_well) => {
                let run = self.facts_of(*key)?.run.ok_or("no run")?;
                let outcome = if *is_well { Ok(()) } else { Err("it does not answer".to_owned()) };
                self.handle(Event::Probed { run, probe: *probe, outcome })
            }
            Choice::Measured(key) => {
                let run = self.facts_of(*key)?.run.ok_or("no run")?;
                self.handle(Event::Measured { run, resident: u64::MAX })
            }
            Choice::Order(order) => self.order(order),
            Choice::ShutdownSignal => {
                self.leave();
                self.handle(Event::ShutdownSignal)
            }
            Choice::Due => self.due(),
            Choice::Reload(to_other) => self.reload(*to_other),
        }
    }

    /// What rests and was not told to is started.
    fn due(&mut self) -> Kept {
        let is_open = self.core.is_supervising();
        let rests = |facts: &Facts| matches!(facts.shown, State::Stopped | State::Exited | State::Fatal);
        for key in self.keys() {
            let facts = &self.facts[&key];
            if is_open && rests(facts) && facts.wish != Some(false) {
                self.wish_up(key);
            }
        }
        self.handle(Event::Due { program: "w".to_owned() })
    }

    pub fn keys(&self) -> Vec<Key> {
        self.facts.keys().copied().collect()
    }

    fn autostarts(&self, key: Key) -> bool {
        self.core.program_of(key).is_some_and(|program| program.spec().autostart)
    }

    fn facts_of(&mut self, key: Key) -> Result<&mut Facts, String> {
        self.facts.get_mut(&key).ok_or_else(|| format!("{key:?} is no instance"))
    }

    /// Nothing is left of the process that there was.
    fn over(&mut self, key: Key) -> Result<Run, String> {
        let facts = self.facts_of(key)?;
        facts.body = Body::None;
        facts.run.ok_or_else(|| "no run".to_owned())
    }

    /// Instances that are there for the first time.
    pub fn meet(&mut self) {
        for program in self.core.programs() {
            for key in program.instances() {
                let (name, program) = (self.core.name(*key), program.spec().name.clone());
                let number = self.core.instance(*key).map_or(0, Instance::number);
                self.facts.entry(*key).or_insert_with(|| Facts {
                    name,
                    program,
                    number,
                    wish: None,
                    is_going: false,
                    is_to_roll: false,
                    body: Body::None,
                    stopsignal: None,
                    is_left: false,
                    run: None,
                    pid: 0,
                    tries: 0,
                    shown: State::Stopped,
                });
            }
        }
    }

    /// What has to be there before it.
    pub fn needs_of(&self, key: Key) -> Vec<String> {
        let program = self.facts.get(&key).map(|facts| &facts.program);
        let spec = self.programs.iter().find(|spec| Some(&spec.name) == program);
        let needs = spec.into_iter().flat_map(|spec| &spec.governance.depends_on);
        needs.map(|need| need.program.clone()).collect()
    }

    /// Somebody wants it up, and so what it needs and what rests.
    pub fn wish_up(&mut self, key: Key) {
        let needs = self.needs_of(key);
        for other in self.keys() {
            let facts = &self.facts[&other];
            let rests =
                matches!(facts.shown, State::Stopped | State::Exited | State::Fatal | State::Stopping(_));
            if needs.contains(&facts.program) && rests {
                self.wish_up(other);
            }
        }
        if let Some(facts) = self.facts.get_mut(&key) {
            (facts.wish, facts.is_to_roll, facts.tries) = (Some(true), false, 0);
        }
    }

    fn wish_down(&mut self, key: Key) {
        if let Some(facts) = self.facts.get_mut(&key) {
            (facts.wish, facts.is_to_roll) = (Some(false), false);
        }
    }

    fn leave(&mut self) {
        self.is_leaving = true;
        for key in self.keys() {
            self.wish_down(key);
        }
    }

    fn tick(&mut self) -> Kept {
        self.handle(Event::Tick)?;
        // What a tick itself made due comes with the next one.
        self.handle(Event::Tick)?;
        match self.core.next_deadline() {
            Some(deadline) if deadline <= self.now => Err("a deadline is overdue after a tick".to_owned()),
            Some(_) | None => Ok(()),
        }
    }

    fn take_spawn(&mut self) -> Kept {
        let Some(spawn) = self.core.poll_spawn() else { return self.carry_out() };
        let is_leaving = self.is_leaving;
        let retries = spawn.program.startretries;
        let spec = self.programs.iter().find(|spec| spec.name == spawn.program.name);
        let is_in_force = spec.is_some_and(|spec| **spec == *spawn.program && spawn.number < spec.numprocs);
        let facts = self.facts_of(spawn.run.instance)?;
        let name = &facts.name;
        if facts.body != Body::None {
            return Err(format!("{name}: a second process beside {:?}", facts.body));
        }
        if facts.wish != Some(true) || is_leaving {
            return Err(format!("{name}: last told to stop, yet it gets a process"));
        }
        if !is_in_force {
            return Err(format!("{name}: gets a process by what is not in force"));
        }
        facts.stopsignal = Some(spawn.program.stopsignal);
        facts.tries += 1;
        if facts.tries > 1 + retries {
            return Err(format!("{name}: spawned {} times for one wish", facts.tries));
        }
        (facts.body, facts.run) = (Body::HandedOut, Some(spawn.run));
        self.carry_out()
    }

    pub fn open(&mut self, names: BTreeSet<String>) -> RequestId {
        self.last_request += 1;
        let request = RequestId(self.last_request);
        self.open.push(Open { request, unanswered: names });
        request
    }

    fn order(&mut self, order: &Order) -> Kept {
        let (targets, is_up) = match order {
            Order::Start(targets) | Order::Restart(targets) => (targets.as_slice(), Some(true)),
            Order::Stop(targets) => (targets.as_slice(), Some(false)),
            Order::Signal(_, targets) => (targets.as_slice(), None),
            Order::Shutdown => {
                self.leave();
                (&[][..], None)
            }
            Order::Scale(name, count) => return self.scale(order, name, *count),
            Order::RestartRolling { targets, .. } => (targets.as_slice(), None),
        };
        let keys = self.core.resolve(targets).0;
        for key in &keys {
            let is_going = self.facts[key].is_going;
            let is_up_already = matches!(order, Order::Start(_)) && self.facts[key].shown == State::Running;
            match is_up {
                Some(true) if self.is_leaving || is_going => {}
                Some(true) if is_up_already => {}
                Some(true) => self.wish_up(*key),
                Some(false) => self.wish_down(*key),
                None => {}
            }
        }
        if matches!(order, Order::RestartRolling { .. }) && !self.is_leaving {
            for facts in self.facts.values_mut() {
                facts.is_to_roll = true;
            }
        }
        let names = keys.iter().map(|key| self.facts[key].name.clone()).collect();
        let request = self.open(names);
        self.handle(Event::Order { request, order: order.clone() })
    }

    fn handle(&mut self, event: Event) -> Kept {
        self.tell(event);
        self.carry_out()
    }

    /// One event into the core, and what it wants to know before anything else.
    pub fn tell(&mut self, event: Event) {
        self.core.handle(self.now, event);
        let before = self.wants.len();
        self.wants.extend(std::iter::from_fn(|| self.core.poll_action()));
        if self.wants.range(before..).any(|action| *action == Action::Survey) {
            let left = self.facts.values().filter(|facts| facts.is_left);
            let found = left.filter_map(|it| Some(Leftover { run: it.run?, group: 0, strays: 1 }));
            let found = found.collect();
            self.tell(Event::Surveyed { found });
        }
    }

    pub fn carry_out(&mut self) -> Kept {
        self.wants.extend(std::iter::from_fn(|| self.core.poll_action()));
        while let Some(action) = self.wants.pop_front() {
            self.carry_out_one(action)?;
        }
        if !self.core.is_supervising() && !self.is_leaving {
            // By a failure that takes all others along.
            self.leave();
        }
        let core = &self.core;
        self.facts.retain(|key, _| core.instance(*key).is_some());
        self.check()
    }

    fn carry_out_one(&mut self, action: Action) -> Kept {
        match action {
            Action::Signal { run, pid, scope, signal } => self.may_be_signalled(run, pid, scope, signal),
            Action::WatchGroup { run, pid, remains: Remains { group, strays } } => {
                let facts = self.facts_of(run.instance)?;
                if facts.body != Body::None || facts.run != Some(run) || facts.pid != pid {
                    return Err(format!("{}: is watched, but is no reaped leader", facts.name));
                }
                facts.body = Body::Watched { group, strays, found: 0 };
                Ok(())
            }
            Action::Sweep { run, .. } => {
                let facts = self.facts_of(run.instance)?;
                if !matches!(facts.body, Body::None | Body::Past) || facts.run != Some(run) {
                    return Err(format!("{}: its past is looked for beside {:?}", facts.name, facts.body));
                }
                facts.body = Body::Watched { group: false, strays: true, found: 0 };
                Ok(())
            }
            Action::Survey => Ok(()),
            Action::SignalStrays { run, .. } => {
                let facts = self.facts_of(run.instance)?;
                match facts.body {
                    Body::Watched { strays: true, .. } if facts.run == Some(run) => Ok(()),
                    body => Err(format!("{}: strays get a signal that has {body:?}", facts.name)),
                }
            }
            Action::Reply { request, line } => self.replied(request, &line),
            Action::Done { request, .. } => {
                let at = self.open.iter().position(|open| open.request == request);
                let open = self.open.remove(at.ok_or("an order is done twice, or never was")?);
                match open.unanswered.first() {
                    None => Ok(()),
                    Some(name) => Err(format!("{name} gets no line of an answer")),
                }
            }
            Action::Changed { instance, from, to } => {
                // Proven, or begun anew after a stop.
                let is_reset = matches!(to, State::Running | State::Stopped);
                let facts = self.facts_of(instance)?;
                let before = std::mem::replace(&mut facts.shown, to);
                if to == State::Stopping(Ending::Held) && facts.body == Body::None {
                    facts.body = Body::Past;
                }
                let is_turn = facts.is_to_roll && matches!(to, State::Starting(_) | State::Stopping(_));
                if is_turn {
                    // Nobody sees from here whether it was that, or what would have come anyhow.
                    facts.wish = Some(true);
                }
                if is_reset || is_turn {
                    facts.tries = 0;
                }
                match before == from && from != to {
                    true => Ok(()),
                    false => Err(format!("{}: {from:?} to {to:?}, but {before:?} was shown", facts.name)),
                }
            }
            Action::Health { instance } => match self.facts_of(instance)?.shown {
                State::Running => Ok(()),
                state => Err(format!("news about the health of what is {state:?}")),
            },
            Action::Turn { .. } | Action::Note { .. } => Ok(()),
            Action::Quit { abandoned } => {
                if !self.core.is_supervising() && self.quit.is_none() {
                    self.quit = Some(abandoned);
                    return Ok(());
                }
                Err("it quits twice, or unasked".to_owned())
            }
        }
    }

    fn may_be_signalled(&mut self, run: Run, pid: u32, scope: Scope, signal: Signal) -> Kept {
        let facts = self.facts_of(run.instance)?;
        let is_there = match facts.body {
            Body::Alive => true,
            Body::Watched { group: true, .. } => scope == Scope::Group,
            Body::None | Body::HandedOut | Body::Past | Body::Watched { .. } => false,
        };
        if !is_there || facts.run != Some(run) || facts.pid != pid {
            return Err(format!("{}: a signal to {pid}, which is reaped or was never there", facts.name));
        }
        let is_known = [Signal::CONT, Signal::KILL, ORDERED].contains(&signal);
        if !is_known && facts.stopsignal != Some(signal) {
            return Err(format!("{}: is asked by SIG{signal}, of which it has never heard", facts.name));
        }
        Ok(())
    }

    fn replied(&mut self, request: RequestId, line: &str) -> Kept {
        let open = self.open.iter_mut().find(|open| open.request == request).ok_or("a line too many")?;
        let told = line.strip_prefix("ERROR ").unwrap_or(line);
        let Some((name, text)) = told.split_once(": ") else { return Ok(()) };
        open.unanswered.remove(name);
        let text_of_roll = text.starts_with("not restarted") || text.starts_with("rolling");
        for facts in self.facts.values_mut().filter(|facts| facts.name == name) {
            // Its turn is over, or will not come.
            facts.is_to_roll &= !(text_of_roll || told == line);
        }
        let is_down = ["stopped", "removed", "already stopped", "not running"];
        let says_down = told == line && text.split(" (").next().is_some_and(|text| is_down.contains(&text));
        let spares = |key: &Key| match self.core.program_of(*key) {
            Some(program) => program.spec().kill_strays == KillStrays::Never,
            None => false,
        };
        let mut left = self.facts.iter().filter(|(key, facts)| facts.is_left && !spares(key));
        if says_down && left.any(|(_, facts)| facts.name == name) {
            return Err(format!("not true, something of it lives: {line}"));
        }
        Ok(())
    }

    /// What holds in every state.
    fn check(&self) -> Kept {
        for (key, facts) in &self.facts {
            let Some(instance) = self.core.instance(*key) else { continue };
            let (name, state) = (&facts.name, instance.state());
            let broken = |text: &str| Err(format!("{name}: {text} ({state:?}, {:?})", facts.body));
            if facts.shown != state {
                return broken("is not what was told last");
            }
            let is_right = match state {
                State::Stopped | State::Backoff | State::Exited | State::Fatal => facts.body == Body::None,
                State::Starting(Launch::Held | Launch::Delayed | Launch::Queued) => facts.body == Body::None,
                State::Starting(Launch::Requested) => facts.body == Body::HandedOut,
                State::Starting(Launch::Alive) | State::Running => facts.body == Body::Alive,
                State::Stopping(_) => facts.body != Body::None,
            };
            if !is_right {
                return broken("its state and its process do not fit");
            }
            if instance.pid().is_some() != (facts.body == Body::Alive) {
                return broken("shows a pid that it does not have, or none");
            }
            let is_up = matches!(state, State::Starting(_) | State::Running | State::Backoff);
            if facts.wish == Some(false) && !self.is_leaving && is_up {
                return broken("last told to stop, yet it is up");
            }
            if facts.wish == Some(true) && state == State::Stopped {
                return broken("last told to run, yet STOPPED");
            }
            self.check_deadline(*key, state).or_else(|text| broken(&text))?;
        }
        self.check_going()?;
        match self.core.remaining() {
            Some(count) if count != self.facts.values().filter(|it| it.body != Body::None).count() => {
                Err(format!("{count} are said to have a process"))
            }
            Some(_) | None => Ok(()),
        }
    }

    fn check_deadline(&self, key: Key, state: State) -> Kept {
        let is_armed = self.core.deadline(key).is_some();
        let must = match state {
            // Who waits in a storm has none of his own.
            State::Starting(Launch::Delayed) => self.setting.policy.storm == "off",
            State::Starting(Launch::Alive) | State::Backoff => true,
            State::Stopping(Ending::Terminating | Ending::Killing | Ending::Stuck) => true,
            State::Starting(_) | State::Stopping(Ending::Held | Ending::Unborn) => false,
            State::Stopped | State::Running | State::Exited | State::Fatal => false,
        };
        match (is_armed == must, self.core.deadline(key) < self.core.next_deadline() && is_armed) {
            (true, false) => Ok(()),
            (true, true) => Err("its deadline is not the next one, though nearer".to_owned()),
            (false, _) => Err(format!("has a deadline: {is_armed}")),
        }
    }

    /// Left alone with processes that behave, everybody gets what was wished, and each order an end.
    pub fn settles(mut self) -> Kept {
        for _ in 0..TURNS_MAX {
            if !self.turn(true)? {
                return self.is_settled();
            }
        }
        Err("left alone, it does not come to rest".to_owned())
    }

    fn is_settled(&self) -> Kept {
        if let Some(open) = self.open.first().filter(|_| !self.waits_for_what_does_not_end()) {
            return Err(format!("{:?} is never answered", open.request));
        }
        for facts in self.facts.values() {
            let is_right = match facts.shown {
                _ if facts.is_going => false,
                State::Running => facts.wish != Some(false),
                State::Exited | State::Fatal => true,
                State::Stopped => facts.wish != Some(true),
                State::Starting(Launch::Held) => true,
                State::Starting(_) | State::Backoff | State::Stopping(_) => false,
            };
            if !is_right {
                return Err(format!("{}: left alone, it stays {:?}", facts.name, facts.shown));
            }
        }
        Ok(())
    }

    /// A oneshot that runs on, or something that waits for what nobody wants, keeps orders open.
    fn waits_for_what_does_not_end(&self) -> bool {
        self.core.programs().any(|program| {
            let is_oneshot = program.spec().governance.kind == Kind::Oneshot;
            let states = program.instances().iter().filter_map(|key| self.core.instance(*key));
            let mut states = states.map(Instance::state);
            states.any(|it| it == State::Starting(Launch::Held) || (is_oneshot && it == State::Running))
        })
    }

    /// Reports about earlier processes change nothing.
    pub fn ignores_the_past(mut self) -> Kept {
        if self.core.next_deadline().is_some_and(|deadline| deadline <= self.now) {
            // Any event may bring on what is due.
            return Ok(());
        }
        let before = self.digest();
        let run = |facts: &Facts| facts.run.map(|run| Run { incarnation: run.incarnation - 1, ..run });
        let past: Vec<Run> = self.facts.values().filter_map(run).collect();
        for run in past {
            self.handle(Event::Exited { run, status: ExitStatus::Code(1) })?;
            self.handle(Event::GroupGone { run })?;
            self.handle(Event::StraysFound { run, count: 1 })?;
            self.handle(Event::Spawned { run, pid: u32::MAX })?;
            self.handle(Event::SpawnFailed { run, reason: "late".to_owned() })?;
            self.handle(Event::Probed { run, probe: Probe::Liveness, outcome: Err("late".to_owned()) })?;
        }
        match self.digest() == before {
            true => Ok(()),
            false => Err("a report about an earlier process changed something".to_owned()),
        }
    }

    /// A shutdown ends, without further input, whether processes obey or only SIGKILL ends them.
    /// What a shutdown leaves behind that had begun before may have had its time.
    pub fn can_leave(mut self, obeys: bool) -> Kept {
        let was_leaving = self.is_leaving;
        self.happen(&Choice::ShutdownSignal)?;
        for _ in 0..TURNS_MAX {
            if self.quit.is_some() || !self.turn(obeys)? {
                break;
            }
        }
        match self.quit {
            Some(_) if !self.open.is_empty() => Err("a shutdown leaves orders without an end".to_owned()),
            Some(count) if count == 0 || was_leaving => Ok(()),
            Some(count) => Err(format!("a shutdown leaves {count} processes that could be ended")),
            None => Err("a shutdown does not end".to_owned()),
        }
    }

    /// What a loop does that has nothing better to do; false when nothing is left to happen.
    fn turn(&mut self, obeys: bool) -> Result<bool, String> {
        if self.core.has_spawns() {
            self.take_spawn()?;
            return Ok(true);
        }
        for key in self.keys() {
            let facts = &self.facts[&key];
            let is_killed = matches!(facts.shown, State::Stopping(Ending::Killing | Ending::Stuck));
            let ends = matches!(facts.shown, State::Stopping(Ending::Terminating)) && obeys;
            let killed = ExitStatus::Signal { signal: Signal::KILL, core_dumped: false };
            let choice = match facts.body {
                Body::HandedOut => Choice::Spawned(key),
                Body::Alive if is_killed || ends => Choice::Exited(key, killed),
                Body::Watched { .. } if is_killed || ends => Choice::GroupGone(key),
                Body::None | Body::Alive | Body::Past | Body::Watched { .. } => continue,
            };
            self.happen(&choice)?;
            return Ok(true);
        }
        let Some(deadline) = self.core.next_deadline() else { return Ok(false) };
        self.now = self.now.max(deadline);
        self.tick()?;
        Ok(true)
    }
}
