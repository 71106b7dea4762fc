//! The operations: threads that each do one kind of mischief after the other, until there was enough.

use std::collections::HashMap;
use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use nix::libc;
use nix::sys::signal::Signal;

use crate::harness::{Mark, Running, get, post};
use crate::oracles::{census, variable, zombies};
use crate::random::Random;
use crate::site::{Variation, names, numprocs, programs};

/// How long an answer may take: far longer than any stop, so that its lack is a fault.
const ANSWER_PATIENCE: Duration = Duration::from_secs(60);
/// How long a dead child may stay unreaped. The supervisor is stopped for moments only.
const ZOMBIE_PATIENCE: Duration = Duration::from_secs(10);

/// How many threads do a kind of operation, and the longest that each waits after one, in milliseconds.
#[derive(Clone, Copy)]
pub struct Pace {
    pub harm: (u64, u64),
    pub administration: (u64, u64),
    pub noise: (u64, u64),
    pub commands: (u64, u64),
}

impl Pace {
    /// As much as there can be.
    pub const STORM: Pace = Pace { harm: (1, 8), administration: (1, 60), noise: (2, 8), commands: (12, 20) };
    /// About twenty a second.
    pub const BREEZE: Pace =
        Pace { harm: (1, 500), administration: (1, 2000), noise: (1, 400), commands: (1, 180) };
}

/// The chaos, as all its threads see it.
pub struct Chaos<'a> {
    pub running: &'a Running,
    pub instances: u32,
    pub seed: u64,
    pub pace: Pace,
    /// Operations after which it ends, and when it does in any case.
    pub operations: u64,
    pub until: Instant,
    /// Operations so far.
    pub done: AtomicU64,
    /// Processes that were there a moment ago.
    pub victims: Mutex<Vec<u32>>,
}

