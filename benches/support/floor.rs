//! The floor: the least that a supervisor can do. It spawns N children with two pipes each, waits in
//! epoll, reaps on SIGCHLD, ends them on TERM, and keeps no state, no log and no policy. The benches
//! run it in a process of its own, by executing themselves with [`ROLE`] as the first argument.

use std::collections::HashSet;
use std::ffi::{CString, OsString};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;

use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token};
use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::spawn::{PosixSpawnAttr, PosixSpawnFileActions, PosixSpawnFlags, posix_spawn};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::sys::signal::{SigSet, SigmaskHow, Signal, kill, sigprocmask};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::sys::stat::Mode;
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::{Pid, pipe2};

/// The first argument that turns a bench into the floor.
pub const ROLE: &str = "floor";
const SIGNALS: Token = Token(usize::MAX);

/// Runs as the floor: `floor N PROGRAM [ARGUMENT...]`.
pub fn run(mut arguments: impl Iterator<Item = String>) {
    let count: usize = arguments.next().and_then(|n| n.parse().ok()).expect("a number of children");
    let command: Vec<CString> =
        arguments.map(|word| CString::new(word).expect("an argument without NUL")).collect();
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).expect("the limit can be read");
    setrlimit(Resource::RLIMIT_NOFILE, hard, hard).expect("the soft limit can be raised");
    let mut floor = Floor::new();
    let spawner = Spawner::new(&command);
    for _ in 0..count {
        floor.spawn(&spawner);
    }
    floor.supervise();
}

struct Floor {
    poll: Poll,
    signals: SignalFd,
    children: HashSet<Pid>,
    /// Read ends; the index is the token. `None` once the other end is closed. They are never read:
    /// the children of a bench are silent.
    pipes: Vec<Option<OwnedFd>>,
    stopping: bool,
}

impl Floor {
    fn new() -> Floor {
        let mut mask = SigSet::empty();
        mask.add(Signal::SIGCHLD);
        mask.add(Signal::SIGTERM);
        sigprocmask(SigmaskHow::SIG_BLOCK, Some(&mask), None).expect("signals can be blocked");
        let flags = SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK;
        let signals = SignalFd::with_flags(&mask, flags).expect("a signalfd");
        let poll = Poll::new().expect("an epoll");
        let mut source = SourceFd(&signals.as_raw_fd());
        poll.registry().register(&mut source, SIGNALS, Interest::READABLE).expect("the signalfd is pollable");
        Floor { poll, signals, children: HashSet::new(), pipes: Vec::new(), stopping: false }
    }

    fn spawn(&mut self, spawner: &Spawner) {
        let (stdout, child_stdout) = pipe2(OFlag::O_CLOEXEC).expect("a pipe");
        let (stderr, child_stderr) = pipe2(OFlag::O_CLOEXEC).expect("a pipe");
        self.children.insert(spawner.spawn(&child_stdout, &child_stderr));
        for read_end in [stdout, stderr] {
            let token = Token(self.pipes.len());
            let mut source = SourceFd(&read_end.as_raw_fd());
            self.poll
                .registry()
                .register(&mut source, token, Interest::READABLE)
                .expect("a pipe is pollable");
            self.pipes.push(Some(read_end));
        }
    }

    fn supervise(mut self) {
        let mut events = Events::with_capacity(1024);
        while !self.children.is_empty() {
            match self.poll.poll(&mut events, None) {
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
                outcome => outcome.expect("epoll works"),
            }
            for event in &events {
                if event.token() == SIGNALS {
                    self.on_signals();
                } else if event.is_read_closed() {
                    self.pipes[event.token().0] = None;
                }
            }
        }
    }

    fn on_signals(&mut self) {
        while let Ok(Some(info)) = self.signals.read_signal() {
            if info.ssi_signo == Signal::SIGTERM as u32 && !self.stopping {
                self.stopping = true;
                for child in &self.children {
                    kill(*child, Signal::SIGTERM).expect("a child that is not yet reaped");
                }
            }
        }
        loop {
            match waitpid(None, Some(WaitPidFlag::WNOHANG)) {
                Ok(WaitStatus::StillAlive) | Err(Errno::ECHILD) => break,
                Ok(status) => {
                    self.children.remove(&status.pid().expect("the pid of what was reaped"));
                }
                Err(error) => panic!("waitpid: {error}"),
            }
        }
    }
}

/// What is the same for every child.
struct Spawner<'a> {
    command: &'a [CString],
    environment: Vec<CString>,
    attributes: PosixSpawnAttr,
}

impl Spawner<'_> {
    fn new(command: &[CString]) -> Spawner<'_> {
        let mut attributes = PosixSpawnAttr::init().expect("memory");
        let flags = PosixSpawnFlags::POSIX_SPAWN_SETPGROUP | PosixSpawnFlags::POSIX_SPAWN_SETSIGMASK;
        attributes.set_flags(flags).expect("known flags");
        attributes.set_pgroup(Pid::from_raw(0)).expect("a group of its own");
        attributes.set_sigmask(&SigSet::empty()).expect("an empty mask");
        Spawner { command, environment: std::env::vars_os().map(variable).collect(), attributes }
    }

    fn spawn(&self, stdout: &OwnedFd, stderr: &OwnedFd) -> Pid {
        let mut files = PosixSpawnFileActions::init().expect("memory");
        files.add_open(0, "/dev/null", OFlag::O_RDONLY, Mode::empty()).expect("memory");
        files.add_dup2(stdout.as_raw_fd(), 1).expect("memory");
        files.add_dup2(stderr.as_raw_fd(), 2).expect("memory");
        let program = self.command[0].as_c_str();
        posix_spawn(program, &files, &self.attributes, self.command, &self.environment).expect("a child")
    }
}

fn variable((mut name, value): (OsString, OsString)) -> CString {
    name.push("=");
    name.push(value);
    CString::new(name.as_bytes()).expect("the environment has no NUL")
}
