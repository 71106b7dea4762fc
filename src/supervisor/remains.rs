//! What a process leaves behind: its group, and strays that left the group. STOPPED means that nothing
//! of it is left, and strays are ended in the same order as everybody: stopsignal, stoptime, SIGKILL.

use super::earlier::{Earlier, after_a_stop};
use super::instance::{Leader, Outcome, Process};
use super::{Action, Ending, Remains, Run, State, Supervisor};
use crate::config::{KillStrays, ProgramSpec};
use crate::signal::Signal;
use crate::slots::Key;

/// What counts of a run that ends by a wish.
fn remains_of(spec: &ProgramSpec) -> Remains {
    Remains { group: spec.killasgroup, strays: spec.kill_strays != KillStrays::Never }
}

impl Supervisor {
    /// A process has ended by itself. With `kill_strays: always` what it left is cleared away first.
    pub(super) fn ended(&mut self, run: Run, process: Process, outcome: Outcome) {
        let key = run.instance;
        let spec = self.spec_of(key);
        if spec.kill_strays != KillStrays::Always {
            if let Some(instance) = self.instances.get_mut(key) {
                instance.earlier = Earlier::Unknown;
            }
            self.conclude(key, outcome);
            return;
        }
        if let Some(instance) = self.instances.get_mut(key) {
            instance.outcome = Some(outcome);
        }
        self.await_remains(run, process);
        self.terminate(key);
    }

    /// The leader ended before its turn to stop had come: asks what is left, if something is.
    pub(super) fn terminate_rest(&mut self, key: Key) {
        match self.instances.get(key).map(|instance| instance.state) {
            Some(State::Stopping(_)) => self.terminate(key),
            Some(
                State::Stopped
                | State::Starting(_)
                | State::Running
                | State::Backoff
                | State::Exited
                | State::Fatal,
            )
            | None => {}
        }
    }

    /// What follows from the end of a process, by its policy.
    pub(super) fn conclude(&mut self, key: Key, outcome: Outcome) {
        match outcome {
            Outcome::FailedStart => self.start_failed(key),
            Outcome::Ran(status) => self.run_ended(key, status),
            Outcome::Ill => self.ended_ill(key),
            Outcome::Recycled => self.ended_recycled(key),
            Outcome::Succeeded => {
                if let Some(instance) = self.instances.get_mut(key) {
                    instance.failures = 0;
                }
                self.enter(key, State::Exited, None);
            }
        }
    }

    /// The leader is reaped while it was to end: waits for whatever else counts.
    pub(super) fn await_remains(&mut self, run: Run, process: Process) {
        let spec = self.spec_of(run.instance);
        let remains = remains_of(&spec);
        if let Some(instance) = self.instances.get_mut(run.instance) {
            instance.earlier = after_a_stop(&spec);
        }
        let leader = match remains {
            Remains { group: true, .. } => Leader::Reaped,
            Remains { group: false, strays: true } => Leader::Astray,
            Remains { group: false, strays: false } => return self.stopped(run.instance),
        };
        if let Some(instance) = self.instances.get_mut(run.instance) {
            instance.process = Some(Process { leader, ..process });
        }
        self.actions.push_back(Action::WatchGroup { run, pid: process.pid, remains });
    }

    /// Strays are asked to end, and get a stoptime of their own: nobody has told them before.
    pub(super) fn strays_found(&mut self, run: Run, count: u32) {
        let is_out_of_patience = self.phase.is_out_of_patience();
        let Some(instance) = self.present(run) else { return };
        let Some(process) = instance.process.as_mut().filter(|process| process.leader != Leader::Alive)
        else {
            return;
        };
        let key = run.instance;
        process.leader = Leader::Astray;
        let were_known = instance.strays > 0;
        instance.strays += count;
        match instance.state {
            State::Stopping(_) if is_out_of_patience => self.kill(key, Ending::Killing),
            State::Stopping(Ending::Killing | Ending::Stuck) if were_known => {
                self.signal_strays(key, Signal::KILL);
            }
            State::Stopping(_) => {
                let spec = self.spec_of(key);
                self.signal_strays(key, spec.stopsignal);
                if spec.stopsignal != Signal::KILL {
                    self.signal_strays(key, Signal::CONT);
                }
                if !were_known {
                    self.give_more_time(spec.stoptime);
                    let deadline = self.now + spec.stoptime;
                    self.enter(key, State::Stopping(Ending::Terminating), Some(deadline));
                }
            }
            State::Stopped
            | State::Starting(_)
            | State::Running
            | State::Backoff
            | State::Exited
            | State::Fatal => {}
        }
    }

    pub(super) fn group_gone(&mut self, run: Run) {
        let Some(instance) = self.present(run) else { return };
        let reaped = instance.process.is_some_and(|process| process.leader != Leader::Alive);
        match instance.state {
            State::Stopping(_) if reaped => self.stopped(run.instance),
            State::Stopped
            | State::Starting(_)
            | State::Running
            | State::Backoff
            | State::Stopping(_)
            | State::Exited
            | State::Fatal => {}
        }
    }

    pub(super) fn signal_strays(&mut self, key: Key, signal: Signal) {
        if let Some(instance) = self.instances.get(key) {
            let run = Run { instance: key, incarnation: instance.incarnation };
            self.actions.push_back(Action::SignalStrays { run, signal });
        }
    }
}
