//! How children's output gets into files: `cargo bench --bench output [-- MIB]`.

#![allow(clippy::print_stdout, reason = "a bench reports to whoever runs it")]

mod contender;
#[path = "../support/procfs.rs"]
mod procfs;
mod producer;
mod rotating;

use std::collections::HashMap;
use std::fs;
use std::io::Read;
use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant, UNIX_EPOCH};

use contender::{BACKUPS, Contender, MAX_BYTES, Running};
use producer::{BEAT, FLOOD, LINE_BYTES, TICK};

const ROUNDS: usize = 3;
const MIB: u64 = 1024 * 1024;
/// More than the slowest honest run takes.
const PATIENCE: Duration = Duration::from_secs(300);
/// The steady children, and their lines a second each, for so many seconds.
const STEADY: (usize, u64, u64) = (1000, 100, 10);

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.first().is_some_and(|first| first == rotating::ROLE) {
        return rotating::copy(Path::new(&arguments[1]), MAX_BYTES, BACKUPS);
    }
    if producer::play(&arguments) {
        return;
    }
    // cargo adds flags of its own, such as --bench.
    let size = arguments.iter().find_map(|argument| argument.parse().ok()).unwrap_or(1024) * MIB;
    for absent in Contender::ALL.into_iter().filter(|contender| !contender.is_present()) {
        println!("{} is absent", absent.name());
    }
    let lines = size / LINE_BYTES as u64;
    println!("\n{} MiB of {LINE_BYTES}-byte lines in 64 KiB writes", size / MIB);
    flood(lines, 655);
    println!("\n1,000,000 lines of {LINE_BYTES} bytes, each a write");
    flood(1_000_000, 1);
    steady();
    heartbeat();
}

fn role(name: &str, first: u64, second: u64) -> impl Fn(&Path) -> Vec<String> {
    let words = [name.to_owned(), first.to_string(), second.to_string()];
    move |go| {
        let program = std::env::current_exe().expect("/proc is mounted").display().to_string();
        [program].into_iter().chain(words.clone()).chain([go.display().to_string()]).collect()
    }
}

/// What one run took.
#[derive(Clone, Copy)]
struct Figures {
    elapsed: Duration,
    cpu: Duration,
}

fn flood(lines: u64, lines_per_write: u64) {
    let mut rounds: Vec<(Contender, Vec<Figures>)> = Contender::ALL
        .into_iter()
        .filter(|contender| contender.is_present())
        .map(|one| (one, Vec::new()))
        .collect();
    for round in 0..ROUNDS {
        for (contender, figures) in rounds.iter_mut().filter(|(one, _)| round == 0 || !one.is_slow()) {
            figures.push(flood_once(*contender, lines, lines_per_write));
        }
    }
    let median = |figures: &[Figures]| {
        let middle = |figure: fn(&Figures) -> Duration| {
            let mut all: Vec<Duration> = figures.iter().map(figure).collect();
            all.sort();
            all[all.len() / 2]
        };
        Figures { elapsed: middle(|one| one.elapsed), cpu: middle(|one| one.cpu) }
    };
    println!("{:<16}{:>10}{:>12}{:>12}{:>12}", "", "MB/s", "CPU s/GB", "time", "CPU");
    let floor = median(&rounds[0].1);
    let gigabytes = (lines * LINE_BYTES as u64) as f64 / 1e9;
    for (contender, figures) in &rounds {
        let Figures { elapsed, cpu } = median(figures);
        println!(
            "{:<16}{:>10.0}{:>12.2}{:>11.2}x{:>11.2}x",
            contender.name(),
            gigabytes * 1000.0 / elapsed.as_secs_f64(),
            cpu.as_secs_f64() / gigabytes,
            elapsed.as_secs_f64() / floor.elapsed.as_secs_f64(),
            cpu.as_secs_f64() / floor.cpu.as_secs_f64()
        );
    }
}

fn flood_once(contender: Contender, lines: u64, lines_per_write: u64) -> Figures {
    let child = role(FLOOD, lines, lines_per_write);
    let running = Running::start(contender, 1, child);
    let figures = measure(&running, lines * LINE_BYTES as u64);
    if contender == Contender::Taskmaster {
        audit_flood(&running, lines);
    }
    figures
}

/// From `go` until so many bytes are in the files.
fn measure(running: &Running, bytes: u64) -> Figures {
    let cpu = running.cpu_time();
    let start = Instant::now();
    running.go();
    while running.arrived_bytes() < bytes {
        assert!(
            start.elapsed() < PATIENCE,
            "{} of {bytes} bytes after {PATIENCE:?}",
            running.arrived_bytes()
        );
        sleep(Duration::from_millis(2));
    }
    Figures { elapsed: start.elapsed(), cpu: running.cpu_time() - cpu }
}

