//! `readiness: {log: ...}`: ready as soon as a line of the output says so.

mod harness;

use harness::{Console, Running, Site, kill, wait_until};

/// A program that runs whatever happens and does what the script says.
fn speaking(script: &str, pattern: &str, more: &str) -> Site {
    let site = Site::new("");
    site.write("speak.sh", script);
    site.configure(
        &format!(
            "  w:\n    cmd: sh speak.sh\n    starttime: 0\n    readiness: {{log: '{pattern}'}}\n{more}\n"
        ),
        "",
    );
    site
}

/// Says what it is told to, and goes on.
const OBEDIENT: &str = "mkfifo orders; touch begun; while :; do . ./orders; done";

fn tell(running: &Running, what: &str) {
    wait_until("it to listen", || harness::exists(&running.site.path("begun")));
    std::fs::write(running.site.path("orders"), what).unwrap();
}

fn description(running: &Running) -> String {
    running.process("w:0")["description"].as_str().unwrap().to_owned()
}

fn wait_until_ready(running: &Running) {
    wait_until("it to be ready", || description(running).is_empty());
    assert_eq!(running.state("w:0"), "RUNNING");
}

#[test]
fn a_line_makes_it_ready_and_those_that_wait_for_it_start() {
    let site = Site::new("");
    site.write("speak.sh", OBEDIENT);
    site.configure(
        "  w: {cmd: sh speak.sh, starttime: 0, readiness: {log: '^listening on \\d+$'}}\n  web: {cmd: sleep 1000, starttime: 0, depends_on: {w: healthy}}",
        "",
    );
    let mut console = Console::open(site);
    tell(&console.running, "echo not listening on 80");
    tell(&console.running, "echo listening on 80 soon; echo done");
    wait_until("its output", || console.running.site.read("logs/w.stdout").contains("done"));
    assert_eq!(description(&console.running), "not ready: no line matches ^listening on \\d+$ yet");
    assert_eq!(console.running.process("web:0")["description"], "waits for w:0 to be healthy (RUNNING)");
    tell(&console.running, "printf 'listening '; sleep 0.1; printf 'on 8'; sleep 0.1; echo 0");
    assert_eq!(console.ask("start web"), ["web:0: started"]);
    wait_until_ready(&console.running);
    assert!(console.running.log().contains("w:0: ready"));
}

#[test]
fn every_process_has_to_say_it_anew() {
    let running =
        speaking("if mkdir once; then echo ready; fi; exec sleep 1000", "ready", "    autorestart: always")
            .supervise();
    wait_until_ready(&running);
    let first = running.pid_of("w:0").unwrap();
    kill(first, nix::sys::signal::Signal::SIGKILL);
    wait_until("another that is not ready", || {
        running.pid_of("w:0").is_some_and(|pid| pid != first) && description(&running).contains("no line")
    });
    running.stop();
}

#[test]
fn what_is_said_before_it_is_running_counts() {
    let site = speaking("echo ready >&2; exec sleep 1000", "^ready$", "");
    site.configure("  w: {cmd: sh speak.sh, starttime: 1, readiness: {log: '^ready$'}}\n", "");
    let running = site.supervise();
    running.wait_for_state("w:0", "RUNNING");
    wait_until_ready(&running);
    running.stop();
}

#[test]
fn it_is_heard_wherever_its_output_goes() {
    for streams in [
        "    stdout: none\n    stderr: none",
        "    stdout: none\n    stderr: stdout",
        "    stdout: inherit",
        "    stderr: stdout",
        "    log_format: json",
        "    stdout: none\n    stderr: none\n    numprocs: 70",
    ] {
        for script in ["echo ready; exec sleep 1000", "echo ready >&2; exec sleep 1000"] {
            let running = speaking(script, "^ready$", streams).supervise();
            wait_until(streams, || {
                let row = running.process("w:0");
                row["state"] == "RUNNING" && row["description"] == ""
            });
            running.stop();
        }
    }
}

#[test]
fn a_flood_without_the_line_harms_nobody_and_the_line_is_found_in_it() {
    let site = Site::new("");
    site.write(
        "speak.sh",
        "head -c 10000000 /dev/zero | tr '\\0' x; echo; yes 'not it' | head -n 20000; echo ready; exec sleep 1000",
    );
    site.configure(
        "  w: {cmd: sh speak.sh, stdout: none, starttime: 0, readiness: {log: '^(r|re|read)+y$'}}\n  other: {cmd: sleep 1000, starttime: 0}",
        "",
    );
    let mut console = Console::open(site);
    assert_eq!(console.ask("restart other"), ["other:0: started"]);
    wait_until_ready(&console.running);
}

#[test]
fn once_it_is_ready_nothing_is_looked_at_any_more() {
    let running = speaking(
        "echo ready; yes 'ready and ready again' | head -n 300000; touch over; exec sleep 1000",
        "ready",
        "    stdout: none",
    )
    .supervise();
    wait_until_ready(&running);
    wait_until("the end of it", || harness::exists(&running.site.path("over")));
    assert_eq!(running.log().matches("w:0: ready").count(), 1);
    running.stop();
}
