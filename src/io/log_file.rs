//! The one writer of log files, ours and the children's: appends, and rotates at a line end.

use std::fs::{self, DirBuilder, File, Metadata, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, FileTypeExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use nix::libc;
use nix::sys::stat::{Mode, umask};
use nix::unistd::Uid;

use super::reason::reason;
use crate::config::Rotation;

/// Which file a path led to: device and inode.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct FileId {
    device: u64,
    inode: u64,
}

impl FileId {
    fn of(found: &Metadata) -> FileId {
        FileId { device: found.dev(), inode: found.ino() }
    }
}

/// Part of the data could not be written.
#[derive(Debug)]
pub(crate) struct Unwritten {
    /// How many bytes of it are lost.
    pub(crate) bytes: usize,
    pub(crate) error: io::Error,
}

/// An open log file.
#[derive(Debug)]
pub(crate) struct LogFile {
    path: PathBuf,
    file: File,
    id: FileId,
    rotation: Rotation,
    /// Only regular files are rotated.
    is_regular: bool,
    /// Whether the path has led to another file since that was last asked.
    is_another: bool,
    size: u64,
    at_line_start: bool,
}

impl LogFile {
    /// Opens or creates (0640) a file for appending; missing directories are created (0750).
    ///
    /// # Errors
    /// Whatever the system says, in one line that names the path.
    pub(crate) fn open(path: &Path, rotation: Rotation) -> io::Result<LogFile> {
        let named = |error: io::Error| {
            io::Error::new(error.kind(), format!("{}: {}", path.display(), explain(path, &error)))
        };
        let file = open_or_create(path).map_err(named)?;
        let found = file.metadata().map_err(named)?;
        if found.file_type().is_socket() {
            return Err(named(io::Error::other("is a socket")));
        }
        Ok(LogFile {
            path: path.to_owned(),
            file,
            id: FileId::of(&found),
            rotation,
            is_regular: found.is_file(),
            is_another: false,
            size: found.len(),
            at_line_start: true,
        })
    }

