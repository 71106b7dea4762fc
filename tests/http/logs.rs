//! Logs over HTTP: their ends, what follows, and who may read them.

use crate::harness::{
    self, Answer, EventReader, Running, Site, as_stranger, get, is_root, send, wait_for, wait_until,
};
use std::io::Write;

/// Writes a numbered line for each line of `more` that a test adds.
const ECHO: &str = "  w: {cmd: \"sh -c 'touch more; exec tail -f -n +1 more'\", starttime: 0, stderr: none}";

fn log(name: &str, query: &str) -> String {
    format!("/api/programs/{name}?{query}")
}

fn text(running: &Running, name: &str, query: &str) -> String {
    let answer = get(running.site.port, &log(name, query)).unwrap();
    assert_eq!((answer.status, answer.header("content-type")), (200, Some("text/plain; charset=utf-8")));
    String::from_utf8(answer.body).unwrap()
}

/// Has the program write these lines.
fn say(running: &Running, lines: &str) {
    let mut file =
        std::fs::OpenOptions::new().create(true).append(true).open(running.site.path("more")).unwrap();
    file.write_all(lines.as_bytes()).unwrap();
}

fn supervise() -> Running {
    let running = Site::new(ECHO).supervise();
    say(&running, "one\ntwo\nthree\n");
    wait_until("the lines", || running.site.read("logs/w.stdout").ends_with("three\n"));
    running
}

#[test]
fn the_last_lines_are_given() {
    let running = supervise();
    assert_eq!(text(&running, "w/logs/0/stdout", ""), "one\ntwo\nthree\n");
    assert_eq!(text(&running, "w/logs/0/stdout", "lines=2"), "two\nthree\n");
    assert_eq!(text(&running, "w/logs/0/stdout", "lines=0"), "");
    let many: String = (0..300).map(|number| format!("{number}\n")).collect();
    say(&running, &many);
    wait_until("the lines", || running.site.read("logs/w.stdout").ends_with("299\n"));
    assert_eq!(text(&running, "w/logs/0/stdout", "").lines().count(), 100);
    assert_eq!(text(&running, "w/logs/0/stdout", "lines=1000").lines().count(), 303);
    running.stop();
}

#[test]
fn what_is_not_there_is_404() {
    let site = Site::new(&format!(
        "{ECHO}\n  heard: {{cmd: sleep 1000, starttime: 0, stdout: inherit}}\n  odd: {{cmd: sleep 1000, stdout: /dev/null}}"
    ));
    let running = site.supervise();
    let status = |path: &str| get(running.site.port, &format!("/api/programs/{path}")).unwrap().status;
    for path in [
        "nobody/logs/0/stdout",
        "w/logs/1/stdout",
        "w/logs/00000000000000/stdin",
        "w/logs/99999999999999999999/stdout",
        "w/logs/-1/stdout",
        "w/logs/0/stderr",
        "w/logs/0/stderr?follow=1",
        "heard/logs/0/stdout",
        "odd/logs/0/stdout",
        "odd/logs/0/stdout?follow=1",
        "w/logs/0/stdout/",
        "../w/logs/0/stdout",
        "w%2Flogs/0/stdout",
        "w/why/1",
        "nobody/why/0",
        "w/why/",
        "w/why/0/0",
    ] {
        assert_eq!(status(path), 404, "{path}");
    }
    assert_eq!(status("w/logs/0/stdout?lines=many"), 400);
    assert_eq!(status("w/logs/0/stdout?lines=-1"), 400);
    let post = "POST /api/programs/w/logs/0/stdout HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    assert_eq!(send(running.site.port, post).unwrap().status, 405);
    running.stop();
}

fn follow(running: &Running, query: &str) -> EventReader {
    let reader = EventReader::open(running.site.port, &log("w/logs/0/stdout", query), "");
    assert!(reader.head.contains("\r\nContent-Type: text/event-stream\r\n"), "{}", reader.head);
    reader
}

fn line(reader: &mut EventReader) -> String {
    let event = reader.next().unwrap();
    assert_eq!(event.name, "line");
    event.data
}

