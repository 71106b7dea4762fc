//! What may be expected of a shutdown: who may be ended when, and when it must be over.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use taskmaster::slots::Key;
use taskmaster::time::Time;

use crate::reference::Expected;

/// What everybody of one priority gets beyond the longest stoptime before the next may end.
pub const GRACE: Duration = Duration::from_secs(10);

/// When a shutdown began, and when a second signal made it a hard one.
#[derive(Default)]
pub struct WayOut {
    since: Option<Time>,
    /// A signal asked for it; an order, asked for however often, makes nothing hard.
    has_signal: bool,
    hard_since: Option<Time>,
}

impl WayOut {
    /// Nobody has asked for a shutdown.
    pub fn is_open(&self) -> bool {
        self.since.is_none()
    }

    pub fn is_hard(&self) -> bool {
        self.hard_since.is_some()
    }

    pub fn begin(&mut self, now: Time, expected: &mut BTreeMap<Key, Expected>) {
        self.since = Some(now);
        for instance in expected.values_mut() {
            instance.told_of_shutdown();
        }
    }

    pub fn signal(&mut self, now: Time, expected: &mut BTreeMap<Key, Expected>) {
        let is_second = std::mem::replace(&mut self.has_signal, true);
        if self.is_open() {
            self.begin(now, expected);
        } else if is_second && self.hard_since.is_none() {
            self.hard_since = Some(now);
            for instance in expected.values_mut() {
                instance.end_hard(now);
            }
        }
    }

    /// During a graceful shutdown the supervisor decides when an instance's turn has come; it may
    /// when those of a higher priority number are down, or have had their time.
    pub fn may_end(&self, now: Time, key: Key, expected: &mut BTreeMap<Key, Expected>) -> Result<(), String> {
        let Some(since) = self.since.filter(|_| expected[&key].ending.is_none()) else { return Ok(()) };
        let tier = expected[&key].tier;
        let has_its_time = |other: &Expected| {
            other
                .ending
                .as_ref()
                .is_none_or(|ending| now < ending.since.max(since) + other.spec.stoptime + GRACE)
        };
        let in_front =
            expected.values().find(|other| other.is_there() && other.tier > tier && has_its_time(other));
        if let Some(other) = in_front {
            return Err(format!("{} ends before {}", expected[&key].name, other.name));
        }
        expected.entry(key).and_modify(|instance| match instance.may_have_left_something() {
            true => instance.end_what_is_left(now),
            false => instance.end(now),
        });
        Ok(())
    }

    /// Processes may be left behind only when they had their time.
    pub fn may_quit(&self, now: Time, abandoned: usize) -> Result<(), String> {
        match self.hard_since.or(self.since) {
            None => Err("it quits, but nobody asked for that".to_owned()),
            Some(since) if abandoned > 0 && now < since + GRACE => {
                Err(format!("it leaves {abandoned} processes behind too early"))
            }
            Some(_) => Ok(()),
        }
    }

    /// When it must be over, if everything is reported at once from now on. A second signal counts
    /// anew, because whoever was still spared gets his time after SIGKILL.
    pub fn end(&self, now: Time, expected: &BTreeMap<Key, Expected>) -> Time {
        if let Some(hard_since) = self.hard_since {
            return now.max(hard_since + GRACE);
        }
        let tiers: BTreeSet<i32> = expected.values().map(|instance| instance.tier).collect();
        let longest = expected.values().map(|instance| instance.spec.stoptime).max().unwrap_or_default();
        // Those that need each other end one after the other.
        let programs: BTreeSet<&str> = expected.values().map(|it| it.spec.name.as_str()).collect();
        // Strays get a time of their own, counted from when they are found.
        now + (longest + GRACE) * 2 * tiers.len() as u32 * programs.len().max(1) as u32
    }
}
