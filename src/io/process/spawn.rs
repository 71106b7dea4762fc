//! From a program's specification to a running process.
//!
//! std's `Command` stays on posix_spawn as long as nothing asks for uid, groups or pre_exec; that is
//! a vfork, whose cost does not grow with our memory. What posix_spawn cannot set for the child, or
//! only at a price (umask, limits, environment), is set in ourselves around it and taken back: there
//! is one thread, so nobody else sees it.

use std::ffi::OsString;
use std::fs::{File, OpenOptions};
use std::io::{self, PipeReader, PipeWriter};
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::sys::stat::{Mode, umask};

use super::environment::Environment;
use super::failure::explain;
use super::leaks;
use super::limits::FileLimit;
use super::run_id::{self, RunIds};
use super::seats::Seats;
use super::transition;
use crate::config::{Output, ProgramSpec};
use crate::io::program_path::find_program;
use crate::io::reason::reason;
use crate::supervisor::Run;

/// Starts processes.
pub(crate) struct Launcher {
    null: File,
    limit: FileLimit,
    seats: Seats,
    environment: Environment,
    run_ids: RunIds,
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

/// The child's ends, at numbers that its limit allows.
struct ChildStreams {
    stdin: Stdio,
    stdout: Stdio,
    stderr: Stdio,
}

impl Launcher {
    pub(crate) fn new(limit: FileLimit, run_ids: RunIds) -> io::Result<Launcher> {
        if let Err(error) = leaks::withhold() {
            log::warn!("programs may inherit descriptors that were leaked to us: {error}");
        }
        let null = OpenOptions::new().read(true).write(true).open("/dev/null")?;
        Ok(Launcher {
            seats: Seats::reserve(&null, limit)?,
            environment: Environment::inherit(),
            null,
            limit,
            run_ids,
        })
    }

    /// Starts instance `number` of `program`.
    ///
    /// # Errors
    /// What could not be done, and why, in words for the user.
    pub(crate) fn spawn(&mut self, program: &ProgramSpec, number: u32, run: Run) -> Result<Spawned, String> {
        let spawned = self.start(program, number, run);
        self.seats.refill(&self.null);
        spawned
    }

    fn start(&mut self, program: &ProgramSpec, number: u32, run: Run) -> Result<Spawned, String> {
        let (streams, child) =
            self.open_streams(program).map_err(|error| format!("no pipe: {}", reason(&error)))?;
        let expand = |template: &crate::config::Template| template.expand(&program.name, number);
        let workingdir = PathBuf::from(expand(&program.workingdir));
        let words: Vec<String> = program.cmd.iter().map(expand).collect();
        let mut env = environment_of(program);
        env.extend(program.env.iter().map(|(name, value)| (name.as_str(), expand(value))));
        let path = env.iter().rev().find(|(name, _)| *name == "PATH").map(|(_, path)| OsString::from(path));
        let path = path.or_else(|| std::env::var_os("PATH"));
        let Some(file) = find_program(&words[0], path.as_deref(), &workingdir) else {
            return Err(explain(
                &io::Error::from_raw_os_error(nix::libc::ENOENT),
                &words[0],
                None,
                &workingdir,
            ));
        };

        let mut command = Command::new(&file);
        command.arg0(&words[0]).args(&words[1..]).current_dir(&workingdir).process_group(0);
        env.push(("TASKMASTER_PROGRAM_NAME", program.name.clone()));
        env.push(("TASKMASTER_PROCESS_NUM", number.to_string()));
        env.push(("TASKMASTER_PROCESS_NAME", format!("{}:{number}", program.name)));
        env.push((run_id::VARIABLE, self.run_ids.of(run)));
        transition::arrange(&mut command, &program.identity);
        command.stdin(child.stdin).stdout(child.stdout).stderr(child.stderr);

        let spawn = || self.limit.with_inherited(|| command.spawn());
        let spawned =
            with_umask(program.umask, || self.environment.with(&env, program.identity.clear_env, spawn));
        match spawned {
            // The handle has nothing to clean up: reaping is the process table's.
            Ok(child) => Ok(Spawned { pid: child.id(), streams }),
            Err(error) => Err(transition::explain(&error)
                .unwrap_or_else(|| explain(&error, &words[0], Some(Path::new(&file)), &workingdir))),
        }
    }

    /// Opens everything that the child needs before its limits are in force.
    fn open_streams(&mut self, program: &ProgramSpec) -> io::Result<(Streams, ChildStreams)> {
        let Launcher { null, seats, .. } = self;
        let mut ours = Streams::default();
        let mut seated = |file: OwnedFd| seats.seat(file).map(Stdio::from);
        let null = || null.try_clone().map(OwnedFd::from);
        let mut merged = None;
        let stdout = match program.stdout {
            Output::Discard if !program.hears_discarded_stdout() => seated(null()?)?,
            Output::Stdout => seated(null()?)?,
            Output::File(_) | Output::Inherit | Output::Discard => {
                let (reader, writer) = half_blocking_pipe()?;
                ours.stdout = Some(reader);
                if program.stderr == Output::Stdout {
                    merged = Some(writer.try_clone()?);
                }
                seated(writer.into())?
            }
        };
        let stderr = match program.stderr {
            Output::File(_) | Output::Inherit => {
                let (reader, writer) = half_blocking_pipe()?;
                ours.stderr = Some(reader);
                seated(writer.into())?
            }
            Output::Discard if program.hears_discarded_stderr() => {
                let (reader, writer) = half_blocking_pipe()?;
                ours.stderr = Some(reader);
                seated(writer.into())?
            }
            Output::Discard => seated(null()?)?,
            Output::Stdout => match merged {
                Some(stdout) => seated(stdout.into())?,
                None => seated(null()?)?,
            },
        };
        Ok((ours, ChildStreams { stdin: seated(null()?)?, stdout, stderr }))
    }
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

/// A pipe of which only our end is non-blocking. A child whose stdout is non-blocking loses output
/// to EAGAIN, because next to no program expects it.
fn half_blocking_pipe() -> io::Result<(PipeReader, PipeWriter)> {
    let (reader, writer) = io::pipe()?;
    fcntl(&reader, FcntlArg::F_SETFL(OFlag::O_NONBLOCK))?;
    Ok((reader, writer))
}

/// Runs `spawn` under the umask that the child is to have; `None` is ours, inherited as it is.
fn with_umask<T>(mask: Option<u32>, spawn: impl FnOnce() -> T) -> T {
    let Some(mask) = mask else { return spawn() };
    let ours = umask(Mode::from_bits_truncate(mask));
    let result = spawn();
    umask(ours);
    result
}
