//! Our own log: the `log` macros, formatted by simplelog, into a rotating file.

use std::io::{self, Write};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use log::LevelFilter;
use simplelog::{ConfigBuilder, WriteLogger};

use super::log_file::{LogFile, Unwritten};
use super::reason::reason;
use crate::config::Rotation;

/// A record that grows beyond this is written at once; all others wait for the end of the turn.
const BUFFER_BYTES: usize = 16 * 1024;

/// The log file, shared with the logger that the `log` crate keeps for the whole process.
#[derive(Clone)]
pub(crate) struct Journal(Arc<Mutex<Inner>>);

struct Inner {
    log_file: LogFile,
    /// Records of this turn: a thousand instances that start are one write, not a thousand.
    pending: Vec<u8>,
    /// Whether the last of them were written.
    is_well: bool,
    lost: Option<Lost>,
}

/// Records that could not be written since the last that could.
struct Lost {
    lines: usize,
    why: String,
}

impl Journal {
    /// Opens the file and makes it the destination of all logging, in UTC (RFC 3339).
    pub(crate) fn install(path: &Path, rotation: Rotation, level: LevelFilter) -> io::Result<Journal> {
        let inner = Inner {
            log_file: LogFile::open(path, rotation).map_err(|error| {
                let text =
                    format!("cannot open the supervisor's own log {error}; `logfile` says where it is");
                io::Error::new(error.kind(), text)
            })?,
            pending: Vec::new(),
            is_well: true,
            lost: None,
        };
        let journal = Journal(Arc::new(Mutex::new(inner)));
        let config = ConfigBuilder::new()
            .set_time_format_rfc3339()
            .set_target_level(LevelFilter::Off)
            .set_thread_level(LevelFilter::Off)
            .set_location_level(LevelFilter::Off)
            .build();
        // Everything reaches it that the `log` macros let through, so that the level can change later.
        WriteLogger::init(LevelFilter::Trace, config, journal.clone()).map_err(io::Error::other)?;
        log::set_max_level(level);
        Ok(journal)
    }

    /// Goes on in another file, or by other rules.
    ///
    /// # Errors
    /// Why the file cannot be opened; the present one stays in use then, by the new rules.
    pub(crate) fn adopt(&self, path: &Path, rotation: Rotation, level: LevelFilter) -> io::Result<()> {
        log::set_max_level(level);
        self.with(|inner| {
            inner.write_pending();
            inner.log_file.set_rotation(rotation);
            if inner.log_file.path() != path {
                inner.log_file = LogFile::open(path, rotation)?;
            }
            Ok(())
        })
    }

    /// Opens the path anew, after the file was moved away.
    pub(crate) fn reopen(&self) {
        self.with(|inner| {
            inner.write_pending();
            if let Err(error) = inner.log_file.reopen() {
                let _ = writeln!(io::stderr(), "taskmaster: cannot reopen the log file: {error}");
            }
        });
    }

    /// Writes what this turn has said, and how much was lost before, as soon as it can be written again.
    pub(crate) fn write_pending(&self) {
        self.with(Inner::write_pending);
        let Some(Lost { lines, why }) = self.with(Inner::take_lost) else { return };
        log::warn!("lines of this log that could not be written: {lines}, the last because of: {why}");
        self.with(Inner::write_pending);
    }

    fn with<T>(&self, act: impl FnOnce(&mut Inner) -> T) -> T {
        // There is one thread; a poisoned lock means that it panicked and is about to leave.
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Inner {
    /// What is refused is lost, and counted: while the disk refuses there is nobody to tell.
    fn write_pending(&mut self) {
        if self.pending.is_empty() {
            return;
        }
        let written = self.log_file.append(&self.pending);
        self.is_well = written.is_ok();
        if let Err(Unwritten { bytes, error }) = written {
            self.log_file.take_back_line();
            let unwritten = &self.pending[self.pending.len().saturating_sub(bytes)..];
            let lines = unwritten.iter().filter(|byte| **byte == b'\n').count();
            let before = self.lost.take().map_or(0, |lost| lost.lines);
            self.lost = Some(Lost { lines: before + lines, why: reason(&error) });
        }
        self.pending.clear();
    }

    /// What was lost, if it can be told now.
    fn take_lost(&mut self) -> Option<Lost> {
        if self.is_well { self.lost.take() } else { None }
    }
}

impl Write for Journal {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        self.with(|inner| {
            inner.pending.extend_from_slice(data);
            if inner.pending.len() >= BUFFER_BYTES && data.last() == Some(&b'\n') {
                inner.write_pending();
            }
        });
        Ok(data.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        // simplelog flushes after every record; the event loop decides when the file is written.
        Ok(())
    }
}
