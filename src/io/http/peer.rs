//! The other end of a connection, over TCP or over the control socket.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr};

use mio::event::Source;
use mio::net::{TcpStream, UnixStream};
use mio::{Interest, Registry, Token};

use crate::http::Face;

/// A connected socket.
pub(super) enum Peer {
    Tcp(TcpStream),
    Unix(UnixStream),
}

impl Peer {
    pub(super) fn face(&self) -> Face {
        match self {
            Peer::Tcp(_) => Face::Tcp,
            Peer::Unix(_) => Face::Unix,
        }
    }

    /// Both ends' addresses, where it has some: the peer's and ours.
    pub(super) fn addresses(&self) -> Option<(SocketAddr, SocketAddr)> {
        match self {
            Peer::Tcp(stream) => Some((stream.peer_addr().ok()?, stream.local_addr().ok()?)),
            Peer::Unix(_) => None,
        }
    }

    pub(super) fn shut_down_writing(&self) -> io::Result<()> {
        match self {
            Peer::Tcp(stream) => stream.shutdown(Shutdown::Write),
            Peer::Unix(stream) => stream.shutdown(Shutdown::Write),
        }
    }

    pub(super) fn register(&mut self, registry: &Registry, token: Token) -> io::Result<()> {
        let interest = Interest::READABLE | Interest::WRITABLE;
        match self {
            Peer::Tcp(stream) => stream.register(registry, token, interest),
            Peer::Unix(stream) => stream.register(registry, token, interest),
        }
    }

    pub(super) fn deregister(&mut self, registry: &Registry) {
        let _ = match self {
            Peer::Tcp(stream) => stream.deregister(registry),
            Peer::Unix(stream) => stream.deregister(registry),
        };
    }
}

impl Read for Peer {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Peer::Tcp(stream) => stream.read(buffer),
            Peer::Unix(stream) => stream.read(buffer),
        }
    }
}

impl Write for Peer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Peer::Tcp(stream) => stream.write(bytes),
            Peer::Unix(stream) => stream.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
