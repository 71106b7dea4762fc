//! Restart storms, seen from outside.

mod harness;

use harness::{Console, Running, Site, Terminal, kill, marked, wait_for, wait_until};
use nix::sys::signal::Signal;
use serde_json::Value;

const WAITS: &str = "waits for its turn in a restart storm, in ";
const MANY: &str = "  w: {cmd: sleep 1000, starttime: 0, numprocs: 400}";

fn site(programs: &str, pace: &str) -> Site {
    let site = Site::new(programs);
    site.configure(programs, &format!("  restart_storm: {pace}"));
    site
}

fn running(running: &Running) -> u64 {
    running.status()["counts"]["RUNNING"].as_u64().unwrap()
}

/// All of them die at once, as far as the supervisor can see.
fn all_die(running: &Running, count: usize) {
    // The supervisor carries the mark, too.
    let others = || marked(&running.site.mark).into_iter().filter(|pid| *pid != running.pid());
    let pids: Vec<u32> = others().collect();
    assert_eq!(pids.len(), count);
    running.signal(Signal::SIGSTOP);
    pids.iter().for_each(|pid| kill(*pid, Signal::SIGKILL));
    wait_until("all to be dead", || others().count() == 0);
    running.signal(Signal::SIGCONT);
}

#[test]
fn four_hundred_that_die_together_are_paced_shown_and_one_incident_in_the_log() {
    let mut console = Console::open(site(MANY, "{rate: 40, burst: 50}"));
    wait_until("all to run", || running(&console.running) == 400);
    all_die(&console.running, 400);
    let left = |row: &Value| -> Option<f64> {
        let told = row["description"].as_str()?.strip_prefix(WAITS)?;
        told.trim_end_matches(" s").parse().ok()
    };
    // Who dies last is a matter of chance.
    let last = wait_for("those that wait", || {
        let rows = console.running.status()["programs"][0]["processes"].as_array().unwrap().clone();
        let waiting = rows.into_iter().filter_map(|row| Some((left(&row)?, row)));
        waiting.max_by(|one, other| one.0.total_cmp(&other.0))
    });
    let name = last.1["name"].as_str().unwrap();
    assert_eq!(last.1["state"], "STARTING");
    assert!((5.0..=9.0).contains(&last.0), "{last:?}");
    let why = console.ask(&format!("why {name}"));
    assert!(why[0].starts_with(&format!("{name} is STARTING: it {WAITS}")), "{why:?}");
    // What somebody wants does not wait for that.
    assert_eq!(console.ask(&format!("start {name}")), [format!("{name}: started")]);
    wait_until("all to run again", || running(&console.running) == 400);
    let line = wait_for("its end", || {
        let log = console.running.log();
        log.lines().find(|line| line.contains("restart storm is over: ")).map(str::to_owned)
    });
    let log = console.running.log();
    let count = |text: &str| log.lines().filter(|line| line.contains(text)).count();
    assert_eq!(
        (count("restart storm: 50 restarts in 0.0 s (w: 50)"), count("storm is over")),
        (1, 1),
        "{line}"
    );
    assert_eq!(count("ended (killed by SIGKILL), restarting"), 50, "those who had not to wait");
    let (_, figures) = line.split_once("is over: ").unwrap();
    let words: Vec<&str> = figures.split(' ').collect();
    assert_eq!((words[0], &words[4..]), ("399", &["s", "(w:", "399),", "349", "of", "them", "paced"][..]));
    let seconds: f64 = words[3].parse().unwrap();
    assert!(seconds >= 8.7, "349 of them at 40 a second: {line}");
    console.running.stop();
}

#[test]
fn a_console_is_told_of_it_in_two_lines() {
    let mut terminal = Terminal::open();
    let programs = "  w: {cmd: sleep 1000, starttime: 0, numprocs: 20}";
    let site = site(programs, "{rate: 10, burst: 5}");
    let mut command = site.command();
    terminal.attach(&mut command);
    let supervisor = site.start(&mut command);
    wait_until("all to run", || running(&supervisor) == 20);
    all_die(&supervisor, 20);
    terminal.expect("restart storm: 5 restarts in 0.0 s (w: 5); further ones are paced to 10 a second");
    terminal.expect("restart storm is over: 20 restarts in ");
    assert!(!terminal.screen().contains("ended unexpectedly"), "{}", terminal.screen());
    assert!(!terminal.screen().contains("running again"), "{}", terminal.screen());
    supervisor.stop();
}

#[test]
fn without_a_pace_all_come_again_at_once() {
    let supervisor = site(MANY, "off").supervise();
    wait_until("all to run", || running(&supervisor) == 400);
    all_die(&supervisor, 400);
    wait_until("all to run again", || supervisor.log().matches("spawned, pid").count() == 800);
    assert!(!supervisor.log().contains("storm"));
    supervisor.stop();
}
