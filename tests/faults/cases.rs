//! Which calls fail, and how.

use crate::strace::Fault;

/// Calls, and the errors that they are given. Those that a kernel cannot give are among them where a filter
/// (seccomp) could. Left out are umask(2), which has no error, and sendto(2): its one caller is the handler of
/// signals, which wakes the loop, and a wake that is lost without a trace cannot be told from none.
const SWEPT: [(&str, &[&str]); 19] = [
    ("clone,clone3,vfork,fork", &["EAGAIN", "ENOMEM"]),
    ("pipe2", &["EMFILE", "ENFILE", "ENOMEM"]),
    ("openat", &["EMFILE", "EACCES", "ENOENT", "EIO"]),
    ("accept4", &["EMFILE", "ENFILE", "ECONNABORTED", "EINTR", "ENOBUFS", "EPERM"]),
    ("epoll_ctl", &["ENOMEM", "ENOSPC", "EPERM"]),
    ("epoll_wait", &["EINTR", "EBADF", "EINVAL"]),
    ("read", &["EINTR", "EAGAIN", "EIO"]),
    ("recvfrom", &["EINTR", "EAGAIN", "ECONNRESET", "EIO"]),
    ("write", &["EINTR", "ENOSPC", "EIO"]),
    ("writev", &["EINTR", "EPIPE", "EIO"]),
    ("wait4", &["EINTR", "ECHILD", "EINVAL"]),
    ("kill", &["EPERM", "ESRCH", "EINVAL"]),
    ("rename,renameat,renameat2", &["EACCES", "EIO", "ENOSPC"]),
    ("fstat,newfstatat,statx", &["EACCES", "EIO", "ENOMEM"]),
    ("prlimit64", &["EPERM", "EINVAL"]),
    ("fcntl", &["EMFILE", "EINVAL"]),
    ("getsockopt,setsockopt", &["ENOBUFS", "EINVAL"]),
    ("getdents64", &["EIO", "ENOENT"]),
    ("shutdown,unlink,lseek,pread64,ftruncate,dup3,ioctl", &["EIO", "EBADF"]),
];

/// Once, at each of the first calls and at some later ones; and always, until the tracer lets go.
const WHEN: [&str; 8] = ["1", "2", "3", "4", "6", "9", "14", ALWAYS];
const ALWAYS: &str = "1+";

/// Errors that mean 'once more', of which there is no endless row: everybody asks again at once, std's own
/// loops among them. That there is nothing to read, said of what has ended, is said of it for ever.
const ONLY_ONCE: [&str; 3] = ["EINTR", "ECONNABORTED", "EAGAIN"];

/// The whole sweep.
pub fn all() -> Vec<Fault> {
    let mut faults = Vec::new();
    for (calls, errors) in SWEPT {
        for error in errors {
            let sensible = WHEN.iter().filter(|when| **when != ALWAYS || !ONLY_ONCE.contains(error));
            faults.extend(sensible.map(|when| Fault::new(calls, &format!("error={error}"), when)));
        }
    }
    faults
}

/// A slice of it: each kind of call once at a place where it matters, and those for good that may go on.
pub fn slice() -> Vec<Fault> {
    let cases = [
        ("clone,clone3,vfork,fork", "EAGAIN", "1"),
        ("clone,clone3,vfork,fork", "ENOMEM", ALWAYS),
        ("pipe2", "EMFILE", "1"),
        ("openat", "EMFILE", ALWAYS),
        ("accept4", "EMFILE", ALWAYS),
        ("accept4", "ENOBUFS", "1"),
        ("epoll_ctl", "ENOSPC", "9"),
        ("epoll_ctl", "ENOMEM", ALWAYS),
        ("epoll_wait", "EINTR", "2"),
        ("epoll_wait", "EBADF", "3"),
        ("epoll_wait", "EINVAL", ALWAYS),
        ("read", "EIO", "2"),
        ("recvfrom", "ECONNRESET", "3"),
        ("write", "ENOSPC", "3"),
        ("write", "EIO", ALWAYS),
        ("writev", "EPIPE", "1"),
        ("wait4", "ECHILD", "9"),
        ("wait4", "EINVAL", ALWAYS),
        ("kill", "EPERM", "1"),
        ("rename,renameat,renameat2", "EIO", "1"),
        ("fstat,newfstatat,statx", "EIO", ALWAYS),
        ("prlimit64", "EPERM", ALWAYS),
        ("fcntl", "EMFILE", "6"),
    ];
    cases.map(|(calls, error, when)| Fault::new(calls, &format!("error={error}"), when)).to_vec()
}
