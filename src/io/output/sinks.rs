//! Log files by identity: however a file is named, it has one writer.

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};

use crate::io::log_file::{FileId, LogFile, Rotation};
use crate::io::reason::reason;
use crate::slots::{Key, Slots};

/// The open log files of children.
#[derive(Default)]
pub(super) struct Sinks {
    sinks: Slots<Sink>,
    by_path: HashMap<PathBuf, Key>,
    by_id: HashMap<FileId, Key>,
}

struct Sink {
    log_file: LogFile,
    /// Pipes that write here.
    users: usize,
    /// The pipe that wrote the beginning of a line that has not ended yet.
    open_line: Option<Key>,
    /// Bytes lost since the writing began to fail; none when all is well.
    lost_bytes: Option<u64>,
}

impl Sinks {
    /// The sink of this file, opened or shared; every open needs a [`Sinks::close`].
    pub(super) fn open(&mut self, path: &Path) -> io::Result<Key> {
        let known = self.by_path.get(path).copied();
        let key = match known {
            Some(key) => key,
            None => {
                let log_file = LogFile::open(path, Rotation::NEVER)?;
                let id = log_file.id();
                let new = || Sink { log_file, users: 0, open_line: None, lost_bytes: None };
                let sinks = &mut self.sinks;
                let key = *self.by_id.entry(id).or_insert_with(|| sinks.insert(new()));
                self.by_path.insert(path.to_owned(), key);
                key
            }
        };
        if let Some(sink) = self.sinks.get_mut(key) {
            sink.users += 1;
        }
        Ok(key)
    }

    /// One user less; the last one closes the file.
    pub(super) fn close(&mut self, key: Key) {
        let Some(sink) = self.sinks.get_mut(key) else { return };
        sink.users -= 1;
        if sink.users == 0 {
            self.sinks.remove(key);
            self.by_path.retain(|_, other| *other != key);
            self.by_id.retain(|_, other| *other != key);
        }
    }

    /// Whether several pipes write here.
    pub(super) fn is_shared(&self, key: Key) -> bool {
        self.sinks.get(key).is_some_and(|sink| sink.users > 1)
    }

    /// Appends what `pipe` delivered. A line that another pipe left open is ended first, so that no
    /// line is a mixture of two.
    pub(super) fn write(&mut self, key: Key, pipe: Key, data: &[u8]) {
        let Some(sink) = self.sinks.get_mut(key) else { return };
        if sink.open_line.is_some_and(|owner| owner != pipe) {
            sink.append(b"\n");
        }
        sink.append(data);
        sink.open_line = (data.last() != Some(&b'\n')).then_some(pipe);
    }

    /// Opens every path anew (SIGUSR2), for log files that were moved away.
    pub(super) fn reopen(&mut self) {
        self.by_id.clear();
        let keys: Vec<Key> = self.sinks.iter().map(|(key, _)| key).collect();
        for key in keys {
            let Some(sink) = self.sinks.get_mut(key) else { continue };
            if let Err(error) = sink.log_file.reopen() {
                log::warn!("cannot reopen a log file, the old one stays in use: {error}");
            }
            self.by_id.insert(sink.log_file.id(), key);
        }
    }
}

impl Sink {
    /// The disk may refuse; then the loss is counted, said once, and every later piece is a new try.
    fn append(&mut self, data: &[u8]) {
        let path = self.log_file.path().display().to_string();
        match (self.log_file.append(data), self.lost_bytes) {
            (Ok(()), None) => {}
            (Ok(()), Some(lost)) => {
                log::warn!("{path} can be written again; {lost} bytes were lost");
                self.lost_bytes = None;
            }
            (Err(unwritten), None) => {
                log::error!("{path} cannot be written, output is dropped: {}", reason(&unwritten.error));
                self.lost_bytes = Some(unwritten.bytes as u64);
            }
            (Err(unwritten), Some(lost)) => self.lost_bytes = Some(lost + unwritten.bytes as u64),
        }
    }
}
