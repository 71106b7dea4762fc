//! The states of an instance: supervisord's seven, with the steps inside two of them.

use std::fmt;

/// What an instance is. Read it beside its [`Goal`], what it is meant to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum State {
    /// Never started, or stopped by a command.
    Stopped,
    /// On its way up.
    Starting(Launch),
    /// Has lived for its starttime.
    Running,
    /// Waits before the next try.
    Backoff,
    /// On its way down by a command.
    Stopping(Ending),
    /// Ended by itself, and its policy leaves it so.
    Exited,
    /// Could not be started; nobody tries any more.
    Fatal,
}

/// The steps of STARTING.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Launch {
    /// Waits for what it depends on; there is no process yet.
    Held,
    /// Waits for its turn, by its program's start_interval.
    Delayed,
    /// Waits in the spawn queue.
    Queued,
    /// Handed out to be spawned; whether that worked is not known yet.
    Requested,
    /// The process lives, for less than starttime so far.
    Alive,
}

/// The steps of STOPPING.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Ending {
    /// Lives on until those that depend on it are down.
    Held,
    /// To be stopped as soon as it is known whether the spawn worked.
    Unborn,
    /// Asked by its stopsignal.
    Terminating,
    /// SIGKILL was sent.
    Killing,
    /// SIGKILL had no effect for a while: uninterruptible in the kernel, or traced.
    Stuck,
}

/// What an instance is meant to be; the last wish wins (dinit keeps the same pair).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Goal {
    /// To have a process, by its restart policy.
    Up,
    /// To have none.
    Down,
    /// To have none until its schedule says so.
    Later,
    /// To have none, and then not to be there any more: a reload or `scale` took it away.
    Gone,
}

impl Goal {
    /// Without a process; what is to be gone stays so.
    pub(super) fn lowered(self) -> Goal {
        match self {
            Goal::Up | Goal::Down | Goal::Later => Goal::Down,
            Goal::Gone => Goal::Gone,
        }
    }
}

impl State {
    /// The names of the seven states, in the order of their severity-free life cycle.
    pub const NAMES: [&'static str; 7] =
        ["STOPPED", "STARTING", "RUNNING", "BACKOFF", "STOPPING", "EXITED", "FATAL"];

    /// supervisord's name of the state.
    pub fn name(self) -> &'static str {
        State::NAMES[self.ordinal()]
    }

    /// Position in [`State::NAMES`].
    pub fn ordinal(self) -> usize {
        match self {
            State::Stopped => 0,
            State::Starting(_) => 1,
            State::Running => 2,
            State::Backoff => 3,
            State::Stopping(_) => 4,
            State::Exited => 5,
            State::Fatal => 6,
        }
    }

    /// Whether there is a process, or may be one any moment.
    pub fn is_occupied(self) -> bool {
        match self {
            State::Starting(Launch::Requested | Launch::Alive) | State::Running | State::Stopping(_) => true,
            State::Stopped
            | State::Starting(Launch::Held | Launch::Delayed | Launch::Queued)
            | State::Backoff
            | State::Exited
            | State::Fatal => false,
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}
