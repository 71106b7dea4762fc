//! One log file of children: whose line is open in it, and what becomes of output that the disk
//! refuses.
//!
//! A refusal tears a line at any byte. What is dropped is therefore dropped in whole lines: the part
//! of the line that had been written is taken back out of the file, or ended there where that cannot
//! be done, and the part that comes later is not written.

use std::collections::VecDeque;
use std::time::Duration;

use super::tally::Tally;
use crate::config::LogFull;
use crate::io::log_file::{FileId, LogFile, Unwritten};
use crate::io::reason::reason;
use crate::slots::Key;
use crate::time::Time;

/// How long a write lets us believe that the path still leads to the file: looking costs a system
/// call, and a file that was moved away by hand is missed by nobody for a second.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How much of a line whose beginning is lost is dropped at most, in bytes: there may be no lines in
/// what a program writes.
const SKIP_BYTES_MAX: usize = 64 * 1024;
/// How long the end of such a line is waited for.
const SKIP_WITHIN: Duration = Duration::from_secs(3);
/// How long a line that one pipe has begun keeps others from writing. The pieces of a line follow each other
/// at once, nearly always; what does not is a prompt, and nobody is to wait for an answer to that.
const LINE_WAIT: Duration = Duration::from_millis(250);

/// Who writes: a pipe, and the instance whose it is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Writer {
    pub(super) pipe: Key,
    pub(super) instance: Key,
}

pub(super) struct Sink {
    pub(super) log_file: LogFile,
    /// Pipes that write here.
    pub(super) users: usize,
    pub(super) full: LogFull,
    pub(super) is_watched: bool,
    /// What it is found by among the open files.
    pub(super) known_as: FileId,
    /// Whether more than one path, or the key of a sink that was merged into it, leads here.
    pub(super) has_other_names: bool,
    last_line: LastLine,
    /// Until when others wait for the end of the last line, if any do.
    line_wait: Option<Time>,
    /// Why the disk takes nothing, since when it does not.
    refused: Option<Refused>,
    /// With `log_full: block`: what the disk has refused and is to take yet.
    held: VecDeque<Held>,
    /// A line that has lost its beginning, so that its rest is not wanted.
    skip: Option<Skip>,
    looked_at: Time,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum LastLine {
    Ended,
    /// The pipe that wrote its beginning may go on.
    OpenedBy(Key),
    /// Its rest is lost.
    Broken,
}

struct Refused {
    why: String,
    lost_bytes: u64,
}

struct Held {
    instance: Key,
    data: Vec<u8>,
}

struct Skip {
    pipe: Key,
    bytes_left: usize,
    until: Time,
}

impl Sink {
    pub(super) fn new(log_file: LogFile) -> Sink {
        let last_line = if log_file.is_within_line() { LastLine::Broken } else { LastLine::Ended };
        Sink {
            known_as: log_file.id(),
            log_file,
            users: 0,
            full: LogFull::Drop,
            is_watched: false,
            has_other_names: false,
            last_line,
            line_wait: None,
            refused: None,
            held: VecDeque::new(),
            skip: None,
            looked_at: Time::ZERO,
        }
    }

    /// Whether something waits for the disk.
    pub(super) fn holds_back(&self) -> bool {
        !self.held.is_empty()
    }

    /// Which other pipe has begun a line here that has not ended.
    pub(super) fn opener_of_line(&self, pipe: Key) -> Option<Key> {
        match self.last_line {
            LastLine::OpenedBy(opener) if opener != pipe => Some(opener),
            LastLine::OpenedBy(_) | LastLine::Ended | LastLine::Broken => None,
        }
    }

    /// Until when others wait for the end of the line that is open, the first of them from `now` on.
    pub(super) fn await_line(&mut self, now: Time) -> Time {
        *self.line_wait.get_or_insert(now + LINE_WAIT)
    }

    /// The same if somebody waits.
    pub(super) fn line_wait(&self) -> Option<Time> {
        self.line_wait
    }

