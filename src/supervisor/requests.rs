//! Orders that wait until instances have settled.

use std::collections::{BTreeMap, VecDeque};

use super::{Action, Goal, Instance, State, is_expected};
use crate::command::RequestId;
use crate::config::{Kind, ProgramSpec};
use crate::slots::Key;

/// What an order wants of an instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wish {
    Up,
    Down,
    /// To be gone from the list.
    Gone,
}

/// The open orders and the instances each of them still waits for. Costs nothing when none is open.
#[derive(Clone, Debug, Default)]
pub(super) struct Requests {
    open: BTreeMap<RequestId, Open>,
    waits: BTreeMap<(Key, RequestId), Wish>,
}

#[derive(Clone, Debug)]
struct Open {
    waiting_for: usize,
    ok: bool,
}

impl Requests {
    /// Begins an order; [`Requests::close`] ends its first, immediate part.
    pub(super) fn open(&mut self, request: RequestId) {
        // The one count is the immediate part itself, so that nothing is done before it is over.
        self.open.insert(request, Open { waiting_for: 1, ok: true });
    }

    /// Everything that `request` asked for has been set going.
    pub(super) fn close(&mut self, request: RequestId, actions: &mut VecDeque<Action>) {
        self.count_down(request, actions);
    }

    /// Answers for one target at once.
    pub(super) fn reply(
        &mut self,
        request: RequestId,
        ok: bool,
        line: String,
        actions: &mut VecDeque<Action>,
    ) {
        if let Some(open) = self.open.get_mut(&request) {
            open.ok &= ok;
            actions.push_back(Action::Reply { request, line });
        }
    }

    /// `request` waits until `instance` has got what is wished, or cannot get it any more.
    pub(super) fn wait(&mut self, request: RequestId, instance: Key, wish: Wish) {
        if let Some(open) = self.open.get_mut(&request)
            && self.waits.insert((instance, request), wish).is_none()
        {
            open.waiting_for += 1;
        }
    }

    /// `instance` is in a new state: answers every order for which that settles it.
    pub(super) fn settle(
        &mut self,
        instance: Key,
        verdict: impl Fn(Wish) -> Option<(bool, String)>,
        actions: &mut VecDeque<Action>,
    ) {
        if self.waits.is_empty() {
            return;
        }
        let all = (instance, RequestId(0))..=(instance, RequestId(u64::MAX));
        let settled: Vec<_> = self
            .waits
            .range(all)
            .filter_map(|((_, request), wish)| verdict(*wish).map(|(ok, line)| (*request, ok, line)))
            .collect();
        for (request, ok, line) in settled {
            self.waits.remove(&(instance, request));
            self.reply(request, ok, line, actions);
            self.count_down(request, actions);
        }
    }

    /// Who still waits for which instance.
    pub(super) fn waiting(&self) -> Vec<(Key, RequestId)> {
        self.waits.keys().copied().collect()
    }

    /// Ends every order: nothing will settle any more.
    pub(super) fn abandon_all(&mut self, ok: bool, actions: &mut VecDeque<Action>) {
        self.waits.clear();
        for (request, open) in std::mem::take(&mut self.open) {
            actions.push_back(Action::Done { request, ok: ok && open.ok });
        }
    }

    fn count_down(&mut self, request: RequestId, actions: &mut VecDeque<Action>) {
        let Some(open) = self.open.get_mut(&request) else { return };
        open.waiting_for -= 1;
        if open.waiting_for == 0 {
            actions.push_back(Action::Done { request, ok: open.ok });
            self.open.remove(&request);
        }
    }
}

/// What an instance's state means for a wish: `None` is not settled yet, otherwise whether the wish
/// came true, and the line that says so.
pub(super) fn verdict(wish: Wish, instance: &Instance, spec: &ProgramSpec) -> Option<(bool, String)> {
    let say = |ok: bool, text: &str| {
        let error = if ok { "" } else { "ERROR " };
        Some((ok, format!("{error}{}:{}: {text}", spec.name, instance.number)))
    };
    let is_oneshot = spec.governance.kind == Kind::Oneshot;
    let ended = |done: &str| match instance.strays() {
        0 => done.to_owned(),
        1 => format!("{done} (1 stray ended)"),
        count => format!("{done} ({count} strays ended)"),
    };
    match (wish, instance.state) {
        // What is meant to end has done what it was started for when it has ended well.
        (Wish::Up, State::Running) if is_oneshot => None,
        (Wish::Up, State::Running) => say(true, "started"),
        (Wish::Up, State::Fatal) => say(false, &instance.failure_reason(spec)),
        (Wish::Up, State::Exited) if is_oneshot => match instance.last_exit() {
            Some(exit) if is_expected(spec, exit) => say(true, &format!("started, and done ({exit})")),
            Some(exit) => say(false, &format!("failed ({exit})")),
            None => say(false, "failed"),
        },
        (Wish::Up, State::Exited) => say(false, "ended before it was running"),
        // A restart passes through STOPPED; only one that is meant to stay there is the end of it.
        (Wish::Up, State::Stopped) if instance.goal != Goal::Up => {
            say(false, "stopped before it was running")
        }
        (Wish::Gone, State::Stopped | State::Exited | State::Fatal) if instance.goal == Goal::Gone => {
            say(true, &ended("removed"))
        }
        (Wish::Down | Wish::Gone, State::Stopped | State::Exited | State::Fatal) => {
            say(true, &ended("stopped"))
        }
        (Wish::Up, State::Stopped | State::Starting(_) | State::Backoff | State::Stopping(_))
        | (
            Wish::Down | Wish::Gone,
            State::Starting(_) | State::Running | State::Backoff | State::Stopping(_),
        ) => None,
    }
}
