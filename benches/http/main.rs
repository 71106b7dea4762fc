//! What the dashboard costs, and what it cannot delay: `cargo bench --bench http [-- N]`.

#![allow(clippy::print_stdout, reason = "a bench reports to whoever runs it")]

#[path = "../support/pause.rs"]
mod pause;
#[allow(dead_code, reason = "the other benches use the rest")]
#[path = "../support/procfs.rs"]
mod procfs;
mod static_server;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, sleep};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

const READERS: usize = 200;
const INSTANCES: usize = 1000;
const MANY: usize = 5000;
const PATIENCE: Duration = Duration::from_secs(120);

fn main() {
    let mut arguments = std::env::args().skip(1).peekable();
    if arguments.next_if(|first| first == static_server::ROLE).is_some() {
        return static_server::run(arguments);
    }
    let asked: Vec<usize> = arguments.filter_map(|argument| argument.parse().ok()).collect();
    let many = asked.first().copied().unwrap_or(MANY);
    let dir = tempfile::tempdir().expect("a temporary directory");
    let child = pause::prepare(dir.path());
    let supervisor = Supervisor::launch(INSTANCES, &child);
    throughput(&supervisor);
    commands_under_load(&supervisor);
    drop(supervisor);
    let supervisor = Supervisor::launch(many, &child);
    open_dashboard(&supervisor, many);
}

/// Requests per second beside a bare server that sends the same bytes.
fn throughput(supervisor: &Supervisor) {
    if Command::new("wrk").arg("-v").output().is_err() {
        println!("wrk is not installed: no figures of requests per second");
        return;
    }
    println!("\nwrk, 1 thread, 16 connections, 3 s, beside {INSTANCES} instances");
    println!(
        "{:<14}{:>10}{:>12}{:>12}{:>10}{:>14}",
        "", "bytes", "ours/s", "bare/s", "ratio", "p99 ours/bare"
    );
    for path in ["/healthz", "/", "/api/status"] {
        let answer = get(supervisor.address, path);
        let bare = static_server::Bare::launch(&answer);
        let ours = wrk(supervisor.address, path);
        let theirs = wrk(bare.address, path);
        println!(
            "{path:<14}{:>10}{:>12.0}{:>12.0}{:>10.2}{:>14}",
            answer.len(),
            ours.0,
            theirs.0,
            ours.0 / theirs.0,
            format!("{}/{}", ours.1, theirs.1)
        );
    }
}

/// Requests per second, and the 99th percentile of the latency as wrk writes it.
fn wrk(address: SocketAddr, path: &str) -> (f64, String) {
    let output = Command::new("wrk")
        .args(["-t1", "-c16", "-d3s", "--latency", &format!("http://{address}{path}")])
        .output()
        .expect("wrk runs");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(!text.contains("Non-2xx"), "{text}");
    let after = |key: &str| text.lines().find_map(|line| line.trim().strip_prefix(key).map(str::trim));
    let rate = after("Requests/sec:").and_then(|rate| rate.parse().ok()).expect("wrk tells a rate");
    (rate, after("99%").expect("wrk tells percentiles").to_owned())
}

/// All instances restart again and again while many watch; how long does a short command take?
fn commands_under_load(supervisor: &Supervisor) {
    let is_over = AtomicBool::new(false);
    let (mut latencies, mut restarts) = (Vec::new(), 0);
    thread::scope(|scope| {
        let is_over = &is_over;
        for _ in 0..READERS {
            let mut reader = watch(supervisor.address);
            scope.spawn(move || {
                let mut bytes = [0; 64 * 1024];
                while !is_over.load(Ordering::Relaxed) && reader.read(&mut bytes).is_ok_and(|count| count > 0)
                {
                }
            });
        }
        let restarter = scope.spawn(move || {
            let mut rounds = 0;
            while !is_over.load(Ordering::Relaxed) {
                supervisor.command("restart all");
                rounds += 1;
            }
            rounds * INSTANCES
        });
        let before = procfs::cpu_time(supervisor.pid());
        let begun = Instant::now();
        while begun.elapsed() < Duration::from_secs(5) {
            let asked = Instant::now();
            supervisor.command("pid");
            latencies.push(asked.elapsed());
            sleep(Duration::from_millis(2));
        }
        let cpu = procfs::cpu_time(supervisor.pid()) - before;
        println!(
            "\n{READERS} readers of events while {INSTANCES} instances restart: CPU {:.0} %",
            20.0 * cpu.as_secs_f64()
        );
        is_over.store(true, Ordering::Relaxed);
        restarts = restarter.join().expect("restarts work");
    });
    latencies.sort();
    let at = |share: f64| latencies[((latencies.len() - 1) as f64 * share) as usize];
    println!(
        "{restarts} restarts; {} commands at the socket: median {:?}, p99 {:?}, longest {:?} (goal: p99 under 10 ms)",
        latencies.len(),
        at(0.5),
        at(0.99),
        at(1.0)
    );
}

