//! Our own log: the `log` macros, formatted by simplelog, into a rotating file.

use std::io::{self, Write};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use log::LevelFilter;
use simplelog::{ConfigBuilder, WriteLogger};

use super::log_file::LogFile;
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
}

impl Journal {
    /// Opens the file and makes it the destination of all logging, in UTC (RFC 3339).
    pub(crate) fn install(path: &Path, rotation: Rotation, level: LevelFilter) -> io::Result<Journal> {
        let inner = Inner { log_file: LogFile::open(path, rotation)?, pending: Vec::new() };
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

    /// Writes what this turn has said.
    pub(crate) fn write_pending(&self) {
        self.with(Inner::write_pending);
    }

    fn with<T>(&self, act: impl FnOnce(&mut Inner) -> T) -> T {
        // There is one thread; a poisoned lock means that it panicked and is about to leave.
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Inner {
    fn write_pending(&mut self) {
        if !self.pending.is_empty() {
            // A full disk loses records of ours; there is nobody left to tell.
            let _ = self.log_file.append(&self.pending);
            self.pending.clear();
        }
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
