//! `restart --rolling`: a few at a time, the next only when the last are RUNNING and ready, and no more
//! after the first that fails.
//!
//! A roll waits for nothing but changes of its own instances, which it looks at after every event while
//! there is one; its one deadline is for what runs and does not become ready. The last wish wins: an
//! instance that somebody stops, restarts or removes before its turn has come leaves the roll.

use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;

use super::requests::{Wish, verdict};
use super::{Action, Goal, Launch, State, Subject, Supervisor, is_expected};
use crate::command::{RequestId, Target};
use crate::config::ProgramSpec;
use crate::slots::Key;
use crate::time::Time;

/// How long something may be RUNNING without being ready until the roll has failed, beyond what its
/// `readiness` takes for all of its retries. Long enough for slow starters, and an end for scripts.
const READY_PATIENCE: Duration = Duration::from_secs(60);

/// The rolling restarts that are under way. Costs nothing when there is none.
#[derive(Clone, Debug, Default)]
pub(super) struct Rolls(Vec<Roll>);

#[derive(Clone, Debug)]
struct Roll {
    request: RequestId,
    batch: usize,
    /// Those whose turn has not come.
    pending: VecDeque<Key>,
    /// Those that are to be RUNNING and ready before the next get their turn.
    current: Vec<Member>,
    /// Those that have been.
    done: Vec<Member>,
    /// Who failed, and why.
    failure: Option<(String, String)>,
    /// When the first of the current ones has been RUNNING without being ready for too long.
    deadline: Option<Time>,
}

/// An instance whose turn has come.
#[derive(Clone, Copy, Debug)]
struct Member {
    key: Key,
    /// Its automatic restarts before; one more is an end of the fresh process.
    restarts: u32,
    /// Whoever asked has been told of it.
    is_told: bool,
    /// It is RUNNING and not ready, since then.
    unready_since: Option<Time>,
}

/// What has become of a member.
enum Fate {
    Comes {
        is_unready: bool,
    },
    /// Up and ready, or done: the line that says so.
    Well(String),
    /// Somebody has taken it away.
    Left,
    Failed(String),
}

impl Rolls {
    /// All that are to be restarted, or are.
    pub(super) fn keys(&self) -> impl Iterator<Item = Key> {
        self.0
            .iter()
            .flat_map(|roll| roll.pending.iter().copied().chain(roll.current.iter().map(|member| member.key)))
    }

    /// Those whose turn has not come.
    fn pending(&self) -> impl Iterator<Item = Key> {
        self.0.iter().flat_map(|roll| roll.pending.iter().copied())
    }

    pub(super) fn next_deadline(&self) -> Option<Time> {
        self.0.iter().filter_map(|roll| roll.deadline).min()
    }
}

impl Supervisor {
    /// Those that wait for their turn in a rolling restart, whatever their state.
    pub fn awaiting_turn(&self) -> BTreeSet<Key> {
        self.rolls.pending().collect()
    }

    /// Whether one of them is this.
    pub fn awaits_turn(&self, key: Key) -> bool {
        self.rolls.pending().any(|pending| pending == key)
    }

    /// Begins a rolling restart. Of each program those that are not up come first: what cannot start
    /// is seen there, before anything that works is touched.
    pub(super) fn roll(&mut self, request: RequestId, batch: u32, targets: &[Target]) {
        let mut pending: Vec<Key> = Vec::new();
        for key in self.resolve_or_say(request, targets) {
            match self.why_not_up(key) {
                Some(reason) => self.refuse(request, key, reason),
                None => {
                    self.leave_rolls(key, "a later rolling restart has taken it over");
                    pending.push(key);
                    self.actions.push_back(Action::Turn { instance: key });
                }
            }
        }
        let place = |key: &Key| (self.instances[*key].program, self.instances[*key].is_ready());
        let programs: Vec<u32> = pending.iter().map(|key| place(key).0).collect();
        pending.sort_by_key(|key| {
            let (program, is_ready) = place(key);
            (programs.iter().position(|other| *other == program), is_ready)
        });
        self.rolls.0.push(Roll {
            request,
            batch: usize::try_from(batch.max(1)).unwrap_or(usize::MAX),
            pending: pending.into(),
            current: Vec::new(),
            done: Vec::new(),
            failure: None,
            deadline: None,
        });
    }

