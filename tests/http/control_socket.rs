//! The control socket: whose it is, who may use it, and what its commands answer.

use crate::harness::{
    self, Running, Site, as_stranger, descriptors, exists, get, is_root, post, wait_for, wait_until,
};
use nix::sys::signal::Signal;
use serde_json::Value;
use std::fs;
use std::io::{Read, Write};
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::os::unix::net::UnixStream;
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, Ordering};

const PROGRAMS: &str = "  w: {cmd: sleep 1000, numprocs: 2, starttime: 0}";
/// Takes its time to end, until there is a file that lets it.
const SLOW: &str = "  w: {cmd: sleep 1000, numprocs: 2, starttime: 0}\n  slow: {cmd: \"sh -c 'trap \\\"touch asked; \
                    while [ ! -e go ]; do sleep 0.02; done; exit\\\" TERM; touch set; while :; do sleep 0.02; done'\", \
                    starttime: 0, stoptime: 60}";

fn supervise() -> Running {
    Site::new(PROGRAMS).supervise()
}

/// A supervisor with a program that ends when a file lets it.
fn supervise_slow() -> Running {
    let running = Site::new(SLOW).supervise();
    wait_until("its trap", || running.site.path("set").exists());
    running
}

#[test]
fn nobody_else_can_ever_open_it() {
    let site = Site::new(PROGRAMS);
    let path = site.path("taskmaster.sock");
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let watch = scope.spawn(|| {
            let mut modes = Vec::new();
            // At least one look, however late this thread gets its turn.
            while !is_over.load(Ordering::Relaxed) || modes.is_empty() {
                modes.extend(path.symlink_metadata().ok().map(|found| found.mode() & 0o7777));
                modes.dedup();
            }
            modes
        });
        // With a umask that takes nothing away.
        let mut command = std::process::Command::new("sh");
        command.args(["-c", "umask 0; exec \"$0\"", env!("CARGO_BIN_EXE_taskmaster")]);
        command.current_dir(site.path("")).env(harness::Mark::NAME, site.mark.value());
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let running = site.start(&mut command);
        is_over.store(true, Ordering::Relaxed);
        assert_eq!(watch.join().unwrap(), [0o600]);
        running.stop();
    });
}

#[test]
fn one_that_a_killed_supervisor_left_behind_is_replaced() {
    let mut running = supervise();
    running.child.kill().unwrap();
    running.wait();
    let path = running.site.path("taskmaster.sock");
    assert!(path.symlink_metadata().unwrap().file_type().is_socket());
    let mut command = running.site.command();
    running.child = command.spawn().unwrap();
    wait_until("the new one", || get(running.site.port, "/healthz").is_ok());
    assert_eq!(running.command("pid"), (true, vec![running.pid().to_string()]));
    // What the killed one had started is nobody's.
    running.signal(Signal::SIGTERM);
    assert!(running.wait().success());
}

#[test]
fn a_second_supervisor_is_refused_and_starts_nothing() {
    let site = Site::new("  w: {cmd: \"sh -c 'echo started >> starts; exec sleep 1000'\", starttime: 0}");
    let running = site.supervise();
    running.wait_for_state("w:0", "RUNNING");
    wait_until("its start", || running.site.read("starts") == "started\n");
    let path = running.site.path("taskmaster.sock");
    let inode = path.symlink_metadata().unwrap().ino();
    // Both at the same port and at another one.
    for http in [running.site.port, harness::free_port()] {
        let mut command = running.site.command();
        command.args(["run", "--http", &format!("127.0.0.1:{http}")]);
        let second = command.output().unwrap();
        assert_eq!(second.status.code(), Some(1));
        let stderr = String::from_utf8(second.stderr).unwrap();
        assert!(stderr.contains(&format!("another supervisor, pid {}, runs", running.pid())), "{stderr}");
    }
    assert_eq!(running.site.read("starts"), "started\n");
    assert_eq!(path.symlink_metadata().unwrap().ino(), inode);
    assert_eq!(running.command("pid").1, [running.pid().to_string()]);
    running.stop();
}

