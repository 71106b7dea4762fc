//! What happens in a history, drawn one step after the other.

use std::path::PathBuf;
use std::time::Duration;

use nix::libc;

use super::disk::{self, Fault};
use super::ears::Ears;
use super::logs::Log;
use super::random::Random;
use super::texts::{self, CLASSES, Taste};
use super::world::{Kind, World};
use crate::config::{LogFull, Rotation};
use crate::supervisor::Probe;

/// Who lives at a time at most.
const LIVING_MAX: usize = 4;
/// Limits of rotation, in bytes: tiny ones, and those that a flood may go to.
const TINY: [u64; 4] = [30, 60, 150, 400];
const ROOMY: [u64; 3] = [0, 0, 20_000];
/// What the clock may do between two steps, in microseconds. While lines may be lost no rest of a line comes
/// later than it is waited for.
const DELAYS: [u64; 9] = [0, 50, 500, 1000, 2000, 30_000, 300_000, 1_200_000, 4_000_000];
const SHORT_DELAYS: [u64; 6] = [0, 50, 500, 1000, 2000, 5000];

/// The steps of a history in words, if somebody wants them.
#[derive(Default)]
pub struct Trace(Option<Vec<String>>);

impl Trace {
    pub fn kept() -> Trace {
        Trace(Some(Vec::new()))
    }

    pub fn text(&self) -> String {
        let mut lines = self.0.clone().unwrap_or_default();
        lines.dedup();
        lines.join("\n")
    }

    fn note(&mut self, line: impl FnOnce() -> String) {
        if let Some(lines) = &mut self.0 {
            lines.push(line());
        }
    }
}

/// How often what happened.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    pub steps: u64,
    pub bytes: u64,
    pub files: u64,
    joined_within_a_line: u64,
    stray_words: u64,
    strikes: u64,
    lost_bytes: u64,
    moves: u64,
    floods: u64,
    chatter: u64,
    followed: u64,
    heard: u64,
}

impl Seen {
    pub fn add(&mut self, more: &Seen) {
        for (own, more) in self.all_mut().into_iter().zip(more.clone().all_mut()) {
            *own.1 += *more.1;
        }
    }

    pub fn missing(mut self) -> Vec<&'static str> {
        self.all_mut().into_iter().filter(|it| *it.1 == 0).map(|it| it.0).collect()
    }

    fn all_mut(&mut self) -> [(&'static str, &mut u64); 12] {
        [
            ("steps", &mut self.steps),
            ("bytes", &mut self.bytes),
            ("files", &mut self.files),
            ("joined within a line", &mut self.joined_within_a_line),
            ("stray words", &mut self.stray_words),
            ("strikes", &mut self.strikes),
            ("lost bytes", &mut self.lost_bytes),
            ("moves", &mut self.moves),
            ("floods", &mut self.floods),
            ("chatter", &mut self.chatter),
            ("followed", &mut self.followed),
            ("heard", &mut self.heard),
        ]
    }
}

/// One history from its beginning to its end.
pub fn play(random: Random, directory: PathBuf, trace: &mut Trace) -> Result<Seen, String> {
    let mut history = History::begin(random, directory, trace);
    let steps = 4 + history.random.below(56);
    for _ in 0..steps {
        history.step()?;
        history.seen.steps += 1;
    }
    history.finish()
}

struct History<'a> {
    random: Random,
    world: World,
    trace: &'a mut Trace,
    seen: Seen,
    has_faults: bool,
    has_floods: bool,
}

