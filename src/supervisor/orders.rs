//! Orders: from targets to wishes, and who waits for what.

use std::collections::HashSet;

use super::requests::Wish;
use super::shutdown::By;
use super::{Program, Scope, State, Supervisor};
use crate::command::{Order, RequestId, Share, Target};
use crate::signal::Signal;
use crate::slots::Key;

impl Supervisor {
    pub(super) fn order(&mut self, request: RequestId, order: Order) {
        self.requests.open(request);
        match order {
            Order::Shutdown => {
                // Answered when everything is down.
                self.begin_shutdown(By::Order);
                return;
            }
            Order::Start(targets) => self.each(request, &targets, Self::start),
            Order::Restart(targets) => self.restart_all(request, &targets),
            Order::RestartRolling { batch, targets } => {
                // Answered as it goes on.
                self.roll(request, batch, &targets);
                return;
            }
            Order::Stop(targets) => self.each_reversed(request, &targets, Self::stop),
            Order::Scale(name, count) => self.scale(request, &name, count),
            Order::Signal(signal, targets) => self.each(request, &targets, |supervisor, request, key| {
                supervisor.pass_on(request, key, signal);
            }),
        }
        self.requests.close(request, &mut self.actions);
    }

    fn each(&mut self, request: RequestId, targets: &[Target], act: impl Fn(&mut Self, RequestId, Key)) {
        for key in self.resolve_or_say(request, targets) {
            act(self, request, key);
        }
    }

    /// Stops go the other way: what starts first stops last.
    fn each_reversed(
        &mut self,
        request: RequestId,
        targets: &[Target],
        act: impl Fn(&mut Self, RequestId, Key),
    ) {
        for key in self.resolve_or_say(request, targets).into_iter().rev() {
            act(self, request, key);
        }
    }

    fn start(&mut self, request: RequestId, key: Key) {
        if let Some(reason) = self.why_not_up(key) {
            self.refuse(request, key, reason);
        } else if self.state_of(key) == Some(State::Running) {
            self.say(request, key, "already running");
        } else {
            self.requests.wait(request, key, Wish::Up);
            self.wish_up(key);
        }
    }

    /// What has a process, or has left one, is ended first, in the order of a stop; then the rest starts.
    fn restart_all(&mut self, request: RequestId, targets: &[Target]) {
        let keys = self.resolve_or_say(request, targets);
        let has_process = |key: &Key| self.instance(*key).is_some_and(|it| it.pid().is_some());
        let has_something = |key: &Key| has_process(key) || self.lingers(*key);
        let (living, resting): (Vec<Key>, Vec<Key>) = keys.into_iter().partition(has_something);
        for key in living.into_iter().rev().chain(resting) {
            self.restart(request, key);
        }
    }

    fn restart(&mut self, request: RequestId, key: Key) {
        if let Some(reason) = self.why_not_up(key) {
            self.refuse(request, key, reason);
        } else {
            self.leave_rolls(key, "another restart has taken it over");
            self.requests.wait(request, key, Wish::Up);
            self.wish_up_needs(key);
            self.replace(key);
        }
    }

