//! One connection: requests in, answers out, one after the other.

use std::io::{self, Read};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use mio::{Registry, Token};

use super::outbox::Outbox;
use super::peer::Peer;
use crate::http::{self, Face, HEAD_BYTES_MAX, Refusal, Request, Response};
use crate::io::clock;

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

/// What may wait to be read by the peer of a stream, in bytes; who lets more come together is dropped.
/// The state of ten thousand instances has about 3 MB.
const STREAM_BYTES_MAX: usize = 8 * 1024 * 1024;

/// What a connection needs next.
pub(super) enum Progress {
    /// An answer to this request.
    Request(Box<Request>),
    /// An event; the clock runs on.
    Waiting,
    /// An event, within this time from now.
    WaitingAtMost(Duration),
    /// Nothing: it is to be closed.
    Over,
}

/// A connection.
pub(super) struct Connection {
    peer: Peer,
    phase: Phase,
    /// A request whose body is still to come, and the length of that.
    begun: Option<(Box<Request>, usize)>,
    input: Vec<u8>,
    /// How much of the input was searched for the end of a head.
    searched: usize,
    outbox: Outbox,
    lingered: usize,
    keep_alive: bool,
    /// Whether the peer neither sends nor reads any more; what it has sent is still to be done.
    is_gone: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Just opened; its clock has to be set.
    New,
    ReadingHead,
    /// The loop is making the answer.
    Answering,
    Writing,
    /// The answer goes on until the peer leaves.
    Streaming,
    /// Said all; waits for the peer to close.
    Lingering,
}

impl Connection {
    pub(super) fn new(peer: Peer) -> Connection {
        Connection {
            peer,
            phase: Phase::New,
            begun: None,
            input: Vec::new(),
            searched: 0,
            outbox: Outbox::default(),
            lingered: 0,
            keep_alive: true,
            is_gone: false,
        }
    }

    pub(super) fn register(&mut self, registry: &Registry, token: Token) -> io::Result<()> {
        self.peer.register(registry, token)
    }

    pub(super) fn deregister(&mut self, registry: &Registry) {
        self.peer.deregister(registry);
    }

    /// Where it came in.
    pub(super) fn face(&self) -> Face {
        self.peer.face()
    }

    /// Both ends' addresses, of a TCP connection: the peer's and ours.
    pub(super) fn addresses(&self) -> Option<(SocketAddr, SocketAddr)> {
        self.peer.addresses()
    }

    /// Whether somebody works on an answer for it, or sends it a stream.
    pub(super) fn is_served(&self) -> bool {
        matches!(self.phase, Phase::Answering | Phase::Streaming)
    }

    /// Whether a stream has taken all that it was sent.
    pub(super) fn has_taken_all(&self) -> bool {
        self.outbox.waiting() == 0
    }

    /// Whether it reads a stream.
    pub(super) fn is_streaming(&self) -> bool {
        self.phase == Phase::Streaming
    }

    /// What it has still to send.
    pub(super) fn outbox(&self) -> &Outbox {
        &self.outbox
    }

    /// Whether it has not made a request that is being answered.
    pub(super) fn awaits_request(&self) -> bool {
        self.phase == Phase::ReadingHead
    }

    /// Goes on after a poll event. `is_gone` says that the peer neither sends nor reads any more.
    pub(super) fn ready(&mut self, is_gone: bool) -> Progress {
        self.is_gone |= is_gone;
        match self.phase {
            // Who has left keeps no place, however long the command takes that it gave.
            Phase::Answering if self.is_gone => Progress::Over,
            // What comes while we answer stays in the socket; reading goes on after the answer.
            Phase::Answering => Progress::Waiting,
            Phase::New | Phase::ReadingHead | Phase::Writing | Phase::Streaming | Phase::Lingering => {
                self.advance()
            }
        }
    }

    /// Sends an answer.
    pub(super) fn respond(&mut self, request: &Request, response: &Response) -> Progress {
        self.keep_alive &= request.keep_alive && !response.is_stream();
        let is_head = request.method == "HEAD";
        if !response.is_stream() || is_head {
            return self.send(response, !is_head);
        }
        self.outbox.push(response.head(false, &clock::http_date()).into());
        self.phase = Phase::Streaming;
        self.stream()
    }

    /// Sends more of a stream.
    pub(super) fn push(&mut self, bytes: Arc<[u8]>) -> Progress {
        if self.phase != Phase::Streaming {
            return Progress::Waiting;
        }
        // Who has read everything may get a piece of any size.
        if self.outbox.waiting() > 0 && self.outbox.waiting() + bytes.len() > STREAM_BYTES_MAX {
            return Progress::Over;
        }
        self.outbox.push(bytes);
        self.stream()
    }

    /// Ends a stream, as soon as the peer has taken what it was sent.
    pub(super) fn finish(&mut self) -> Progress {
        if self.phase != Phase::Streaming {
            return Progress::Waiting;
        }
        self.phase = Phase::Writing;
        match self.write() {
            Progress::Waiting => Progress::WaitingAtMost(WRITE_WITHIN),
            progress => progress,
        }
    }

