//! Too little of everything, and too much of what others send: the supervisor goes on restarting what dies
//! meanwhile, answers, and is as before as soon as it may.

mod harness;

use std::fs;
use std::io::Write;
use std::net::TcpStream;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use harness::{
    PATIENCE, Running, Site, cpu_ticks, descriptors, get, is_alive, is_root, kill, wait_until, wait_while,
};
use nix::libc;
use nix::sys::signal::Signal;

const STEADY: &str = "autorestart: always, starttime: 0, restart_delay: 0.1, startretries: 1000";

/// The processes that it has started, by what the kernel says: where it answers nobody, that is still known.
fn children(running: &Running) -> Vec<u32> {
    let pid = running.pid();
    let list = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
    list.split_whitespace().filter_map(|pid| pid.parse().ok()).filter(|pid| is_alive(*pid)).collect()
}

/// Kills one of its processes, and gives the time until another one stands in its place.
fn restarts(running: &Running, patience: Duration) -> Result<Duration, String> {
    let before = children(running);
    kill(*before.first().ok_or("nothing runs")?, Signal::SIGKILL);
    let started = Instant::now();
    while started.elapsed() < patience {
        let now = children(running);
        if now.len() == before.len() && now.iter().any(|pid| !before.contains(pid)) {
            return Ok(started.elapsed());
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    Err("it is not restarted".to_owned())
}

fn assert_restarts(what: &str, running: &Running) {
    match restarts(running, PATIENCE) {
        Ok(time) => println!("{what}: restarted after {time:.1?}"),
        Err(failure) => panic!("{what}: {failure}"),
    }
}

fn assert_calm(running: &Running) {
    let spent = || {
        let before = cpu_ticks(running.pid());
        std::thread::sleep(Duration::from_millis(300));
        cpu_ticks(running.pid()) - before
    };
    assert!((0..10).any(|_| spent() <= 1), "it does not come to rest");
}

/// Leaves `command` so many descriptors, and none that these tests have inherited.
fn limit_descriptors(command: &mut Command, count: u64) {
    let limit = libc::rlimit { rlim_cur: count, rlim_max: count };
    let change = move || {
        // SAFETY: both calls are async-signal-safe, and read what lives.
        let done = unsafe {
            libc::close_range(3, libc::c_uint::MAX, libc::CLOSE_RANGE_CLOEXEC as libc::c_int) == 0
                && libc::setrlimit(libc::RLIMIT_NOFILE, &limit) == 0
        };
        if done { Ok(()) } else { Err(std::io::Error::last_os_error()) }
    };
    // SAFETY: as said.
    unsafe { command.pre_exec(change) };
}

/// The look that all of these tests rest on sees when nothing is restarted.
#[test]
fn what_is_not_restarted_is_seen() {
    let running = Site::new("  w: {cmd: sleep 1000, starttime: 0, autorestart: never}").supervise();
    running.wait_for_state("w:0", "RUNNING");
    assert!(restarts(&running, Duration::from_millis(300)).is_err());
    running.stop();
}

#[test]
fn with_32_or_64_descriptors_and_a_crowd_at_the_door_the_dead_are_restarted() {
    for (limit, instances) in [(32, 3), (64, 12)] {
        let site = Site::new(&format!("  w: {{cmd: sleep 1000, numprocs: {instances}, {STEADY}}}"));
        let mut command = site.command();
        limit_descriptors(&mut command, limit);
        let running = site.start(&mut command);
        wait_until("all to run", || running.status()["counts"]["RUNNING"].as_u64() == Some(instances));
        let before = descriptors(running.pid());
        let crowd: Vec<_> =
            (0..80).map(|_| TcpStream::connect(("127.0.0.1", running.site.port)).unwrap()).collect();
        assert_restarts(&format!("{limit} descriptors"), &running);
        drop(crowd);
        wait_until("an answer", || get(running.site.port, "/healthz").is_ok());
        wait_until("descriptors to be closed", || descriptors(running.pid()) <= before);
        assert_calm(&running);
        running.stop();
    }
}

/// A user of this run's own, whom nothing else on the machine belongs to.
fn nobody_else() -> u32 {
    20_000 + std::process::id() % 40_000
}

#[test]
fn at_the_limit_of_processes_starts_wait_and_succeed_when_there_are_some() {
    if !is_root() {
        return eprintln!("left out: only root can be a user of whom there is nothing else");
    }
    let site = Site::new(&format!("  w: {{cmd: sleep 1000, numprocs: 4, {STEADY}}}"));
    let binary = site.path("supervisor");
    fs::copy(env!("CARGO_BIN_EXE_taskmaster"), &binary).unwrap();
    let user = nobody_else();
    std::os::unix::fs::chown(site.path(""), Some(user), Some(user)).unwrap();
    let plain = site.command();
    let mut command = Command::new(&binary);
    command.uid(user).gid(user).current_dir(site.path(""));
    command.envs(plain.get_envs().filter_map(|(name, value)| Some((name, value?))));
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    // Itself and three more.
    let limit = libc::rlimit { rlim_cur: 4, rlim_max: 4 };
    let change = move || {
        // SAFETY: reads one struct that lives.
        if unsafe { libc::setrlimit(libc::RLIMIT_NPROC, &limit) } == 0 {
            return Ok(());
        }
        Err(std::io::Error::last_os_error())
    };
    // SAFETY: setrlimit(2) is async-signal-safe.
    unsafe { command.pre_exec(change) };
    let running = site.start(&mut command);
    wait_until("as many to run as may", || running.status()["counts"]["RUNNING"] == 3);
    wait_until("the refusal", || running.log().contains("the limit of processes is reached"));
    let before = cpu_ticks(running.pid());
    wait_while("it spins", Duration::from_millis(500), || cpu_ticks(running.pid()) < before + 25);
    assert_restarts("at the limit of processes", &running);
    let status = running.status();
    let rows = status["programs"][0]["processes"].as_array().unwrap();
    let one = rows.iter().find(|row| row["state"] == "RUNNING").unwrap()["name"].as_str().unwrap();
    running.command(&format!("stop {one}"));
    let started = Instant::now();
    wait_until("the others to run", || running.status()["counts"]["RUNNING"] == 3);
    println!("room for one more: it runs after {:.1?}", started.elapsed());
    running.stop();
}

/// The wall clock of one process, moved by what a file says, as libfaketime does.
const CLOCK: &str = r#"
#define _GNU_SOURCE
#include <time.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <sys/syscall.h>
int clock_gettime(clockid_t id, struct timespec *out) {
    int result = syscall(SYS_clock_gettime, id, out);
    if (result == 0 && id == CLOCK_REALTIME) {
        FILE *file = fopen(getenv("CLOCK_FILE"), "r");
        long moved = 0;
        if (file) { if (fscanf(file, "%ld", &moved) != 1) moved = 0; fclose(file); }
        out->tv_sec += moved;
    }
    return result;
}
"#;

#[test]
fn a_wall_clock_that_jumps_moves_no_timer() {
    let site = Site::new(&format!(
        "  w: {{cmd: sleep 1000, {STEADY}}}\n  late: {{cmd: sleep 1000, starttime: 1, autostart: false}}"
    ));
    let source = site.write("clock.c", CLOCK);
    let library = site.path("clock.so");
    let compiled = Command::new("cc").args(["-shared", "-fPIC", "-o"]).arg(&library).arg(&source).status();
    if !compiled.is_ok_and(|status| status.success()) {
        return eprintln!("left out: there is no C compiler here to make another clock with");
    }
    let file = site.write("clock", "0");
    let mut command = site.command();
    command.env("LD_PRELOAD", &library).env("CLOCK_FILE", &file);
    let running = site.start(&mut command);
    running.wait_for_state("w:0", "RUNNING");
    for moved in ["-3600", "86400", "-86400", "0"] {
        running.site.write("clock", moved);
        let asked = Instant::now();
        running.command("restart late");
        assert!(asked.elapsed() >= Duration::from_millis(990), "{moved}: it ran after {:?}", asked.elapsed());
        assert_eq!(running.state("late:0"), "RUNNING");
        assert_restarts(&format!("the clock moved by {moved} s"), &running);
        let uptime = running.process("w:0")["uptime"].as_f64().unwrap();
        assert!((0.0..20.0).contains(&uptime), "{moved}: up for {uptime} s");
        assert_calm(&running);
    }
    // The clock was really another one.
    running.site.write("clock", "-864000000");
    running.command("restart w");
    wait_until("a line of long ago", || {
        running.log().lines().last().is_some_and(|line| line.starts_with("199"))
    });
    running.stop();
}

#[test]
fn a_flood_of_sigchld_holds_nobody_up() {
    let running = Site::new(&format!("  w: {{cmd: sleep 1000, {STEADY}}}")).supervise();
    running.wait_for_state("w:0", "RUNNING");
    let (pid, is_over) = (running.pid(), AtomicBool::new(false));
    std::thread::scope(|scope| {
        let flood = scope.spawn(|| {
            let mut count = 0u64;
            while !is_over.load(Ordering::Relaxed) {
                kill(pid, Signal::SIGCHLD);
                count += 1;
            }
            count
        });
        let outcome = restarts(&running, PATIENCE);
        is_over.store(true, Ordering::Relaxed);
        println!("{} SIGCHLD: restarted after {:.1?}", flood.join().unwrap(), outcome.unwrap());
    });
    assert_calm(&running);
    running.stop();
}

#[test]
fn slow_and_deaf_clients_by_the_hundred_hold_nobody_up() {
    let running = Site::new(&format!("  w: {{cmd: sleep 1000, numprocs: 2, {STEADY}}}")).supervise();
    running.wait_for_state("w:1", "RUNNING");
    let before = descriptors(running.pid());
    let connect = || TcpStream::connect(("127.0.0.1", running.site.port)).unwrap();
    let mut deaf: Vec<TcpStream> = (0..50).map(|_| connect()).collect();
    for stream in &mut deaf {
        stream.write_all(b"GET /api/events HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
    }
    let mut slow: Vec<TcpStream> = (0..300).map(|_| connect()).collect();
    for (round, byte) in b"GET /api/status HT".iter().enumerate() {
        for stream in &mut slow {
            let _ = stream.write_all(&[*byte]);
        }
        if round == 9 {
            assert_restarts("350 clients", &running);
        }
        assert_eq!(get(running.site.port, "/healthz").unwrap().status, 200);
    }
    drop((slow, deaf));
    wait_until("connections to be closed", || descriptors(running.pid()) <= before);
    assert_calm(&running);
    running.stop();
}

/// Of so many deaths the kernel tells with one signal.
#[test]
#[ignore = "500 processes; scripts/starvation runs it"]
fn five_hundred_deaths_while_it_was_stopped_are_all_noticed() {
    die_while_it_is_stopped("restart_storm: off");
}

/// 200 come back at once, the other 300 at 50 a second.
#[test]
#[ignore = "500 processes; scripts/starvation runs it"]
fn five_hundred_deaths_while_it_was_stopped_are_paced() {
    die_while_it_is_stopped("restart_storm: {rate: 50, burst: 200}");
}

fn die_while_it_is_stopped(section: &str) {
    let site = Site::new("");
    let programs = format!("  w: {{cmd: sleep 1000, numprocs: 500, {STEADY}}}");
    site.configure(&programs, &format!("  {section}"));
    let running = site.supervise();
    let pids = |running: &Running| -> Vec<u32> {
        let status = running.status();
        let rows = status["programs"][0]["processes"].as_array().unwrap();
        rows.iter().filter_map(|row| row["pid"].as_u64().map(|pid| pid as u32)).collect()
    };
    wait_until("all to run", || running.status()["counts"]["RUNNING"] == 500);
    let before = pids(&running);
    running.signal(Signal::SIGSTOP);
    before.iter().for_each(|pid| kill(*pid, Signal::SIGKILL));
    running.signal(Signal::SIGCONT);
    let started = Instant::now();
    wait_until("all to run anew", || {
        let now = pids(&running);
        now.len() == 500
            && !now.iter().any(|pid| before.contains(pid))
            && now.iter().all(|pid| is_alive(*pid))
    });
    println!("500 deaths while it was stopped ({section}): all run again after {:.1?}", started.elapsed());
    assert_calm(&running);
    running.stop();
}
