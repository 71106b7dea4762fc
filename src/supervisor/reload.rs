//! Another configuration, without harm: what did not change sees no event, what must end ends by the
//! rules it was started under, and the last wish wins.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use super::calendar::Calendar;
use super::departures::Departures;
use super::dependencies::Rank;
use super::requests::Wish;
use super::{Ending, Goal, Instance, Launch, Program, State, Supervisor};
use crate::command::{RequestId, nearest};
use crate::config::{NUMPROCS_MAX, Plan, ProgramSpec};
use crate::slots::Key;
use crate::time::Time;

/// What is to come up once the new configuration is in force.
#[derive(Default)]
struct Fresh {
    /// Restarted from rest: by wish, whatever autostart says.
    renewed: Vec<Key>,
    /// There for the first time, or again.
    added: Vec<Key>,
}

impl Supervisor {
    /// The programs as they are in force, for a diff with what is wanted.
    pub fn specs(&self) -> Vec<Arc<ProgramSpec>> {
        let staying = self.programs.iter().filter(|program| program.configured.is_some());
        staying.map(|program| Arc::clone(&program.spec)).collect()
    }

    pub(super) fn reload(&mut self, request: RequestId, plan: Plan) {
        self.requests.open(request);
        if self.phase.is_supervising() {
            for line in plan.lines() {
                self.requests.reply(request, true, line, &mut self.actions);
            }
            self.apply(request, &plan);
        } else {
            let line = "ERROR the supervisor is shutting down".to_owned();
            self.requests.reply(request, false, line, &mut self.actions);
        }
        self.requests.close(request, &mut self.actions);
    }

    fn apply(&mut self, request: RequestId, plan: &Plan) {
        let wanted: HashMap<&str, u32> =
            plan.config.programs.iter().map(|spec| (spec.name.as_str(), spec.numprocs)).collect();
        let renewed: HashMap<&str, &ProgramSpec> =
            plan.restart.iter().map(|it| (it.new.name.as_str(), &*it.new)).collect();
        let mut fresh = Fresh::default();
        // Stopsignal and stoptime are still those of the old configuration, which the processes know.
        for key in self.all_by_priority().into_iter().rev() {
            let Some(name) = self.program_of(key).map(|program| program.spec.name.clone()) else { continue };
            if self.instances[key].number >= wanted.get(name.as_str()).copied().unwrap_or(0) {
                self.retire(request, key);
            } else if let Some(new) = renewed.get(name.as_str()) {
                self.renew(request, key, new, &mut fresh.renewed);
            }
        }
        self.arrange(&plan.config.programs, &mut fresh.added);
        self.storms.adopt(plan.config.supervisor.restart_storm);
        // What settles a wish may be another thing now: a oneshot that is a service has started already.
        for (key, _) in self.requests.waiting() {
            self.settle(key);
        }
        let renewed: HashSet<Key> = fresh.renewed.into_iter().collect();
        let added: HashSet<Key> = fresh.added.into_iter().collect();
        for key in self.all_by_priority() {
            if renewed.contains(&key) || added.contains(&key) {
                self.introduce(request, key, renewed.contains(&key));
            }
        }
    }

    /// It is surplus, or its program is not there any more: ends it, even while it starts.
    fn retire(&mut self, request: RequestId, key: Key) {
        self.leave_rolls(key, "it is being removed");
        self.requests.wait(request, key, Wish::Gone);
        if let Some(instance) = self.instances.get_mut(key) {
            instance.goal = Goal::Gone;
        }
        match self.instances[key].state {
            State::Stopped | State::Exited | State::Fatal if self.lingers(key) => self.bring_down(key),
            State::Stopped | State::Exited | State::Fatal => {
                self.settle(key);
                self.gone.push(key);
            }
            State::Starting(_) | State::Running | State::Backoff | State::Stopping(_) => self.bring_down(key),
        }
    }

