//! Another configuration, or another number of instances: what must become of everybody, by the words of
//! the interface alone.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use taskmaster::command::Order;
use taskmaster::config::{Config, ProgramSpec, diff};
use taskmaster::slots::Key;
use taskmaster::supervisor::{Event, Goal, Launch, State};

use crate::world::{Body, Facts, Kept, World};

/// What was decided about those that were there.
#[derive(Default)]
struct Decided {
    /// What each was.
    before: BTreeMap<Key, State>,
    /// Those that are wanted, and whose program has changed.
    renewed: Vec<Key>,
    /// Those that may become something else for another reason.
    touched: BTreeSet<Key>,
}

/// Whether a process of the one would be another one by the other: it differs in more than applies in place.
fn takes_a_restart(old: &ProgramSpec, new: &ProgramSpec) -> bool {
    let adjusted = ProgramSpec {
        numprocs: new.numprocs,
        autostart: new.autostart,
        autorestart: new.autorestart,
        exitcodes: new.exitcodes.clone(),
        startretries: new.startretries,
        stopsignal: new.stopsignal,
        stoptime: new.stoptime,
        stopasgroup: new.stopasgroup,
        killasgroup: new.killasgroup,
        kill_strays: new.kill_strays,
        priority: new.priority,
        ..old.clone()
    };
    adjusted != *new
}

fn named<'a>(programs: &'a [Arc<ProgramSpec>], name: &str) -> Option<&'a Arc<ProgramSpec>> {
    programs.iter().find(|spec| spec.name == name)
}

