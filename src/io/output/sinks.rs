//! Log files by identity: however a file is named, it has one writer.

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::sink::{Sink, Writer};
use super::tally::{Counts, Tally};
use crate::config::{LogFull, Rotation};
use crate::io::log_file::{FileId, LogFile, UnfinishedLine};
use crate::slots::{Key, Slots};
use crate::time::Time;

/// How long to wait before a disk that was full is tried again, where programs wait for it.
const RETRY_AFTER: Duration = Duration::from_secs(1);
/// Closed files of which it is known that their last line has no end. Each is forgotten when it is opened
/// again, and all of them when there are more: files that nobody opens again.
const UNFINISHED_MAX: usize = 10_000;

/// The open log files of children.
#[derive(Default)]
pub(super) struct Sinks {
    sinks: Slots<Sink>,
    by_path: HashMap<PathBuf, Key>,
    by_id: HashMap<FileId, Key>,
    /// Keys of sinks that were found to be the same file as another one, and that one's.
    merged: HashMap<Key, Key>,
    /// Closed in the middle of a line, by a process that was killed there. The next one begins another.
    unfinished: HashMap<FileId, UnfinishedLine>,
    tally: Tally,
    /// How many sinks hold something back.
    held_back: usize,
    retry_at: Option<Time>,
    /// Paths that followers want to hear of, and how many do; empty at rest.
    watched: HashMap<PathBuf, usize>,
    /// Watched paths that were written to since they were last asked for.
    news: Vec<PathBuf>,
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
        let mut log_file = LogFile::open(path, rotation)?;
        let id = log_file.id();
        if let Some(line) = self.unfinished.remove(&id) {
            log_file.resume_line(line);
        }
        let sinks = &mut self.sinks;
        let key = *self.by_id.entry(id).or_insert_with(|| sinks.insert(Sink::new(log_file)));
        self.by_path.insert(path.to_owned(), key);
        if let Some(sink) = self.sinks.get_mut(key) {
            sink.has_other_names |= sink.log_file.path() != path;
        }
        let names: Vec<PathBuf> = self.watched.keys().cloned().collect();
        for name in names {
            if self.find(&name) == Some(key) {
                self.news.push(name);
                self.sinks.get_mut(key).into_iter().for_each(|sink| sink.is_watched = true);
            }
        }
        Ok(key)
    }

    /// The open file that a path leads to, by whatever name it was opened.
    fn find(&mut self, path: &Path) -> Option<Key> {
        if let Some(key) = self.by_path.get(path) {
            return Some(*key);
        }
        let key = *self.by_id.get(&FileId::at(path)?)?;
        self.by_path.insert(path.to_owned(), key);
        self.sinks.get_mut(key)?.has_other_names = true;
        Some(key)
    }

    /// One user less; the last one closes the file.
    pub(super) fn close(&mut self, key: Key) {
        let key = self.present(key);
        let Some(sink) = self.sinks.get_mut(key) else { return };
        sink.users -= 1;
        if sink.users == 0 {
            if sink.holds_back() {
                // The last try: nobody comes back for it.
                sink.full = LogFull::Drop;
                self.append_held(key);
                self.held_back -= 1;
            }
            let Some(sink) = self.sinks.get_mut(key) else { return };
            if let Some(line) = sink.log_file.unfinished_line() {
                if self.unfinished.len() >= UNFINISHED_MAX {
                    self.unfinished.clear();
                }
                self.unfinished.insert(sink.log_file.id(), line);
            }
            if let Some(sink) = self.sinks.remove(key) {
                self.forget(key, &sink);
            }
        }
    }

    /// Forgets by what a sink was found. One that is known by its own path only, as nearly all are, is not
    /// looked for among the others.
    fn forget(&mut self, key: Key, sink: &Sink) {
        if self.by_id.get(&sink.known_as) == Some(&key) {
            self.by_id.remove(&sink.known_as);
        }
        if sink.has_other_names {
            self.by_path.retain(|_, other| *other != key);
            self.merged.retain(|_, other| *other != key);
        } else {
            self.by_path.remove(sink.log_file.path());
        }
    }

    /// The key of the sink that this key means by now.
    pub(super) fn present(&self, key: Key) -> Key {
        // Nearly always there is none.
        if self.merged.is_empty() { key } else { self.merged.get(&key).copied().unwrap_or(key) }
    }

    /// Sets when the file of this path is rotated, if it is open.
    pub(super) fn set_rotation(&mut self, path: &Path, rotation: Rotation) {
        if let Some(sink) = self.by_path.get(path).and_then(|key| self.sinks.get_mut(*key)) {
            sink.log_file.set_rotation(rotation);
        }
    }

    /// Whether several pipes write here.
    pub(super) fn is_shared(&self, key: Key) -> bool {
        self.sinks.get(self.present(key)).is_some_and(|sink| sink.users > 1)
    }

    /// Whether nothing more should be written for now.
    pub(super) fn holds_back(&self, key: Key) -> bool {
        self.held_back > 0 && self.sinks.get(self.present(key)).is_some_and(Sink::holds_back)
    }

    /// Which other pipe has begun a line in this file that has not ended.
    pub(super) fn opener_of_line(&self, key: Key, pipe: Key) -> Option<Key> {
        self.sinks.get(self.present(key))?.opener_of_line(pipe)
    }

    /// Whether others are to wait for the end of that line, for the first time or still.
    pub(super) fn awaits_line(&mut self, key: Key, now: Time) -> bool {
        let key = self.present(key);
        self.sinks.get_mut(key).is_some_and(|sink| sink.await_line(now) > now)
    }

    /// Until when they do, if they do.
    pub(super) fn line_wait(&self, key: Key) -> Option<Time> {
        self.sinks.get(self.present(key))?.line_wait()
    }

    /// Appends what a pipe delivered. Where the path leads to another file by now, the rest goes there behind
    /// the line that has begun; and if somebody else writes to that one already, through that one's sink.
    pub(super) fn write(&mut self, key: Key, writer: Writer, mut data: &[u8], now: Time) {
        self.look(key, now);
        while !data.is_empty() {
            let key = self.present(key);
            let Some(sink) = self.sinks.get_mut(key) else { return };
            let held_back = sink.holds_back();
            let (piece, rest) = data.split_at(sink.log_file.until_switch(data));
            sink.write(writer, piece, now, &mut self.tally);
            if !held_back && sink.holds_back() {
                self.held_back += 1;
                self.retry_at = Some(now + RETRY_AFTER);
            }
            if sink.is_watched {
                self.tell_news(key);
            }
            self.keep_identity(key);
            data = rest;
        }
    }

    /// Now and then, whether the path still leads to the file.
    fn look(&mut self, key: Key, now: Time) {
        let key = self.present(key);
        if self.sinks.get_mut(key).is_some_and(|sink| sink.look_sometimes(now)) {
            self.keep_identity(key);
        }
    }

    /// Counts what was read from a pipe, but not for the log.
    pub(super) fn lose(&mut self, key: Key, instance: Key, bytes: u64) {
        if let Some(sink) = self.sinks.get_mut(self.present(key)) {
            sink.lose(instance, bytes, &mut self.tally);
        }
    }

    /// A rotation or a reopening leads to another file of the same name. If that is one that another
    /// sink writes to already (somebody has made a link of it), they become one.
    fn keep_identity(&mut self, key: Key) {
        let Some(sink) = self.sinks.get_mut(key) else { return };
        if !sink.log_file.take_identity_change() {
            return;
        }
        let id = sink.log_file.id();
        let before = std::mem::replace(&mut sink.known_as, id);
        if self.by_id.get(&before) == Some(&key) {
            self.by_id.remove(&before);
        }
        let heir = *self.by_id.entry(id).or_insert(key);
        if heir == key {
            return;
        }
        let Some(mut sink) = self.sinks.remove(key) else { return };
        let Some(other) = self.sinks.get_mut(heir) else { return };
        let held_back = usize::from(sink.holds_back()) + usize::from(other.holds_back());
        other.take_over(&mut sink);
        other.has_other_names = true;
        self.held_back = self.held_back + usize::from(other.holds_back()) - held_back;
        let keys = self.by_path.values_mut().chain(self.merged.values_mut());
        keys.filter(|other| **other == key).for_each(|other| *other = heir);
        self.merged.insert(key, heir);
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
            self.sinks.iter().filter(|(_, sink)| sink.holds_back()).map(|(key, _)| key).collect();
        for key in keys {
            let Some(sink) = self.sinks.get_mut(key) else { continue };
            // Who has removed the file, to make room, gets the room when we have let it go.
            sink.look(now);
            self.append_held(key);
            self.held_back -= usize::from(self.sinks.get(key).is_some_and(|sink| !sink.holds_back()));
            self.keep_identity(key);
        }
        self.retry_at = (self.held_back > 0).then(|| now + RETRY_AFTER);
        self.held_back < before
    }

    fn append_held(&mut self, key: Key) {
        let Some(sink) = self.sinks.get_mut(key) else { return };
        sink.append_held(&mut self.tally);
        if sink.is_watched {
            self.tell_news(key);
        }
    }

    /// We are about to leave: what is held gets a last try, and what is refused from now on is lost.
    pub(super) fn hold_nothing_back(&mut self) {
        let keys: Vec<Key> = self.sinks.iter().map(|(key, _)| key).collect();
        for key in keys {
            let Some(sink) = self.sinks.get_mut(key) else { continue };
            sink.full = LogFull::Drop;
            if sink.holds_back() {
                self.append_held(key);
            }
        }
        self.held_back = 0;
        self.retry_at = None;
    }

    /// What keeps this file from taking output, if anything does.
    pub(super) fn trouble(&self, key: Key) -> Option<String> {
        self.sinks.get(self.present(key))?.trouble()
    }

    /// What the logs of an instance have taken and lost.
    pub(super) fn counts(&self, instance: Key) -> Counts {
        self.tally.of(instance)
    }

    /// Forgets the counts of instances that there are no more.
    pub(super) fn keep_counts(&mut self, is_there: impl Fn(Key) -> bool) {
        self.tally.keep(is_there);
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
        if let Some(sink) = self.find(path).and_then(|key| self.sinks.get_mut(key)) {
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
        let Some(key) = self.by_path.get(path).copied() else { return };
        let is_watched = self.watched.keys().any(|other| self.by_path.get(other) == Some(&key));
        if let Some(sink) = self.sinks.get_mut(key) {
            sink.is_watched = is_watched;
        }
    }

    /// A watched file was written to: whoever follows it is to know, by whatever name.
    fn tell_news(&mut self, key: Key) {
        let Some(sink) = self.sinks.get(key) else { return };
        if sink.has_other_names {
            let names = self.watched.keys().filter(|path| self.by_path.get(*path) == Some(&key));
            self.news.extend(names.cloned());
        } else {
            self.news.push(sink.log_file.path().to_owned());
        }
    }

    /// Watched paths that were written to since the last call; one may be named twice.
    pub(super) fn take_news(&mut self) -> Vec<PathBuf> {
        std::mem::take(&mut self.news)
    }
}
