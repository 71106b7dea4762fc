//! Liveness by `log`: in each interval a line of a process has to match, or a check has failed.
//!
//! Pure, and beside the state machine: which intervals are over is decided here, what follows from a
//! failed check there. A process costs one deadline an interval, however much it prints; once a line was
//! heard nobody has to listen until the next interval begins.

use std::collections::HashMap;
use std::time::Duration;

use super::Run;
use crate::config::{Check, ProbeSpec};
use crate::slots::Key;
use crate::time::Time;
use crate::timers::Timers;

/// All processes that have to be heard from.
#[derive(Debug, Default)]
pub struct Heartbeats {
    /// By the slab index of their instances.
    beats: HashMap<usize, Beat>,
    timers: Timers,
}

#[derive(Debug)]
struct Beat {
    run: Run,
    start_delay: Duration,
    interval: Duration,
    /// What a line has to match, as it was written.
    pattern: Box<str>,
    stage: Stage,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// It is not RUNNING yet, or not for long enough.
    Ahead,
    /// An interval, of which no line has matched.
    Silent,
    /// An interval that has had its line.
    Heard,
}

impl Heartbeats {
    /// A process has been spawned that is to be heard from once it is RUNNING. Nothing, if its liveness is
    /// not checked by `log`.
    pub fn expect(&mut self, run: Run, liveness: Option<&ProbeSpec>) {
        self.end(run.instance);
        let Some(ProbeSpec { check: Check::Log(pattern), start_delay, interval, .. }) = liveness else {
            return;
        };
        let (start_delay, interval) = (*start_delay, *interval);
        let pattern = pattern.text().into();
        let beat = Beat { run, start_delay, interval, pattern, stage: Stage::Ahead };
        self.beats.insert(run.instance.index(), beat);
    }

    /// It is RUNNING now: its first interval begins after its start delay.
    pub fn begin(&mut self, now: Time, run: Run) {
        if let Some(beat) = self.beats.get(&run.instance.index()).filter(|beat| beat.run == run) {
            self.timers.set(run.instance.index(), Some(now + beat.start_delay));
        }
    }

    /// Nobody waits for the present process of this instance any more.
    pub fn end(&mut self, instance: Key) {
        if self.beats.remove(&instance.index()).is_some() {
            self.timers.set(instance.index(), None);
        }
    }

    /// When [`Heartbeats::pop_due`] is needed next.
    pub fn next_deadline(&self) -> Option<Time> {
        self.timers.next()
    }

    /// A process whose start delay or interval is over. What it has written until now still belongs to
    /// that interval; after it has been looked at, [`Heartbeats::turn`] is due.
    pub fn pop_due(&mut self, now: Time) -> Option<Run> {
        self.timers.pop_due(now).and_then(|index| self.beats.get(&index)).map(|beat| beat.run)
    }

    /// Whether a line of this process is being waited for.
    pub fn is_silent(&self, run: Run) -> bool {
        self.beats.get(&run.instance.index()).is_some_and(|it| it.run == run && it.stage == Stage::Silent)
    }

    /// A line of this process matched.
    pub fn heard(&mut self, run: Run) {
        if let Some(beat) = self.beats.get_mut(&run.instance.index())
            && beat.run == run
            && beat.stage == Stage::Silent
        {
            beat.stage = Stage::Heard;
        }
    }

    /// The next interval of this process begins. Gives the reason if the one before was a failed check:
    /// the process was silent, and it was not we who could not hear it. Late as we may be, one interval is
    /// over and not several: nobody could be heard while we were not there.
    pub fn turn(&mut self, now: Time, run: Run, is_deaf: bool) -> Option<String> {
        let index = run.instance.index();
        let beat = self.beats.get_mut(&index).filter(|beat| beat.run == run)?;
        self.timers.set(index, Some(now + beat.interval));
        let before = std::mem::replace(&mut beat.stage, Stage::Silent);
        let has_failed = before == Stage::Silent && !is_deaf;
        has_failed.then(|| {
            let interval = beat.interval.as_secs_f64();
            format!("no line matched {} within {interval} s", beat.pattern)
        })
    }
}
