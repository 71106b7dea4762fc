//! The only poll, and the order of a turn: what happened becomes events for the core, what the core
//! wants becomes effects.
//!
//! One turn: poll -> the clock, once -> signals and the dead -> timers -> console and sockets ->
//! pipes -> signals that wait, spawns -> what was said is written. There is no tick: with nothing to do and no deadline,
//! the poll has no timeout.
//!
//! - `effects`: performs the core's actions and spawns; `outbox`: signals to very many; `answers`: questions from console and HTTP
//! - `reload`: another configuration; `remains`: what processes leave behind; `status`: the table; `news`: what the console tells unasked; `last_resort`: what is left to do after a panic

mod answers;
mod blindness;
mod documents;
mod effects;
mod events;
mod evidence;
mod follows;
mod hooks;
mod http;
mod last_resort;
mod measure;
mod memory;
mod news;
mod outbox;
mod probes;
mod reload;
mod remains;
mod reports;
mod schedules;
mod status;
mod usages;

pub(crate) use last_resort::run;
pub(crate) use reload::Overrides;

use std::hash::{BuildHasher, Hasher, RandomState};
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use mio::{Events, Poll};

use crate::agenda::Agenda;
use crate::command::{Order, Verbosity};
use crate::config::{Config, Rotation, SupervisorSpec};
use crate::http::Face;
use crate::io::clock::{Clock, wall_stamp};
use crate::io::console::{ColorChoice, Console};
use crate::io::faces::Faces;
use crate::io::hooks::Hooks;
use crate::io::http::Server;
use crate::io::journal::Journal;
use crate::io::output::Pipes;
use crate::io::probe::Prober;
use crate::io::process::{FileLimit, Launcher, MemoryWatch, OutOfMemory, Processes, RunIds, Usages};
use crate::io::service_manager::ServiceManager;
use crate::io::signals::{Lull, Notice, Signals};
use crate::io::slack::{self, Slack};
use crate::io::token::Source;
use crate::io::wall_clock::WallClock;
use crate::supervisor::{Event, Heartbeats, Supervisor};
use crate::time::Time;
use blindness::Blindness;
use documents::Documents;
use events::Watchers;
use evidence::EvidenceRoom;
use follows::Follows;
use measure::TurnTimes;
use news::News;
use outbox::Outbox;

/// Poll events taken in one turn; what is beyond comes in the next.
const EVENTS_PER_TURN: usize = 1024;

/// How long a turn goes on starting processes, and how long on signalling and on reaping them, before it hears
/// everybody else: on a busy machine a thousand of either take a second.
const BATCH_TIME: Duration = Duration::from_millis(2);

/// How long a check or hook that was killed may take to be gone, on the way out.
const HELPERS_PATIENCE: Duration = Duration::from_secs(1);

/// Everything `run` needs to know.
#[derive(Debug)]
pub(crate) struct Settings {
    /// What to supervise.
    pub(crate) config: Config,
    /// The configuration file, as it was named.
    pub(crate) config_name: PathBuf,
    /// What the command line says instead of it.
    pub(crate) overrides: Overrides,
    /// Whether commands are read from standard input.
    pub(crate) console: bool,
    /// Whether the console has colours.
    pub(crate) color: ColorChoice,
    /// What the console tells unasked.
    pub(crate) messages: Verbosity,
    /// Shortcomings of the configuration, to be logged.
    pub(crate) warnings: Vec<String>,
}

/// How a supervision ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Every process was stopped.
    Clean,
    /// Every process was stopped, because a program with `exit_on_failure` was FATAL, or the poll failed.
    Failed,
    /// This many processes could not be ended.
    Abandoned(usize),
}