impl Chaos<'_> {
    /// Plays until it is over. A thread that finds a fault panics, and the scope with it.
    pub fn play(&self) {
        std::thread::scope(|scope| {
            scope.spawn(|| self.look());
            let Pace { harm, administration, noise, commands } = self.pace;
            self.set_going(scope, 0, harm, Self::harm);
            self.set_going(scope, 100, administration, Self::administer);
            self.set_going(scope, 200, noise, Self::disturb);
            self.set_going(scope, 300, commands, Self::command);
        });
    }

    /// So many threads that do this again and again; `first` and the numbers after it are their own.
    fn set_going<'s>(
        &'s self,
        scope: &'s std::thread::Scope<'s, '_>,
        first: u64,
        (count, pace): (u64, u64),
        act: fn(&Self, &mut Random),
    ) {
        for number in first..first + count {
            scope.spawn(move || self.repeat(number, pace, act));
        }
    }

    pub fn is_over(&self) -> bool {
        self.done.load(Ordering::Relaxed) >= self.operations || Instant::now() >= self.until
    }

    /// `act` again and again, with up to `pace` milliseconds in between.
    fn repeat(&self, number: u64, pace: u64, act: fn(&Self, &mut Random)) {
        let mut random = Random::new(self.seed.wrapping_mul(1000) + number);
        while !self.is_over() {
            act(self, &mut random);
            self.done.fetch_add(1, Ordering::Relaxed);
            std::thread::sleep(random.duration(Duration::from_millis(pace)));
        }
    }

    /// Keeps the list of victims, and looks for those who are dead for too long.
    fn look(&self) {
        let mut dead: HashMap<u32, Instant> = HashMap::new();
        while !self.is_over() {
            let victims = census(self.running).into_values().filter_map(|(_, pid)| pid).collect();
            *self.victims.lock().unwrap() = victims;
            let zombies = zombies(self.running.pid());
            dead.retain(|pid, _| zombies.contains(pid));
            for pid in zombies {
                let since = *dead.entry(pid).or_insert_with(Instant::now);
                assert!(since.elapsed() < ZOMBIE_PATIENCE, "{pid} stays a zombie");
            }
            std::thread::sleep(Duration::from_millis(250));
        }
    }

    /// A signal that no supervisor sent.
    fn harm(&self, random: &mut Random) {
        let victim = {
            let victims = self.victims.lock().unwrap();
            if victims.is_empty() {
                return;
            }
            victims[random.below(victims.len())]
        };
        let signals = [
            Signal::SIGKILL,
            Signal::SIGKILL,
            Signal::SIGSEGV,
            Signal::SIGSTOP,
            Signal::SIGCONT,
            Signal::SIGTERM,
        ];
        signal_marked(victim, random.pick(&signals), &self.running.site.mark);
    }

    fn draw_target(&self, random: &mut Random) -> String {
        let name = random.pick(&names());
        match random.below(200) {
            0 => name.to_owned(),
            1 => "@FATAL".to_owned(),
            2 => "@BACKOFF".to_owned(),
            3 => "guest".to_owned(),
            _ => format!("{name}:{}", random.below(numprocs(name, self.instances) as usize)),
        }
    }

    fn command(&self, random: &mut Random) {
        let target = self.draw_target(random);
        let line = match random.below(20) {
            0..6 => format!("start {target}"),
            6..9 => format!("stop {target}"),
            9..15 => format!("restart {target}"),
            15 => format!("signal {} {target}", random.pick(&["KILL", "STOP", "CONT", "SEGV", "HUP"])),
            16 => {
                let name = random.pick(&names());
                let all = numprocs(name, self.instances) as usize;
                format!("scale {name} {}", all - random.below(all / 4 + 1))
            }
            17 => format!("tail -n 3 {target}"),
            18 => format!("why {target}"),
            _ => random.pick(&["status", "pid", "plan", "reopen"]).to_owned(),
        };
        ask(self.running, &line);
    }

    fn administer(&self, random: &mut Random) {
        let site = &self.running.site;
        match random.below(10) {
            0..3 => {
                let variation = Variation {
                    has_guest: random.percent(50),
                    is_changed: random.percent(10),
                    missing: random.pick(&[0, 0, 0, 20]),
                    rotates_early: random.percent(50),
                };
                site.configure(&programs(self.instances, variation), "");
                self.running.signal(Signal::SIGHUP);
            }
            3 => {
                site.configure("  own: {cmd: [", "");
                self.running.signal(Signal::SIGHUP);
            }
            4..7 => {
                let name = random.pick(&["split", "second", "mortal", "plain.stdout", "own-0"]);
                let number = self.done.load(Ordering::Relaxed);
                let away = site.path(&format!("logs/{name}.moved-{number}"));
                // It may be in the middle of a rotation.
                let _ = fs::rename(site.path(&format!("logs/{name}")), away);
                self.running.signal(Signal::SIGUSR2);
            }
            _ => {
                // Meanwhile signals merge, pipes fill, and clients wait.
                self.running.signal(Signal::SIGSTOP);
                std::thread::sleep(random.duration(Duration::from_millis(50)));
                self.running.signal(Signal::SIGCONT);
            }
        }
    }

    /// All that may come over TCP. What is answered is of no interest here.
    fn disturb(&self, random: &mut Random) {
        let port = self.running.site.port;
        let words: [&[u8]; 6] = [
            b"GET /api/events HTTP/1.1\r\nHost: localhost\r\n\r\n",
            b"GET / HTTP/1.1\r\nHost: elsewhere\r\n\r\n",
            b"POST /api/commands HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\n{}",
            b"GET /api/programs/own/logs/0/stdout?follow=1 HTTP/1.1\r\nHost: localhost\r\n\r\n",
            b"GET /api/status HTTP/1.1\r\nHost: loc",
            b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        ];
        let paths =
            ["/", "/api/status", "/metrics", "/healthz", "/api/programs/own/logs/1/stdout", "/nowhere"];
        match random.below(3) {
            0 => drop(get(port, random.pick(&paths))),
            1 => {
                let Ok(mut stream) = TcpStream::connect(("127.0.0.1", port)) else { return };
                let _ = stream.write_all(random.pick(&words));
                let _ = stream.set_read_timeout(Some(random.duration(Duration::from_millis(20))));
                let _ = stream.read(&mut [0; 512]);
            }
            _ => {
                let crowd: Vec<_> = (0..random.below(12))
                    .filter_map(|_| TcpStream::connect(("127.0.0.1", port)).ok())
                    .collect();
                std::thread::sleep(random.duration(Duration::from_millis(20)));
                drop(crowd);
            }
        }
    }
}

/// Gives a command over the control socket. Whatever it is, it is answered.
pub fn ask(running: &Running, line: &str) -> String {
    let begin = Instant::now();
    let mut stream = UnixStream::connect(running.site.path("taskmaster.sock")).unwrap();
    stream.set_read_timeout(Some(ANSWER_PATIENCE)).unwrap();
    stream.write_all(&post(line, "close")).unwrap();
    let mut answer = String::new();
    if let Err(error) = stream.read_to_string(&mut answer) {
        panic!("no answer to `{line}` within {:.1} s: {error}", begin.elapsed().as_secs_f64());
    }
    assert!(answer.starts_with("HTTP/1.1 200 "), "{line}: {answer}");
    answer
}

/// Sends a signal to `pid` if it carries the mark: a descriptor of the process holds it fast, so that the
/// number cannot come to mean another one in between.
pub fn signal_marked(pid: u32, signal: Signal, mark: &Mark) {
    // SAFETY: this call takes numbers and gives a descriptor or -1.
    let process = unsafe { libc::syscall(libc::SYS_pidfd_open, pid, 0) };
    if process < 0 {
        return;
    }
    if variable(pid, Mark::NAME).as_deref() == Some(mark.value()) {
        // SAFETY: the descriptor is open; without further information the third argument is null.
        unsafe { libc::syscall(libc::SYS_pidfd_send_signal, process, signal as libc::c_int, 0, 0) };
    }
    // SAFETY: it is ours, and closed once.
    unsafe { libc::close(process as libc::c_int) };
}
