//! Chaos against the real binary: children are killed, stopped and continued, commands, reloads and
//! rotations come from all sides, the supervisor itself is stopped for moments, and HTTP brings noise.
//! Then it is quiet, and nothing may be wrong: everybody is what was wished last, no zombie, no stray, no
//! descriptor and no line of output too many or too few, and no wakeup without a reason.
//!
//! `cargo test --test chaos` plays a slice. `CHAOS_INSTANCES`, `CHAOS_SECONDS`, `CHAOS_OPERATIONS` (the
//! first of the two that is reached ends it), `CHAOS_SEED` and `CHAOS_CONVERGES` (seconds that the last
//! wish may take) make more of it; `scripts/chaos` knows the numbers that the README of the tests reports.

mod books;
mod controls;
#[path = "../harness/mod.rs"]
mod harness;
mod operations;
mod oracles;
#[allow(dead_code, reason = "the simulation uses the rest")]
#[path = "../simulation/random.rs"]
mod random;
mod site;
mod soak;

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use harness::{PATIENCE, Running, descriptors, marked, wait_for, wait_until};
use nix::sys::signal::Signal;
use operations::{Chaos, Pace, ask};
use oracles::{census, converge, strays, wakeups, zombies};
use random::Random;

/// A slice that fits into a run of all tests.
const INSTANCES: u64 = 60;
const SECONDS: u64 = 6;
/// Names in one command: a line has a limit.
const NAMES_MAX: usize = 60;

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok()?.parse().ok()
}

#[test]
fn after_any_chaos_everything_is_as_it_should_be() {
    let instances = number("CHAOS_INSTANCES").unwrap_or(INSTANCES) as u32;
    let operations = number("CHAOS_OPERATIONS");
    let seconds = number("CHAOS_SECONDS").unwrap_or(if operations.is_some() { 3600 } else { SECONDS });
    let seed = number("CHAOS_SEED").unwrap_or_else(|| u64::from(std::process::id()));
    println!("CHAOS_SEED={seed}, {} instances", site::count(instances));
    let running = site::prepare(instances).supervise();
    let descriptors_before = quiet(&running, instances);
    let begin = Instant::now();
    let chaos = Chaos {
        running: &running,
        instances,
        seed,
        pace: Pace::STORM,
        operations: operations.unwrap_or(u64::MAX),
        until: begin + Duration::from_secs(seconds),
        done: AtomicU64::new(0),
        victims: Mutex::new(Vec::new()),
    };
    chaos.play();
    let done = chaos.done.load(Ordering::Relaxed);
    println!("{done} operations in {:.1} s", begin.elapsed().as_secs_f64());

    running.site.write("calm", "");
    running.site.configure(&site::programs(instances, site::Variation::default()), "");
    assert!(ask(&running, "reload").contains("\"ok\":true"));
    let took = fulfil_a_last_wish(&running, instances, seed);
    println!("as wished after {:.2} s", took.as_secs_f64());
    let patience = number("CHAOS_CONVERGES").map_or(PATIENCE, Duration::from_secs);
    assert!(took <= patience, "it took {took:?} to be as wished");

    let descriptors_after = quiet(&running, instances);
    println!("descriptors: {descriptors_before} before, {descriptors_after} after");
    assert_eq!(descriptors_after, descriptors_before, "descriptors have leaked");
    let leaders: Vec<u32> = census(&running).into_values().filter_map(|(_, pid)| pid).collect();
    assert_eq!(strays(&running.site.mark, running.pid(), &leaders), [0; 0], "strays");
    assert_eq!(zombies(running.pid()), [0; 0], "zombies");
    close_the_books(running);
}

/// Everybody runs, and nobody writes: how many descriptors the supervisor has then. It comes to rest.
fn quiet(running: &Running, instances: u32) -> usize {
    ask(running, "start all");
    let all = every_name(instances).into_iter().map(|name| (name, "RUNNING")).collect();
    converge(running, &all, PATIENCE).unwrap();
    // Whom a SIGSTOP has met is still to see that he is to be silent.
    ask(running, "signal CONT all");
    running.site.write("silent", "");
    wait_until("it to fall silent", || wakeups(running.pid(), Duration::from_millis(700)) == 0);
    let count = descriptors(running.pid());
    std::fs::remove_file(running.site.path("silent")).unwrap();
    count
}

fn every_name(instances: u32) -> Vec<String> {
    let of = |name: &'static str| {
        (0..site::numprocs(name, instances)).map(move |number| format!("{name}:{number}"))
    };
    site::names().into_iter().flat_map(of).collect()
}

/// Wishes at random some up and the others down, all at once; how long it takes until all are.
fn fulfil_a_last_wish(running: &Running, instances: u32, seed: u64) -> Duration {
    let mut random = Random::new(seed);
    let mut wish = BTreeMap::new();
    let (mut up, mut down) = (Vec::new(), Vec::new());
    for name in every_name(instances) {
        let is_up = random.percent(50);
        wish.insert(name.clone(), if is_up { "RUNNING" } else { "STOPPED" });
        if is_up { up.push(name) } else { down.push(name) }
    }
    let lines = up.chunks(NAMES_MAX).map(|names| format!("start {}", names.join(" ")));
    let lines: Vec<String> =
        lines.chain(down.chunks(NAMES_MAX).map(|names| format!("stop {}", names.join(" ")))).collect();
    std::thread::scope(|scope| {
        for line in &lines {
            scope.spawn(move || ask(running, line));
        }
        // A stop leaves alone what is down already, whether EXITED or FATAL.
        let is_down = |state: &str| ["STOPPED", "EXITED", "FATAL"].contains(&state);
        let begin = Instant::now();
        wait_for("the last wish", || {
            let census = census(running);
            let is_right = |(name, state): (&String, &&str)| {
                let (found, _) = &census[name];
                if *state == "STOPPED" { is_down(found) } else { found == state }
            };
            wish.iter().all(is_right).then(|| begin.elapsed())
        })
    })
}

/// The end: nothing is left, and the logs hold what was written.
fn close_the_books(mut running: Running) {
    running.signal(Signal::SIGTERM);
    assert!(running.wait().success(), "a clean end");
    assert_eq!(marked(&running.site.mark), [0; 0], "processes are left");
    let written = books::read_books(&running.site.path("books"));
    let files = books::log_files(&running.site.path("logs"));
    let texts: Vec<(String, String)> = files
        .iter()
        .map(|file| (file.display().to_string(), std::fs::read_to_string(file).unwrap()))
        .collect();
    let account = books::audit(&written, texts.iter().map(|(name, text)| (name.as_str(), text.as_str())));
    println!("{} files of logs: {account:?}", files.len());
    if let Err(fault) = account {
        panic!("{fault}");
    }
}
