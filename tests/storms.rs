//! Restart storms, seen from outside.

mod harness;

use harness::{Console, Running, Site, Terminal, field, kill, marked, wait_for, wait_until};
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
    wait_until("it to be stopped", || field(running.pid(), "State").is_some_and(|it| it.starts_with('T')));
    pids.iter().for_each(|pid| kill(*pid, Signal::SIGKILL));
    wait_until("all to be dead", || others().count() == 0);
    running.signal(Signal::SIGCONT);
}

#[test]
fn four_hundred_that_die_together_are_paced_and_one_incident_in_the_log() {
    let supervisor = site(MANY, "{rate: 100, burst: 50}").supervise();
    wait_until("all to run", || running(&supervisor) == 400);
    all_die(&supervisor, 400);
    let line = wait_for("its end", || {
        let log = supervisor.log();
        log.lines().find(|line| line.contains("restart storm is over: ")).map(str::to_owned)
    });
    wait_until("all to run again", || running(&supervisor) == 400);
    let log = supervisor.log();
    let count = |text: &str| log.lines().filter(|line| line.contains(text)).count();
    assert_eq!(count("storm"), 2, "{log}");
    assert_eq!(count("(w: "), 2, "{log}");
    assert_eq!(count("further ones are paced to 100 a second (restart_storm)"), 1);
    // 400 restarts in 3.5 s (w: 400), 350 of them paced; they need not be seen at one moment.
    let (_, figures) = line.split_once("is over: ").unwrap();
    let words: Vec<&str> = figures.split(' ').collect();
    let (all, paced): (usize, usize) = (words[0].parse().unwrap(), words[7].parse().unwrap());
    assert!((300..=400).contains(&all) && (200..=all - 50).contains(&paced), "{line}");
    let seconds: f64 = words[3].parse().unwrap();
    assert!(seconds >= paced as f64 / 100.0 - 0.1, "at 100 a second: {line}");
    assert!(count("ended (killed by SIGKILL), restarting") <= 400 - paced, "those who had not to wait");
    supervisor.stop();
}

#[test]
fn who_waits_is_shown_and_does_not_when_somebody_wants_it() {
    let mut console = Console::open(site(MANY, "{rate: 1, burst: 50}"));
    wait_until("all to run", || running(&console.running) == 400);
    all_die(&console.running, 400);
    let left = |row: &Value| -> Option<f64> {
        let told = row["description"].as_str()?.strip_prefix(WAITS)?;
        told.trim_end_matches(" s").parse().ok()
    };
    // Who dies last is a matter of chance.
    let (wait, row) = wait_for("those that wait", || {
        let rows = console.running.status()["programs"][0]["processes"].as_array().unwrap().clone();
        let waiting = rows.into_iter().filter_map(|row| Some((left(&row)?, row)));
        waiting.max_by(|one, other| one.0.total_cmp(&other.0)).filter(|(wait, _)| *wait > 200.0)
    });
    let name = row["name"].as_str().unwrap();
    assert_eq!(row["state"], "STARTING");
    assert!(wait <= 351.0, "{row}");
    let why = console.ask(&format!("why {name}"));
    assert!(why[0].starts_with(&format!("{name} is STARTING: it {WAITS}")), "{why:?}");
    assert_eq!(console.ask(&format!("start {name}")), [format!("{name}: started")]);
    let lines = console.ask("start w");
    assert_eq!(lines.len(), 400);
    assert_eq!(running(&console.running), 400, "none of them has waited for the others");
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
    terminal.expect("further ones are paced to 10 a second");
    terminal.expect("restart storm is over: 20 restarts in ");
    assert!(!terminal.screen().contains("ended unexpectedly"), "{}", terminal.screen());
    assert!(!terminal.screen().contains("running again"), "{}", terminal.screen());
    supervisor.stop();
}

/// One call each at its begin and its end, to those who want to hear of storms and of nothing else.
#[test]
fn hooks_are_told_of_it_as_a_whole() {
    let programs = "  w: {cmd: sleep 1000, starttime: 0, numprocs: 20}";
    let site = Site::new(programs);
    let tell = "[sh, -c, 'echo \"<$TASKMASTER_PROGRAM_NAME$TASKMASTER_PROCESS_NUM$TASKMASTER_PROCESS_NAME>\" >> names; echo \"$TASKMASTER_EVENT:$TASKMASTER_EVENT_REASON\" >> told; echo \"$TASKMASTER_EVENT_JSON\" >> json']";
    site.configure(
        programs,
        &format!("  restart_storm: {{rate: 10, burst: 5}}\n  on_event: [{{events: [storm, storm_over], exec: {tell}}}]"),
    );
    let supervisor = site.supervise();
    wait_until("all to run", || running(&supervisor) == 20);
    all_die(&supervisor, 20);
    wait_until("its end", || supervisor.site.read("json").lines().count() == 2);
    let told = supervisor.site.read("told");
    let reason = |event: &str| {
        told.lines().find_map(|line| line.strip_prefix(event)).unwrap_or_else(|| panic!("{event} in {told}"))
    };
    let (begin, end) = (reason("storm:"), reason("storm_over:"));
    assert!(begin.starts_with("restart storm: ") && begin.contains(" restarts in "), "{begin}");
    assert!(begin.ends_with("; further ones are paced to 10 a second (restart_storm)"), "{begin}");
    assert!(end.starts_with("restart storm is over: "), "{end}");
    assert_eq!(supervisor.site.read("names"), "<>\n<>\n", "it is of no single instance");
    let json = supervisor.site.read("json");
    let mut documents = json.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let json = documents.find(|json| json["event"] == "storm").unwrap();
    for key in ["program", "process", "state", "exit"] {
        assert!(json[key].is_null(), "{json}");
    }
    assert_eq!((&json["count"], &json["processes"]), (&1.into(), &serde_json::json!([])));
    assert_eq!(json["reason"], begin);
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