#[test]
fn a_log_is_followed_line_by_line() {
    let running = supervise();
    let mut reader = follow(&running, "lines=1&follow=1");
    assert_eq!(line(&mut reader), "three");
    say(&running, "four\nfi");
    assert_eq!(line(&mut reader), "four");
    say(&running, "ve\n");
    assert_eq!(line(&mut reader), "five");
    say(&running, "event: forged\rid: 7\n<b>&\u{e4}\n");
    assert_eq!(line(&mut reader), "event: forged id: 7");
    assert_eq!(line(&mut reader), "<b>&\u{e4}");
    running.stop();
}

#[test]
fn a_follower_goes_along_with_rotations() {
    let site =
        Site::new(&ECHO.replace("starttime", "stdout_maxbytes: 20000, stdout_backups: 100, starttime"));
    let running = site.supervise();
    let mut reader = follow(&running, "lines=0&follow=1");
    let mut next = 0;
    for round in 1..=20 {
        let lines: String = (next..round * 500).map(|number| format!("line {number}\n")).collect();
        say(&running, &lines);
        while next < round * 500 {
            assert_eq!(line(&mut reader), format!("line {next}"));
            next += 1;
        }
    }
    assert!(running.site.path("logs/w.stdout.3").exists(), "it was not rotated");
    running.stop();
}

#[test]
fn a_log_that_is_not_there_yet_can_be_followed() {
    let site = Site::new(&ECHO.replace("starttime", "autostart: false, starttime"));
    let running = site.supervise();
    let mut reader = follow(&running, "follow=1");
    assert_eq!(text(&running, "w/logs/0/stdout", ""), "");
    say(&running, "first\n");
    assert!(running.command("start w").0);
    assert_eq!(line(&mut reader), "first");
    running.stop();
}

/// Followers read files themselves, so one that reads nothing keeps its file open, and no more.
#[test]
fn deaf_followers_cost_no_memory() {
    let running = Site::new(
        "  w: {cmd: \"sh -c 'while :; do printf %0100000d 0; echo; done'\", starttime: 0, stdout_maxbytes: 1MB, stdout_backups: 1}",
    )
    .supervise();
    let before = harness::rss_bytes(running.pid());
    let deaf: Vec<std::net::TcpStream> = (0..40)
        .map(|_| {
            let mut stream = std::net::TcpStream::connect(("127.0.0.1", running.site.port)).unwrap();
            write!(stream, "GET {} HTTP/1.1\r\nHost: localhost\r\n\r\n", log("w/logs/0/stdout", "follow=1"))
                .unwrap();
            stream
        })
        .collect();
    let written = || {
        let metrics = String::from_utf8(get(running.site.port, "/metrics").unwrap().body).unwrap();
        let line =
            metrics.lines().find(|line| line.starts_with("taskmaster_process_log_bytes_total{")).unwrap();
        line.rsplit(' ').next().unwrap().parse::<f64>().unwrap()
    };
    let goal = written() + 30e6;
    wait_until("much to be written", || written() > goal);
    let grown = harness::rss_bytes(running.pid()).saturating_sub(before);
    assert!(grown < 40 << 20, "{grown} bytes");
    drop(deaf);
    running.stop();
}

#[test]
fn head_is_get_without_a_body() {
    let running = supervise();
    for (query, kind) in [("lines=2", "text/plain; charset=utf-8"), ("follow=1", "text/event-stream")] {
        let request = format!(
            "HEAD {} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
            log("w/logs/0/stdout", query)
        );
        let head = send(running.site.port, &request).unwrap();
        assert_eq!((head.status, head.header("content-type"), head.body.len()), (200, Some(kind), 0));
    }
    running.stop();
}