/// The supervisor at work: the root of everything that is owned.
pub(crate) struct EventLoop {
    poll: Poll,
    blindness: Blindness,
    clock: Clock,
    /// The time of this turn.
    now: Time,
    supervisor: Supervisor,
    signals: Signals,
    launcher: Launcher,
    processes: Processes,
    /// Whether children have ended that are not reaped yet.
    has_unreaped: bool,
    slack: Slack,
    prober: Prober,
    heartbeats: Heartbeats,
    memory: MemoryWatch,
    hooks: Hooks,
    agenda: Agenda,
    wall_clock: WallClock,
    out_of_memory: OutOfMemory,
    evidence: EvidenceRoom,
    usages: Usages,
    pipes: Pipes,
    console: Console,
    http: Server,
    faces: Faces,
    documents: Documents,
    watchers: Watchers,
    follows: Follows,
    turn_times: TurnTimes,
    journal: Journal,
    spec: SupervisorSpec,
    config_name: PathBuf,
    overrides: Overrides,
    news: News,
    outbox: Outbox,
    service_manager: ServiceManager,
    outcome: Option<Outcome>,
}

impl EventLoop {
    /// Sets everything up; no program is started yet.
    ///
    /// # Errors
    /// What the system refused, in one line.
    pub(crate) fn new(settings: Settings) -> io::Result<EventLoop> {
        let Settings { config, config_name, overrides, console, color, messages, warnings } = settings;
        slack::keep_little();
        let spec = config.supervisor.clone();
        let rotation = Rotation { max_bytes: spec.logfile_maxbytes, backups: spec.logfile_backups };
        let journal = Journal::install(&spec.logfile, rotation, spec.loglevel)?;
        let poll = Poll::new()?;
        let signals = Signals::install(poll.registry())?;
        let limit = FileLimit::raise()?;
        let run_ids = RunIds::new(&config_name);
        let version = env!("CARGO_PKG_VERSION");
        log::info!("taskmaster {version} supervises {}, pid {}", config_name.display(), std::process::id());
        for warning in &warnings {
            log::warn!("{warning}");
        }
        Ok(EventLoop {
            blindness: Blindness::default(),
            clock: Clock::start(),
            now: Time::ZERO,
            supervisor: Supervisor::new(&config).with_seed(RandomState::new().build_hasher().finish()),
            signals,
            launcher: Launcher::new(limit, run_ids.clone())?,
            processes: Processes::new(run_ids),
            has_unreaped: false,
            slack: Slack::new(),
            prober: Prober::default(),
            heartbeats: Heartbeats::default(),
            memory: MemoryWatch::default(),
            hooks: Hooks::new(&spec.on_event),
            agenda: Agenda::default(),
            wall_clock: WallClock::default(),
            out_of_memory: OutOfMemory::watch(),
            evidence: EvidenceRoom::default(),
            usages: Usages::new(),
            pipes: Pipes::new(),
            console: Console::open(poll.registry(), console, color),
            http: Server::new(spec.http, limit.raised()),
            faces: Faces::default(),
            documents: Documents::default(),
            watchers: Watchers::new(wall_stamp()),
            follows: Follows::default(),
            turn_times: TurnTimes::default(),
            journal,
            spec,
            config_name,
            overrides,
            news: News::new(messages),
            outbox: Outbox::default(),
            service_manager: ServiceManager::of_environment(),
            outcome: None,
            poll,
        })
    }

    /// Supervises until everything is down.
    ///
    /// # Errors
    /// If another supervisor of this configuration answers; nothing was started then.
    pub(crate) fn run(&mut self) -> io::Result<Outcome> {
        let mut events = Events::with_capacity(EVENTS_PER_TURN);
        self.bind_control()?;
        self.bind_http();
        if self.console.is_interactive() {
            self.pipes.speak_through_console();
        }
        self.greet();
        self.tell_of_survivors();
        self.handle(Event::Boot);
        self.plan_schedules();
        self.service_manager.ready();
        let mut woken = self.now;
        loop {
            self.send_waiting();
            self.pull_spawns();
            self.launcher.end_batch();
            if let Some(outcome) = self.outcome
                && self.hooks.are_over(self.now)
            {
                self.leave(outcome);
                let is_failure = outcome == Outcome::Clean && self.blindness.has_given_up();
                return Ok(if is_failure { Outcome::Failed } else { outcome });
            }
            self.end_turn();
            self.turn_times.note(self.clock.now() - woken);
            self.wait(&mut events);
            woken = self.clock.now();
            self.now = woken;
            self.turn(&events);
        }
    }

