//! Children, their pipes and their logs: the pipes and files are the kernel's, the clock is ours, and the room
//! under test is driven in turns as the event loop drives it.

use std::fs;
use std::io::{ErrorKind, PipeWriter, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use mio::{Events, Poll};
use nix::fcntl::{FcntlArg, OFlag, fcntl};

use super::disk::{self, Fault};
use super::ears::{Ears, Following, check_last_lines};
use super::logs::Log;
use super::writers::Writer;
use crate::config::LogFull;
use crate::io::output::{LogRules, Pipes};
use crate::io::token::Source;
use crate::lines::Style;
use crate::slots::Key;
use crate::time::Time;

/// How long lines wait at most for the end of another writer's line.
pub const WAIT: Duration = Duration::from_millis(250);
/// The farthest that anything is put off, the next look at a full disk.
const FARTHEST: Duration = Duration::from_secs(1);
/// Turns after which all must be at rest.
const TURNS_MAX: usize = 400;
/// Writes of a writer that cannot have been so many that it is left alone for a moment.
const QUIET_WRITES: usize = 14;

pub struct World {
    poll: Poll,
    events: Events,
    pub pipes: Pipes,
    pub now: Time,
    pub directory: PathBuf,
    pub logs: Vec<Log>,
    pub writers: Vec<Writer>,
    pub followings: Vec<Following>,
    pub fault: Option<Fault>,
    /// How often somebody was heard who was waited for.
    pub heard: u64,
}

/// How a writer is to be.
#[derive(Clone, Copy, Debug)]
pub struct Kind {
    pub log: usize,
    pub is_stamped: bool,
    /// The rules say that others write there, too.
    pub is_shared: bool,
    /// It names the file in another way.
    pub by_alias: bool,
    /// stdout and stderr in one pipe.
    pub is_merged: bool,
    pub keeps_recent: bool,
    pub ears: Option<Ears>,
}

impl World {
    pub fn new(directory: PathBuf, logs: Vec<Log>) -> World {
        for name in ["links", "sub"] {
            fs::create_dir_all(directory.join(name)).unwrap();
        }
        disk::insert(&directory.join("links"));
        World {
            poll: Poll::new().unwrap(),
            events: Events::with_capacity(64),
            pipes: Pipes::new(),
            now: Time::since_start(Duration::from_secs(10)),
            directory,
            logs,
            writers: Vec::new(),
            followings: Vec::new(),
            fault: None,
            heard: 0,
        }
    }

    pub fn path(&self, log: usize) -> PathBuf {
        self.directory.join(self.logs[log].name)
    }

    /// A process whose output goes to a log. None if the log cannot be opened.
    pub fn join(&mut self, kind: Kind) -> Option<usize> {
        let class = self.writers.len();
        let log = &self.logs[kind.log];
        let path = match kind.by_alias {
            true => self.directory.join("sub/..").join(log.name),
            false => self.path(kind.log),
        };
        let rules = LogRules {
            rotation: log.rotation,
            full: log.full,
            style: if kind.is_stamped { Style::Timestamp } else { Style::Raw },
            is_shared: kind.is_shared,
            keeps_recent: kind.keeps_recent,
        };
        let stream = disk::watched(|| self.pipes.open_log(&path, rules)).ok()?;
        let (reader, end) = std::io::pipe().unwrap();
        for fd in [reader.as_fd(), end.as_fd()] {
            fcntl(fd, FcntlArg::F_SETFL(OFlag::O_NONBLOCK)).unwrap();
        }
        let instance = Key::new(100 + class as u32, 7);
        let pipe = self.pipes.add(self.poll.registry(), reader, stream, instance);
        let was_moved = self.logs[kind.log].was_moved();
        let mut is_a_surprise = false;
        for other in self.writers.iter_mut().filter(|other| other.log == kind.log && !other.has_ended) {
            other.meets_another();
            if was_moved && other.path != path {
                // That they write to one file is found out when the other one looks.
                is_a_surprise = true;
                other.tears.push(0..=usize::MAX);
            }
        }
        let ends = if kind.is_merged { vec![end.try_clone().unwrap(), end] } else { vec![end] };
        let mut writer = Writer::new(kind, pipe, instance, class, ends, path);
        writer.has_company = self.has_others(kind.log, class);
        if is_a_surprise {
            writer.tears.push(0..=usize::MAX);
            // A line that was open in the moved file may go on there while others write to the new one.
            self.logs[kind.log].leave.may_break = true;
        }
        self.writers.push(writer);
        if let Some(ears) = kind.ears {
            ears.open(self, class);
        }
        Some(class)
    }

    fn has_others(&self, log: usize, but: usize) -> bool {
        self.writers
            .iter()
            .enumerate()
            .any(|(index, other)| index != but && other.log == log && !other.has_ended)
    }

    /// A process writes; how much the kernel takes.
    pub fn write(&mut self, writer: usize, end: usize, text: &[u8]) -> usize {
        let log = self.writers[writer].log;
        let has_others = self.has_others(log, writer);
        let waits = self
            .writers
            .iter()
            .enumerate()
            .any(|(index, other)| index != writer && other.log == log && other.open_line.is_some());
        let it = &mut self.writers[writer];
        let mut end: &PipeWriter = &it.ends[end % it.ends.len()];
        let count = match end.write(text) {
            Ok(count) => count,
            Err(error) if error.kind() == ErrorKind::WouldBlock => 0,
            Err(error) => panic!("a pipe has lost its reader: {error}"),
        };
        it.say(&text[..count], has_others);
        if waits {
            it.waits_since.get_or_insert(self.now);
        }
        count
    }

    /// One turn of the event loop.
    pub fn turn(&mut self) -> Result<(), String> {
        self.begin_turn();
        self.end_turn()
    }

    fn begin_turn(&mut self) {
        self.allow_tears();
        self.note_moved();
        self.poll.poll(&mut self.events, Some(Duration::ZERO)).unwrap();
        self.pipes.begin_turn(self.now);
        for event in &self.events {
            if let Some(Source::Pipe(key)) = Source::from_token(event.token()) {
                self.pipes.mark_ready(key);
            }
        }
    }

    fn end_turn(&mut self) -> Result<(), String> {
        disk::watched(|| self.pipes.pump(self.poll.registry()));
        self.hear()?;
        self.follow();
        self.check_promptness()
    }

    /// Its process has ended and is reaped; whoever still holds its pipe was left behind.
    pub fn reap(&mut self, writer: usize, holds_on: bool) -> Result<(), String> {
        if !holds_on {
            self.writers[writer].ends.clear();
        }
        self.note_loss_by_end(writer);
        self.begin_turn();
        self.writers[writer].is_reaped = true;
        self.allow_tears_for_end(writer);
        let pipe = self.writers[writer].pipe;
        let lines = disk::watched(|| self.pipes.drain(self.poll.registry(), pipe));
        let it = &mut self.writers[writer];
        let is_blocked = self.logs[it.log].is_blocked;
        if !is_blocked {
            check_last_lines(it, &lines)?;
        }
        it.has_ended |= it.ends.is_empty() && !is_blocked;
        // What a process has written is in its log before its end is told.
        let log = it.log;
        if !is_blocked {
            self.audit(log, |index, it| if index == writer { it.due_at_its_end() } else { 0 })?;
        }
        self.end_turn()
    }

    /// The last that held a pipe let it go; nobody is reaped.
    pub fn let_go(&mut self, writer: usize) {
        self.writers[writer].ends.clear();
        self.note_loss_by_end(writer);
        self.allow_tears_for_end(writer);
    }

    /// Who ends while the disk refuses takes what waits for it along.
    fn note_loss_by_end(&mut self, writer: usize) {
        if matches!(self.fault, Some(Fault::Full { .. })) {
            self.logs[self.writers[writer].log].leave.may_lose = true;
        }
    }

    /// Nobody waits for a line whose process is gone, nor longer than may be waited.
    fn allow_tears(&mut self) {
        for log in 0..self.logs.len() {
            let own = |writer: &&mut Writer| writer.log == log;
            let is_time = self.writers.iter().any(|writer| {
                writer.log == log && writer.waits_since.is_some_and(|since| self.now - since >= WAIT)
            });
            for writer in self.writers.iter_mut().filter(own).filter(|it| is_time || it.is_reaped) {
                writer.allow_tear();
            }
            if !self.writers.iter().any(|writer| writer.log == log && writer.open_line.is_some()) {
                self.writers.iter_mut().filter(own).for_each(|writer| writer.waits_since = None);
            }
        }
    }

    /// The last words of one wait for nobody's line.
    fn allow_tears_for_end(&mut self, writer: usize) {
        let log = self.writers[writer].log;
        for (_, other) in
            self.writers.iter_mut().enumerate().filter(|(index, it)| *index != writer && it.log == log)
        {
            other.allow_tear();
        }
        self.allow_tears();
    }

    /// Turns until nothing is left to do, however late it is then; true if that could be.
    pub fn settle(&mut self) -> Result<bool, String> {
        let mut is_at_rest = false;
        for _ in 0..TURNS_MAX {
            self.turn()?;
            let deadline = self.pipes.next_deadline();
            if self.pipes.has_ready() || !self.events.is_empty() {
                is_at_rest = false;
                continue;
            }
            let Some(deadline) = deadline else {
                if std::mem::replace(&mut is_at_rest, true) {
                    return self.check_rest().map(|()| true);
                }
                continue;
            };
            if deadline - self.now > FARTHEST {
                return Err(format!("something is put off for {:?}", deadline - self.now));
            }
            if self.logs.iter().any(|log| log.is_blocked) && self.fault.is_some() {
                return Ok(false);
            }
            self.now = self.now.max(deadline);
        }
        Err(format!("it is not at rest after {TURNS_MAX} turns"))
    }

    /// Nothing happens any more: everything is where it belongs.
    fn check_rest(&mut self) -> Result<(), String> {
        for writer in &mut self.writers {
            writer.has_ended |= writer.ends.is_empty();
        }
        if self.fault.is_none() {
            self.logs.iter_mut().for_each(|log| log.is_blocked = false);
        }
        for log in 0..self.logs.len() {
            if !self.logs[log].is_blocked {
                self.audit(log, |_, writer| writer.due_at_rest())?;
            }
            self.check_files(log)?;
        }
        self.check_ears()?;
        self.check_followings()
    }

    /// Everybody is to be gone: what all pipes hold is taken.
    pub fn leave(&mut self) -> Result<(), String> {
        for log in &mut self.logs {
            log.leave.may_lose |= matches!(self.fault, Some(Fault::Full { .. }));
            log.is_blocked = false;
        }
        self.begin_turn();
        for writer in &mut self.writers {
            writer.allow_tear();
        }
        disk::watched(|| self.pipes.drain_all(self.poll.registry()));
        for writer in &mut self.writers {
            writer.ends.clear();
            (writer.is_reaped, writer.has_ended) = (true, true);
        }
        self.end_turn()
    }

    /// A log that one quiet program writes has what it said after one turn.
    fn check_promptness(&self) -> Result<(), String> {
        for (index, log) in self.logs.iter().enumerate() {
            if log.leave.may_lose || log.is_blocked || self.fault.is_some() {
                continue;
            }
            let mut living = self.writers.iter().filter(|it| it.log == index && !it.has_ended);
            let (Some(it), None) = (living.next(), living.next()) else { continue };
            // What is listened to is read in small portions.
            if it.ears.is_some()
                || it.writes >= QUIET_WRITES
                || it.is_cut() && it.due_at_rest() < it.said.len()
            {
                continue;
            }
            let said: usize = self.writers.iter().filter(|it| it.log == index).map(|it| it.said.len()).sum();
            let there = log.bytes();
            if there < said as u64 {
                return Err(format!("{}: {there} of {said} bytes are there after a turn", log.name));
            }
        }
        Ok(())
    }

    /// Somebody moves a log away.
    pub fn move_away(&mut self, log: usize) {
        let path = self.path(log);
        let Ok(found) = fs::metadata(&path) else { return };
        let moved = self.directory.join(format!("moved.{}", found.ino()));
        fs::rename(&path, moved).unwrap();
        self.logs[log].note_move(found.ino(), self.now);
        self.confuse_followers(log, false);
    }

    /// Somebody empties a log that ends with a line.
    pub fn empty(&mut self, log: usize) {
        let path = self.path(log);
        if fs::read(&path).is_ok_and(|text| text.ends_with(b"\n")) {
            disk::empty(&path);
            self.logs[log].is_meddled = true;
            self.confuse_followers(log, true);
        }
    }

    pub fn reopen(&mut self) {
        disk::watched(|| self.pipes.reopen());
        let is_possible = !matches!(self.fault, Some(Fault::NoOpen(_)));
        for log in &mut self.logs {
            log.note_reopening(is_possible);
        }
    }

    fn note_moved(&mut self) {
        let now = self.now;
        self.logs.iter_mut().for_each(|log| log.note_time(now));
    }

    pub fn set_fault(&mut self, fault: Option<Fault>) {
        self.fault = fault;
        disk::set_fault(fault);
        for log in &mut self.logs {
            match fault {
                Some(Fault::Full { .. }) if log.full == LogFull::Drop => log.leave.may_lose = true,
                Some(Fault::Full { .. }) => log.is_blocked = true,
                Some(Fault::NoOpen(_) | Fault::NoRename(_) | Fault::NoTruncate(_)) => log.is_hindered = true,
                Some(Fault::Short(_) | Fault::Interrupted) | None => {}
            }
        }
    }
}

/// The inode that a path leads to.
pub fn inode(path: &Path) -> Option<u64> {
    fs::metadata(path).ok().map(|found| found.ino())
}
