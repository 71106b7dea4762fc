//! From the path of a log file to an open file, whatever stands there.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io;
use std::os::fd::AsFd;
use std::os::unix::fs::{DirBuilderExt, FileTypeExt, OpenOptionsExt};
use std::path::Path;

use nix::libc;
use nix::sys::stat::{Mode, umask};
use nix::unistd::Uid;

use crate::io::reason::reason;

/// Opens or creates (0640) it; missing directories are created (0750).
pub(super) fn open_for_appending(path: &Path) -> io::Result<File> {
    match own_plain_stream(path) {
        Some(file) => Ok(file),
        None => open_or_create(path),
    }
}

/// Never blocks and never takes a terminal over: a FIFO without a reader is an error, not a hang. For
/// root a symbolic link is one, too: who may write to the directory could lead it to any file.
fn open_or_create(path: &Path) -> io::Result<File> {
    let no_follow = if Uid::effective().is_root() && !is_kernels_link(path) { libc::O_NOFOLLOW } else { 0 };
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

/// The plain file that our standard output or error leads to, if the path names that stream: opened
/// anew it would be written at an offset of its own, over what all others write to the stream.
fn own_plain_stream(path: &Path) -> Option<File> {
    let stream = match path.to_str()? {
        "/dev/stdout" | "/dev/fd/1" | "/proc/self/fd/1" => io::stdout().as_fd().try_clone_to_owned(),
        "/dev/stderr" | "/dev/fd/2" | "/proc/self/fd/2" => io::stderr().as_fd().try_clone_to_owned(),
        _ => return None,
    };
    let file = File::from(stream.ok()?);
    file.metadata().is_ok_and(|found| found.is_file()).then_some(file)
}

/// The links that name open files, such as /dev/stdout: nobody else can lead them elsewhere. All
/// else below /dev may be anybody's, /dev/shm first of all.
pub(super) fn is_kernels_link(path: &Path) -> bool {
    let words: Vec<&str> = path.iter().filter_map(|word| word.to_str()).collect();
    let is_number = |word: &str| word.bytes().all(|byte| byte.is_ascii_digit());
    match words[..] {
        ["/", "dev", "stdin" | "stdout" | "stderr"] => true,
        ["/", "dev", "fd", fd] => is_number(fd),
        ["/", "proc", process, "fd", fd] => (process == "self" || is_number(process)) && is_number(fd),
        _ => false,
    }
}

/// The kernel says "No such device or address" to who would write to a FIFO that nobody reads, and
/// "Too many levels of symbolic links" to who will not follow one.
pub(super) fn explain(path: &Path, error: &io::Error) -> String {
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

    #[test]
    fn only_the_kernels_own_links_are_followed() {
        for path in ["/dev/stdout", "/dev/stderr", "/dev/fd/1", "/proc/self/fd/2", "/proc/12/fd/3"] {
            assert!(is_kernels_link(Path::new(path)), "{path}");
        }
        for path in
            ["/dev/shm/x", "/dev/fd/../shm/x", "/dev/fd/x", "/proc/self/fd/1/x", "/proc/x/fd/1", "dev/fd/1"]
        {
            assert!(!is_kernels_link(Path::new(path)), "{path}");
        }
    }
}
