//! Broken requests.

use std::collections::BTreeMap;
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use crate::harness::{Running, Site, descriptors, post, rss_bytes, wait_until};
use crate::rounds;

/// An answer comes within this time; under load, with patience.
const ANSWER_WITHIN: Duration = Duration::from_secs(15);

/// What mutations insert: what a parser of HTTP might stumble over, and none of what stops a program.
const TOKENS: [&[u8]; 28] = [
    b"\r\n",
    b"\n",
    b"\r",
    b"\r\n\r\n",
    b"\0",
    b" ",
    b"\t",
    b":",
    b"Content-Length: 5\r\n",
    b"Content-Length: 99999999999999999999\r\n",
    b"Content-Length: -1\r\n",
    b"Transfer-Encoding: chunked\r\n",
    b"Expect: 100-continue\r\n",
    b"Connection: close\r\n",
    b"Connection: keep-alive\r\n",
    b"Host: localhost\r\n",
    b"Host: evil.example\r\n",
    b"HTTP/1.0",
    b"HTTP/9.9",
    b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"%00",
    b"%2e%2e/",
    b"/../",
    b"?lines=99999999999999999999",
    b"{\"command\":",
    b"\\u0000",
    b"\xff\xfe",
    b"\"",
];

fn seeds() -> Vec<Vec<u8>> {
    let get = |path: &str| format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n").into_bytes();
    let mut seeds: Vec<Vec<u8>> = [
        "/",
        "/api/status",
        "/api/status?program=steady",
        "/api/events",
        "/api/programs/steady/logs/0/stdout?lines=5",
        "/api/programs/steady/logs/1/stderr?lines=5&follow=1",
        "/api/programs/steady/why/0",
        "/metrics",
        "/healthz",
        "/app.js",
    ]
    .map(get)
    .to_vec();
    let lines =
        ["status", "pid steady:0", "tail -n 3 steady:1", "why steady:0", "help", "version", "start nosuch"];
    seeds.extend(lines.map(|line| post(line, "keep-alive")));
    seeds
}

/// xorshift64*.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) as usize % limit.max(1)
    }
}

/// A seed with up to four things done to it.
fn mutated(seeds: &[Vec<u8>], number: u64) -> Vec<u8> {
    let mut random = Random(number.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
    let mut bytes = seeds[random.below(seeds.len())].clone();
    for _ in 0..random.below(5) {
        let (a, b) = (random.below(bytes.len() + 1), random.below(bytes.len() + 1));
        let (start, end) = (a.min(b), a.max(b));
        match random.below(7) {
            0 => drop(bytes.splice(start..start, TOKENS[random.below(TOKENS.len())].iter().copied())),
            1 => drop(bytes.drain(start..end.min(start + 12))),
            2 => drop(bytes.splice(end..end, bytes[start..end].to_vec())),
            3 => bytes.truncate(end),
            4 if start < bytes.len() => bytes[start] = random.below(256) as u8,
            5 if start < bytes.len() => bytes[start] ^= 1 << random.below(8),
            _ => drop(bytes.splice(start..start, vec![b'a'; random.below(20_000)])),
        }
    }
    bytes
}

/// All that comes back until the other side has nothing more to say.
fn converse(mut stream: impl Read + Write, bytes: &[u8], end: impl FnOnce()) -> Vec<u8> {
    let mut answer = Vec::new();
    // It may have heard enough, and hang up, before it has heard all.
    if stream.write_all(bytes).is_ok() {
        end();
    }
    match stream.read_to_end(&mut answer) {
        Ok(_) => {}
        Err(error) => assert!(
            matches!(error.kind(), ErrorKind::ConnectionReset | ErrorKind::BrokenPipe),
            "no answer and no end: {error}"
        ),
    }
    answer
}

fn ask(running: &Running, number: u64, bytes: &[u8]) -> Vec<u8> {
    if number.is_multiple_of(2) {
        let stream = TcpStream::connect(("127.0.0.1", running.site.port)).unwrap();
        stream.set_read_timeout(Some(ANSWER_WITHIN)).unwrap();
        converse(&stream, bytes, || drop(stream.shutdown(Shutdown::Write)))
    } else {
        let stream = UnixStream::connect(running.site.path("taskmaster.sock")).unwrap();
        stream.set_read_timeout(Some(ANSWER_WITHIN)).unwrap();
        converse(&stream, bytes, || drop(stream.shutdown(Shutdown::Write)))
    }
}

fn pids(running: &Running) -> Vec<Option<u32>> {
    ["steady:0", "steady:1"].map(|name| running.pid_of(name)).to_vec()
}

#[test]
fn broken_requests_are_answered_or_refused_and_touch_nothing() {
    let site = Site::new("  steady: {cmd: sleep 1000, numprocs: 2, starttime: 0}");
    let running = site.supervise();
    running.wait_for_state("steady:1", "RUNNING");
    let before = (pids(&running), descriptors(running.pid()));
    let memory = rss_bytes(running.pid());
    let seeds = seeds();
    let count = rounds("FUZZ_REQUESTS", 2_000);
    let started = Instant::now();
    let mut statuses: BTreeMap<String, u64> = BTreeMap::new();
    for number in 0..count {
        let bytes = mutated(&seeds, number);
        let answer = ask(&running, number, &bytes);
        let start = String::from_utf8_lossy(&answer[..answer.len().min(12)]).into_owned();
        let status = start.strip_prefix("HTTP/1.1 ").unwrap_or("none");
        let is_status = status.len() == 3 && status.bytes().all(|byte| byte.is_ascii_digit());
        assert!(answer.is_empty() || is_status, "request {number}: {start:?} to {bytes:?}");
        *statuses.entry(status.to_owned()).or_default() += 1;
    }
    println!("{count} broken requests in {:.1?}: {statuses:?}", started.elapsed());
    assert!(statuses.len() > 4, "the mutations break nothing: {statuses:?}");
    assert_eq!(pids(&running), before.0, "programs were touched");
    wait_until("connections to be closed", || descriptors(running.pid()) <= before.1);
    let grown = rss_bytes(running.pid()).saturating_sub(memory);
    assert!(grown < 8 << 20, "{grown} bytes more are kept");
    assert!(!running.log().contains("panic"), "{}", running.log());
    // What was looked for would have been seen.
    assert!(running.command("restart steady:0").0);
    assert_ne!(pids(&running), before.0);
    running.stop();
}
