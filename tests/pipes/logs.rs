//! The files that have been a log, and what is promised of them.

use std::fs;

use super::disk::{self, Generation};
use super::reference::{Leave, audit};
use super::world::{World, inode};
use super::writers::Writer;
use crate::config::{LogFull, Rotation};
use crate::time::Time;

/// How soon a file that was moved away is written to no more.
const NOTICED_WITHIN: std::time::Duration = std::time::Duration::from_secs(1);

pub struct Log {
    pub name: &'static str,
    pub rotation: Rotation,
    /// The largest rules that it ever had.
    largest: Rotation,
    pub full: LogFull,
    /// What it may do, as the disk has refused.
    pub leave: Leave,
    /// What the disk has refused may wait for it yet.
    pub is_blocked: bool,
    /// A rotation or a reopening may have failed.
    pub is_hindered: bool,
    /// Somebody else has had a hand in it, or its rules have changed.
    pub is_meddled: bool,
    moved: Vec<Moved>,
}

struct Moved {
    inode: u64,
    at: Time,
    /// How long it was when that must have been noticed.
    noticed_at_bytes: Option<usize>,
}

impl Log {
    pub fn new(name: &'static str, rotation: Rotation, full: LogFull) -> Log {
        Log {
            name,
            rotation,
            largest: rotation,
            full,
            leave: Leave::default(),
            is_blocked: false,
            is_hindered: false,
            is_meddled: false,
            moved: Vec::new(),
        }
    }

    fn with_generations<T>(&self, look: impl FnOnce(&[&Generation]) -> T) -> T {
        disk::with_generations(|all| {
            let own: Vec<&Generation> = all.iter().filter(|it| it.name.ends_with(self.name)).collect();
            look(&own)
        })
    }

    /// What stood in it from its beginning, one text for each file.
    pub fn texts(&self) -> Vec<Vec<u8>> {
        let text = |it: &&Generation| [&it.emptied[..], &fs::read(&it.link).unwrap()].concat();
        self.with_generations(|all| all.iter().map(text).collect())
    }

    /// How much that is.
    pub fn bytes(&self) -> u64 {
        let bytes = |it: &&Generation| fs::metadata(&it.link).unwrap().len() + it.emptied.len() as u64;
        self.with_generations(|all| all.iter().map(bytes).sum())
    }

    pub fn inodes(&self) -> Vec<u64> {
        self.with_generations(|all| all.iter().map(|it| it.inode).collect())
    }

    fn text_of(&self, inode: u64) -> Option<Vec<u8>> {
        self.with_generations(|all| {
            let found = all.iter().find(|it| it.inode == inode)?;
            Some(fs::read(&found.link).unwrap())
        })
    }

    pub fn set_rotation(&mut self, rotation: Rotation) {
        let larger = |one: u64, other: u64| if one == 0 || other == 0 { 0 } else { one.max(other) };
        self.rotation = rotation;
        self.largest.max_bytes = larger(self.largest.max_bytes, rotation.max_bytes);
        self.largest.backups = self.largest.backups.max(rotation.backups);
        self.is_meddled = true;
    }

    /// Somebody has moved it away at some time.
    pub fn was_moved(&self) -> bool {
        !self.moved.is_empty()
    }

    pub fn note_move(&mut self, inode: u64, at: Time) {
        self.is_meddled = true;
        self.leave.may_break |= self.is_blocked;
        self.moved.push(Moved { inode, at, noticed_at_bytes: None });
    }

    /// The logs were opened anew, if that was possible.
    pub fn note_reopening(&mut self, is_possible: bool) {
        if is_possible {
            self.note_those(|_| true);
        }
    }

    /// What was moved away long enough ago is noticed by the next write.
    pub fn note_time(&mut self, now: Time) {
        self.note_those(|moved| now - moved.at >= NOTICED_WITHIN);
    }

    fn note_those(&mut self, is_noticed: impl Fn(&Moved) -> bool) {
        let mut moved = std::mem::take(&mut self.moved);
        for one in moved.iter_mut().filter(|one| one.noticed_at_bytes.is_none() && is_noticed(one)) {
            one.noticed_at_bytes = self.text_of(one.inode).map(|text| text.len());
        }
        self.moved = moved;
    }

    /// Behind the rest of a line nothing more comes into a file that was moved away.
    fn check_moved(&self) -> Result<(), String> {
        for moved in &self.moved {
            let (Some(noticed), Some(text)) = (moved.noticed_at_bytes, self.text_of(moved.inode)) else {
                continue;
            };
            let later = text.get(noticed..).unwrap_or_default();
            let line = later.iter().position(|byte| *byte == b'\n').map_or(later.len(), |at| at + 1);
            if line < later.len() && !self.is_hindered {
                return Err(format!("{}: {} bytes more in a file that was moved", self.name, later.len()));
            }
        }
        Ok(())
    }