    /// Sleeps until something happens, the nearest deadline, or not at all if work is left.
    fn wait(&mut self, events: &mut Events) {
        let is_busy = self.supervisor.has_spawns()
            || self.outbox.has_more()
            || self.watchers.has_more()
            || self.processes.has_to_look()
            || self.has_unreaped
            || self.pipes.has_ready()
            || self.console.has_more()
            || self.http.is_busy()
            || self.has_followers_to_serve();
        let deadlines = [
            self.supervisor.next_deadline(),
            self.http.next_deadline(),
            self.watchers.next_deadline(),
            self.pipes.next_deadline(),
            self.prober.next_deadline(),
            self.heartbeats.next_deadline(),
            self.memory.next_deadline(),
            self.hooks.next_deadline(),
            self.news.next_deadline(),
            self.console.next_deadline(),
            self.service_manager.next_deadline(),
            self.documents.next_deadline(),
            self.processes.next_deadline(),
        ];
        let deadline = deadlines.into_iter().flatten().min();
        let timeout = match deadline {
            _ if is_busy => Some(Duration::ZERO),
            Some(deadline) => Some(self.clock.until(deadline)),
            None => None,
        };
        self.slack.before_sleep(timeout, || self.http.is_sending());
        match self.poll.poll(events, timeout) {
            Ok(()) => self.blindness.end(),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => events.clear(),
            Err(error) => {
                events.clear();
                if self.blindness.note(&error) {
                    self.shut_down();
                }
            }
        }
    }

    fn turn(&mut self, events: &Events) {
        self.pipes.begin_turn(self.now);
        let mut has_signals = self.blindness.is_blind();
        for event in events {
            match Source::from_token(event.token()) {
                Some(Source::Signals) => has_signals = true,
                Some(Source::Pipe(key)) => self.pipes.mark_ready(key),
                Some(Source::ConsoleInput) => self.console.mark_readable(),
                Some(
                    Source::HttpListener
                    | Source::ControlListener
                    | Source::HttpConnection(_)
                    | Source::ConsoleOutput
                    | Source::Probe(_)
                    | Source::Hook(_)
                    | Source::VoiceOut
                    | Source::VoiceErr
                    | Source::WallClock,
                )
                | None => {}
            }
        }
        if has_signals {
            self.take_signals();
        }
        if self.has_unreaped || self.processes.is_due(self.now) {
            self.reap();
        }
        if !self.has_unreaped && !self.outbox.is_amid_an_order() {
            // Looking through all children once for each batch of them would cost more than all else.
            self.report_remains();
        }
        self.handle(Event::Tick);
        self.tell_news();
        self.fire_http();
        self.take_commands();
        for event in events {
            match Source::from_token(event.token()) {
                Some(Source::HttpListener) => self.accept(Face::Tcp),
                Some(Source::ControlListener) => self.accept(Face::Unix),
                Some(Source::Hook(key)) => self.hooks.ready(self.poll.registry(), key),
                Some(Source::WallClock) => self.look_at_wall_clock(),
                Some(Source::Probe(key)) => self.prober.ready(self.poll.registry(), self.now, key),
                Some(Source::HttpConnection(key)) => {
                    let is_gone = event.is_write_closed();
                    self.with_http(|http, registry, now| http.ready(registry, now, key, is_gone));
                }
                Some(
                    Source::Signals
                    | Source::Pipe(_)
                    | Source::ConsoleInput
                    | Source::ConsoleOutput
                    | Source::VoiceOut
                    | Source::VoiceErr,
                )
                | None => {}
            }
        }
        self.serve_probes();
        self.read_memory();
        self.serve_hooks();
        self.answer_http();
        self.pipes.pump(self.poll.registry());
        self.report_heard();
        self.serve_heartbeats();
        self.serve_followers();
    }

    /// Nothing that was said in a turn waits for the next.
    fn end_turn(&mut self) {
        self.refresh_watch();
        self.serve_watchers();
        self.documents.let_go(self.now);
        self.report_to_service_manager();
        for line in self.pipes.take_console_lines() {
            self.console.warn(&line);
        }
        if let Some(left) = self.supervisor.remaining() {
            self.console.count_down(left);
        }
        self.console.flush(self.poll.registry());
        self.journal.write_pending();
    }

