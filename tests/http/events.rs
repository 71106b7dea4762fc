//! `/api/events`: the state, then only what changes, for any number of readers, and nothing for none.

use crate::harness::{
    self, EventReader, Running, SentEvent, Site, context_switches, kill, rss_bytes, send, wait_for,
    wait_until,
};
use nix::sys::signal::Signal;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

const PATH: &str = "/api/events";

fn supervise(count: u32) -> Running {
    let running =
        Site::new(&format!("  w: {{cmd: sleep 1000, numprocs: {count}, starttime: 0}}")).supervise();
    wait_until("all to run", || running.status()["counts"]["RUNNING"] == count);
    running
}

fn read(running: &Running) -> EventReader {
    EventReader::open(running.site.port, PATH, "")
}

/// Whether it tells of a process with this pid.
fn tells_of(event: &SentEvent, name: &str, pid: Option<u32>) -> bool {
    event.row(name).is_some_and(|row| row["pid"].as_u64().map(|pid| pid as u32) == pid)
}

#[test]
fn first_comes_the_state_and_then_what_changes() {
    let running = supervise(3);
    let mut reader = read(&running);
    assert!(reader.head.starts_with("HTTP/1.1 200"), "{}", reader.head);
    assert!(reader.head.contains("\r\nContent-Type: text/event-stream\r\n"), "{}", reader.head);
    assert!(reader.head.contains("\r\nConnection: close\r\n"), "{}", reader.head);
    let first = reader.next().unwrap();
    assert_eq!(first.name, "status");
    assert_eq!(reader.retry.as_deref(), Some("1000"), "browsers would wait longer");
    let (told, asked) = (first.json(), running.status());
    assert_eq!(told["taskmaster"]["pid"], asked["taskmaster"]["pid"]);
    assert_eq!(told["counts"], asked["counts"]);
    let keys = |value: &serde_json::Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    let (row, as_asked) = (&told["programs"][0]["processes"][0], &asked["programs"][0]["processes"][0]);
    assert_eq!(keys(row), keys(as_asked));

    let victim = running.pid_of("w:1").unwrap();
    kill(victim, Signal::SIGKILL);
    let is_new = |event: &SentEvent| {
        event.row("w:1").is_some_and(|row| row["state"] == "RUNNING" && row["pid"] != victim)
    };
    let change = reader.wait_for("the new process", is_new);
    assert_eq!(change.name, "change");
    assert_eq!(keys(&change.json()), ["counts", "processes"]);
    let row = change.row("w:1").unwrap();
    assert_eq!(keys(&row), keys(as_asked));
    assert_eq!((&row["restarts"], &row["exit"]["signal"]), (&1.into(), &"KILL".into()));
    assert_eq!(change.json()["counts"]["RUNNING"], 3);
    running.stop();
}

#[test]
fn a_change_is_told_within_a_second() {
    let running = supervise(1);
    let mut reader = read(&running);
    reader.next().unwrap();
    // The best of some: the machine may be busy, but not each time.
    let best = (0..5).map(|_| {
        let before = running.pid_of("w:0");
        let begun = Instant::now();
        kill(before.unwrap(), Signal::SIGKILL);
        let is_news = |event: &SentEvent| event.row("w:0").is_some() && !tells_of(event, "w:0", before);
        reader.wait_for("the end", is_news);
        let time = begun.elapsed();
        reader.wait_for("the new process", |event| {
            event.row("w:0").is_some_and(|row| row["state"] == "RUNNING")
        });
        time
    });
    assert!(best.min().unwrap() < Duration::from_secs(1));
    running.stop();
}

#[test]
fn a_thousand_restarts_are_few_events_and_the_last_is_true() {
    let running = supervise(100);
    let mut reader = read(&running);
    reader.next().unwrap();
    let begun = Instant::now();
    for _ in 0..10 {
        assert!(running.command("restart w").0);
    }
    let status = running.status();
    let rows = status["programs"][0]["processes"].as_array().unwrap();
    let mut known = std::collections::HashMap::new();
    let mut events = 0;
    let is_all_told = |known: &std::collections::HashMap<String, serde_json::Value>| {
        rows.iter().all(|row| known.get(row["name"].as_str().unwrap()) == Some(&row["pid"]))
    };
    while !is_all_told(&known) {
        let event = reader.next().unwrap();
        events += 1;
        for row in event.json()["processes"].as_array().unwrap() {
            known.insert(row["name"].as_str().unwrap().to_owned(), row["pid"].clone());
        }
    }
    let moments = begun.elapsed().as_millis() / 100 + 2;
    assert!(events <= moments, "{events} events in {:?}", begun.elapsed());
    running.stop();
}

