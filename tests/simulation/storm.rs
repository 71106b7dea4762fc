//! How many may come again by themselves in a time: a bucket, told as the debt of those that went.

use std::time::Duration;

use taskmaster::config::RestartStorm;
use taskmaster::slots::Key;
use taskmaster::time::Time;

use crate::world::Kept;

pub struct Storm {
    pace: Option<RestartStorm>,
    /// The time that those who went have used up, as of `at`.
    debt: Duration,
    at: Time,
    is_on: bool,
    /// Those that wait, in the order in which they came.
    line: Vec<Key>,
}

impl Storm {
    pub fn new(pace: Option<RestartStorm>) -> Storm {
        Storm { pace, debt: Duration::ZERO, at: Time::ZERO, is_on: false, line: Vec::new() }
    }

    /// The file says something else.
    pub fn adopt(&mut self, pace: Option<RestartStorm>) {
        self.pace = pace;
    }

    fn pay(&mut self, now: Time) {
        self.debt = self.debt.saturating_sub(now - self.at);
        self.at = now;
    }

    /// Whether one more may go.
    pub fn has_room(&mut self, now: Time) -> bool {
        self.pay(now);
        self.pace.is_none_or(|pace| self.debt + step(pace) <= step(pace) * pace.burst)
    }

    /// It waits. One of a program with turns of its own may leave the line for those.
    pub fn waits(&mut self, key: Key, has_turns: bool) -> Kept {
        if self.pace.is_none() {
            return Err("something waits in a storm, but nothing is paced".to_owned());
        }
        if !has_turns {
            self.line.push(key);
        }
        Ok(())
    }

    /// It goes; by itself, or because somebody wants it.
    pub fn goes(&mut self, now: Time, key: Key, by_itself: bool) -> Kept {
        let place = self.line.iter().position(|other| *other == key);
        place.map(|at| self.line.remove(at));
        if !by_itself {
            return Ok(());
        }
        if place.is_some_and(|at| at > 0) {
            return Err("one that came later is let go before one that came earlier".to_owned());
        }
        if !self.has_room(now) {
            return Err("more come again than restart_storm allows".to_owned());
        }
        self.debt += self.pace.map_or(Duration::ZERO, step);
        Ok(())
    }

    /// It does not wait any more.
    pub fn leaves(&mut self, key: Key) {
        self.line.retain(|other| *other != key);
    }

    pub fn begins(&mut self) -> Kept {
        if std::mem::replace(&mut self.is_on, true) {
            Err("a second storm in one".to_owned())
        } else {
            Ok(())
        }
    }

    pub fn is_over(&mut self, now: Time) -> Kept {
        self.pay(now);
        let is_right = self.is_on && self.line.is_empty() && (self.debt.is_zero() || self.pace.is_none());
        self.is_on = false;
        if is_right { Ok(()) } else { Err("a storm is said to be over, and is not".to_owned()) }
    }
}

fn step(pace: RestartStorm) -> Duration {
    Duration::from_secs(1) / pace.rate
}
