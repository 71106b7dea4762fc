//! What a rolling restart may do and when, from the facts about its instances: the next batch not
//! before all of the last are up and ready, and none after a failure.

use std::collections::BTreeSet;
use std::time::Duration;

use taskmaster::command::{Order, RequestId, Target};
use taskmaster::config::Kind;
use taskmaster::slots::Key;
use taskmaster::supervisor::Event;
use taskmaster::time::Time;

use crate::answers::{Asked, answered};
use crate::reference::Expected;
use crate::world::{Kept, World};

/// How long something may run without being ready, beside what its checks take.
const PATIENCE: Duration = Duration::from_secs(60);

/// One rolling restart.
pub struct Roll {
    request: RequestId,
    batch: usize,
    /// Not restarted yet, the next first.
    pending: Vec<Key>,
    /// Restarted, and waited for.
    current: Vec<Turn>,
    /// Restarted, and up since.
    done: Vec<Turn>,
    has_failed: bool,
}

/// Who waits for his turn, as far as anybody was told.
#[derive(Default)]
pub struct Turns {
    waiting: BTreeSet<Key>,
    told: BTreeSet<Key>,
}

impl Turns {
    /// Whether this one waits is news.
    pub fn news(&mut self, key: Key) {
        self.told.insert(key);
    }
}

/// An instance whose turn has come.
#[derive(Clone, Copy)]
struct Turn {
    key: Key,
    /// How often it had come back by itself when its turn came.
    comebacks: u32,
    /// It has been up and ready.
    was_well: bool,
    unready_since: Option<Time>,
}

enum Fate {
    Comes,
    Unready,
    Well,
    Left,
    Failed,
}

