//! The sockets of the HTTP server: listening, reading requests, writing answers, with a bound on
//! everything that a slow or hostile peer could make us keep. Two faces share it: TCP, and the control
//! socket.

mod budget;
mod connection;
mod control_socket;
mod outbox;
mod peer;
mod peer_uid;

use std::collections::VecDeque;
use std::fs::File;
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use mio::net::TcpListener;
use mio::{Interest, Registry};
use nix::libc;

use super::reason::reason;
use super::token::Source;
use crate::http::{Face, Request, Response};
use crate::slots::{Key, Slots};
use crate::time::Time;
use crate::timers::Timers;
use budget::WAITING_BYTES_MAX;
use connection::{Connection, Progress};
use control_socket::ControlSocket;
use peer::Peer;

pub(crate) use control_socket::Refused;

/// A failed bind, and an accept without descriptors, are tried again after this time.
const RETRY_AFTER: Duration = Duration::from_secs(3);
/// Descriptors that run out again within this time are the same shortage, and told once.
const SAME_SHORTAGE: Duration = Duration::from_secs(60);
/// Connections over TCP at one time. A further one takes the place of one that says nothing, or waits
/// in the kernel's queue.
const TCP_MAX: usize = 512;
/// Streams among them. There is always room for a short question.
const TCP_STREAMS_MAX: usize = 256;
/// Connections at the control socket, which strangers cannot use up.
const UNIX_MAX: usize = 64;
/// Peers that are let in at one time, so that those who come in crowds cannot hold the loop.
const ACCEPTS_PER_TURN: usize = 64;

/// The server.
pub(crate) struct Server {
    address: Option<SocketAddr>,
    tcp: Option<TcpListener>,
    control: Option<ControlSocket>,
    /// When to bind, or to accept, again.
    retry_at: Option<Time>,
    connections: Slots<Connection>,
    /// How many of them came over TCP.
    tcp_connections: usize,
    /// How much waits to be taken by those, in bytes; what is shared counts for each.
    tcp_waiting: usize,
    /// The limit of open files.
    descriptors_max: u64,
    /// Where peers may be waiting to be let in without another event that says so.
    at_door: Vec<Face>,
    timers: Timers,
    requests: VecDeque<(Key, Box<Request>)>,
    /// Connections that left while they were being served.
    departed: Vec<Key>,
    /// Given up for a moment when there are no descriptors left, so that whoever waits at the door can
    /// be let in and shown out, instead of waking us again and again.
    spare: Option<File>,
    /// When it last was short of descriptors.
    short_at: Option<Time>,
    /// Whether the last connection could not be polled; told once.
    is_refused: bool,
}

impl Server {
    /// Nothing is bound yet. With an `address` it is to listen on TCP. `descriptors_max` is the limit of
    /// open files, of which connections leave some for spawns.
    pub(crate) fn new(address: Option<SocketAddr>, descriptors_max: u64) -> Server {
        Server {
            address,
            tcp: None,
            control: None,
            retry_at: None,
            connections: Slots::new(),
            tcp_connections: 0,
            tcp_waiting: 0,
            descriptors_max,
            at_door: Vec::new(),
            timers: Timers::new(),
            requests: VecDeque::new(),
            departed: Vec::new(),
            spare: open_spare(),
            short_at: None,
            is_refused: false,
        }
    }

    /// Where it listens, or tries to, on TCP.
    pub(crate) fn address(&self) -> Option<SocketAddr> {
        self.address
    }

    /// Listens on TCP, or arranges for another try.
    ///
    /// # Errors
    /// Why the address cannot be had now.
    pub(crate) fn bind(&mut self, registry: &Registry, now: Time) -> io::Result<()> {
        let Some(address) = self.address else { return Ok(()) };
        let bound = TcpListener::bind(address).and_then(|mut listener| {
            registry.register(&mut listener, Source::HttpListener.token(), Interest::READABLE)?;
            Ok(listener)
        });
        match bound {
            Ok(listener) => {
                self.tcp = Some(listener);
                self.retry_at = None;
                Ok(())
            }
            Err(error) => {
                self.retry_at = Some(now + RETRY_AFTER);
                Err(error)
            }
        }
    }