    /// Another wish about this instance came before its turn: it is left to that.
    pub(super) fn leave_rolls(&mut self, key: Key, why: &str) {
        for at in 0..self.rolls.0.len() {
            let roll = &mut self.rolls.0[at];
            let Some(place) = roll.pending.iter().position(|pending| *pending == key) else { continue };
            roll.pending.remove(place);
            let request = roll.request;
            self.actions.push_back(Action::Turn { instance: key });
            self.say(request, key, &format!("not restarted: {why}"));
        }
    }

    /// Nothing starts any more.
    pub(super) fn cancel_rolls(&mut self) {
        for roll in std::mem::take(&mut self.rolls.0) {
            let untold = roll.current.iter().filter(|member| !member.is_told).map(|member| member.key);
            self.actions.extend(roll.pending.iter().map(|key| Action::Turn { instance: *key }));
            for key in untold.chain(roll.pending) {
                self.refuse(roll.request, key, "not restarted: the supervisor is shutting down");
            }
            self.requests.close(roll.request, &mut self.actions);
        }
    }

    /// Looks at every roll: whose turn is over, and whose turn has come.
    pub(super) fn advance_rolls(&mut self) {
        if self.rolls.0.is_empty() {
            return;
        }
        let mut rolls = std::mem::take(&mut self.rolls.0);
        let mut is_news = true;
        while std::mem::take(&mut is_news) {
            // A turn in one of them may be news to the others.
            rolls.retain_mut(|roll| self.advance_roll(roll, &mut is_news));
        }
        self.rolls.0 = rolls;
    }

    /// Whether it goes on.
    fn advance_roll(&mut self, roll: &mut Roll, is_news: &mut bool) -> bool {
        loop {
            self.judge_current(roll);
            if roll.current.is_empty() && roll.failure.is_none() {
                self.judge_done(roll);
            }
            let unready = roll.current.iter().filter_map(|member| {
                Some(member.unready_since? + ready_patience(self.program_of(member.key)?.spec()))
            });
            roll.deadline = unready.min();
            if !roll.current.is_empty() {
                return true;
            }
            if roll.failure.is_some() || roll.pending.is_empty() {
                self.end_roll(roll);
                return false;
            }
            self.take_turn(roll);
            *is_news = true;
        }
    }

    /// The next batch: all of one program, and all up or none.
    fn take_turn(&mut self, roll: &mut Roll) {
        let kind = |key: &Key| self.instances.get(*key).map(|it| (it.program, it.is_ready()));
        let first = roll.pending.front().and_then(kind);
        let count = roll.pending.iter().take(roll.batch).take_while(|key| kind(key) == first).count();
        let batch: Vec<Key> = roll.pending.drain(..count).collect();
        for key in batch {
            self.actions.push_back(Action::Turn { instance: key });
            self.wish_up_needs(key);
            self.replace(key);
            let Some(instance) = self.instances.get(key) else { continue };
            let restarts = match instance.state {
                // What follows an end by a wish begins to count anew.
                State::Stopping(_) => 0,
                State::Stopped
                | State::Starting(_)
                | State::Running
                | State::Backoff
                | State::Exited
                | State::Fatal => instance.restarts,
            };
            roll.current.push(Member { key, restarts, is_told: false, unready_since: None });
        }
    }

    /// Tells of those among the current ones that have settled.
    fn judge_current(&mut self, roll: &mut Roll) {
        for mut member in std::mem::take(&mut roll.current) {
            let Member { key, is_told, .. } = member;
            match self.fate(member) {
                Fate::Comes { is_unready } => {
                    let since = member.unready_since.unwrap_or(self.now);
                    member.unready_since = is_unready.then_some(since);
                    roll.current.push(member);
                }
                Fate::Well(line) => {
                    if !is_told {
                        self.requests.reply(roll.request, true, line, &mut self.actions);
                    }
                    roll.done.push(Member { is_told: true, unready_since: None, ..member });
                }
                Fate::Left if is_told => {}
                Fate::Left => self.say(roll.request, key, "not restarted: it is being removed"),
                Fate::Failed(reason) => {
                    if !is_told {
                        self.refuse(roll.request, key, &reason);
                    }
                    let name = self.name(key);
                    roll.failure.get_or_insert((name, reason));
                }
            }
        }
    }