#[test]
fn who_comes_back_gets_what_he_has_missed() {
    let running = supervise(2);
    let mut stays = read(&running);
    let mut leaves = read(&running);
    stays.next().unwrap();
    let first = leaves.next().unwrap();
    drop(leaves);
    running.command("stop w:0");
    let is_stopped = |event: &SentEvent| event.row("w:0").is_some_and(|row| row["state"] == "STOPPED");
    let told = stays.wait_for("the stop", is_stopped);
    assert_ne!(told.id, first.id);
    let header = format!("Last-Event-ID: {}\r\n", first.id.unwrap());
    let mut back = EventReader::open(running.site.port, PATH, &header);
    let event = back.next().unwrap();
    assert_eq!(event.name, "change", "the whole state was sent again");
    assert_eq!(if is_stopped(&event) { event } else { back.wait_for("the stop", is_stopped) }, told);
    // From then on it is told what the others are.
    running.command("stop w:1");
    let other = |event: &SentEvent| event.row("w:1").is_some_and(|row| row["state"] == "STOPPED");
    assert_eq!(back.wait_for("the other stop", other), stays.wait_for("the other stop", other));
    running.stop();
}

#[test]
fn who_comes_back_too_late_or_from_elsewhere_gets_the_state() {
    let running = supervise(2);
    let first = read(&running).next().unwrap();
    let (stamp, _) =
        first.id.clone().unwrap().split_once('-').map(|(a, b)| (a.to_owned(), b.to_owned())).unwrap();
    // Nobody watches while this happens, so nobody keeps it.
    wait_until("the reader to be gone", || {
        running.command("restart w:0");
        let header = format!("Last-Event-ID: {}\r\n", first.id.clone().unwrap());
        EventReader::open(running.site.port, PATH, &header).next().unwrap().name == "status"
    });
    for id in [
        "",
        "0",
        "-",
        "nonsense",
        "1-1",
        "zz-0",
        &format!("{stamp}-99999999999999999999"),
        &format!("{stamp}-18446744073709551615"),
        &format!("{stamp}-"),
    ] {
        let mut reader = EventReader::open(running.site.port, PATH, &format!("Last-Event-ID: {id}\r\n"));
        assert_eq!(reader.next().unwrap().name, "status", "{id}");
    }
    running.stop();
}

#[test]
fn two_hundred_readers_are_told_the_same() {
    let running = supervise(3);
    let mut readers: Vec<EventReader> = (0..200).map(|_| read(&running)).collect();
    for reader in &mut readers {
        assert_eq!(reader.next().unwrap().name, "status");
    }
    running.command("stop w:2");
    let is_told = |event: &SentEvent| event.row("w:2").is_some_and(|row| row["state"] == "STOPPED");
    let told: Vec<SentEvent> =
        readers.iter_mut().map(|reader| reader.wait_for("the stop", is_told)).collect();
    assert!(told.iter().all(|event| *event == told[0]));
    // A short question is answered beside all of them.
    assert_eq!(running.state("w:2"), "STOPPED");
    running.stop();
}

#[test]
fn readers_beyond_the_limit_are_told_so_and_nothing_else_suffers() {
    let running = supervise(1);
    let mut readers: Vec<EventReader> = (0..256).map(|_| read(&running)).collect();
    for reader in &mut readers {
        reader.next().unwrap();
    }
    let late = EventReader::open(running.site.port, PATH, "");
    assert!(late.head.starts_with("HTTP/1.1 503"), "{}", late.head);
    assert_eq!(running.state("w:0"), "RUNNING");
    drop(readers.pop());
    wait_for("a free place", || {
        let reader = EventReader::open(running.site.port, PATH, "");
        reader.head.starts_with("HTTP/1.1 200").then_some(())
    });
    running.stop();
}

/// Its other descriptors come and go with what it starts.
fn sockets(pid: u32) -> usize {
    let files = std::fs::read_dir(format!("/proc/{pid}/fd")).unwrap().flatten();
    let targets = files.filter_map(|file| std::fs::read_link(file.path()).ok());
    targets.filter(|target| target.to_string_lossy().starts_with("socket:")).count()
}

