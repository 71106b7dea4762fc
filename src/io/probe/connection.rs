//! One check over the network: a connection, and with http a request and the first line of its answer.

use std::io::{self, Read, Write};

use mio::net::TcpStream;
use mio::{Interest, Registry};

use crate::config::{Url, address};
use crate::io::reason::reason;
use crate::io::token::Source;
use crate::slots::Key;

/// An answer whose first line is longer is none.
const LINE_BYTES_MAX: usize = 1024;

/// A check that is under way.
pub(super) struct Connection {
    stream: TcpStream,
    step: Step,
}

enum Step {
    /// Until it is accepted; then this is sent, or it is done.
    Connecting(Option<Vec<u8>>),
    /// Until the first line is there.
    Answering(Vec<u8>),
}

/// How far it has come.
pub(super) enum Progress {
    Pending,
    Done(Result<(), String>),
}

impl Connection {
    /// To `HOST:PORT`.
    pub(super) fn tcp(registry: &Registry, key: Key, target: &str) -> Result<Connection, String> {
        let address = address(target).ok_or_else(|| format!("{target} is no address"))?;
        Connection::open(registry, key, address, None)
    }

    /// A GET of a URL.
    pub(super) fn http(registry: &Registry, key: Key, url: &str) -> Result<Connection, String> {
        let url = Url::parse(url).ok_or_else(|| format!("{url} is no URL"))?;
        let request = format!(
            "GET {} HTTP/1.1\r\nHost: {}\r\nUser-Agent: taskmaster\r\nAccept: */*\r\nConnection: close\r\n\r\n",
            url.path, url.host
        );
        Connection::open(registry, key, url.address, Some(request.into_bytes()))
    }

    fn open(
        registry: &Registry,
        key: Key,
        address: std::net::SocketAddr,
        request: Option<Vec<u8>>,
    ) -> Result<Connection, String> {
        let mut stream = TcpStream::connect(address).map_err(|error| reason(&error))?;
        let interest = Interest::READABLE | Interest::WRITABLE;
        registry
            .register(&mut stream, Source::Probe(key).token(), interest)
            .map_err(|error| reason(&error))?;
        Ok(Connection { stream, step: Step::Connecting(request) })
    }

    /// Goes on as far as it can without waiting.
    pub(super) fn advance(&mut self) -> Progress {
        match self.try_advance() {
            Ok(progress) => progress,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Progress::Pending,
            Err(error) => Progress::Done(Err(reason(&error))),
        }
    }

    fn try_advance(&mut self) -> io::Result<Progress> {
        if let Step::Connecting(request) = &mut self.step {
            if let Some(error) = self.stream.take_error()? {
                return Err(error);
            }
            match self.stream.peer_addr() {
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::NotConnected => return Ok(Progress::Pending),
                Err(error) => return Err(error),
            }
            let Some(request) = request.take() else { return Ok(Progress::Done(Ok(()))) };
            // A fresh connection takes a few hundred bytes at once.
            self.stream.write_all(&request)?;
            self.step = Step::Answering(Vec::new());
        }
        let Step::Answering(answer) = &mut self.step else { return Ok(Progress::Pending) };
        let mut buffer = [0; LINE_BYTES_MAX];
        loop {
            let count = match self.stream.read(&mut buffer) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                count => count?,
            };
            answer.extend_from_slice(&buffer[..count]);
            if let Some(end) = answer.iter().position(|byte| *byte == b'\n') {
                return Ok(Progress::Done(judge(&answer[..end])));
            }
            if count == 0 {
                return Ok(Progress::Done(Err("the connection was closed without an answer".to_owned())));
            }
            if answer.len() >= LINE_BYTES_MAX {
                return Ok(Progress::Done(Err("the answer is not HTTP".to_owned())));
            }
        }
    }

    /// Deregistered before it is closed: a later file of the same number must not be in the way.
    pub(super) fn close(mut self, registry: &Registry) {
        let _ = registry.deregister(&mut self.stream);
    }
}

/// `HTTP/1.1 200 OK`: 200 to 399 is well.
fn judge(line: &[u8]) -> Result<(), String> {
    let line = String::from_utf8_lossy(line);
    let mut words = line.split_ascii_whitespace();
    let is_http = words.next().is_some_and(|word| word.starts_with("HTTP/1."));
    match words.next().and_then(|status| status.parse::<u16>().ok()).filter(|_| is_http) {
        Some(200..=399) => Ok(()),
        Some(status) => Err(format!("HTTP status {status}")),
        None => Err("the answer is not HTTP".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_line_says_how_it_is() {
        for line in ["HTTP/1.1 200 OK\r", "HTTP/1.0 204", "HTTP/1.1 399 x"] {
            assert_eq!(judge(line.as_bytes()), Ok(()), "{line}");
        }
        assert_eq!(judge(b"HTTP/1.1 503 Service Unavailable\r"), Err("HTTP status 503".to_owned()));
        for line in ["", "220 mail.example.org ESMTP", "HTTP/1.1 OK", "\u{fffd}\u{0}"] {
            assert_eq!(judge(line.as_bytes()), Err("the answer is not HTTP".to_owned()), "{line:?}");
        }
    }
}
