//! The core's wishes, carried out.

use std::path::Path;

use super::outbox::Parcel;
use super::{BATCH_TIME, EventLoop, Outcome};
use crate::command::RequestId;
use crate::config::{Output, ProgramSpec, Rotation, Template};
use crate::io::output::{LogRules, Stream, Voice};
use crate::io::process::Whose;
use crate::lines::Style;
use crate::slots::Key;
use crate::supervisor::{Action, Ending, Event, Program, Spawn, State};
use crate::view::why;

/// The log files of one process, open.
#[derive(Default)]
struct Streams {
    stdout: Option<Stream>,
    stderr: Option<Stream>,
}

impl EventLoop {
    pub(super) fn perform_actions(&mut self) {
        let mut is_to_survey = false;
        while let Some(action) = self.supervisor.poll_action() {
            match action {
                Action::Signal { run, pid, signal, scope } => {
                    self.send(Parcel::Signal { run, pid, signal, scope });
                }
                Action::WatchGroup { run, pid, remains } => self.processes.watch(pid, run, remains),
                Action::Sweep { run, groups } => self.processes.sweep(run, groups),
                Action::Survey => is_to_survey = true,
                Action::SignalStrays { run, signal } => {
                    if let Err(error) = self.processes.signal_strays(self.now, run, signal) {
                        let name = self.supervisor.name(run.instance);
                        log::error!("{name}: cannot send SIG{signal} to its strays: {error}");
                    }
                }
                Action::Reply { request, line } => self.send(Parcel::Reply { request, line }),
                Action::Done { request, ok } => self.send(Parcel::Done { request, ok }),
                Action::Changed { instance, from, to } => {
                    self.log_change(instance, from, to);
                    self.documents.outdate();
                    self.watchers.note(self.now, instance);
                    self.service_manager.mark_stale();
                    self.note_change(instance, from, to);
                    self.note_for_probes(instance, from, to);
                    self.note_for_memory(instance, from, to);
                    self.note_for_hooks(instance, to);
                }
                Action::Note { text, subject } => self.note(&text, subject),
                Action::Turn { instance } => {
                    self.documents.outdate();
                    self.watchers.note(self.now, instance);
                }
                Action::Health { instance } => self.note_health(instance),
                Action::Quit { abandoned: 0 } if self.supervisor.failure().is_some() => {
                    self.outcome = Some(Outcome::Failed);
                }
                Action::Quit { abandoned: 0 } => self.outcome = Some(Outcome::Clean),
                Action::Quit { abandoned } => self.outcome = Some(Outcome::Abandoned(abandoned)),
            }
        }
        if is_to_survey {
            self.survey();
        }
        if self.watchers.note_list(self.now, self.supervisor.list_revision()) {
            self.documents.outdate();
        }
    }

    /// A line of an answer, to whoever asked.
    pub(super) fn reply(&mut self, request: RequestId, line: String) {
        if let Some(line) = self.faces.reply(request, line)
            && self.console.reply(request, &line)
        {
            self.note_answer(&line);
        }
    }

    /// The end of an answer.
    pub(super) fn done(&mut self, request: RequestId, ok: bool) {
        match self.faces.done(request) {
            Some(asked) => self.answer_order(&asked, ok),
            None => self.console.done(request),
        }
    }

    /// Starts a batch of what waits to be started.
    pub(super) fn pull_spawns(&mut self) {
        let until = self.clock.now() + BATCH_TIME;
        while let Some(spawn) = self.supervisor.poll_spawn() {
            self.perform_actions();
            // Each process's life is measured from its own start, not from that of the turn.
            self.now = self.clock.now();
            let run = spawn.run;
            match self.spawn(&spawn) {
                Ok(pid) => self.handle(Event::Spawned { run, pid }),
                Err(reason) => {
                    // Names in it come from the file or from a script's first line; it is to be one
                    // line in every table and log, and no terminal may obey it.
                    let reason = reason.replace(char::is_control, "\u{fffd}");
                    self.handle(Event::SpawnFailed { run, reason });
                }
            }
            if self.clock.now() >= until {
                break;
            }
        }
    }

    /// Opens the log files, then starts the process: one that cannot log where it should is not
    /// started.
    fn spawn(&mut self, spawn: &Spawn) -> Result<u32, String> {
        let Spawn { run, program, number } = spawn;
        let streams = self.open_streams(program, *number)?;
        let spawned = match self.launcher.spawn(program, Whose::instance(*number, *run)) {
            Ok(spawned) => spawned,
            Err(reason) => {
                self.close_streams(streams);
                return Err(reason);
            }
        };
        let readers = [(spawned.streams.stdout, streams.stdout), (spawned.streams.stderr, streams.stderr)];
        let pipes = readers.map(|(reader, stream)| {
            Some(self.pipes.add(self.poll.registry(), reader?, stream?, run.instance))
        });
        self.processes.insert(spawned.pid, *run, pipes);
        self.await_lines(program, *run, pipes);
        let level = self.level_of_restarts(log::Level::Info);
        log::log!(level, "{}:{number}: spawned, pid {}", program.name, spawned.pid);
        Ok(spawned.pid)
    }

