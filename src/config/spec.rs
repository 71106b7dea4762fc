//! The values of a configuration.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::governance::{Governance, RestartDelay};
use super::hooks::HookSpec;
use super::identity::Identity;
use super::pattern::Pattern;
use super::probes::{Check, ProbeSpec};
use super::storm::RestartStorm;
use super::template::Template;
use crate::signal::Signal;

/// A whole `config.yaml`.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// In the order of the file.
    pub programs: Vec<Arc<ProgramSpec>>,
    /// The `taskmaster:` section.
    pub supervisor: SupervisorSpec,
}

/// One entry of `programs:`.
#[derive(Clone, Debug, PartialEq)]
pub struct ProgramSpec {
    /// `[A-Za-z0-9_.-]+`, not `all`.
    pub name: String,
    /// The program and its arguments; at least one, the first not empty.
    pub cmd: Vec<Template>,
    /// How many instances, `NAME:0` to `NAME:numprocs-1`.
    pub numprocs: u32,
    /// Absolute.
    pub workingdir: Template,
    /// `None` inherits the supervisor's own.
    pub umask: Option<u32>,
    /// Whether its instances start with the supervisor.
    pub autostart: bool,
    /// What follows an exit while RUNNING.
    pub autorestart: Autorestart,
    /// Exit codes that are expected; death by a signal never is.
    pub exitcodes: Vec<i32>,
    /// Retries after the first failed start, before FATAL.
    pub startretries: u32,
    /// How long an instance must live to be RUNNING; zero means at once.
    pub starttime: Duration,
    /// The signal that asks it to stop.
    pub stopsignal: Signal,
    /// How long it has after `stopsignal`, until SIGKILL.
    pub stoptime: Duration,
    /// Where its standard output goes; never [`Output::Stdout`].
    pub stdout: Output,
    /// Where its standard error goes.
    pub stderr: Output,
    /// When stdout's file is rotated, and what is kept.
    pub stdout_rotation: Rotation,
    /// The same for stderr's file.
    pub stderr_rotation: Rotation,
    /// What a line looks like in the log files.
    pub log_format: LogFormat,
    /// What happens to output that the disk refuses.
    pub log_full: LogFull,
    /// Added to the inherited environment, in the order of the file.
    pub env: Vec<(String, Template)>,
    /// Whether `stopsignal` goes to the whole process group.
    pub stopasgroup: bool,
    /// Whether SIGKILL goes to the whole process group, and STOPPED waits for all of it to be gone.
    pub killasgroup: bool,
    /// When processes of a run that left its group are ended.
    pub kill_strays: KillStrays,
    /// Lower starts first and stops last.
    pub priority: i32,
    /// The wait before every restart and retry; `None`: restarts are immediate and retry k waits k
    /// seconds.
    pub restart_delay: Option<RestartDelay>,
    /// Who it is and what it may use.
    pub identity: Identity,
    /// What governs it beyond its restart policy.
    pub governance: Governance,
}

/// Up to so many instances, a discarded stderr still goes through a pipe, so that `why` can show its
/// last lines. Beyond that the descriptors are worth more.
const HEARD_INSTANCES_MAX: u32 = 64;

impl ProgramSpec {
    /// Whether the last lines of its stderr are kept in memory although it is discarded.
    pub fn hears_discarded_stderr(&self) -> bool {
        let is_worth_it = self.numprocs <= HEARD_INSTANCES_MAX || self.is_listened_to();
        self.stderr == Output::Discard && is_worth_it
    }

    /// Whether its stdout goes through a pipe although it is discarded: a line of it is waited for.
    pub fn hears_discarded_stdout(&self) -> bool {
        self.stdout == Output::Discard && self.is_listened_to()
    }

    /// Whether lines of its output are held against an expression.
    fn is_listened_to(&self) -> bool {
        self.awaited_line().is_some() || self.heartbeat().is_some()
    }

