//! When CPU and memory of the processes are read: only while somebody looks or watches, and with very
//! many processes in slices.

use super::EventLoop;
use crate::io::process::AT_ONCE_MAX;
use crate::slots::Key;
use crate::time::Time;

impl EventLoop {
    /// For somebody who looks: reads what is not known, and anew what is old.
    pub(super) fn refresh_usages(&mut self) {
        let all = self.supervisor.programs().flat_map(|program| program.instances());
        let living = all.filter_map(|key| self.living(*key)).collect();
        let due = self.usages.due(self.now, living);
        self.read_usages(due);
    }

    /// The same for somebody who looks at a few.
    pub(super) fn refresh_usages_of(&mut self, keys: &[Key]) {
        let living = keys.iter().filter_map(|key| self.living(*key)).collect();
        let due = self.usages.due_of(self.now, living);
        self.read_usages(due);
    }

    /// For those who watch: reads the next slice, and has the changes told.
    pub(super) fn sample_usages(&mut self) {
        let all: Vec<Key> =
            self.supervisor.programs().flat_map(|program| program.instances()).copied().collect();
        let last = self.watchers.sampled();
        let begin = last.and_then(|last| all.iter().position(|key| *key == last)).map_or(0, |at| at + 1);
        let turned = all[begin..].iter().chain(&all[..begin]);
        let slice: Vec<_> = turned.filter_map(|key| self.living(*key)).take(AT_ONCE_MAX).collect();
        self.watchers.note_sample(self.now, slice.last().map(|(key, _, _)| *key));
        self.read_usages(slice);
    }

    /// The process of an instance, and its start.
    fn living(&self, key: Key) -> Option<(Key, u32, Time)> {
        let instance = self.supervisor.instance(key)?;
        Some((key, instance.pid()?, instance.started()?))
    }

    fn read_usages(&mut self, processes: Vec<(Key, u32, Time)>) {
        for (key, pid, started) in processes {
            if self.usages.sample(self.now, pid, started) {
                self.documents.outdate();
                self.watchers.note(self.now, key);
            }
        }
    }
}