#[test]
fn of_two_that_start_at_once_one_is_refused() {
    let site = Site::new(PROGRAMS);
    // Left behind, so that both see something to replace.
    drop(std::os::unix::net::UnixListener::bind(site.path("taskmaster.sock")).unwrap());
    let mut children: Vec<_> = (0..4).map(|_| site.command().spawn().unwrap()).collect();
    let mut refused = 0;
    wait_until("three to give up", || {
        children.retain_mut(|child| match child.try_wait().unwrap() {
            Some(status) => {
                assert_eq!(status.code(), Some(1));
                refused += 1;
                false
            }
            None => true,
        });
        refused == 3
    });
    let mut running = Running { site, child: children.pop().unwrap() };
    wait_until("the dashboard", || get(running.site.port, "/healthz").is_ok());
    assert_eq!(running.command("pid").1, [running.pid().to_string()]);
    assert!(running.child.try_wait().unwrap().is_none());
    running.stop();
}

/// The line about it on stderr.
fn warning_of(running: &mut Running) -> String {
    let mut stderr = std::io::BufReader::new(running.child.stderr.take().unwrap());
    let mut line = String::new();
    std::io::BufRead::read_line(&mut stderr, &mut line).unwrap();
    line
}

#[test]
fn what_is_no_socket_is_left_alone() {
    let site = Site::new(PROGRAMS);
    site.write("taskmaster.sock", "precious");
    let mut running = site.supervise();
    let warning = warning_of(&mut running);
    assert!(warning.contains("no control socket") && warning.contains("is not a socket"), "{warning}");
    wait_until("all to run", || running.status()["counts"]["RUNNING"] == 2);
    let file = running.site.path("taskmaster.sock");
    running.stop_and_keep(|| assert_eq!(fs::read_to_string(file).unwrap(), "precious"));
}

#[test]
fn a_path_that_is_too_long_is_explained() {
    let site = Site::new(PROGRAMS);
    site.configure(PROGRAMS, &format!("  socket: {}.sock", "x".repeat(120)));
    let mut running = site.supervise();
    let warning = warning_of(&mut running);
    assert!(warning.contains("at most 107 bytes"), "{warning}");
    running.stop();
}

#[test]
fn it_goes_with_its_supervisor_but_only_if_it_is_its_own() {
    let running = supervise();
    let path = running.site.path("taskmaster.sock");
    let site_path = path.clone();
    running.stop_and_keep(|| assert!(!exists(&site_path)));

    let running = supervise();
    let path = running.site.path("taskmaster.sock");
    fs::remove_file(&path).unwrap();
    let other = std::os::unix::net::UnixListener::bind(&path).unwrap();
    let site_path = path.clone();
    running.stop_and_keep(|| assert!(exists(&site_path), "somebody else's was removed"));
    drop(other);
}

#[test]
fn a_directory_that_somebody_else_locks_holds_nobody_up() {
    let site = Site::new(PROGRAMS);
    let directory = fs::File::open(site.path("")).unwrap();
    let lock = nix::fcntl::Flock::lock(directory, nix::fcntl::FlockArg::LockExclusive).unwrap();
    let running = site.supervise();
    assert!(running.command("version").0);
    running.stop();
    drop(lock);
}

#[test]
fn another_user_is_refused_even_if_the_files_let_him_in() {
    if !is_root() {
        eprintln!("left out: only root can become another user");
        return;
    }
    let running = supervise();
    let path = running.site.path("taskmaster.sock");
    fs::set_permissions(running.site.path(""), fs::Permissions::from_mode(0o755)).unwrap();
    let try_it = || {
        as_stranger(|| {
            let mut stream = UnixStream::connect(&path)?;
            stream.set_read_timeout(Some(harness::PATIENCE))?;
            stream.write_all(&post("stop w", "close"))?;
            let mut answer = String::new();
            stream.read_to_string(&mut answer).map(|_| answer)
        })
    };
    assert_eq!(try_it().unwrap_err().kind(), std::io::ErrorKind::PermissionDenied);
    fs::set_permissions(&path, fs::Permissions::from_mode(0o666)).unwrap();
    // He may find it closed while he speaks.
    if let Ok(answer) = try_it() {
        assert_eq!(answer, "");
    }
    assert_eq!(running.state("w:0"), "RUNNING");
    assert!(running.log().contains("refused at the control socket"));
    running.stop();
}