    /// Before more are touched, all that have been restarted must be up still, or again.
    fn judge_done(&mut self, roll: &mut Roll) {
        if !roll.pending.is_empty() {
            roll.current = std::mem::take(&mut roll.done);
            self.judge_current(roll);
        }
    }

    fn fate(&self, member: Member) -> Fate {
        let key = member.key;
        let (Some(instance), Some(program)) = (self.instances.get(key), self.program_of(key)) else {
            return Fate::Left;
        };
        if instance.goal == Goal::Gone || (member.is_told && instance.goal == Goal::Down) {
            return Fate::Left;
        }
        let expected = instance.last_exit().is_some_and(|exit| is_expected(&program.spec, exit));
        let is_over = member.is_told && instance.state == State::Exited;
        // What it has come back from before its turn is forgiven when its end is over.
        let is_on_its_way_down = !member.is_told && matches!(instance.state, State::Stopping(_));
        let has_come_back = instance.restarts > member.restarts && !is_on_its_way_down;
        if (has_come_back || is_over) && !(member.is_told && expected) {
            let exit = instance.last_exit().map_or(String::new(), |exit| format!(" ({exit})"));
            let when = if member.is_told { "again after its restart" } else { "before it was ready" };
            return Fate::Failed(format!("ended {when}{exit}"));
        }
        let waits_for_it =
            matches!(instance.state, State::Starting(Launch::Held | Launch::Delayed | Launch::Queued));
        let words = |line: String| line.split_once(": ").map_or(line.clone(), |(_, words)| words.to_owned());
        match verdict(Wish::Up, instance, &program.spec) {
            None => match self.blocker(key).filter(|blocker| waits_for_it && blocker.is_hopeless) {
                Some(blocker) => Fate::Failed(self.waits_for(blocker)),
                None => Fate::Comes { is_unready: false },
            },
            Some((true, line)) => match instance.not_ready() {
                None => Fate::Well(line),
                Some(trouble) => match member.unready_since {
                    Some(since) if self.now >= since + ready_patience(&program.spec) => {
                        Fate::Failed(format!("does not become ready ({trouble})"))
                    }
                    Some(_) | None => Fate::Comes { is_unready: true },
                },
            },
            Some((false, line)) if is_over => Fate::Well(line),
            Some((false, line)) => Fate::Failed(words(line)),
        }
    }

    /// Everybody has had his turn, or nobody gets one any more.
    fn end_roll(&mut self, roll: &mut Roll) {
        let left = roll.pending.len();
        for key in std::mem::take(&mut roll.pending) {
            self.actions.push_back(Action::Turn { instance: key });
            self.say(roll.request, key, "not restarted, left as it is");
        }
        if let Some((name, reason)) = roll.failure.take() {
            let done = roll.done.len();
            let text = format!(
                "rolling restart stopped: {name} failed: {reason}; {done} restarted, {left} left as they are"
            );
            let line = format!("ERROR {text}");
            self.requests.reply(roll.request, false, line, &mut self.actions);
            self.actions.push_back(Action::Note { text, subject: Subject::Roll(roll.request) });
        }
        self.requests.close(roll.request, &mut self.actions);
    }
}

/// How long what is RUNNING gets to become ready.
fn ready_patience(spec: &ProgramSpec) -> Duration {
    let checks = spec.governance.readiness.as_ref().map_or(Duration::ZERO, |probe| {
        probe
            .start_delay
            .saturating_add((probe.interval.saturating_add(probe.timeout)).saturating_mul(probe.retries))
    });
    READY_PATIENCE.saturating_add(checks)
}
