//! What users can say, whichever way it reaches us: one definition for the console, scripts and
//! (later) the control socket.

mod complete;
mod flags;
mod foreign;
mod parse;
pub mod table;
mod target;

pub use complete::{Completion, Names, complete};
pub use flags::Flag;
pub(crate) use foreign::translate;
pub(crate) use parse::nearest;
pub use parse::{LINE_BYTES_MAX, ParseError, parse};
pub use target::{Share, Target};

use std::fmt;

use crate::signal::Signal;

/// Names one order until its answer is done. Never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestId(pub u64);

/// One parsed line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Changes something: a matter for the supervisor.
    Order(Order),
    /// Apply what the configuration file says by now.
    Reload,
    /// Changes nothing that is supervised: answered at once, without the core.
    Query(Query),
}

/// A wish that changes something. It may take a while until it is done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Order {
    /// Bring up.
    Start(Vec<Target>),
    /// Bring down.
    Stop(Vec<Target>),
    /// Bring down if up, then up.
    Restart(Vec<Target>),
    /// The same, a few at a time: the next when the last are up and ready, until one fails.
    RestartRolling {
        /// So many at a time; at least one.
        batch: u32,
        /// Whom.
        targets: Vec<Target>,
    },
    /// Send a signal to the processes.
    Signal(Signal, Vec<Target>),
    /// Give this program another number of instances until the next reload.
    Scale(String, u32),
    /// Stop everything, then leave.
    Shutdown,
}

/// How much the console tells unasked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Verbosity {
    /// Nothing.
    None,
    /// What goes wrong, and that it goes well again.
    #[default]
    Problems,
    /// Every change that lasts.
    All,
}

impl Verbosity {
    const ALL: [Verbosity; 3] = [Verbosity::None, Verbosity::Problems, Verbosity::All];

    /// By its name.
    pub fn parse(name: &str) -> Option<Verbosity> {
        Verbosity::ALL.into_iter().find(|verbosity| verbosity.to_string() == name)
    }
}

impl fmt::Display for Verbosity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Verbosity::None => "none",
            Verbosity::Problems => "problems",
            Verbosity::All => "all",
        })
    }
}

/// Which logs `tail` shows, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tail {
    /// Whose.
    pub targets: Vec<Target>,
    /// Whether stderr is meant, not stdout.
    pub is_stderr: bool,
    /// How many of the last lines.
    pub lines: usize,
    /// Whether what is written from now on follows, until the asker leaves.
    pub follow: bool,
}

/// A question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Query {
    /// The table of instances; no target means all.
    Status(Vec<Target>),
    /// The table for a person, as wide as so many columns.
    Overview(Vec<Target>, usize),
    /// The same, refreshed in place.
    Watch(Vec<Target>),
    /// Why instances are in their states.
    Why(Vec<Target>),
    /// Process ids; no target means the supervisor's own.
    Pid(Vec<Target>),
    /// The list of commands, or one of them in detail.
    Help(Option<&'static table::Row>),
    /// What a reload would do.
    Plan,
    /// The end of log files.
    Tail(Tail),
    /// Open all log files anew.
    Reopen,
    /// What the console tells unasked, or is to tell from now on.
    Messages(Option<Verbosity>),
    /// The version of the supervisor.
    Version,
}
