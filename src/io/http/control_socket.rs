//! The control socket: a Unix socket that nobody but its owner (and root) can open. Whoever can may
//! run commands, so it never exists with other modes, a live one is never stolen, and only our own is
//! removed.

use std::fs::{self, File};
use std::io;
use std::os::fd::AsFd;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use mio::net::{UnixListener, UnixStream};
use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};
use nix::sys::socket::{getsockopt, sockopt::PeerCredentials};
use nix::sys::stat::{Mode, umask};
use nix::unistd::Uid;

use crate::io::reason::reason;

/// Bytes of a path that a socket's address has room for (unix(7), without the final NUL).
const PATH_BYTES_MAX: usize = 107;

/// Why there is no control socket.
#[derive(Debug)]
pub(crate) enum Refused {
    /// Another supervisor answers there.
    InUse {
        /// Its pid; not known of one that is stopped and has a crowd at its door.
        pid: Option<i32>,
    },
    /// In words.
    Trouble(String),
}

/// The listening end; removes its file when it goes.
pub(super) struct ControlSocket {
    pub(super) listener: UnixListener,
    path: PathBuf,
    /// Device and inode: the file is removed only while it is ours.
    id: Option<(u64, u64)>,
}

impl ControlSocket {
    pub(super) fn bind(path: &Path) -> Result<ControlSocket, Refused> {
        let trouble = |error: io::Error| Refused::Trouble(format!("{}: {}", path.display(), reason(&error)));
        let length = path.as_os_str().len();
        if length > PATH_BYTES_MAX {
            let text = format!(
                "{}: the path of a socket has at most {PATH_BYTES_MAX} bytes, this one {length}",
                path.display()
            );
            return Err(Refused::Trouble(text));
        }
        let directory =
            path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        // Two supervisors that start at once must not take each other's socket for a stale one.
        let _lock = lock(directory).map_err(trouble)?;
        make_way(path)?;
        let ours = umask(Mode::from_bits_truncate(0o177));
        let bound = UnixListener::bind(path);
        umask(ours);
        let listener = bound.map_err(trouble)?;
        let id = fs::symlink_metadata(path).ok().map(|found| (found.dev(), found.ino()));
        Ok(ControlSocket { listener, path: path.to_owned(), id })
    }

    /// Whether whoever is at the other end may give commands.
    pub(super) fn may_command(stream: &impl AsFd) -> bool {
        let peer = getsockopt(stream, PeerCredentials).map(|credentials| credentials.uid());
        peer.is_ok_and(|uid| uid == 0 || uid == Uid::effective().as_raw())
    }
}

impl Drop for ControlSocket {
    fn drop(&mut self) {
        let found = fs::symlink_metadata(&self.path).ok().map(|found| (found.dev(), found.ino()));
        if found.is_some() && found == self.id {
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Locks a directory against other supervisors, who hold the lock for a moment only. Somebody else may
/// hold it for longer (`flock DIRECTORY taskmaster`), so after a second we go on without.
fn lock(directory: &Path) -> io::Result<Option<Flock<File>>> {
    let mut directory = File::open(directory)?;
    for _ in 0..100 {
        match Flock::lock(directory, FlockArg::LockExclusiveNonblock) {
            Ok(lock) => return Ok(Some(lock)),
            Err((unlocked, Errno::EWOULDBLOCK)) => directory = unlocked,
            Err((_, _)) => return Ok(None),
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    Ok(None)
}

/// Removes what a supervisor that was killed has left behind. What answers, or is no socket, stays.
fn make_way(path: &Path) -> Result<(), Refused> {
    let trouble = |text: String| Refused::Trouble(format!("{}: {text}", path.display()));
    let found = match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(trouble(reason(&error))),
        Ok(found) => found,
    };
    if !found.file_type().is_socket() {
        return Err(trouble("is there already, and is not a socket".to_owned()));
    }
    // This one does not wait for a supervisor that lets nobody in just now.
    match UnixStream::connect(path) {
        Ok(stream) => {
            let pid = getsockopt(&stream, PeerCredentials).ok().map(|credentials| credentials.pid());
            Err(Refused::InUse { pid })
        }
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Err(Refused::InUse { pid: None }),
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
            fs::remove_file(path).map_err(|error| trouble(reason(&error)))
        }
        Err(error) => Err(trouble(reason(&error))),
    }
}
