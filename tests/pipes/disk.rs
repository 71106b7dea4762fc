//! A disk that can be full, broken or slow, below the real calls: this test program defines the C library's
//! `write`, `open64`, `rename` and `ftruncate64` itself, and what a thread has not asked to be watched for
//! goes straight to the kernel. It needs no root, no limit of the process and no switch in what is tested.
//!
//! Beside that it keeps a link to every log file that ever comes to be, so that a history can be read from its
//! beginning, whatever was rotated away.

use std::cell::{Cell, RefCell};
use std::ffi::{CStr, OsStr, c_char, c_int, c_uint, c_void};
use std::fs::{self, File};
use std::os::fd::BorrowedFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use nix::libc;

/// What is wrong with the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// So many bytes are left; behind them every write fails like this.
    Full { room: usize, errno: c_int },
    /// No write takes more than this at once.
    Short(usize),
    /// Every other write is interrupted.
    Interrupted,
    /// Nothing can be opened for writing.
    NoOpen(c_int),
    /// Nothing can be renamed.
    NoRename(c_int),
    /// No file can be emptied.
    NoTruncate(c_int),
}

/// One file of a log, from when it was opened first.
pub struct Generation {
    /// What it was opened as.
    pub name: PathBuf,
    pub inode: u64,
    /// Its link that nobody takes away.
    pub link: PathBuf,
    /// What stood in it when it was emptied.
    pub emptied: Vec<u8>,
}

#[derive(Default)]
struct Disk {
    fault: Option<Fault>,
    is_interrupted: bool,
    /// How often a fault has struck.
    strikes: u64,
    links: PathBuf,
    generations: Vec<Generation>,
}

thread_local! {
    static IS_WATCHED: Cell<bool> = const { Cell::new(false) };
    static DISK: RefCell<Disk> = RefCell::default();
}

/// A new disk without faults, for this thread; links to the log files that come to be are kept in `links`.
pub fn insert(links: &Path) {
    DISK.with_borrow_mut(|disk| *disk = Disk { links: links.to_owned(), ..Disk::default() });
}

/// What is done meanwhile is done on this disk.
pub fn watched<T>(act: impl FnOnce() -> T) -> T {
    /// Ends it, even by a panic.
    struct Watch;
    impl Drop for Watch {
        fn drop(&mut self) {
            IS_WATCHED.set(false);
        }
    }
    IS_WATCHED.set(true);
    let _watch = Watch;
    act()
}

pub fn set_fault(fault: Option<Fault>) {
    DISK.with_borrow_mut(|disk| disk.fault = fault);
}

/// How often a fault has struck.
pub fn strikes() -> u64 {
    DISK.with_borrow(|disk| disk.strikes)
}

/// The files that have been a log, each from its beginning, the oldest first.
pub fn with_generations<T>(look: impl FnOnce(&[Generation]) -> T) -> T {
    DISK.with_borrow(|disk| look(&disk.generations))
}

/// Somebody else empties a file.
pub fn empty(path: &Path) {
    let text = fs::read(path).unwrap();
    let inode = fs::metadata(path).unwrap().ino();
    DISK.with_borrow_mut(|disk| disk.note_emptied(inode, &text));
    File::options().write(true).open(path).unwrap().set_len(0).unwrap();
}

impl Disk {
    fn strike(&mut self, errno: c_int) -> Result<usize, c_int> {
        self.strikes += 1;
        Err(errno)
    }

    /// How much of a write is to be done, if it does not fail.
    fn write(&mut self, count: usize) -> Result<usize, c_int> {
        match &mut self.fault {
            Some(Fault::Full { room: 0, errno }) => {
                let errno = *errno;
                self.strike(errno)
            }
            Some(Fault::Full { room, .. }) => {
                let taken = count.min(*room);
                *room -= taken;
                self.strikes += u64::from(taken < count);
                Ok(taken)
            }
            Some(Fault::Short(most)) => {
                self.strikes += u64::from(*most < count);
                Ok(count.min(*most))
            }
            Some(Fault::Interrupted) if !std::mem::replace(&mut self.is_interrupted, true) => {
                self.strike(libc::EINTR)
            }
            Some(Fault::Interrupted) => {
                self.is_interrupted = false;
                Ok(count)
            }
            Some(Fault::NoOpen(_) | Fault::NoRename(_) | Fault::NoTruncate(_)) | None => Ok(count),
        }
    }

    fn note_opened(&mut self, name: &Path, inode: u64) {
        if self.generations.iter().any(|known| known.inode == inode) {
            return;
        }
        let link = self.links.join(self.generations.len().to_string());
        fs::hard_link(name, &link).expect("a link to a log file");
        self.generations.push(Generation { name: name.to_owned(), inode, link, emptied: Vec::new() });
    }

    fn note_emptied(&mut self, inode: u64, text: &[u8]) {
        if let Some(known) = self.generations.iter_mut().find(|known| known.inode == inode) {
            known.emptied.extend_from_slice(text);
        }
    }
}

/// What the disk says to a call, if the call is watched; calls that it makes itself are not.
fn ask<T>(answer: impl FnOnce(&mut Disk) -> T) -> Option<T> {
    if !IS_WATCHED.get() {
        return None;
    }
    IS_WATCHED.set(false);
    let answered = DISK.with(|disk| disk.try_borrow_mut().ok().map(|mut disk| answer(&mut disk)));
    IS_WATCHED.set(true);
    answered
}

fn fail(errno: c_int) -> c_int {
    nix::errno::Errno::set_raw(errno);
    -1
}

