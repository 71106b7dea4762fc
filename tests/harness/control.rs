//! A client at the control socket that sends exactly what it is told, and a stranger.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;

use nix::libc;
use serde_json::{Value, json};

use super::http::{Answer, split_answers};
use super::{PATIENCE, Running};

/// Sends `bytes` and gives all that comes until the server closes.
pub fn converse_at_socket(path: &Path, bytes: &[u8]) -> Vec<u8> {
    let mut stream = UnixStream::connect(path).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(bytes).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    answer
}

/// The bytes of a command; `connection` is `close` or `keep-alive`.
pub fn post(line: &str, connection: &str) -> Vec<u8> {
    let body = json!({ "command": line }).to_string();
    let head = format!(
        "POST /api/commands HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\nConnection: {connection}\r\n\r\n",
        body.len()
    );
    [head.into_bytes(), body.into_bytes()].concat()
}

impl Running {
    /// Sends requests to the control socket, of which the last closes.
    pub fn ask(&self, requests: &[u8]) -> Vec<Answer> {
        split_answers(&converse_at_socket(&self.site.path("taskmaster.sock"), requests))
    }

    /// Gives a command; whether it worked, and its lines.
    pub fn command(&self, line: &str) -> (bool, Vec<String>) {
        let answers = self.ask(&post(line, "close"));
        assert_eq!((answers.len(), answers[0].status), (1, 200));
        let answer: Value = serde_json::from_slice(&answers[0].body).unwrap();
        let lines = answer["lines"].as_array().unwrap().iter();
        (answer["ok"].as_bool().unwrap(), lines.map(|line| line.as_str().unwrap().to_owned()).collect())
    }
}

/// Whether a test may become somebody else.
pub fn is_root() -> bool {
    nix::unistd::Uid::effective().is_root()
}

/// Runs `act` as another user (uid 65534), in a thread of its own: the kernel knows users by thread, and
/// only the C library makes it the whole process. For root only.
pub fn as_stranger<T: Send>(act: impl FnOnce() -> T + Send) -> T {
    std::thread::scope(|scope| {
        let stranger = scope.spawn(|| {
            let (keep, nobody) = (-1 as libc::c_long, 65534 as libc::c_long);
            // SAFETY: this changes numbers in the kernel, and no memory of ours.
            let done = unsafe { libc::syscall(libc::SYS_setresuid, keep, nobody, keep) };
            assert_eq!(done, 0, "only root can become somebody else");
            act()
        });
        stranger.join().unwrap()
    })
}
