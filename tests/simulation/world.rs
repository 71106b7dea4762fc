//! The supervisor in a fake world: whatever happens goes to it, to the kernel and to the reference,
//! and afterwards the three are compared.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use taskmaster::command::Order;
use taskmaster::config::{Condition, Config, KillStrays, Kind, ProgramSpec};
use taskmaster::signal::Signal;
use taskmaster::slots::Key;
use taskmaster::supervisor::{
    Action, Event, Instance, Launch, PAST_RUNS_MAX, Probe, Run, Scope, Spawn, State, Subject, Supervisor,
};
use taskmaster::time::Time;

use crate::answers::{Answers, Asked, answered};
use crate::kernel::{Kernel, Sent};
use crate::reference::Expected;
use crate::rolling::{Roll, Turns};
use crate::schedules::Times;
use crate::script::{self, kind_of};
use crate::storm::Storm;
use crate::trace::Trace;
use crate::way_out::WayOut;

/// `Err` says which promise was broken.
pub type Kept = Result<(), String>;

pub struct World<'t> {
    pub now: Time,
    pub core: Supervisor,
    pub kernel: Kernel,
    pub expected: BTreeMap<Key, Expected>,
    /// The programs in force, in their order.
    pub programs: Vec<Arc<ProgramSpec>>,
    pub answers: Answers,
    pub way_out: WayOut,
    /// Spawns whose outcome has not been reported.
    pub handed_out: Vec<Spawn>,
    pub storm: Storm,
    /// Ended to be recycled, and not up again.
    pub recycled: Vec<Key>,
    /// Rolling restarts that go on.
    pub rolls: Vec<Roll>,
    /// Who waits for his turn in one of them.
    pub turns: Turns,
    /// The wall clock, and what is due by it.
    pub times: Times,
    /// How many processes the supervisor left behind when it quit.
    pub quit: Option<usize>,
    pub steps: u64,
    /// What was last shown of each instance.
    shown: BTreeMap<String, State>,
    /// The run of each instance that was handed out last.
    latest: BTreeMap<Key, Run>,
    /// To whom an order sends its one signal in this step; other signals are the supervisor's own.
    signalled_by_user: BTreeSet<Key>,
    /// Whom an order stops in this step, or who was about to end, whatever their turn in a shutdown.
    may_end_at_once: BTreeSet<Key>,
    /// The priorities of those that began to stop in this step, as they did.
    began_to_stop: Vec<i32>,
    /// When an instance of a program was last queued to be spawned.
    last_queued: BTreeMap<String, Time>,
    /// What a look at the past will show in this step is known already.
    is_thought_of: bool,
    /// What the core wants, and has not got yet.
    wants: VecDeque<Action>,
    trace: &'t mut Trace,
}