    /// Its program has changed: whoever is meant to be up gets a new process. What rests, waits or gave
    /// up is started later, by the new configuration; what was stopped by a wish stays so.
    fn renew(&mut self, request: RequestId, key: Key, new: &ProgramSpec, at_rest: &mut Vec<Key>) {
        let lingers = self.lingers(key);
        let Some(instance) = self.instances.get_mut(key) else { return };
        if instance.goal != Goal::Up {
            return;
        }
        match instance.state {
            State::Starting(Launch::Requested) => self.enter(key, State::Stopping(Ending::Unborn), None),
            State::Starting(Launch::Alive) | State::Running => self.end_in_turn(key),
            State::Stopping(_) => {
                if let Some(instance) = self.instances.get_mut(key) {
                    instance.outcome = None;
                }
            }
            State::Starting(Launch::Held | Launch::Delayed | Launch::Queued) if lingers => {
                self.end_earlier(key);
            }
            State::Starting(Launch::Held | Launch::Delayed | Launch::Queued) => {}
            State::Stopped | State::Backoff | State::Exited | State::Fatal => {
                let waits = instance.state == State::Exited || new.governance.schedule.is_some();
                let comes_up = new.autostart || !waits;
                if lingers && comes_up {
                    self.end_earlier(key);
                }
                at_rest.push(key);
                return;
            }
        }
        self.leave_rolls(key, "the reload restarts it");
        self.requests.wait(request, key, Wish::Up);
    }

    /// Puts the programs into the order of the file, with their new values and as many instances as
    /// each is to have. Those that leave come last.
    fn arrange(&mut self, specs: &[Arc<ProgramSpec>], added: &mut Vec<Key>) {
        let mut before: Vec<Program> = std::mem::take(&mut self.programs);
        before.retain(Program::is_there);
        let past = |it: &Program| (it.spec.name.clone(), (it.last_start, it.calendar.clone()));
        let mut past: HashMap<String, (Option<Time>, Calendar)> = before.iter().map(past).collect();
        let mut known: HashMap<String, usize> =
            before.iter().enumerate().map(|(at, program)| (program.spec.name.clone(), at)).collect();
        for spec in specs {
            let instances = match known.remove(&spec.name) {
                Some(at) => {
                    if before[at].spec.restart_delay != spec.restart_delay {
                        self.forget_waits(&before[at].instances);
                    }
                    if before[at].spec.governance.schedule != spec.governance.schedule {
                        self.reschedule(&before[at].instances, spec.governance.schedule.is_some());
                    }
                    std::mem::take(&mut before[at].instances)
                }
                None => Vec::new(),
            };
            let configured = Some(spec.numprocs);
            let (last_start, calendar) = past.remove(&spec.name).unwrap_or_default();
            let (spec, rank) = (Arc::clone(spec), Rank::default());
            let mut program = Program { spec, instances, rank, last_start, calendar, configured };
            self.fill_up(&mut program, added);
            self.programs.push(program);
        }
        for mut program in before.into_iter().filter(|program| !program.instances.is_empty()) {
            program.configured = None;
            self.programs.push(program);
        }
        self.number_programs();
    }

    /// Another restart_delay grows from its own beginning.
    fn forget_waits(&mut self, keys: &[Key]) {
        for key in keys {
            if let Some(instance) = self.instances.get_mut(*key) {
                instance.waits = 0;
            }
        }
    }

    /// Gives a program the instances that it lacks, and takes back those that were on their way out.
    fn fill_up(&mut self, program: &mut Program, added: &mut Vec<Key>) {
        let mut there: BTreeMap<u32, Key> =
            program.instances.iter().map(|key| (self.instances[*key].number, *key)).collect();
        for number in 0..program.spec.numprocs {
            let instances = &mut self.instances;
            let key = *there.entry(number).or_insert_with(|| {
                let key = instances.insert(Instance::new(0, number));
                added.push(key);
                key
            });
            if self.instances[key].goal == Goal::Gone {
                added.push(key);
            }
        }
        program.instances = there.into_values().collect();
    }

