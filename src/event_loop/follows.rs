//! `tail -f`, wherever it was asked: the console, a client, or a page. A follower reads the file
//! itself, as fast as its reader takes it, so a slow reader costs no memory; that there is something
//! to read it is told by whoever writes the file, so nobody polls.

use std::path::PathBuf;

use super::EventLoop;
use crate::command::{RequestId, Tail};
use crate::config::Output;
use crate::http::sse;
use crate::io::output::tail::{Follower, Step};
use crate::slots::Key;

/// Blocks of one file that a reader gets in one turn, so that a long log cannot hold the loop.
const BLOCKS_PER_TURN: usize = 4;
/// Files that one `tail -f` follows at most.
const FILES_MAX: usize = 64;

/// Who reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reader {
    Console(RequestId),
    /// A client: lines as they are.
    Text(Key),
    /// A page: an event for each line.
    Events(Key),
}

/// Everything that is followed.
#[derive(Default)]
pub(super) struct Follows {
    follows: Vec<Follow>,
}

struct Follow {
    reader: Reader,
    files: Vec<Followed>,
}

struct Followed {
    follower: Follower,
    /// `worker:0 | ` where there are several.
    prefix: String,
    /// Whether there may be something to read.
    is_behind: bool,
}

impl EventLoop {
    /// Begins to follow what `tail` names; what cannot be followed is said first.
    pub(super) fn follow(&mut self, tail: &Tail, reader: Reader) {
        let (mut logs, mut errors) = self.logs_of(tail);
        errors.extend(self.supervisor.without_instances(&tail.targets));
        if logs.len() > FILES_MAX {
            errors.push(format!("ERROR only {FILES_MAX} of {} logs are followed", logs.len()));
            logs.truncate(FILES_MAX);
        }
        let is_prefixed = logs.len() > 1;
        let mut files = Vec::new();
        for (name, path) in logs {
            match Follower::open(&path, tail.lines) {
                Ok(follower) => {
                    self.pipes.watch(&path);
                    let prefix = if is_prefixed { format!("{name} | ") } else { String::new() };
                    files.push(Followed { follower, prefix, is_behind: true });
                }
                Err(error) => errors.push(format!("ERROR {name}: {}: {error}", path.display())),
            }
        }
        for error in errors {
            self.hand_over(reader, "", format!("{error}\n").as_bytes());
        }
        match files.is_empty() {
            true => self.dismiss(reader),
            false => self.follows.follows.push(Follow { reader, files }),
        }
    }

    /// Begins to follow one file for a page.
    pub(super) fn follow_file(&mut self, follower: Follower, reader: Reader) {
        self.pipes.watch(follower.path());
        let files = vec![Followed { follower, prefix: String::new(), is_behind: true }];
        self.follows.follows.push(Follow { reader, files });
    }

    /// A connection has left.
    pub(super) fn stop_following(&mut self, connection: Key) {
        self.forget_follows(
            |reader| matches!(reader, Reader::Text(key) | Reader::Events(key) if key == connection),
        );
    }

    fn forget_follows(&mut self, is_over: impl Fn(Reader) -> bool) {
        let pipes = &mut self.pipes;
        self.follows.follows.retain(|follow| {
            let is_over = is_over(follow.reader);
            if is_over {
                follow.files.iter().for_each(|file| pipes.unwatch(file.follower.path()));
            }
            !is_over
        });
    }

    /// Passes on what has been written, as far as the readers take it.
    pub(super) fn serve_followers(&mut self) {
        if self.follows.follows.is_empty() {
            return;
        }
        let news = self.pipes.take_news();
        let console = &self.console;
        let left: Vec<Reader> = self.follows.follows.iter().map(|follow| follow.reader).collect();
        let left: Vec<Reader> = left
            .into_iter()
            .filter(|reader| matches!(reader, Reader::Console(request) if !console.waits_for(*request)))
            .collect();
        self.forget_follows(|reader| left.contains(&reader));
        let mut follows = std::mem::take(&mut self.follows.follows);
        for follow in &mut follows {
            for file in &mut follow.files {
                file.is_behind |= news.iter().any(|path| path == file.follower.path());
                self.serve(follow.reader, file);
            }
        }
        self.follows.follows = follows;
    }

