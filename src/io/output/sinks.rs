//! Log files by identity: however a file is named, it has one writer.

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::config::{LogFull, Rotation};
use crate::io::log_file::{FileId, LogFile, Unwritten};
use crate::io::reason::reason;
use crate::slots::{Key, Slots};
use crate::time::Time;

/// How long a write lets us believe that the path still leads to the file: looking costs a system
/// call, and a file that was moved away by hand is missed by nobody for a second.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How long to wait before a disk that was full is tried again, where programs wait for it.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// The open log files of children.
#[derive(Default)]
pub(super) struct Sinks {
    sinks: Slots<Sink>,
    by_path: HashMap<PathBuf, Key>,
    by_id: HashMap<FileId, Key>,
    /// How many sinks hold something back.
    held_back: usize,
    retry_at: Option<Time>,
    /// Paths that followers want to hear of, and how many do; empty at rest.
    watched: HashMap<PathBuf, usize>,
    /// Watched paths that were written to since they were last asked for.
    news: Vec<PathBuf>,
}

struct Sink {
    log_file: LogFile,
    /// Pipes that write here.
    users: usize,
    /// The pipe that wrote the beginning of a line that has not ended yet.
    open_line: Option<Key>,
    full: LogFull,
    /// Why the disk takes nothing, since when it does not.
    refused: Option<Refused>,
    /// With `log_full: block`: what the disk has refused and is to take yet.
    held: Vec<u8>,
    looked_at: Time,
    is_watched: bool,
    counts: Counts,
}

struct Refused {
    why: String,
    lost_bytes: u64,
}

/// What a log file has taken and lost since it was opened, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) written: u64,
    pub(crate) dropped: u64,
}

impl Sinks {
    /// The sink of this file, opened or shared; every open needs a [`Sinks::close`]. Those who share
    /// a file share its rules, and whoever comes last sets them.
    pub(super) fn open(&mut self, path: &Path, rotation: Rotation, full: LogFull) -> io::Result<Key> {
        let known = self.by_path.get(path).copied();
        let key = match known {
            Some(key) => key,
            None => self.open_new(path, rotation)?,
        };
        if let Some(sink) = self.sinks.get_mut(key) {
            sink.users += 1;
            sink.full = full;
            sink.log_file.set_rotation(rotation);
        }
        Ok(key)
    }

    fn open_new(&mut self, path: &Path, rotation: Rotation) -> io::Result<Key> {
        let log_file = LogFile::open(path, rotation)?;
        let id = log_file.id();
        let is_watched = self.watched.contains_key(path);
        let sinks = &mut self.sinks;
        let key = *self.by_id.entry(id).or_insert_with(|| sinks.insert(Sink::new(log_file)));
        self.by_path.insert(path.to_owned(), key);
        if is_watched && let Some(sink) = self.sinks.get_mut(key) {
            sink.is_watched = true;
            self.news.push(path.to_owned());
        }
        Ok(key)
    }

    /// One user less; the last one closes the file.
    pub(super) fn close(&mut self, key: Key) {
        let Some(sink) = self.sinks.get_mut(key) else { return };
        sink.users -= 1;
        if sink.users == 0 {
            if !sink.held.is_empty() {
                // The last try: nobody comes back for it.
                sink.full = LogFull::Drop;
                sink.append_held();
                self.held_back -= 1;
            }
            self.sinks.remove(key);
            self.by_path.retain(|_, other| *other != key);
            self.by_id.retain(|_, other| *other != key);
        }
    }

    /// Sets when the file of this path is rotated, if it is open.
    #[allow(dead_code)] // reload comes next
    pub(super) fn set_rotation(&mut self, path: &Path, rotation: Rotation) {
        if let Some(sink) = self.by_path.get(path).and_then(|key| self.sinks.get_mut(*key)) {
            sink.log_file.set_rotation(rotation);
        }
    }

    /// Whether several pipes write here.
    pub(super) fn is_shared(&self, key: Key) -> bool {
        self.sinks.get(key).is_some_and(|sink| sink.users > 1)
    }

    /// Whether nothing more should be written for now.
    pub(super) fn holds_back(&self, key: Key) -> bool {
        self.held_back > 0 && self.sinks.get(key).is_some_and(|sink| !sink.held.is_empty())
    }

    /// Appends what `pipe` delivered. A line that another pipe left open is ended first, so that no
    /// line is a mixture of two.
    pub(super) fn write(&mut self, key: Key, pipe: Key, data: &[u8], now: Time) {
        let Some(sink) = self.sinks.get_mut(key) else { return };
        let held_back = !sink.held.is_empty();
        if now - sink.looked_at >= LOOK_EVERY {
            sink.look(now);
        }
        if sink.open_line.is_some_and(|owner| owner != pipe) {
            sink.append(b"\n");
        }
        sink.append(data);
        sink.open_line = (data.last() != Some(&b'\n')).then_some(pipe);
        if !held_back && !sink.held.is_empty() {
            self.held_back += 1;
            self.retry_at = Some(now + RETRY_AFTER);
        }
        if sink.is_watched {
            self.news.push(sink.log_file.path().to_owned());
        }
        self.keep_identity(key);
    }

    /// A rotation or a reopening leads to another file of the same name.
    fn keep_identity(&mut self, key: Key) {
        let Some(sink) = self.sinks.get_mut(key) else { return };
        let id = sink.log_file.id();
        if sink.log_file.take_identity_change() {
            self.by_id.retain(|_, other| *other != key);
            self.by_id.insert(id, key);
        }
    }

    /// When [`Sinks::retry`] is to be called; never while all is well.
    pub(super) fn next_deadline(&self) -> Option<Time> {
        self.retry_at
    }

