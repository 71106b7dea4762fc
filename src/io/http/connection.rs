//! One connection: heads in, answers out, one after the other.

use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::time::Duration;

use mio::event::Source as _;
use mio::net::TcpStream;
use mio::{Interest, Registry, Token};

use crate::http::{self, HEAD_BYTES_MAX, Refusal, Request, Response};

/// A head must be complete this long after it was begun or the connection was opened, however busily
/// its bytes trickle in; also how long an idle connection is kept.
const HEAD_WITHIN: Duration = Duration::from_secs(10);
/// An answer must be taken within this time.
const WRITE_WITHIN: Duration = Duration::from_secs(30);
/// After a refusal we wait for the peer to read it: closing at once would reset the connection, and
/// the refusal would be lost on the way.
const LINGER: Duration = Duration::from_secs(1);
/// A peer that goes on sending after a refusal is heard out this far, in bytes.
const LINGER_BYTES_MAX: usize = 256 * 1024;

/// What a connection needs next.
pub(super) enum Progress {
    /// An answer to this request.
    Request(Request),
    /// An event; the clock runs on.
    Waiting,
    /// An event, within this time from now.
    WaitingAtMost(Duration),
    /// Nothing: it is to be closed.
    Over,
}

/// A connection.
pub(super) struct Connection {
    stream: TcpStream,
    phase: Phase,
    input: Vec<u8>,
    /// How much of the input was searched for the end of a head.
    searched: usize,
    output: Vec<u8>,
    written: usize,
    lingered: usize,
    keep_alive: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Just opened; its clock has to be set.
    New,
    ReadingHead,
    /// The loop is making the answer.
    Answering,
    Writing,
    /// Said all; waits for the peer to close.
    Lingering,
}

impl Connection {
    pub(super) fn new(stream: TcpStream) -> Connection {
        Connection {
            stream,
            phase: Phase::New,
            input: Vec::new(),
            searched: 0,
            output: Vec::new(),
            written: 0,
            lingered: 0,
            keep_alive: true,
        }
    }

    pub(super) fn register(&mut self, registry: &Registry, token: Token) -> io::Result<()> {
        self.stream.register(registry, token, Interest::READABLE | Interest::WRITABLE)
    }

    pub(super) fn deregister(&mut self, registry: &Registry) {
        let _ = self.stream.deregister(registry);
    }

    /// Whether it has not made a request that is being answered.
    pub(super) fn awaits_request(&self) -> bool {
        self.phase == Phase::ReadingHead
    }

    /// Goes on after a poll event.
    pub(super) fn ready(&mut self) -> Progress {
        match self.phase {
            // What comes while we answer stays in the socket; reading goes on after the answer.
            Phase::Answering => Progress::Waiting,
            Phase::New | Phase::ReadingHead | Phase::Writing | Phase::Lingering => self.advance(),
        }
    }

    /// Sends an answer.
    pub(super) fn respond(&mut self, request: &Request, response: &Response) -> Progress {
        self.keep_alive &= request.keep_alive;
        self.send(response, request.method != "HEAD")
    }

    /// The time for what it was doing is over.
    pub(super) fn time_is_up(&mut self) -> Progress {
        match self.phase {
            Phase::ReadingHead if !self.input.is_empty() => {
                self.refuse(Refusal { status: 408, reason: "the request took too long" })
            }
            Phase::New | Phase::ReadingHead | Phase::Answering | Phase::Writing | Phase::Lingering => {
                Progress::Over
            }
        }
    }

    /// Does what can be done without waiting.
    pub(super) fn advance(&mut self) -> Progress {
        match self.phase {
            Phase::New => {
                self.phase = Phase::ReadingHead;
                match self.read_head() {
                    Progress::Waiting => Progress::WaitingAtMost(HEAD_WITHIN),
                    progress => progress,
                }
            }
            Phase::ReadingHead => self.read_head(),
            Phase::Writing => self.write(),
            Phase::Lingering => self.linger(),
            Phase::Answering => Progress::Waiting,
        }
    }

    fn read_head(&mut self) -> Progress {
        loop {
            if let Some(length) = http::head_length(&self.input, self.searched) {
                let head: Vec<u8> = self.input.drain(..length).collect();
                self.searched = 0;
                return match http::parse(&head) {
                    Ok(request) => {
                        self.phase = Phase::Answering;
                        Progress::Request(request)
                    }
                    Err(refusal) => self.refuse(refusal),
                };
            }
            self.searched = self.input.len();
            if self.input.len() >= HEAD_BYTES_MAX {
                return self.refuse(Refusal { status: 431, reason: "the request head is too large" });
            }
            let mut chunk = [0; 4096];
            let room = chunk.len().min(HEAD_BYTES_MAX - self.input.len());
            match self.stream.read(&mut chunk[..room]) {
                Ok(0) => return Progress::Over,
                Ok(count) => self.input.extend_from_slice(&chunk[..count]),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Progress::Waiting,
                Err(_) => return Progress::Over,
            }
        }
    }

    fn refuse(&mut self, refusal: Refusal) -> Progress {
        self.keep_alive = false;
        self.send(&Response::refuse(refusal), true)
    }

    fn send(&mut self, response: &Response, with_body: bool) -> Progress {
        self.output = response.encode(with_body, self.keep_alive);
        self.written = 0;
        self.phase = Phase::Writing;
        match self.write() {
            Progress::Waiting => Progress::WaitingAtMost(WRITE_WITHIN),
            progress => progress,
        }
    }

    fn write(&mut self) -> Progress {
        while self.written < self.output.len() {
            match self.stream.write(&self.output[self.written..]) {
                Ok(count) => self.written += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Progress::Waiting,
                Err(_) => return Progress::Over,
            }
        }
        // An idle connection keeps no buffers.
        self.output = Vec::new();
        if self.keep_alive {
            self.phase = Phase::New;
            return self.advance();
        }
        if self.stream.shutdown(Shutdown::Write).is_err() {
            return Progress::Over;
        }
        self.phase = Phase::Lingering;
        match self.linger() {
            Progress::Waiting => Progress::WaitingAtMost(LINGER),
            progress => progress,
        }
    }

    fn linger(&mut self) -> Progress {
        let mut chunk = [0; 4096];
        while self.lingered < LINGER_BYTES_MAX {
            match self.stream.read(&mut chunk) {
                Ok(0) => return Progress::Over,
                Ok(count) => self.lingered += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Progress::Waiting,
                Err(_) => return Progress::Over,
            }
        }
        Progress::Over
    }
}
