//! The lines of earlier sessions and of this one, in `$XDG_STATE_HOME/taskmaster/history`.
//!
//! Each line is appended as it is entered, so that nothing is lost and two supervisors can share the
//! file. A failure costs the history, never the console: it is logged once, and memory goes on.

use std::env;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use nix::libc;

use crate::command::LINE_BYTES_MAX;

/// Lines that are kept; more than anybody goes back through.
const LINES_MAX: usize = 1000;
/// Of a file that is longer, the end is read. Ten lines of an ordinary length for each that is kept.
const FILE_BYTES_MAX: u64 = 512 * 1024;

/// What was entered, the latest last, each line once.
pub(super) struct History {
    lines: Vec<String>,
    /// None when there is no place for it, or it failed.
    file: Option<PathBuf>,
}

impl History {
    /// The history of the user.
    pub(super) fn open() -> History {
        History::load(default_path())
    }

    fn load(file: Option<PathBuf>) -> History {
        let mut history = History { lines: Vec::new(), file };
        if let Some(path) = history.file.clone()
            && let Err(error) = history.read(&path)
        {
            history.fail("read", &error);
        }
        history
    }

    fn read(&mut self, path: &Path) -> io::Result<()> {
        let mut file = match open(path, OpenOptions::new().read(true)) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(error),
        };
        let length = file.metadata()?.len();
        if let Some(superfluous) = length.checked_sub(FILE_BYTES_MAX) {
            io::Seek::seek(&mut file, io::SeekFrom::Start(superfluous))?;
        }
        let mut bytes = Vec::new();
        file.take(FILE_BYTES_MAX).read_to_end(&mut bytes)?;
        let text = String::from_utf8_lossy(&bytes);
        // The first line of a part is likely to be half a line.
        let cut = usize::from(length > FILE_BYTES_MAX);
        let mut count = 0;
        for line in text.lines().skip(cut) {
            count += 1;
            self.remember(line);
        }
        if cut > 0 || count > 2 * LINES_MAX {
            self.rewrite(path)?;
        }
        Ok(())
    }

    /// Replaces the file by what is remembered, in one step.
    fn rewrite(&self, path: &Path) -> io::Result<()> {
        let new = path.with_extension(format!("new.{}", std::process::id()));
        let _ = fs::remove_file(&new);
        let mut file = open(&new, OpenOptions::new().write(true).create_new(true))?;
        file.write_all((self.lines.join("\n") + "\n").as_bytes())?;
        fs::rename(&new, path)
    }

    /// A line was entered. One that begins with a blank is the user's secret.
    pub(super) fn add(&mut self, line: &str) {
        let is_new = self.lines.last().is_none_or(|last| last != line);
        if line.starts_with(char::is_whitespace) || !self.remember(line) || !is_new {
            return;
        }
        if let Some(path) = &self.file
            && let Err(error) = append(path, line)
        {
            self.fail("write", &error);
        }
    }

    /// Whether the line is one to be remembered.
    fn remember(&mut self, line: &str) -> bool {
        if line.trim().is_empty() || line.len() > LINE_BYTES_MAX || line.contains(char::is_control) {
            return false;
        }
        self.lines.retain(|known| known != line);
        if self.lines.len() == LINES_MAX {
            self.lines.remove(0);
        }
        self.lines.push(line.to_owned());
        true
    }

    /// The line that was entered so many lines ago, the latest being 1.
    pub(super) fn back(&self, steps: usize) -> Option<&str> {
        let index = self.lines.len().checked_sub(steps)?;
        self.lines.get(index).map(String::as_str)
    }

    /// The latest line that begins so and goes on.
    pub(super) fn suggest(&self, beginning: &str) -> Option<&str> {
        let fits = |line: &&String| line.len() > beginning.len() && line.starts_with(beginning);
        self.lines.iter().rev().find(fits).map(String::as_str)
    }

    /// How far back, at least `from` steps, is a line that contains `text`.
    pub(super) fn search(&self, text: &str, from: usize) -> Option<usize> {
        (from.max(1)..=self.lines.len())
            .find(|steps| self.back(*steps).is_some_and(|line| line.contains(text)))
    }

    fn fail(&mut self, what: &str, error: &io::Error) {
        if let Some(path) = self.file.take() {
            log::warn!("cannot {what} the console's history {}: {error}", path.display());
        }
    }
}