    /// The time for what it was doing is over.
    pub(super) fn time_is_up(&mut self) -> Progress {
        match self.phase {
            Phase::ReadingHead if !self.input.is_empty() || self.begun.is_some() => {
                self.refuse(Refusal { status: 408, reason: "the request took too long" })
            }
            Phase::New
            | Phase::ReadingHead
            | Phase::Answering
            | Phase::Writing
            | Phase::Streaming
            | Phase::Lingering => Progress::Over,
        }
    }

    /// Does what can be done without waiting.
    pub(super) fn advance(&mut self) -> Progress {
        match self.phase {
            Phase::New => {
                self.phase = Phase::ReadingHead;
                match self.read_request() {
                    Progress::Waiting => Progress::WaitingAtMost(HEAD_WITHIN),
                    progress => progress,
                }
            }
            Phase::ReadingHead => self.read_request(),
            Phase::Writing => self.write(),
            Phase::Streaming => self.stream(),
            Phase::Lingering => self.linger(),
            Phase::Answering => Progress::Waiting,
        }
    }

    fn read_request(&mut self) -> Progress {
        loop {
            match self.take_request() {
                Ok(Some(request)) => {
                    self.phase = Phase::Answering;
                    return Progress::Request(request);
                }
                Ok(None) => {}
                Err(refusal) => return self.refuse(refusal),
            }
            if self.input.is_empty() {
                // An idle connection keeps no buffers.
                self.input = Vec::new();
            }
            let mut chunk = [0; 4096];
            match self.peer.read(&mut chunk) {
                Ok(0) => return Progress::Over,
                Ok(count) => self.input.extend_from_slice(&chunk[..count]),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Progress::Waiting,
                Err(_) => return Progress::Over,
            }
        }
    }

    /// The next request, if all of it has been read.
    fn take_request(&mut self) -> Result<Option<Box<Request>>, Refusal> {
        if self.begun.is_none() {
            let Some(length) = http::head_length(&self.input, self.searched) else {
                self.searched = self.input.len();
                return match self.input.len() > HEAD_BYTES_MAX {
                    true => Err(Refusal { status: 431, reason: "the request head is too large" }),
                    false => Ok(None),
                };
            };
            if length > HEAD_BYTES_MAX {
                return Err(Refusal { status: 431, reason: "the request head is too large" });
            }
            let head: Vec<u8> = self.input.drain(..length).collect();
            self.searched = 0;
            let (request, body_length) = http::parse(&head, self.peer.face())?;
            self.begun = Some((Box::new(request), body_length));
        }
        match self.begun.take() {
            Some((mut request, length)) if self.input.len() >= length => {
                request.body = self.input.drain(..length).collect();
                Ok(Some(request))
            }
            begun => {
                self.begun = begun;
                Ok(None)
            }
        }
    }

    fn refuse(&mut self, refusal: Refusal) -> Progress {
        self.keep_alive = false;
        self.send(&Response::refuse(refusal), true)
    }

    fn send(&mut self, response: &Response, with_body: bool) -> Progress {
        self.outbox.push(response.head(self.keep_alive, &clock::http_date()).into());
        if with_body {
            self.outbox.push(response.body());
        }
        self.phase = Phase::Writing;
        match self.write() {
            Progress::Waiting => Progress::WaitingAtMost(WRITE_WITHIN),
            progress => progress,
        }
    }

    fn write(&mut self) -> Progress {
        match self.outbox.send(&mut self.peer) {
            Ok(true) => {}
            Ok(false) => return Progress::Waiting,
            Err(_) => return Progress::Over,
        }
        if self.keep_alive {
            self.phase = Phase::New;
            return self.advance();
        }
        if self.peer.shut_down_writing().is_err() {
            return Progress::Over;
        }
        self.phase = Phase::Lingering;
        match self.linger() {
            Progress::Waiting => Progress::WaitingAtMost(LINGER),
            progress => progress,
        }
    }

    /// Writes what there is of a stream, and notices when its reader has left. What the reader says
    /// is not listened to, but it may not say much.
    fn stream(&mut self) -> Progress {
        let mut chunk = [0; 1024];
        while self.lingered < LINGER_BYTES_MAX {
            match self.peer.read(&mut chunk) {
                Ok(0) => return Progress::Over,
                Ok(count) => self.lingered += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    return if self.outbox.send(&mut self.peer).is_ok() {
                        Progress::Waiting
                    } else {
                        Progress::Over
                    };
                }
                Err(_) => return Progress::Over,
            }
        }
        Progress::Over
    }

    fn linger(&mut self) -> Progress {
        let mut chunk = [0; 4096];
        while self.lingered < LINGER_BYTES_MAX {
            match self.peer.read(&mut chunk) {
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
