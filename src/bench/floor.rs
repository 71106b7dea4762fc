//! The floor: the least that a supervisor can do, as it is usually done. It starts N children by
//! posix_spawn with a pipe or two each, waits in epoll, reaps on SIGCHLD, ends them on TERM, and keeps no
//! state, no log and no policy.

use std::collections::HashSet;
use std::ffi::{CString, OsString};
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::ffi::OsStringExt;

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

const SIGNALS: Token = Token(usize::MAX);

/// Starts `count` children of this command line, with one pipe for both outputs or two `pipes`, and waits until
/// they have been ended.
///
/// # Errors
/// Whatever the system refuses; those that run already are killed then.
pub(super) fn run(count: usize, pipes: usize, command: &[String]) -> io::Result<()> {
    let command: Vec<CString> =
        command.iter().map(|word| CString::new(word.as_bytes())).collect::<Result<_, _>>()?;
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE)?;
    setrlimit(Resource::RLIMIT_NOFILE, hard, hard)?;
    let mut floor = Floor::new()?;
    let spawner = Spawner::new(&command)?;
    let outcome = (0..count).try_for_each(|_| floor.spawn(&spawner, pipes)).and_then(|()| floor.supervise());
    if outcome.is_err() {
        floor.signal_all(Signal::SIGKILL);
    }
    outcome
}

struct Floor {
    poll: Poll,
    signals: SignalFd,
    children: HashSet<Pid>,
    /// Read ends; the index is the token. `None` once the other end is closed. They are never read: the
    /// children are silent.
    pipes: Vec<Option<OwnedFd>>,
}

impl Floor {
    fn new() -> io::Result<Floor> {
        let mut mask = SigSet::empty();
        mask.add(Signal::SIGCHLD);
        mask.add(Signal::SIGTERM);
        sigprocmask(SigmaskHow::SIG_BLOCK, Some(&mask), None)?;
        let signals = SignalFd::with_flags(&mask, SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK)?;
        let poll = Poll::new()?;
        poll.registry().register(&mut SourceFd(&signals.as_raw_fd()), SIGNALS, Interest::READABLE)?;
        Ok(Floor { poll, signals, children: HashSet::new(), pipes: Vec::new() })
    }

    fn spawn(&mut self, spawner: &Spawner, pipes: usize) -> io::Result<()> {
        let (stdout, child_stdout) = pipe2(OFlag::O_CLOEXEC)?;
        let stderr = if pipes == 1 { None } else { Some(pipe2(OFlag::O_CLOEXEC)?) };
        let child_stderr = stderr.as_ref().map_or(&child_stdout, |(_, writer)| writer);
        self.children.insert(spawner.spawn(&child_stdout, child_stderr)?);
        for read_end in [Some(stdout), stderr.map(|(reader, _)| reader)].into_iter().flatten() {
            let token = Token(self.pipes.len());
            let mut source = SourceFd(&read_end.as_raw_fd());
            self.poll.registry().register(&mut source, token, Interest::READABLE)?;
            self.pipes.push(Some(read_end));
        }
        Ok(())
    }

    fn supervise(&mut self) -> io::Result<()> {
        let mut events = Events::with_capacity(1024);
        while !self.children.is_empty() {
            match self.poll.poll(&mut events, None) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                outcome => outcome?,
            }
            for event in &events {
                if event.token() == SIGNALS {
                    self.take_signals()?;
                } else if event.is_read_closed() {
                    self.pipes[event.token().0] = None;
                }
            }
        }
        Ok(())
    }

    fn take_signals(&mut self) -> io::Result<()> {
        while let Ok(Some(info)) = self.signals.read_signal() {
            if info.ssi_signo == Signal::SIGTERM as u32 {
                self.signal_all(Signal::SIGTERM);
            }
        }
        loop {
            match waitpid(None, Some(WaitPidFlag::WNOHANG)) {
                Ok(WaitStatus::StillAlive) | Err(Errno::ECHILD) => return Ok(()),
                Ok(status) => {
                    status.pid().map(|pid| self.children.remove(&pid));
                }
                Err(errno) => return Err(errno.into()),
            }
        }
    }

    /// To all that are not reaped.
    fn signal_all(&self, signal: Signal) {
        for child in &self.children {
            let _ = kill(*child, signal);
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
    fn new(command: &[CString]) -> io::Result<Spawner<'_>> {
        let mut attributes = PosixSpawnAttr::init()?;
        attributes
            .set_flags(PosixSpawnFlags::POSIX_SPAWN_SETPGROUP | PosixSpawnFlags::POSIX_SPAWN_SETSIGMASK)?;
        attributes.set_pgroup(Pid::from_raw(0))?;
        attributes.set_sigmask(&SigSet::empty())?;
        let variable = |(name, value): (OsString, OsString)| {
            CString::new([name.into_vec(), value.into_vec()].join(&b'=')).ok()
        };
        Ok(Spawner { command, environment: std::env::vars_os().filter_map(variable).collect(), attributes })
    }

    fn spawn(&self, stdout: &OwnedFd, stderr: &OwnedFd) -> io::Result<Pid> {
        let mut files = PosixSpawnFileActions::init()?;
        files.add_open(0, "/dev/null", OFlag::O_RDONLY, Mode::empty())?;
        files.add_dup2(stdout.as_raw_fd(), 1)?;
        files.add_dup2(stderr.as_raw_fd(), 2)?;
        let program = self.command[0].as_c_str();
        Ok(posix_spawn(program, &files, &self.attributes, self.command, &self.environment)?)
    }
}
