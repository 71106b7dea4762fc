//! Who may be recycled when: one of a program at a time, the next when the last is up and ready, and
//! never the last that works.

use taskmaster::slots::Key;
use taskmaster::supervisor::Event;

use crate::reference::Expected;
use crate::world::{Kept, World};

impl World<'_> {
    /// Something has happened: who is ended for his age or size.
    pub fn recycle_on(&mut self) {
        let expected = &self.expected;
        let is_missed =
            |it: &Expected| it.is_wanted && !it.is_gone && !it.is_ready() && it.state() != "EXITED";
        self.recycled.retain(|key| expected.get(key).is_some_and(is_missed));
        let mut waiting: Vec<(_, u32, Key)> = expected
            .iter()
            .filter(|(_, it)| it.state() == "RUNNING" && it.is_wanted && !it.is_gone)
            .filter_map(|(key, it)| Some((it.excess_since?, it.number, *key)))
            .collect();
        waiting.sort_unstable_by_key(|(since, number, _)| (*since, *number));
        for (_, _, key) in waiting {
            if self.may_be_recycled(key) {
                let now = self.now;
                self.recycled.push(key);
                self.expected.entry(key).and_modify(|it| it.told_to_recycle(now));
            }
        }
    }

    fn may_be_recycled(&self, key: Key) -> bool {
        let name = &self.expected[&key].spec.name;
        let is_of_it = |other: &Key| self.expected.get(other).is_some_and(|it| it.spec.name == *name);
        let others: Vec<&Expected> = self
            .expected
            .iter()
            .filter(|(other, it)| **other != key && it.spec.name == *name)
            // Whoever is to be gone and has nothing to do any more is so before anything else happens.
            .filter(|(_, it)| !(it.is_gone && it.is_at_rest()))
            .map(|(_, it)| it)
            .collect();
        let is_covered = others.is_empty() || others.iter().any(|it| it.is_ready());
        is_covered
            && self.way_out.is_open()
            && !self.recycled.iter().any(is_of_it)
            && !self.keys_in_rolls().iter().any(is_of_it)
    }

    /// The memory of a process was read.
    pub fn report_memory(&mut self, key: Key, resident: u64) -> Kept {
        self.play_of("memory", key, &resident.to_string());
        let Some(run) = self.run_of(key) else { return Ok(()) };
        let now = self.now;
        if let Some(it) = self.expected.get_mut(&key) {
            it.weighed(now, resident);
        }
        self.handle(Event::Measured { run, resident })
    }
}
