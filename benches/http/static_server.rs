//! The floor of an HTTP server: a bare mio loop that sends the same bytes to whoever sends something.
//! The bench runs it in a process of its own, by executing itself with [`ROLE`] as the first argument.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};

use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Token};

/// The first argument that turns a bench into the server.
pub const ROLE: &str = "static-server";
const LISTENER: Token = Token(0);

/// The server at work.
pub struct Bare {
    process: Child,
    pub address: SocketAddr,
}

impl Bare {
    /// Sends `answer` to every request; its connections stay open, whatever it says.
    pub fn launch(answer: &[u8]) -> Bare {
        let program = std::env::current_exe().expect("/proc is mounted");
        let mut command = Command::new(program);
        command.arg(ROLE).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = command.spawn().expect("it starts");
        let answer =
            String::from_utf8_lossy(answer).replacen("Connection: close", "Connection: keep-alive", 1);
        process.stdin.take().expect("a pipe").write_all(answer.as_bytes()).expect("it reads");
        let mut line = String::new();
        BufReader::new(process.stdout.take().expect("a pipe"))
            .read_line(&mut line)
            .expect("it tells its address");
        Bare { process, address: line.trim().parse().expect("an address") }
    }
}

impl Drop for Bare {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Runs as the server; the answer comes on standard input.
pub fn run(_: impl Iterator<Item = String>) {
    let mut answer = Vec::new();
    std::io::stdin().read_to_end(&mut answer).expect("an answer");
    let mut listener = TcpListener::bind(([127, 0, 0, 1], 0).into()).expect("a free port");
    println!("{}", listener.local_addr().expect("it is bound"));
    let mut poll = Poll::new().expect("an epoll");
    poll.registry().register(&mut listener, LISTENER, Interest::READABLE).expect("it is pollable");
    let mut peers: HashMap<Token, (TcpStream, Vec<u8>)> = HashMap::new();
    let mut events = Events::with_capacity(1024);
    let mut next = 1;
    loop {
        poll.poll(&mut events, None).expect("epoll works");
        for event in &events {
            if event.token() != LISTENER {
                let over =
                    peers.get_mut(&event.token()).is_some_and(|(peer, rest)| !serve(peer, rest, &answer));
                if over {
                    peers.remove(&event.token());
                }
                continue;
            }
            while let Ok((mut peer, _)) = listener.accept() {
                let _ = peer.set_nodelay(true);
                let interest = Interest::READABLE | Interest::WRITABLE;
                poll.registry().register(&mut peer, Token(next), interest).expect("it is pollable");
                peers.insert(Token(next), (peer, Vec::new()));
                next += 1;
            }
        }
    }
}

/// Writes what is left of the last answer, then reads requests and answers them; false if the peer is gone.
fn serve(peer: &mut TcpStream, rest: &mut Vec<u8>, answer: &[u8]) -> bool {
    let mut bytes = [0; 4096];
    loop {
        while !rest.is_empty() {
            match peer.write(rest) {
                Ok(count) => drop(rest.drain(..count)),
                Err(error) => return error.kind() == ErrorKind::WouldBlock,
            }
        }
        match peer.read(&mut bytes) {
            Ok(0) => return false,
            Ok(count) => {
                for _ in bytes[..count].windows(4).filter(|window| window == b"\r\n\r\n") {
                    rest.extend_from_slice(answer);
                }
            }
            Err(error) => return error.kind() == ErrorKind::WouldBlock,
        }
    }
}
