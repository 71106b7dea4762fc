//! Checks of instances: begun and ended with their processes, carried out, and told to the core.

use super::EventLoop;
use crate::config::ProgramSpec;
use crate::io::process::{Helper, Whose};
use crate::slots::Key;
use crate::supervisor::{Event, Probe, Run, State};

impl EventLoop {
    /// An instance changed its state: its checks begin and end with RUNNING.
    pub(super) fn note_for_probes(&mut self, key: Key, from: State, to: State) {
        if from == State::Running {
            self.prober.forget(self.poll.registry(), key);
        }
        if from == State::Running || !matches!(to, State::Starting(_) | State::Running) {
            self.heartbeats.end(key);
        }
        if to == State::Running
            && let Some(instance) = self.supervisor.instance(key)
            && let Some(program) = self.supervisor.program_of(key)
        {
            let run = Run { instance: key, incarnation: instance.incarnation() };
            self.prober.watch(self.now, run, program.shared_spec(), instance.number());
            self.heartbeats.begin(self.now, run);
        }
    }

    /// A process that is ready when it says so is heard from its start on, whichever stream it says it on;
    /// so is one that has to say that it lives, though nobody asks before it is RUNNING.
    pub(super) fn await_lines(&mut self, program: &ProgramSpec, run: Run, pipes: [Option<Key>; 2]) {
        self.heartbeats.expect(run, program.governance.liveness.as_ref());
        let wanted = [(Probe::Readiness, program.awaited_line()), (Probe::Liveness, program.heartbeat())];
        for (probe, pattern) in wanted {
            let Some(pattern) = pattern else { continue };
            for pipe in pipes.into_iter().flatten() {
                self.pipes.listen(pipe, probe, pattern, run.incarnation);
            }
        }
    }

    /// Tells who has said what was waited for.
    pub(super) fn report_heard(&mut self) {
        for (run, probe) in self.pipes.take_heard() {
            for pipe in self.pipes_of_run(run) {
                self.pipes.settle(pipe, probe);
            }
            if probe == Probe::Liveness {
                self.heartbeats.heard(run);
            }
            self.handle(Event::Probed { run, probe, outcome: Ok(()) });
        }
    }

    /// Tells who has not been heard from for an interval. What was written in time counts, even if it was
    /// not read before: whoever was late then was we.
    pub(super) fn serve_heartbeats(&mut self) {
        while let Some(run) = self.heartbeats.pop_due(self.now) {
            let pipes = self.pipes_of_run(run);
            let mut is_deaf = false;
            if self.heartbeats.is_silent(run) {
                for pipe in &pipes {
                    is_deaf |= !self.pipes.catch_up(*pipe);
                }
                self.report_heard();
            }
            let failure = self.heartbeats.turn(self.now, run, is_deaf);
            for pipe in pipes {
                self.pipes.listen_again(pipe);
            }
            if let Some(reason) = failure {
                self.handle(Event::Probed { run, probe: Probe::Liveness, outcome: Err(reason) });
            }
        }
    }

    /// Those of its living process, if that is the one that is meant.
    fn pipes_of_run(&self, run: Run) -> Vec<Key> {
        let instance = self.supervisor.instance(run.instance);
        let pid = instance.filter(|it| it.incarnation() == run.incarnation).and_then(|it| it.pid());
        pid.into_iter().flat_map(|pid| self.processes.pipes_of(pid)).collect()
    }

    /// Begins what is due, and tells what was found.
    pub(super) fn serve_probes(&mut self) {
        self.prober.fire(self.poll.registry(), self.now);
        while let Some(check) = self.prober.poll_command() {
            match self.launcher.spawn(&check.program, Whose::instance(check.number, check.run)) {
                Ok(spawned) => {
                    self.processes.insert_helper(spawned.pid, Helper::Check(check.key));
                    self.prober.started(check.key, spawned.pid, spawned.streams.stdout);
                }
                Err(reason) => {
                    let reason = reason.replace(char::is_control, "\u{fffd}");
                    self.prober.not_started(self.poll.registry(), self.now, check.key, reason);
                }
            }
        }
        for (run, probe, outcome) in self.prober.take_results() {
            self.handle(Event::Probed { run, probe, outcome });
        }
        for pid in self.prober.take_overdue() {
            self.processes.kill_helper(pid);
        }
    }

    /// Commands that are no program's processes and have been reaped.
    pub(super) fn note_ended_helpers(&mut self) {
        for (helper, status) in self.processes.take_ended_helpers() {
            match helper {
                Helper::Check(key) => self.prober.ended(self.poll.registry(), self.now, key, status),
                Helper::Hook(key) => self.note_ended_hook(key, status),
            }
        }
    }

    /// What is known of an instance's health has changed.
    pub(super) fn note_health(&mut self, key: Key) {
        self.watchers.note(self.now, key);
        let Some(instance) = self.supervisor.instance(key) else { return };
        let name = self.supervisor.name(key);
        match instance.not_ready() {
            Some(trouble) => log::warn!("{name}: {trouble}"),
            None if instance.is_ready() => log::info!("{name}: ready"),
            None => {}
        }
        self.note_recovery(key);
    }
}