    /// No file is too large by more than a line, nor was given up while a line fitted.
    fn check_sizes(&self) -> Result<(), String> {
        let most = self.largest.max_bytes;
        if most == 0 || self.is_hindered || self.is_meddled || self.leave.may_lose {
            return Ok(());
        }
        let texts: Vec<Vec<u8>> =
            self.with_generations(|all| all.iter().map(|it| fs::read(&it.link).unwrap()).collect());
        for (number, text) in texts.iter().enumerate() {
            let lines = text.strip_suffix(b"\n").unwrap_or(text);
            let before_last = lines.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
            if before_last as u64 > most {
                return Err(format!("{}: file {number} has {} bytes of {most}", self.name, text.len()));
            }
        }
        for (number, pair) in texts.windows(2).enumerate() {
            let next = pair[1].split_inclusive(|byte| *byte == b'\n').next().map_or(0, <[u8]>::len);
            if next > 0 && (pair[0].len() + next) as u64 <= most {
                let (bytes, name) = (pair[0].len(), self.name);
                return Err(format!("{name}: file {number} was given up at {bytes} bytes of {most}"));
            }
        }
        Ok(())
    }

    /// There are as many backups as there may be, and `NAME.1` is the newest.
    fn check_backups(&self, world: &World) -> Result<(), String> {
        let backup = |number: u32| inode(&world.directory.join(format!("{}.{number}", self.name)));
        let present: Vec<u32> = (1..=self.largest.backups + 3).filter(|it| backup(*it).is_some()).collect();
        if present.iter().any(|number| *number > self.largest.backups) {
            return Err(format!("{}: there are backups {present:?}", self.name));
        }
        if self.is_meddled || self.is_hindered {
            return Ok(());
        }
        let files = self.inodes();
        let earlier = files.len().saturating_sub(1);
        let newest_first = files.iter().rev().skip(1).take(self.rotation.backups as usize);
        let expected: Vec<Option<u64>> = newest_first.map(|inode| Some(*inode)).collect();
        let found: Vec<Option<u64>> = (1..=expected.len() as u32).map(backup).collect();
        if found != expected || present.len() != expected.len() {
            return Err(format!(
                "{}: of {earlier} earlier files there are the backups {present:?}",
                self.name
            ));
        }
        Ok(())
    }
}

impl World {
    /// Holds a log against what its writers have said, of which so much must be there.
    pub fn audit(&self, log: usize, due: impl Fn(usize, &Writer) -> usize) -> Result<Vec<usize>, String> {
        let own = self.writers.iter().enumerate().filter(|(_, writer)| writer.log == log);
        let accounts: Vec<_> = own.map(|(index, writer)| writer.account(due(index, writer))).collect();
        let it = &self.logs[log];
        audit(it.name, &it.texts(), &accounts, it.leave)
    }

    pub fn check_files(&self, log: usize) -> Result<(), String> {
        let it = &self.logs[log];
        it.check_moved()?;
        it.check_sizes()?;
        it.check_backups(self)
    }

    /// When all have ended: what is lost is counted, and nothing else is.
    pub fn check_counts(&self) -> Result<(), String> {
        for (number, log) in self.logs.iter().enumerate() {
            let there = self.audit(number, |_, writer| writer.said.len())?;
            let own: Vec<&Writer> = self.writers.iter().filter(|writer| writer.log == number).collect();
            let mut written = 0;
            for (writer, there) in own.iter().zip(there) {
                let counts = self.pipes.counts(writer.instance);
                let lost = (writer.said.len() - there) as u64;
                // A line end that was added may have been lost, too, and the time before each line.
                let most = if writer.is_stamped { u64::MAX } else { lost + 1 };
                if counts.dropped < lost || counts.dropped > most || lost == 0 && counts.dropped > 1 {
                    let (name, dropped) = (writer.name(), counts.dropped);
                    return Err(format!("{name} has lost {lost} bytes, and {dropped} are counted"));
                }
                written += counts.written;
            }
            let (bytes, ends) = (log.bytes(), 4 * own.len() as u64);
            if !log.leave.may_lose && !(written..=written + ends).contains(&bytes) {
                return Err(format!("{}: {bytes} bytes, and {written} are counted", log.name));
            }
        }
        Ok(())
    }
}