/// # Safety
/// As write(2).
#[unsafe(no_mangle)]
unsafe extern "C" fn write(fd: c_int, data: *const c_void, count: usize) -> isize {
    if fd == libc::STDERR_FILENO && IS_WATCHED.get() {
        // What is said there about the disk is to be expected.
        return count.cast_signed();
    }
    let count = match ask(|disk| disk.write(count)) {
        Some(Ok(taken)) => taken,
        Some(Err(errno)) => return fail(errno) as isize,
        None => count,
    };
    // SAFETY: the caller keeps write's contract, and less than it gave is still its own.
    unsafe { libc::syscall(libc::SYS_write, fd, data, count) as isize }
}

/// # Safety
/// As open(2). `mode` is not given where none is needed, and then not looked at by the kernel.
#[unsafe(no_mangle)]
unsafe extern "C" fn open64(path: *const c_char, flags: c_int, mode: c_uint) -> c_int {
    let fault = ask(|disk| match disk.fault {
        Some(Fault::NoOpen(errno)) if flags & libc::O_CREAT != 0 => disk.strike(errno).err(),
        _ => None,
    });
    if let Some(Some(errno)) = fault {
        return fail(errno);
    }
    // SAFETY: the caller keeps open's contract.
    let fd = unsafe { libc::syscall(libc::SYS_openat, libc::AT_FDCWD, path, flags, mode) as c_int };
    if fd >= 0 && flags & libc::O_CREAT != 0 {
        ask(|disk| {
            // SAFETY: the kernel has just read this path, and opened this descriptor.
            let (path, file) = unsafe { (CStr::from_ptr(path), BorrowedFd::borrow_raw(fd)) };
            let found = file.try_clone_to_owned().and_then(|file| File::from(file).metadata());
            if let Some(inode) = found.ok().filter(fs::Metadata::is_file).map(|found| found.ino()) {
                disk.note_opened(Path::new(OsStr::from_bytes(path.to_bytes())), inode);
            }
        });
    }
    fd
}

/// # Safety
/// As rename(2).
#[unsafe(no_mangle)]
unsafe extern "C" fn rename(from: *const c_char, to: *const c_char) -> c_int {
    let fault = ask(|disk| match disk.fault {
        Some(Fault::NoRename(errno)) => disk.strike(errno).err(),
        _ => None,
    });
    if let Some(Some(errno)) = fault {
        return fail(errno);
    }
    // SAFETY: the caller keeps rename's contract.
    unsafe { libc::syscall(libc::SYS_renameat2, libc::AT_FDCWD, from, libc::AT_FDCWD, to, 0) as c_int }
}

/// # Safety
/// As ftruncate(2).
#[unsafe(no_mangle)]
unsafe extern "C" fn ftruncate64(fd: c_int, length: i64) -> c_int {
    let fault = ask(|disk| match disk.fault {
        Some(Fault::NoTruncate(errno)) => disk.strike(errno).err(),
        _ => {
            let path = format!("/proc/self/fd/{fd}");
            // Half a line that is taken back, as its rest is refused, was never there.
            if length == 0
                && let Ok(found) = fs::metadata(&path)
                && let Ok(text) = fs::read(&path)
                && text.ends_with(b"\n")
            {
                disk.note_emptied(found.ino(), &text);
            }
            None
        }
    });
    if let Some(Some(errno)) = fault {
        return fail(errno);
    }
    // SAFETY: the caller keeps ftruncate's contract.
    unsafe { libc::syscall(libc::SYS_ftruncate, fd, length) as c_int }
}

/// Without this a history with faults would be one without.
#[test]
fn each_fault_strikes_whom_it_is_meant_for_and_nobody_else() {
    use std::io::Write;
    let directory = tempfile::tempdir().unwrap();
    let (links, path) = (directory.path().join("links"), directory.path().join("log"));
    fs::create_dir(&links).unwrap();
    insert(&links);
    let open = || File::options().append(true).create(true).open(&path);
    let mut file = watched(open).unwrap();
    let errno = |result: std::io::Result<usize>| result.unwrap_err().raw_os_error();
    set_fault(Some(Fault::Full { room: 3, errno: libc::ENOSPC }));
    assert_eq!(watched(|| file.write(b"whole")).unwrap(), 3);
    assert_eq!(errno(watched(|| file.write(b"le"))), Some(libc::ENOSPC));
    assert_eq!(file.write(b"le").unwrap(), 2, "nobody watches this one");
    set_fault(Some(Fault::Short(1)));
    assert_eq!(watched(|| file.write(b"xyz")).unwrap(), 1);
    set_fault(Some(Fault::Interrupted));
    assert_eq!(errno(watched(|| file.write(b"yz"))), Some(libc::EINTR));
    assert_eq!(watched(|| file.write(b"yz")).unwrap(), 2);
    set_fault(Some(Fault::NoOpen(libc::EMFILE)));
    assert_eq!(watched(open).unwrap_err().raw_os_error(), Some(libc::EMFILE));
    set_fault(Some(Fault::NoRename(libc::EACCES)));
    assert!(watched(|| fs::rename(&path, directory.path().join("other"))).is_err());
    set_fault(Some(Fault::NoTruncate(libc::EIO)));
    assert!(watched(|| file.set_len(0)).is_err());
    assert_eq!((fs::read(&path).unwrap(), strikes()), (b"wholexyz".to_vec(), 7));
    set_fault(None);
    watched(|| file.write(b"\n")).unwrap();
    watched(|| file.set_len(0)).unwrap();
    watched(|| fs::rename(&path, directory.path().join("other"))).unwrap();
    watched(open).unwrap();
    with_generations(|all| {
        let found: Vec<&[u8]> = all.iter().map(|it| &it.emptied[..]).collect();
        assert_eq!(found, [&b"wholexyz\n"[..], b""]);
        assert!(all.iter().all(|it| it.link.exists() && it.name == path));
    });
}