/// Every line, once, in order, whole, and no file cut within one.
fn audit_flood(running: &Running, lines: u64) {
    let mut number = 0;
    for file in running.files() {
        let mut text = Vec::new();
        fs::File::open(&file).and_then(|mut file| file.read_to_end(&mut text)).expect("it can be read");
        for line in text.chunks(LINE_BYTES) {
            assert!(line == producer::line(number), "line {number} is not where it should be");
            number += 1;
        }
    }
    assert_eq!(number, lines, "lines are missing");
}

fn steady() {
    let (count, per_second, seconds) = STEADY;
    println!("\n{count} children with {per_second} lines/s each for {seconds} s into one file");
    for contender in [Contender::Taskmaster, Contender::Supervisord] {
        if !contender.is_present() {
            continue;
        }
        let running = Running::start(contender, count, role(TICK, seconds, per_second));
        sleep(Duration::from_secs(1));
        let (cpu, start) = (running.cpu_time(), Instant::now());
        running.go();
        let total = count as u64 * per_second * seconds;
        let mut lines = 0;
        while lines < total && start.elapsed() < Duration::from_secs(seconds * 6) {
            sleep(Duration::from_secs(1));
            lines = running.files().iter().map(|file| newlines(file)).sum();
        }
        let (elapsed, cpu) = (start.elapsed(), running.cpu_time() - cpu);
        println!(
            "{:<16}CPU {:.2} s in {:.0} s; {}",
            contender.name(),
            cpu.as_secs_f64(),
            elapsed.as_secs_f64(),
            audit_steady(&running, count, per_second * seconds)
        );
    }
}

fn newlines(file: &Path) -> u64 {
    let text = fs::read(file).unwrap_or_default();
    text.iter().filter(|byte| **byte == b'\n').count() as u64
}

/// How many lines are there, in order for each child, and how many are torn.
fn audit_steady(running: &Running, children: usize, lines: u64) -> String {
    let (mut next, mut bad): (HashMap<String, u64>, u64) = (HashMap::new(), 0);
    for file in running.files() {
        for line in fs::read_to_string(file).expect("it can be read").lines() {
            let parsed =
                line.split_once(' ').and_then(|(name, number)| Some((name, number.parse::<u64>().ok()?)));
            let Some((name, number)) = parsed else {
                bad += 1;
                continue;
            };
            let due = next.entry(name.to_owned()).or_default();
            bad += u64::from(number != *due);
            *due = number + 1;
        }
    }
    let whole: u64 = next.values().sum();
    format!("{whole} of {} lines, {bad} torn or out of order", children as u64 * lines)
}

/// A child that says the time, beside four that write as fast as they can. Its log has the time at
/// which each line was written.
fn heartbeat() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let beat = role(BEAT, 10, 100)(&dir.path().join("go"));
    let config = format!(
        "programs:\n  yes: {{cmd: 'yes', numprocs: 4, starttime: 0, stdout: 'yes-{{process_num}}', stdout_backups: 1}}\n  \
         beat: {{cmd: {beat:?}, starttime: 0, autorestart: never, stdout: beat, log_format: timestamp}}\n\
         taskmaster: {{http: 'off'}}\n"
    );
    fs::write(dir.path().join("config.yaml"), config).expect("the directory takes files");
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_taskmaster"));
    command.current_dir(&dir).stdin(std::process::Stdio::null()).stdout(std::process::Stdio::null());
    let mut taskmaster = command.spawn().expect("it starts");
    sleep(Duration::from_secs(1));
    fs::write(dir.path().join("go"), "").expect("the directory takes files");
    let text = || fs::read_to_string(dir.path().join("beat")).unwrap_or_default();
    let start = Instant::now();
    while text().lines().count() < 1000 && start.elapsed() < PATIENCE {
        sleep(Duration::from_millis(500));
    }
    let mut delays: Vec<u64> = text()
        .lines()
        .map(|line| {
            let (stamp, said) = line.split_once("  ").expect("a stamp");
            let written = humantime::parse_rfc3339(stamp).expect("a time");
            let written = written.duration_since(UNIX_EPOCH).expect("after 1970").as_millis() as u64;
            written.saturating_sub(said.parse().expect("a time in milliseconds"))
        })
        .collect();
    delays.sort_unstable();
    let at = |share: f64| delays[((delays.len() - 1) as f64 * share) as usize];
    println!("\ndelay of {} heartbeats under four `yes`, in ms", delays.len());
    println!("p50 {}, p99 {}, worst {}", at(0.5), at(0.99), at(1.0));
    let _ = nix::sys::signal::kill(
        nix::unistd::Pid::from_raw(taskmaster.id().cast_signed()),
        nix::sys::signal::Signal::SIGTERM,
    );
    let _ = taskmaster.wait();
}
