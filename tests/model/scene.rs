//! The core on a stage: a test says what happens, in the words of a user or of the kernel, and reads
//! what the core does about it, one short line for each action.

use std::collections::BTreeMap;
use std::time::Duration;

use taskmaster::command::{Command, Order, RequestId, parse};
use taskmaster::config::{Config, Source, diff};
use taskmaster::slots::Key;
use taskmaster::supervisor::{Action, Event, ExitStatus, Instance, Leftover, Run, Scope, State, Supervisor};
use taskmaster::time::Time;

pub const NANOSECOND: Duration = Duration::from_nanos(1);

pub struct Scene {
    pub core: Supervisor,
    pub now: Time,
    names: BTreeMap<String, Key>,
    /// Spawns so far, by instance.
    spawns: BTreeMap<Key, u32>,
    last_request: u64,
    last_pid: u32,
    /// What runs have left behind, whenever the core asks.
    pub left: Vec<Leftover>,
    /// Whether nobody can be looked for.
    pub is_blind: bool,
    /// How often it has asked.
    pub surveys: u32,
}

impl Scene {
    /// Programs in YAML flow style: `w: {cmd: x}`. Nothing has been started yet.
    pub fn new(programs: &str) -> Scene {
        Scene::under(programs, "")
    }

    /// The same, under a supervisor with these keys.
    pub fn under(programs: &str, section: &str) -> Scene {
        let core = Supervisor::new(&config(programs, section));
        let keys = core.programs().flat_map(|program| program.instances());
        let names = keys.map(|key| (core.name(*key), *key)).collect();
        Scene {
            core,
            now: Time::ZERO,
            names,
            spawns: BTreeMap::new(),
            last_request: 0,
            last_pid: 0,
            left: Vec::new(),
            is_blind: false,
            surveys: 0,
        }
    }

    /// Everything with autostart is queued.
    pub fn booted(programs: &str) -> Scene {
        let mut scene = Scene::new(programs);
        scene.handle(Event::Boot);
        scene
    }

    /// Booted, and everything that was to start is RUNNING.
    pub fn running(programs: &str) -> Scene {
        let mut scene = Scene::booted(programs);
        scene.spawn_all();
        scene.reach_deadline();
        scene
    }

    /// An order, as a user writes it.
    pub fn order(&mut self, line: &str) -> Vec<String> {
        let order = match parse(line) {
            Ok(Some(Command::Order(order))) => order,
            other => panic!("{line} is no order: {other:?}"),
        };
        self.give(order)
    }

    pub fn give(&mut self, order: Order) -> Vec<String> {
        self.last_request += 1;
        self.handle(Event::Order { request: RequestId(self.last_request), order })
    }

    /// The file says this by now, and somebody asks for a reload.
    pub fn reload(&mut self, programs: &str) -> Vec<String> {
        self.reload_under(programs, "")
    }

    /// The same, with these keys of the supervisor.
    pub fn reload_under(&mut self, programs: &str, section: &str) -> Vec<String> {
        self.last_request += 1;
        let old = Config { programs: self.core.specs(), supervisor: config("", "").supervisor };
        let plan = Box::new(diff(&old, config(programs, section)));
        let lines = self.handle(Event::Reload { request: RequestId(self.last_request), plan });
        // The plan itself is another test's matter.
        lines.into_iter().filter(|line| !line.contains(['+', '~', '=']) && !line.contains(" - ")).collect()
    }

    /// Every instance in the order of the list.
    pub fn list(&self) -> Vec<String> {
        let keys = self.core.programs().flat_map(|program| program.instances());
        keys.map(|key| self.core.name(*key)).collect()
    }

    /// Takes the next spawn from the queue; the name of its instance.
    pub fn take(&mut self) -> Option<String> {
        let spawn = self.core.poll_spawn()?;
        *self.spawns.entry(spawn.run.instance).or_default() += 1;
        self.drain();
        Some(self.core.name(spawn.run.instance))
    }

    pub fn spawned(&mut self, name: &str) -> Vec<String> {
        self.last_pid += 1;
        self.handle(Event::Spawned { run: self.run(name), pid: self.last_pid })
    }

    pub fn spawn_fails(&mut self, name: &str) -> Vec<String> {
        self.handle(Event::SpawnFailed { run: self.run(name), reason: "no such program".to_owned() })
    }

    pub fn exits(&mut self, name: &str, status: ExitStatus) -> Vec<String> {
        self.handle(Event::Exited { run: self.run(name), status })
    }

    pub fn exits_with(&mut self, name: &str, code: i32) -> Vec<String> {
        self.exits(name, ExitStatus::Code(code))
    }

