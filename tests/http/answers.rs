//! The dashboard's address: what is answered, what is refused and how, and that nobody who talks to
//! it can hold the supervisor.

use crate::harness::{self, PATIENCE, Running, Site, get, is_alive, pipeline, send, wait_for, wait_until};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

const PATHS: [&str; 5] = ["/healthz", "/api/status", "/", "/app.js", "/style.css"];

fn supervise() -> Running {
    let running =
        Site::new("  w: {cmd: sleep 1000, starttime: 0}\n  done: {cmd: \"sh -c 'exit 3'\", starttime: 0, autorestart: never}")
            .supervise();
    running.wait_for_state("w:0", "RUNNING");
    running.wait_for_state("done:0", "EXITED");
    running
}

/// The status of the answer to a request with these lines, Host and Connection: close included.
fn status_of(running: &Running, request_line: &str, headers: &str) -> u16 {
    let request = format!("{request_line}\r\nHost: localhost\r\nConnection: close\r\n{headers}\r\n");
    send(running.site.port, &request).unwrap().status
}

fn names(object: &Value) -> Vec<&str> {
    let mut names: Vec<&str> = object.as_object().unwrap().keys().map(String::as_str).collect();
    names.sort_unstable();
    names
}

#[test]
fn healthz_says_ok() {
    let running = supervise();
    let answer = get(running.site.port, "/healthz").unwrap();
    assert_eq!((answer.status, answer.body.as_slice()), (200, &b"ok"[..]));
}

#[test]
fn status_has_the_shape_of_the_contract_and_nothing_more() {
    let running = supervise();
    let answer = get(running.site.port, "/api/status").unwrap();
    assert_eq!(answer.header("content-type"), Some("application/json"));
    let status: Value = serde_json::from_slice(&answer.body).unwrap();
    assert_eq!(names(&status), ["counts", "programs", "taskmaster"]);
    assert_eq!(names(&status["taskmaster"]), ["config", "pid", "uptime", "version"]);
    assert_eq!(status["taskmaster"]["pid"], running.pid());
    assert_eq!(status["taskmaster"]["config"], "config.yaml");
    let states = ["BACKOFF", "EXITED", "FATAL", "RUNNING", "STARTING", "STOPPED", "STOPPING"];
    assert_eq!(names(&status["counts"]), states);
    let total: u64 = states.iter().map(|state| status["counts"][state].as_u64().unwrap()).sum();
    assert_eq!(total, 2);
    assert_eq!(names(&status["programs"][0]), ["name", "numprocs", "processes"]);
    let row = &status["programs"][0]["processes"][0];
    let keys =
        ["cpu_percent", "description", "exit", "name", "pid", "restarts", "rss_bytes", "state", "uptime"];
    assert_eq!(names(row), keys);
    assert!(row["rss_bytes"].as_u64().unwrap() > 0 && row["cpu_percent"].is_f64(), "{row}");
    assert_eq!(row["exit"], Value::Null);
    let ended = &status["programs"][1]["processes"][0];
    assert_eq!(ended["exit"], json!({"code": 3}));
    for key in ["pid", "uptime", "cpu_percent", "rss_bytes"] {
        assert_eq!(ended[key], Value::Null, "{ended}");
    }
}

#[test]
fn status_can_be_asked_for_one_program() {
    let running = supervise();
    let programs = |name: &str| -> Value {
        let answer = get(running.site.port, &format!("/api/status?program={name}")).unwrap();
        let status: Value = serde_json::from_slice(&answer.body).unwrap();
        status["programs"].clone()
    };
    assert_eq!(programs("done").as_array().unwrap().len(), 1);
    assert_eq!(programs("done")[0]["name"], "done");
    assert_eq!(programs("nobody"), json!([]));
}

#[test]
fn the_dashboard_is_served_from_the_binary() {
    let running = supervise();
    for (path, kind) in [("/", "text/html"), ("/app.js", "text/javascript"), ("/style.css", "text/css")] {
        let answer = get(running.site.port, path).unwrap();
        assert_eq!(answer.status, 200, "{path}");
        assert_eq!(answer.header("content-type").unwrap(), format!("{kind}; charset=utf-8"));
        assert_eq!(answer.header("content-length").unwrap(), answer.body.len().to_string());
        assert!(answer.body.len() > 100, "{path}");
    }
}

