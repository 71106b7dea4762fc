//! Checks of running instances: when they are due, and what came of them. What follows is decided by
//! the core.
//!
//! Checks by tcp and http are connections of `io::outgoing`, non-blocking. Commands are started and
//! reaped by `io::process`, as every process is; here is what they are for.

use std::collections::{HashMap, VecDeque};
use std::io::{PipeReader, Read};
use std::sync::Arc;
use std::time::Duration;

use mio::Registry;

use crate::config::{Check, Output, ProbeSpec, ProgramSpec};
use crate::io::outgoing::{Connection, Progress};
use crate::io::token::Source;
use crate::slots::{Key, Slots};
use crate::supervisor::{ExitStatus, Probe, Run};
use crate::time::Time;
use crate::timers::Timers;

/// Checks that are under way at one time; others wait. Each is a process or a socket for a moment.
const IN_FLIGHT_MAX: usize = 16;
/// What is looked at of the output of a command, in bytes; its last line is shown.
const OUTPUT_BYTES_MAX: usize = 4096;
/// The longest piece of it that is shown, in characters.
const EVIDENCE_CHARS_MAX: usize = 200;

/// All checks of all instances that are RUNNING. Costs nothing where there are none.
#[derive(Default)]
pub(crate) struct Prober {
    watches: Slots<Watch>,
    of_instance: HashMap<Key, Vec<Key>>,
    /// The next check, or the end of the patience with the present one; by slab index.
    timers: Timers,
    due: VecDeque<Key>,
    in_flight: usize,
    commands: Vec<Key>,
    overdue: Vec<u32>,
    results: Vec<(Run, Probe, Result<(), String>)>,
}

/// One kind of check of one process.
struct Watch {
    run: Run,
    probe: Probe,
    program: Arc<ProgramSpec>,
    number: u32,
    stage: Stage,
}

enum Stage {
    /// Until the next check.
    Waiting,
    /// A connection.
    Connected(Connection),
    /// A command that is to be started.
    Commanded,
    /// A command that runs.
    Running { pid: u32, output: Option<PipeReader> },
    /// It was killed, and is to be reaped; whether the check is to go on.
    Killed { goes_on: bool },
}

/// A command that is to be started as a check.
pub(crate) struct CommandCheck {
    pub(crate) key: Key,
    /// Whose check it is, as a run that there never is: checks are no strays of the process that they check.
    pub(crate) run: Run,
    /// The program with the check in the place of its command, and its output in one pipe.
    pub(crate) program: Arc<ProgramSpec>,
    pub(crate) number: u32,
}

impl Watch {
    fn spec(&self) -> Option<&ProbeSpec> {
        let governance = &self.program.governance;
        match self.probe {
            Probe::Readiness => governance.readiness.as_ref(),
            Probe::Liveness => governance.liveness.as_ref(),
        }
    }
}

impl Prober {
    /// A process is RUNNING: begins its checks.
    pub(crate) fn watch(&mut self, now: Time, run: Run, program: &Arc<ProgramSpec>, number: u32) {
        for probe in [Probe::Readiness, Probe::Liveness] {
            let watch = Watch { run, probe, program: Arc::clone(program), number, stage: Stage::Waiting };
            let is_done = |spec: &&ProbeSpec| !matches!(spec.check, Check::Log(_));
            let Some(delay) = watch.spec().filter(is_done).map(|spec| spec.start_delay) else { continue };
            let key = self.watches.insert(watch);
            self.timers.set(key.index(), Some(now + delay));
            self.of_instance.entry(run.instance).or_default().push(key);
        }
    }

    /// It is not RUNNING any more: ends its checks.
    pub(crate) fn forget(&mut self, registry: &Registry, instance: Key) {
        for key in self.of_instance.remove(&instance).unwrap_or_default() {
            let Some(watch) = self.watches.get_mut(key) else { continue };
            self.timers.set(key.index(), None);
            match std::mem::replace(&mut watch.stage, Stage::Killed { goes_on: false }) {
                Stage::Waiting | Stage::Commanded => {}
                Stage::Connected(connection) => {
                    connection.close(registry);
                    self.in_flight -= 1;
                }
                Stage::Running { pid, .. } => {
                    // Its end is awaited; it is nobody's business any more.
                    self.overdue.push(pid);
                    continue;
                }
                Stage::Killed { .. } => continue,
            }
            self.watches.remove(key);
        }
    }

    /// When [`Prober::fire`] is needed next.
    pub(crate) fn next_deadline(&self) -> Option<Time> {
        self.timers.next()
    }

    /// Begins the checks that are due, and gives up on those that take too long.
    pub(crate) fn fire(&mut self, registry: &Registry, now: Time) {
        while let Some(index) = self.timers.pop_due(now) {
            let Some(key) = self.watches.key_at(index) else { continue };
            let Some(watch) = self.watches.get_mut(key) else { continue };
            let timeout = watch.spec().map_or(Duration::ZERO, |spec| spec.timeout);
            let late = || Err(format!("no answer within {} s", timeout.as_secs_f64()));
            match &watch.stage {
                Stage::Waiting => self.due.push_back(key),
                Stage::Connected(_) => {
                    self.finish(registry, now, key, late());
                }
                Stage::Running { pid, .. } => {
                    self.overdue.push(*pid);
                    self.results.push((watch.run, watch.probe, late()));
                    watch.stage = Stage::Killed { goes_on: true };
                }
                Stage::Commanded | Stage::Killed { .. } => {}
            }
        }
        while self.in_flight < IN_FLIGHT_MAX
            && let Some(key) = self.due.pop_front()
        {
            self.begin(registry, now, key);
        }
    }