    /// Tries again to write what was held back. Whether some of it went.
    pub(super) fn retry(&mut self, now: Time) -> bool {
        if self.retry_at.is_none_or(|at| at > now) {
            return false;
        }
        let before = self.held_back;
        let keys: Vec<Key> =
            self.sinks.iter().filter(|(_, sink)| !sink.held.is_empty()).map(|(key, _)| key).collect();
        for key in keys {
            let Some(sink) = self.sinks.get_mut(key) else { continue };
            sink.append_held();
            self.held_back -= usize::from(sink.held.is_empty());
            self.keep_identity(key);
        }
        self.retry_at = (self.held_back > 0).then(|| now + RETRY_AFTER);
        self.held_back < before
    }

    /// We are about to leave: what is held gets a last try, and what is refused from now on is lost.
    pub(super) fn hold_nothing_back(&mut self) {
        let keys: Vec<Key> = self.sinks.iter().map(|(key, _)| key).collect();
        for key in keys {
            let Some(sink) = self.sinks.get_mut(key) else { continue };
            sink.full = LogFull::Drop;
            if !sink.held.is_empty() {
                sink.append_held();
            }
        }
        self.held_back = 0;
        self.retry_at = None;
    }

    /// What keeps this file from taking output, if anything does.
    pub(super) fn trouble(&self, key: Key) -> Option<String> {
        let sink = self.sinks.get(key)?;
        let Refused { why, lost_bytes } = sink.refused.as_ref()?;
        Some(match sink.full {
            LogFull::Drop => format!("its log cannot be written ({why}): {lost_bytes} bytes lost"),
            LogFull::Block => format!("its log cannot be written ({why}): output waits"),
        })
    }

    /// What each open file has taken and lost.
    pub(super) fn counts(&self, key: Key) -> Counts {
        self.sinks.get(key).map_or(Counts::default(), |sink| sink.counts)
    }

    /// Opens every path anew (SIGUSR2), for log files that were moved away.
    pub(super) fn reopen(&mut self) {
        let keys: Vec<Key> = self.sinks.iter().map(|(key, _)| key).collect();
        for key in keys {
            let Some(sink) = self.sinks.get_mut(key) else { continue };
            if let Err(error) = sink.log_file.reopen() {
                log::warn!("cannot reopen a log file, the old one stays in use: {error}");
            }
            self.keep_identity(key);
        }
    }

    /// From now on [`Sinks::take_news`] names this path when it was written to.
    pub(super) fn watch(&mut self, path: &Path) {
        *self.watched.entry(path.to_owned()).or_default() += 1;
        if let Some(sink) = self.by_path.get(path).and_then(|key| self.sinks.get_mut(*key)) {
            sink.is_watched = true;
        }
    }

    /// Takes one [`Sinks::watch`] back.
    pub(super) fn unwatch(&mut self, path: &Path) {
        let Some(count) = self.watched.get_mut(path) else { return };
        *count -= 1;
        if *count > 0 {
            return;
        }
        self.watched.remove(path);
        if let Some(sink) = self.by_path.get(path).and_then(|key| self.sinks.get_mut(*key)) {
            sink.is_watched = false;
        }
    }

    /// Watched paths that were written to since the last call; one may be named twice. A file that
    /// several names lead to is named by the one that it was opened with.
    pub(super) fn take_news(&mut self) -> Vec<PathBuf> {
        std::mem::take(&mut self.news)
    }
}

impl Sink {
    fn new(log_file: LogFile) -> Sink {
        Sink {
            log_file,
            users: 0,
            open_line: None,
            full: LogFull::Drop,
            refused: None,
            held: Vec::new(),
            looked_at: Time::ZERO,
            is_watched: false,
            counts: Counts::default(),
        }
    }

    fn look(&mut self, now: Time) {
        self.looked_at = now;
        if let Err(error) = self.log_file.look() {
            log::debug!("a log file is not where it was, and a new one cannot be opened: {error}");
        }
    }

    fn append_held(&mut self) {
        let held = std::mem::take(&mut self.held);
        self.append(&held);
    }

    /// The disk may refuse; that is said once. Then the loss is counted and every later piece is a new
    /// try, or what was refused is held until it is taken.
    fn append(&mut self, data: &[u8]) {
        if !self.held.is_empty() {
            // Only what cannot wait in a pipe comes here: the end of a line, last words.
            return self.held.extend_from_slice(data);
        }
        match self.log_file.append(data) {
            Ok(()) => {
                self.counts.written += data.len() as u64;
                if !data.is_empty()
                    && let Some(Refused { lost_bytes, .. }) = self.refused.take()
                {
                    let path = self.log_file.path().display();
                    log::warn!("{path} can be written again; {lost_bytes} bytes were lost");
                }
            }
            Err(unwritten) => self.refuse(data, &unwritten),
        }
    }

    fn refuse(&mut self, data: &[u8], unwritten: &Unwritten) {
        let why = reason(&unwritten.error);
        let bytes = unwritten.bytes as u64;
        self.counts.written += data.len() as u64 - bytes;
        if self.refused.is_none() {
            let what = match self.full {
                LogFull::Drop => "output is dropped",
                LogFull::Block => "output waits",
            };
            log::error!("{} cannot be written, {what}: {why}", self.log_file.path().display());
        }
        let refused = self.refused.get_or_insert(Refused { why: String::new(), lost_bytes: 0 });
        refused.why = why;
        match self.full {
            LogFull::Drop => {
                refused.lost_bytes += bytes;
                self.counts.dropped += bytes;
            }
            LogFull::Block => self.held.extend_from_slice(&data[data.len() - unwritten.bytes..]),
        }
    }
}
