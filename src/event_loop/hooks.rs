//! What is an event for hooks, and the hooks at work.

use super::EventLoop;
use crate::config::HookEvent;
use crate::io::clock::wall_time;
use crate::io::process::{Helper, Whose};
use crate::slots::Key;
use crate::supervisor::{ExitStatus, Run, State, is_expected};
use crate::view::{self, Happening, Whom};

impl EventLoop {
    /// An instance changed its state.
    pub(super) fn note_for_hooks(&mut self, key: Key, to: State) {
        match to {
            State::Fatal => self.tell_hooks(key, HookEvent::Fatal, None),
            State::Running => self.note_recovery(key),
            State::Stopped => self.hooks.forget(key),
            State::Starting(_) | State::Backoff | State::Stopping(_) | State::Exited => {}
        }
    }

    /// A process has ended, and the core knows.
    pub(super) fn note_exit(&mut self, run: Run) {
        if !self.hooks.are_there() {
            return;
        }
        let (Some(instance), Some(program)) =
            (self.supervisor.instance(run.instance), self.supervisor.program_of(run.instance))
        else {
            return;
        };
        let Some(past) = instance.past_runs().last().filter(|past| past.incarnation == run.incarnation)
        else {
            return;
        };
        let spec = program.spec();
        let was_running = match past.during {
            State::Running => true,
            // The end was told before the tick that would have made it RUNNING.
            State::Starting(_) => past.lived >= spec.starttime,
            State::Stopped | State::Backoff | State::Stopping(_) | State::Exited | State::Fatal => false,
        };
        let illness = instance.illness().filter(|illness| illness.incarnation == run.incarnation);
        let illness = illness.map(|illness| format!("its liveness check failed: {}", illness.reason));
        if illness.is_some() || (was_running && !is_expected(spec, past.status)) {
            self.tell_hooks(run.instance, HookEvent::Exited, illness);
        }
    }

    /// An instance may be well again.
    pub(super) fn note_recovery(&mut self, key: Key) {
        let is_ready = self.supervisor.instance(key).is_some_and(|instance| instance.is_ready());
        if is_ready && self.hooks.is_troubled(key) {
            self.tell_hooks(key, HookEvent::Recovered, Some(String::new()));
        }
    }

    /// `reason` is what is to be said instead of how it ended.
    fn tell_hooks(&mut self, key: Key, event: HookEvent, reason: Option<String>) {
        if !self.hooks.are_there() {
            return;
        }
        let (Some(instance), Some(program)) =
            (self.supervisor.instance(key), self.supervisor.program_of(key))
        else {
            return;
        };
        let exit = instance.last_exit();
        let how = match (event, instance.spawn_error(), exit) {
            (HookEvent::Fatal, _, _) => view::surrender(instance, program),
            (_, Some(error), _) => error.to_owned(),
            (_, None, Some(exit)) => exit.to_string(),
            (_, None, None) => String::new(),
        };
        let number = instance.number();
        let happening = Happening {
            event,
            whom: Some(Whom {
                program: program.spec().name.clone(),
                instance: key,
                number,
                state: instance.state(),
                exit,
            }),
            reason: reason.unwrap_or(how),
            at: wall_time(),
            numbers: vec![number],
            count: 1,
        };
        self.hooks.note(self.now, &happening);
    }

    /// A restart storm has begun, or is over.
    pub(super) fn tell_hooks_of_storm(&mut self, event: HookEvent, text: &str) {
        let (reason, at) = (text.to_owned(), wall_time());
        let happening = Happening { event, whom: None, reason, at, numbers: Vec::new(), count: 1 };
        self.hooks.note(self.now, &happening);
    }

    /// Begins what is due, and ends what takes too long.
    pub(super) fn serve_hooks(&mut self) {
        self.hooks.fire(self.poll.registry(), self.now);
        while let Some(command) = self.hooks.poll_command() {
            let key = command.key;
            let whose = Whose { instance: command.instance, told: &command.told };
            match self.launcher.spawn(&command.program, whose) {
                Ok(spawned) => {
                    self.processes.insert_helper(spawned.pid, Helper::Hook(key));
                    let reader = spawned.streams.stdout;
                    let output = reader.map(|reader| self.pipes.add_unlogged(self.poll.registry(), reader));
                    self.hooks.started(key, spawned.pid, output);
                }
                Err(reason) => self.hooks.not_started(self.poll.registry(), key, reason),
            }
        }
        for pid in self.hooks.take_overdue() {
            self.processes.kill_helper(pid);
        }
    }

    /// The command of a hook has been reaped.
    pub(super) fn note_ended_hook(&mut self, key: Key, status: ExitStatus) {
        let registry = self.poll.registry();
        let said = self.hooks.output_of(key).map_or_else(Vec::new, |output| {
            let said = self.pipes.drain(registry, output);
            // What it has left behind, a daemon maybe, is not heard for ever.
            self.pipes.hang_up(registry, output);
            said
        });
        self.hooks.ended(registry, key, status, &said);
    }
}
