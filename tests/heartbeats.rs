//! `liveness: {log: ...}`: who prints on lives, and who has stopped printing is restarted.

mod harness;

use harness::{Console, Running, Site, kill, wait_for, wait_until};
use nix::sys::signal::Signal;

/// Says `beat` on the stream that it is told, while the file `beats` is there.
const BEATING: &str =
    "while :; do if [ -e beats ]; then echo beat >&$1; else echo noise >&$1; fi; sleep 0.05; done";

/// Programs that beat, each a name, its stream and more keys. The interval is short enough to be waited for
/// and long enough for a machine with much else to do.
fn beating(programs: &[(&str, u8, &str)], liveness: &str) -> Site {
    let site = Site::new("");
    site.write("beat.sh", BEATING);
    site.write("beats", "");
    let program = |(name, stream, more): &(&str, u8, &str)| {
        format!(
            "  {name}: {{cmd: sh beat.sh {stream}, starttime: 0, liveness: {{log: ^beat$, {liveness}}}{more}}}\n"
        )
    };
    site.configure(&programs.iter().map(program).collect::<String>(), "");
    site
}

fn pid(running: &Running, name: &str) -> u32 {
    wait_for("a process", || running.pid_of(name))
}

fn wait_for_another(running: &Running, name: &str, first: u32) {
    wait_until(name, || running.pid_of(name).is_some_and(|pid| pid != first));
}

#[test]
fn who_stops_printing_is_restarted_and_the_cause_is_named() {
    let mut console = Console::open(beating(&[("w", 1, "")], "interval: 2, retries: 2"));
    let first = pid(&console.running, "w:0");
    std::fs::remove_file(console.running.site.path("beats")).unwrap();
    wait_for_another(&console.running, "w:0", first);
    console.running.site.write("beats", "");
    let cause = "its liveness check failed 2 times in a row: no line matched ^beat$ within 2 s";
    let why = console.ask("why w");
    assert!(why[0].contains(&format!("because {cause}")), "{why:#?}");
    assert!(why[1].contains(&format!(" while STOPPING, as {cause}")), "{why:#?}");
    assert!(console.running.log().contains(&format!("w:0: ended, as {cause}")));
    console.running.stop();
}

#[test]
fn who_hangs_is_restarted_wherever_its_output_goes() {
    let programs = [
        ("nowhere", 1, ", stdout: none, stderr: none"),
        ("merged", 2, ", stdout: none, stderr: stdout"),
        ("dressed", 2, ", log_format: json"),
        ("aloud", 1, ", stdout: inherit"),
    ];
    let running = beating(&programs, "interval: 2, retries: 2").supervise();
    let names = programs.map(|(name, ..)| format!("{name}:0"));
    let first: Vec<u32> = names.iter().map(|name| pid(&running, name)).collect();
    for pid in &first {
        kill(*pid, Signal::SIGSTOP);
    }
    for (name, first) in names.iter().zip(first) {
        wait_for_another(&running, name, first);
        let cause = format!("{name}: ended, as its liveness check failed 2 times in a row: no line matched");
        assert!(running.log().contains(&cause), "{name} in {}", running.log());
    }
    running.stop();
}

/// We may be stopped for longer than an interval: what it wrote meanwhile is in its pipe.
#[test]
fn who_prints_on_lives_even_if_nobody_has_listened_for_a_while() {
    let running = beating(&[("w", 1, ", readiness: {log: beat}")], "interval: 6, retries: 1").supervise();
    let first = pid(&running, "w:0");
    wait_until("it to be ready", || running.process("w:0")["description"] == "");
    kill(running.pid(), Signal::SIGSTOP);
    let lines = || running.site.read("logs/w.stdout").lines().count();
    let before = lines();
    // Longer than an interval, so that one is over when we are back.
    std::thread::sleep(std::time::Duration::from_millis(6500));
    kill(running.pid(), Signal::SIGCONT);
    wait_until("its lines", || lines() > before + 20);
    assert!(!running.log().contains("liveness"), "{}", running.log());
    assert_eq!((running.pid_of("w:0"), &running.process("w:0")["restarts"]), (Some(first), &0.into()));
    running.stop();
}

/// Neither is a line looked at twice, nor is there a wakeup between the intervals.
#[test]
fn who_has_been_heard_costs_nothing_until_the_next_interval() {
    let site = Site::new(
        "  w:\n    cmd: [sh, -c, 'echo beat; exec sleep 1000']\n    starttime: 0\n    liveness: {log: beat, interval: 600}",
    );
    let running = site.supervise();
    running.wait_for_state("w:0", "RUNNING");
    wait_until("it to fall silent", || {
        let before = harness::context_switches(running.pid());
        std::thread::sleep(std::time::Duration::from_millis(1000));
        harness::context_switches(running.pid()) == before
    });
    running.stop();
}

/// However much it prints, it is asked at the end of its interval, and nobody else waits for that.
#[test]
fn a_flood_that_never_says_it_is_found_silent() {
    let site = Site::new(
        "  w:\n    cmd: 'yes no'\n    stdout: none\n    starttime: 0\n    autorestart: never\n    liveness: {log: ^beat$, interval: 0.3, retries: 1}\n  other: {cmd: sleep 1000, starttime: 0}",
    );
    let mut console = Console::open(site);
    console.running.wait_for_state("w:0", "EXITED");
    let why = console.ask("why w");
    assert!(why[0].contains("its liveness check failed: no line matched ^beat$ within 0.3 s"), "{why:#?}");
    assert_eq!(console.ask("restart other"), ["other:0: started"]);
    console.running.stop();
}
