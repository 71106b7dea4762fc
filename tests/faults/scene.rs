//! A supervisor with something of everything to do, and what has to hold of it after a fault.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::sys::signal::Signal;

use crate::harness::{self, Running, Site, descriptors, is_alive, post, wait_until};
use crate::strace::{Fault, Tracer, injected};

/// CPU time that a supervisor may use in [`CALM`] with nothing to do; spinning it would use some tens.
const CALM_CPU: Duration = Duration::from_millis(10);
const CALM: Duration = Duration::from_millis(250);
/// CPU time that it may use in a second while a fault goes on, which a strict restart policy makes the most of.
const TROUBLED_CPU: Duration = Duration::from_millis(120);
/// Lines of warnings and errors that one fault may cause; a configuration that cannot be read takes three.
const LINES_MAX: usize = 12;
/// A peer that gets no answer is not waited for longer than this; the fault may have hit its connection.
const ANSWER_WITHIN: Duration = Duration::from_millis(500);

/// What a case has shown.
pub struct Verdict {
    /// How often the fault has happened; 0 proves nothing.
    pub injected: usize,
    /// What the supervisor has told of it.
    pub told: Vec<String>,
    /// How long it took until all was well again, and seen to be.
    pub recovery: Duration,
    /// What did not hold.
    pub failure: Option<String>,
}

/// `pause`s in one process and prints on demand, wants a log rotated, ignores SIGTERM: all the kinds of work.
fn programs(extras: u32) -> String {
    let ever = "autorestart: always, starttime: 0, restart_delay: 0.05, startretries: 400, stoptime: 5";
    format!(
        "  steady: {{cmd: sleep 1000, numprocs: 3, {ever}}}
  deaf: {{cmd: \"sh -c 'trap : TERM; while :; do sleep 1000; done'\", {ever}, stoptime: 0.1}}
  lines: {{cmd: sh lines.sh, autostart: false, starttime: 0, autorestart: never, stdout_maxbytes: 1KB, stdout_backups: 3}}
  extra: {{cmd: sleep 1000, numprocs: {extras}, {ever}}}"
    )
    .replace("stoptime: 5, stoptime", "stoptime")
}

/// Starts it, and lets it do everything once, so that what is opened once only is open.
fn open() -> Running {
    let site = Site::new(&programs(1));
    site.write("lines.sh", "i=0; while [ $i -lt 150 ]; do echo \"line number $i\"; i=$((i+1)); done");
    let mut command = site.command();
    have_a_limit_to_raise(&mut command);
    harness::hear_hangups(&mut command);
    let running = site.start(&mut command);
    wait_until("all to run", || all_run(&running, 1));
    work(&running, 2);
    wait_until("all to run", || all_run(&running, 2));
    running
}

/// Lowers the soft limit of open files, so that it is raised for the supervisor and lowered for each child.
fn have_a_limit_to_raise(command: &mut Command) {
    let change = || {
        let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE)?;
        Ok(setrlimit(Resource::RLIMIT_NOFILE, hard.min(1024) - 1, hard)?)
    };
    // SAFETY: both are async-signal-safe.
    unsafe { command.pre_exec(change) };
}

/// Puts `fault` into a supervisor at work, and judges it.
pub fn judge(fault: &Fault, patience: Duration) -> Verdict {
    let mut running = open();
    let mut stderr = running.child.stderr.take().unwrap();
    let record = running.site.path("record");
    let before = running.log().len();
    let tried = caught(|| try_with(&running, fault, &record, patience));
    let injected = injected(&record);
    let log = running.log();
    let ended = caught(|| running.stop()).map_err(|what| format!("it does not end in order: {what}"));
    // Trouble with its own log file cannot be told in there.
    let mut words = String::new();
    let _ = stderr.read_to_string(&mut words);
    let told = told(log.get(before..).unwrap_or_default(), &words);
    let recovery = *tried.as_ref().unwrap_or(&Duration::ZERO);
    let failure = tried.err().or(ended.err()).or(ill_told(&told, injected, fault));
    Verdict { injected, told, recovery, failure }
}

/// What the supervisor has told of trouble, in its log and in words.
pub fn told(log: &str, words: &str) -> Vec<String> {
    let logged = log.lines().filter(|line| is_trouble(line));
    logged.chain(words.lines()).map(str::to_owned).collect()
}

/// Whether it is too much, or nothing where somebody has to hear of it.
pub fn ill_told(told: &[String], injected: usize, fault: &Fault) -> Option<String> {
    if told.len() > LINES_MAX + injected {
        return Some(format!("{} lines are told", told.len()));
    }
    (told.is_empty() && injected > 0 && fault.is_to_be_told()).then(|| "nothing is told".to_owned())
}

/// What became of it, and how long it took to be well again.
fn try_with(running: &Running, fault: &Fault, record: &Path, patience: Duration) -> Duration {
    let open_before = settled_descriptors(running);
    let tracer = Tracer::attach(running.pid(), fault, record);
    work(running, 1);
    let started = if fault.is_lasting() {
        assert_bearable(running.pid());
        drop(tracer);
        let started = Instant::now();
        assert_recovers(running, open_before, patience);
        started
    } else {
        let started = Instant::now();
        assert_recovers(running, open_before, patience);
        drop(tracer);
        started
    };
    started.elapsed()
}

/// A panic is a finding here, in words: what is told of the others is not to be lost for it.
pub fn caught<T>(act: impl FnOnce() -> T) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(act)).map_err(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned())).unwrap_or_default()
    })
}

fn is_trouble(line: &str) -> bool {
    // What we kill ourselves is no trouble.
    (line.contains("[WARN]") || line.contains("[ERROR]")) && !line.contains("killed by SIGKILL")
}

