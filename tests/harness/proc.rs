//! What /proc tells about a process.

use std::fs;
use std::time::{Duration, Instant};

/// A field of /proc/PID/status, without its name.
pub fn field(pid: u32, name: &str) -> Option<String> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find(|line| line.starts_with(&format!("{name}:")))?;
    Some(line[name.len() + 1..].trim().to_owned())
}

/// Whether it runs: zombies do not count.
pub fn is_alive(pid: u32) -> bool {
    field(pid, "State").is_some_and(|state| !state.starts_with(['Z', 'X']))
}

/// CPU time used so far, in ticks.
pub fn cpu_ticks(pid: u32) -> u64 {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let fields: Vec<&str> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
    fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()
}

/// Voluntary and other context switches so far.
pub fn context_switches(pid: u32) -> u64 {
    let number = |name| field(pid, name).unwrap().parse::<u64>().unwrap();
    number("voluntary_ctxt_switches") + number("nonvoluntary_ctxt_switches")
}

/// A line of /proc/PID/limits.
pub fn limits_of(pid: u32, name: &str) -> String {
    let limits = fs::read_to_string(format!("/proc/{pid}/limits")).unwrap();
    limits.lines().find(|line| line.starts_with(name)).unwrap().to_owned()
}

/// Watches for a fixed time that a condition holds; only for what must NOT happen.
pub fn wait_while(what: &str, time: Duration, mut condition: impl FnMut() -> bool) {
    let end = Instant::now() + time;
    while Instant::now() < end {
        assert!(condition(), "{what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// How many descriptors are open.
pub fn descriptors(pid: u32) -> usize {
    fs::read_dir(format!("/proc/{pid}/fd")).unwrap().count()
}

/// Resident memory.
pub fn rss_bytes(pid: u32) -> u64 {
    let kib = field(pid, "VmRSS").unwrap();
    kib.trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
}

/// Lets SIGHUP mean a reload to what is started, even where these tests were started by nohup(1).
pub fn hear_hangups(command: &mut std::process::Command) {
    let change = || {
        // SAFETY: installs the default action; no handler is involved.
        unsafe { nix::libc::signal(nix::libc::SIGHUP, nix::libc::SIG_DFL) };
        Ok(())
    };
    // SAFETY: signal(2) is async-signal-safe.
    unsafe { std::os::unix::process::CommandExt::pre_exec(command, change) };
}