    /// Goes to another address; `None` is nowhere. Connections that are open stay so.
    pub(crate) fn move_to(&mut self, registry: &Registry, address: Option<SocketAddr>) {
        if let Some(mut listener) = self.tcp.take() {
            let _ = registry.deregister(&mut listener);
        }
        self.retry_at = None;
        self.address = address;
    }

    /// Listens at the control socket, instead of at another one.
    pub(crate) fn bind_control(&mut self, registry: &Registry, path: &Path) -> Result<(), Refused> {
        let mut control = ControlSocket::bind(path)?;
        let token = Source::ControlListener.token();
        registry
            .register(&mut control.listener, token, Interest::READABLE)
            .map_err(|error| Refused::Trouble(reason(&error)))?;
        if let Some(mut old) = self.control.replace(control) {
            let _ = registry.deregister(&mut old.listener);
        }
        Ok(())
    }

    pub(crate) fn is_bound(&self) -> bool {
        self.tcp.is_some()
    }

    /// When [`Server::fire`] is needed next.
    pub(crate) fn next_deadline(&self) -> Option<Time> {
        [self.retry_at, self.timers.next()].into_iter().flatten().min()
    }

    /// Ends what had its time; binds or accepts again. True when the bind worked after all.
    pub(crate) fn fire(&mut self, registry: &Registry, now: Time) -> bool {
        while let Some(index) = self.timers.pop_due(now) {
            let Some(key) = self.connections.key_at(index) else { continue };
            self.act(registry, now, key, Connection::time_is_up);
        }
        for face in std::mem::take(&mut self.at_door) {
            self.accept(registry, now, face);
        }
        if self.retry_at.is_none_or(|at| at > now) {
            return false;
        }
        self.retry_at = None;
        self.accept(registry, now, Face::Unix);
        if self.is_bound() {
            self.accept(registry, now, Face::Tcp);
            return false;
        }
        self.address.is_some() && self.bind(registry, now).is_ok()
    }

    /// Takes in who waits at the door, so many at a time.
    pub(crate) fn accept(&mut self, registry: &Registry, now: Time, face: Face) {
        for _ in 0..ACCEPTS_PER_TURN {
            let mut oldest = None;
            if !self.has_room(face) {
                oldest = self.longest_unheard(face);
                if oldest.is_none() {
                    return;
                }
            }
            let peer = match self.next_peer(face) {
                Ok(Some(peer)) => peer,
                Ok(None) => return,
                // The peer gave up before we came; the next one may be fine.
                Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => continue,
                Err(error) if is_shortage(&error) => match self.show_out(now, face) {
                    ShownOut::Somebody => continue,
                    ShownOut::Nobody => return,
                    ShownOut::NoSpare => return self.retry_at = Some(now + RETRY_AFTER),
                },
                Err(error) => {
                    log::warn!("cannot accept a connection: {}", reason(&error));
                    return self.retry_at = Some(now + RETRY_AFTER);
                }
            };
            if self.needs_its_descriptor(&peer) {
                self.tell_of_shortage(now);
                oldest = oldest.or_else(|| self.longest_unheard(face));
                if oldest.is_none() {
                    continue;
                }
            }
            if let Some(oldest) = oldest {
                self.close(registry, oldest);
            }
            self.tcp_connections += usize::from(face == Face::Tcp);
            let key = self.connections.insert(Connection::new(peer));
            let mut refused = None;
            self.act(registry, now, key, |connection| {
                match connection.register(registry, Source::HttpConnection(key).token()) {
                    Ok(()) => connection.advance(),
                    Err(error) => {
                        refused = Some(error);
                        Progress::Over
                    }
                }
            });
            let was_refused = std::mem::replace(&mut self.is_refused, refused.is_some());
            if let Some(error) = refused.filter(|_| !was_refused) {
                log::warn!("connections cannot be polled, and are closed: {}", reason(&error));
            }
        }
        self.at_door.push(face);
    }

    /// Whether so few descriptors are left that spawns will need this one. A few connections are let
    /// in all the same: whoever runs out of descriptors wants to look why.
    fn needs_its_descriptor(&self, peer: &Peer) -> bool {
        if self.connections.len() < budget::CONNECTIONS_ALWAYS {
            return false;
        }
        let reserve = budget::reserve(self.descriptors_max, peer.face() == Face::Tcp);
        u64::try_from(peer.descriptor()).is_ok_and(|number| number >= self.descriptors_max - reserve)
    }