    /// What a line of its output has to match before it is ready.
    pub fn awaited_line(&self) -> Option<&Pattern> {
        expression(self.governance.readiness.as_ref())
    }

    /// What a line of its output has to match in each interval.
    pub fn heartbeat(&self) -> Option<&Pattern> {
        expression(self.governance.liveness.as_ref())
    }
}

fn expression(probe: Option<&ProbeSpec>) -> Option<&Pattern> {
    match &probe?.check {
        Check::Log(pattern) => Some(pattern),
        Check::Exec(_) | Check::Tcp(_) | Check::Http(_) => None,
    }
}

/// `autorestart`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Autorestart {
    /// Restart after every exit.
    Always,
    /// Restart unless the exit code is one of `exitcodes`.
    Unexpected,
    /// Leave it EXITED.
    Never,
}

impl Autorestart {
    /// As it is written in a configuration.
    pub fn name(self) -> &'static str {
        match self {
            Autorestart::Always => "always",
            Autorestart::Unexpected => "unexpected",
            Autorestart::Never => "never",
        }
    }
}

/// `kill_strays`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KillStrays {
    /// With a stop.
    Stop,
    /// With a stop, and before whatever follows an exit.
    Always,
    /// They live on.
    Never,
}

/// Where a child's output stream goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// Appended to this file (absolute).
    File(Template),
    /// `none`: to /dev/null.
    Discard,
    /// `inherit`: to the supervisor's own stream.
    Inherit,
    /// `stdout`, for stderr only: into stdout's pipe, in order.
    Stdout,
}

/// When a log file is rotated, and what is kept: `NAME.1` is the newest backup.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rotation {
    /// Size in bytes that a file does not exceed by more than one line; 0 = never rotated.
    pub max_bytes: u64,
    /// Backups kept; 0 = the file is emptied instead.
    pub backups: u32,
}

impl Rotation {
    /// What programs get unless their `*_maxbytes` and `*_backups` say otherwise (supervisord's
    /// defaults).
    pub const DEFAULT: Rotation = Rotation { max_bytes: 50 << 20, backups: 10 };
    /// The file grows for ever.
    pub const NEVER: Rotation = Rotation { max_bytes: 0, backups: 0 };
}

/// `log_format`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// The bytes as they were written.
    Raw,
    /// RFC 3339 UTC, two spaces, the line.
    Timestamp,
    /// One JSON object a line: time, process, stream, message.
    Json,
}

/// `log_full`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFull {
    /// The output is dropped, counted, and the loss is shown.
    Drop,
    /// The program's pipe is not read until the disk takes more.
    Block,
}

/// `http_logs`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HttpLogs {
    /// The supervisor's own user and root, from this machine.
    SameUser,
    /// Whoever reaches the dashboard.
    All,
    /// Nobody.
    None,
}

/// The `taskmaster:` section: the supervisor itself.
#[derive(Clone, Debug, PartialEq)]
pub struct SupervisorSpec {
    /// Where the dashboard listens; `None` when off.
    pub http: Option<std::net::SocketAddr>,
    /// The control socket (absolute).
    pub socket: PathBuf,
    /// Who may read logs over TCP.
    pub http_logs: HttpLogs,
    /// Host names, beyond the local ones, that the dashboard answers to.
    pub allowed_hosts: Vec<String>,
    /// The supervisor's own log (absolute).
    pub logfile: PathBuf,
    /// Bytes at which it is rotated; 0 = never.
    pub logfile_maxbytes: u64,
    /// Rotated files kept; 0 = the file is truncated instead.
    pub logfile_backups: u32,
    /// Least severe level that is logged.
    pub loglevel: log::LevelFilter,
    /// How restarts are paced when very many instances end together; `None`: they are not.
    pub restart_storm: Option<RestartStorm>,
    /// Who is told when something goes wrong.
    pub on_event: Vec<HookSpec>,
}