#[test]
fn head_is_get_without_a_body() {
    let running = supervise();
    for path in ["/healthz", "/", "/app.js"] {
        let request = format!("HEAD {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
        let head = send(running.site.port, &request).unwrap();
        assert_eq!(head.body, b"");
        assert_eq!(head.head, get(running.site.port, path).unwrap().head);
    }
}

#[test]
fn every_answer_carries_the_security_headers() {
    let running = supervise();
    let host = |host: &str, path: &str| {
        let request = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
        send(running.site.port, &request).unwrap()
    };
    let mut answers: Vec<_> = PATHS.map(|path| get(running.site.port, path).unwrap()).into();
    answers.extend([host("localhost", "/nothing"), host("evil.example", "/")]);
    for answer in answers {
        let policy = answer.header("content-security-policy").unwrap();
        assert!(policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"));
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
        // What never changes while the binary is the same may be kept, if it is asked for again.
        let caching = if answer.header("etag").is_some() { "no-cache" } else { "no-store" };
        assert_eq!(answer.header("cache-control"), Some(caching));
        assert!(answer.header("date").unwrap().ends_with(" GMT"));
        assert_eq!(answer.header("access-control-allow-origin"), None);
    }
}

#[test]
fn what_cannot_be_answered_is_refused_with_the_right_status() {
    let running = supervise();
    for path in ["/nothing", "/../config.yaml", "/%2e%2e/config.yaml", "/api/status/", "/API/status"] {
        assert_eq!(status_of(&running, &format!("GET {path} HTTP/1.1"), ""), 404, "{path}");
    }
    assert_eq!(status_of(&running, "GET http://localhost/ HTTP/1.1", ""), 400);
    assert_eq!(status_of(&running, "GET / HTTP/2.0", ""), 505);
    assert_eq!(status_of(&running, "complete nonsense", ""), 400);
    assert_eq!(status_of(&running, "GET / HTTP/1.1", "no colon\r\n"), 400);
    assert_eq!(status_of(&running, "GET / HTTP/1.1", "X: y\r\n folded\r\n"), 400);
    assert_eq!(status_of(&running, "GET / HTTP/1.1", &"X: y\r\n".repeat(100)), 431);
}

#[test]
fn only_reading_is_allowed_and_405_says_so() {
    let running = supervise();
    for method in ["POST", "PUT", "DELETE", "OPTIONS", "TRACE", "get"] {
        let request =
            format!("{method} /api/status HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
        let answer = send(running.site.port, &request).unwrap();
        assert_eq!((answer.status, answer.header("allow")), (405, Some("GET, HEAD")), "{method}");
    }
}

#[test]
fn a_request_with_a_body_is_refused() {
    let running = supervise();
    for header in [
        "Content-Length: 5\r\n",
        "Content-Length: -1\r\n",
        "Content-Length: 0\r\nContent-Length: 7\r\n",
        "Transfer-Encoding: chunked\r\n",
        "Content-Length: 0\r\nTransfer-Encoding: chunked\r\n",
    ] {
        assert_eq!(status_of(&running, "GET /healthz HTTP/1.1", header), 400, "{header}");
    }
    assert_eq!(status_of(&running, "GET /healthz HTTP/1.1", "Content-Length: 0\r\n"), 200);
}

/// A web page can give 127.0.0.1 a name of its own; its requests carry that name.
#[test]
fn only_requests_that_name_this_machine_are_answered() {
    let site = Site::new("  w: {cmd: sleep 1000, starttime: 0}");
    site.configure("  w: {cmd: sleep 1000, starttime: 0}", "  allowed_hosts: [box.example]");
    let running = site.supervise();
    let status = |hosts: &str| {
        let request = format!("GET /api/status HTTP/1.1\r\n{hosts}Connection: close\r\n\r\n");
        send(running.site.port, &request).unwrap().status
    };
    let port = running.site.port;
    for host in [
        format!("Host: localhost:{port}\r\n"),
        format!("Host: 127.0.0.1:{port}\r\n"),
        format!("Host: [::1]:{port}\r\n"),
    ] {
        assert_eq!(status(&host), 200, "{host}");
    }
    for (hosts, expected) in [
        ("Host: localhost\r\n", 200),
        ("Host: 127.0.0.1\r\n", 200),
        ("host: BOX.example\r\n", 200),
        ("Host: BOX.example:443\r\n", 200),
        ("Host: localhost:1\r\n", 403),
        ("Host: 192.168.1.1\r\n", 403),
        ("Host: evil.example\r\n", 403),
        ("Host: localhost.evil.example\r\n", 403),
        ("Host: \r\n", 403),
        ("", 400),
        ("Host: localhost\r\nHost: localhost\r\n", 400),
    ] {
        assert_eq!(status(hosts), expected, "{hosts}");
    }
}

/// Behind a forwarded port we are reached at addresses that we cannot know; no name service has a
/// part in them.
#[test]
fn at_a_wildcard_address_every_address_is_answered_to_but_no_name() {
    let site = Site::new("");
    site.write("config.yaml", &format!("programs: {{}}\ntaskmaster: {{http: '0.0.0.0:{}'}}\n", site.port));
    let running = site.supervise();
    for (host, expected) in
        [("192.168.1.1:9999", 200), ("[fd00::1]", 200), ("localhost:9999", 200), ("evil.example", 403)]
    {
        let request = format!("GET /healthz HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
        assert_eq!(send(running.site.port, &request).unwrap().status, expected, "{host}");
    }
}

#[test]
fn a_head_of_more_than_16_kib_is_refused() {
    let running = supervise();
    let padding = |count: usize| format!("X: {}\r\n", "y".repeat(count));
    assert_eq!(status_of(&running, "GET /healthz HTTP/1.1", &padding(15 * 1024)), 200);
    assert_eq!(status_of(&running, "GET /healthz HTTP/1.1", &padding(17 * 1024)), 431);
    // Nor is there an end to wait for.
    assert_eq!(send(running.site.port, &"x".repeat(100 * 1024)).unwrap().status, 431);
}

#[test]
fn pipelined_requests_are_answered_in_order_on_one_connection() {
    let running = supervise();
    let request = |path: &str, more: &str| format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n{more}\r\n");
    let close = "Connection: close\r\n";
    let mut requests: String = PATHS.map(|path| request(path, "")).concat().repeat(20);
    requests.push_str(&request("/nothing", close));
    // What follows a close is not answered.
    requests.push_str(&request("/healthz", close));
    let answers = pipeline(running.site.port, &requests);
    assert_eq!(answers.len(), 101);
    for (answer, path) in answers.iter().zip(PATHS.iter().cycle()).take(100) {
        assert_eq!(answer.header("connection"), Some("keep-alive"), "{path}");
        assert_eq!(answer.body.as_slice() == b"ok", *path == "/healthz");
    }
    assert_eq!((answers[100].status, answers[100].header("connection")), (404, Some("close")));
}

#[test]
fn an_old_client_is_answered_and_the_connection_closed() {
    let running = supervise();
    let answer = send(running.site.port, "GET /healthz HTTP/1.0\r\nHost: localhost\r\n\r\n").unwrap();
    assert_eq!((answer.status, answer.header("connection")), (200, Some("close")));
}

#[test]
fn a_head_that_comes_byte_by_byte_is_a_head() {
    let running = supervise();
    let mut stream = TcpStream::connect(("127.0.0.1", running.site.port)).unwrap();
    stream.set_nodelay(true).unwrap();
    for byte in b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n" {
        stream.write_all(&[*byte]).unwrap();
    }
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    assert!(text.ends_with("\r\n\r\nok"), "{text}");
}

#[test]
fn peers_that_are_slow_or_silent_or_deaf_hold_nobody() {
    let running = supervise();
    let connect = || TcpStream::connect(("127.0.0.1", running.site.port)).unwrap();
    let mut slow: Vec<TcpStream> = (0..60).map(|_| connect()).collect();
    for (sent, stream) in slow.iter_mut().enumerate() {
        stream.write_all(&b"GET / HTTP/1.1\r\nHost: localhost\r\n"[..sent % 30]).unwrap();
    }
    let deaf: Vec<TcpStream> = (0..20)
        .map(|_| {
            let mut stream = connect();
            stream.set_nonblocking(true).unwrap();
            let requests = "GET /app.js HTTP/1.1\r\nHost: localhost\r\n\r\n".repeat(2000);
            // As much as it takes; what matters is that the answers are not read.
            let _ = stream.write(requests.as_bytes());
            stream
        })
        .collect();
    for _ in 0..20 {
        assert_eq!(get(running.site.port, "/healthz").unwrap().status, 200);
    }
    // A head must be complete after ten seconds.
    let mut answer = String::new();
    slow[7].set_read_timeout(Some(PATIENCE)).unwrap();
    slow[7].read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 408"), "{answer:?}");
    drop(deaf);
    running.stop();
}

#[test]
fn no_environment_value_is_ever_in_an_answer() {
    let canary = "canary-4711";
    let site = Site::new(
        "  w: {cmd: sleep 1000, starttime: 0, env: {TOKEN: canary-4711}}\n  bad: {cmd: /nowhere/x, startretries: 0, env: {TOKEN: '${SECRET}'}}\n  dies: {cmd: \"sh -c 'echo $TOKEN >&2; exit 1'\", startretries: 0, env: {TOKEN: canary-4711}}",
    );
    let mut command = site.command();
    command.env("SECRET", canary);
    let running = site.start(&mut command);
    running.wait_for_state("bad:0", "FATAL");
    running.wait_for_state("dies:0", "FATAL");
    for path in PATHS.into_iter().chain(["/nothing", "/api/status?program=canary-4711"]) {
        let answer = get(running.site.port, path).unwrap();
        let text = String::from_utf8_lossy(&answer.body).into_owned();
        assert!(!text.contains(canary), "{path}: {text}");
    }
    assert!(!running.log().contains(canary));
}

#[test]
fn a_taken_port_is_told_of_and_tried_again_while_supervision_goes_on() {
    let site = Site::new("  w: {cmd: touch started, starttime: 0}");
    let squatter = TcpListener::bind(("127.0.0.1", site.port)).unwrap();
    let mut command = site.command();
    let mut running = site.start_unseen(&mut command);
    let mut stderr = BufReader::new(running.child.stderr.take().unwrap());
    let mut warning = String::new();
    stderr.read_line(&mut warning).unwrap();
    assert!(warning.contains("WARNING: no dashboard at"), "{warning}");
    assert!(warning.contains("Address already in use"), "{warning}");
    wait_until("the program to run", || running.site.path("started").exists());
    drop(squatter);
    wait_for("the dashboard after all", || get(running.site.port, "/healthz").ok());
    running.stop();
}

#[test]
fn the_command_line_has_the_last_word_on_the_address() {
    let site = Site::new("  w: {cmd: touch started, starttime: 0}");
    let other = harness::free_port();
    let mut command = site.command();
    command.args(["run", "--http", &format!("localhost:{other}")]);
    let running = site.start_unseen(&mut command);
    wait_for("the dashboard at the other port", || get(other, "/healthz").ok());
    assert!(get(running.site.port, "/healthz").is_err());
    running.stop();

    let site = Site::new("  w: {cmd: touch started, starttime: 0}");
    let mut command = site.command();
    command.args(["--http", "off"]);
    let running = site.start_unseen(&mut command);
    wait_until("the program to run", || running.site.path("started").exists());
    assert!(get(running.site.port, "/healthz").is_err());
    assert!(is_alive(running.pid()));
    running.stop();
}

#[test]
fn silent_peers_give_way_when_the_house_is_full() {
    let running = Site::new("  w: {cmd: sleep 1000}").supervise();
    let silent: Vec<TcpStream> =
        (0..300).map(|_| TcpStream::connect(("127.0.0.1", running.site.port)).unwrap()).collect();
    let begun = std::time::Instant::now();
    assert_eq!(get(running.site.port, "/healthz").unwrap().status, 200);
    assert!(begun.elapsed() < Duration::from_secs(8), "it waited for silent peers to time out");
    drop(silent);
    running.stop();
}
