//! The dashboard's server: what it answers, what it refuses, and that nobody can hold it up.

mod harness;

use harness::{Running, Site, free_port, get, send, wait_until};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

fn one() -> Running {
    let running = Site::new("  w: {cmd: sleep 1000, starttime: 0, env: {SECRET: canary-value}}").supervise();
    running.wait_for_state("w:0", "RUNNING");
    running
}

fn status_of(running: &Running, request: &str) -> u16 {
    send(running.site.port, request).unwrap().status
}

#[test]
fn the_status_document_has_the_shape_of_the_contract() {
    let running = one();
    let answer = get(running.site.port, "/api/status").unwrap();
    assert_eq!(answer.header("Content-Type"), Some("application/json"));
    let status = running.status();
    let about = &status["taskmaster"];
    assert_eq!(about["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(about["pid"], running.pid());
    assert!(about["uptime"].is_f64());
    assert_eq!(about["config"], "config.yaml");
    for state in ["STOPPED", "STARTING", "RUNNING", "BACKOFF", "STOPPING", "EXITED", "FATAL"] {
        assert_eq!(status["counts"][state], u64::from(state == "RUNNING"), "{state}");
    }
    let program = &status["programs"][0];
    assert_eq!((&program["name"], &program["numprocs"]), (&"w".into(), &1.into()));
    let row = &program["processes"][0];
    assert_eq!(
        (&row["name"], &row["state"], &row["restarts"]),
        (&"w:0".into(), &"RUNNING".into(), &0.into())
    );
    assert!(row["exit"].is_null() && row["description"].is_string());
    assert!(row["rss_bytes"].as_u64().unwrap() > 10_000 && row["cpu_percent"].is_number(), "{row}");
    assert!(row["uptime"].as_f64().unwrap() < 60.0);
    running.stop();
}

#[test]
fn without_a_process_what_belongs_to_it_is_null() {
    let running =
        Site::new("  w: {cmd: sleep 1000, autostart: false}\n  v: {cmd: x, autostart: false}").supervise();
    let row = running.process("w:0");
    for field in ["pid", "uptime", "cpu_percent", "rss_bytes", "exit"] {
        assert!(row[field].is_null(), "{field} in {row}");
    }
    let filtered = get(running.site.port, "/api/status?program=v").unwrap();
    let filtered: serde_json::Value = serde_json::from_slice(&filtered.body).unwrap();
    assert_eq!(filtered["programs"].as_array().unwrap().len(), 1);
    assert_eq!(filtered["programs"][0]["name"], "v");
    running.stop();
}

#[test]
fn pages_are_served_with_the_headers_that_protect_them() {
    let running = one();
    assert_eq!(get(running.site.port, "/healthz").unwrap().body, b"ok");
    for (path, kind) in [("/", "text/html"), ("/app.js", "text/javascript"), ("/style.css", "text/css")] {
        let answer = get(running.site.port, path).unwrap();
        assert_eq!(answer.status, 200, "{path}");
        assert!(answer.header("Content-Type").unwrap().starts_with(kind));
        assert!(answer.header("Content-Security-Policy").unwrap().starts_with("default-src 'none'"));
        assert_eq!(answer.header("X-Content-Type-Options"), Some("nosniff"));
        assert!(answer.header("Cache-Control").is_some());
        assert_eq!(answer.header("Content-Length").unwrap(), answer.body.len().to_string());
    }
    running.stop();
}

#[test]
fn what_does_not_belong_is_refused_with_the_right_code() {
    let running = one();
    let status = |request: &str| status_of(&running, request);
    let close = "Connection: close\r\n";
    assert_eq!(status(&format!("GET /nothing HTTP/1.1\r\nHost: localhost\r\n{close}\r\n")), 404);
    assert_eq!(status(&format!("GET /../../etc/passwd HTTP/1.1\r\nHost: localhost\r\n{close}\r\n")), 404);
    assert_eq!(status(&format!("GET / HTTP/1.1\r\nHost: evil.example\r\n{close}\r\n")), 403);
    assert_eq!(status(&format!("GET / HTTP/1.1\r\n{close}\r\n")), 400);
    assert_eq!(status("GET / HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\n\r\n"), 400);
    assert_eq!(status("GET / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\n\r\nabc"), 400);
    assert_eq!(
        status("GET / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
        400
    );
    assert_eq!(
        status(&format!("GET / HTTP/1.1\r\nHost: localhost\r\nX: {}\r\n\r\n", "x".repeat(20_000))),
        431
    );
    assert_eq!(status("GET / HTTP/3.0\r\nHost: localhost\r\n\r\n"), 505);
    assert_eq!(status("hello\r\n\r\n"), 400);
    let answer =
        send(running.site.port, &format!("POST / HTTP/1.1\r\nHost: localhost\r\n{close}\r\n")).unwrap();
    assert_eq!((answer.status, answer.header("Allow")), (405, Some("GET, HEAD")));
    let answer =
        send(running.site.port, &format!("HEAD /healthz HTTP/1.1\r\nHost: localhost\r\n{close}\r\n"))
            .unwrap();
    assert_eq!((answer.status, answer.header("Content-Length"), answer.body.len()), (200, Some("2"), 0));
    running.stop();
}

#[test]
fn a_host_of_the_users_own_can_be_allowed() {
    let site = Site::new("");
    site.configure("  w: {cmd: sleep 1000}", "  allowed_hosts: [box.example]");
    let running = site.supervise();
    let ask = |host: &str| {
        status_of(&running, &format!("GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"))
    };
    assert_eq!((ask("box.example:80"), ask("other.example")), (200, 403));
    running.stop();
}

#[test]
fn no_answer_tells_an_environment_value() {
    let running = one();
    for path in ["/", "/api/status", "/healthz", "/app.js"] {
        let body = get(running.site.port, path).unwrap().body;
        assert!(!String::from_utf8_lossy(&body).contains("canary-value"), "{path}");
    }
    assert!(!running.log().contains("canary-value"));
    running.stop();
}

#[test]
fn requests_in_one_connection_are_answered_in_order() {
    let running = one();
    let request = |path: &str, more: &str| format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n{more}\r\n");
    let pipelined = format!(
        "{}{}{}",
        request("/healthz", ""),
        request("/x", ""),
        request("/healthz", "Connection: close\r\n")
    );
    let answer = send(running.site.port, &pipelined).unwrap();
    let all = format!("{}\r\n\r\n{}", answer.head, String::from_utf8_lossy(&answer.body));
    let codes: Vec<&str> = all.match_indices("HTTP/1.1 ").map(|(at, _)| &all[at + 9..at + 12]).collect();
    assert_eq!(codes, ["200", "404", "200"]);
    running.stop();
}

#[test]
fn slow_and_silent_peers_hold_up_nobody() {
    let running = one();
    let mut idle: Vec<TcpStream> =
        (0..60).map(|_| TcpStream::connect(("127.0.0.1", running.site.port)).unwrap()).collect();
    for (number, stream) in idle.iter_mut().enumerate() {
        stream.write_all(&b"GET / HTTP/1.1\r\nHost: localhost\r\n"[..number % 30]).unwrap();
    }
    assert_eq!(get(running.site.port, "/healthz").unwrap().status, 200);
    // A head must be complete after ten seconds; who has not begun one is simply hung up on.
    let mut answer = String::new();
    idle[7].set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    idle[7].read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 408"), "{answer:?}");
    running.stop();
}

#[test]
fn an_address_that_is_taken_is_a_warning_and_is_tried_again() {
    let site = Site::new("  w: {cmd: sleep 1000, starttime: 0}");
    let taken = TcpListener::bind(("127.0.0.1", site.port)).unwrap();
    let mut command = site.command();
    let mut child = command.spawn().unwrap();
    wait_until("supervision to go on without it", || {
        site.read("logs/taskmaster.log").contains("w:0: STARTING -> RUNNING")
    });
    drop(taken);
    wait_until("the dashboard", || get(site.port, "/healthz").is_ok());
    harness::kill(child.id(), nix::sys::signal::Signal::SIGTERM);
    child.wait().unwrap();
    let mut warning = String::new();
    child.stderr.take().unwrap().read_to_string(&mut warning).unwrap();
    assert!(
        warning.contains("WARNING: no dashboard at") && warning.contains("Address already in use"),
        "{warning}"
    );
}

#[test]
fn the_command_line_has_the_last_word_on_the_address() {
    let site = Site::new("  w: {cmd: sleep 1000}");
    let (configured, other) = (site.port, free_port());
    let mut command = site.command();
    command.args(["--http", &format!("localhost:{other}")]);
    let mut child = command.spawn().unwrap();
    wait_until("the dashboard", || get(other, "/healthz").is_ok());
    assert!(get(configured, "/healthz").is_err());
    harness::kill(child.id(), nix::sys::signal::Signal::SIGTERM);
    assert!(child.wait().unwrap().success());
}
