//! The memory of instances that may not use very much: read while they are RUNNING, and told to the core.

use super::EventLoop;
use crate::slots::Key;
use crate::supervisor::{Event, Run, State};

impl EventLoop {
    /// An instance changed its state: its memory is read while it is RUNNING.
    pub(super) fn note_for_memory(&mut self, key: Key, from: State, to: State) {
        if from == State::Running {
            self.memory.forget(key);
        }
        if to == State::Running
            && let Some(program) = self.supervisor.program_of(key)
            && program.spec().governance.recycle.max_memory > 0
            && let Some(instance) = self.supervisor.instance(key)
            && let Some(pid) = instance.pid()
        {
            let run = Run { instance: key, incarnation: instance.incarnation() };
            self.memory.watch(self.now, run, pid);
        }
    }

    /// Reads what is due.
    pub(super) fn read_memory(&mut self) {
        for (run, resident) in self.memory.read(self.now) {
            self.handle(Event::Measured { run, resident });
        }
    }
}
