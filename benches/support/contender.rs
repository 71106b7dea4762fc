//! The two that are compared, launched and stopped in the same way.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tempfile::TempDir;

use super::{floor, procfs};

/// More than the slowest honest run takes; a bench that waits longer has found a bug.
const PATIENCE: Duration = Duration::from_secs(120);

#[derive(Clone, Copy)]
pub enum Contender {
    Floor,
    Taskmaster,
}

impl Contender {
    pub const BOTH: [Contender; 2] = [Contender::Floor, Contender::Taskmaster];

    pub fn name(self) -> &'static str {
        match self {
            Contender::Floor => "floor",
            Contender::Taskmaster => "taskmaster",
        }
    }

    fn command(self, count: usize, child: &[String], dir: &Path) -> Command {
        match self {
            Contender::Floor => {
                let mut command = Command::new(std::env::current_exe().expect("/proc is mounted"));
                command.arg(floor::ROLE).arg(count.to_string()).args(child);
                command
            }
            Contender::Taskmaster => {
                let config = dir.join("config.yaml");
                fs::write(&config, configuration(count, child)).expect("the directory takes files");
                let mut command = Command::new(env!("CARGO_BIN_EXE_taskmaster"));
                command.arg("-c").arg(config);
                command
            }
        }
    }
}

/// Everything that costs is left at its default: both outputs are captured and go to log files.
fn configuration(count: usize, child: &[String]) -> String {
    format!(
        "programs:\n  pause:\n    cmd: {child:?}\n    numprocs: {count}\n    starttime: 0\n\
         taskmaster:\n  http: off\n"
    )
}

/// A contender at work. Dropped before it was stopped, it is killed with all its children.
pub struct Running {
    process: Child,
    started: Instant,
    count: usize,
    _dir: TempDir,
}

impl Running {
    pub fn launch(contender: Contender, count: usize, child: &[String]) -> Running {
        let dir = TempDir::new().expect("a temporary directory");
        let mut command = contender.command(count, child, dir.path());
        command.current_dir(&dir).stdin(Stdio::null()).stdout(Stdio::null());
        let started = Instant::now();
        let process = command.spawn().expect("the contender starts");
        Running { process, started, count, _dir: dir }
    }

    pub fn pid(&self) -> u32 {
        self.process.id()
    }

    /// Waits until the kernel shows all children; returns the time since the launch.
    pub fn await_children(&mut self) -> Duration {
        loop {
            let ready = procfs::count_children(self.pid());
            let elapsed = self.started.elapsed();
            if ready >= self.count {
                return elapsed;
            }
            let outcome = self.process.try_wait().expect("a child of ours");
            assert!(outcome.is_none(), "it ended ({outcome:?}) before all its children ran");
            assert!(elapsed < PATIENCE, "not all children run after {PATIENCE:?}");
            sleep(next_look(elapsed, ready, self.count));
        }
    }

    /// Asks it to stop; returns the time until it has ended, its children before it.
    pub fn stop(mut self) -> Duration {
        let asked = Instant::now();
        kill(Pid::from_raw(self.pid() as i32), Signal::SIGTERM).expect("it is not yet reaped");
        let status = loop {
            if let Some(status) = self.process.try_wait().expect("a child of ours") {
                break status;
            }
            assert!(asked.elapsed() < PATIENCE, "it has not stopped after {PATIENCE:?}");
            sleep(Duration::from_micros(500));
        };
        assert!(status.success(), "it stopped with {status}");
        asked.elapsed()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Ok(Some(_)) = self.process.try_wait() {
            return;
        }
        let orphans = procfs::children(self.pid());
        let _ = self.process.kill();
        for orphan in orphans {
            let _ = kill(Pid::from_raw(orphan), Signal::SIGKILL);
        }
        let _ = self.process.wait();
    }
}

/// How long to sleep before looking again. A look takes locks that spawning needs, so there are few:
/// each after half the time that the rest should take, going by the pace so far.
fn next_look(elapsed: Duration, ready: usize, count: usize) -> Duration {
    let rest = elapsed.mul_f64((count - ready) as f64 / ready.max(1) as f64);
    // The pace is not known well at first, hence the upper bound.
    (rest / 2).min(elapsed / 2).max(Duration::from_micros(200))
}