impl World<'_> {
    /// `restart --rolling` of these instances, all of one program.
    pub fn roll(&mut self, batch: u32, target: &str, keys: &[Key]) -> Kept {
        self.play(|| format!("roll {batch} {target}"));
        self.think_of_the_past();
        let order = Order::RestartRolling { batch, targets: vec![Target::parse(target)] };
        let names = answered(&order, keys.iter().map(|key| self.expected[key].name.clone()), &self.programs);
        let request = self.answers.open(names.into_iter(), Asked::Roll);
        if self.way_out.is_open() {
            let mut pending: Vec<Key> =
                keys.iter().copied().filter(|key| !self.expected[key].is_gone).collect();
            pending.iter().for_each(|key| self.leave_rolls(*key));
            pending.sort_by_key(|key| (self.expected[key].is_ready(), self.expected[key].number));
            let batch = batch as usize;
            let (current, done) = (Vec::new(), Vec::new());
            self.rolls.push(Roll { request, batch, pending, current, done, has_failed: false });
        }
        self.handle(Event::Order { request, order })
    }

    /// All that a roll is about to restart, or waits for.
    pub fn keys_in_rolls(&self) -> Vec<Key> {
        let keys = |roll: &Roll| {
            let current: Vec<Key> = roll.current.iter().map(|turn| turn.key).collect();
            [&roll.pending[..], &current].concat()
        };
        self.rolls.iter().flat_map(keys).collect()
    }

    /// Somebody else has a wish for it.
    pub fn leave_rolls(&mut self, key: Key) {
        for roll in &mut self.rolls {
            roll.pending.retain(|pending| *pending != key);
        }
    }

    /// Something has happened: what the rolls make of it.
    pub fn roll_on(&mut self) {
        if !self.way_out.is_open() {
            self.rolls.clear();
        }
        for mut roll in std::mem::take(&mut self.rolls) {
            if self.goes_on(&mut roll) {
                self.rolls.push(roll);
            }
        }
    }

    /// Every roll that should be there is waited for, and no other; and whoever waits for his turn is
    /// shown as one who does.
    pub fn compare_rolls(&mut self) -> Kept {
        let wanted: Vec<RequestId> = self.rolls.iter().map(|roll| roll.request).collect();
        let open = self.answers.open_rolls();
        if open != wanted {
            return Err(format!("rolls that go on: {open:?}, not {wanted:?}"));
        }
        let waiting: BTreeSet<Key> = self.rolls.iter().flat_map(|roll| roll.pending.clone()).collect();
        let shown = self.core.awaiting_turn();
        if shown != waiting {
            return Err(format!("{shown:?} wait for their turn, and should be {waiting:?}"));
        }
        let told = std::mem::take(&mut self.turns.told);
        let before = std::mem::replace(&mut self.turns.waiting, waiting);
        match self.turns.waiting.symmetric_difference(&before).find(|key| !told.contains(key)) {
            None => Ok(()),
            Some(key) => Err(format!("nobody is told whether {} waits for its turn", self.core.name(*key))),
        }
    }

    fn goes_on(&mut self, roll: &mut Roll) -> bool {
        loop {
            self.judge(roll);
            if roll.current.is_empty() && !roll.has_failed && !roll.pending.is_empty() {
                // Nothing more is touched while one of them is down again.
                roll.current = std::mem::take(&mut roll.done);
                self.judge(roll);
            }
            if !roll.current.is_empty() {
                return true;
            }
            if roll.has_failed || roll.pending.is_empty() {
                return false;
            }
            let is_up = |key: &Key| self.expected.get(key).is_some_and(Expected::is_ready);
            let first = is_up(&roll.pending[0]);
            let count = roll.pending.iter().take(roll.batch).take_while(|key| is_up(key) == first).count();
            for key in roll.pending.drain(..count).collect::<Vec<_>>() {
                let now = self.now;
                let Some(instance) = self.expected.get_mut(&key) else { continue };
                instance.told_to_restart(now);
                let comebacks = if instance.ending.is_some() { 0 } else { instance.comebacks };
                roll.current.push(Turn { key, comebacks, was_well: false, unready_since: None });
                self.needs_are_told_to_run(&[key]);
            }
        }
    }

    fn judge(&self, roll: &mut Roll) {
        for mut turn in std::mem::take(&mut roll.current) {
            let fate = self.expected.get(&turn.key).map_or(Fate::Left, |it| self.fate(&turn, it));
            match fate {
                Fate::Comes => roll.current.push(Turn { unready_since: None, ..turn }),
                Fate::Unready => {
                    let since = *turn.unready_since.get_or_insert(self.now);
                    let patience = PATIENCE + checks_take(&self.expected[&turn.key]);
                    match self.now < since + patience {
                        true => roll.current.push(turn),
                        false => roll.has_failed = true,
                    }
                }
                Fate::Well => {
                    roll.done.push(Turn { was_well: true, unready_since: None, ..turn });
                }
                Fate::Left => {}
                Fate::Failed => roll.has_failed = true,
            }
        }
    }

    fn fate(&self, turn: &Turn, it: &Expected) -> Fate {
        if it.is_gone || (turn.was_well && !it.is_wanted) {
            return Fate::Left;
        }
        let has_ended_well = it.ends.last().is_some_and(|(_, status)| it.is_expected(*status));
        let is_being_ended = !turn.was_well && it.ending.is_some();
        let has_ended = it.comebacks > turn.comebacks && !is_being_ended;
        if has_ended && !(turn.was_well && has_ended_well) {
            return Fate::Failed;
        }
        let is_oneshot = it.spec.governance.kind == Kind::Oneshot;
        match it.state() {
            "RUNNING" if is_oneshot => Fate::Comes,
            "RUNNING" if it.is_ready() => Fate::Well,
            "RUNNING" => Fate::Unready,
            "EXITED" if has_ended_well && (is_oneshot || turn.was_well) => Fate::Well,
            "STARTING" if it.is_owed_a_process() && self.waits_in_vain(turn.key) => Fate::Failed,
            "STARTING" | "BACKOFF" | "STOPPING" => Fate::Comes,
            _ => Fate::Failed,
        }
    }
}

fn checks_take(it: &Expected) -> Duration {
    let readiness = it.spec.governance.readiness.as_ref();
    readiness.map_or(Duration::ZERO, |it| it.start_delay + (it.interval + it.timeout) * it.retries)
}
