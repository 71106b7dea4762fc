//! Processes found by a mark in their environment, whatever group, session or parent they have.

use std::fs;
use std::sync::atomic::{AtomicU32, Ordering};

/// A value that only one test's processes carry.
pub struct Mark(String);

static COUNT: AtomicU32 = AtomicU32::new(0);

impl Mark {
    pub const NAME: &str = "TASKMASTER_TEST_MARK";

    pub fn new() -> Mark {
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        Mark(format!("mark-{}-{count}-", std::process::id()))
    }

    pub fn value(&self) -> &str {
        &self.0
    }
}

/// The pids of all living processes with this mark.
pub fn marked(mark: &Mark) -> Vec<u32> {
    let wanted = format!("{}={}", Mark::NAME, mark.0).into_bytes();
    let carries = |pid: &u32| {
        let environment = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
        environment.split(|byte| *byte == 0).any(|variable| variable == wanted)
    };
    let entries = fs::read_dir("/proc").unwrap().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    pids.filter(carries).collect()
}

/// Whatever a test leaves behind goes with it.
impl Drop for Mark {
    fn drop(&mut self) {
        for pid in marked(self) {
            let pid = nix::unistd::Pid::from_raw(pid.cast_signed());
            let _ = nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGKILL);
        }
    }
}
