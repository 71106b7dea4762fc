//! Processes found by a mark in their environment, whatever group, session or parent they have.

use std::fs;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

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
    let carries = |pid: &u32| environment(*pid).split(|byte| *byte == 0).any(|variable| variable == wanted);
    let entries = fs::read_dir("/proc").unwrap().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    pids.filter(carries).collect()
}

/// The environment of a process. In the middle of an exec it reads as empty although the process has a
/// program, so that is looked at again for a moment.
fn environment(pid: u32) -> Vec<u8> {
    for _ in 0..20 {
        let environment = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
        if !environment.is_empty() || fs::read_link(format!("/proc/{pid}/exe")).is_err() {
            return environment;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    Vec::new()
}

/// Whatever a test leaves behind goes with it, and what that has started in the meantime.
impl Drop for Mark {
    fn drop(&mut self) {
        for _ in 0..10 {
            let pids = marked(self);
            for pid in &pids {
                let pid = nix::unistd::Pid::from_raw(pid.cast_signed());
                let _ = nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGKILL);
            }
            if pids.is_empty() {
                return;
            }
        }
    }
}
