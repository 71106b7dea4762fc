//! The client: the console's commands from another terminal, with exit codes for scripts.

mod harness;

use std::io::{BufRead, BufReader, Read};
use std::process::{Command, Output, Stdio};

use harness::{Running, Site, kill, wait_until};
use nix::sys::signal::Signal;
use serde_json::Value;

fn client(running: &Running, arguments: &[&str]) -> Output {
    command(running, arguments).output().unwrap()
}

fn command(running: &Running, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_taskmaster"));
    command.args(arguments).arg("-c").arg(running.site.path("config.yaml")).stdin(Stdio::null());
    command
}

/// Exit code, and what was said on both streams.
fn said(output: &Output) -> (i32, String, String) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code().unwrap(), text(&output.stdout), text(&output.stderr))
}

fn supervise() -> Running {
    let running = Site::new(
        "  w: {cmd: sleep 1000, numprocs: 2, starttime: 0}\n  idle: {cmd: sleep 1000, autostart: false, starttime: 0}",
    )
    .supervise();
    running.wait_for_state("w:1", "RUNNING");
    running
}

#[test]
fn commands_answer_with_the_consoles_words() {
    let running = supervise();
    let done = |arguments: &[&str]| {
        let (code, out, err) = said(&client(&running, arguments));
        assert_eq!((code, err.as_str()), (0, ""), "{arguments:?}: {out}");
        out
    };
    assert_eq!(done(&["stop", "w:0"]), "w:0: stopped\n");
    assert_eq!(done(&["start", "w:0", "idle"]), "w:0: started\nidle:0: started\n");
    assert_eq!(done(&["pid"]), format!("{}\n", running.pid()));
    assert_eq!(done(&["pid", "w:1"]), format!("{}\n", running.pid_of("w:1").unwrap()));
    assert_eq!(done(&["signal", "CONT", "w:1"]), "w:1: signalled\n");
    assert_eq!(done(&["reopen"]), "log files reopened\n");
    assert!(done(&["version"]).starts_with("taskmaster "));
    let status = done(&["status", "w"]);
    assert!(
        status.lines().next().unwrap().starts_with("NAME") && status.contains("w:1   RUNNING"),
        "{status}"
    );
    let json: Value = serde_json::from_str(&done(&["status", "--json"])).unwrap();
    assert_eq!(json["counts"]["RUNNING"], 3);
    running.stop();
}

#[test]
fn exit_codes_tell_what_went_wrong() {
    let mut running = supervise();
    let code = |running: &Running, arguments: &[&str]| said(&client(running, arguments));
    let (failed, out, _) = code(&running, &["restart", "w:0", "nope"]);
    assert_eq!(failed, 1);
    assert!(out.contains("w:0: started") && out.contains("ERROR nope: no such program"), "{out}");
    for wrong in
        [&["restart"][..], &["frobnicate"], &["signal", "NOPE", "w"], &["stop", "a b"], &["stop", "--x", "w"]]
    {
        let (code, out, err) = code(&running, wrong);
        assert_eq!((code, out.as_str()), (2, ""), "{wrong:?}");
        assert!(err.starts_with("error: "), "{err}");
    }
    let (done, out, err) = code(&running, &["shutdown"]);
    assert_eq!((done, out.as_str(), err.as_str()), (0, "", ""));
    assert!(running.wait().success());
    let (not_running, _, err) = code(&running, &["status"]);
    assert_eq!(not_running, 3);
    assert!(err.starts_with("error: no supervisor is running"), "{err}");
    assert_eq!(code(&running, &["version"]).0, 0);
    std::fs::remove_file(running.site.path("config.yaml")).unwrap();
    assert_eq!(code(&running, &["version"]).0, 0, "a version takes no configuration");
}

#[test]
fn the_wait_can_be_bounded_and_the_action_goes_on() {
    let running = Site::new("  slow: {cmd: [sh, -c, 'trap \"\" TERM; echo set; while :; do sleep 0.1; done'], starttime: 0, stoptime: 1000}").supervise();
    wait_until("the trap", || running.site.read("logs/slow.stdout") == "set\n");
    let (code, _, err) = said(&client(&running, &["stop", "slow", "--wait", "0.2"]));
    assert_eq!((code, err.as_str()), (1, "error: not finished in time; the action goes on\n"));
    assert_eq!(running.state("slow:0"), "STOPPING");
    harness::kill(running.pid_of("slow:0").unwrap(), nix::sys::signal::Signal::SIGKILL);
    running.wait_for_state("slow:0", "STOPPED");
    running.stop();
}

