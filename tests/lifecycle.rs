//! States and restarts, as interface.md promises them, seen from outside.

mod harness;

use harness::{Console, Site, field, is_alive, kill, wait_until, wait_while};
use nix::sys::signal::Signal;
use std::time::Duration;

#[test]
fn numprocs_instances_are_started_and_reach_running_after_starttime() {
    let running =
        Site::new("  w: {cmd: sleep 1000, numprocs: 3, starttime: 0.3}\n  z: {cmd: x, numprocs: 0}")
            .supervise();
    for name in ["w:0", "w:1", "w:2"] {
        let row = running.wait_for_state(name, "RUNNING");
        assert!(row["uptime"].as_f64().unwrap() >= 0.3, "{row}");
        assert!(is_alive(row["pid"].as_u64().unwrap() as u32));
    }
    let status = running.status();
    assert_eq!(status["counts"]["RUNNING"], 3);
    assert_eq!(status["programs"][1]["numprocs"], 0);
    running.stop();
}

#[test]
fn a_program_without_autostart_waits_for_its_start() {
    let mut console = Console::open(Site::new("  w: {cmd: sleep 1000, autostart: false, starttime: 0.1}"));
    assert_eq!(console.running.state("w:0"), "STOPPED");
    assert_eq!(console.ask("start w"), ["w:0: started"]);
    assert_eq!(console.running.state("w:0"), "RUNNING");
}

/// autorestart x how it ended x exitcodes: whether it is started again.
#[test]
fn the_restart_policy_decides_after_an_exit_while_running() {
    let cases = [
        ("always", "exit 0", true),
        ("always", "exit 7", true),
        ("always", "kill -9 $$", true),
        ("unexpected", "exit 0", false),
        ("unexpected", "exit 3", false),
        ("unexpected", "exit 7", true),
        ("unexpected", "kill -SEGV $$", true),
        ("never", "exit 0", false),
        ("never", "exit 7", false),
        ("never", "kill -9 $$", false),
        ("true", "exit 0", true),
        ("false", "kill -9 $$", false),
    ];
    let programs: Vec<String> = cases
        .iter()
        .enumerate()
        .map(|(number, (policy, end, _))| {
            // Each first life ends when the test says so; later ones go on.
            let script = format!("if [ -e again.{number} ]; then exec sleep 1000; fi; while ! [ -e go ]; do sleep 0.02; done; touch again.{number}; {end}");
            format!("  p{number}: {{cmd: [sh, -c, '{script}'], autorestart: {policy}, exitcodes: [0, 3], starttime: 0}}")
        })
        .collect();
    let running = Site::new(&programs.join("\n")).supervise();
    wait_until("all to run", || running.status()["counts"]["RUNNING"] == cases.len());
    running.site.write("go", "");
    for (number, (policy, end, restarts)) in cases.iter().enumerate() {
        let name = format!("p{number}:0");
        wait_until(&format!("{policy} after {end}"), || {
            let row = running.process(&name);
            let restarted = row["state"] == "RUNNING" && row["restarts"] == 1;
            if *restarts { restarted } else { row["state"] == "EXITED" }
        });
    }
    let killed = running.process("p2:0");
    assert_eq!(killed["exit"]["signal"], "KILL", "{killed}");
    assert_eq!(running.process("p8:0")["exit"]["code"], 7);
    running.stop();
}

#[test]
fn an_exit_before_starttime_is_a_failed_start_with_startretries_retries() {
    let site = Site::new(
        "  w: {cmd: \"sh -c 'echo x >> spawns; exit 0'\", startretries: 2, starttime: 5, restart_delay: 0.05}",
    );
    let running = site.supervise();
    let row = running.wait_for_state("w:0", "FATAL");
    assert_eq!(running.site.read("spawns").lines().count(), 3, "one start and two retries");
    let description = row["description"].as_str().unwrap();
    assert!(description.contains("exited too quickly") && description.contains("exit code 0"), "{row}");
    assert_eq!(row["pid"], serde_json::Value::Null);
    running.stop();
}