    fn next_peer(&mut self, face: Face) -> io::Result<Option<Peer>> {
        loop {
            let accepted = match (face, &self.tcp, &self.control) {
                (Face::Tcp, Some(listener), _) => listener.accept().map(|(stream, _)| Peer::tcp(stream)),
                (Face::Unix, _, Some(control)) => {
                    control.listener.accept().map(|(stream, _)| Peer::Unix(stream))
                }
                (Face::Tcp, None, _) | (Face::Unix, _, None) => return Ok(None),
            };
            match accepted {
                Ok(Peer::Unix(stream)) if !ControlSocket::may_command(&stream) => {
                    log::warn!("somebody else's process was refused at the control socket");
                }
                Ok(peer) => return Ok(Some(peer)),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(None),
                Err(error) => return Err(error),
            }
        }
    }

    /// Without descriptors: lets one in by the spare one and closes the door behind it.
    fn show_out(&mut self, now: Time, face: Face) -> ShownOut {
        self.tell_of_shortage(now);
        if self.spare.take().is_none() {
            self.spare = open_spare();
            return ShownOut::NoSpare;
        }
        let let_in = self.next_peer(face);
        let shown_out = match let_in {
            Ok(Some(_)) => ShownOut::Somebody,
            Ok(None) => ShownOut::Nobody,
            Err(_) => ShownOut::NoSpare,
        };
        drop(let_in);
        self.spare = open_spare();
        shown_out
    }

    /// A descriptor comes free now and then where there are too few: that is the same shortage.
    fn tell_of_shortage(&mut self, now: Time) {
        let before = self.short_at.replace(now);
        if before.is_none_or(|before| now >= before + SAME_SHORTAGE) {
            log::warn!(
                "descriptors are running out; connections are turned away, to leave some for programs"
            );
        }
    }

    /// A connection may be read or written; `is_gone` if it is neither read nor written any more by its
    /// peer.
    pub(crate) fn ready(&mut self, registry: &Registry, now: Time, key: Key, is_gone: bool) {
        self.act(registry, now, key, |connection| connection.ready(is_gone));
    }

    /// The next request that is to be answered by [`Server::respond`].
    pub(crate) fn poll_request(&mut self) -> Option<(Key, Box<Request>)> {
        self.requests.pop_front()
    }

    /// Whether there is something to do without another event.
    pub(crate) fn is_busy(&self) -> bool {
        !self.requests.is_empty() || !self.at_door.is_empty()
    }

    /// Whether an answer is held for somebody who has not taken all of it yet.
    pub(crate) fn is_sending(&self) -> bool {
        self.connections.iter().any(|(_, connection)| connection.outbox().waiting() > 0)
    }

    /// Whether a connection may become a stream; one that reads nothing may have to go for it.
    pub(crate) fn has_room_for_stream(&mut self, registry: &Registry, key: Key) -> bool {
        let is_tcp = |connection: &Connection| connection.face() == Face::Tcp;
        if self.connections.get(key).is_none_or(|connection| !is_tcp(connection)) {
            return true;
        }
        let streams = || {
            let streams = self.connections.iter();
            streams.filter(|(_, connection)| is_tcp(connection) && connection.is_streaming())
        };
        if streams().count() < TCP_STREAMS_MAX {
            return true;
        }
        let deaf = streams().filter(|(_, connection)| !connection.has_taken_all());
        let deafest = deaf.max_by_key(|(_, connection)| connection.outbox().waiting()).map(|(key, _)| key);
        deafest.inspect(|deafest| self.close(registry, *deafest)).is_some()
    }

    /// Answers a request.
    pub(crate) fn respond(
        &mut self,
        registry: &Registry,
        now: Time,
        key: Key,
        request: &Request,
        response: &Response,
    ) {
        self.act(registry, now, key, |connection| connection.respond(request, response));
    }

    /// The answer comes later: closes the connection if nobody waits for it any more.
    pub(crate) fn let_go(&mut self, registry: &Registry, now: Time, key: Key) {
        self.act(registry, now, key, |connection| connection.ready(false));
    }

    /// Our end of a TCP connection.
    pub(crate) fn own_address(&self, key: Key) -> Option<SocketAddr> {
        self.connections.get(key)?.addresses().map(|(_, own)| own)
    }

