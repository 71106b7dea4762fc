//! on_event: who is told, of what, and that nothing is held up by it.

mod harness;

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};

use harness::{Console, Running, Site, is_alive, kill, marked, wait_for, wait_until};
use nix::sys::signal::Signal;

/// Ends at once, and is not tried again.
const FATAL: &str = "  w: {cmd: 'false', startretries: 0}";

/// The same, but not before it is told to.
const DOWN: &str = "  w: {cmd: 'false', startretries: 0, autostart: false}";

fn site(programs: &str, hooks: &str) -> Site {
    let site = Site::new("");
    site.configure(programs, &format!("  on_event:\n{hooks}"));
    site
}

/// A hook that writes down what it was told.
fn noting(events: &str) -> String {
    format!(
        "    - {{events: {events}, exec: [sh, -c, 'echo \"$TASKMASTER_EVENT $TASKMASTER_PROCESS_NAME $TASKMASTER_EVENT_STATE $TASKMASTER_EVENT_COUNT $TASKMASTER_EVENT_PROCESSES ($TASKMASTER_EVENT_REASON)\" >> told; echo \"$TASKMASTER_EVENT_JSON\" >> json']}}\n"
    )
}

fn told(running: &Running) -> Vec<String> {
    running.site.read("told").lines().map(str::to_owned).collect()
}

fn wait_for_told(running: &Running, wanted: &str) {
    wait_until(wanted, || told(running).iter().any(|line| line == wanted));
}

#[test]
fn a_command_is_told_what_has_happened_and_to_whom() {
    let running = site(FATAL, &noting("[fatal]")).supervise();
    wait_for_told(&running, "fatal w:0 FATAL 1 w:0 (exited too quickly (exit code 1))");
    let json: serde_json::Value =
        wait_for("the document", || serde_json::from_str(&running.site.read("json")).ok());
    assert_eq!(
        (&json["event"], &json["process"], &json["exit"]["code"], &json["count"], &json["processes"][0]),
        (&"fatal".into(), &"w:0".into(), &1.into(), &1.into(), &"w:0".into())
    );
    assert!(json["time"].as_f64().unwrap() > 1.7e9);
    running.stop();
}

#[test]
fn ends_that_are_unexpected_and_recoveries_are_told_and_no_others() {
    let mut console = Console::open(site(
        "  w: {cmd: sleep 1000, starttime: 0}\n  ok: {cmd: sleep 0.1, starttime: 0, autorestart: never}\n  stopped: {cmd: sleep 1000, starttime: 0}",
        &noting("[exited, recovered]"),
    ));
    let pid = wait_for("a process", || console.running.pid_of("w:0"));
    console.running.wait_for_state("ok:0", "EXITED");
    console.ask("restart stopped");
    console.ask("stop stopped");
    kill(pid, Signal::SIGKILL);
    wait_for_told(&console.running, "exited w:0 STARTING 1 w:0 (killed by SIGKILL)");
    wait_for_told(&console.running, "recovered w:0 RUNNING 1 w:0 ()");
    assert_eq!(told(&console.running).len(), 2);
}

#[test]
fn a_sick_process_that_is_restarted_is_told_of_and_recovers_when_it_is_ready() {
    let running = site(
        "  w: {cmd: sleep 1000, starttime: 0, liveness: {exec: [test, '!', -e, sick], interval: 50ms, retries: 1, timeout: 10}, readiness: {exec: [test, -e, ready], interval: 50ms, timeout: 10}}",
        &noting("[exited, recovered]"),
    )
    .supervise();
    running.wait_for_state("w:0", "RUNNING");
    running.site.write("sick", "");
    wait_until("its end", || {
        told(&running).iter().any(|line| line.contains("its liveness check failed: exit"))
    });
    std::fs::remove_file(running.site.path("sick")).unwrap();
    running.wait_for_state("w:0", "RUNNING");
    assert!(!told(&running).iter().any(|line| line.starts_with("recovered")));
    running.site.write("ready", "");
    wait_until("its recovery", || {
        told(&running).iter().any(|line| line.starts_with("recovered w:0 RUNNING"))
    });
    running.stop();
}