    /// Appends what a pipe delivered. A line that another pipe left open is ended first, so that no
    /// line is a mixture of two.
    pub(super) fn write(&mut self, writer: Writer, data: &[u8], now: Time, tally: &mut Tally) {
        let data = &data[self.skipped(writer, data, now, tally)..];
        let Some(last) = data.last() else { return };
        let goes_on = [LastLine::Ended, LastLine::OpenedBy(writer.pipe)].contains(&self.last_line);
        if !goes_on && !self.end_line(writer, data, now, tally) {
            return;
        }
        if data.contains(&b'\n') || !goes_on {
            self.line_wait = None;
        }
        self.last_line = if *last == b'\n' { LastLine::Ended } else { LastLine::OpenedBy(writer.pipe) };
        self.append(writer, data, now, tally);
    }

    /// Looks whether the path still leads to the file, if that was not done lately. Whether it has looked.
    pub(super) fn look_sometimes(&mut self, now: Time) -> bool {
        let is_due = now - self.looked_at >= LOOK_EVERY;
        if is_due {
            self.look(now);
        }
        is_due
    }

    /// Looks whether the path still leads to the file.
    pub(super) fn look(&mut self, now: Time) {
        self.looked_at = now;
        if let Err(error) = self.log_file.look() {
            log::debug!("a log file is not where it was, and a new one cannot be opened: {error}");
        }
    }

    /// How much of `data` belongs to a line that has lost its beginning.
    fn skipped(&mut self, writer: Writer, data: &[u8], now: Time, tally: &mut Tally) -> usize {
        let mine = |skip: &mut Skip| skip.pipe == writer.pipe || now > skip.until;
        let Some(Skip { pipe, bytes_left, until }) = self.skip.take_if(mine) else { return 0 };
        if now > until {
            return 0;
        }
        let line_end = data.iter().position(|byte| *byte == b'\n').map(|at| at + 1);
        let count = line_end.unwrap_or(data.len()).min(bytes_left);
        if line_end.is_none() && count < bytes_left {
            self.skip = Some(Skip { pipe, bytes_left: bytes_left - count, until });
        }
        self.lose(writer.instance, count as u64, tally);
        count
    }

    /// Ends the open line; otherwise the data that was to follow is lost with the line end.
    fn end_line(&mut self, writer: Writer, data: &[u8], now: Time, tally: &mut Tally) -> bool {
        if self.holds_back() {
            self.hold(writer.instance, b"\n");
        } else if self.log_file.is_within_line() {
            match (self.log_file.append(b"\n"), self.full) {
                (Ok(()), _) => {}
                (Err(unwritten), LogFull::Block) => self.refuse(writer, b"\n", &unwritten, now, tally),
                (Err(unwritten), LogFull::Drop) => {
                    let all = Unwritten { bytes: data.len(), error: unwritten.error };
                    self.note_refusal(&all);
                    self.lose(writer.instance, data.len() as u64, tally);
                    return false;
                }
            }
        }
        true
    }

    /// The disk may refuse; that is said once. Then the loss is counted and every later piece is a new
    /// try, or what was refused is held until it is taken.
    fn append(&mut self, writer: Writer, data: &[u8], now: Time, tally: &mut Tally) {
        if self.holds_back() {
            // Only what cannot wait in a pipe comes here: the end of a line, last words.
            return self.hold(writer.instance, data);
        }
        match self.log_file.append(data) {
            Ok(()) => {
                tally.wrote(writer.instance, data.len() as u64);
                self.note_recovery();
            }
            Err(unwritten) => self.refuse(writer, data, &unwritten, now, tally),
        }
    }

