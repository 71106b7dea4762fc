//! One of the two that are compared: launched, looked at from outside, and ended, whatever happens.

use std::fs;
use std::io;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use nix::errno::Errno;
use nix::libc;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::Trouble;
use super::patience::Patience;
use crate::io::clock::Clock;

/// More than the slowest honest run takes.
const LIMIT: Duration = Duration::from_secs(120);
/// How long an abandoned one has to end in order.
const GRACE: Duration = Duration::from_secs(10);

/// A contender at work. Dropped before it was stopped, it is ended with all its children.
pub(super) struct Contender {
    process: Child,
    clock: Clock,
    count: usize,
}

/// What it holds and what it has done so far.
pub(super) struct Usage {
    pub(super) cpu: Duration,
    pub(super) switches: u64,
    /// Proportional set size.
    pub(super) memory_kib: u64,
}

impl Contender {
    /// Launches `program`, which is to have `count` children soon.
    pub(super) fn launch(
        program: &Path,
        arguments: &[String],
        directory: &Path,
        count: usize,
    ) -> io::Result<Contender> {
        let mut command = Command::new(program);
        command.args(arguments).current_dir(directory);
        // A group of its own: Ctrl-C is for us, and we end it in order.
        command.stdin(Stdio::null()).stdout(Stdio::null()).process_group(0);
        let parent = std::process::id();
        let tie = move || {
            // SAFETY: both take numbers only and are async-signal-safe.
            unsafe {
                libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGTERM);
                // Nobody is left who would end it.
                if u32::try_from(libc::getppid()) != Ok(parent) {
                    return Err(Errno::ESRCH.into());
                }
            }
            Ok(())
        };
        // SAFETY: what it calls is async-signal-safe, and it allocates nothing.
        unsafe { command.pre_exec(tie) };
        let clock = Clock::start();
        Ok(Contender { process: command.spawn()?, clock, count })
    }

    /// Waits until the kernel shows all children; the time since the launch.
    pub(super) fn await_children(&mut self, patience: &Patience) -> Result<Duration, Trouble> {
        loop {
            let ready = self.children().len();
            let elapsed = self.clock.now() - crate::time::Time::ZERO;
            if ready >= self.count {
                return Ok(elapsed);
            }
            if let Some(status) = self.process.try_wait()? {
                return Err(Trouble::Other(format!("it ended ({status}) when {ready} ran")));
            }
            if elapsed > LIMIT {
                return Err(Trouble::Other(format!("only {ready} run after {LIMIT:?}")));
            }
            // Looking takes locks that starting needs: it is done after half the time that the rest
            // should take, going by the pace so far.
            let rest = elapsed.mul_f64((self.count - ready) as f64 / ready.max(1) as f64);
            patience.wait((rest / 2).min(elapsed / 2).max(Duration::from_micros(200)))?;
        }
    }

    /// Asks it to stop; the time until it and all its children have ended.
    pub(super) fn stop(mut self, patience: &Patience) -> Result<Duration, Trouble> {
        let clock = Clock::start();
        self.signal(Signal::SIGTERM);
        loop {
            let elapsed = clock.now() - crate::time::Time::ZERO;
            match self.process.try_wait()? {
                Some(status) if status.success() => return Ok(elapsed),
                Some(status) => return Err(Trouble::Other(format!("it ended with {status}"))),
                None if elapsed > LIMIT => return Err(Trouble::Other(format!("it runs after {LIMIT:?}"))),
                None => patience.wait(Duration::from_micros(500))?,
            }
        }
    }

    pub(super) fn usage(&self) -> Result<Usage, Trouble> {
        let pid = self.process.id();
        let read = |file: &str| fs::read_to_string(format!("/proc/{pid}/{file}"));
        let number = |text: &str, name: &str| -> u64 {
            let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
            line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(0)
        };
        let (status, memory, schedule) = (read("status")?, read("smaps_rollup")?, read("schedstat")?);
        let on_cpu = schedule.split(' ').next().and_then(|first| first.parse().ok()).unwrap_or(0);
        Ok(Usage {
            cpu: Duration::from_nanos(on_cpu),
            switches: number(&status, "voluntary_ctxt_switches")
                + number(&status, "nonvoluntary_ctxt_switches"),
            memory_kib: number(&memory, "Pss"),
        })
    }

    fn children(&self) -> Vec<i32> {
        let pid = self.process.id();
        let list = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
        list.split_whitespace().filter_map(|child| child.parse().ok()).collect()
    }

    fn signal(&self, signal: Signal) {
        let _ = kill(Pid::from_raw(self.process.id().cast_signed()), signal);
    }
}

impl Drop for Contender {
    fn drop(&mut self) {
        let has_ended = |process: &mut Child| !matches!(process.try_wait(), Ok(None));
        if has_ended(&mut self.process) {
            return;
        }
        self.signal(Signal::SIGTERM);
        let clock = Clock::start();
        while clock.now() - crate::time::Time::ZERO < GRACE {
            if has_ended(&mut self.process) {
                return;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        let orphans = self.children();
        let _ = self.process.kill();
        for orphan in orphans {
            let _ = kill(Pid::from_raw(orphan), Signal::SIGKILL);
        }
        let _ = self.process.wait();
    }
}
