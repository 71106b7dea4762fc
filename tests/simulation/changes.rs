//! Another configuration, or another number of instances, in the middle of everything.

use std::collections::BTreeMap;
use std::sync::Arc;

use taskmaster::command::Order;
use taskmaster::config::{Config, ProgramSpec, diff};
use taskmaster::slots::Key;
use taskmaster::supervisor::Event;

use crate::answers::Asked;
use crate::reference::Expected;
use crate::world::{Kept, World};
use crate::written;

/// Whether a running process would be another one, by the keys that the simulation varies.
fn takes_a_restart(old: &ProgramSpec, new: &ProgramSpec) -> bool {
    (&old.cmd, old.starttime) != (&new.cmd, new.starttime)
}

impl World<'_> {
    /// The file says something else now, and somebody asks for a reload.
    pub fn reload(&mut self, new: Config) -> Kept {
        self.play(|| format!("reload {}", written::config(&new)));
        self.think_of_the_past();
        let is_open = self.way_out.is_open();
        let old = Config { programs: self.core.specs(), supervisor: new.supervisor.clone() };
        if is_open && old.programs != self.programs {
            return Err("the configuration in force is not the one that was applied".to_owned());
        }
        let plan = diff(&old, new.clone());
        let names = if is_open { self.expect(&new.programs) } else { Vec::new() };
        let request = self.answers.open(names.into_iter(), Asked::Reload { is_open });
        let starts = if is_open { self.adopt(&new.programs, |spec| spec.autostart) } else { Vec::new() };
        self.answers.expect(request, starts);
        self.trace(|| format!("reload: {}", plan.lines().join("; ")));
        self.tell(Event::Reload { request, plan: Box::new(plan) });
        if is_open {
            self.programs = new.programs;
            self.storm.adopt(new.supervisor.restart_storm);
            self.meet_the_new(|spec| spec.autostart);
            self.plan_schedules();
        }
        self.roll_on();
        self.recycle_on();
        self.carry_out_and_compare()
    }

    /// What becomes of those that are there; the names of those about whom a word is due.
    fn expect(&mut self, new: &[Arc<ProgramSpec>]) -> Vec<String> {
        let now = self.now;
        let mut names = Vec::new();
        let mut taken = Vec::new();
        for (key, instance) in &mut self.expected {
            let spec = new.iter().find(|spec| spec.name == instance.spec.name);
            match spec.filter(|spec| instance.number < spec.numprocs) {
                None => {
                    instance.told_to_go(now);
                    taken.push(*key);
                    names.push(instance.name.clone());
                }
                Some(spec) if !instance.is_gone && takes_a_restart(&instance.spec, spec) => {
                    if instance.told_to_renew(now, spec) {
                        taken.push(*key);
                        names.push(instance.name.clone());
                    }
                }
                Some(_) => {}
            }
        }
        taken.into_iter().for_each(|key| self.leave_rolls(key));
        names
    }

    /// The new values count; who was on his way out may stay. The names of those who are to start.
    fn adopt(&mut self, new: &[Arc<ProgramSpec>], runs: impl Fn(&ProgramSpec) -> bool) -> Vec<String> {
        let mut names = Vec::new();
        for instance in self.expected.values_mut() {
            let Some(spec) = new.iter().find(|spec| spec.name == instance.spec.name) else { continue };
            instance.adopt(spec);
            if instance.is_gone && instance.number < spec.numprocs {
                instance.told_to_stay(runs(spec));
                names.extend(runs(spec).then(|| instance.name.clone()));
            }
        }
        let there: Vec<String> = self.expected.values().map(|instance| instance.name.clone()).collect();
        for spec in new.iter().filter(|spec| runs(spec)) {
            let all = (0..spec.numprocs).map(|number| format!("{}:{number}", spec.name));
            names.extend(all.filter(|name| !there.contains(name)));
        }
        names
    }

    /// Takes the instances in that have come to be.
    fn meet_the_new(&mut self, runs: impl Fn(&ProgramSpec) -> bool) {
        let mut there = Vec::new();
        for (at, program) in self.core.programs().enumerate() {
            let Some(spec) = self.programs.get(at).filter(|spec| spec.name == program.spec().name) else {
                continue;
            };
            let numbers = program.instances().iter().filter_map(|key| {
                self.core.instance(*key).map(|instance| (*key, instance.number(), spec.clone()))
            });
            there.extend(numbers);
        }
        for (key, number, spec) in there {
            if self.expected.contains_key(&key) {
                continue;
            }
            let mut instance = Expected::new(spec.clone(), number);
            self.meet(&instance.name);
            if runs(&spec) {
                instance.told_to_run();
            } else {
                instance.waits_for_its_time();
            }
            self.expected.insert(key, instance);
        }
    }

    /// `scale`: the other instances of the program are not touched, and it always starts the new ones,
    /// unless they have their own times.
    pub fn scale(&mut self, name: &str, count: u32) -> Kept {
        self.play(|| format!("scale {name} {count}"));
        self.think_of_the_past();
        let is_open = self.way_out.is_open();
        let known = self.programs.iter().position(|spec| spec.name == name).filter(|_| is_open);
        let Some(at) = known else {
            let kind = if is_open { Asked::Plain } else { Asked::Reload { is_open } };
            let named = is_open.then(|| name.to_owned());
            let request = self.answers.open(named.into_iter(), kind);
            let refused = Order::Scale(name.to_owned(), count);
            return self.handle(Event::Order { request, order: refused });
        };
        let is_same = self.programs[at].numprocs == count;
        Arc::make_mut(&mut self.programs[at]).numprocs = count;
        let spec = self.programs[at].clone();
        let now = self.now;
        let (mut names, mut taken) = (Vec::new(), Vec::new());
        for (key, instance) in self.expected.iter_mut().filter(|(_, it)| it.spec.name == name) {
            if is_same {
                break;
            }
            if instance.number >= count {
                instance.told_to_go(now);
                taken.push(*key);
                names.push(instance.name.clone());
            }
        }
        taken.into_iter().for_each(|key| self.leave_rolls(key));
        let has_times = spec.governance.schedule.is_some();
        let there = |number: &u32| {
            let mut named = self.expected.values().filter(|it| it.spec.name == name && !it.is_gone);
            named.any(|it| it.number == *number)
        };
        let new: Vec<u32> = (0..count).filter(|number| !there(number)).collect();
        let told = new.into_iter().filter(|_| has_times && !is_same);
        let told: Vec<String> = told.map(|number| format!("{name}:{number}")).collect();
        let starts = if is_same { vec![name.to_owned()] } else { self.adopt(&[spec], |_| !has_times) };
        let starts: Vec<String> = starts.into_iter().chain(told).collect();
        let request = self.answers.open(names.into_iter().chain(starts), Asked::Plain);
        let order = Order::Scale(name.to_owned(), count);
        self.trace(|| format!("{order:?}"));
        self.tell(Event::Order { request, order });
        self.meet_the_new(|_| !has_times);
        self.roll_on();
        self.recycle_on();
        self.carry_out_and_compare()
    }

    /// The list of programs is that of the file, in its order, and each instance is there once.
    pub fn compare_list(&self) -> Kept {
        let mut listed: BTreeMap<Key, String> = BTreeMap::new();
        for (at, program) in self.core.programs().enumerate() {
            let spec = self.programs.get(at);
            if spec.is_some_and(|spec| **spec != *program.spec()) {
                return Err(format!("{} is not what or where the file says", program.spec().name));
            }
            let numbers = program.instances().iter().map(|key| (*key, self.core.name(*key)));
            if program.instances().is_empty() && spec.is_none() {
                return Err(format!("{} stays in the list without need", program.spec().name));
            }
            listed.extend(numbers);
        }
        let wanted: BTreeMap<Key, String> =
            self.expected.iter().map(|(key, instance)| (*key, instance.name.clone())).collect();
        let mut names: Vec<&String> = listed.values().collect();
        names.sort_unstable();
        names.dedup();
        match listed == wanted && names.len() == wanted.len() {
            true => Ok(()),
            false => Err(format!("the list has {listed:?}, and should have {wanted:?}")),
        }
    }
}
