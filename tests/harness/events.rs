//! A reader of server-sent events.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;

use serde_json::Value;

use super::PATIENCE;

/// One event.
#[derive(Clone, Debug, PartialEq)]
pub struct SentEvent {
    pub name: String,
    pub id: Option<String>,
    pub data: String,
}

impl SentEvent {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.data).unwrap()
    }

    /// The row of a process in a change.
    pub fn row(&self, name: &str) -> Option<Value> {
        self.json()["processes"].as_array()?.iter().find(|row| row["name"] == name).cloned()
    }
}

/// An open stream.
pub struct EventReader {
    pub head: String,
    /// After how many milliseconds a browser is to come back, if it was told.
    pub retry: Option<String>,
    lines: BufReader<TcpStream>,
}

impl EventReader {
    /// Asks for `path` with further header lines, and reads the head of the answer.
    pub fn open(port: u16, path: &str, headers: &str) -> EventReader {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\nHost: localhost\r\n{headers}\r\n").unwrap();
        let mut reader = EventReader { head: String::new(), retry: None, lines: BufReader::new(stream) };
        while !reader.head.ends_with("\r\n\r\n") {
            assert!(reader.lines.read_line(&mut reader.head).unwrap() > 0, "{}", reader.head);
        }
        reader
    }

    /// The next event; `None` at the end of the stream.
    pub fn next(&mut self) -> Option<SentEvent> {
        let (mut name, mut id, mut data) = (String::new(), None, Vec::new());
        loop {
            let mut line = String::new();
            if self.lines.read_line(&mut line).unwrap() == 0 {
                return None;
            }
            match line.trim_end_matches('\n').split_once(": ") {
                Some(("event", value)) => name = value.to_owned(),
                Some(("id", value)) => id = Some(value.to_owned()),
                Some(("data", value)) => data.push(value.to_owned()),
                Some(("retry", value)) => self.retry = Some(value.to_owned()),
                None if line == "\n" => return Some(SentEvent { name, id, data: data.join("\n") }),
                other => panic!("{other:?} in {line:?}"),
            }
        }
    }

    /// Reads on until an event that fits.
    pub fn wait_for(&mut self, what: &str, mut fits: impl FnMut(&SentEvent) -> bool) -> SentEvent {
        loop {
            let event = self.next().unwrap_or_else(|| panic!("the stream ended before {what}"));
            if fits(&event) {
                return event;
            }
        }
    }
}
