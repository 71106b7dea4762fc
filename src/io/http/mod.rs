//! The sockets of the dashboard: listening, reading heads, writing answers, with a bound on
//! everything that a slow or hostile peer could make us keep.

mod connection;

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use mio::net::TcpListener;
use mio::{Interest, Registry};

use super::reason::reason;
use super::token::Source;
use crate::http::{Request, Response};
use crate::slots::{Key, Slots};
use crate::time::Time;
use crate::timers::Timers;
use connection::{Connection, Progress};

/// A failed bind, and an accept without descriptors, are tried again after this time.
const RETRY_AFTER: Duration = Duration::from_secs(3);
/// Connections at one time. A further one takes the place of one that says nothing, or waits in the
/// kernel's queue.
const CONNECTIONS_MAX: usize = 128;

/// The server.
pub(crate) struct Server {
    address: SocketAddr,
    listener: Option<TcpListener>,
    /// When to bind, or to accept, again.
    retry_at: Option<Time>,
    connections: Slots<Connection>,
    timers: Timers,
    requests: VecDeque<(Key, Request)>,
}

impl Server {
    /// Nothing is bound yet.
    pub(crate) fn new(address: SocketAddr) -> Server {
        Server {
            address,
            listener: None,
            retry_at: None,
            connections: Slots::new(),
            timers: Timers::new(),
            requests: VecDeque::new(),
        }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Binds, or arranges for another try.
    ///
    /// # Errors
    /// Why the address cannot be had now.
    pub(crate) fn bind(&mut self, registry: &Registry, now: Time) -> io::Result<()> {
        let bound = TcpListener::bind(self.address).and_then(|mut listener| {
            registry.register(&mut listener, Source::HttpListener.token(), Interest::READABLE)?;
            Ok(listener)
        });
        match bound {
            Ok(listener) => {
                self.listener = Some(listener);
                self.retry_at = None;
                Ok(())
            }
            Err(error) => {
                self.retry_at = Some(now + RETRY_AFTER);
                Err(error)
            }
        }
    }

    /// Stops listening and ends every connection.
    pub(crate) fn shut(&mut self, registry: &Registry) {
        let keys: Vec<Key> = self.connections.iter().map(|(key, _)| key).collect();
        for key in keys {
            self.close(registry, key);
        }
        if let Some(mut listener) = self.listener.take() {
            let _ = registry.deregister(&mut listener);
        }
    }

    pub(crate) fn is_bound(&self) -> bool {
        self.listener.is_some()
    }

    /// When [`Server::fire`] is needed next.
    pub(crate) fn next_deadline(&self) -> Option<Time> {
        [self.retry_at, self.timers.next()].into_iter().flatten().min()
    }

    /// Ends what had its time; binds or accepts again. True when the bind worked after all.
    pub(crate) fn fire(&mut self, registry: &Registry, now: Time) -> bool {
        while let Some(index) = self.timers.pop_due(now) {
            let Some(key) = self.connections.key_at(index) else { continue };
            let progress = match self.connections.get_mut(key) {
                Some(connection) => connection.time_is_up(),
                None => continue,
            };
            self.follow(registry, now, key, progress);
        }
        if self.retry_at.is_none_or(|at| at > now) {
            return false;
        }
        self.retry_at = None;
        if self.is_bound() {
            self.accept(registry, now);
            return false;
        }
        self.bind(registry, now).is_ok()
    }

    /// Takes in whoever waits at the door.
    pub(crate) fn accept(&mut self, registry: &Registry, now: Time) {
        loop {
            let is_full = self.connections.len() >= CONNECTIONS_MAX;
            let oldest = self.longest_unheard().filter(|_| is_full);
            let Some(listener) = self.listener.as_ref().filter(|_| !is_full || oldest.is_some()) else {
                return;
            };
            let stream = match listener.accept() {
                Ok((stream, _)) => stream,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                // The peer gave up before we came; the next one may be fine.
                Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => continue,
                Err(error) => {
                    log::warn!("the dashboard cannot accept a connection: {}", reason(&error));
                    self.retry_at = Some(now + RETRY_AFTER);
                    return;
                }
            };
            if let Some(oldest) = oldest {
                self.close(registry, oldest);
            }
            let key = self.connections.insert(Connection::new(stream));
            let Some(connection) = self.connections.get_mut(key) else { continue };
            if connection.register(registry, Source::HttpConnection(key).token()).is_err() {
                self.connections.remove(key);
                continue;
            }
            let progress = connection.advance();
            self.follow(registry, now, key, progress);
        }
    }

    /// A connection may be read or written.
    pub(crate) fn ready(&mut self, registry: &Registry, now: Time, key: Key) {
        if let Some(connection) = self.connections.get_mut(key) {
            let progress = connection.ready();
            self.follow(registry, now, key, progress);
        }
    }

    /// The next request that is to be answered by [`Server::respond`].
    pub(crate) fn poll_request(&mut self) -> Option<(Key, Request)> {
        self.requests.pop_front()
    }

    /// How many requests wait for an answer.
    pub(crate) fn requests_len(&self) -> usize {
        self.requests.len()
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
        if let Some(connection) = self.connections.get_mut(key) {
            let progress = connection.respond(request, response);
            self.follow(registry, now, key, progress);
        }
    }

    /// The connection that has gone without a whole request for the longest time: it gives way when
    /// the house is full, so that silent peers keep nobody out.
    fn longest_unheard(&self) -> Option<Key> {
        let waiting = self.connections.iter().filter(|(_, connection)| connection.awaits_request());
        waiting.min_by_key(|(key, _)| self.timers.get(key.index())).map(|(key, _)| key)
    }

    fn close(&mut self, registry: &Registry, key: Key) {
        self.timers.set(key.index(), None);
        if let Some(mut connection) = self.connections.remove(key) {
            connection.deregister(registry);
        }
    }

    fn follow(&mut self, registry: &Registry, now: Time, key: Key, progress: Progress) {
        match progress {
            Progress::Request(request) => {
                self.timers.set(key.index(), None);
                self.requests.push_back((key, request));
            }
            Progress::Waiting => {}
            Progress::WaitingAtMost(time) => self.timers.set(key.index(), Some(now + time)),
            Progress::Over => {
                self.close(registry, key);
                if self.connections.len() == CONNECTIONS_MAX - 1 {
                    // Those who came while the house was full were not told of by an edge.
                    self.accept(registry, now);
                }
            }
        }
    }
}