impl<'t> World<'t> {
    pub fn new(config: &Config, trace: &'t mut Trace) -> World<'t> {
        let core = Supervisor::new(config);
        let mut expected = BTreeMap::new();
        for (spec, program) in config.programs.iter().zip(core.programs()) {
            for (number, key) in program.instances().iter().enumerate() {
                expected.insert(*key, Expected::new(spec.clone(), number as u32));
            }
        }
        for it in expected.values_mut() {
            it.tier = tier_of(config, &it.spec.name);
        }
        let shown = expected.values().map(|instance| (instance.name.clone(), State::Stopped)).collect();
        World {
            now: Time::ZERO,
            core,
            kernel: Kernel::default(),
            expected,
            programs: config.programs.clone(),
            answers: Answers::default(),
            way_out: WayOut::default(),
            handed_out: Vec::new(),
            recycled: Vec::new(),
            storm: Storm::new(config.supervisor.restart_storm),
            rolls: Vec::new(),
            turns: Turns::default(),
            times: Times::default(),
            quit: None,
            steps: 0,
            shown,
            latest: BTreeMap::new(),
            signalled_by_user: BTreeSet::new(),
            may_end_at_once: BTreeSet::new(),
            began_to_stop: Vec::new(),
            last_queued: BTreeMap::new(),
            is_thought_of: false,
            wants: VecDeque::new(),
            trace,
        }
    }

    pub fn boot(&mut self) -> Kept {
        self.play(|| "boot".to_owned());
        for instance in self.expected.values_mut() {
            if instance.spec.autostart { instance.told_to_run() } else { instance.waits_for_its_time() }
        }
        self.plan_schedules();
        let started = self.expected.iter().filter(|(_, it)| it.spec.autostart);
        let started: Vec<Key> = started.map(|(key, _)| *key).collect();
        self.needs_are_told_to_run(&started);
        self.handle(Event::Boot)
    }

    /// Time goes on; nobody is told.
    pub fn advance(&mut self, to: Time) {
        let before = self.now;
        self.now = self.now.max(to);
        let passed = self.now - before;
        self.play(|| format!("pass {}", script::time(passed)));
        self.look_around();
    }

    pub fn tick(&mut self) -> Kept {
        self.play(|| "tick".to_owned());
        self.tick_once()?;
        // What a tick itself made due, a stoptime of 0, comes with the next one.
        self.tick_once()?;
        self.compare_storm()?;
        match self.core.next_deadline() {
            Some(deadline) if deadline <= self.now => Err("a deadline is overdue after a tick".to_owned()),
            Some(_) | None => Ok(()),
        }
    }

    fn tick_once(&mut self) -> Kept {
        let now = self.now;
        for instance in self.expected.values_mut() {
            instance.time_passed(now);
        }
        self.handle(Event::Tick)?;
        let is_late = |instance: &&Expected| {
            instance.is_overdue(now) && instance.ending.as_ref().is_some_and(|it| it.asked_at < now)
        };
        match self.expected.values().find(is_late) {
            Some(instance) => Err(format!("{}: SIGKILL is overdue", instance.name)),
            None => Ok(()),
        }
    }

    /// Takes one spawn from the queue, if there is one.
    pub fn take_spawn(&mut self) -> Result<bool, String> {
        self.play(|| "take".to_owned());
        let spawn = self.core.poll_spawn();
        if let Some(spawn) = &spawn {
            self.trace.note(self.now, || format!("takes {:?}", spawn.run));
            self.expected_of(spawn.run)?.handed_out()?;
            if let Some(other) = self.missing(spawn.run.instance) {
                return Err(format!(
                    "{} gets a process, but needs {other}",
                    self.core.name(spawn.run.instance)
                ));
            }
            self.latest.insert(spawn.run.instance, spawn.run);
            self.handed_out.push(spawn.clone());
        } else if self.core.has_spawns() {
            return Err("a spawn is said to be there, but is not".to_owned());
        }
        self.carry_out_and_compare()?;
        Ok(spawn.is_some())
    }

    pub fn report_spawned(&mut self, run: Run, pid: u32) -> Kept {
        let now = self.now;
        let is_unwaited_for = self.way_out.is_hard() || self.quit.is_some();
        let instance = self.expected_of(run)?;
        instance.born(now);
        if is_unwaited_for {
            instance.end_hard(now);
        }
        self.handle(Event::Spawned { run, pid })
    }

    pub fn report_spawn_failed(&mut self, run: Run) -> Kept {
        self.play_of("spawn-failed", run.instance, "");
        let now = self.now;
        let instance = self.expected_of(run)?;
        let is_ending = instance.ending.is_some();
        instance.stillborn(now);
        self.note_failure(run);
        if is_ending {
            self.may_end_at_once.insert(run.instance);
        }
        let kept = self.handle(Event::SpawnFailed { run, reason: "out of luck".to_owned() });
        self.may_end_at_once.clear();
        kept
    }

    /// Reports an exit or the end of a group, as the kernel has it.
    pub fn report_end(&mut self, event: Event) -> Kept {
        let now = self.now;
        if let Some((word, key)) = kind_of(&event) {
            self.play_of(word, key, "");
        }
        self.kernel.reported(now, &event);
        if let Event::Exited { run, status } = event {
            self.expected_of(run)?.exited(now, status);
            self.note_failure(run);
        } else if let Event::GroupGone { run } = event {
            self.expected_of(run)?.group_gone(now);
            self.note_failure(run);
        } else if let Event::StraysFound { run, .. } = event {
            let is_hard = self.way_out.is_hard() || self.quit.is_some();
            self.expected_of(run)?.strays_found(now, is_hard);
        }
        self.handle(event)
    }

    /// What is FATAL may take all others along.
    fn note_failure(&mut self, run: Run) {
        if self.way_out.is_open() && self.expected.get(&run.instance).is_some_and(Expected::ends_all) {
            self.way_out.begin(self.now, &mut self.expected);
        }
    }

    /// A wish for an instance is one for what it needs.
    pub fn needs_are_told_to_run(&mut self, wished: &[Key]) {
        let mut wished = wished.to_vec();
        while let Some(key) = wished.pop() {
            for (condition, other) in self.needs_of(key) {
                let Some(instance) = self.expected.get_mut(&other) else { continue };
                let rests = ["STOPPED", "EXITED", "FATAL", "STOPPING"].contains(&instance.state());
                if rests && !instance.meets(condition) {
                    instance.told_to_run();
                    wished.push(other);
                }
            }
        }
    }

    /// Every instance that this one needs, and what it has to be.
    fn needs_of(&self, key: Key) -> Vec<(Condition, Key)> {
        let mut needs = Vec::new();
        for dependency in &self.expected[&key].spec.governance.depends_on {
            let named = self.expected.iter().filter(|(_, it)| it.spec.name == dependency.program);
            needs.extend(named.map(|(key, _)| (dependency.condition, *key)));
        }
        needs
    }

    /// One that it needs and that is not as it has to be.
    fn missing(&self, key: Key) -> Option<&str> {
        self.first_missing(key).map(|other| other.name.as_str())
    }

    fn first_missing(&self, key: Key) -> Option<&Expected> {
        let needs = self.needs_of(key).into_iter();
        let mut missing = needs.filter(|(condition, other)| !self.expected[other].meets(*condition));
        missing.next().map(|(_, other)| &self.expected[&other])
    }

    /// What it needs does not come unless somebody wants it.
    pub fn waits_in_vain(&self, key: Key) -> bool {
        self.first_missing(key).is_some_and(|it| match it.state() {
            "STOPPED" | "EXITED" | "FATAL" => true,
            state => state == "STOPPING" && !it.is_wanted,
        })
    }

    /// Whether something that needs it is on its way down. What has got SIGKILL may be waited for for a
    /// while, but not for ever.
    fn is_needed_by_the_ending(&self, key: Key, even_if_killed: bool) -> bool {
        let name = &self.expected[&key].spec.name;
        self.expected.values().any(|other| {
            let mut needs = other.spec.governance.depends_on.iter();
            needs.any(|need| need.program == *name)
                && other.ending.as_ref().is_some_and(|ending| even_if_killed || !ending.is_killed)
        })
    }

    /// A check of a process that runs has ended.
    pub fn report_check(&mut self, key: Key, probe: Probe, is_well: bool) -> Kept {
        let words = (if probe == Probe::Readiness { "readiness" } else { "liveness" }, is_well);
        self.play_of("check", key, &format!("{} {}", words.0, if words.1 { "well" } else { "ill" }));
        let Some(run) = self.latest.get(&key).copied() else { return Ok(()) };
        let now = self.now;
        self.expected_of(run)?.checked(now, probe, is_well);
        self.note_failure(run);
        let outcome = if is_well { Ok(()) } else { Err("it does not answer".to_owned()) };
        self.handle(Event::Probed { run, probe, outcome })
    }

    /// A report about a process that is history: nothing may come of it.
    pub fn report_stale(&mut self, event: Event) -> Kept {
        self.play(|| script::stale(&event));
        // Any event may bring a shutdown on that has run out of time.
        let is_late = self.core.next_deadline().is_some_and(|deadline| deadline <= self.now);
        let before = self.all_of_the_core();
        self.handle(event)?;
        let is_same = self.all_of_the_core() == before;
        if is_same || is_late {
            return Ok(());
        }
        let after = format!("{:?}", self.core);
        let at = before.bytes().zip(after.bytes()).take_while(|(a, b)| a == b).count();
        let part = |text: &str| text[at.saturating_sub(100)..].chars().take(200).collect::<String>();
        Err(format!(
            "a report about an earlier process changed something:\n{}\n{}",
            part(&before),
            part(&after)
        ))
    }

    /// The core as it prints itself, without the time, and with its instances, which their table does not
    /// print.
    fn all_of_the_core(&self) -> String {
        let mut text = format!("{:?}", self.core);
        text.truncate(text.rfind(" now: ").unwrap_or(text.len()));
        for key in self.expected.keys() {
            text += &format!("{:?}", self.core.instance(*key));
        }
        text
    }

    /// An order to the instances in `keys`, which are the ones that its targets mean.
    pub fn order(&mut self, order: Order, keys: &[Key]) -> Kept {
        self.play(|| script::order(&order));
        let now = self.now;
        let is_open = self.way_out.is_open();
        if !matches!(order, Order::Start(_) | Order::Signal(..)) {
            self.think_of_the_past();
        }
        for key in keys {
            let is_gone = self.expected.get(key).is_none_or(|it| it.is_gone);
            if matches!(order, Order::Stop(_)) || (matches!(order, Order::Restart(_)) && !is_gone) {
                self.leave_rolls(*key);
            }
            let Some(instance) = self.expected.get_mut(key) else { continue };
            match &order {
                Order::Start(_) if is_open && !instance.is_gone => instance.told_to_run(),
                Order::Restart(_) if is_open && !instance.is_gone => instance.told_to_restart(now),
                Order::Stop(_) => instance.told_to_rest(now),
                Order::Start(_)
                | Order::Restart(_)
                | Order::RestartRolling { .. }
                | Order::Scale(..)
                | Order::Signal(..)
                | Order::Shutdown => {}
            }
        }
        if is_open && matches!(order, Order::Start(_) | Order::Restart(_)) {
            let is_start = matches!(order, Order::Start(_));
            let runs = |key: &&Key| is_start && self.expected[*key].state() == "RUNNING";
            let wished: Vec<Key> = keys.iter().filter(|key| !runs(key)).copied().collect();
            self.needs_are_told_to_run(&wished);
        }
        let is_shutdown = order == Order::Shutdown;
        if is_shutdown && is_open {
            self.way_out.begin(now, &mut self.expected);
        }
        let names = answered(&order, keys.iter().map(|key| self.expected[key].name.clone()), &self.programs);
        let kind = if is_shutdown { Asked::Shutdown } else { Asked::Plain };
        let request = self.answers.open(names.into_iter(), kind);
        if matches!(order, Order::Signal(..)) {
            self.signalled_by_user = keys.iter().copied().collect();
        }
        let is_stop = matches!(order, Order::Stop(_));
        if is_stop {
            self.may_end_at_once = keys.iter().copied().collect();
        }
        let kept = self.handle(Event::Order { request, order });
        self.signalled_by_user.clear();
        self.may_end_at_once.clear();
        if is_stop && is_open && !self.began_to_stop.is_sorted_by(|one, next| one >= next) {
            return Err("what starts first is stopped before what starts later".to_owned());
        }
        kept
    }

    pub fn shutdown_signal(&mut self) -> Kept {
        self.play(|| "signal".to_owned());
        self.think_of_the_past();
        // Once it has quit, it owes nobody anything but an answer.
        if self.quit.is_none() {
            self.way_out.signal(self.now, &mut self.expected);
        }
        self.handle(Event::ShutdownSignal)
    }

    /// The run of it that was handed out last.
    pub fn run_of(&self, key: Key) -> Option<Run> {
        self.latest.get(&key).copied()
    }

    /// A line of the scene that is played; see `script.rs`.
    pub fn play(&mut self, line: impl FnOnce() -> String) {
        self.trace.play(line);
    }

    /// The same, about an instance.
    pub fn play_of(&mut self, word: &str, key: Key, rest: &str) {
        let name = self.expected.get(&key).map_or("?", |it| it.name.as_str());
        self.trace.play(|| format!("{word} {name} {rest}").trim_end().to_owned());
    }

    /// A line for whoever reads the replay.
    pub fn trace(&mut self, line: impl FnOnce() -> String) {
        self.trace.note(self.now, line);
    }

    /// An instance of this name is there for the first time, or again.
    pub fn meet(&mut self, name: &str) {
        self.shown.insert(name.to_owned(), State::Stopped);
    }

    pub fn handle(&mut self, event: Event) -> Kept {
        self.trace.note(self.now, || format!("{event:?}"));
        self.tell(event);
        self.roll_on();
        self.recycle_on();
        self.carry_out_and_compare()
    }

    /// One event into the core. What it wants to know of the past it gets to know before anything else.
    pub fn tell(&mut self, event: Event) {
        self.core.handle(self.now, event);
        let mut is_asked = false;
        while let Some(action) = self.core.poll_action() {
            is_asked |= action == Action::Survey;
            self.wants.push_back(action);
        }
        if is_asked {
            let found = self.kernel.survey(self.now);
            self.trace.note(self.now, || format!("survey: {found:?}"));
            if found.is_some() && !self.is_thought_of {
                self.all_is_seen();
            }
            self.tell(found.map_or(Event::SurveyFailed, |found| Event::Surveyed { found }));
        }
    }

    /// Somebody has looked for what earlier runs have left. What is being ended is looked after already; what is
    /// about to be is shown as it was.
    fn all_is_seen(&mut self) {
        for (key, instance) in &mut self.expected {
            let is_ending = |state: &State| matches!(state, State::Stopping(_));
            if !self.shown.get(&instance.name).is_some_and(is_ending) {
                instance.seen(self.kernel.left_of(self.now, *key));
            }
        }
    }

    /// Somebody wants to know what is left of earlier runs. Nothing may come of it.
    pub fn survey_unasked(&mut self) -> Kept {
        self.play(|| "survey".to_owned());
        match self.kernel.survey(self.now) {
            Some(found) => {
                self.all_is_seen();
                self.handle(Event::Surveyed { found })
            }
            // Nobody is told: nobody waits for it.
            None => Ok(()),
        }
    }

    /// Whether nothing is going to happen unless somebody wants something.
    pub fn is_left_alone(&self) -> bool {
        let is_idle = self.handed_out.is_empty() && self.core.clone().poll_spawn().is_none();
        let deadlines = [self.core.next_deadline(), self.kernel.next_end(self.now)];
        is_idle
            && !self.kernel.has_post()
            && self.kernel.reports(self.now).is_empty()
            && deadlines == [None, None]
    }

    /// Something may be told to end: whatever a stop has left by rules that have changed is looked for.
    pub fn think_of_the_past(&mut self) {
        if self.way_out.is_open() {
            let rests = self.expected.values_mut().filter(|it| it.ending.is_none());
            for it in rests.filter(|it| it.has_mixed_rules) {
                // What was told by the old rules is done.
                (it.has_mixed_rules, it.is_to_find_nothing) = (false, false);
            }
            self.look_around();
            self.is_thought_of = true;
            if !self.kernel.trouble.is_blind {
                if self.expected.values().any(Expected::is_worth_a_look) {
                    self.all_is_seen();
                }
            } else {
                // Whoever cannot be looked for is not gone.
                let rest = self.expected.values_mut().filter(|it| it.ending.is_none());
                rest.for_each(|it| it.lingers |= it.may_linger());
            }
        }
    }

    /// Lets the reference know what lives of runs that are over.
    pub fn look_around(&mut self) {
        for (key, instance) in &mut self.expected {
            let lingers = lingers(&self.kernel, self.now, *key, &instance.spec);
            // A stop by rules that changed meanwhile may leave something, and need not know of it.
            instance.lingers = lingers && !instance.has_mixed_rules && self.quit.is_none();
        }
    }

    pub fn carry_out_and_compare(&mut self) -> Kept {
        self.steps += 1;
        self.is_thought_of = false;
        self.began_to_stop.clear();
        while let Some(action) = self.core.poll_action() {
            self.wants.push_back(action);
        }
        while let Some(action) = self.wants.pop_front() {
            self.trace.note(self.now, || format!("    {action:?}"));
            self.carry_out(action)?;
        }
        self.kernel.forget_reaped(self.now);
        self.expected.values_mut().for_each(|instance| instance.comes_by_itself = false);
        self.look_around();
        let is_over = |it: &Expected| it.is_gone && it.is_at_rest();
        if let Some(it) = self.expected.values().find(|it| is_over(it) && it.lingers) {
            return Err(format!("{} is gone, but something of it lives", it.name));
        }
        self.expected.retain(|_, instance| !is_over(instance));
        self.compare_list()?;
        self.compare_rolls()?;
        self.compare()
    }

    fn carry_out(&mut self, action: Action) -> Kept {
        match action {
            Action::Signal { run, pid, signal, scope } => self.signal(run, pid, signal, scope),
            Action::WatchGroup { run, pid, remains } => {
                self.expected_of(run)?.may_be_watched(remains)?;
                self.kernel.watch(run, pid, remains)
            }
            Action::Sweep { run, groups } => {
                self.may_end_the_past(run.instance)?;
                let now = self.now;
                let is_hard = self.way_out.is_hard() || self.quit.is_some();
                if !is_hard && self.is_needed_by_the_ending(run.instance, false) {
                    return Err(format!(
                        "{}: its past ends before what needs it",
                        self.core.name(run.instance)
                    ));
                }
                self.expected_of(run)?.swept(now, groups, is_hard)?;
                self.kernel.sweep(run, groups)
            }
            Action::Survey => Ok(()),
            Action::SignalStrays { run, signal } => {
                let now = self.now;
                self.way_out.may_end(now, run.instance, &mut self.expected)?;
                let is_hard = self.way_out.is_hard() || self.quit.is_some();
                self.expected_of(run)?.strays_signalled(now, signal, is_hard)?;
                self.kernel.signal_strays(now, run, signal)
            }
            Action::Reply { request, line } => {
                let expected = &self.expected;
                let is_wanted = |name: &str| expected.values().any(|it| it.name == name && it.is_wanted);
                let shown = |name: &str| Some((self.shown.get(name)?.name(), is_wanted(name)));
                if let Some(name) = names_what_is_down(&line)
                    && let Some((key, it)) = self.expected.iter().find(|(_, it)| it.name == name)
                    && lingers(&self.kernel, self.now, *key, &it.spec)
                    && !it.has_mixed_rules
                {
                    return Err(format!("not true, something of it lives: {line}"));
                }
                self.answers.replied(request, &line, shown)
            }
            Action::Done { request, ok } => self.answers.done(request, ok),
            Action::Changed { instance, from, to } => self.changed(instance, from, to),
            // What follows from the news comes after it.
            Action::Health { instance } => match self.shown.get(&self.expected[&instance].name) {
                Some(State::Running) => Ok(()),
                state => Err(format!("news about the health of what is {state:?}")),
            },
            Action::Turn { instance } => {
                self.turns.news(instance);
                Ok(())
            }
            Action::Note { subject: Subject::StormBegins, .. } => self.storm.begins(),
            Action::Note { subject: Subject::StormIsOver, .. } => self.storm.is_over(self.now),
            Action::Note {
                subject: Subject::Roll(_) | Subject::RunSkipped | Subject::RunAfterSkipped,
                ..
            } => Ok(()),
            Action::Quit { abandoned } => {
                let occupied = self.expected.values().filter(|instance| instance.is_occupied()).count();
                if self.quit.replace(abandoned).is_some() || abandoned != occupied {
                    return Err(format!("it quits twice, or counts {abandoned} processes for {occupied}"));
                }
                if let Some(it) = self.expected.values().find(|it| it.has_strays_with_time(self.now)) {
                    return Err(format!("it quits while strays of {} have time left", it.name));
                }
                self.way_out.may_quit(self.now, abandoned)
            }
        }
    }

    fn signal(&mut self, run: Run, pid: u32, signal: Signal, scope: Scope) -> Kept {
        let now = self.now;
        let mut is_last_resort = false;
        if !self.signalled_by_user.remove(&run.instance) {
            self.way_out.may_end(now, run.instance, &mut self.expected)?;
            let is_hard = self.way_out.is_hard() || self.quit.is_some();
            let waited = self.expected[&run.instance].waits_to_be_asked();
            if waited && !is_hard && self.is_needed_by_the_ending(run.instance, false) {
                return Err(format!("{} is stopped before what needs it", self.core.name(run.instance)));
            }
            is_last_resort = self.expected_of(run)?.signalled(now, (signal, scope), is_hard)? && !is_hard;
        }
        self.kernel.signal(now, Sent { run, pid, signal, scope, is_last_resort })
    }

    /// An instance is to end, perhaps because its earlier runs may have left something: it need not know
    /// whether they have.
    fn may_end_the_past(&mut self, key: Key) -> Kept {
        let (now, is_hard) = (self.now, self.way_out.is_hard());
        if !is_hard && !self.may_end_at_once.contains(&key) {
            self.way_out.may_end(now, key, &mut self.expected)?;
        }
        if let Some(it) = self.expected.get_mut(&key).filter(|it| it.may_have_left_something()) {
            it.end_what_is_left(now);
            if is_hard {
                it.end_hard(now);
            }
        }
        Ok(())
    }

    fn changed(&mut self, key: Key, from: State, to: State) -> Kept {
        if matches!(to, State::Stopping(_)) {
            self.may_end_the_past(key)?;
            // Something else may have to end because of that, by an order of its own.
            if self.may_end_at_once.contains(&key) {
                self.began_to_stop.push(self.expected[&key].tier);
            }
        }
        let spec = self.expected[&key].spec.clone();
        let waits_in_storm = to == State::Starting(Launch::Delayed) && self.core.deadline(key).is_none();
        match to {
            State::Starting(Launch::Queued) => {
                let it = &self.expected[&key];
                let had_to_wait = from == State::Starting(Launch::Delayed);
                self.storm.goes(self.now, key, it.by_itself || (it.comes_by_itself && !had_to_wait))?;
            }
            _ if waits_in_storm => self.storm.waits(key, !spec.governance.start_interval.is_zero())?,
            _ => self.storm.leaves(key),
        }
        if to == State::Starting(Launch::Queued) {
            let last = self.last_queued.insert(spec.name.clone(), self.now);
            if last.is_some_and(|last| self.now < last + spec.governance.start_interval) {
                return Err(format!("{}: starts before its turn", spec.name));
            }
        }
        let name = self.expected[&key].name.clone();
        let before = self.shown.insert(name.clone(), to);
        if before == Some(from) && from != to {
            return Ok(());
        }
        Err(format!("{name}: a change from {from:?} to {to:?} is told where {before:?} was shown"))
    }

    /// The visible state equals the reference, and every promise about single instances holds.
    fn compare(&self) -> Kept {
        for (key, expected) in &self.expected {
            let Some(instance) = self.core.instance(*key) else {
                return Err("an instance is lost".to_owned());
            };
            let (name, state) = (&expected.name, instance.state());
            let broken = |text: &str| Err(format!("{name}: {text} ({state:?})"));
            if expected.is_wanted && state == State::Stopped {
                return broken("last told to run, yet STOPPED");
            }
            if !expected.is_wanted && self.way_out.is_open() && matches!(state.name(), "STARTING" | "RUNNING")
            {
                return broken("last told to stop, yet it has or gets a process");
            }
            if state.name() != expected.state() || Some(&state) != self.shown.get(name) {
                return broken(&format!("should be {}", expected.state()));
            }
            if state == State::Starting(Launch::Held) && self.missing(*key).is_none() {
                return broken("waits, but all that it needs is there");
            }
            if expected.has_strays_unasked() {
                return broken("has strays that were sent nothing");
            }
            if expected.waits_to_be_asked() && !self.is_needed_by_the_ending(*key, true) {
                return broken("is to end, but was sent nothing");
            }
            if self.way_out.is_hard() && expected.is_overdue(self.now) {
                return broken("is still spared after a second signal");
            }
            let latest = self.latest.get(key).and_then(|run| self.kernel.pid_of(*run));
            if instance.pid() != expected.born.and(latest) {
                return broken("does not show the pid of its process");
            }
            if instance.spawn_error().is_some() != expected.could_not_be_born {
                return broken("does not show whether its last spawn has failed");
            }
            if instance.is_ready() != expected.is_ready() {
                return broken("is ready, or is not, against what its checks say");
            }
            let past = instance.past_runs().iter().map(|run| (run.ended, run.status));
            if !past.eq(expected.ends[expected.ends.len().saturating_sub(PAST_RUNS_MAX)..].iter().copied()) {
                return broken("does not remember how its last processes ended");
            }
            self.compare_deadline(*key, expected)?;
        }
        Ok(())
    }

    /// Nobody waits in a storm without need, once it is known how late it is.
    fn compare_storm(&mut self) -> Kept {
        let has_room = self.storm.has_room(self.now);
        for (key, expected) in &self.expected {
            let is_delayed = |it: &Instance| it.state() == State::Starting(Launch::Delayed);
            let waits =
                self.core.instance(*key).is_some_and(is_delayed) && self.core.deadline(*key).is_none();
            if waits && !expected.by_itself {
                return Err(format!("{} waits in a storm, but somebody wants it", expected.name));
            }
            if waits && has_room {
                return Err(format!("{} waits in a storm, but there is room", expected.name));
            }
        }
        Ok(())
    }

    fn compare_deadline(&self, key: Key, expected: &Expected) -> Kept {
        let (armed, next) = (self.core.deadline(key), self.core.next_deadline());
        if armed.is_some() && (next.is_none() || next > armed) {
            return Err(format!("{}: its deadline is not seen by the loop", expected.name));
        }
        // How long SIGKILL gets before it is repeated is the supervisor's own affair.
        let is_killed = expected.ending.as_ref().is_some_and(|ending| ending.is_killed);
        let is_right = if is_killed { armed.is_some() } else { armed == expected.deadline() };
        let wanted = expected.deadline();
        let interval = expected.spec.governance.start_interval;
        let latest = self.now + interval * expected.spec.numprocs;
        if expected.is_owed_a_process() && armed.is_some_and(|armed| armed <= latest) {
            // It waits for its turn.
            return Ok(());
        }
        if is_right { Ok(()) } else { Err(format!("{}: deadline {armed:?}, not {wanted:?}", expected.name)) }
    }

    /// Runs before the present ones, and those of instances that are gone.
    pub fn stale_runs(&self) -> Vec<Run> {
        let before = |run: &Run| match self.expected.contains_key(&run.instance) {
            true => run.incarnation.checked_sub(1).map(|incarnation| Run { incarnation, ..*run }),
            false => Some(*run),
        };
        self.latest.values().filter_map(before).collect()
    }

    /// Nothing happens any more: everybody is what was wished, and nobody waits for an answer.
    pub fn is_settled(&self) -> Kept {
        for (key, instance) in &self.expected {
            let is_right = match instance.state() {
                "RUNNING" | "EXITED" | "FATAL" => true,
                "STARTING" => self.missing(*key).is_some(),
                state => state == "STOPPED" && !instance.is_wanted,
            };
            if !is_right {
                return Err(format!("{}: left alone, it stays {}", instance.name, instance.state()));
            }
        }
        // What is meant to end, but does not, and what needs what does not come keep others waiting.
        let is_endless = |it: &Expected| it.spec.governance.kind == Kind::Oneshot && it.state() == "RUNNING";
        let waits = |it: &Expected| it.state() == "STARTING" || is_endless(it);
        if self.expected.values().any(waits) { Ok(()) } else { self.is_answered() }
    }

    /// The shutdown has come to its end, by `end`.
    pub fn is_over(&self, end: Time) -> Kept {
        let left_behind =
            |key: &Key, it: &Expected| lingers(&self.kernel, self.now, *key, &it.spec) && !it.has_mixed_rules;
        let lingering = self.expected.iter().filter(|(key, it)| left_behind(key, it)).count();
        let left = self.kernel.count() + lingering;
        match self.quit {
            None => Err("the shutdown does not end".to_owned()),
            Some(_) if self.now > end => Err("the shutdown takes too long".to_owned()),
            Some(0) if left > 0 => Err(format!("a clean shutdown leaves {left} processes")),
            Some(_) => self.is_answered(),
        }
    }

    pub fn is_answered(&self) -> Kept {
        match self.answers.open_requests().as_slice() {
            [] => Ok(()),
            open => Err(format!("not answered: {open:?}")),
        }
    }

    fn expected_of(&mut self, run: Run) -> Result<&mut Expected, String> {
        self.expected.get_mut(&run.instance).ok_or_else(|| format!("{run:?} is no instance"))
    }
}

/// The instance that an answer says to be down.
fn names_what_is_down(line: &str) -> Option<&str> {
    let (name, text) = line.split_once(": ")?;
    let says_so = ["stopped", "removed", "already stopped", "not running"];
    let text = text.split(" (").next()?;
    says_so.contains(&text).then_some(name)
}

/// Whether processes live that runs of an instance have left, and that count by its rules.
fn lingers(kernel: &Kernel, now: Time, key: Key, spec: &ProgramSpec) -> bool {
    let (group, strays) = kernel.left_of(now, key);
    spec.kill_strays != KillStrays::Never && (strays > 0 || (spec.killasgroup && group > 0))
}

/// The priority of a program, or that of the first of those that need it: nobody starts later, or ends
/// earlier, than whoever needs it.
fn tier_of(config: &Config, name: &str) -> i32 {
    let own = config.programs.iter().find(|it| it.name == name).map_or(i32::MAX, |it| it.priority);
    let needs_it = |it: &&Arc<ProgramSpec>| it.governance.depends_on.iter().any(|need| need.program == name);
    let others = config.programs.iter().filter(needs_it).map(|it| tier_of(config, &it.name));
    others.min().map_or(own, |tier| tier.min(own))
}