/// XDG: relative paths in the variable are to be ignored.
fn default_path() -> Option<PathBuf> {
    let absolute = |name| env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let state =
        absolute("XDG_STATE_HOME").or_else(|| absolute("HOME").map(|home| home.join(".local/state")))?;
    Some(state.join("taskmaster/history"))
}

/// Only ever a regular file of ours: no link is followed, and no FIFO waited for.
fn open(path: &Path, options: &mut OpenOptions) -> io::Result<File> {
    let flags = libc::O_NOFOLLOW | libc::O_NONBLOCK | libc::O_NOCTTY;
    let file = options.custom_flags(flags).mode(0o600).open(path)?;
    if !file.metadata()?.is_file() {
        return Err(io::Error::other("it is no regular file"));
    }
    Ok(file)
}

fn append(path: &Path, line: &str) -> io::Result<()> {
    if let Some(directory) = path.parent() {
        DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
    }
    let mut file = open(path, OpenOptions::new().append(true).create(true))?;
    if file.metadata()?.permissions().mode() & 0o077 != 0 {
        file.set_permissions(fs::Permissions::from_mode(0o600))?;
    }
    file.write_all(format!("{line}\n").as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entered(path: &Path, lines: &[&str]) -> History {
        let mut history = History::load(Some(path.to_owned()));
        lines.iter().for_each(|line| history.add(line));
        history
    }

    impl History {
        /// One without a file.
        pub(in crate::io::console) fn in_memory() -> History {
            History { lines: Vec::new(), file: None }
        }
    }

    #[test]
    fn lines_are_kept_once_for_the_next_session_and_for_nobody_else() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("state/taskmaster/history");
        let history = entered(&path, &["status", "stop a", "status", "status", " secret", "  ", "a\u{1b}b"]);
        assert_eq!(history.lines, ["stop a", "status"]);
        assert_eq!(fs::read_to_string(&path).unwrap(), "status\nstop a\nstatus\n");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::metadata(path.parent().unwrap()).unwrap().permissions().mode() & 0o777, 0o700);
        assert_eq!(entered(&path, &[]).lines, ["stop a", "status"]);
    }

    #[test]
    fn a_file_that_grew_is_made_small_again() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("history");
        let many: String = (0..3 * LINES_MAX).map(|number| format!("start w:{number}\n")).collect();
        fs::write(&path, many).unwrap();
        let history = entered(&path, &[]);
        assert_eq!((history.lines.len(), history.back(1)), (LINES_MAX, Some("start w:2999")));
        assert_eq!(fs::read_to_string(&path).unwrap().lines().count(), LINES_MAX);
        fs::write(&path, "x".repeat(FILE_BYTES_MAX as usize) + "y\nstop w\n").unwrap();
        assert_eq!(entered(&path, &[]).lines, ["stop w"]);
    }

    #[test]
    fn what_is_no_file_of_ours_is_left_alone() {
        let directory = tempfile::tempdir().unwrap();
        let target = directory.path().join("target");
        fs::write(&target, "precious\n").unwrap();
        let link = directory.path().join("link");
        std::os::unix::fs::symlink(&target, &link).unwrap();
        let fifo = directory.path().join("fifo");
        nix::unistd::mkfifo(&fifo, nix::sys::stat::Mode::from_bits_truncate(0o600)).unwrap();
        for path in [&link, &fifo, &directory.path().to_owned()] {
            let history = entered(path, &["status"]);
            assert_eq!((history.lines, history.file), (vec!["status".to_owned()], None), "{path:?}");
        }
        assert_eq!(fs::read_to_string(&target).unwrap(), "precious\n");
    }

    #[test]
    fn the_latest_fitting_line_is_suggested_and_searched_first() {
        let mut history = History::in_memory();
        for line in ["stop web", "start worker", "stop worker", "start"] {
            history.add(line);
        }
        assert_eq!(history.suggest("st"), Some("start"));
        assert_eq!(history.suggest("start"), Some("start worker"));
        assert_eq!(history.suggest("x"), None);
        assert_eq!(history.search("worker", 0), Some(2));
        assert_eq!(history.search("worker", 3), Some(3));
        assert_eq!(history.search("worker", 4), None);
    }
}