    pub(crate) fn id(&self) -> FileId {
        self.id
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn set_rotation(&mut self, rotation: Rotation) {
        self.rotation = rotation;
    }

    /// Looks whether the path still leads to this file: one that was moved, removed or replaced is
    /// opened anew, and one that was truncated is measured anew.
    ///
    /// # Errors
    /// As [`LogFile::open`]; the old file stays in use then.
    pub(crate) fn look(&mut self) -> io::Result<()> {
        match fs::metadata(&self.path) {
            Ok(found) if FileId::of(&found) == self.id => {
                self.size = self.size.min(found.len());
                Ok(())
            }
            Ok(_) | Err(_) => self.reopen(),
        }
    }

    /// Opens the path anew, for a file that was moved or removed. On failure the old one stays.
    pub(crate) fn reopen(&mut self) -> io::Result<()> {
        let opened = LogFile::open(&self.path, self.rotation)?;
        let is_another = self.is_another || opened.id != self.id;
        *self = LogFile { is_another, ..opened };
        Ok(())
    }

    /// Whether [`LogFile::id`] has changed since this was last asked.
    pub(crate) fn take_identity_change(&mut self) -> bool {
        std::mem::take(&mut self.is_another)
    }

    /// Appends all of `data`, rotating between lines where it would grow too large.
    ///
    /// # Errors
    /// What could not be written is lost; the next call tries afresh.
    pub(crate) fn append(&mut self, mut data: &[u8]) -> Result<(), Unwritten> {
        while !data.is_empty() {
            let (piece, rest) = data.split_at(self.fitting(data));
            if piece.is_empty() {
                self.rotate();
                continue;
            }
            self.write_all(piece)
                .map_err(|(written, error)| Unwritten { bytes: data.len() - written, error })?;
            data = rest;
        }
        Ok(())
    }

    /// How much of `data` goes into the present file: whole lines as long as they fit, the rest of a
    /// line that has begun in it in any case, and at least one line if the file is empty.
    fn fitting(&self, data: &[u8]) -> usize {
        let room = match self.rotation.max_bytes {
            _ if !self.is_regular => return data.len(),
            0 => return data.len(),
            max => usize::try_from(max.saturating_sub(self.size)).unwrap_or(usize::MAX),
        };
        if data.len() <= room {
            return data.len();
        }
        let line_end = |bytes: &[u8]| bytes.iter().position(|byte| *byte == b'\n').map(|at| at + 1);
        let last_fitting = data[..room].iter().rposition(|byte| *byte == b'\n').map(|at| at + 1);
        match last_fitting {
            Some(length) => length,
            None if self.at_line_start && self.size > 0 => 0,
            None => line_end(data).unwrap_or(data.len()),
        }
    }

    fn write_all(&mut self, data: &[u8]) -> Result<(), (usize, io::Error)> {
        let mut written = 0;
        while written < data.len() {
            match self.file.write(&data[written..]) {
                Ok(0) => return Err((written, io::ErrorKind::WriteZero.into())),
                Ok(count) => {
                    written += count;
                    self.size += count as u64;
                    self.at_line_start = data[written - 1] == b'\n';
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err((written, error)),
            }
        }
        Ok(())
    }

    /// Moves the file out of the way and starts a new one. If that fails the present file goes on
    /// growing, because a log that is too large is better than none; the next try is one limit later.
    /// A file that somebody else has moved, or emptied, needs no rotation any more.
    fn rotate(&mut self) {
        let (id, size) = (self.id, self.size);
        let looked = self.look();
        if self.id != id || self.size < size {
            return;
        }
        let result = looked.and_then(|()| match self.rotation.backups {
            0 => self.file.set_len(0),
            backups => self.shift_backups(backups).and_then(|()| self.reopen()),
        });
        self.size = 0;
        if let Err(error) = result {
            // The journal itself writes through here, so this must not log.
            let _ = writeln!(io::stderr(), "taskmaster: cannot rotate {}: {error}", self.path.display());
        }
    }

    fn shift_backups(&self, backups: u32) -> io::Result<()> {
        let backup = |number: u32| {
            let mut name = self.path.clone().into_os_string();
            name.push(format!(".{number}"));
            PathBuf::from(name)
        };
        for number in (1..backups).rev() {
            match fs::rename(backup(number), backup(number + 1)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                Ok(()) | Err(_) => {}
            }
        }
        fs::rename(&self.path, backup(1))
    }
}

/// Never blocks and never takes a terminal over: a FIFO without a reader is an error, not a hang. For
/// root a symbolic link is one, too: who may write to the directory could lead it to any file. Links
/// of the system's own, such as /dev/stdout, are followed.
fn open_or_create(path: &Path) -> io::Result<File> {
    let is_systems_own = ["/dev", "/proc"].iter().any(|directory| path.starts_with(directory));
    let no_follow = if Uid::effective().is_root() && !is_systems_own { libc::O_NOFOLLOW } else { 0 };
    let open = || {
        OpenOptions::new()
            .append(true)
            .create(true)
            .mode(0o640)
            .custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY | no_follow)
            .open(path)
    };
    with_exact_modes(|| match (open(), path.parent()) {
        (Err(error), Some(parent)) if error.kind() == io::ErrorKind::NotFound => {
            DirBuilder::new().recursive(true).mode(0o750).create(parent)?;
            open()
        }
        (result, _) => result,
    })
}

/// The kernel says "No such device or address" to who would write to a FIFO that nobody reads, and
/// "Too many levels of symbolic links" to who will not follow one.
fn explain(path: &Path, error: &io::Error) -> String {
    let kind = || fs::symlink_metadata(path).map(|found| found.file_type());
    match error.raw_os_error() {
        Some(libc::ENXIO) if kind().is_ok_and(|kind| kind.is_fifo()) => "nobody reads this FIFO".to_owned(),
        Some(libc::ENXIO) if kind().is_ok_and(|kind| kind.is_socket()) => "is a socket".to_owned(),
        Some(libc::ELOOP) if kind().is_ok_and(|kind| kind.is_symlink()) => {
            "is a symbolic link, which is not followed as root".to_owned()
        }
        Some(_) | None => reason(error),
    }
}

/// The promised modes hold whatever umask we were started with.
fn with_exact_modes<T>(create: impl FnOnce() -> T) -> T {
    let inherited = umask(Mode::from_bits_truncate(0o027));
    let result = create();
    umask(inherited);
    result
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn read(path: &Path) -> String {
        fs::read_to_string(path).unwrap()
    }

    fn rotating(path: &Path, max_bytes: u64, backups: u32) -> LogFile {
        LogFile::open(path, Rotation { max_bytes, backups }).unwrap()
    }

    #[test]
    fn directories_and_files_are_created_with_the_promised_modes() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("deep/er/a.log");
        let mut log = rotating(&path, 0, 0);
        log.append(b"hello\n").unwrap();
        assert_eq!(read(&path), "hello\n");
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&path), 0o640);
        assert_eq!(mode(path.parent().unwrap()), 0o750);
    }

    #[test]
    fn rotation_cuts_between_lines_and_keeps_the_newest_backups() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a.log");
        let mut log = rotating(&path, 10, 2);
        log.append(b"one\ntwo\nthree\nfour\n").unwrap();
        log.append(b"a line longer than the limit\nfive\n").unwrap();
        assert_eq!(read(&path), "five\n");
        assert_eq!(read(&directory.path().join("a.log.1")), "a line longer than the limit\n");
        assert_eq!(read(&directory.path().join("a.log.2")), "four\n");
        assert!(!directory.path().join("a.log.3").exists());
    }

    #[test]
    fn a_line_that_has_begun_is_finished_in_the_same_file() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a.log");
        let mut log = rotating(&path, 8, 1);
        log.append(b"begun").unwrap();
        log.append(b" and ended\nnext\n").unwrap();
        assert_eq!(read(&directory.path().join("a.log.1")), "begun and ended\n");
        assert_eq!(read(&path), "next\n");
    }

    #[test]
    fn without_backups_the_file_is_emptied() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a.log");
        rotating(&path, 8, 0).append(b"first\nsecond\n").unwrap();
        assert_eq!(read(&path), "second\n");
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_rotation_that_fails_does_not_stop_the_writing() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a.log");
        fs::create_dir(directory.path().join("a.log.1")).unwrap();
        fs::write(directory.path().join("a.log.1/occupied"), "").unwrap();
        let mut log = rotating(&path, 6, 1);
        log.append(b"first\nsecond\n").unwrap();
        assert_eq!(read(&path), "first\nsecond\n");
    }

    #[test]
    fn a_file_that_was_moved_or_emptied_is_not_rotated_over() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a.log");
        let mut log = rotating(&path, 6, 1);
        log.append(b"first\n").unwrap();
        fs::rename(&path, directory.path().join("moved")).unwrap();
        log.append(b"second\n").unwrap();
        assert_eq!(read(&path), "second\n");
        assert!(!directory.path().join("a.log.1").exists());
        File::options().write(true).open(&path).unwrap().set_len(0).unwrap();
        log.append(b"third\n").unwrap();
        assert_eq!(read(&path), "third\n");
        assert!(!directory.path().join("a.log.1").exists());
    }

    #[test]
    fn a_directory_that_is_gone_is_made_again() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("deep/a.log");
        let mut log = rotating(&path, 6, 1);
        log.append(b"first\n").unwrap();
        fs::remove_dir_all(directory.path().join("deep")).unwrap();
        log.append(b"second\n").unwrap();
        assert_eq!(read(&path), "second\n");
    }

    #[test]
    fn a_look_finds_the_file_that_the_path_leads_to() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a.log");
        let mut log = rotating(&path, 0, 0);
        log.append(b"first\n").unwrap();
        fs::remove_file(&path).unwrap();
        log.look().unwrap();
        log.append(b"second\n").unwrap();
        assert_eq!(read(&path), "second\n");
    }

    #[test]
    fn a_symbolic_link_is_not_followed_as_root() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a.log");
        std::os::unix::fs::symlink(directory.path().join("target"), &path).unwrap();
        let opened = LogFile::open(&path, Rotation::NEVER);
        if Uid::effective().is_root() {
            assert!(
                opened
                    .unwrap_err()
                    .to_string()
                    .ends_with("is a symbolic link, which is not followed as root")
            );
        } else {
            opened.unwrap();
        }
    }

    #[test]
    fn what_is_no_log_file_is_refused_at_once() {
        let directory = tempfile::tempdir().unwrap();
        let fifo = directory.path().join("fifo");
        nix::unistd::mkfifo(&fifo, Mode::S_IRWXU).unwrap();
        for path in [directory.path(), &fifo] {
            let error = LogFile::open(path, Rotation::NEVER).unwrap_err().to_string();
            assert!(error.starts_with(&path.display().to_string()), "{error}");
        }
    }
}