impl<'a> History<'a> {
    fn begin(mut random: Random, directory: PathBuf, trace: &'a mut Trace) -> History<'a> {
        let has_faults = random.below(100) >= 65;
        let has_floods = !has_faults && random.below(100) >= 85;
        let full = if random.below(100) >= 60 { LogFull::Block } else { LogFull::Drop };
        let names = ["a.log", "b.log"];
        let logs = names[..1 + random.below(2)].iter().map(|name| {
            let rotation = rotation(&mut random, None);
            trace.note(|| format!("{name}: {rotation:?}, {full:?}"));
            Log::new(name, rotation, full)
        });
        let logs = logs.collect();
        let world = World::new(directory, logs);
        History { random, world, trace, seen: Seen::default(), has_faults, has_floods }
    }

    fn step(&mut self) -> Result<(), String> {
        let delay = match self.has_faults {
            true => self.random.pick(&SHORT_DELAYS),
            false => self.random.pick(&DELAYS),
        };
        self.world.now = self.world.now + Duration::from_micros(delay);
        match self.random.below(100) {
            0..=9 => {
                self.trace.note(|| format!("after {delay} us: a turn"));
                self.world.turn()
            }
            10..=54 => self.write(delay),
            55..=64 => self.join(delay),
            65..=72 => self.reap(delay),
            73..=77 => {
                self.trace.note(|| format!("after {delay} us: all comes to rest"));
                self.world.settle().map(|_| ())
            }
            78..=80 => self.chatter(delay),
            81..=85 => self.move_away(delay),
            86..=87 => self.change_rules(),
            88..=90 => self.follow(),
            91..=92 => {
                if let Some(writer) = self.living() {
                    self.trace.note(|| format!("the next heartbeat of w{writer} is wanted"));
                    self.world.ask_again(writer);
                }
                Ok(())
            }
            93..=95 => self.change_fault(),
            96 => {
                let log = self.random.below(self.world.logs.len());
                if !self.has_faults {
                    self.trace.note(|| format!("somebody empties log {log}"));
                    self.world.empty(log);
                }
                Ok(())
            }
            97 if self.has_floods => self.flood(delay),
            _ => {
                if let Some(writer) = self.living() {
                    self.trace.note(|| format!("after {delay} us: w{writer} closes its pipe"));
                    self.world.let_go(writer);
                }
                self.world.turn()
            }
        }
    }

    /// Somebody who can write.
    fn living(&mut self) -> Option<usize> {
        let living: Vec<usize> =
            (0..self.world.writers.len()).filter(|it| !self.world.writers[*it].ends.is_empty()).collect();
        (!living.is_empty()).then(|| self.random.pick(&living))
    }

    fn is_roomy(&self, writer: usize) -> bool {
        let rotation = self.world.logs[self.world.writers[writer].log].rotation;
        ROOMY.contains(&rotation.max_bytes)
    }

    fn say(&mut self, delay: u64, writer: usize, text: &[u8]) {
        let end = self.random.below(2);
        let taken = self.world.write(writer, end, text);
        self.seen.bytes += taken as u64;
        self.seen.stray_words += u64::from(self.world.writers[writer].is_reaped);
        self.trace.note(|| {
            let shown = text[..text.len().min(80)].escape_ascii();
            format!("after {delay} us: w{writer} writes {taken} of {} bytes: \"{shown}\"", text.len())
        });
    }

    fn write(&mut self, delay: u64) -> Result<(), String> {
        let Some(writer) = self.living() else { return self.join(delay) };
        let taste = Taste {
            has_empty: !self.has_faults && self.random.percent(40),
            has_long: self.has_floods && self.is_roomy(writer),
        };
        let text = texts::piece(&mut self.random, self.world.writers[writer].class, taste);
        self.say(delay, writer, &text);
        if self.random.percent(60) { self.turn() } else { Ok(()) }
    }

    fn turn(&mut self) -> Result<(), String> {
        self.trace.note(|| "a turn".to_owned());
        self.world.turn()
    }

    fn join(&mut self, delay: u64) -> Result<(), String> {
        let living = self.world.writers.iter().filter(|it| !it.ends.is_empty()).count();
        if living >= LIVING_MAX || self.world.writers.len() >= CLASSES {
            return self.turn();
        }
        let random = &mut self.random;
        let log = random.below(self.world.logs.len());
        let (was_moved, has_faults) = (self.world.logs[log].was_moved(), self.has_faults);
        let mut chance = |percent: usize| random.below(100) >= 100 - percent;
        let kind = Kind {
            log,
            is_stamped: chance(25),
            is_shared: chance(15),
            by_alias: chance(20) && !was_moved && !has_faults,
            is_merged: chance(20),
            keeps_recent: chance(30),
            ears: match (chance(30), chance(30)) {
                (true, true) => Some(Ears::new(Probe::Liveness)),
                (true, false) => Some(Ears::new(Probe::Readiness)),
                (false, _) => None,
            },
        };
        let open_lines = |world: &World| world.writers.iter().filter(|it| it.open_line.is_some()).count();
        let before = open_lines(&self.world);
        let joined = self.world.join(kind);
        self.seen.joined_within_a_line += open_lines(&self.world).saturating_sub(before) as u64;
        self.trace.note(|| format!("after {delay} us: w{joined:?} joins: {kind:?}"));
        Ok(())
    }

    fn reap(&mut self, delay: u64) -> Result<(), String> {
        let left: Vec<usize> =
            (0..self.world.writers.len()).filter(|it| !self.world.writers[*it].is_reaped).collect();
        if left.is_empty() {
            return self.turn();
        }
        let writer = self.random.pick(&left);
        let holds_on = self.random.below(100) >= 80;
        let held = if holds_on { ", and somebody else holds its pipe" } else { "" };
        self.trace.note(|| format!("after {delay} us: w{writer} ends{held}"));
        self.world.reap(writer, holds_on)
    }

    /// Many short lines, each found by a turn of its own.
    fn chatter(&mut self, delay: u64) -> Result<(), String> {
        let Some(writer) = self.living() else { return Ok(()) };
        let count = 10 + self.random.below(30);
        self.seen.chatter += 1;
        for _ in 0..count {
            let text = texts::line(&mut self.random, self.world.writers[writer].class);
            self.say(delay, writer, &text);
            self.world.now = self.world.now + Duration::from_micros(40);
            self.turn()?;
        }
        Ok(())
    }

    /// More than a pipe holds, again and again.
    fn flood(&mut self, delay: u64) -> Result<(), String> {
        let Some(writer) = self.living().filter(|it| self.is_roomy(*it)) else { return Ok(()) };
        let text = texts::flood(&mut self.random, self.world.writers[writer].class);
        self.seen.floods += 1;
        for _ in 0..1 + self.random.below(14) {
            self.say(delay, writer, &text);
            self.turn()?;
        }
        Ok(())
    }

    fn move_away(&mut self, delay: u64) -> Result<(), String> {
        if self.random.percent(60) {
            let log = self.random.below(self.world.logs.len());
            self.trace.note(|| format!("after {delay} us: log {log} is moved away"));
            self.world.move_away(log);
            self.seen.moves += 1;
        }
        if self.random.percent(50) {
            self.trace.note(|| "the logs are reopened".to_owned());
            self.world.reopen();
        }
        Ok(())
    }

    fn change_rules(&mut self) -> Result<(), String> {
        let log = self.random.below(self.world.logs.len());
        let before = self.world.logs[log].rotation;
        let rotation = rotation(&mut self.random, Some(before));
        self.trace.note(|| format!("log {log}: {rotation:?}"));
        let path = self.world.path(log);
        self.world.logs[log].set_rotation(rotation);
        self.world.pipes.set_rotation(&path, rotation);
        if rotation.backups == 0 {
            self.world.confuse_followers(log, true);
        }
        Ok(())
    }

    fn follow(&mut self) -> Result<(), String> {
        let Some(writer) = self.living() else { return Ok(()) };
        // An emptied file is read from its beginning only if it is found shorter than before.
        let log = &self.world.logs[self.world.writers[writer].log];
        let may_be_emptied = log.rotation.max_bytes > 0 && log.rotation.backups == 0 || log.is_meddled;
        let may_take_lines_back = self.has_faults && log.full == LogFull::Drop;
        if may_take_lines_back || may_be_emptied {
            return Ok(());
        }
        let lines = self.random.below(4);
        self.trace.note(|| format!("somebody follows the log of w{writer} from its last {lines} lines"));
        self.world.begin_to_follow(writer, lines);
        self.seen.followed += 1;
        Ok(())
    }

    fn change_fault(&mut self) -> Result<(), String> {
        if !self.has_faults {
            return Ok(());
        }
        let random = &mut self.random;
        let fault = match random.below(10) {
            0..=2 => None,
            3..=5 => {
                let errno = random.pick(&[libc::ENOSPC, libc::EIO, libc::EDQUOT, libc::EFBIG]);
                Some(Fault::Full { room: random.below(40), errno })
            }
            6 => Some(Fault::Short(1 + random.below(9))),
            7 => Some(Fault::Interrupted),
            8 => Some(Fault::NoOpen(random.pick(&[libc::EMFILE, libc::EACCES, libc::ENOSPC]))),
            _ if random.percent(70) => Some(Fault::NoRename(random.pick(&[libc::EACCES, libc::EIO]))),
            _ => Some(Fault::NoTruncate(libc::EIO)),
        };
        self.trace.note(|| format!("the disk: {fault:?}"));
        self.world.set_fault(fault);
        Ok(())
    }

    /// Everybody goes, and everything that was said is accounted for.
    fn finish(mut self) -> Result<Seen, String> {
        self.trace.note(|| "the disk is well".to_owned());
        self.world.set_fault(None);
        if self.random.below(100) >= 80 {
            self.trace.note(|| "everybody is to be gone".to_owned());
            self.world.leave()?;
        }
        for writer in 0..self.world.writers.len() {
            if !self.world.writers[writer].is_reaped {
                self.trace.note(|| format!("w{writer} ends"));
                self.world.reap(writer, false)?;
            } else {
                self.world.let_go(writer);
            }
        }
        self.trace.note(|| "all comes to rest".to_owned());
        if !self.world.settle()? {
            return Err("it does not come to rest".to_owned());
        }
        self.world.check_counts()?;
        self.seen.strikes += disk::strikes();
        self.seen.files += disk::with_generations(|all| all.len() as u64);
        for writer in &self.world.writers {
            self.seen.lost_bytes += self.world.pipes.counts(writer.instance).dropped;
        }
        self.seen.heard += self.world.heard;
        Ok(self.seen)
    }
}

/// New rules; a log that a flood may come to stays one.
fn rotation(random: &mut Random, before: Option<Rotation>) -> Rotation {
    let is_roomy = match before {
        Some(before) => ROOMY.contains(&before.max_bytes),
        None => random.below(100) < 50,
    };
    let max_bytes = if is_roomy { random.pick(&ROOMY) } else { random.pick(&TINY) };
    Rotation { max_bytes, backups: random.pick(&[3, 1, 2, 6, 0]) }
}