#[test]
fn backoff_says_when_it_tries_again_and_start_tries_at_once() {
    let site = Site::new(
        "  w: {cmd: \"sh -c 'test -e good && exec sleep 1000'\", restart_delay: 600, starttime: 0.1}",
    );
    let mut console = Console::open(site);
    let row = console.running.wait_for_state("w:0", "BACKOFF");
    assert!(row["description"].as_str().unwrap().contains("retry 1 of 3 in"), "{row}");
    console.running.site.write("good", "");
    assert_eq!(console.ask("start w:0"), ["w:0: started"]);
}

#[test]
fn stop_cancels_a_retry_and_a_stopped_instance_stays_so() {
    let mut console =
        Console::open(Site::new("  w: {cmd: \"false\", restart_delay: 0.2, startretries: 1000000}"));
    console.running.wait_for_state("w:0", "BACKOFF");
    assert_eq!(console.ask("stop w"), ["w:0: stopped"]);
    wait_while("it came back", Duration::from_millis(500), || console.running.state("w:0") == "STOPPED");
}

#[test]
fn restart_gives_a_new_process_and_start_resets_what_failed() {
    let mut console = Console::open(Site::new(
        "  w: {cmd: sleep 1000, starttime: 0}\n  bad: {cmd: /nowhere/x, startretries: 0}",
    ));
    let running = &console.running;
    running.wait_for_state("bad:0", "FATAL");
    let before = running.pid_of("w:0").unwrap();
    assert_eq!(console.ask("restart w"), ["w:0: started"]);
    let after = console.running.pid_of("w:0").unwrap();
    assert_ne!(before, after);
    assert!(!is_alive(before));
    assert_eq!(console.ask("start bad"), ["ERROR bad:0: there is no program /nowhere/x"]);
    assert_eq!(console.ask("restart bad:0"), ["ERROR bad:0: there is no program /nowhere/x"]);
}

#[test]
fn a_killed_child_is_replaced_and_a_real_time_signal_is_told_by_name() {
    let running = Site::new(
        "  w: {cmd: sleep 1000, starttime: 0}\n  r: {cmd: sleep 1000, starttime: 0, autorestart: never}",
    )
    .supervise();
    let first = running.wait_for_state("w:0", "RUNNING")["pid"].as_u64().unwrap() as u32;
    kill(first, Signal::SIGKILL);
    wait_until("a new process", || running.pid_of("w:0").is_some_and(|pid| pid != first));
    let realtime = running.wait_for_state("r:0", "RUNNING")["pid"].as_u64().unwrap();
    assert!(
        std::process::Command::new("kill").args(["-36", &realtime.to_string()]).status().unwrap().success()
    );
    let row = running.wait_for_state("r:0", "EXITED");
    assert_eq!(row["exit"]["signal"], "RTMIN+2");
    running.stop();
}

#[test]
fn a_thousand_exits_are_all_seen() {
    let running =
        Site::new("  t: {cmd: /bin/true, numprocs: 1000, starttime: 0, stdout: none, stderr: none}")
            .supervise();
    wait_until("all to have exited", || running.status()["counts"]["EXITED"] == 1000);
    let zombies = std::fs::read_to_string(format!("/proc/{0}/task/{0}/children", running.pid())).unwrap();
    assert_eq!(zombies.trim(), "");
    running.stop();
}

#[test]
fn deaths_while_the_supervisor_was_stopped_are_not_missed() {
    let running = Site::new(
        "  w: {cmd: sleep 1000, numprocs: 100, starttime: 0, autorestart: never, stdout: none, stderr: none}",
    )
    .supervise();
    wait_until("all to run", || running.status()["counts"]["RUNNING"] == 100);
    let pids: Vec<u32> = (0..100).map(|number| running.pid_of(&format!("w:{number}")).unwrap()).collect();
    running.signal(Signal::SIGSTOP);
    wait_until("it to be stopped", || field(running.pid(), "State").unwrap().starts_with('T'));
    for pid in pids {
        kill(pid, Signal::SIGKILL);
    }
    running.signal(Signal::SIGCONT);
    wait_until("all to be seen dead", || running.status()["counts"]["EXITED"] == 100);
    running.stop();
}