/// One page open, nothing else going on.
fn open_dashboard(supervisor: &Supervisor, count: usize) {
    let idle = cpu_over(supervisor, Duration::from_secs(4));
    let reader = watch(supervisor.address);
    let reading = thread::spawn(move || {
        let mut bytes = 0;
        let mut lines = BufReader::new(reader);
        let mut line = Vec::new();
        while lines.read_until(b'\n', &mut line).is_ok_and(|count| count > 0) {
            bytes += line.len();
            line.clear();
        }
        bytes
    });
    sleep(Duration::from_secs(1));
    let watched = cpu_over(supervisor, Duration::from_secs(10));
    println!(
        "\n{count} instances, idle: CPU {idle:.2} ms a second without a page, {watched:.2} ms with one open"
    );
    supervisor.stop_now();
    let _ = reading.join();
}

/// Milliseconds of CPU a second.
fn cpu_over(supervisor: &Supervisor, time: Duration) -> f64 {
    let before = procfs::cpu_time(supervisor.pid());
    sleep(time);
    (procfs::cpu_time(supervisor.pid()) - before).as_secs_f64() * 1000.0 / time.as_secs_f64()
}

fn request(path: &str, connection: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: {connection}\r\n\r\n")
}

/// A whole answer, as bytes.
fn get(address: SocketAddr, path: &str) -> Vec<u8> {
    let mut stream = TcpStream::connect(address).expect("it listens");
    stream.write_all(request(path, "close").as_bytes()).expect("it reads");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).expect("it answers");
    answer
}

fn watch(address: SocketAddr) -> TcpStream {
    let mut stream = TcpStream::connect(address).expect("it listens");
    stream.write_all(request("/api/events", "close").as_bytes()).expect("it reads");
    stream
}

struct Supervisor {
    process: Child,
    address: SocketAddr,
    dir: tempfile::TempDir,
}

impl Supervisor {
    fn launch(count: usize, child: &[String]) -> Supervisor {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let free = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = free.local_addr().expect("it is bound");
        drop(free);
        let config = format!(
            "programs:\n  pause: {{cmd: {child:?}, numprocs: {count}, starttime: 0}}\ntaskmaster: {{http: '{address}'}}\n"
        );
        std::fs::write(dir.path().join("config.yaml"), config).expect("the directory takes files");
        let mut command = Command::new(env!("CARGO_BIN_EXE_taskmaster"));
        command.current_dir(&dir).stdin(Stdio::null()).stdout(Stdio::null());
        let process = command.spawn().expect("it starts");
        let supervisor = Supervisor { process, address, dir };
        let begun = Instant::now();
        while procfs::count_children(supervisor.pid()) < count || !supervisor.socket().exists() {
            assert!(begun.elapsed() < PATIENCE, "not all children run after {PATIENCE:?}");
            sleep(Duration::from_millis(20));
        }
        sleep(Duration::from_secs(1));
        supervisor
    }

    fn pid(&self) -> u32 {
        self.process.id()
    }

    fn socket(&self) -> std::path::PathBuf {
        Path::new(self.dir.path()).join("taskmaster.sock")
    }

    fn command(&self, line: &str) {
        let mut stream = UnixStream::connect(self.socket()).expect("it listens");
        let body = format!("{{\"command\": \"{line}\"}}");
        let head = format!(
            "POST /api/commands HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nConnection: close\r\n\
             Content-Length: {}\r\n\r\n",
            body.len()
        );
        stream.write_all((head + &body).as_bytes()).expect("it reads");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("it answers");
        assert!(answer.contains("\"ok\":true"), "{answer}");
    }

    fn stop_now(&self) {
        let _ = kill(Pid::from_raw(self.pid().cast_signed()), Signal::SIGTERM);
    }
}

impl Drop for Supervisor {
    fn drop(&mut self) {
        self.stop_now();
        let _ = self.process.wait();
    }
}