    /// Each instance knows the place of its program, and each program its place among the others.
    pub(super) fn number_programs(&mut self) {
        self.list_revision += 1;
        self.departures = Departures::of(&self.programs);
        for (at, program) in self.programs.iter().enumerate() {
            for key in &program.instances {
                if let Some(instance) = self.instances.get_mut(*key) {
                    instance.program = at as u32;
                }
            }
        }
        self.rank_programs();
        self.count_occupants();
    }

    /// Tiers may have changed under those who are counted by them.
    fn count_occupants(&mut self) {
        self.occupied.clear();
        for program in &self.programs {
            let is_occupied = |key: &&Key| self.instances[**key].state.is_occupied();
            let count = program.instances.iter().filter(is_occupied).count();
            *self.occupied.entry(program.rank.tier).or_default() += count;
        }
    }

    /// An instance that is new here, here again, or (by wish) to be started from rest.
    fn introduce(&mut self, request: RequestId, key: Key, by_wish: bool) {
        let is_done = self.instances[key].state == State::Exited;
        let spec = self.spec_of(key);
        let waits = is_done || spec.governance.schedule.is_some();
        if spec.autostart || (by_wish && !waits) {
            self.leave_rolls(key, "the reload restarts it");
            self.requests.wait(request, key, Wish::Up);
            self.wish_up(key);
        } else if !by_wish {
            self.let_rest(key);
        }
    }

    /// `scale`: another number of instances until the next reload.
    pub(super) fn scale(&mut self, request: RequestId, name: &str, count: u32) {
        if let Some(trouble) = self.why_not_scale(name, count) {
            self.requests.reply(request, false, trouble, &mut self.actions);
            return;
        }
        let Some(at) = self.programs.iter().position(|program| program.spec.name == name) else { return };
        let before = self.programs[at].spec.numprocs;
        if before == count {
            let line = format!("{name}: numprocs is {count} already");
            self.requests.reply(request, true, line, &mut self.actions);
            return;
        }
        Arc::make_mut(&mut self.programs[at].spec).numprocs = count;
        let surplus = |key: &&Key| self.instances[**key].number >= count;
        let surplus: Vec<Key> = self.programs[at].instances.iter().rev().filter(surplus).copied().collect();
        for key in surplus {
            self.retire(request, key);
        }
        let mut added = Vec::new();
        let empty = Vec::new();
        let instances = std::mem::replace(&mut self.programs[at].instances, empty);
        let calendar = std::mem::take(&mut self.programs[at].calendar);
        let Program { ref spec, last_start, configured, .. } = self.programs[at];
        let (spec, rank) = (Arc::clone(spec), Rank::default());
        let mut program = Program { spec, instances, rank, last_start, calendar, configured };
        self.fill_up(&mut program, &mut added);
        self.programs[at] = program;
        self.number_programs();
        for key in added {
            if self.programs[at].spec.governance.schedule.is_some() {
                self.let_rest(key);
                self.say(request, key, "waits for its schedule");
            } else {
                self.requests.wait(request, key, Wish::Up);
                self.wish_up(key);
            }
        }
    }

    fn why_not_scale(&self, name: &str, count: u32) -> Option<String> {
        if !self.phase.is_supervising() {
            return Some("ERROR the supervisor is shutting down".to_owned());
        }
        let mut staying = self.programs.iter().filter(|program| program.configured.is_some());
        let Some(program) = staying.clone().find(|program| program.spec.name == name) else {
            let hint = nearest(name, staying.map(|program| program.spec.name.as_str()));
            return Some(format!("ERROR {}: no such program{hint}", name.escape_debug()));
        };
        let others = staying.by_ref().map(|program| u64::from(program.spec.numprocs)).sum::<u64>()
            - u64::from(program.spec.numprocs);
        let all = others + u64::from(count);
        (all > u64::from(NUMPROCS_MAX))
            .then(|| format!("ERROR {name}: {all} instances in all are more than {NUMPROCS_MAX}"))
    }
}