#[test]
fn a_command_is_answered_when_it_is_finished() {
    let running = supervise();
    wait_until("all to run", || running.status()["counts"]["RUNNING"] == 2);
    let before = running.pid_of("w:1");
    let (ok, lines) = running.command("restart w:1");
    assert!(ok && !lines.is_empty(), "{lines:?}");
    let row = running.process("w:1");
    assert_eq!(row["state"], "RUNNING");
    assert_ne!(running.pid_of("w:1"), before);
    assert_eq!(running.command("stop w:0"), (true, vec!["w:0: stopped".to_owned()]));
    assert_eq!(running.state("w:0"), "STOPPED");
    running.stop();
}

#[test]
fn what_goes_wrong_is_said_and_counted() {
    let running = Site::new(
        "  w: {cmd: sleep 1000, starttime: 0}\n  bad: {cmd: /nowhere/x, startretries: 0, autostart: false}",
    )
    .supervise();
    for line in
        ["start nobody", "nonsense", "start", "start bad", "signal NOPE w", "pid w:7", "start w nobody"]
    {
        let (ok, lines) = running.command(line);
        assert!(!ok && lines.iter().any(|line| line.starts_with("ERROR ")), "{line}: {lines:?}");
    }
    for line in ["", "   ", "status", "help", "version", "pid", "why w"] {
        let (ok, lines) = running.command(line);
        assert!(ok, "{line}: {lines:?}");
    }
    running.stop();
}

#[test]
fn what_a_program_logs_is_no_failure_of_tail() {
    let running =
        Site::new("  w: {cmd: \"sh -c 'echo ERROR of mine; exec sleep 1000'\", starttime: 0}").supervise();
    let answer =
        wait_for("the line", || Some(running.command("tail w")).filter(|(_, lines)| !lines.is_empty()));
    assert_eq!(answer, (true, vec!["ERROR of mine".to_owned()]));
    assert!(!running.command("tail nobody").0);
    running.stop();
}

#[test]
fn a_slow_command_holds_no_other() {
    let running = supervise_slow();
    std::thread::scope(|scope| {
        let slow = scope.spawn(|| running.command("stop slow"));
        wait_until("it to be asked", || running.site.path("asked").exists());
        assert!(running.command("restart w").0);
        assert_eq!(running.state("slow:0"), "STOPPING");
        running.site.write("go", "");
        assert_eq!(slow.join().unwrap(), (true, vec!["slow:0: stopped".to_owned()]));
    });
    running.stop();
}

#[test]
fn who_leaves_gives_his_place_up_and_the_command_goes_on() {
    let running = supervise_slow();
    let before = descriptors(running.pid());
    // More than there are places.
    for number in 0..80 {
        let mut stream = UnixStream::connect(running.site.path("taskmaster.sock")).unwrap();
        stream.write_all(&post("stop slow", "close")).unwrap();
        if number % 2 == 0 {
            // Some leave at once, some when it has been read.
            wait_until("it to be read", || running.site.path("asked").exists());
        }
    }
    wait_until("their places to be free", || descriptors(running.pid()) <= before);
    assert!(running.command("version").0);
    running.site.write("go", "");
    running.wait_for_state("slow:0", "STOPPED");
    running.stop();
}

#[test]
fn pipelined_commands_are_done_one_after_the_other() {
    let running = supervise();
    let requests =
        [post("stop w:0", "keep-alive"), post("status w:0", "keep-alive"), post("start w:0", "close")]
            .concat();
    let answers = running.ask(&requests);
    let lines: Vec<Value> = answers
        .iter()
        .map(|answer| serde_json::from_slice::<Value>(&answer.body).unwrap()["lines"].clone())
        .collect();
    assert_eq!(lines[0][0], "w:0: stopped");
    assert!(lines[1].to_string().contains("STOPPED"), "{}", lines[1]);
    assert_eq!(lines[2][0], "w:0: started");
    running.stop();
}

