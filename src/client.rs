//! The client: one command to a running supervisor, over its control socket.
//!
//! It speaks HTTP as everybody does there. There is one request and one answer, so it may block: this
//! is another process than the one with the loop.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::http::commands;

/// The largest answer that is believed, in bytes: a hundred thousand instances have about 30 MB.
const ANSWER_BYTES_MAX: u64 = 256 * 1024 * 1024;
const HEAD_BYTES_MAX: u64 = 64 * 1024;

/// Why there is no answer.
#[derive(Debug)]
pub(crate) enum Failure {
    /// Nobody listens at the socket.
    NotRunning(String),
    /// The time that the user gave is over.
    TimeIsUp,
    /// Whoever reads our output has left.
    ReaderGone,
    /// Anything else, in words.
    Trouble(String),
}

impl Failure {
    /// What it means that an answer cannot be written.
    pub(crate) fn of_writing(error: io::Error) -> Failure {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Failure::ReaderGone,
            _ => Failure::Trouble(error.to_string()),
        }
    }
}

/// The end of an answer.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Done {
    /// Whether the command did what it was to do, for every target.
    pub(crate) ok: bool,
}

/// Says `line` to the supervisor, and passes what it answers to `write`, as it comes.
///
/// # Errors
/// When nobody listens, when `patience` is over (the action goes on), and when `write` fails.
pub(crate) fn command(
    socket: &Path,
    line: &str,
    patience: Option<Duration>,
    write: &mut dyn FnMut(&[u8]) -> io::Result<()>,
) -> Result<Done, Failure> {
    let body = commands::question(line);
    let head = format!(
        "POST /api/commands HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    let mut answer = ask(socket, &[head.as_bytes(), &body].concat(), patience)?;
    if answer.is_stream() {
        answer.pass_on(write)?;
        return Ok(Done { ok: true });
    }
    let body = answer.read_whole()?;
    let Some((ok, lines)) = commands::parse_answer(&body) else {
        return Err(Failure::Trouble("the supervisor's answer is not understood".to_owned()));
    };
    let text: String = lines.iter().flat_map(|line| [line.as_str(), "\n"]).collect();
    write(text.as_bytes()).map_err(Failure::of_writing)?;
    Ok(Done { ok })
}

/// The document of `/api/status`.
///
/// # Errors
/// As [`command`].
pub(crate) fn status(socket: &Path, patience: Option<Duration>) -> Result<Vec<u8>, Failure> {
    let request = "GET /api/status HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    ask(socket, request.as_bytes(), patience)?.read_whole()
}

struct Answer {
    stream: BufReader<UnixStream>,
    deadline: Option<Instant>,
    /// None where it ends with the connection.
    length: Option<u64>,
}

fn ask(socket: &Path, request: &[u8], patience: Option<Duration>) -> Result<Answer, Failure> {
    let mut stream = UnixStream::connect(socket).map_err(|error| explain_connect(socket, &error))?;
    stream.write_all(request).map_err(explain)?;
    #[allow(clippy::disallowed_methods)] // The loop's clock is in another process.
    let deadline = patience.map(|patience| Instant::now() + patience);
    let mut answer = Answer { stream: BufReader::new(stream), deadline, length: None };
    let head = answer.read_head()?;
    let mut headers = [httparse::EMPTY_HEADER; 64];
    let mut parsed = httparse::Response::new(&mut headers);
    if !matches!(parsed.parse(&head), Ok(httparse::Status::Complete(_))) {
        return Err(Failure::Trouble("whoever listens there is no supervisor".to_owned()));
    }
    let length = parsed.headers.iter().find(|header| header.name.eq_ignore_ascii_case("content-length"));
    answer.length = length.and_then(|header| std::str::from_utf8(header.value).ok()?.parse().ok());
    match parsed.code {
        Some(200) => Ok(answer),
        _ => {
            let reason = answer.read_whole()?;
            Err(Failure::Trouble(String::from_utf8_lossy(&reason).trim().to_owned()))
        }
    }
}

impl Answer {
    fn is_stream(&self) -> bool {
        self.length.is_none()
    }

    fn read_head(&mut self) -> Result<Vec<u8>, Failure> {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            self.set_timeout()?;
            let count =
                self.stream.by_ref().take(HEAD_BYTES_MAX).read_until(b'\n', &mut head).map_err(explain)?;
            if count == 0 || head.len() as u64 > HEAD_BYTES_MAX {
                return Err(Failure::Trouble("the supervisor ended before it answered".to_owned()));
            }
        }
        Ok(head)
    }

    fn read_whole(&mut self) -> Result<Vec<u8>, Failure> {
        let mut body = Vec::new();
        let length = self.length.unwrap_or(ANSWER_BYTES_MAX).min(ANSWER_BYTES_MAX);
        self.set_timeout()?;
        self.stream.by_ref().take(length).read_to_end(&mut body).map_err(explain)?;
        Ok(body)
    }

    fn pass_on(&mut self, write: &mut dyn FnMut(&[u8]) -> io::Result<()>) -> Result<(), Failure> {
        loop {
            self.set_timeout()?;
            let bytes = self.stream.fill_buf().map_err(explain)?;
            if bytes.is_empty() {
                return Ok(());
            }
            write(bytes).map_err(Failure::of_writing)?;
            let count = bytes.len();
            self.stream.consume(count);
        }
    }

    /// What is left of the user's patience bounds the next read.
    fn set_timeout(&self) -> Result<(), Failure> {
        let Some(deadline) = self.deadline else { return Ok(()) };
        #[allow(clippy::disallowed_methods)] // The loop's clock is in another process.
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(Failure::TimeIsUp);
        }
        self.stream.get_ref().set_read_timeout(Some(left)).map_err(explain)
    }
}

fn explain(error: io::Error) -> Failure {
    match error.kind() {
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => Failure::TimeIsUp,
        _ => Failure::Trouble(format!("the supervisor cannot be heard: {error}")),
    }
}

fn explain_connect(socket: &Path, error: &io::Error) -> Failure {
    let shown = socket.display();
    match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => {
            Failure::NotRunning(format!("no supervisor is running: nobody listens at {shown}"))
        }
        io::ErrorKind::PermissionDenied => {
            Failure::Trouble(format!("{shown}: only the supervisor's own user and root may give it commands"))
        }
        _ => Failure::Trouble(format!("{shown}: {error}")),
    }
}
