//! From a program's specification to a running process: everything is prepared here, and `birth`
//! does it.

use std::ffi::{CString, OsString};
use std::io::{self, PipeReader, PipeWriter};
use std::os::fd::{OwnedFd, RawFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::ptr;

use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::libc::{self, c_char, c_int};

use super::birth::{self, Birth};
use super::environment::Environment;
use super::failure::explain;
use super::leaks;
use super::limits::FileLimit;
use super::run_id::{self, RunIds};
use super::seats::{Seat, Seats};
use super::transition::Transition;
use crate::config::{Output, ProgramSpec};
use crate::io::program_path::find_program;
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
    run_ids: RunIds,
}

/// For whom a process is started, and what it is told.
#[derive(Clone, Copy)]
pub(crate) struct Whose<'a> {
    /// Number and run of the instance; none where it is of no single one.
    pub(crate) instance: Option<(u32, Run)>,
    /// Variables beside those of its program, taken as they are.
    pub(crate) told: &'a [(String, String)],
}

impl Whose<'static> {
    /// For an instance.
    pub(crate) fn instance(number: u32, run: Run) -> Whose<'static> {
        Whose { instance: Some((number, run)), told: &[] }
    }
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
            limit,
            run_ids,
        })
    }

    /// Starts `program`.
    ///
    /// # Errors
    /// What could not be done, and why, in words for the user.
    pub(crate) fn spawn(&mut self, program: &ProgramSpec, whose: Whose) -> Result<Spawned, String> {
        let spawned = self.start(program, whose);
        self.seats.clear();
        spawned
    }

    fn start(&mut self, program: &ProgramSpec, whose: Whose) -> Result<Spawned, String> {
        let (streams, stdio) =
            self.open_streams(program).map_err(|error| format!("no pipe: {}", reason(&error)))?;
        let number = whose.instance.map_or(0, |(number, _)| number);
        let expand = |template: &crate::config::Template| template.expand(&program.name, number);
        let workingdir = PathBuf::from(expand(&program.workingdir));
        let words: Vec<String> = program.cmd.iter().map(expand).collect();
        let mut env = environment_of(program);
        env.extend(program.env.iter().map(|(name, value)| (name.as_str(), expand(value))));
        let path = env.iter().rev().find(|(name, _)| *name == "PATH").map(|(_, path)| OsString::from(path));
        let path = path.or_else(|| std::env::var_os("PATH"));
        let Some(file) = find_program(&words[0], path.as_deref(), &workingdir) else {
            let missing = io::Error::from_raw_os_error(libc::ENOENT);
            return Err(explain(&missing, &words[0], None, &workingdir));
        };
        env.extend(whose.told.iter().map(|(name, value)| (name.as_str(), value.clone())));
        env.extend(names(program, whose));
        env.push((run_id::VARIABLE, self.run_ids.of(whose.instance.map(|(_, run)| run))));

        let arguments: Vec<CString> =
            words.iter().map(|word| text(word.as_bytes())).collect::<Result<_, String>>()?;
        let pointers: Vec<*const c_char> =
            arguments.iter().map(|word| word.as_ptr()).chain([ptr::null()]).collect();
        let file_text = text(file.as_os_str().as_bytes())?;
        let directory = text(workingdir.as_os_str().as_bytes())?;
        let transition = Transition::of(&program.identity);
        let delivered = self.environment.with(&env, program.identity.clear_env, |environment| {
            let birth = Birth {
                file: &file_text,
                arguments: &pointers,
                environment,
                workingdir: &directory,
                stdio,
                unneeded_from: self.can_unshare.then(|| self.seats.end()),
                umask: program.umask,
                file_limit: self.limit.of_children(),
                transition: transition.as_ref(),
                signals: &self.signals,
            };
            birth.deliver()
        });
        match delivered {
            Ok(pid) => Ok(Spawned { pid, streams }),
            Err(failure) => {
                let plainly = || explain(&failure.into(), &words[0], Some(Path::new(&file)), &workingdir);
                Err(failure.explain().unwrap_or_else(plainly))
            }
        }
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

/// As the system takes it. The configuration refuses a NUL, the environment cannot have one.
fn text(bytes: &[u8]) -> Result<CString, String> {
    CString::new(bytes).map_err(|error| format!("cannot be started: {error}"))
}

/// What a program has by who it is and by its files, before its own `env`.
fn environment_of(program: &ProgramSpec) -> Vec<(&str, String)> {
    let identity = &program.identity;
    let user = identity.user.iter().flat_map(|user| {
        [("HOME", &user.home), ("USER", &user.name), ("LOGNAME", &user.name), ("SHELL", &user.shell)]
    });
    let files = identity.env_file.iter().map(|(name, value)| (name.as_str(), value));
    user.chain(files).map(|(name, value)| (name, value.clone())).collect()
}

/// Who it is. What is of no instance finds these empty: they might be inherited otherwise.
fn names(program: &ProgramSpec, whose: Whose) -> [(&'static str, String); 3] {
    let (name, number, process) = match whose.instance {
        Some((number, _)) => (program.name.clone(), number.to_string(), format!("{}:{number}", program.name)),
        None => (String::new(), String::new(), String::new()),
    };
    [
        ("TASKMASTER_PROGRAM_NAME", name),
        ("TASKMASTER_PROCESS_NUM", number),
        ("TASKMASTER_PROCESS_NAME", process),
    ]
}

/// A pipe of which only our end is non-blocking. A child whose stdout is non-blocking loses output
/// to EAGAIN, because next to no program expects it.
fn half_blocking_pipe() -> io::Result<(PipeReader, PipeWriter)> {
    let (reader, writer) = io::pipe()?;
    fcntl(&reader, FcntlArg::F_SETFL(OFlag::O_NONBLOCK))?;
    Ok((reader, writer))
}
