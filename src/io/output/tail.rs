//! The end of a log file: its last lines, and what is written to it from then on.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use nix::libc;

/// How far back the last lines are looked for, in bytes.
const LOOK_BACK_BYTES_MAX: u64 = 8 * 1024 * 1024;
/// One step of looking back, and one read of a follower.
const BLOCK_BYTES: usize = 64 * 1024;
/// A line that is longer is passed on in pieces.
const LINE_BYTES_MAX: usize = 64 * 1024;

/// The last `count` lines of a file, without a part of a line at its front. A file that is not there
/// yet is empty.
///
/// # Errors
/// What cannot be read, among it everything that is no regular file.
pub(crate) fn last_lines(path: &Path, count: usize) -> io::Result<Vec<u8>> {
    let Some(file) = open(path)? else { return Ok(Vec::new()) };
    let size = file.metadata()?.len();
    let start = start_of_last_lines(&file, size, count)?;
    let mut bytes = vec![0; usize::try_from(size - start).unwrap_or(0)];
    let read = read_at(&file, &mut bytes, start)?;
    bytes.truncate(read);
    Ok(bytes)
}

/// Reads what is written to a log file, across its rotations.
#[derive(Debug)]
pub(crate) struct Follower {
    path: PathBuf,
    file: Option<File>,
    offset: u64,
    /// The beginning of a line whose end has not come yet.
    partial: Vec<u8>,
}

/// What a read of a follower gave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// Perhaps there is more.
    More,
    /// All that has been written so far was read.
    CaughtUp,
}

impl Follower {
    /// Begins with the last `count` lines.
    ///
    /// # Errors
    /// As [`last_lines`].
    pub(crate) fn open(path: &Path, count: usize) -> io::Result<Follower> {
        let file = open(path)?;
        let offset = match &file {
            Some(file) => start_of_last_lines(file, file.metadata()?.len(), count)?,
            None => 0,
        };
        Ok(Follower { path: path.to_owned(), file, offset, partial: Vec::new() })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Appends whole lines to `out`, a bounded number of them.
    pub(crate) fn read(&mut self, out: &mut Vec<u8>) -> Step {
        let mut block = [0; BLOCK_BYTES];
        let count = match &self.file {
            Some(file) => read_at(file, &mut block, self.offset).unwrap_or(0),
            None => 0,
        };
        if count > 0 {
            self.offset += count as u64;
            self.take(&block[..count], out);
            return Step::More;
        }
        if self.turn_to_successor(out) { Step::More } else { Step::CaughtUp }
    }

    fn take(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        if whole > 0 {
            out.append(&mut self.partial);
            out.extend_from_slice(&bytes[..whole]);
        }
        self.partial.extend_from_slice(&bytes[whole..]);
        if self.partial.len() >= LINE_BYTES_MAX {
            self.end_line(out);
        }
    }

    fn end_line(&mut self, out: &mut Vec<u8>) {
        if !self.partial.is_empty() {
            out.append(&mut self.partial);
            out.push(b'\n');
        }
    }

    /// The present file is read to its end: whether the path leads to another one meanwhile, or the
    /// file was emptied.
    fn turn_to_successor(&mut self, out: &mut Vec<u8>) -> bool {
        let Ok(found) = fs::metadata(&self.path) else { return false };
        let old = self.file.as_ref().and_then(|file| file.metadata().ok());
        let is_same = old.as_ref().is_some_and(|old| (old.dev(), old.ino()) == (found.dev(), found.ino()));
        if is_same {
            let was_emptied = found.len() < self.offset;
            if was_emptied {
                self.offset = 0;
                self.end_line(out);
            }
            return was_emptied;
        }
        if found.len() == 0 && !self.partial.is_empty() {
            // A line that has begun is finished where it began, and nothing comes into the new file before.
            return false;
        }
        let Ok(Some(file)) = open(&self.path) else { return false };
        self.end_line(out);
        if let Some(old) = old
            && self.has_missed_a_file(&old)
        {
            out.extend_from_slice(b"(rotated more than once: lines in between are left out)\n");
        }
        self.file = Some(file);
        self.offset = 0;
        true
    }

    /// Whether something lies between what was read before and the new file: `NAME.1` is another file, and was
    /// written to later. What was read before may have been rotated away itself by then. A file that was moved
    /// elsewhere, or removed, has no successor that could have been missed.
    fn has_missed_a_file(&self, old: &fs::Metadata) -> bool {
        let mut name = self.path.clone().into_os_string();
        name.push(".1");
        let written = |file: &fs::Metadata| (file.mtime(), file.mtime_nsec());
        fs::metadata(name).is_ok_and(|newest| {
            (newest.dev(), newest.ino()) != (old.dev(), old.ino()) && written(&newest) >= written(old)
        })
    }
}

/// The file, unless there is none; never waits for a FIFO's writer.
fn open(path: &Path) -> io::Result<Option<File>> {
    let opened = OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY).open(path);
    let file = match opened {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        opened => opened?,
    };
    match file.metadata()?.is_file() {
        true => Ok(Some(file)),
        false => Err(io::Error::other("is not a regular file")),
    }
}