#[test]
fn why_is_told_to_pages_as_it_is_to_people() {
    let running =
        Site::new("  bad: {cmd: \"sh -c 'echo out of cheese >&2; exit 3'\", startretries: 0}").supervise();
    running.wait_for_state("bad:0", "FATAL");
    let answer = get(running.site.port, "/api/programs/bad/why/0").unwrap();
    assert_eq!((answer.status, answer.header("content-type")), (200, Some("application/json")));
    let document: serde_json::Value = serde_json::from_slice(&answer.body).unwrap();
    assert_eq!(document["name"], "bad:0");
    assert_eq!(document.as_object().unwrap().len(), 3);
    let lines: Vec<String> = serde_json::from_value(document["lines"].clone()).unwrap();
    assert!(lines.iter().any(|line| line.contains("out of cheese")), "{lines:?}");
    assert!(lines.iter().any(|line| line.contains("exit code 3") || line.contains("code 3")), "{lines:?}");
    let told = running.command("why bad:0").1;
    assert_eq!(told.len(), lines.len());
    running.stop();
}

/// Each exit is told by itself as well, with what was seen of it at that moment.
#[test]
fn the_last_exits_are_told_to_pages_one_by_one() {
    let site = Site::new("");
    site.write(
        "die.sh",
        "echo run >> runs\nset -- $(wc -l runs)\nprintf 'try %s\\033[31m\\n' \"$1\" >&2\nif [ \"$1\" -gt 7 ]; then kill -SEGV $$; fi\nexit \"$1\"\n",
    );
    site.configure("  w: {cmd: sh die.sh, starttime: 1000, startretries: 7, restart_delay: 0.01}", "");
    let running = site.supervise();
    running.wait_for_state("w:0", "FATAL");
    let answer = get(running.site.port, "/api/programs/w/why/0").unwrap();
    let document: serde_json::Value = serde_json::from_slice(&answer.body).unwrap();
    let exits = document["exits"].as_array().unwrap();
    assert_eq!(exits.len(), 5, "{exits:#?}");
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs_f64();
    let mut later = now + 1.0;
    for (exit, number) in exits.iter().zip([8, 7, 6, 5, 4]) {
        let time = exit["time"].as_f64().unwrap();
        assert!(time <= later && time > now - 600.0, "{time} after {later}");
        later = time;
        assert_eq!(exit["last_lines"], serde_json::json!([format!("try {number}\u{fffd}[31m")]));
        assert_eq!(exit["during"], "STARTING");
        assert!(exit["pid"].as_u64().unwrap() > 1);
        assert!((0.0..600.0).contains(&exit["lived"].as_f64().unwrap()));
    }
    assert_eq!(exits[0]["exit"], serde_json::json!({"signal": "SEGV"}));
    let is_dumped = exits[0]["core_dumped"].as_bool().unwrap();
    assert_eq!(
        exits[0]["cause"],
        if is_dumped { "killed by SIGSEGV (core dumped)" } else { "killed by SIGSEGV" }
    );
    assert_eq!(exits[1]["exit"], serde_json::json!({"code": 7}));
    assert_eq!((&exits[1]["cause"], &exits[1]["core_dumped"]), (&"exit code 7".into(), &false.into()));
    running.stop();
}

const SECRETS: [&str; 4] = [
    "/api/programs/w/logs/0/stdout",
    "/api/programs/w/logs/0/stdout?lines=1",
    "/api/programs/w/logs/0/stdout?follow=1&lines=5",
    "/api/programs/w/why/0",
];