#[test]
fn a_client_that_sends_no_more_is_still_answered() {
    let running = supervise();
    let mut stream = UnixStream::connect(running.site.path("taskmaster.sock")).unwrap();
    stream.write_all(&post("restart w", "close")).unwrap();
    stream.shutdown(std::net::Shutdown::Write).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200") && answer.contains("\"ok\":true"), "{answer}");
    running.stop();
}

#[test]
fn a_body_is_what_it_should_be_or_refused() {
    let running = supervise();
    let json = "Content-Type: application/json\r\n";
    let status = |method: &str, headers: &str, body: &str| {
        let request =
            format!("{method} /api/commands HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{headers}\r\n{body}");
        let mut answers = running.ask(request.as_bytes());
        let answer = answers.remove(0);
        (answer.status, answer.header("allow").map(str::to_owned))
    };
    let sized =
        |kind: &str, body: &str| status("POST", &format!("{kind}Content-Length: {}\r\n", body.len()), body).0;
    assert_eq!(sized(json, r#"{"command": "version"}"#), 200);
    assert_eq!(sized("Content-Type: application/json; charset=utf-8\r\n", r#"{"command": "version"}"#), 200);
    assert_eq!(sized("", r#"{"command": "version"}"#), 415);
    assert_eq!(sized("Content-Type: text/plain\r\n", r#"{"command": "version"}"#), 415);
    assert_eq!(sized(json, "{"), 400);
    assert_eq!(sized(json, ""), 400);
    assert_eq!(sized(json, r#"{"command": "version", "more": 1}"#), 400);
    assert_eq!(sized(json, &format!(r#"{{"command": "{}"}}"#, "x".repeat(40_000))), 413);
    assert_eq!(status("POST", &format!("{json}Content-Length: 9999999999999\r\n"), "{}").0, 413);
    assert_eq!(status("POST", json, "").0, 411);
    assert_eq!(status("POST", &format!("{json}Transfer-Encoding: chunked\r\n"), "0\r\n\r\n").0, 400);
    assert_eq!(status("GET", "", ""), (405, Some("POST".to_owned())));
    // A body that does not come.
    assert_eq!(status("POST", &format!("{json}Content-Length: 50\r\n"), "{\"comm").0, 408);
    running.stop();
}

#[test]
fn over_tcp_there_are_no_commands() {
    let running = supervise();
    for request in [post("stop w", "close"), post("stop w", "keep-alive")] {
        let request = String::from_utf8(request).unwrap();
        assert_eq!(harness::send(running.site.port, &request).unwrap().status, 403);
    }
    let get = get(running.site.port, "/api/commands").unwrap();
    assert_eq!(get.status, 403);
    wait_until("all to run still", || running.status()["counts"]["RUNNING"] == 2);
    running.stop();
}

#[test]
fn the_last_command_is_answered_too() {
    let mut running = supervise();
    wait_until("all to run", || running.status()["counts"]["RUNNING"] == 2);
    assert!(running.command("shutdown").0);
    assert!(running.wait().success());
    assert!(!exists(&running.site.path("taskmaster.sock")));
}

#[test]
fn who_asked_before_the_end_is_answered_at_the_end() {
    let mut running = supervise_slow();
    std::thread::scope(|scope| {
        let path = running.site.path("taskmaster.sock");
        let slow = scope.spawn(move || harness::converse_at_socket(&path, &post("restart slow", "close")));
        wait_until("it to be asked", || running.site.path("asked").exists());
        running.signal(Signal::SIGTERM);
        running.site.write("go", "");
        let answer = String::from_utf8(slow.join().unwrap()).unwrap();
        assert!(answer.starts_with("HTTP/1.1 200") && answer.contains("\"ok\":false"), "{answer}");
    });
    assert!(running.wait().success());
}
