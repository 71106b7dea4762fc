//! `taskmaster bench`: how much this machine's Taskmaster costs, beside a bare loop that only starts, waits
//! and reaps. Both run here and now, with the same children: the ratios hold on any machine, the
//! milliseconds on this one.

mod child;
mod contender;
mod floor;
mod patience;
mod table;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::sys::resource::{Resource, getrlimit};
use nix::unistd::{geteuid, mkdtemp};

use contender::{Contender, Usage};
use patience::Patience;

pub(crate) use table::render;

/// How long nothing happens.
const IDLE: Duration = Duration::from_secs(3);
/// What a start leaves to do is done by then.
const SETTLE: Duration = Duration::from_millis(500);
/// Descriptors that are open beside the pipes of instances.
const OTHER_FILES: u64 = 64;
/// The first argument that turns this program into the floor.
pub(crate) const FLOOR: &str = "floor-of-bench";

/// Why there are no figures.
#[derive(Debug)]
pub(crate) enum Trouble {
    /// The system would not take so many; nothing was started.
    TooMany(String),
    /// A signal asked us to end; nothing is left behind.
    Interrupted,
    /// Anything else, in words.
    Other(String),
}

impl From<io::Error> for Trouble {
    fn from(error: io::Error) -> Trouble {
        Trouble::Other(error.to_string())
    }
}

/// What one contender has cost.
pub(crate) struct Figures {
    /// From its launch until all children run.
    start: Duration,
    /// What it had used by then.
    start_cpu: Duration,
    memory_kib: u64,
    idle_cpu: Duration,
    idle_switches: u64,
    /// From SIGTERM until it and all its children have ended.
    stop: Duration,
}

/// The figures of a whole run.
pub(crate) struct Outcome {
    count: usize,
    /// Of each instance: one for each output, or one for both where there is no room for more.
    pipes: usize,
    taskmaster: Figures,
    floor: Figures,
    /// What Taskmaster's memory was with one child.
    alone_kib: u64,
}

/// Runs both with `count` children each, one after the other.
///
/// # Errors
/// In words; whatever was started has been ended.
pub(crate) fn run(count: usize) -> Result<Outcome, Trouble> {
    let pipes = fit(count as u64)?;
    let patience = Patience::new()?;
    let directory = Directory::new()?;
    let command = child::prepare(&directory.0.join("pause"))?;
    // Programs of their own: pages that are shared with this process would count half only.
    let program = directory.0.join("taskmaster");
    fs::copy("/proc/self/exe", &program)?;
    let supervise = |count: usize| -> Result<Figures, Trouble> {
        let arguments = configure(&directory.0, &command, count, pipes)?;
        let idle = if count == 1 { Duration::ZERO } else { IDLE };
        measure(Contender::launch(&program, &arguments, &directory.0, count)?, idle, &patience)
    };
    let alone = supervise(1)?;
    let arguments = [vec![FLOOR.to_owned(), count.to_string(), pipes.to_string()], command.clone()].concat();
    let bare = Contender::launch(&program, &arguments, &directory.0, count)?;
    let floor = measure(bare, IDLE, &patience).map_err(|trouble| trouble.of("the bare loop"))?;
    let taskmaster = supervise(count).map_err(|trouble| trouble.of("taskmaster"))?;
    Ok(Outcome { count, pipes, taskmaster, floor, alone_kib: alone.memory_kib })
}

/// Runs as the floor.
///
/// # Errors
/// Whatever the system refuses.
pub(crate) fn be_floor(count: usize, pipes: usize, command: &[String]) -> io::Result<()> {
    floor::run(count, pipes, command)
}

impl Trouble {
    fn of(self, whom: &str) -> Trouble {
        match self {
            Trouble::Other(what) => Trouble::Other(format!("{whom}: {what}")),
            other @ (Trouble::TooMany(_) | Trouble::Interrupted) => other,
        }
    }
}

fn measure(mut contender: Contender, idle: Duration, patience: &Patience) -> Result<Figures, Trouble> {
    let start = contender.await_children(patience)?;
    let start_cpu = contender.usage()?.cpu;
    patience.wait(SETTLE)?;
    let before = contender.usage()?;
    patience.wait(idle)?;
    let Usage { cpu, switches, memory_kib } = contender.usage()?;
    Ok(Figures {
        start,
        start_cpu,
        memory_kib,
        idle_cpu: cpu.saturating_sub(before.cpu),
        idle_switches: switches.saturating_sub(before.switches),
        stop: contender.stop(patience)?,
    })
}

/// Writes the configuration; the arguments that name it. Whatever costs something is left at its default: the
/// outputs are captured and go to log files.
fn configure(directory: &Path, command: &[String], count: usize, pipes: usize) -> io::Result<Vec<String>> {
    let config = directory.join("config.yaml");
    let merged = if pipes == 1 { ", stderr: stdout" } else { "" };
    let text = format!(
        "programs:\n  pause: {{cmd: {command:?}, numprocs: {count}, starttime: 0{merged}}}\n\
         taskmaster: {{http: off}}\n"
    );
    fs::write(&config, text)?;
    Ok(vec!["--no-console".to_owned(), "--config".to_owned(), config.display().to_string()])
}

/// How many pipes each of so many instances can have. Nothing is begun that the limits would end halfway.
fn fit(count: u64) -> Result<usize, Trouble> {
    let (_, files) = getrlimit(Resource::RLIMIT_NOFILE).map_err(io::Error::from)?;
    let (processes, _) = getrlimit(Resource::RLIMIT_NPROC).map_err(io::Error::from)?;
    let pids = fs::read_to_string("/proc/sys/kernel/pid_max").ok().and_then(|text| text.trim().parse().ok());
    let room = files.saturating_sub(OTHER_FILES);
    let limits = [
        (room, "open files (ulimit -Hn)", files),
        // Root may have as many as it likes.
        (if geteuid().is_root() { u64::MAX } else { processes }, "processes (ulimit -u)", processes),
        (pids.unwrap_or(u64::MAX) / 2, "pids (kernel.pid_max)", pids.unwrap_or(u64::MAX)),
    ];
    match limits.into_iter().find(|(room, ..)| *room < count) {
        None => Ok(if room / 2 < count { 1 } else { 2 }),
        Some((room, what, limit)) => Err(Trouble::TooMany(format!(
            "{count} instances are more than this system allows: at {limit} {what} there is room for {room}"
        ))),
    }
}

/// A directory of our own, gone in the end.
struct Directory(PathBuf);

impl Directory {
    fn new() -> io::Result<Directory> {
        Ok(Directory(mkdtemp(&std::env::temp_dir().join("taskmaster-bench-XXXXXX"))?))
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