#[test]
fn four_hundred_that_die_at_once_are_few_calls_that_tell_of_all() {
    let running = site(
        "  w: {cmd: sleep 1000, numprocs: 400, starttime: 0, autorestart: never, stdout: none, stderr: none}",
        &noting("[exited]"),
    )
    .supervise();
    wait_until("all of them", || running.status()["counts"]["RUNNING"] == 400);
    let pids = |running: &Running| {
        let status = running.status();
        let rows = status["programs"][0]["processes"].as_array().unwrap().clone();
        rows.iter().map(|row| row["pid"].as_u64().unwrap() as u32).collect::<Vec<_>>()
    };
    for pid in pids(&running) {
        kill(pid, Signal::SIGKILL);
    }
    let counted = |running: &Running| {
        let counts = told(running).into_iter().filter_map(|line| line.split(' ').nth(3)?.parse::<u32>().ok());
        counts.sum::<u32>()
    };
    wait_until("all to be told of", || counted(&running) == 400);
    let calls = told(&running);
    // One at once, then one a second for as long as it took.
    assert!(calls.len() <= 25, "{calls:#?}");
    assert!(calls.iter().all(|line| line.split(' ').count() <= 110), "not all are named");
    running.stop();
}

#[test]
fn a_hook_that_hangs_is_ended_with_all_that_it_started_and_holds_nobody_up() {
    let mut console = Console::open(site(
        FATAL,
        "    - {exec: [sh, -c, 'sleep 1000 & echo $! > pid; echo still here; wait'], timeout: 0.3}\n    - {exec: [sh, -c, 'touch other']}\n",
    ));
    let child: u32 = wait_for("the hook", || console.running.site.read("pid").trim().parse().ok());
    assert!(console.ask("status").iter().any(|line| line.contains("FATAL")));
    wait_until("the other hook", || harness::exists(&console.running.site.path("other")));
    wait_until("its end", || !is_alive(child));
    let complaint = "hook sh (fatal of w) failed: it has not ended within 0.3 s";
    wait_until("a word about it", || console.running.log().contains(complaint));
}

#[test]
fn the_failure_of_a_hook_is_logged_with_its_last_line_and_that_is_all() {
    let running = site(
        FATAL,
        "    - {exec: [sh, -c, 'head -c 1000000 /dev/zero | tr \"\\0\" x; echo; echo \"no route to pager\" >&2; exit 9']}\n    - {exec: [no-such-program]}\n    - {exec: [sh, -c, 'setsid sh -c \"echo \\$\\$ > pid; exec sleep 1000\" & until test -s pid; do sleep 0.01; done; exit 3']}\n",
    )
    .supervise();
    for words in [
        "hook sh (fatal of w) failed: exit code 9: no route to pager",
        "hook no-such-program (fatal of w) failed: cannot find the program",
        "hook sh (fatal of w) failed: exit code 3",
    ] {
        wait_until(words, || running.log().contains(words));
    }
    // Who leaves the hook's group by intent is nobody's business.
    kill(running.site.read("pid").trim().parse().unwrap(), Signal::SIGKILL);
    running.stop();
}

/// Reads a whole request.
fn request(stream: &mut TcpStream) -> String {
    let mut text = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        let shown = String::from_utf8_lossy(&text).into_owned();
        if let Some((head, body)) = shown.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| line.strip_prefix("Content-Length: ")).unwrap();
            if body.len() >= length.parse().unwrap() {
                return shown;
            }
        }
        let count = stream.read(&mut buffer).unwrap();
        assert!(count > 0, "{shown}");
        text.extend_from_slice(&buffer[..count]);
    }
}