    pub fn group_goes(&mut self, name: &str) -> Vec<String> {
        self.handle(Event::GroupGone { run: self.run(name) })
    }

    /// The group is gone, and so many processes of the run outside it are not.
    pub fn strays(&mut self, name: &str, count: u32) -> Vec<String> {
        self.handle(Event::StraysFound { run: self.run(name), count })
    }

    /// So many processes of the instance's present or last run are left whenever somebody looks.
    pub fn leaves(&mut self, name: &str, group: u32, strays: u32) {
        let run = self.run(name);
        self.left.retain(|left| left.run != run);
        self.left.push(Leftover { run, group, strays });
    }

    /// The leader exits and takes its group along.
    pub fn ends(&mut self, name: &str) -> Vec<String> {
        let mut lines = self.exits_with(name, 0);
        lines.extend(self.group_goes(name));
        lines
    }

    /// Spawns whatever is queued; the names in order.
    pub fn spawn_all(&mut self) -> Vec<String> {
        let mut names = Vec::new();
        while let Some(name) = self.take() {
            self.spawned(&name);
            names.push(name);
        }
        names
    }

    pub fn pass(&mut self, duration: Duration) -> Vec<String> {
        self.now = self.now + duration;
        self.handle(Event::Tick)
    }

    pub fn reach_deadline(&mut self) -> Vec<String> {
        let wait = self.core.next_deadline().map_or(Duration::ZERO, |deadline| deadline - self.now);
        self.pass(wait)
    }

    pub fn handle(&mut self, event: Event) -> Vec<String> {
        self.core.handle(self.now, event);
        let keys = self.core.programs().flat_map(|program| program.instances());
        self.names = keys.map(|key| (self.core.name(*key), *key)).collect();
        self.drain()
    }

    pub fn instance(&self, name: &str) -> &Instance {
        self.core.instance(self.names[name]).expect("an instance")
    }

    pub fn state(&self, name: &str) -> State {
        self.instance(name).state()
    }

    /// How long until the instance's deadline.
    pub fn wait_of(&self, name: &str) -> Option<Duration> {
        self.core.deadline(self.names[name]).map(|deadline| deadline - self.now)
    }

    /// How often the instance was handed out to be spawned.
    pub fn spawns_of(&self, name: &str) -> u32 {
        self.spawns.get(&self.names[name]).copied().unwrap_or(0)
    }

    /// The instance's present or latest process.
    pub fn run(&self, name: &str) -> Run {
        Run { instance: self.names[name], incarnation: self.spawns_of(name) }
    }

    fn drain(&mut self) -> Vec<String> {
        let mut lines = Vec::new();
        let mut is_asked = false;
        while let Some(action) = self.core.poll_action() {
            match action {
                Action::Survey => is_asked = true,
                action => lines.push(self.line(action)),
            }
        }
        if is_asked {
            self.surveys += 1;
            let found = self.left.clone();
            let answer = if self.is_blind { Event::SurveyFailed } else { Event::Surveyed { found } };
            lines.extend(self.handle(answer));
        }
        lines
    }

    fn line(&self, action: Action) -> String {
        match action {
            Action::Signal { run, signal, scope, .. } => {
                let scope = if scope == Scope::Group { "group" } else { "leader" };
                format!("{} {signal} to {scope}", self.core.name(run.instance))
            }
            Action::WatchGroup { run, .. } => format!("{} watch group", self.core.name(run.instance)),
            Action::Sweep { run, groups } => {
                let groups = if groups { "" } else { ", groups aside" };
                format!("{} sweep{groups}", self.core.name(run.instance))
            }
            Action::Survey => unreachable!("it is answered at once"),
            Action::SignalStrays { run, signal } => {
                format!("{} {signal} to strays", self.core.name(run.instance))
            }
            Action::Reply { request, line } => format!("#{} {line}", request.0),
            Action::Done { request, ok } => format!("#{} {}", request.0, if ok { "done" } else { "failed" }),
            Action::Changed { instance, to, .. } => format!("{} -> {to:?}", self.core.name(instance)),
            Action::Health { instance } => format!("{} health", self.core.name(instance)),
            Action::Turn { instance } => format!("{} turn", self.core.name(instance)),
            Action::Note { text, .. } => format!("note: {text}"),
            Action::Quit { abandoned } => format!("quit, {abandoned} left"),
        }
    }
}

fn config(programs: &str, section: &str) -> Config {
    let text = format!("programs: {{{programs}}}\ntaskmaster: {{{section}}}");
    let source = Source { name: "config.yaml".to_owned(), text, directory: "/".into() };
    taskmaster::config::parse(&source, &|_| None).expect("a valid configuration")
}
