//! The one writer of log files, ours and the children's: appends, and rotates at a line end.

mod opening;

use std::fs::{self, File, Metadata};
use std::io::{self, Write};
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

use crate::config::Rotation;
use opening::{explain, is_kernels_link, open_for_appending};

/// A line that is longer may be cut where a file ends: otherwise one without an end would hold a file,
/// and whatever was to follow it, for ever.
const LINE_BYTES_MAX: u64 = 1024 * 1024;

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

    /// Of what a path leads to, if it leads anywhere.
    pub(crate) fn at(path: &Path) -> Option<FileId> {
        fs::metadata(path).ok().map(|found| FileId::of(&found))
    }
}

/// Part of the data could not be written.
#[derive(Debug)]
pub(crate) struct Unwritten {
    /// How many bytes of it are lost.
    pub(crate) bytes: usize,
    pub(crate) error: io::Error,
}

/// What was known of the last line of a file when it was closed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct UnfinishedLine {
    /// How long the file was.
    end: u64,
    bytes: u64,
}

/// An open log file.
#[derive(Debug)]
pub(crate) struct LogFile {
    path: PathBuf,
    file: File,
    id: FileId,
    rotation: Rotation,
    /// Only regular files are rotated, under names that are theirs: /dev/stdout is nobody's to move.
    is_regular: bool,
    /// Whether the path has led to another file since that was last asked.
    is_another: bool,
    /// What counts against the limit of the rotation.
    size: u64,
    /// How long the file should be, if nobody else has written to it.
    end: u64,
    /// How much of the last line has been written while its end has not; 0 between lines.
    line_bytes: u64,
    /// What the path leads to now: the file of everything from the next line on.
    successor: Option<Box<LogFile>>,
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
        let file = open_for_appending(path).map_err(named)?;
        let found = file.metadata().map_err(named)?;
        if found.file_type().is_socket() {
            return Err(named(io::Error::other("is a socket")));
        }
        Ok(LogFile {
            path: path.to_owned(),
            file,
            id: FileId::of(&found),
            rotation,
            is_regular: found.is_file() && !is_kernels_link(path),
            is_another: false,
            size: found.len(),
            end: found.len(),
            line_bytes: 0,
            successor: None,
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

    /// Whether the last line has not ended.
    pub(crate) fn is_within_line(&self) -> bool {
        self.line_bytes > 0
    }

    /// The line that has not ended, if there is one, for whoever opens the file again.
    pub(crate) fn unfinished_line(&mut self) -> Option<UnfinishedLine> {
        if self.is_within_line()
            && let Ok(found) = self.file.metadata()
            && found.len() < self.end
        {
            self.measure(&found);
        }
        let line = UnfinishedLine { end: self.end, bytes: self.line_bytes };
        (self.is_regular && self.is_within_line()).then_some(line)
    }

    /// The last line was left without its end when this file was closed. It is so still, unless somebody
    /// else has written since.
    pub(crate) fn resume_line(&mut self, line: UnfinishedLine) {
        if self.end == line.end {
            self.line_bytes = line.bytes;
        }
    }

    /// Looks whether the path still leads to this file: one that was moved, removed or replaced is
    /// opened anew, and one that was truncated is measured anew.
    ///
    /// # Errors
    /// As [`LogFile::open`]; the old file stays in use then.
    pub(crate) fn look(&mut self) -> io::Result<()> {
        match fs::metadata(&self.path) {
            Ok(found) if FileId::of(&found) == self.id => {
                self.successor = None;
                self.measure(&found);
                Ok(())
            }
            Ok(found) if self.successor.as_ref().is_some_and(|next| FileId::of(&found) == next.id) => Ok(()),
            Ok(_) | Err(_) => self.reopen(),
        }
    }

    fn measure(&mut self, found: &Metadata) {
        if found.len() < self.end {
            // Somebody has emptied it, and the line that had begun with it; but not what was written since.
            self.line_bytes = self.line_bytes.min(found.len());
        }
        self.end = found.len();
        self.size = self.size.min(found.len());
    }

    /// Opens the path anew, for a file that was moved or removed. On failure the old one stays; a
    /// line that has begun in it is finished there.
    ///
    /// # Errors
    /// As [`LogFile::open`].
    pub(crate) fn reopen(&mut self) -> io::Result<()> {
        let opened = LogFile::open(&self.path, self.rotation)?;
        if opened.id == self.id {
            self.successor = None;
            let found = self.file.metadata()?;
            self.measure(&found);
            return Ok(());
        }
        self.successor = Some(Box::new(opened));
        self.turn_to_successor();
        Ok(())
    }

    fn turn_to_successor(&mut self) {
        if self.may_cut()
            && let Some(next) = self.successor.take()
        {
            *self = LogFile { is_another: true, rotation: self.rotation, ..*next };
        }
    }

    /// This file takes no more of a line that has begun in it. If the path leads to another one, the line goes
    /// on there: a file that was removed to make room has to be let go. Whether it does.
    pub(crate) fn give_up_line(&mut self) -> bool {
        if self.successor.is_none() {
            return false;
        }
        self.line_bytes = 0;
        self.turn_to_successor();
        true
    }

    /// Whether another file may go on from here.
    fn may_cut(&self) -> bool {
        self.line_bytes == 0 || self.line_bytes >= LINE_BYTES_MAX
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
            self.turn_to_successor();
            let (piece, rest) = data.split_at(self.fitting(data));
            if piece.is_empty() {
                self.rotate();
                continue;
            }
            self.write_all(piece)
                .map_err(|(written, error)| Unwritten { bytes: data.len() - written, error })?;
            data = rest;
        }
        self.turn_to_successor();
        Ok(())
    }

    /// How much of `data` goes into the present file, if the path leads to another one by now.
    pub(crate) fn until_switch(&self, data: &[u8]) -> usize {
        let line_end = || data.iter().position(|byte| *byte == b'\n').map(|at| at + 1);
        self.successor.as_ref().and_then(|_| line_end()).unwrap_or(data.len())
    }

    /// Takes the last line back out of the file, if its end has not been written and nobody else has
    /// written behind it: the rest of it is lost, and half a line is worse than none. How many bytes
    /// that were; 0 where it cannot be done.
    pub(crate) fn take_back_line(&mut self) -> u64 {
        let taken = self.line_bytes;
        let is_at_end = || self.file.metadata().is_ok_and(|found| found.len() == self.end);
        if !self.is_regular || taken == 0 || taken > self.end.min(LINE_BYTES_MAX) || !is_at_end() {
            return 0;
        }
        if self.file.set_len(self.end - taken).is_err() {
            return 0;
        }
        self.end -= taken;
        self.size = self.size.saturating_sub(taken);
        self.line_bytes = 0;
        taken
    }

    /// How much of `data` goes into the present file: whole lines as long as they fit, the rest of a
    /// line that has begun in it in any case, and at least one line if the file is empty.
    fn fitting(&self, data: &[u8]) -> usize {
        let line_end = || {
            let end = data.iter().position(|byte| *byte == b'\n').map_or(data.len(), |at| at + 1);
            let bound = LINE_BYTES_MAX - self.line_bytes % LINE_BYTES_MAX;
            end.min(usize::try_from(bound).unwrap_or(usize::MAX))
        };
        if self.successor.is_some() {
            return line_end();
        }
        let room = match self.rotation.max_bytes {
            _ if !self.is_regular => return data.len(),
            0 => return data.len(),
            max => usize::try_from(max.saturating_sub(self.size)).unwrap_or(usize::MAX),
        };
        if data.len() <= room {
            return data.len();
        }
        let last_fitting = data[..room].iter().rposition(|byte| *byte == b'\n').map(|at| at + 1);
        match last_fitting {
            Some(length) => length,
            None if self.may_cut() && self.size > 0 => 0,
            None => line_end(),
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
                    self.end += count as u64;
                    let piece = &data[written - count..written];
                    self.line_bytes = match piece.iter().rposition(|byte| *byte == b'\n') {
                        Some(at) => (count - at - 1) as u64,
                        None => self.line_bytes + count as u64,
                    };
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
            0 => self.file.set_len(0).map(|()| self.end = 0),
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
        // A rotation that failed half-way has left a gap, which takes the next one up.
        let gap = (1..backups).find(|number| !backup(*number).exists()).unwrap_or(backups);
        // The oldest goes first. A rename that replaces a file makes ext4 write out all of what takes its place, and
        // that holds everybody up for tens of milliseconds. If it cannot go, the rename says why.
        let _ = fs::remove_file(backup(gap));
        for number in (1..gap).rev() {
            match fs::rename(backup(number), backup(number + 1)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                Ok(()) | Err(_) => {}
            }
        }
        fs::rename(&self.path, backup(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nix::sys::stat::Mode;
    use nix::unistd::Uid;
    use std::fs::OpenOptions;
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
    fn a_gap_between_backups_is_filled_before_the_oldest_is_given_up() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a.log");
        let backup = |number: u32| directory.path().join(format!("a.log.{number}"));
        for number in [1, 3] {
            fs::write(backup(number), format!("{number}\n")).unwrap();
        }
        rotating(&path, 6, 3).append(b"first\nsecond\n").unwrap();
        assert_eq!([1, 2, 3].map(|number| read(&backup(number))), ["first\n", "1\n", "3\n"]);
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
    fn a_line_that_was_begun_after_the_file_was_emptied_is_open() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a.log");
        let mut log = rotating(&path, 0, 0);
        log.append(b"first\nbegun").unwrap();
        File::options().write(true).open(&path).unwrap().set_len(0).unwrap();
        log.look().unwrap();
        assert!(!log.is_within_line());
        log.append(b"second\n").unwrap();
        File::options().write(true).open(&path).unwrap().set_len(0).unwrap();
        log.append(b"be").unwrap();
        log.look().unwrap();
        assert!(log.is_within_line());
        assert_eq!(log.take_back_line(), 2);
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
    fn a_line_that_has_begun_is_finished_where_it_began_whatever_the_path_leads_to() {
        let directory = tempfile::tempdir().unwrap();
        let (path, moved) = (directory.path().join("a.log"), directory.path().join("moved"));
        for switch in [LogFile::look, LogFile::reopen] {
            let mut log = rotating(&path, 0, 0);
            log.append(b"begun").unwrap();
            fs::rename(&path, &moved).unwrap();
            switch(&mut log).unwrap();
            assert_eq!(read(&path), "", "the new file is there at once");
            switch(&mut log).unwrap();
            log.append(b" and").unwrap();
            log.append(b" ended\nnext\n").unwrap();
            assert_eq!((read(&moved), read(&path)), ("begun and ended\n".into(), "next\n".into()));
            assert!(log.take_identity_change() && !log.take_identity_change());
            fs::remove_file(&path).unwrap();
        }
    }

    #[test]
    fn an_endless_line_is_cut_at_last() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a.log");
        let mut log = rotating(&path, 2048, 1);
        let piece = vec![b'x'; 100_000];
        for _ in 0..30 {
            log.append(&piece).unwrap();
        }
        let sizes = [&path, &directory.path().join("a.log.1")].map(|path| fs::metadata(path).unwrap().len());
        assert_eq!(sizes, [3_000_000 - 2 * LINE_BYTES_MAX, LINE_BYTES_MAX]);
        fs::remove_file(&path).unwrap();
        log.look().unwrap();
        for _ in 0..30 {
            log.append(&piece).unwrap();
        }
        assert!(fs::metadata(&path).unwrap().len() > 0);
    }

    #[test]
    fn a_line_without_its_end_can_be_taken_back() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a.log");
        let mut log = rotating(&path, 0, 0);
        log.append(b"whole\nbeg").unwrap();
        log.append(b"un").unwrap();
        assert_eq!((log.take_back_line(), log.take_back_line()), (5, 0));
        log.append(b"next\nlast").unwrap();
        assert_eq!(read(&path), "whole\nnext\nlast");
        OpenOptions::new().append(true).open(&path).unwrap().write_all(b"a stranger's\n").unwrap();
        assert_eq!(log.take_back_line(), 0, "what others wrote stays");
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