    /// Sends more of a stream; a reader that lets too much wait is dropped.
    pub(crate) fn push(&mut self, registry: &Registry, now: Time, key: Key, bytes: Arc<[u8]>) {
        self.act(registry, now, key, |connection| connection.push(bytes));
    }

    /// Ends a stream.
    pub(crate) fn finish(&mut self, registry: &Registry, now: Time, key: Key) {
        self.act(registry, now, key, Connection::finish);
    }

    /// Whether the reader of a stream has taken all that it was sent; a reader that has left has not.
    pub(crate) fn has_taken_all(&self, key: Key) -> bool {
        self.connections.get(key).is_some_and(Connection::has_taken_all)
    }

    /// Connections that left while they were being served, since this was last asked.
    pub(crate) fn take_departed(&mut self) -> Vec<Key> {
        std::mem::take(&mut self.departed)
    }

    /// The user whose process is at the other end of a TCP connection within this machine.
    pub(crate) fn peer_uid(&self, key: Key) -> Option<u32> {
        let (peer, own) = self.connections.get(key)?.addresses()?;
        peer_uid::of(peer, own)
    }

    fn has_room(&self, face: Face) -> bool {
        match face {
            Face::Tcp => self.tcp_connections < TCP_MAX,
            Face::Unix => self.connections.len() - self.tcp_connections < UNIX_MAX,
        }
    }

    /// The connection that has gone without a whole request for the longest time: it gives way when
    /// the house is full, so that silent peers keep nobody out.
    fn longest_unheard(&self, face: Face) -> Option<Key> {
        let waiting = self
            .connections
            .iter()
            .filter(|(_, connection)| connection.face() == face && connection.awaits_request());
        waiting.min_by_key(|(key, _)| self.timers.get(key.index())).map(|(key, _)| key)
    }

    fn close(&mut self, registry: &Registry, key: Key) {
        self.timers.set(key.index(), None);
        let Some(mut connection) = self.connections.remove(key) else { return };
        if connection.face() == Face::Tcp {
            self.tcp_connections -= 1;
            self.tcp_waiting -= connection.outbox().waiting();
        }
        if connection.is_served() {
            self.departed.push(key);
        }
        connection.deregister(registry);
    }

    /// Lets a connection do something, and does what follows from it.
    fn act(
        &mut self,
        registry: &Registry,
        now: Time,
        key: Key,
        act: impl FnOnce(&mut Connection) -> Progress,
    ) {
        let Some(connection) = self.connections.get_mut(key) else { return };
        let face = connection.face();
        let before = connection.outbox().waiting();
        let progress = act(connection);
        let after = connection.outbox().waiting();
        if face == Face::Tcp {
            self.tcp_waiting = self.tcp_waiting - before + after;
        }
        match progress {
            Progress::Request(request) => {
                self.timers.set(key.index(), None);
                match face {
                    // Who may give commands need not wait behind a crowd of those who look.
                    Face::Unix => self.requests.push_front((key, request)),
                    Face::Tcp => self.requests.push_back((key, request)),
                }
            }
            Progress::Waiting => {}
            Progress::WaitingAtMost(time) => self.timers.set(key.index(), Some(now + time)),
            Progress::Over => {
                if !self.has_room(face) {
                    // Those who came while the house was full were not told of by an edge.
                    self.at_door.push(face);
                }
                self.close(registry, key);
            }
        }
        if after > before {
            self.keep_within_budget(registry);
        }
    }

    /// Closes the connections that make us keep the most, until all of them together are bearable.
    fn keep_within_budget(&mut self, registry: &Registry) {
        while self.tcp_waiting > WAITING_BYTES_MAX {
            let tcp = || self.connections.iter().filter(|(_, connection)| connection.face() == Face::Tcp);
            if budget::distinct_bytes(tcp().map(|(_, connection)| connection.outbox())) <= WAITING_BYTES_MAX {
                return;
            }
            let Some((deafest, _)) = tcp().max_by_key(|(_, connection)| connection.outbox().waiting()) else {
                return;
            };
            self.close(registry, deafest);
        }
    }
}

/// What became of a peer at the door when there was no descriptor for it.
enum ShownOut {
    Somebody,
    Nobody,
    NoSpare,
}

fn open_spare() -> Option<File> {
    File::open("/dev/null").ok()
}

fn is_shortage(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::EMFILE | libc::ENFILE))
}