#[test]
fn a_url_gets_the_document_and_its_answer_counts() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let running = site(
        &format!("{FATAL}\n  v: {{cmd: 'false', startretries: 0, autostart: false}}"),
        &format!("    - {{events: fatal, post: 'http://127.0.0.1:{port}/alarm?x=1'}}\n"),
    )
    .supervise();
    let (mut stream, _) = listener.accept().unwrap();
    let request = request(&mut stream);
    let (head, body) = request.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("POST /alarm?x=1 HTTP/1.1\r\nHost: 127.0.0.1:"), "{head}");
    assert!(head.contains("\r\nContent-Type: application/json\r\n"), "{head}");
    let json: serde_json::Value = serde_json::from_str(body).unwrap();
    assert_eq!((&json["event"], &json["program"]), (&"fatal".into(), &"w".into()));
    stream.write_all(b"HTTP/1.1 503 Busy\r\n\r\n").unwrap();
    let words = format!("hook http://127.0.0.1:{port}/alarm?x=1 (fatal of w) failed: HTTP status 503");
    wait_until(&words, || running.log().contains(&words));
    running.stop();
}

#[test]
fn a_url_that_never_answers_costs_a_moment_on_the_way_out_at_most() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let mut running = site(
        FATAL,
        &format!("    - {{post: 'http://127.0.0.1:{port}/', timeout: 0.3}}\n    - {{post: 'http://127.0.0.1:{port}/', timeout: 600}}\n"),
    )
    .supervise();
    let _streams = [listener.accept().unwrap(), listener.accept().unwrap()];
    wait_until("the first to be given up", || {
        running.log().contains("failed: it has not ended within 0.3 s")
    });
    running.signal(Signal::SIGTERM);
    assert!(running.wait().success());
    let log = running.log();
    assert!(log.contains("1 hook has not ended within 5 s and is not waited for"), "{log}");
}

#[test]
fn what_ends_everything_is_told_before_we_leave() {
    let site = site(
        "  w: {cmd: 'false', startretries: 0, exit_on_failure: true}",
        "    - {events: [fatal], exec: [sh, -c, 'sleep 0.5; echo told > told']}\n",
    );
    let mut command = site.command();
    let mut running = site.start_unseen(&mut command);
    assert_eq!(running.wait().code(), Some(1));
    assert_eq!(running.site.read("told"), "told\n");
    assert_eq!(marked(&running.site.mark), Vec::<u32>::new());
}

#[test]
fn a_second_signal_leaves_at_once() {
    let mut running =
        site(FATAL, "    - {exec: [sh, -c, 'touch begun; sleep 1000'], timeout: 600}\n").supervise();
    wait_until("the hook", || harness::exists(&running.site.path("begun")));
    running.signal(Signal::SIGTERM);
    wait_until("nothing to be left but the hook", || running.log().contains("SIGTERM: shutting down"));
    running.signal(Signal::SIGTERM);
    assert!(running.wait().success());
    wait_until("the hook to be gone", || marked(&running.site.mark).is_empty());
}

#[test]
fn a_reload_changes_who_is_told() {
    let running = site(DOWN, &noting("[exited]")).supervise();
    running.site.configure(DOWN, &format!("  on_event:\n{}", noting("fatal")));
    running.signal(Signal::SIGHUP);
    wait_until("the reload", || running.log().contains("reload: ~ taskmaster: on_event (in place)"));
    assert!(!running.command("start w").0);
    wait_for_told(&running, "fatal w:0 FATAL 1 w:0 (exited too quickly (exit code 1))");
    running.stop();
}

/// What a check prints is its own, whatever it looks like.
#[test]
fn what_a_hook_is_told_is_taken_as_it_is() {
    let running = site(
        "  w: {cmd: sleep 1000, starttime: 0, liveness: {exec: [sh, -c, 'printf \"%s%s\" \"{program\" \"_name} {process\" \"_num:03}\"; exit 1'], interval: 50ms, retries: 1, timeout: 10}}",
        &noting("[exited]"),
    )
    .supervise();
    let line = wait_for("the event", || told(&running).into_iter().next());
    assert!(line.ends_with("exit code 1: {program_name} {process_num:03})"), "{line}");
    running.stop();
}

#[test]
fn a_hook_that_cannot_run_is_told_of_by_check() {
    let site = site(FATAL, "    - {exec: [no-such-program]}\n    - {exec: ['true']}\n");
    let output = site.command().arg("check").stdout(std::process::Stdio::piped()).output().unwrap();
    let told = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(told.contains("on_event: cannot find the program no-such-program in PATH"), "{told}");
    assert_eq!(told.matches("on_event").count(), 1, "{told}");
}
