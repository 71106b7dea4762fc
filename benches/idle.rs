//! What supervising costs while nothing happens: `cargo bench --bench idle [-- N...]`.

#![allow(clippy::print_stdout, reason = "a bench reports to whoever runs it")]

mod support;

use std::fs;
use std::thread::sleep;
use std::time::Duration;

use support::contender::{Contender, Running};
use support::{floor, pause, procfs};

const COUNTS: [usize; 2] = [1, 1000];
/// For what a start leaves to do: log lines, first answers.
const SETTLE: Duration = Duration::from_secs(2);
const IDLE: Duration = Duration::from_secs(10);

fn main() {
    let mut arguments = std::env::args().skip(1).peekable();
    if arguments.next_if(|first| first == floor::ROLE).is_some() {
        return floor::run(arguments);
    }
    // cargo adds flags of its own, such as --bench.
    let asked: Vec<usize> = arguments.filter_map(|argument| argument.parse().ok()).collect();
    let counts = if asked.is_empty() { COUNTS.to_vec() } else { asked };

    let dir = tempfile::tempdir().expect("a temporary directory");
    let child = pause::prepare(dir.path());
    println!("over {IDLE:?} of idleness; memory in KiB\n");
    println!(
        "{:<12}{:>8}{:>10}{:>10}{:>10}{:>10}{:>10}",
        "", "N", "CPU us", "switches", "VmRSS", "RssAnon", "PSS"
    );
    for count in counts {
        measure(count, &child);
    }
}

/// Both contenders idle side by side: neither can disturb the other by doing nothing.
fn measure(count: usize, child: &[String]) {
    let both = Contender::BOTH.map(|contender| {
        let mut running = Running::launch(contender, count, child);
        running.await_children();
        running
    });
    sleep(SETTLE);
    let before = both.each_ref().map(|running| Effort::so_far(running.pid()));
    sleep(IDLE);
    let after = both.each_ref().map(|running| Effort::so_far(running.pid()));
    for index in 0..both.len() {
        let pid = both[index].pid();
        println!(
            "{:<12}{count:>8}{:>10}{:>10}{:>10}{:>10}{:>10}",
            Contender::BOTH[index].name(),
            (after[index].cpu - before[index].cpu).as_micros(),
            after[index].switches - before[index].switches,
            field(pid, "status", "VmRSS"),
            field(pid, "status", "RssAnon"),
            field(pid, "smaps_rollup", "Pss"),
        );
    }
    println!();
    for running in both {
        running.stop();
    }
}

/// What a process has done since it began.
struct Effort {
    cpu: Duration,
    /// Context switches, voluntary or not: every wake-up ends in one.
    switches: u64,
}

impl Effort {
    fn so_far(pid: u32) -> Effort {
        let switches = ["voluntary_ctxt_switches", "nonvoluntary_ctxt_switches"];
        Effort {
            cpu: procfs::cpu_time(pid),
            switches: switches.map(|name| field(pid, "status", name)).into_iter().sum(),
        }
    }
}

/// The number in the line `NAME: NUMBER ...` of a file of /proc/PID.
fn field(pid: u32, file: &str, name: &str) -> u64 {
    let text = fs::read_to_string(format!("/proc/{pid}/{file}")).expect("the process lives");
    let values = text.lines().filter_map(|line| line.split_once(':'));
    let value = values.into_iter().find(|(key, _)| *key == name).map(|(_, value)| value);
    let number = value.and_then(|value| value.split_whitespace().next());
    number.and_then(|number| number.parse().ok()).expect("a number of that name")
}
