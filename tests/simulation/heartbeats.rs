//! Processes that have to be heard from: random lives on a fake clock, judged by a reference that knows
//! nothing but when each line came.

use std::collections::BTreeMap;
use std::time::Duration;

use taskmaster::config::{Check, Pattern, ProbeSpec};
use taskmaster::slots::Key;
use taskmaster::supervisor::{Heartbeats, Run};
use taskmaster::time::Time;

use crate::random::Random;

const STEPS: usize = 200;
const LIVES: u64 = 400;
const INSTANCES: usize = 4;
const INTERVALS: [u64; 3] = [1, 2, 5];

/// What is known of the present process of an instance.
struct Life {
    run: Run,
    delay: Duration,
    interval: Duration,
    runs_since: Option<Time>,
    last_turn: Option<Time>,
    lines: Vec<Time>,
}

impl Life {
    /// When an interval is over, or the start delay.
    fn due(&self) -> Option<Time> {
        match self.last_turn {
            Some(turn) => Some(turn + self.interval),
            None => self.runs_since.map(|since| since + self.delay),
        }
    }

    /// Whether nothing was said in the present interval.
    fn is_silent(&self) -> bool {
        self.last_turn.is_some_and(|turn| !self.lines.iter().any(|line| *line >= turn))
    }
}

struct Stage {
    beats: Heartbeats,
    now: Time,
    lives: BTreeMap<usize, Life>,
    incarnation: u32,
}

fn liveness(delay: Duration, interval: Duration) -> ProbeSpec {
    let check = Check::Log(Pattern::new("beat").expect("an expression"));
    ProbeSpec { check, interval, timeout: Duration::from_secs(1), retries: 3, start_delay: delay }
}

impl Stage {
    fn spawn(&mut self, at: usize, random: &mut Random) {
        self.incarnation += 1;
        let instance = Key::new(u32::try_from(at).expect("few"), 1);
        let run = Run { instance, incarnation: self.incarnation };
        let delay = if random.percent(50) { Duration::ZERO } else { random.duration(Duration::from_secs(4)) };
        let interval = Duration::from_secs(random.pick(&INTERVALS));
        if random.percent(10) {
            // One that is not checked so: nothing is expected of it, nor of its predecessor any more.
            self.beats.expect(run, None);
            self.lives.remove(&at);
            return;
        }
        self.beats.expect(run, Some(&liveness(delay, interval)));
        let life = Life { run, delay, interval, runs_since: None, last_turn: None, lines: Vec::new() };
        self.lives.insert(at, life);
    }

    fn run(&mut self, at: usize) {
        if let Some(life) = self.lives.get_mut(&at).filter(|life| life.runs_since.is_none()) {
            life.runs_since = Some(self.now);
            self.beats.begin(self.now, life.run);
        }
    }

    fn speak(&mut self, at: usize) {
        if let Some(life) = self.lives.get_mut(&at) {
            life.lines.push(self.now);
            self.beats.heard(life.run);
        }
    }

    /// What an earlier process left behind still prints.
    fn haunt(&mut self, at: usize) {
        if let Some(life) = self.lives.get(&at) {
            self.beats.heard(Run { incarnation: life.run.incarnation - 1, ..life.run });
        }
    }

    /// Takes what is due, which may have been so for long.
    fn tick(&mut self, random: &mut Random) {
        let due = |life: &Life| life.due().filter(|due| *due <= self.now).map(|_| life.run);
        let mut expected: Vec<Run> = self.lives.values().filter_map(due).collect();
        while let Some(run) = self.beats.pop_due(self.now) {
            let at = expected.iter().position(|other| *other == run);
            expected.swap_remove(at.unwrap_or_else(|| panic!("{run:?} is not due at {:?}", self.now)));
            let life = self.lives.get_mut(&run.instance.index()).expect("it is due, so it lives");
            assert_eq!(self.beats.is_silent(run), life.is_silent(), "{run:?} at {:?}", self.now);
            if random.percent(20) {
                // What was written in time and not yet read.
                self.beats.heard(run);
                if let Some(turn) = life.last_turn {
                    life.lines.push(turn);
                }
            }
            let is_deaf = random.percent(10);
            let failure = self.beats.turn(self.now, run, is_deaf);
            assert_eq!(failure.is_some(), life.is_silent() && !is_deaf, "{run:?} at {:?}", self.now);
            life.last_turn = Some(self.now);
            // A line of this very moment belonged to the interval before.
            life.lines.clear();
        }
        assert!(expected.is_empty(), "nobody asked about {expected:?} at {:?}", self.now);
    }
}

#[test]
fn who_is_silent_for_an_interval_and_nobody_else_has_failed() {
    for seed in 0..LIVES {
        let random = &mut Random::new(seed);
        let mut stage =
            Stage { beats: Heartbeats::default(), now: Time::ZERO, lives: BTreeMap::new(), incarnation: 0 };
        for _ in 0..STEPS {
            let at = random.below(INSTANCES);
            match random.below(12) {
                0 => stage.spawn(at, random),
                1 | 2 => stage.run(at),
                3..6 => stage.speak(at),
                6 => stage.haunt(at),
                7 if random.percent(30) => {
                    if let Some(life) = stage.lives.remove(&at) {
                        stage.beats.end(life.run.instance);
                    }
                }
                8 if random.percent(20) => stage.now = stage.now + Duration::from_secs(30),
                9 => stage.now = stage.beats.next_deadline().map_or(stage.now, |due| due.max(stage.now)),
                _ => stage.now = stage.now + random.duration(Duration::from_millis(900)),
            }
            stage.tick(random);
            let next = stage.lives.values().filter_map(Life::due).min();
            assert_eq!(stage.beats.next_deadline(), next, "seed {seed}");
        }
    }
}
