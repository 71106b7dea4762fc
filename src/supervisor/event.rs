//! All that can happen to the core.

use std::fmt;

use super::Probe;
use crate::command::{Order, RequestId};
use crate::config::Plan;
use crate::signal::Signal;
use crate::slots::Key;

/// One process of one instance. A late report about an earlier process does not fit it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Run {
    /// The instance.
    pub instance: Key,
    /// Counts its spawns, from 1.
    pub incarnation: u32,
}

/// Living processes that a run has left, or that have left their parents while it lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Leftover {
    /// The run that they come from.
    pub run: Run,
    /// How many are in its process group.
    pub group: u32,
    /// How many are not.
    pub strays: u32,
}

/// How a process ended, as waitpid(2) tells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ExitStatus {
    /// It called exit with this code, 0 to 255.
    Code(i32),
    /// A signal ended it.
    Signal {
        /// Which.
        signal: Signal,
        /// Whether it left a core dump.
        core_dumped: bool,
    },
}

/// `exit code 1`, `killed by SIGSEGV (core dumped)`.
impl fmt::Display for ExitStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ExitStatus::Code(code) => write!(f, "exit code {code}"),
            ExitStatus::Signal { signal, core_dumped: false } => write!(f, "killed by SIG{signal}"),
            ExitStatus::Signal { signal, core_dumped: true } => {
                write!(f, "killed by SIG{signal} (core dumped)")
            }
        }
    }
}

/// An event for [`Supervisor::handle`](super::Supervisor::handle).
#[derive(Clone, Debug)]
pub enum Event {
    /// Supervision begins: programs with autostart start.
    Boot,
    /// Time has passed: fires every deadline that is due. Superfluous ticks are no-ops.
    Tick,
    /// A spawn that was handed out worked.
    Spawned {
        /// Which spawn.
        run: Run,
        /// Its process id, and the id of its process group.
        pid: u32,
    },
    /// A spawn that was handed out failed.
    SpawnFailed {
        /// Which spawn.
        run: Run,
        /// Why, for people: `cannot find the program "x"`.
        reason: String,
    },
    /// A process (a group's leader) was reaped.
    Exited {
        /// Which.
        run: Run,
        /// How it ended.
        status: ExitStatus,
    },
    /// The group that was watched is gone (or does not count), but others of the run are alive.
    StraysFound {
        /// The run that they come from.
        run: Run,
        /// How many were not known before.
        count: u32,
    },
    /// Nothing is left of what the core asked to be watched.
    GroupGone {
        /// The run whose leader led it.
        run: Run,
    },
    /// So much memory does a running process use that may not use very much.
    Measured {
        /// Which process.
        run: Run,
        /// Its resident bytes.
        resident: u64,
    },
    /// The answer to [`Survey`](super::Action::Survey). It may be given unasked.
    Surveyed {
        /// Of every run that has left processes, how many.
        found: Vec<Leftover>,
    },
    /// The answer to [`Survey`](super::Action::Survey) if nobody can be looked for now.
    SurveyFailed,
    /// A check of a running process came to an end.
    Probed {
        /// Whose process.
        run: Run,
        /// Which of its checks.
        probe: Probe,
        /// What it found: why it is not well, for people.
        outcome: Result<(), String>,
    },
    /// Somebody wants something; answered by replies and exactly one done.
    Order {
        /// Whom the answers are for.
        request: RequestId,
        /// What is wanted.
        order: Order,
    },
    /// The configuration has changed; answered like an order.
    Reload {
        /// Whom the answers are for.
        request: RequestId,
        /// What leads from the configuration in force to the new one.
        plan: Box<Plan>,
    },
    /// The next time of a program's schedule is another one.
    Planned {
        /// The program's name.
        program: String,
        /// When it is, in words; `None` if it has no more.
        next: Option<String>,
    },
    /// A time of a program's schedule has come.
    Due {
        /// The program's name.
        program: String,
    },
    /// TERM, INT or QUIT arrived: the first is a graceful shutdown, a second one kills.
    ShutdownSignal,
}
