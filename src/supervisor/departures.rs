//! Instances and programs that are to be gone, and when they are: taken off the list one by one, as they come
//! to rest.
//!
//! A program that leaves with its last instance keeps its place in the list, unseen, until as many have
//! left as still have instances: the others are numbered and ranked anew once for all of those, so that the
//! removal of very many programs costs for each what the removal of one does.

use super::{Instance, Program, Supervisor};

/// How far the programs are that are not in the file any more.
#[derive(Clone, Debug, Default)]
pub(super) struct Departures {
    /// How many have instances left.
    waiting: usize,
    /// How many have none, and only a place in the list.
    gone: usize,
}

impl Departures {
    /// As it is when all that is in the list is there.
    pub(super) fn of(programs: &[Program]) -> Departures {
        let leaves = |program: &&Program| program.configured.is_none();
        Departures { waiting: programs.iter().filter(leaves).count(), gone: 0 }
    }
}

impl Program {
    /// Whether it is in the file, or has instances at least.
    pub(super) fn is_there(&self) -> bool {
        self.configured.is_some() || !self.instances.is_empty()
    }
}

impl Supervisor {
    /// Takes out what was to be gone and is at rest; called when all about it has been told. Whether there
    /// was any.
    pub(super) fn forget_the_gone(&mut self) -> bool {
        let before = self.list_revision;
        for key in std::mem::take(&mut self.gone) {
            let Some(instance) = self.instances.get(key).filter(|it| it.is_to_be_forgotten()) else {
                continue;
            };
            let Instance { program, number, .. } = *instance;
            let instances = &self.instances;
            let places = &mut self.programs[program as usize].instances;
            if let Ok(at) = places.binary_search_by_key(&number, |other| instances[*other].number) {
                places.remove(at);
            }
            self.instances.remove(key);
            self.list_revision += 1;
            if !self.programs[program as usize].is_there() {
                self.depart(program as usize);
            }
        }
        self.list_revision != before
    }

    /// A program's last instance has gone, and it with it.
    fn depart(&mut self, at: usize) {
        self.departures.waiting -= 1;
        self.departures.gone += 1;
        if self.departures.gone >= self.departures.waiting || self.ranks_others(at) {
            self.programs.retain(Program::is_there);
            self.number_programs();
        }
    }

    /// Whether others would have another rank without it: those that depend on it, and those that only
    /// start as early as they do because it depends on them.
    fn ranks_others(&self, at: usize) -> bool {
        let rank = &self.programs[at].rank;
        let has_dependents = rank.dependents.iter().any(|dependent| self.programs[*dependent].is_there());
        let pulls = |need: usize| self.programs[need].spec.priority > rank.tier;
        has_dependents || rank.needs.iter().any(|(need, _)| pulls(*need))
    }
}