/// Where the last `count` lines of the first `size` bytes begin.
fn start_of_last_lines(file: &File, size: u64, count: usize) -> io::Result<u64> {
    let floor = size.saturating_sub(LOOK_BACK_BYTES_MAX);
    let mut block = [0; BLOCK_BYTES];
    let (mut end, mut newlines) = (size, 0);
    if count == 0 {
        return Ok(size);
    }
    while end > floor {
        let start = end.saturating_sub(BLOCK_BYTES as u64).max(floor);
        let length = read_at(file, &mut block[..(end - start) as usize], start)?;
        for at in (0..length).rev().filter(|at| block[*at] == b'\n') {
            let position = start + at as u64;
            // The line end at the very end belongs to the last line.
            if position + 1 < size {
                newlines += 1;
                if newlines == count {
                    return Ok(position + 1);
                }
            }
        }
        end = start;
    }
    Ok(floor)
}

fn read_at(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    let mut total = 0;
    while total < buffer.len() {
        match file.read_at(&mut buffer[total..], offset + total as u64) {
            Ok(0) => break,
            Ok(count) => total += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(total)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn last(path: &Path, count: usize) -> String {
        String::from_utf8(last_lines(path, count).unwrap()).unwrap()
    }

    fn read_all(follower: &mut Follower) -> String {
        let mut out = Vec::new();
        while follower.read(&mut out) == Step::More {}
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn the_last_lines_are_found_whatever_their_length() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a.log");
        assert_eq!(last(&path, 3), "");
        let long = "x".repeat(100_000);
        fs::write(&path, format!("one\n{long}\nthree\nfour")).unwrap();
        assert_eq!(last(&path, 0), "");
        assert_eq!(last(&path, 1), "four");
        assert_eq!(last(&path, 2), "three\nfour");
        assert_eq!(last(&path, 3), format!("{long}\nthree\nfour"));
        assert_eq!(last(&path, 9), format!("one\n{long}\nthree\nfour"));
        fs::write(&path, "one\ntwo\n\n").unwrap();
        assert_eq!(last(&path, 2), "two\n\n");
    }

    #[test]
    fn a_follower_goes_along_with_rotations() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a.log");
        fs::write(&path, "old\none\n").unwrap();
        let mut follower = Follower::open(&path, 1).unwrap();
        assert_eq!(read_all(&mut follower), "one\n");
        let mut file = OpenOptions::new().append(true).open(&path).unwrap();
        file.write_all(b"two\nthr").unwrap();
        assert_eq!(read_all(&mut follower), "two\n");
        file.write_all(b"ee\nfour\n").unwrap();
        fs::rename(&path, directory.path().join("a.log.1")).unwrap();
        fs::write(&path, "five\n").unwrap();
        assert_eq!(read_all(&mut follower), "three\nfour\nfive\n");
        fs::write(&path, "").unwrap();
        assert_eq!(read_all(&mut follower), "");
        fs::write(&path, "6\n").unwrap();
        assert_eq!(read_all(&mut follower), "6\n");
    }

    #[test]
    fn lines_that_were_rotated_away_unread_are_told_of() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a.log");
        fs::write(&path, "one\n").unwrap();
        let mut follower = Follower::open(&path, 1).unwrap();
        assert_eq!(read_all(&mut follower), "one\n");
        fs::rename(&path, directory.path().join("a.log.2")).unwrap();
        fs::write(directory.path().join("a.log.1"), "two\n").unwrap();
        fs::write(&path, "three\n").unwrap();
        assert_eq!(
            read_all(&mut follower),
            "(rotated more than once: lines in between are left out)\nthree\n"
        );
    }

    #[test]
    fn a_line_that_is_finished_in_a_file_that_was_moved_is_whole() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a.log");
        fs::write(&path, "be").unwrap();
        let mut follower = Follower::open(&path, 1).unwrap();
        let mut file = OpenOptions::new().append(true).open(&path).unwrap();
        assert_eq!(read_all(&mut follower), "");
        fs::rename(&path, directory.path().join("moved")).unwrap();
        fs::write(&path, "").unwrap();
        assert_eq!(read_all(&mut follower), "");
        file.write_all(b"gun\n").unwrap();
        fs::write(&path, "next\n").unwrap();
        assert_eq!(read_all(&mut follower), "begun\nnext\n");
    }

    /// With few backups the file that was read last is gone by the time that somebody looks again.
    #[test]
    fn lines_are_missed_though_what_was_read_before_is_gone() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a.log");
        fs::write(&path, "one\n").unwrap();
        let mut follower = Follower::open(&path, 1).unwrap();
        assert_eq!(read_all(&mut follower), "one\n");
        fs::write(directory.path().join("a.log.1"), "two\n").unwrap();
        fs::remove_file(&path).unwrap();
        fs::write(&path, "three\n").unwrap();
        assert_eq!(
            read_all(&mut follower),
            "(rotated more than once: lines in between are left out)\nthree\n"
        );
    }

    #[test]
    fn only_regular_files_are_read() {
        let directory = tempfile::tempdir().unwrap();
        assert!(last_lines(directory.path(), 1).is_err());
        assert!(last_lines(Path::new("/dev/null"), 1).is_err());
    }
}