    fn take_signals(&mut self) {
        for notice in self.signals.drain() {
            match notice {
                Notice::ChildEnded => self.has_unreaped = true,
                Notice::Shutdown(signal) => {
                    log::info!("SIG{signal}: shutting down");
                    if self.outcome.is_some() {
                        self.hooks.give_up();
                    }
                    self.handle(Event::ShutdownSignal);
                }
                Notice::Hangup => self.hangup(),
                Notice::Resized => self.console.resized(),
                Notice::Continued => self.console.continued(),
                Notice::Reopen => {
                    log::info!("SIGUSR2: reopening log files");
                    self.reopen_logs();
                }
            }
        }
    }

    fn reopen_logs(&mut self) {
        self.pipes.reopen();
        self.journal.reopen();
    }

    /// SIGHUP comes from a terminal that closes, unless nohup said not to care, or from somebody who
    /// wants the configuration to be read again.
    fn hangup(&mut self) {
        match (self.signals.hangup_was_ignored(), self.console.terminal_is_gone()) {
            (true, _) => log::info!("SIGHUP is ignored, as it was when we were started"),
            (false, true) => {
                log::info!("the terminal is gone: shutting down");
                self.shut_down();
            }
            (false, false) => {
                self.reload_unasked();
            }
        }
    }

    /// Reaps those who have ended, in several turns if they are many; one SIGCHLD for all of them is
    /// enough. A process's last words are in its log before its end is told.
    fn reap(&mut self) {
        let until = self.clock.now() + BATCH_TIME;
        self.has_unreaped = false;
        let mut lull = Lull::default();
        while let Some(reaped) = self.processes.reap(self.now) {
            lull.note();
            self.usages.forget(reaped.pid);
            self.note_end(&reaped);
            self.handle(Event::Exited { run: reaped.run, status: reaped.status });
            self.note_exit(reaped.run);
            if self.clock.now() >= until {
                self.has_unreaped = true;
                break;
            }
        }
        self.note_ended_helpers();
    }

    /// A graceful shutdown that nobody insists on; asked for twice it is no more urgent.
    fn shut_down(&mut self) {
        let request = self.faces.next_request();
        self.handle(Event::Order { request, order: Order::Shutdown });
    }

    /// One event into the core, and all its effects out.
    fn handle(&mut self, event: Event) {
        self.documents.note(&event);
        self.supervisor.handle(self.now, event);
        self.perform_actions();
    }

    fn greet(&mut self) {
        let programs = match self.supervisor.programs().count() {
            1 => "1 program".to_owned(),
            count => format!("{count} programs"),
        };
        let at = match self.http.address() {
            Some(address) if self.http.is_bound() => format!("dashboard at http://{address}"),
            Some(_) | None => "no dashboard".to_owned(),
        };
        self.console.greet(&format!(
            "taskmaster {}: {programs} from {}; {at}; 'help' lists the commands",
            env!("CARGO_PKG_VERSION"),
            self.config_name.display(),
        ));
    }

    /// Ends the checks and hooks that are under way, and sees them go: who looks when we have ended finds
    /// nothing of ours.
    fn end_helpers(&mut self) {
        let groups = self.processes.kill_helpers();
        let deadline = self.clock.now() + HELPERS_PATIENCE;
        while !self.processes.see_off(&groups, self.clock.now()) && self.clock.now() < deadline {
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    fn leave(&mut self, outcome: Outcome) {
        self.send_rest();
        self.end_helpers();
        self.pipes.drain_all(self.poll.registry());
        if let Outcome::Abandoned(count) = outcome {
            let text = match count {
                1 => "1 process could not be ended and is left behind".to_owned(),
                count => format!("{count} processes could not be ended and are left behind"),
            };
            log::error!("{text}");
            self.console.warn(&text);
        }
        log::info!("shutdown complete");
        self.console.finish();
        self.journal.write_pending();
    }
}