    fn refuse(&mut self, writer: Writer, data: &[u8], unwritten: &Unwritten, now: Time, tally: &mut Tally) {
        let (written, lost) = data.split_at(data.len() - unwritten.bytes);
        tally.wrote(writer.instance, written.len() as u64);
        self.note_refusal(unwritten);
        match self.full {
            LogFull::Block => self.hold(writer.instance, lost),
            LogFull::Drop => {
                let taken_back = self.log_file.take_back_line();
                self.lose(writer.instance, lost.len() as u64 + taken_back, tally);
                if lost.last() != Some(&b'\n') {
                    self.skip = Some(Skip {
                        pipe: writer.pipe,
                        bytes_left: SKIP_BYTES_MAX,
                        until: now + SKIP_WITHIN,
                    });
                }
                self.last_line =
                    if self.log_file.is_within_line() { LastLine::Broken } else { LastLine::Ended };
            }
        }
    }

    fn hold(&mut self, instance: Key, data: &[u8]) {
        match self.held.back_mut() {
            Some(last) if last.instance == instance => last.data.extend_from_slice(data),
            Some(_) | None => self.held.push_back(Held { instance, data: data.to_owned() }),
        }
    }

    /// Tries again to write what is held; with `log_full: drop` it is the last try.
    pub(super) fn append_held(&mut self, tally: &mut Tally) {
        while let Some(Held { instance, mut data }) = self.held.pop_front() {
            let Err(unwritten) = self.log_file.append(&data) else {
                tally.wrote(instance, data.len() as u64);
                continue;
            };
            let written = data.len() - unwritten.bytes;
            tally.wrote(instance, written as u64);
            self.note_refusal(&unwritten);
            data.drain(..written);
            self.held.push_front(Held { instance, data });
            if self.log_file.give_up_line() {
                continue;
            }
            if self.full == LogFull::Drop {
                for Held { instance, data } in std::mem::take(&mut self.held) {
                    self.lose(instance, data.len() as u64, tally);
                }
                let taken_back = self.log_file.take_back_line();
                self.lose(instance, taken_back, tally);
            }
            return;
        }
        self.note_recovery();
    }

    /// Takes over what another sink of the same file holds back.
    pub(super) fn take_over(&mut self, other: &mut Sink) {
        self.users += other.users;
        self.is_watched |= other.is_watched;
        self.held.append(&mut other.held);
    }

    /// Counts what never gets into the file.
    pub(super) fn lose(&mut self, instance: Key, bytes: u64, tally: &mut Tally) {
        if bytes > 0 {
            tally.dropped(instance, bytes);
            self.refused.get_or_insert_with(Refused::unknown).lost_bytes += bytes;
        }
    }

    fn note_refusal(&mut self, unwritten: &Unwritten) {
        let why = reason(&unwritten.error);
        if self.refused.is_none() {
            let what = match self.full {
                LogFull::Drop => "output is dropped",
                LogFull::Block => "output waits",
            };
            log::error!("{} cannot be written, {what}: {why}", self.log_file.path().display());
        }
        self.refused.get_or_insert_with(Refused::unknown).why = why;
    }

    fn note_recovery(&mut self) {
        if let Some(Refused { lost_bytes, .. }) = self.refused.take() {
            log::warn!(
                "{} can be written again; {lost_bytes} bytes were lost",
                self.log_file.path().display()
            );
        }
    }

    /// What keeps the file from taking output, if anything does.
    pub(super) fn trouble(&self) -> Option<String> {
        let Refused { why, lost_bytes } = self.refused.as_ref()?;
        Some(match (self.full, lost_bytes) {
            (LogFull::Drop, _) => format!("its log cannot be written ({why}): {lost_bytes} bytes lost"),
            (LogFull::Block, 0) => format!("its log cannot be written ({why}): output waits"),
            (LogFull::Block, _) => {
                format!(
                    "its log cannot be written ({why}): output waits, {lost_bytes} bytes of dead processes lost"
                )
            }
        })
    }
}

impl Refused {
    fn unknown() -> Refused {
        Refused { why: "it has lost its beginning".to_owned(), lost_bytes: 0 }
    }
}