    /// Why an instance cannot be wished up.
    pub(super) fn why_not_up(&self, key: Key) -> Option<&'static str> {
        if !self.phase.is_supervising() {
            return Some("the supervisor is shutting down");
        }
        let is_leaving = self.instance(key).is_some_and(|instance| instance.goal == super::Goal::Gone);
        is_leaving.then_some("is being removed, as the configuration asks")
    }

    fn stop(&mut self, request: RequestId, key: Key) {
        self.leave_rolls(key, "it was told to stop");
        match self.state_of(key) {
            Some(State::Stopped | State::Exited | State::Fatal) if self.lingers(key) => {
                self.requests.wait(request, key, Wish::Down);
                self.bring_down(key);
            }
            Some(State::Stopped) => {
                // Its schedule counts no more.
                self.bring_down(key);
                self.say(request, key, "already stopped");
            }
            Some(state @ (State::Exited | State::Fatal)) => {
                self.bring_down(key);
                self.say(request, key, &format!("not running ({state})"));
            }
            Some(State::Starting(_) | State::Running | State::Backoff | State::Stopping(_)) => {
                self.requests.wait(request, key, Wish::Down);
                self.bring_down(key);
            }
            None => {}
        }
    }

    fn pass_on(&mut self, request: RequestId, key: Key, signal: Signal) {
        if self.instance(key).is_some_and(|instance| instance.pid().is_some()) {
            self.signal(key, signal, Scope::Leader);
            self.say(request, key, "signalled");
        } else {
            self.refuse(request, key, "not running");
        }
    }

    pub(super) fn say(&mut self, request: RequestId, key: Key, text: &str) {
        let line = format!("{}: {text}", self.name(key));
        self.requests.reply(request, true, line, &mut self.actions);
    }

    pub(super) fn refuse(&mut self, request: RequestId, key: Key, text: &str) {
        let line = format!("ERROR {}: {text}", self.name(key));
        self.requests.reply(request, false, line, &mut self.actions);
    }

    pub(super) fn resolve_or_say(&mut self, request: RequestId, targets: &[Target]) -> Vec<Key> {
        let (keys, errors) = self.resolve(targets);
        for error in errors {
            self.requests.reply(request, false, error, &mut self.actions);
        }
        for remark in self.without_instances(targets) {
            self.requests.reply(request, true, remark, &mut self.actions);
        }
        keys
    }

    /// A line for every program that has no instances, where one of the targets means nothing else: no
    /// mistake, and no silence either.
    pub fn without_instances(&self, targets: &[Target]) -> Vec<String> {
        let mut empty: Vec<&str> = Vec::new();
        for target in targets {
            let meant = || self.programs().filter(|it| target.matches_program(&it.spec.name));
            if meant().all(|program| program.instances.is_empty()) {
                empty.extend(meant().map(|program| program.spec.name.as_str()));
            }
        }
        let mut seen = HashSet::new();
        empty.retain(|name| seen.insert(*name));
        empty.into_iter().map(|name| format!("{name}: no instances (numprocs 0)")).collect()
    }

    /// The instances that `targets` mean, each once, in the order in which they start; and a line
    /// for every target that means nothing. Who names numbers has only those looked at.
    pub fn resolve(&self, targets: &[Target]) -> (Vec<Key>, Vec<String>) {
        let is_meant = |program: &&Program| {
            targets.iter().any(|target| target.share_of(&program.spec.name) != Share::Nothing)
        };
        let mut meant: Vec<&Program> = self.programs().filter(is_meant).collect();
        meant.sort_by_key(|program| (program.rank.tier, program.rank.depth));
        let mut keys = Vec::new();
        for program in meant {
            self.pick(program, targets, &mut keys);
        }
        (keys, targets.iter().filter_map(|target| self.mistake_in(target)).collect())
    }

    /// The instances of a program that `targets` mean, by number.
    fn pick(&self, program: &Program, targets: &[Target], keys: &mut Vec<Key>) {
        let shares = || targets.iter().map(|target| target.share_of(&program.spec.name));
        let number_of = |share| match share {
            Share::Nothing => Some(None),
            Share::Number(number) => Some(Some(number)),
            Share::Whole | Share::Numbers(_) | Share::State(_) => None,
        };
        if let Some(numbers) = shares().map(number_of).collect::<Option<Vec<_>>>() {
            let mut numbers: Vec<u32> = numbers.into_iter().flatten().collect();
            numbers.sort_unstable();
            numbers.dedup();
            keys.extend(numbers.into_iter().filter_map(|number| self.numbered(program, number)));
            return;
        }
        let is_wanted = |key: &Key| {
            self.instance(*key).is_some_and(|instance| {
                let state = instance.state().name();
                shares().any(|share| share.has(instance.number, state))
            })
        };
        keys.extend(program.instances.iter().copied().filter(is_wanted));
    }

    /// The instance of a program that has this number.
    fn numbered(&self, program: &Program, number: u32) -> Option<Key> {
        let at = program.instances.binary_search_by_key(&number, |key| self.instances[*key].number);
        at.ok().map(|at| program.instances[at])
    }

    /// What is wrong with a target that can mean nothing here.
    fn mistake_in(&self, target: &Target) -> Option<String> {
        if let Some(state) = target.state() {
            let known = State::NAMES.contains(&state);
            return (!known)
                .then(|| format!("ERROR {}: no such state ({})", shown(target), State::NAMES.join(", ")));
        }
        let means_something = |program: &Program| match target.share_of(&program.spec.name) {
            Share::Nothing => false,
            Share::Whole => true,
            Share::Number(number) => self.numbered(program, number).is_some(),
            share @ (Share::Numbers(_) | Share::State(_)) => {
                program.instances.iter().any(|key| share.has(self.instances[*key].number, ""))
            }
        };
        if self.programs().any(means_something) || target.matches_program("") {
            return None;
        }
        let text = target.to_string();
        let name = text.split(':').next().unwrap_or(&text);
        if let Some(program) = self.programs().find(|program| program.spec.name == name) {
            let numprocs = program.spec.numprocs;
            return Some(format!("ERROR {}: no such instance: numprocs is {numprocs}", shown(target)));
        }
        let names = self.programs().map(|program| program.spec.name.as_str());
        let hint = crate::command::nearest(name, names);
        Some(format!("ERROR {}: no such program{hint}", shown(target)))
    }

    fn state_of(&self, key: Key) -> Option<State> {
        self.instance(key).map(super::Instance::state)
    }
}

/// The target as it was written, harmless to a terminal.
fn shown(target: &Target) -> String {
    target.to_string().escape_debug().to_string()
}