/// Sixty failing programs with very long explanations: much to tell in little time.
#[test]
fn a_deaf_reader_is_dropped_before_it_costs_much() {
    let path = format!("/nowhere/{}", "x".repeat(3500));
    let programs = format!(
        "  bad: {{cmd: {path}, numprocs: 60, startretries: 1000000, restart_delay: 50ms}}\n  w: {{cmd: sleep 1000}}"
    );
    let site = Site::new(&programs);
    site.configure(&programs, "  restart_storm: off");
    let running = site.supervise();
    let deaf: Vec<TcpStream> = (0..30)
        .map(|_| {
            let mut stream = TcpStream::connect(("127.0.0.1", running.site.port)).unwrap();
            write!(stream, "GET {PATH} HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
            stream
        })
        .collect();
    let mut listening = read(&running);
    let first = sockets(running.pid());
    let mut most = 0;
    while sockets(running.pid()) + 30 > first {
        listening.next().expect("who listens is not dropped");
        most = most.max(rss_bytes(running.pid()));
    }
    // What they were told is kept once for all of them, not thirty times.
    assert!(most < 80 << 20, "{most} bytes");
    // Their connections were cut.
    for mut stream in deaf {
        stream.set_read_timeout(Some(harness::PATIENCE)).unwrap();
        let _ = std::io::copy(&mut stream, &mut std::io::sink()).is_err();
    }
    running.stop();
}

#[test]
fn nothing_runs_when_the_last_reader_has_left() {
    let running = supervise(3);
    let readers: Vec<EventReader> = (0..5).map(|_| read(&running)).collect();
    drop(readers);
    wait_until("it to fall silent", || {
        let before = context_switches(running.pid());
        std::thread::sleep(Duration::from_millis(2500));
        context_switches(running.pid()) == before
    });
    running.stop();
}

#[test]
fn use_of_cpu_and_memory_is_told_while_somebody_watches() {
    let running = Site::new("  busy: {cmd: \"sh -c 'while :; do :; done'\", starttime: 0}").supervise();
    let mut reader = read(&running);
    reader.next().unwrap();
    reader.wait_for("its use of CPU", |event| {
        event.row("busy:0").is_some_and(|row| row["cpu_percent"].as_f64() > Some(1.0))
    });
    running.stop();
}

/// Whoever else looks must not swallow what the watchers are to be told.
#[test]
fn a_reading_for_somebody_else_is_told_to_those_who_watch() {
    let running = Site::new(
        "  w: {cmd: \"sh -c 'while [ ! -e go ]; do sleep 0.05; done; x=$(yes | head -c 30000000); sleep 1000'\", starttime: 0}",
    )
    .supervise();
    let mut reader = read(&running);
    reader.next().unwrap();
    running.site.write("go", "");
    let large = |row: &serde_json::Value| row["rss_bytes"].as_u64() > Some(25_000_000);
    // The status is asked for all the time, so that its readings are always the first.
    let is_told = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        let told = &is_told;
        let running = &running;
        scope.spawn(move || {
            let begun = Instant::now();
            while !told.load(std::sync::atomic::Ordering::Relaxed) && begun.elapsed() < harness::PATIENCE {
                running.status();
                std::thread::sleep(Duration::from_millis(50));
            }
        });
        let event = reader.wait_for("its memory", |event| event.row("w:0").is_some_and(|row| large(&row)));
        is_told.store(true, std::sync::atomic::Ordering::Relaxed);
        assert_eq!(event.name, "change");
    });
    running.stop();
}

#[test]
fn head_and_half_closed_readers_and_talkers_do_no_harm() {
    let running = supervise(1);
    let head = send(
        running.site.port,
        &format!("HEAD {PATH} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"),
    )
    .unwrap();
    assert_eq!(
        (head.status, head.header("content-type"), head.body.len()),
        (200, Some("text/event-stream"), 0)
    );
    // Who says that it sends no more has left, as browsers do when a page is closed.
    let mut half = TcpStream::connect(("127.0.0.1", running.site.port)).unwrap();
    write!(half, "GET {PATH} HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
    half.shutdown(std::net::Shutdown::Write).unwrap();
    half.set_read_timeout(Some(harness::PATIENCE)).unwrap();
    half.read_to_end(&mut Vec::new()).unwrap();
    // Who goes on talking is cut off some time, and not listened to.
    let mut talker = read(&running);
    talker.next().unwrap();
    let mut stream = TcpStream::connect(("127.0.0.1", running.site.port)).unwrap();
    write!(stream, "GET {PATH} HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
    let more = "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n".repeat(1000);
    let cut_off = (0..100).any(|_| stream.write_all(more.as_bytes()).is_err());
    assert!(cut_off, "4 MB were listened to");
    running.stop();
}
