//! All that the core does to the world.

use std::sync::Arc;

use super::{Run, State};
use crate::command::RequestId;
use crate::config::ProgramSpec;
use crate::signal::Signal;
use crate::slots::Key;

/// An effect the core wants; drained by [`Supervisor::poll_action`](super::Supervisor::poll_action).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Send a signal to a process that has not been reaped, or to its group.
    Signal {
        /// Whose process.
        run: Run,
        /// Its pid, which is also the id of its group.
        pid: u32,
        /// What to send.
        signal: Signal,
        /// To whom.
        scope: Scope,
    },
    /// The leader is reaped: report [`GroupGone`](super::Event::GroupGone) as soon as nothing of
    /// what remains is left, which may be now; and [`StraysFound`](super::Event::StraysFound) when the
    /// group is gone and others of the run, or of earlier runs of the instance, are not.
    WatchGroup {
        /// Whose group.
        run: Run,
        /// The group's id.
        pid: u32,
        /// What counts.
        remains: Remains,
    },
    /// An instance without a process is to be down: report
    /// [`StraysFound`](super::Event::StraysFound) if processes of its earlier runs live, and
    /// [`GroupGone`](super::Event::GroupGone) as soon as there are none, which may be now.
    Sweep {
        /// The last of its runs.
        run: Run,
        /// Whether members of the groups of these runs count.
        groups: bool,
    },
    /// Look for everything that runs have left behind, and report
    /// [`Surveyed`](super::Event::Surveyed) before anything else, or
    /// [`SurveyFailed`](super::Event::SurveyFailed).
    Survey,
    /// Send a signal to the strays of a run that were found. The stopsignal goes to each of them once.
    SignalStrays {
        /// Whose.
        run: Run,
        /// What to send.
        signal: Signal,
    },
    /// One line of an answer.
    Reply {
        /// To whom.
        request: RequestId,
        /// The line, without a line end. Failures start with `ERROR `.
        line: String,
    },
    /// The answer is complete; exactly one for every order.
    Done {
        /// Whose.
        request: RequestId,
        /// False if it failed for at least one target.
        ok: bool,
    },
    /// An instance changed its state.
    Changed {
        /// Which.
        instance: Key,
        /// From what.
        from: State,
        /// To what.
        to: State,
    },
    /// What is known of a running instance's health is not what it was.
    Health {
        /// Whose.
        instance: Key,
    },
    /// An instance waits for its turn in a rolling restart from now on, or does so no more. Its state may
    /// be what it was.
    Turn {
        /// Which.
        instance: Key,
    },
    /// Something about many instances, in one line, that is worth a word to whoever looks.
    Note {
        /// The line.
        text: String,
        /// What it is about.
        subject: Subject,
    },
    /// The shutdown is over.
    Quit {
        /// Processes that could not be ended in time.
        abandoned: usize,
    },
}

/// What a line about many instances is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    /// A rolling restart has stopped; the answer to this says the same.
    Roll(RequestId),
    /// Very many instances have ended together, and their restarts are paced from now on.
    StormBegins,
    /// That is over.
    StormIsOver,
    /// A scheduled run does not begin, as the one before still goes on.
    RunSkipped,
    /// One begins, after others did not.
    RunAfterSkipped,
}

/// What must be gone before a run is over, beside its leader.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Remains {
    /// Its process group.
    pub group: bool,
    /// Processes of the run that left its group: daemons, sessions of their own.
    pub strays: bool,
}

/// Who gets a signal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// The leader only.
    Leader,
    /// Every process of the group.
    Group,
}

/// A process to start; handed out by [`Supervisor::poll_spawn`](super::Supervisor::poll_spawn).
#[derive(Clone, Debug)]
pub struct Spawn {
    /// Report its outcome under this name.
    pub run: Run,
    /// What to start.
    pub program: Arc<ProgramSpec>,
    /// Which of its instances.
    pub number: u32,
}