impl World<'_> {
    /// The file says something else now, and somebody asks for a reload.
    pub fn reload(&mut self, to_other: bool) -> Kept {
        let setting = self.setting;
        let config = if to_other { setting.other.as_ref() } else { Some(&setting.config) };
        let new = config.ok_or("no other configuration")?.clone();
        let old = Config { programs: self.core.specs(), supervisor: new.supervisor.clone() };
        if old.programs != self.programs {
            return Err("the configuration in force is not the one that was applied".to_owned());
        }
        let mut decided = self.before();
        let mut names = BTreeSet::new();
        if !self.is_leaving {
            let old = std::mem::replace(&mut self.programs, new.programs.clone());
            for key in self.keys() {
                self.decide(key, &old, &mut decided, &mut names);
            }
        }
        let runs = |spec: &ProgramSpec| spec.autostart;
        names.extend(self.names_of_the_new(runs));
        let request = self.open(names);
        self.tell(Event::Reload { request, plan: Box::new(diff(&old, new)) });
        self.meet_the_new(runs, &mut decided);
        self.carry_out()?;
        self.check_changes(&decided)
    }

    fn before(&self) -> Decided {
        let before = self.facts.iter().map(|(key, facts)| (*key, facts.shown)).collect();
        Decided { before, ..Decided::default() }
    }

    /// What the new configuration means for one instance.
    fn decide(
        &mut self,
        key: Key,
        old: &[Arc<ProgramSpec>],
        decided: &mut Decided,
        names: &mut BTreeSet<String>,
    ) {
        let facts = &self.facts[&key];
        let (name, number) = (facts.name.clone(), facts.number);
        let new = named(&self.programs, &facts.program).cloned();
        let stays = new.clone().filter(|spec| number < spec.numprocs);
        let was = named(old, &facts.program);
        let has_changed = was.zip(new.as_ref()).is_some_and(|(was, new)| takes_a_restart(was, new));
        let Some(spec) = &stays else {
            self.goes(key, decided, names);
            self.adopt_rules(key, new.as_deref(), true);
            return;
        };
        if facts.is_going {
            self.comes_back(key, spec.autostart, decided, names);
        } else if has_changed && facts.wish == Some(true) {
            decided.renewed.push(key);
            names.insert(name);
            let comes_up = match facts.shown {
                State::Backoff | State::Fatal => true,
                State::Exited => spec.autostart,
                State::Stopped | State::Starting(_) | State::Running | State::Stopping(_) => false,
            };
            if comes_up {
                self.wish_up_by_change(key, decided);
            } else if facts.shown == State::Exited {
                names.remove(&self.facts[&key].name);
            }
        }
        let keeps_rules = has_changed && self.facts[&key].wish == Some(true);
        self.adopt_rules(key, stays.as_deref(), keeps_rules);
    }

    fn goes(&mut self, key: Key, decided: &mut Decided, names: &mut BTreeSet<String>) {
        decided.touched.insert(key);
        if let Some(facts) = self.facts.get_mut(&key) {
            (facts.is_going, facts.wish, facts.is_to_roll) = (true, None, false);
            names.insert(facts.name.clone());
        }
    }

    /// It was on its way out, and is wanted again.
    fn comes_back(&mut self, key: Key, runs: bool, decided: &mut Decided, names: &mut BTreeSet<String>) {
        decided.touched.insert(key);
        if let Some(facts) = self.facts.get_mut(&key) {
            (facts.is_going, facts.wish) = (false, Some(false));
            if runs {
                names.insert(facts.name.clone());
                self.wish_up_by_change(key, decided);
            }
        }
    }

    /// What it needs may become something else with it.
    fn wish_up_by_change(&mut self, key: Key, decided: &mut Decided) {
        self.wish_up(key);
        let needs = self.needs_of(key);
        let is_needed = |facts: &&Facts| needs.contains(&facts.program);
        let needed = self.facts.iter().filter(|(_, facts)| is_needed(facts)).map(|(key, _)| *key);
        decided.touched.extend(needed);
        decided.touched.insert(key);
    }

    /// The stopsignal that it is to get: who is told to end by the change itself has heard of no other than
    /// the old one. Who is not born yet gets the rules that hold when he is.
    fn adopt_rules(&mut self, key: Key, new: Option<&ProgramSpec>, keeps_old: bool) {
        let (Some(facts), Some(new)) = (self.facts.get_mut(&key), new) else { return };
        match facts.body {
            Body::Alive if keeps_old || matches!(facts.shown, State::Stopping(_)) => {}
            Body::None | Body::HandedOut | Body::Alive | Body::Past | Body::Watched { .. } => {
                facts.stopsignal = Some(new.stopsignal);
            }
        }
    }

    /// Those that are to be there, and are not yet, and are to run.
    fn names_of_the_new(&self, runs: impl Fn(&ProgramSpec) -> bool) -> BTreeSet<String> {
        if self.is_leaving {
            return BTreeSet::new();
        }
        let specs = self.programs.iter().filter(|spec| runs(spec));
        let names = specs.flat_map(|spec| (0..spec.numprocs).map(|number| format!("{}:{number}", spec.name)));
        names.filter(|name| self.facts.values().all(|facts| facts.name != *name)).collect()
    }

    /// Takes those in that have come to be. Nothing of what follows has been seen yet.
    fn meet_the_new(&mut self, runs: impl Fn(&ProgramSpec) -> bool, decided: &mut Decided) {
        let known: BTreeSet<Key> = self.keys().into_iter().collect();
        self.meet();
        let new: Vec<Key> = self.keys().into_iter().filter(|key| !known.contains(key)).collect();
        for key in new {
            if named(&self.programs, &self.facts[&key].program).is_some_and(|spec| runs(spec)) {
                self.wish_up_by_change(key, decided);
            } else if let Some(facts) = self.facts.get_mut(&key) {
                facts.wish = Some(false);
            }
        }
        for facts in self.facts.values_mut().filter(|facts| facts.wish == Some(true)) {
            if !matches!(facts.body, Body::HandedOut | Body::Alive) {
                facts.tries = 0;
            }
        }
    }

    /// `scale`: the other instances of the program are not touched, and the new ones are started.
    pub fn scale(&mut self, order: &Order, name: &str, count: u32) -> Kept {
        let mut decided = self.before();
        let mut names = BTreeSet::new();
        let place = self.programs.iter().position(|spec| spec.name == name && spec.numprocs != count);
        let place = place.filter(|_| !self.is_leaving);
        if let Some(at) = place {
            Arc::make_mut(&mut self.programs[at]).numprocs = count;
            for key in self.keys() {
                let facts = &self.facts[&key];
                match facts.program == name {
                    true if facts.number >= count => self.goes(key, &mut decided, &mut names),
                    true if facts.is_going => self.comes_back(key, true, &mut decided, &mut names),
                    true | false => {}
                }
            }
            names.extend(self.names_of_the_new(|spec| spec.name == name));
        }
        let request = self.open(names);
        self.tell(Event::Order { request, order: order.clone() });
        self.meet_the_new(|_| true, &mut decided);
        self.carry_out()?;
        self.check_changes(&decided)
    }

    /// Who was to change has, and nobody else.
    fn check_changes(&self, decided: &Decided) -> Kept {
        if self.is_leaving {
            // Nothing changes then; what is due in a shutdown may come with any event.
            return self.check_list();
        }
        for (key, facts) in &self.facts {
            let Some(before) = decided.before.get(key) else { continue };
            let is_right = match (before, facts.shown) {
                (before, now) if before == &now && !decided.renewed.contains(key) => true,
                // Who waits for others may see them gone.
                (State::Starting(Launch::Held), State::Starting(_)) => true,
                (_, now) if decided.renewed.contains(key) => self.is_renewed(facts, *before, now),
                (_, _) => decided.touched.contains(key),
            };
            if !is_right {
                let (name, now) = (&facts.name, facts.shown);
                return Err(format!("{name}: {before:?} has become {now:?} by the change"));
            }
        }
        self.check_list()
    }

    /// Whether one that is wanted, and whose program has changed, is on its way to a new process.
    fn is_renewed(&self, facts: &Facts, before: State, now: State) -> bool {
        let runs = named(&self.programs, &facts.program).is_some_and(|spec| spec.autostart);
        match before {
            State::Starting(Launch::Requested | Launch::Alive) | State::Running | State::Stopping(_) => {
                matches!(now, State::Stopping(_))
            }
            State::Exited if !runs => now == State::Exited,
            State::Starting(Launch::Held | Launch::Delayed | Launch::Queued)
            | State::Backoff
            | State::Exited
            | State::Fatal => matches!(now, State::Starting(_) | State::Stopping(_)),
            State::Stopped => false,
        }
    }

    /// The list is that of the file, in its order, with each instance once; whoever else is in it is to go.
    fn check_list(&self) -> Kept {
        for (at, spec) in self.programs.iter().enumerate() {
            if self.core.programs().nth(at).is_none_or(|program| program.spec() != &**spec) {
                return Err(format!("{} is not what or where it is to be", spec.name));
            }
        }
        let numbers = |spec: &Arc<ProgramSpec>| {
            let name = spec.name.clone();
            (0..spec.numprocs).map(move |number| format!("{name}:{number}"))
        };
        let wanted: Vec<String> = self.programs.iter().flat_map(numbers).collect();
        let mut staying: Vec<&String> =
            self.facts.values().filter(|facts| !facts.is_going).map(|facts| &facts.name).collect();
        staying.sort_unstable();
        let mut sorted: Vec<&String> = wanted.iter().collect();
        sorted.sort_unstable();
        if staying != sorted {
            return Err(format!("there are {staying:?}, where there should be {wanted:?}"));
        }
        let all: BTreeSet<&String> = self.facts.values().map(|facts| &facts.name).collect();
        if all.len() < self.facts.len() {
            return Err("an instance is there twice".to_owned());
        }
        Ok(())
    }

    /// Whoever is to be gone is known to be, and nobody else.
    pub fn check_going(&self) -> Kept {
        for (key, facts) in &self.facts {
            let is_gone = self.core.instance(*key).is_some_and(|it| it.goal() == Goal::Gone);
            if is_gone != facts.is_going {
                return Err(format!("{}: is to be gone: {}, and {is_gone}", facts.name, facts.is_going));
            }
        }
        Ok(())
    }
}
