//! Checks of running instances: what they find, what follows, and what they leave behind.

mod harness;

use harness::{Console, Running, Site, free_port, kill, marked, wait_for, wait_until};
use std::io::{Read, Write};
use std::net::TcpListener;

/// A program that runs whatever happens, with these checks.
fn checked(checks: &str) -> String {
    format!("  w:\n    cmd: sleep 1000\n    starttime: 0\n{checks}\n")
}

fn description(running: &Running) -> String {
    running.process("w:0")["description"].as_str().unwrap().to_owned()
}

fn wait_for_description(running: &Running, wanted: &str) {
    wait_until(wanted, || description(running).contains(wanted));
    assert_eq!(running.state("w:0"), "RUNNING");
}

#[test]
fn a_command_says_whether_it_is_ready_and_its_last_line_why_not() {
    let site = Site::new(&checked(
        "    readiness: {exec: [sh, -c, 'test -e good || { echo noise; echo \"no \\\"good\\\" here\" >&2; exit 7; }'], interval: 50ms, retries: 2}",
    ));
    let running = site.supervise();
    wait_for_description(&running, "not ready: exit code 7: no \"good\" here");
    running.site.write("good", "");
    wait_until("it to be ready", || description(&running).is_empty());
    std::fs::remove_file(running.site.path("good")).unwrap();
    wait_for_description(&running, "not ready: exit code 7");
    assert!(running.log().contains("w:0: ready"));
    running.stop();
}

#[test]
fn a_port_is_ready_when_it_accepts() {
    let port = free_port();
    let running = Site::new(&checked(&format!("    readiness: {{tcp: 'localhost:{port}', interval: 50ms}}")))
        .supervise();
    wait_for_description(&running, "not ready: Connection refused");
    let _listener = TcpListener::bind(("127.0.0.1", port)).unwrap();
    wait_until("it to be ready", || description(&running).is_empty());
    running.stop();
}

#[test]
fn a_page_is_ready_when_its_status_says_so() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let running = Site::new(&checked(&format!(
        "    readiness: {{http: 'http://127.0.0.1:{port}/health?x=1', interval: 50ms, timeout: 10}}"
    )))
    .supervise();
    let answer = |text: &str| {
        let (mut stream, _) = listener.accept().unwrap();
        let mut request = [0; 1000];
        let count = stream.read(&mut request).unwrap();
        stream.write_all(text.as_bytes()).unwrap();
        String::from_utf8_lossy(&request[..count]).into_owned()
    };
    let request = answer("HTTP/1.1 503 Not Yet\r\n\r\n");
    assert!(request.starts_with("GET /health?x=1 HTTP/1.1\r\nHost: 127.0.0.1:"), "{request}");
    wait_for_description(&running, "not ready: HTTP status 503");
    answer("SSH-2.0-OpenSSH\r\n");
    wait_for_description(&running, "not ready: the answer is not HTTP");
    answer("");
    wait_for_description(&running, "not ready: the connection was closed without an answer");
    answer("HTTP/1.1 200 OK\r\n\r\n");
    wait_until("it to be ready", || description(&running).is_empty());
    running.stop();
}

#[test]
fn a_check_that_hangs_is_ended_with_all_that_it_started() {
    let running = Site::new(&checked(
        "    readiness: {exec: [sh, -c, 'sleep 1000 & echo $! >> pids; sleep 1000'], interval: 50ms, timeout: 0.2}",
    ))
    .supervise();
    wait_for_description(&running, "not ready: no answer within 0.2 s");
    wait_until("a second check", || running.site.read("pids").lines().count() >= 2);
    let first: u32 = running.site.read("pids").lines().next().unwrap().parse().unwrap();
    wait_until("what the first left behind to be gone", || !harness::is_alive(first));
    running.stop();
}

#[test]
fn what_a_check_prints_endlessly_harms_nobody() {
    let running = Site::new(&checked(
        "    readiness: {exec: ['yes'], interval: 50ms, timeout: 0.3}\n    liveness: {exec: [sh, -c, 'head -c 5000 /dev/zero | tr \"\\0\" x; touch seen'], interval: 50ms, timeout: 10}",
    ))
    .supervise();
    wait_for_description(&running, "not ready: no answer within 0.3 s");
    wait_until("the other check", || harness::exists(&running.site.path("seen")));
    assert_eq!(running.process("w:0")["restarts"], 0);
    running.stop();
}

#[test]
fn a_failed_liveness_restarts_by_policy_and_is_named() {
    let site = Site::new(
        "  w:\n    cmd: [sh, -c, 'touch run.$$; exec sleep 1000']\n    starttime: 0\n    liveness: {exec: [sh, -c, 'echo stuck; test -e good'], interval: 50ms, retries: 3, timeout: 10}\n  never: {cmd: sleep 1000, starttime: 0, autorestart: never, liveness: {exec: ['false'], interval: 50ms, retries: 1, timeout: 10}}",
    );
    let mut console = Console::open(site);
    let first = wait_for("a process", || console.running.pid_of("w:0"));
    wait_until("another", || console.running.pid_of("w:0").is_some_and(|pid| pid != first));
    console.running.site.write("good", "");
    console.running.wait_for_state("never:0", "EXITED");
    wait_until("it to run", || console.running.state("w:0") == "RUNNING");
    let why = console.ask("why w");
    let cause = "its liveness check failed 3 times in a row: exit code 1: stuck";
    assert!(why[0].contains(cause), "{why:#?}");
    // It stays with the run that it ended.
    assert!(why[1].contains("killed by SIGTERM after "), "{why:#?}");
    assert!(why[1].ends_with(&format!(" while STOPPING, as {cause}")), "{why:#?}");
    let why = console.ask("why never")[0].clone();
    assert!(why.contains("its liveness check failed: exit code 1"), "{why}");
}

#[test]
fn a_dependent_waits_until_what_it_needs_is_healthy() {
    let mut console = Console::open(Site::new(
        "  web: {cmd: sleep 1000, starttime: 0, depends_on: {db: healthy}}\n  db: {cmd: sleep 1000, starttime: 0, readiness: {exec: [test, -e, good], interval: 50ms}}",
    ));
    wait_until("db to be seen unready", || {
        console.running.process("db:0")["description"].as_str().unwrap().contains("exit code 1")
    });
    assert_eq!(console.running.process("web:0")["description"], "waits for db:0 to be healthy (RUNNING)");
    console.running.site.write("good", "");
    assert_eq!(console.ask("start web"), ["web:0: started"]);
}

#[test]
fn checks_end_with_their_process_and_leave_nothing() {
    let mut console = Console::open(Site::new(&checked(
        "    readiness: {exec: [sh, -c, 'touch begun; sleep 1000'], interval: 50ms, timeout: 600}",
    )));
    wait_until("a check", || harness::exists(&console.running.site.path("begun")));
    assert_eq!(console.ask("stop w"), ["w:0: stopped"]);
    let mark = &console.running.site.mark;
    let others = || marked(mark).into_iter().filter(|pid| *pid != console.running.pid()).count();
    wait_until("nothing to be left of the check", || others() == 0);
    let supervisor = console.running.pid();
    kill(supervisor, nix::sys::signal::Signal::SIGTERM);
    assert!(console.running.wait().success());
}