    fn serve(&mut self, reader: Reader, file: &mut Followed) {
        for _ in 0..BLOCKS_PER_TURN {
            if !file.is_behind || !self.takes_more(reader) {
                return;
            }
            let mut bytes = Vec::new();
            file.is_behind = file.follower.read(&mut bytes) == Step::More;
            if !bytes.is_empty() {
                self.hand_over(reader, &file.prefix, &bytes);
            }
        }
    }

    /// Whether a follower has something for a reader that takes it.
    pub(super) fn has_followers_to_serve(&self) -> bool {
        self.follows
            .follows
            .iter()
            .any(|follow| follow.files.iter().any(|file| file.is_behind) && self.takes_more(follow.reader))
    }

    fn takes_more(&self, reader: Reader) -> bool {
        match reader {
            Reader::Console(_) => self.console.takes_more(),
            Reader::Text(connection) | Reader::Events(connection) => self.http.has_taken_all(connection),
        }
    }

    /// Gives whole lines to a reader.
    fn hand_over(&mut self, reader: Reader, prefix: &str, lines: &[u8]) {
        let each = || lines.split_inclusive(|byte| *byte == b'\n');
        match reader {
            Reader::Console(request) => {
                for line in each() {
                    let line = String::from_utf8_lossy(line.strip_suffix(b"\n").unwrap_or(line));
                    self.console.reply(request, &format!("{prefix}{line}"));
                }
            }
            Reader::Text(connection) => {
                let bytes: Vec<u8> = each().flat_map(|line| [prefix.as_bytes(), line].concat()).collect();
                self.with_http(|http, registry, now| http.push(registry, now, connection, bytes.into()));
            }
            Reader::Events(connection) => {
                let event = |line: &[u8]| {
                    let line = line.strip_suffix(b"\n").unwrap_or(line);
                    sse::event("line", None, String::from_utf8_lossy(line).as_bytes())
                };
                let bytes: Vec<u8> = each().flat_map(event).collect();
                self.with_http(|http, registry, now| http.push(registry, now, connection, bytes.into()));
            }
        }
    }

    fn dismiss(&mut self, reader: Reader) {
        match reader {
            Reader::Console(request) => self.console.done(request),
            Reader::Text(connection) | Reader::Events(connection) => {
                self.with_http(|http, registry, now| http.finish(registry, now, connection));
            }
        }
    }

    /// The log files that `tail` means, each once with who writes there, and what is wrong with it.
    pub(super) fn logs_of(&self, tail: &Tail) -> (Vec<(String, PathBuf)>, Vec<String>) {
        let (keys, mut errors) = self.supervisor.resolve(&tail.targets);
        let mut logs: Vec<(String, PathBuf)> = Vec::new();
        for key in keys {
            let (Some(instance), Some(program)) =
                (self.supervisor.instance(key), self.supervisor.program_of(key))
            else {
                continue;
            };
            let name = &program.spec().name;
            match self.log_of(name, instance.number(), tail.is_stderr) {
                Some(Ok(path)) => match logs.iter_mut().find(|(_, other)| *other == path) {
                    // Instances that share a file: it is their program's.
                    Some((known, _)) => *known = name.clone(),
                    None => logs.push((self.supervisor.name(key), path)),
                },
                Some(Err(why)) => errors.push(format!("ERROR {}: {why}", self.supervisor.name(key))),
                None => {}
            }
        }
        (logs, errors)
    }

    /// Where an instance's stream is logged, or why it is not; `None` if there is no such instance.
    pub(super) fn log_of(
        &self,
        program: &str,
        number: u32,
        is_stderr: bool,
    ) -> Option<Result<PathBuf, String>> {
        let spec = self.supervisor.program_of(self.find_instance(program, number)?)?.spec();
        let output = match (is_stderr, &spec.stderr) {
            (true, Output::Stdout) | (false, _) => &spec.stdout,
            (true, own) => own,
        };
        Some(match output {
            Output::File(path) => Ok(PathBuf::from(path.expand(program, number))),
            Output::Discard => Err("this stream is discarded".to_owned()),
            Output::Inherit | Output::Stdout => Err("this stream is not logged, but inherited".to_owned()),
        })
    }

    /// The instance of this program with this number.
    pub(super) fn find_instance(&self, program: &str, number: u32) -> Option<Key> {
        let found = self.supervisor.programs().find(|found| found.spec().name == program)?;
        let is_it =
            |key: &Key| self.supervisor.instance(*key).is_some_and(|instance| instance.number() == number);
        found.instances().iter().copied().find(is_it)
    }
}
