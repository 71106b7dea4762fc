//! From a program's specification to a running process: everything is prepared here, and `birth`
//! does it.

use std::io::{self, PipeReader, PipeWriter};
use std::os::fd::{OwnedFd, RawFd};
use std::sync::Arc;

use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::libc::c_int;

use super::birth::{self, AllBlocked, Birth};
use super::environment::Environment;
use super::leaks;
use super::limits::FileLimit;
use super::prepared::Prepared;
use super::run_id::RunIds;
use super::seats::{Seat, Seats};
use crate::config::{Output, ProgramSpec};
use crate::io::reason::reason;
use crate::supervisor::Run;

/// Starts processes.
pub(crate) struct Launcher {
    limit: FileLimit,
    seats: Seats,
    /// Whether a child can leave our descriptors behind without a copy of them all.
    can_unshare: bool,
    /// Signals that are to be at their default in a child and are not in us.
    signals: Vec<c_int>,
    environment: Environment,
    batch: Batch,
    run_ids: RunIds,
}

/// For whom a process is started, and what it is told.
#[derive(Clone, Copy)]
pub(crate) struct Whose<'a> {
    /// Number and run of the instance; none where it is of no single one.
    pub(crate) instance: Option<(u32, Run)>,
    /// Variables beside those of its program, taken as they are. Who has any is no instance that follows
    /// another of the same specification.
    pub(crate) told: &'a [(String, String)],
}

impl Whose<'static> {
    /// For an instance.
    pub(crate) fn instance(number: u32, run: Run) -> Whose<'static> {
        Whose { instance: Some((number, run)), told: &[] }
    }
}

/// What the starts of a batch share.
#[derive(Default)]
struct Batch {
    /// From the first start on.
    blocked: Option<AllBlocked>,
    /// What the last start was prepared with.
    prepared: Option<Prepared>,
}

/// A process that was started, and our ends of its pipes.
pub(crate) struct Spawned {
    pub(crate) pid: u32,
    pub(crate) streams: Streams,
}

/// Our ends, non-blocking, of the pipes of stdout and stderr, where there are any.
#[derive(Default)]
pub(crate) struct Streams {
    pub(crate) stdout: Option<PipeReader>,
    pub(crate) stderr: Option<PipeReader>,
}

impl Launcher {
    /// All signal handlers are installed by now.
    pub(crate) fn new(limit: FileLimit, run_ids: RunIds) -> io::Result<Launcher> {
        let withheld = leaks::withhold();
        if let Err(error) = &withheld {
            log::warn!("programs may inherit descriptors that were leaked to us: {error}");
        }
        Ok(Launcher {
            seats: Seats::reserve()?,
            can_unshare: withheld.is_ok(),
            signals: birth::own_signals(),
            environment: Environment::inherit(),
            batch: Batch::default(),
            limit,
            run_ids,
        })
    }

    /// Starts `program`. Starts up to the next [`end_batch`](Launcher::end_batch) share what they can: until
    /// then all signals wait, and the pipes of the last child do not end.
    ///
    /// # Errors
    /// What could not be done, and why, in words for the user.
    pub(crate) fn spawn(&mut self, program: &Arc<ProgramSpec>, whose: Whose) -> Result<Spawned, String> {
        let (streams, stdio) =
            self.open_streams(program).map_err(|error| format!("no pipe: {}", reason(&error)))?;
        let mut prepared = match self.batch.prepared.take() {
            Some(prepared) if prepared.is_of(program) => prepared,
            Some(_) | None => Prepared::new(program, &self.environment, whose)?,
        };
        let number = whose.instance.map_or(0, |(number, _)| number);
        prepared.turn_to(number, &self.run_ids.of(whose.instance.map(|(_, run)| run)))?;
        let birth = Birth {
            file: prepared.file(),
            arguments: prepared.arguments.pointers(),
            environment: prepared.environment.pointers(),
            workingdir: prepared.workingdir(),
            stdio,
            unneeded_from: self.can_unshare.then(|| self.seats.end()),
            umask: program.umask,
            file_limit: self.limit.of_children(),
            transition: prepared.transition.as_ref(),
            signals: &self.signals,
        };
        let blocked = self.batch.blocked.get_or_insert_with(AllBlocked::now);
        let pid = birth
            .deliver(blocked)
            .map_err(|failure| failure.explain().unwrap_or_else(|| prepared.explain(&failure.into())))?;
        self.batch.prepared = Some(prepared);
        Ok(Spawned { pid, streams })
    }

    /// Ends what was shared, and keeps nothing: the next start looks at the file system again. The loop has to
    /// say this before it sleeps.
    pub(crate) fn end_batch(&mut self) {
        self.seats.clear();
        self.batch = Batch::default();
    }

    /// Our ends of the pipes, and the numbers of the child's.
    fn open_streams(&mut self, program: &ProgramSpec) -> io::Result<(Streams, [RawFd; 3])> {
        let Launcher { seats, .. } = self;
        let null = seats.null();
        let mut pipe = |seat| {
            let (reader, writer) = half_blocking_pipe()?;
            Ok::<_, io::Error>((Some(reader), seats.seat(seat, OwnedFd::from(writer))?))
        };
        let (stdout, child_stdout) = match program.stdout {
            Output::File(_) | Output::Inherit => pipe(Seat::Stdout)?,
            Output::Discard if program.hears_discarded_stdout() => pipe(Seat::Stdout)?,
            Output::Discard | Output::Stdout => (None, null),
        };
        let (stderr, child_stderr) = match program.stderr {
            Output::File(_) | Output::Inherit => pipe(Seat::Stderr)?,
            Output::Discard if program.hears_discarded_stderr() => pipe(Seat::Stderr)?,
            Output::Discard => (None, null),
            Output::Stdout => (None, child_stdout),
        };
        Ok((Streams { stdout, stderr }, [null, child_stdout, child_stderr]))
    }
}

/// A pipe of which only our end is non-blocking. A child whose stdout is non-blocking loses output
/// to EAGAIN, because next to no program expects it.
fn half_blocking_pipe() -> io::Result<(PipeReader, PipeWriter)> {
    let (reader, writer) = io::pipe()?;
    fcntl(&reader, FcntlArg::F_SETFL(OFlag::O_NONBLOCK))?;
    Ok((reader, writer))
}
