//! Programs that start at times of the wall clock.

mod harness;

use harness::{Console, Running, Site, wait_for, wait_until};
use nix::sys::signal::Signal;

/// A time that no test lives to see, and what is shown of it.
const FAR: &str = "0 0 1 1 *";

fn supervise(site: Site) -> Running {
    let mut command = site.command();
    command.env("TZ", "UTC-2");
    site.start(&mut command)
}

fn description(running: &Running, name: &str) -> String {
    running.process(name)["description"].as_str().unwrap().to_owned()
}

fn times_due(running: &Running, program: &str) -> usize {
    running.log().matches(&format!("{program}: it is due by its schedule")).count()
}

#[test]
fn it_starts_at_its_times_and_each_run_is_one() {
    let running = supervise(Site::new(
        "  w: {cmd: 'sh -c \"echo $$ >> runs\"', schedule: '* * * * * *'}\n  other: {cmd: sleep 1000, starttime: 0}",
    ));
    wait_until("several runs", || running.site.read("runs").lines().count() >= 3);
    wait_until("it to rest", || running.state("w:0") == "EXITED");
    // As the file is read before the log, no run is there that was not due.
    let runs = running.site.read("runs").lines().count();
    assert!(runs <= times_due(&running, "w"));
    assert_eq!(running.process("w:0")["restarts"], 0);
    running.stop();
}

#[test]
fn until_its_time_it_rests_and_says_when_that_is() {
    let site = Site::new(&format!(
        "  w: {{cmd: sh -c 'touch ran', schedule: '{FAR}'}}\n  both: {{cmd: sh -c 'touch both', schedule: '{FAR}', autostart: true}}"
    ));
    let mut console = Console::open(site);
    wait_until("the one that starts at once", || harness::exists(&console.running.site.path("both")));
    console.running.wait_for_state("both:0", "EXITED");
    let shown = description(&console.running, "w:0");
    assert!(shown.starts_with("not started; next run 2") && shown.contains("-01-01 00:00:00 "), "{shown}");
    let why = console.ask("why w")[0].clone();
    assert!(why.starts_with("w:0 is STOPPED: its time has not come yet; next run 2"), "{why}");
    assert!(!harness::exists(&console.running.site.path("ran")));

    assert_eq!(console.ask("start w"), ["w:0: started, and done (exit code 0)"]);
    wait_until("its run", || harness::exists(&console.running.site.path("ran")));
    console.running.wait_for_state("w:0", "EXITED");
    let shown = description(&console.running, "w:0");
    assert!(shown.starts_with("exit code 0; next run 2"), "{shown}");
    let why = console.ask("why w")[0].clone();
    assert!(why.contains("it ended as expected") && why.contains("; next run 2"), "{why}");

    console.ask("stop w");
    assert_eq!(
        description(&console.running, "w:0"),
        "exit code 0; its schedule waits until it is told to start"
    );
}

#[test]
fn what_was_told_to_stop_is_not_started() {
    let mut console = Console::open(Site::new(
        "  w: {cmd: sh -c 'echo x >> w', schedule: '* * * * * *'}\n  v: {cmd: sh -c 'echo x >> v', schedule: '* * * * * *'}",
    ));
    console.ask("stop w");
    let runs = |console: &Console, name: &str| console.running.site.read(name).lines().count();
    let (before, others) = (runs(&console, "w"), runs(&console, "v"));
    wait_until("more runs of the other", || runs(&console, "v") > others + 2);
    assert_eq!(runs(&console, "w"), before);
    console.ask("start w");
    wait_until("its schedule to go on", || runs(&console, "w") > before + 1);
}

#[test]
fn no_run_overlaps_another_and_those_that_are_skipped_are_told() {
    let mut console =
        Console::open(Site::new("  w: {cmd: sleep 1000, starttime: 0, schedule: '* * * * * *'}"));
    let pid = wait_for("a run", || console.running.pid_of("w:0"));
    wait_until("times that are skipped", || {
        console.ask("why w").iter().any(|line| line.contains(" scheduled runs were skipped, as the one"))
    });
    assert_eq!(console.running.pid_of("w:0"), Some(pid));
    assert_eq!(console.running.log().matches("w:0: a scheduled run is skipped, as it is RUNNING").count(), 1);
    harness::kill(pid, Signal::SIGTERM);
    wait_until("the next run", || console.running.pid_of("w:0").is_some_and(|next| next != pid));
}

#[test]
fn if_so_wanted_as_many_runs_overlap_as_there_are_instances() {
    let running = supervise(Site::new(
        "  w: {cmd: sleep 1000, numprocs: 2, starttime: 0, schedule: {cron: '* * * * * *', overlap: true}}",
    ));
    wait_until("both", || running.status()["counts"]["RUNNING"] == 2);
    let is_told = || running.log().contains("a scheduled run is skipped, as it is RUNNING");
    wait_until("that there is no third", is_told);
    let log = running.log();
    let at = |text: &str| log.find(text).unwrap_or_else(|| panic!("{text} is not in {log}"));
    let due: Vec<usize> = log.match_indices("w: it is due").map(|(at, _)| at).collect();
    assert!(due[0] < at("w:0: spawned") && due[1] < at("w:1: spawned"), "{log}");
    running.stop();
}

#[test]
fn after_a_standstill_there_is_one_run_for_all_that_were_missed() {
    let running = supervise(Site::new("  w: {cmd: sh -c 'echo x >> runs', schedule: '* * * * * *'}"));
    wait_until("a run", || times_due(&running, "w") > 0);
    running.signal(Signal::SIGSTOP);
    let before = times_due(&running, "w");
    std::thread::sleep(std::time::Duration::from_secs(4));
    running.signal(Signal::SIGCONT);
    wait_until("the next run", || times_due(&running, "w") > before);
    let log = running.log();
    let told = log.lines().find(|line| line.contains("passed over")).unwrap_or_else(|| panic!("{log}"));
    assert!(told.contains("the clock was set, or nothing ran; it starts once"), "{told}");
    let missed: usize = told.split("w: ").nth(1).unwrap().split(' ').next().unwrap().parse().unwrap();
    assert!(missed >= 2, "{told}");
    running.stop();
}

#[test]
fn a_reload_sets_other_times() {
    let running = supervise(Site::new(&format!("  w: {{cmd: sh -c 'touch ran', schedule: '{FAR}'}}")));
    let before = description(&running, "w:0");
    running.site.configure("  w: {cmd: sh -c 'touch ran', schedule: '0 12 31 12 *'}", "");
    running.signal(Signal::SIGHUP);
    wait_until("the other time", || description(&running, "w:0").contains("-12-31 12:00:00 +02:00"));
    assert!(before.contains("-01-01 00:00:00 +02:00"), "{before}");
    assert!(!harness::exists(&running.site.path("ran")));
    running.site.configure("  w: {cmd: sh -c 'touch ran', schedule: '* * * * * *'}", "");
    running.signal(Signal::SIGHUP);
    wait_until("its run", || harness::exists(&running.site.path("ran")));
    running.site.configure("  w: {cmd: sh -c 'touch ran', type: oneshot, autostart: false}", "");
    running.signal(Signal::SIGHUP);
    wait_until("it to have no schedule", || description(&running, "w:0") == "exit code 0");
    running.stop();
}