#[test]
fn an_invalid_configuration_hinders_no_client() {
    let running = supervise();
    running.site.write("config.yaml", "programs: [");
    assert_eq!(said(&client(&running, &["stop", "w:0"])), (0, "w:0: stopped\n".to_owned(), String::new()));
    running.stop();
}

#[test]
fn tail_shows_and_follows_logs_until_it_is_left() {
    let site = Site::new(
        "  w: {cmd: [sh, -c, 'for n in 1 2 3; do echo out $n; echo err $n >&2; done; while ! [ -e go ]; do sleep 0.02; done; echo more; exec sleep 1000'], starttime: 0}\n  v: {cmd: [sh, -c, 'echo from v; exec sleep 1000'], starttime: 0}",
    );
    let running = site.supervise();
    wait_until("output", || {
        running.site.read("logs/w.stderr").ends_with("3\n") && !running.site.read("logs/v.stdout").is_empty()
    });
    assert_eq!(said(&client(&running, &["tail", "-n2", "w"])).1, "out 2\nout 3\n");
    assert_eq!(said(&client(&running, &["tail", "-n", "1", "w:0", "stderr"])).1, "err 3\n");
    assert_eq!(said(&client(&running, &["tail", "-n", "1", "w", "v"])).1, "w:0 | out 3\nv:0 | from v\n");
    let mut follower =
        command(&running, &["tail", "-f", "-n", "1", "w"]).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(follower.stdout.take().unwrap()).lines();
    assert_eq!(lines.next().unwrap().unwrap(), "out 3");
    running.site.write("go", "");
    assert_eq!(lines.next().unwrap().unwrap(), "more");
    // A supervisor that ends, ends the follower.
    running.stop();
    assert!(lines.next().is_none());
    assert!(follower.wait().unwrap().success());
}

#[test]
fn a_reader_that_has_gone_is_no_failure_worth_words() {
    let site = Site::new("  w: {cmd: [sh, -c, 'yes | head -n 200000; exec sleep 1000'], starttime: 0}");
    let running = site.supervise();
    wait_until("output", || running.site.read("logs/w.stdout").len() == 400_000);
    let mut tail = command(&running, &["tail", "-n", "100000", "w"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut first = [0; 10];
    tail.stdout.take().unwrap().read_exact(&mut first).unwrap();
    let output = tail.wait_with_output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    running.stop();
}

#[test]
fn the_socket_may_be_named_before_the_command_and_after_it() {
    let running = supervise();
    let socket = running.site.path("taskmaster.sock");
    let socket = socket.to_str().unwrap();
    running.site.write("config.yaml", "programs: {}\ntaskmaster: {socket: elsewhere.sock}\n");
    let (code, _, err) = said(&client(&running, &["pid"]));
    assert_eq!(code, 3, "nobody listens at the new one");
    let way = format!("(pid {}) was started; that is reached by --socket {socket}\n", running.pid());
    assert!(err.starts_with("error: nobody listens at the `socket` of ") && err.ends_with(&way), "{err}");
    let (_, _, err) = said(&client(&running, &["pid", "--socket", "wrong.sock"]));
    assert!(err.starts_with("error: no supervisor is running: nobody listens at wrong.sock"), "{err}");
    for arguments in [["--socket", socket, "pid"], ["pid", "--socket", socket]] {
        let (code, out, err) = said(&client(&running, &arguments));
        assert_eq!((code, out.trim()), (0, running.pid().to_string().as_str()), "{arguments:?}: {err}");
    }
}

/// At the same socket it is refused; at another one nothing of the first is in its way.
#[test]
fn a_second_supervisor_at_another_socket_is_told_of_the_first() {
    let running = supervise();
    running.site.write(
        "config.yaml",
        "programs: {v: {cmd: sleep 1000}}\ntaskmaster: {socket: elsewhere.sock, http: 'off', logfile: second.log}\n",
    );
    let mut second = running.site.command().stderr(Stdio::piped()).spawn().unwrap();
    let told = format!("another supervisor of this configuration lives (pid {})", running.pid());
    wait_until("the warning", || running.site.read("second.log").contains(&told));
    kill(second.id(), Signal::SIGTERM);
    let mut said = String::new();
    second.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    assert!(said.contains(&format!("WARNING: {told}")), "{said}");
    assert!(second.wait().unwrap().success());
    running.stop();
}