/// A death, requests at both doors, a restart, a reload, output that rotates, logs opened anew. Answers may
/// fail to come: that is what the fault is for.
fn work(running: &Running, extras: u32) {
    let running_pids = |name: &str| {
        let answer = try_command(running, &format!("pid {name}"))?;
        answer.split_once("[\"")?.1.split_once('"')?.0.parse::<u32>().ok()
    };
    if let Some(pid) = running_pids("steady:0") {
        let _ = nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid.cast_signed()), Signal::SIGKILL);
    }
    let _ = try_get(running, "/api/status");
    let _ = try_command(running, "start lines");
    let _ = try_command(running, "restart steady:1 deaf");
    running.site.configure(&programs(extras), "");
    running.signal(Signal::SIGHUP);
    let _ = try_get(running, "/api/programs/lines/logs/0/stdout");
    running.signal(Signal::SIGUSR2);
    let _ = try_command(running, "status");
    let _ = try_get(running, "/metrics");
}

/// While a fault goes on it neither dies nor burns time.
pub fn assert_bearable(pid: u32) {
    let before = cpu_time(pid);
    let end = Instant::now() + Duration::from_secs(1);
    while Instant::now() < end {
        assert!(is_alive(pid), "it has died");
        std::thread::sleep(Duration::from_millis(20));
    }
    let spent = cpu_time(pid) - before;
    assert!(spent < TROUBLED_CPU, "it uses {spent:?} of CPU time in a second of trouble");
}

/// It lives, runs what is to run, takes commands, restarts, and comes to rest.
fn assert_recovers(running: &Running, open_before: usize, patience: Duration) {
    let until = |what: &str, condition: &mut dyn FnMut() -> bool| {
        let deadline = Instant::now() + patience;
        while !condition() {
            assert!(is_alive(running.pid()), "it has died");
            assert!(Instant::now() < deadline, "waited in vain for {what}");
            std::thread::sleep(Duration::from_millis(10));
        }
    };
    let does = |line: &str| try_command(running, line).is_some_and(|answer| answer.contains("true"));
    until("the loop to live", &mut || try_get(running, "/healthz").is_some());
    until("a reload to work", &mut || does("reload"));
    until("all to run", &mut || all_run(running, 1));
    let pid = running.pid_of("steady:0").unwrap();
    harness::kill(pid, Signal::SIGKILL);
    until("a restart", &mut || all_run(running, 1) && running.pid_of("steady:0") != Some(pid));
    until("lines to be copied", &mut || does("start lines"));
    until("no zombie", &mut || zombies(running.pid()) == 0);
    until("no more descriptors than before", &mut || descriptors(running.pid()) <= open_before);
    assert_calm(running.pid());
}

/// With nothing to do, it does nothing.
pub fn assert_calm(pid: u32) {
    let spent = |pid| {
        let before = cpu_time(pid);
        std::thread::sleep(CALM);
        cpu_time(pid) - before
    };
    // What was under way may end meanwhile, so it is asked more than once.
    assert!((0..4).any(|_| spent(pid) < CALM_CPU), "it spins");
}

/// Time on a CPU, to the nanosecond (proc(5), schedstat).
fn cpu_time(pid: u32) -> Duration {
    let text = std::fs::read_to_string(format!("/proc/{pid}/schedstat")).unwrap_or_default();
    let nanoseconds = text.split_whitespace().next().and_then(|field| field.parse().ok());
    Duration::from_nanos(nanoseconds.unwrap_or(0))
}

fn settled_descriptors(running: &Running) -> usize {
    let mut last = usize::MAX;
    wait_until("connections to be closed", || {
        let now = descriptors(running.pid());
        std::mem::replace(&mut last, now) == now
    });
    last
}

/// Children that have ended and not been reaped.
pub fn zombies(parent: u32) -> usize {
    let children =
        std::fs::read_to_string(format!("/proc/{parent}/task/{parent}/children")).unwrap_or_default();
    children.split_whitespace().filter(|pid| pid.parse().is_ok_and(|pid| !is_alive(pid))).count()
}

fn all_run(running: &Running, extras: usize) -> bool {
    let Some(answer) = try_get(running, "/api/status") else { return false };
    let Some((_, body)) = answer.split_once("\r\n\r\n") else { return false };
    let Ok(status) = serde_json::from_str::<serde_json::Value>(body) else { return false };
    let runs = |name: &str| {
        let programs = status["programs"].as_array().unwrap();
        let program = programs.iter().find(|program| program["name"] == name);
        let processes = program.and_then(|program| program["processes"].as_array());
        let lives = |row: &serde_json::Value| {
            row["state"] == "RUNNING" && row["pid"].as_u64().is_some_and(|pid| is_alive(pid as u32))
        };
        processes.map(|rows| if rows.iter().all(lives) { rows.len() } else { 0 })
    };
    runs("steady") == Some(3) && runs("deaf") == Some(1) && runs("extra") == Some(extras)
}

fn try_get(running: &Running, path: &str) -> Option<String> {
    let mut stream = TcpStream::connect(("127.0.0.1", running.site.port)).ok()?;
    stream.set_read_timeout(Some(ANSWER_WITHIN)).ok()?;
    let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).ok()?;
    read_all(&mut stream)
}

fn try_command(running: &Running, line: &str) -> Option<String> {
    let path: &Path = &running.site.path("taskmaster.sock");
    let mut stream = UnixStream::connect(path).ok()?;
    stream.set_read_timeout(Some(ANSWER_WITHIN)).ok()?;
    stream.write_all(&post(line, "close")).ok()?;
    read_all(&mut stream)
}

fn read_all(stream: &mut impl Read) -> Option<String> {
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).ok()?;
    Some(String::from_utf8_lossy(&bytes).into_owned()).filter(|text| text.starts_with("HTTP/1.1 200"))
}