    fn open_streams(&mut self, program: &ProgramSpec, number: u32) -> Result<Streams, String> {
        let is_merged = program.stderr == Output::Stdout;
        let process = format!("{}:{number}", program.name);
        let stdout = match &program.stdout {
            Output::File(path) => {
                let rotation = program.stdout_rotation;
                let rules = log_rules(program, path, &process, "stdout", rotation, is_merged);
                Some(self.open_log(path.expand(&program.name, number), rules)?)
            }
            Output::Inherit => Some(self.pipes.open_voice(Voice::Stdout, &process, is_merged)),
            Output::Discard if program.hears_discarded_stdout() => Some(self.pipes.open_nowhere(is_merged)),
            Output::Discard | Output::Stdout => None,
        };
        let stderr = match &program.stderr {
            Output::File(path) => {
                let rules = log_rules(program, path, &process, "stderr", program.stderr_rotation, true);
                self.open_log(path.expand(&program.name, number), rules).map(Some)
            }
            Output::Inherit => Ok(Some(self.pipes.open_voice(Voice::Stderr, &process, true))),
            Output::Discard if program.hears_discarded_stderr() => Ok(Some(self.pipes.open_nowhere(true))),
            Output::Discard | Output::Stdout => Ok(None),
        };
        match stderr {
            Ok(stderr) => Ok(Streams { stdout, stderr }),
            Err(reason) => {
                self.close_streams(Streams { stdout, stderr: None });
                Err(reason)
            }
        }
    }

    fn open_log(&mut self, path: String, rules: LogRules) -> Result<Stream, String> {
        let opened = self.pipes.open_log(Path::new(&path), rules);
        opened.map_err(|error| format!("cannot open its log file {error}"))
    }

    fn close_streams(&mut self, streams: Streams) {
        for stream in [streams.stdout, streams.stderr].into_iter().flatten() {
            self.pipes.close(&stream);
        }
    }

    /// What happens to single instances in a restart storm is part of that, and no news of its own.
    fn level_of_restarts(&self, usual: log::Level) -> log::Level {
        if self.supervisor.is_storm() { log::Level::Debug } else { usual }
    }

    /// supervisord's lines, more or less: what an operator searches a log for.
    fn log_change(&self, key: Key, from: State, to: State) {
        let name = self.supervisor.name(key);
        let Some(instance) = self.supervisor.instance(key) else { return };
        let why = || match (instance.spawn_error(), instance.last_exit()) {
            (Some(error), _) => error.to_owned(),
            (None, Some(exit)) => exit.to_string(),
            (None, None) => String::new(),
        };
        match to {
            State::Running => {
                log::log!(self.level_of_restarts(log::Level::Info), "{name}: {from} -> {to}");
            }
            State::Exited => log::info!("{name}: {from} -> {to} ({})", why()),
            State::Backoff => {
                log::log!(self.level_of_restarts(log::Level::Warn), "{name}: {from} -> {to} ({})", why());
            }
            State::Fatal => {
                log::error!("{name}: {from} -> {to} ({})", why());
                let ends_all = |program: &Program| program.spec().governance.exit_on_failure;
                if self.supervisor.program_of(key).is_some_and(ends_all) {
                    log::error!("{name} is FATAL, and exit_on_failure is set: shutting down");
                }
            }
            State::Starting(_) if from == State::Running => {
                log::log!(self.level_of_restarts(log::Level::Warn), "{name}: ended ({}), restarting", why());
            }
            State::Stopped => log::info!("{name}: {from} -> {to}"),
            State::Stopping(Ending::Stuck) => {
                log::error!(
                    "{name}: SIGKILL has no effect on it: blocked in the kernel, or traced; it is tried again"
                );
            }
            State::Starting(_) | State::Stopping(_) => {
                let was_running = from == State::Running;
                let ill = why::ill(instance, instance.incarnation()).filter(|_| was_running);
                match why::recycled(instance, instance.incarnation()).filter(|_| was_running) {
                    Some(reason) => log::info!("{name}: recycled, as {reason}"),
                    None => match ill {
                        Some(reason) => log::warn!("{name}: ended, as {reason}"),
                        None => log::debug!("{name}: {from} -> {to}"),
                    },
                }
            }
        }
    }
}

/// Instances that share a file are told beforehand to write whole lines, so that not even the first of
/// them begins a line that the second would have to break.
fn log_rules(
    program: &ProgramSpec,
    path: &Template,
    process: &str,
    stream: &str,
    rotation: Rotation,
    keeps_recent: bool,
) -> LogRules {
    let is_shared =
        program.numprocs > 1 && path.expand(&program.name, 0) == path.expand(&program.name, u32::MAX);
    let style = Style::of_file(program.log_format, process, stream);
    LogRules { rotation, full: program.log_full, style, is_shared, keeps_recent }
}