/// The answers to the secret paths, as whoever calls this.
fn ask(port: u16) -> Vec<u16> {
    let head = |path: &str| {
        let request = format!("HEAD {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
        send(port, &request).unwrap().status
    };
    SECRETS.iter().map(|path| head(path)).collect()
}

fn supervise_with(rule: &str) -> Running {
    let site = Site::new(ECHO);
    site.configure(ECHO, rule);
    let running = site.supervise();
    say(&running, "secret\n");
    wait_until("the line", || running.site.read("logs/w.stdout") == "secret\n");
    running
}

#[test]
fn logs_are_for_the_supervisors_own_user_and_root() {
    for (rule, own, strangers) in [
        ("", 200, 403),
        ("  http_logs: same_user", 200, 403),
        ("  http_logs: all", 200, 200),
        ("  http_logs: none", 403, 403),
    ] {
        let running = supervise_with(rule);
        let port = running.site.port;
        assert_eq!(ask(port), [own; 4], "{rule}");
        if is_root() {
            assert_eq!(as_stranger(|| ask(port)), [strangers; 4], "{rule}");
            let told: Answer = as_stranger(|| get(port, SECRETS[0]).unwrap());
            let body = String::from_utf8(told.body).unwrap();
            assert_eq!(body.contains("secret"), strangers == 200, "{body}");
            assert!(strangers == 200 || body.contains("http_logs"), "{body}");
            // Who is no stranger to the state.
            assert_eq!(as_stranger(|| get(port, "/api/status").unwrap().status), 200);
        } else {
            eprintln!("left out: only root can become another user");
        }
        // Whoever can open the control socket may read all.
        let request = format!("GET {} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", SECRETS[0]);
        let answers = running.ask(request.as_bytes());
        assert_eq!((answers[0].status, answers[0].body.as_slice()), (200, &b"secret\n"[..]));
        running.stop();
    }
}

/// His socket is listed as root's once he has closed it.
#[test]
fn a_stranger_who_hangs_up_does_not_become_root() {
    if !is_root() {
        return;
    }
    let running = supervise_with("");
    let port = running.site.port;
    as_stranger(|| {
        for _ in 0..50 {
            let mut stream = std::net::TcpStream::connect(("127.0.0.1", port)).unwrap();
            write!(stream, "GET {} HTTP/1.1\r\nHost: localhost\r\n\r\n", SECRETS[2]).unwrap();
        }
    });
    // Had one of them been let in, its file would be open now.
    assert_eq!(as_stranger(|| ask(port)), [403; 4]);
    let opened = std::fs::read_dir(format!("/proc/{}/fd", running.pid())).unwrap().flatten();
    let logs = opened.filter_map(|entry| std::fs::read_link(entry.path()).ok());
    assert_eq!(logs.filter(|path| path.ends_with("logs/w.stdout")).count(), 1, "only the writer's");
    running.stop();
}

#[test]
fn no_environment_value_is_in_any_answer() {
    let canary = "canary-0815";
    let programs = "  w: {cmd: sleep 1000, numprocs: 2, starttime: 0, env: {TOKEN: canary-0815}}\n  bad: {cmd: /nowhere/x, startretries: 0, env: {TOKEN: '${SECRET}'}}\n  dies: {cmd: \"sh -c 'exit 1'\", startretries: 0, env: {TOKEN: canary-0815}}";
    let site = Site::new(programs);
    let mut command = site.command();
    command.env("SECRET", canary);
    let running = site.start(&mut command);
    for name in ["bad:0", "dies:0"] {
        running.wait_for_state(name, "FATAL");
    }
    let mut answers = Vec::new();
    for path in [
        "/",
        "/app.js",
        "/style.css",
        "/healthz",
        "/metrics",
        "/api/status",
        "/api/status?program=w",
        "/nothing",
        "/api/programs/w/logs/0/stdout",
        "/api/programs/dies/logs/0/stderr",
        "/api/programs/w/why/0",
        "/api/programs/bad/why/0",
        "/api/programs/dies/why/0",
        "/api/commands",
    ] {
        let answer = get(running.site.port, path).unwrap();
        answers.push((path.to_owned(), format!("{}{}", answer.head, String::from_utf8_lossy(&answer.body))));
    }
    let mut reader = EventReader::open(running.site.port, "/api/events", "");
    answers.push(("events".to_owned(), reader.next().unwrap().data));
    for line in [
        "status",
        "why all",
        "help",
        "pid all",
        "tail all",
        "restart w:0",
        "start bad",
        "version",
        "stop w:1",
    ] {
        answers.push((line.to_owned(), running.command(line).1.join("\n")));
    }
    let changed = wait_for("a change", || reader.next());
    answers.push(("change".to_owned(), changed.data));
    answers.push(("the log".to_owned(), running.log()));
    for (what, answer) in answers {
        assert!(!answer.contains(canary), "{what}: {answer}");
    }
    running.stop();
}
