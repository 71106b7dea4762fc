//! What the kernel says about a process, read from /proc.

use std::fs;
use std::time::Duration;

/// CPU time of a living process, all threads. From schedstat, in nanoseconds: the utime and stime
/// of /proc/PID/stat come in ticks of 10 ms, too coarse for what is measured here.
pub fn cpu_time(pid: u32) -> Duration {
    let tasks = fs::read_dir(format!("/proc/{pid}/task")).expect("the process lives");
    let nanoseconds = tasks.flatten().map(|task| {
        let text = fs::read_to_string(task.path().join("schedstat")).expect("the kernel has schedstat");
        let on_cpu = text.split(' ').next().and_then(|first| first.parse::<u64>().ok());
        on_cpu.expect("schedstat starts with a number")
    });
    Duration::from_nanos(nanoseconds.sum())
}

/// How many children the main thread of a process has, as far as the kernel is concerned: those
/// that were spawned and not yet reaped.
pub fn count_children(pid: u32) -> usize {
    let list = fs::read(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
    list.iter().filter(|byte| **byte == b' ').count()
}

/// Their pids.
pub fn children(pid: u32) -> Vec<i32> {
    let list = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
    list.split_whitespace().filter_map(|child| child.parse().ok()).collect()
}
