//! The other end of a connection, over TCP or over the control socket.

use std::io::{self, IoSlice, Read, Write};
use std::net::{Shutdown, SocketAddr};
use std::os::fd::{AsRawFd, RawFd};

use mio::event::Source;
use mio::net::{TcpStream, UnixStream};
use mio::{Interest, Registry, Token};
use nix::sys::socket::{setsockopt, sockopt};

use crate::http::Face;

/// What the kernel keeps for one TCP peer that does not read, in bytes (it doubles this for its own use).
const SEND_BUFFER_BYTES: usize = 256 * 1024;

/// A connected socket.
pub(super) enum Peer {
    Tcp(TcpStream),
    Unix(UnixStream),
}

impl Peer {
    /// A peer that has come over TCP.
    pub(super) fn tcp(stream: TcpStream) -> Peer {
        // None of this can fail on a connected socket, and all of it can be done without: small answers
        // go at once, the kernel's memory for who does not read is bounded, and of a peer whose machine
        // has vanished we hear one day.
        let _ = stream.set_nodelay(true);
        let _ = setsockopt(&stream, sockopt::SndBuf, &SEND_BUFFER_BYTES);
        let _ = setsockopt(&stream, sockopt::KeepAlive, &true);
        Peer::Tcp(stream)
    }

    /// The number of its descriptor: the kernel gives the lowest that is free.
    pub(super) fn descriptor(&self) -> RawFd {
        match self {
            Peer::Tcp(stream) => stream.as_raw_fd(),
            Peer::Unix(stream) => stream.as_raw_fd(),
        }
    }

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

    fn write_vectored(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        match self {
            Peer::Tcp(stream) => stream.write_vectored(slices),
            Peer::Unix(stream) => stream.write_vectored(slices),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
