//! A client that sends exactly what it is told.

use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// What came back.
pub struct Answer {
    pub status: u16,
    pub head: String,
    pub body: Vec<u8>,
}

impl Answer {
    /// The answer at the front of `bytes`, all of the rest as its body, and where the body begins.
    fn read(bytes: &[u8]) -> Option<(Answer, usize)> {
        let end = bytes.windows(4).position(|window| window == b"\r\n\r\n")?;
        let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
        let status = head.get(9..12)?.parse().ok()?;
        Some((Answer { status, head, body: bytes[end + 4..].to_vec() }, end + 4))
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        let lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines.into_iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }
}

/// A port that nothing listens on and that is given to no other test: below the range that the kernel
/// takes the ports of outgoing connections from, as those of other tests' clients would come and go.
pub fn free_port() -> u16 {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let first = std::process::id().wrapping_mul(97);
    loop {
        let number = first.wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed));
        let port = 15_000 + (number % 17_000) as u16;
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

/// A plain GET.
pub fn get(port: u16, path: &str) -> io::Result<Answer> {
    send(port, &format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"))
}

/// Sends `request` and reads until the server closes.
pub fn send(port: u16, request: &str) -> io::Result<Answer> {
    Answer::read(&converse(port, request)?).map(|(answer, _)| answer).ok_or(io::ErrorKind::InvalidData.into())
}

/// Sends several requests at once, of which the last closes, and splits what comes back.
pub fn pipeline(port: u16, requests: &str) -> Vec<Answer> {
    split_answers(&converse(port, requests).unwrap())
}

/// Takes answers apart that came one behind the other.
pub fn split_answers(bytes: &[u8]) -> Vec<Answer> {
    let mut rest = bytes;
    let mut answers = Vec::new();
    while !rest.is_empty() {
        let (mut answer, end) = Answer::read(rest).expect("whole answers");
        let length = answer.header("content-length").unwrap().parse().unwrap();
        answer.body.truncate(length);
        answers.push(answer);
        rest = &rest[end + length..];
    }
    answers
}

fn converse(port: u16, request: &str) -> io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    stream.set_read_timeout(Some(Duration::from_secs(15)))?;
    stream.write_all(request.as_bytes())?;
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes)?;
    Ok(bytes)
}
