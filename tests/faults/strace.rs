//! Faults put into one process from outside: strace lets chosen system calls of the supervisor fail, and of
//! nobody else, for it does not follow forks.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::harness::{field, wait_until};

/// What is to happen: `calls` is strace's set, `what` its `error=EIO` or the like, `when` its `3` or `1+`.
#[derive(Clone, Debug)]
pub struct Fault {
    pub calls: &'static str,
    pub what: String,
    pub when: String,
}

impl Fault {
    pub fn new(calls: &'static str, what: &str, when: &str) -> Fault {
        Fault { calls, what: what.to_owned(), when: when.to_owned() }
    }

    /// Whether it goes on until the tracer lets go.
    pub fn is_lasting(&self) -> bool {
        self.when.ends_with('+')
    }

    /// Whether somebody has to hear of it: of what lasts, unless it is the trouble of one connection, concerns
    /// questions that are answered as well as they can be (the limits are asked for by a warning; children's
    /// are set in them), or means that what was wanted is so already.
    pub fn is_to_be_told(&self) -> bool {
        const NOBODYS: [&str; 6] =
            ["prlimit64", "recvfrom", "writev", "getdents64", "shutdown,", "getsockopt"];
        let is_nobodys = NOBODYS.iter().any(|call| self.calls.starts_with(call));
        self.is_lasting() && !is_nobodys && !self.what.ends_with("ESRCH")
    }

    /// As strace takes it.
    fn expression(&self) -> String {
        format!("inject={}:{}:when={}", self.calls, self.what, self.when)
    }
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        write!(f, "{} {} {}", self.calls, self.what.trim_start_matches("error="), self.when)
    }
}

/// A tracer at work. It lets go when it is dropped.
pub struct Tracer(Child);

impl Tracer {
    /// From the next system call of `pid` on, counted from one. `record` gets a line for each.
    pub fn attach(pid: u32, fault: &Fault, record: &Path) -> Tracer {
        let child = Command::new("strace")
            .args(["-qq", "-s", "0", "-o"])
            .arg(record)
            .args(["-e", &format!("trace={}", fault.calls), "-e", &fault.expression()])
            .args(["-p", &pid.to_string()])
            .stdin(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let tracer = Tracer(child);
        wait_until("the tracer", || field(pid, "TracerPid").is_none_or(|tracer| tracer != "0"));
        tracer
    }
}

impl Drop for Tracer {
    fn drop(&mut self) {
        // On SIGTERM it detaches, and the supervisor goes on alone.
        let _ = kill(Pid::from_raw(self.0.id().cast_signed()), Signal::SIGTERM);
        let _ = self.0.wait();
    }
}

/// How often the fault has happened.
pub fn injected(record: &Path) -> usize {
    fs::read_to_string(record).unwrap_or_default().matches("(INJECTED)").count()
}

/// Whether strace is here, and may look at a process that is not its child.
pub fn is_possible() -> bool {
    let Ok(mut sleeper) = Command::new("sleep").arg("1000").spawn() else { return false };
    let mut tracer = Command::new("strace");
    tracer.args(["-qq", "-o", "/dev/null", "-e", "inject=getpid:error=EIO"]);
    tracer.args(["-p", &sleeper.id().to_string()]).stderr(Stdio::null());
    let traced = tracer.spawn().map(|mut tracer| {
        let mut is_traced = false;
        while !is_traced && tracer.try_wait().is_ok_and(|ended| ended.is_none()) {
            is_traced = field(sleeper.id(), "TracerPid").is_some_and(|pid| pid != "0");
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
        let _ = tracer.kill();
        let _ = tracer.wait();
        is_traced
    });
    let _ = sleeper.kill();
    let _ = sleeper.wait();
    traced.unwrap_or(false)
}
