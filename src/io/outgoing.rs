//! One connection to somebody else: a check, or a hook. With http a request is sent, and the first line
//! of its answer says how it went.

use std::io::{self, Read, Write};

use mio::net::TcpStream;
use mio::{Interest, Registry, Token};

use crate::config::{Url, address};
use crate::io::reason::reason;

/// An answer whose first line is longer is none.
const LINE_BYTES_MAX: usize = 1024;

/// A connection that is under way.
pub(crate) struct Connection {
    stream: TcpStream,
    step: Step,
    /// Statuses that are well go up to this, from 200 on.
    status_max: u16,
}

enum Step {
    /// Until it is accepted; then this is sent, or it is done.
    Connecting(Option<Vec<u8>>),
    /// Until all of it is on its way.
    Sending(Vec<u8>),
    /// Until the first line is there.
    Answering(Vec<u8>),
}

/// How far it has come.
pub(crate) enum Progress {
    Pending,
    Done(Result<(), String>),
}

impl Connection {
    /// To `HOST:PORT`.
    pub(crate) fn tcp(registry: &Registry, token: Token, target: &str) -> Result<Connection, String> {
        let address = address(target).ok_or_else(|| format!("{target} is no address"))?;
        Connection::open(registry, token, address, None, 399)
    }

    /// A GET of a URL, whose answer may lead elsewhere.
    pub(crate) fn get(registry: &Registry, token: Token, url: &str) -> Result<Connection, String> {
        let url = Url::parse(url).ok_or_else(|| format!("{url} is no URL"))?;
        let head = head("GET", &url, "");
        Connection::open(registry, token, url.address, Some(head.into_bytes()), 399)
    }

    /// JSON to a URL, which has to take it.
    pub(crate) fn post(
        registry: &Registry,
        token: Token,
        url: &str,
        json: &[u8],
    ) -> Result<Connection, String> {
        let url = Url::parse(url).ok_or_else(|| format!("{url} is no URL"))?;
        let about = format!("Content-Type: application/json\r\nContent-Length: {}\r\n", json.len());
        let request = [head("POST", &url, &about).as_bytes(), json].concat();
        Connection::open(registry, token, url.address, Some(request), 299)
    }

    fn open(
        registry: &Registry,
        token: Token,
        address: std::net::SocketAddr,
        request: Option<Vec<u8>>,
        status_max: u16,
    ) -> Result<Connection, String> {
        let mut stream = TcpStream::connect(address).map_err(|error| reason(&error))?;
        let interest = Interest::READABLE | Interest::WRITABLE;
        registry.register(&mut stream, token, interest).map_err(|error| reason(&error))?;
        Ok(Connection { stream, step: Step::Connecting(request), status_max })
    }

    /// Goes on as far as it can without waiting.
    pub(crate) fn advance(&mut self) -> Progress {
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
            self.step = Step::Sending(request);
        }
        if let Step::Sending(rest) = &mut self.step {
            while !rest.is_empty() {
                match self.stream.write(rest) {
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    count => drop(rest.drain(..count?)),
                }
            }
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
                return Ok(Progress::Done(judge(&answer[..end], self.status_max)));
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
    pub(crate) fn close(mut self, registry: &Registry) {
        let _ = registry.deregister(&mut self.stream);
    }
}

fn head(method: &str, url: &Url, more: &str) -> String {
    let Url { path, host, .. } = url;
    format!(
        "{method} {path} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: taskmaster\r\nAccept: */*\r\n{more}Connection: close\r\n\r\n"
    )
}

/// `HTTP/1.1 200 OK`: 200 to `status_max` is well.
fn judge(line: &[u8], status_max: u16) -> Result<(), String> {
    let line = String::from_utf8_lossy(line);
    let mut words = line.split_ascii_whitespace();
    let is_http = words.next().is_some_and(|word| word.starts_with("HTTP/1."));
    match words.next().and_then(|status| status.parse::<u16>().ok()).filter(|_| is_http) {
        Some(status) if (200..=status_max).contains(&status) => Ok(()),
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
            assert_eq!(judge(line.as_bytes(), 399), Ok(()), "{line}");
        }
        assert_eq!(judge(b"HTTP/1.1 503 Service Unavailable\r", 399), Err("HTTP status 503".to_owned()));
        assert_eq!(judge(b"HTTP/1.1 302 Found", 299), Err("HTTP status 302".to_owned()));
        for line in ["", "220 mail.example.org ESMTP", "HTTP/1.1 OK", "\u{fffd}\u{0}"] {
            assert_eq!(judge(line.as_bytes(), 399), Err("the answer is not HTTP".to_owned()), "{line:?}");
        }
    }
}
