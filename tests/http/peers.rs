//! Peers that are odd or hostile, and caches: what they get, and that they cost little.

use crate::harness::{
    self, PATIENCE, Running, Site, context_switches, cpu_ticks, descriptors, get, pipeline, rss_bytes, send,
    wait_until,
};
use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::os::fd::AsFd;
use std::time::Duration;

fn supervise() -> Running {
    let running = Site::new("  w: {cmd: sleep 1000, numprocs: 2, starttime: 0}").supervise();
    wait_until("all to run", || running.status()["counts"]["RUNNING"] == 2);
    running
}

fn connect(running: &Running) -> TcpStream {
    let stream = TcpStream::connect(("127.0.0.1", running.site.port)).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}

#[test]
fn what_a_client_has_already_is_not_sent_again() {
    let running = supervise();
    for path in ["/", "/app.js", "/style.css"] {
        let tag = get(running.site.port, path).unwrap().header("etag").unwrap().to_owned();
        let ask = |method: &str, known: &str| {
            let head = format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n");
            send(running.site.port, &format!("{head}If-None-Match: {known}\r\n\r\n")).unwrap()
        };
        for known in [tag.clone(), format!("\"x\", {tag}"), format!("W/{tag}"), "*".to_owned()] {
            let answer = ask("GET", &known);
            assert_eq!((answer.status, answer.body.len()), (304, 0), "{known}");
            assert_eq!(answer.header("etag"), Some(tag.as_str()));
            assert_eq!(ask("HEAD", &known).status, 304);
        }
        for known in ["\"x\"", tag.trim_matches('"')] {
            assert_eq!(ask("GET", known).status, 200, "{known}");
        }
    }
    running.stop();
}

#[test]
fn head_is_answered_wherever_get_is() {
    let running = supervise();
    let paths =
        ["/healthz", "/api/status", "/api/status?program=w", "/metrics", "/api/programs/w/why/0", "/nothing"];
    for path in paths {
        let head = send(
            running.site.port,
            &format!("HEAD {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"),
        )
        .unwrap();
        let get = get(running.site.port, path).unwrap();
        assert_eq!((head.status, head.body.len()), (get.status, 0), "{path}");
        assert_eq!(head.header("content-type"), get.header("content-type"));
        assert!(head.header("content-length").is_some(), "{path}");
    }
    // And nothing of a body comes between the answers on one connection.
    let request =
        |method: &str, more: &str| format!("{method} /healthz HTTP/1.1\r\nHost: localhost\r\n{more}\r\n");
    let mut stream = connect(&running);
    let requests = request("HEAD", "") + &request("GET", "") + &request("HEAD", "Connection: close\r\n");
    stream.write_all(requests.as_bytes()).unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    assert_eq!(text.matches("HTTP/1.1 200").count(), 3);
    assert_eq!(text.matches("\r\n\r\nok").count(), 1);
    running.stop();
}

#[test]
fn who_sends_no_more_still_gets_all_answers() {
    let running = supervise();
    let mut stream = connect(&running);
    stream.write_all("GET /api/status HTTP/1.1\r\nHost: localhost\r\n\r\n".repeat(50).as_bytes()).unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    assert_eq!(text.matches("HTTP/1.1 200").count(), 50);
    running.stop();
}

#[test]
fn who_resets_leaves_nothing_behind() {
    let running = supervise();
    let before = descriptors(running.pid());
    for number in 0..100 {
        let mut stream = connect(&running);
        let path =
            ["/healthz", "/api/events", "/metrics", "/api/programs/w/logs/0/stdout?follow=1"][number % 4];
        let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n");
        stream.write_all(request.get(..request.len() - number % 3).unwrap().as_bytes()).unwrap();
        // No orderly end, but a reset.
        let linger = nix::libc::linger { l_onoff: 1, l_linger: 0 };
        nix::sys::socket::setsockopt(&stream.as_fd(), nix::sys::socket::sockopt::Linger, &linger).unwrap();
    }
    wait_until("all of them to be gone", || descriptors(running.pid()) <= before);
    assert_eq!(
        pipeline(running.site.port, "GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            .len(),
        1
    );
    running.stop();
}

/// Each may have 8 MB before it; all of them together may not.
#[test]
fn many_who_ask_for_much_and_read_nothing_cost_bounded_memory() {
    let running =
        Site::new("  w: {cmd: \"seq -f '%0200.0f' 40000\", autorestart: never, starttime: 0}").supervise();
    running.wait_for_state("w:0", "EXITED");
    let before = rss_bytes(running.pid());
    let deaf: Vec<TcpStream> = (0..60)
        .map(|_| {
            let mut stream = connect(&running);
            let path = "/api/programs/w/logs/0/stdout?lines=10000";
            write!(stream, "GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
            stream
        })
        .collect();
    // The last of them has been served when this is answered.
    for _ in 0..10 {
        assert_eq!(get(running.site.port, "/healthz").unwrap().status, 200);
    }
    let grown = rss_bytes(running.pid()).saturating_sub(before);
    assert!(grown < 100 << 20, "{grown} bytes");
    drop(deaf);
    running.stop();
}

/// With 100 descriptors there is room for some connections, and always for programs.
#[test]
fn without_descriptors_programs_go_first_and_nothing_spins() {
    let site = Site::new("  w: {cmd: sleep 1000, numprocs: 2, starttime: 0}");
    let mut command = std::process::Command::new("sh");
    command.args(["-c", "ulimit -n 100; exec \"$0\"", env!("CARGO_BIN_EXE_taskmaster")]);
    command.current_dir(site.path("")).env(harness::Mark::NAME, site.mark.value());
    command.stdin(std::process::Stdio::null()).stdout(std::process::Stdio::null());
    let running = site.start(&mut command);
    wait_until("all to run", || running.status()["counts"]["RUNNING"] == 2);
    // Readers of a stream are not to give way; silent ones are.
    let mut reader = harness::EventReader::open(running.site.port, "/api/events", "");
    reader.next().unwrap();
    let streams: Vec<TcpStream> = (0..150)
        .map(|_| {
            let mut stream = connect(&running);
            write!(stream, "GET /api/events HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
            stream
        })
        .collect();
    wait_until("it to be told", || running.log().contains("descriptors are running out"));
    let silent: Vec<TcpStream> = (0..50).map(|_| connect(&running)).collect();
    // The one that was there before lives on, the control socket answers, and programs are started.
    let before = running.site.path("logs/taskmaster.log");
    assert!(before.exists());
    for _ in 0..3 {
        let (ok, lines) = running.command("restart w");
        assert!(ok, "{lines:?}");
    }
    reader.wait_for("the restarts", |event| event.row("w:1").is_some_and(|row| row["state"] == "RUNNING"));
    assert!(descriptors(running.pid()) <= 100);
    assert_eq!(
        running.log().matches("descriptors are running out").count(),
        1,
        "it was told again and again"
    );
    // Nobody at the door makes it run.
    let (ticks, switches) = (cpu_ticks(running.pid()), context_switches(running.pid()));
    std::thread::sleep(Duration::from_secs(1));
    assert!(cpu_ticks(running.pid()) - ticks < 30 && context_switches(running.pid()) - switches < 200);
    drop((streams, silent));
    wait_until("room again", || get(running.site.port, "/healthz").is_ok_and(|answer| answer.status == 200));
    running.stop();
}
