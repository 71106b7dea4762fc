//! What the black-box tests share: a directory with a configuration, the real binary on it, and ways
//! to look at both from outside.
//!
//! Nothing here sleeps for a result: conditions are polled until a deadline. Whatever a test starts
//! carries a mark in its environment and is killed when the test ends, however it ends.

// Every test binary uses a part of this.
#![allow(dead_code, unused_imports)]

mod console;
mod control;
mod events;
mod http;
mod ledger;
mod marks;
mod proc;
mod terminal;

pub use console::Console;
pub use control::{as_stranger, converse_at_socket, is_root, post};
pub use events::{EventReader, SentEvent};
pub use http::{Answer, free_port, get, pipeline, send};
pub use ledger::{audit, audit_end, audit_gaps, numbered, with_backups};
pub use marks::{Mark, marked};
pub use proc::{
    context_switches, cpu_ticks, descriptors, field, hear_hangups, is_alive, limits_of, rss_bytes, wait_while,
};
pub use terminal::Terminal;

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

/// The longest that anything in these tests may take on a slow, busy machine.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// Polls `look` until it finds something.
pub fn wait_for<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < deadline, "waited in vain for {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Polls until `condition` holds.
pub fn wait_until(what: &str, mut condition: impl FnMut() -> bool) {
    wait_for(what, || condition().then_some(()));
}

/// A temporary directory for one supervisor.
pub struct Site {
    directory: tempfile::TempDir,
    pub mark: Mark,
    pub port: u16,
}

impl Site {
    /// A directory whose `config.yaml` has these programs, and the dashboard on a free port.
    pub fn new(programs: &str) -> Site {
        let site = Site { directory: tempfile::tempdir().unwrap(), mark: Mark::new(), port: free_port() };
        site.configure(programs, "");
        site
    }

    /// Writes `config.yaml`: the entries of `programs:`, indented as they are, and further lines of
    /// the `taskmaster:` section.
    pub fn configure(&self, programs: &str, section: &str) {
        let port = self.port;
        let text = format!("programs:\n{programs}\ntaskmaster:\n  http: 127.0.0.1:{port}\n{section}\n");
        fs::write(self.path("config.yaml"), text).unwrap();
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub fn write(&self, name: &str, text: &str) -> PathBuf {
        fs::write(self.path(name), text).unwrap();
        self.path(name)
    }

    /// The text of a file; empty while there is none.
    pub fn read(&self, name: &str) -> String {
        String::from_utf8_lossy(&fs::read(self.path(name)).unwrap_or_default()).into_owned()
    }

    /// The binary on this configuration, to be started.
    pub fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_taskmaster"));
        command.current_dir(self.directory.path());
        command.env(Mark::NAME, self.mark.value());
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        command
    }

    /// Starts `command`, and waits until the dashboard answers.
    pub fn start(self, command: &mut Command) -> Running {
        let mut running = self.start_unseen(command);
        wait_until("the dashboard", || {
            running.assert_not_over();
            running.try_status().is_some()
        });
        running
    }

    /// Starts `command`, whose dashboard may never answer.
    pub fn start_unseen(self, command: &mut Command) -> Running {
        let child = command.spawn().unwrap();
        Running { site: self, child }
    }

    /// Starts supervising without a console.
    pub fn supervise(self) -> Running {
        let mut command = self.command();
        self.start(&mut command)
    }
}

/// A supervisor at work.
pub struct Running {
    pub site: Site,
    pub child: Child,
}

impl Running {
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Panics with its last words if it has ended already.
    fn assert_not_over(&mut self) {
        if let Some(status) = self.child.try_wait().unwrap() {
            let mut words = String::new();
            if let Some(stderr) = &mut self.child.stderr {
                stderr.read_to_string(&mut words).unwrap();
            }
            panic!("the supervisor has ended, {status}: {words}");
        }
    }

    /// The whole document of /api/status.
    pub fn status(&self) -> Value {
        self.try_status().expect("the supervisor answers")
    }

    fn try_status(&self) -> Option<Value> {
        let answer = get(self.site.port, "/api/status").ok()?;
        serde_json::from_slice(&answer.body).ok()
    }

    /// One row of it.
    pub fn process(&self, name: &str) -> Value {
        let status = self.status();
        let programs = status["programs"].as_array().unwrap();
        let mut rows = programs.iter().flat_map(|program| program["processes"].as_array().unwrap());
        rows.find(|row| row["name"] == name).unwrap_or_else(|| panic!("{name} is not in {status}")).clone()
    }

    pub fn state(&self, name: &str) -> String {
        self.process(name)["state"].as_str().unwrap().to_owned()
    }

    pub fn pid_of(&self, name: &str) -> Option<u32> {
        self.process(name)["pid"].as_u64().map(|pid| pid as u32)
    }

    /// Waits for a state and gives the row that has it.
    pub fn wait_for_state(&self, name: &str, state: &str) -> Value {
        wait_for(&format!("{name} to be {state}"), || {
            Some(self.process(name)).filter(|row| row["state"] == state)
        })
    }

    pub fn log(&self) -> String {
        self.site.read("logs/taskmaster.log")
    }

    pub fn signal(&self, signal: nix::sys::signal::Signal) {
        kill(self.pid(), signal);
    }

    /// Waits for the end.
    pub fn wait(&mut self) -> ExitStatus {
        wait_for("the supervisor to end", || self.child.try_wait().unwrap())
    }

    /// Ends it as systemd would, and shows that nothing is left.
    pub fn stop(self) {
        self.stop_and_keep(|| {});
    }

    /// The same, with a look at what is left in the directory.
    pub fn stop_and_keep(mut self, look: impl FnOnce()) {
        self.signal(nix::sys::signal::Signal::SIGTERM);
        assert!(self.wait().success());
        assert_eq!(marked(&self.site.mark), Vec::<u32>::new(), "processes are left");
        look();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub fn kill(pid: u32, signal: nix::sys::signal::Signal) {
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid.cast_signed()), signal).unwrap();
}

pub fn exists(path: &Path) -> bool {
    path.symlink_metadata().is_ok()
}