    fn begin(&mut self, registry: &Registry, now: Time, key: Key) {
        let Some(watch) = self.watches.get_mut(key).filter(|it| matches!(it.stage, Stage::Waiting)) else {
            return;
        };
        let Some(spec) = watch.spec().cloned() else { return };
        let expand = |template: &crate::config::Template| template.expand(&watch.program.name, watch.number);
        self.in_flight += 1;
        let token = Source::Probe(key).token();
        let connection = match &spec.check {
            Check::Exec(_) => {
                watch.stage = Stage::Commanded;
                self.commands.push(key);
                self.timers.set(key.index(), Some(now + spec.timeout));
                return;
            }
            // Is heard, not done.
            Check::Log(_) => return self.rest(now, key),
            Check::Tcp(target) => Connection::tcp(registry, token, &expand(target)),
            Check::Http(url) => Connection::get(registry, token, &expand(url)),
        };
        match connection {
            Ok(connection) => {
                watch.stage = Stage::Connected(connection);
                self.timers.set(key.index(), Some(now + spec.timeout));
            }
            Err(reason) => self.finish(registry, now, key, Err(reason)),
        }
    }

    /// A poll event came for a connection.
    pub(crate) fn ready(&mut self, registry: &Registry, now: Time, key: Key) {
        let Some(Watch { stage: Stage::Connected(connection), .. }) = self.watches.get_mut(key) else {
            return;
        };
        if let Progress::Done(outcome) = connection.advance() {
            self.finish(registry, now, key, outcome);
        }
    }

    /// The next command that is to be started; its outcome comes back as
    /// [`started`](Prober::started) or [`not_started`](Prober::not_started).
    pub(crate) fn poll_command(&mut self) -> Option<CommandCheck> {
        while let Some(key) = self.commands.pop() {
            let Some(watch) = self.watches.get(key).filter(|it| matches!(it.stage, Stage::Commanded)) else {
                self.in_flight -= 1;
                continue;
            };
            let Some(Check::Exec(cmd)) = watch.spec().map(|spec| &spec.check) else { continue };
            let program = ProgramSpec {
                cmd: cmd.clone(),
                stdout: Output::Inherit,
                stderr: Output::Stdout,
                ..(*watch.program).clone()
            };
            let run = Run { incarnation: 0, ..watch.run };
            return Some(CommandCheck { key, run, program: Arc::new(program), number: watch.number });
        }
        None
    }

    /// A command runs; `output` is non-blocking.
    pub(crate) fn started(&mut self, key: Key, pid: u32, output: Option<PipeReader>) {
        if let Some(watch) = self.watches.get_mut(key) {
            watch.stage = Stage::Running { pid, output };
        }
    }

    /// A command could not be started.
    pub(crate) fn not_started(&mut self, registry: &Registry, now: Time, key: Key, reason: String) {
        self.finish(registry, now, key, Err(reason));
    }

    /// A command has been reaped.
    pub(crate) fn ended(&mut self, registry: &Registry, now: Time, key: Key, status: ExitStatus) {
        let Some(watch) = self.watches.get_mut(key) else { return };
        match std::mem::replace(&mut watch.stage, Stage::Waiting) {
            Stage::Running { output, .. } => {
                let outcome = match status {
                    ExitStatus::Code(0) => Ok(()),
                    ExitStatus::Code(_) | ExitStatus::Signal { .. } => {
                        let said =
                            output.and_then(last_line).map_or(String::new(), |line| format!(": {line}"));
                        Err(format!("{status}{said}"))
                    }
                };
                self.finish(registry, now, key, outcome);
            }
            Stage::Killed { goes_on: true } => self.rest(now, key),
            Stage::Killed { goes_on: false } => {
                self.in_flight -= 1;
                self.watches.remove(key);
            }
            Stage::Waiting | Stage::Connected(_) | Stage::Commanded => {}
        }
    }

    /// Pids of commands whose time is over. Each is to be killed with its group.
    pub(crate) fn take_overdue(&mut self) -> Vec<u32> {
        std::mem::take(&mut self.overdue)
    }

    /// What the checks have found.
    pub(crate) fn take_results(&mut self) -> Vec<(Run, Probe, Result<(), String>)> {
        std::mem::take(&mut self.results)
    }

    fn finish(&mut self, registry: &Registry, now: Time, key: Key, outcome: Result<(), String>) {
        let Some(watch) = self.watches.get_mut(key) else { return };
        if let Stage::Connected(connection) = std::mem::replace(&mut watch.stage, Stage::Waiting) {
            connection.close(registry);
        }
        self.results.push((watch.run, watch.probe, outcome));
        self.rest(now, key);
    }

    /// Until the next time.
    fn rest(&mut self, now: Time, key: Key) {
        self.in_flight -= 1;
        let interval = self.watches.get(key).and_then(Watch::spec).map(|spec| spec.interval);
        self.timers.set(key.index(), interval.map(|interval| now + interval));
    }
}

/// The last line of a command's output, harmless to a terminal. It has ended, so all of it is there.
fn last_line(mut output: PipeReader) -> Option<String> {
    let mut buffer = [0; OUTPUT_BYTES_MAX];
    let mut kept = Vec::new();
    // A pipe holds no more than this many times the buffer.
    for _ in 0..32 {
        match output.read(&mut buffer) {
            Ok(0) | Err(_) => break,
            Ok(count) => {
                kept.extend_from_slice(&buffer[..count]);
                let surplus = kept.len().saturating_sub(OUTPUT_BYTES_MAX);
                kept.drain(..surplus);
            }
        }
    }
    let text = String::from_utf8_lossy(&kept).into_owned();
    let line = text.lines().rev().map(str::trim).find(|line| !line.is_empty())?;
    Some(line.chars().take(EVIDENCE_CHARS_MAX).collect::<String>().replace(char::is_control, "\u{fffd}"))
}
