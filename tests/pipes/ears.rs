//! Who listens: lines that are waited for, last lines, and those who follow a log.

use std::fs;
use std::path::PathBuf;

use super::texts::token;
use super::world::{World, inode};
use super::writers::Writer;
use crate::config::Pattern;
use crate::io::output::tail::{Follower, Step};
use crate::supervisor::{Probe, Run};

/// How much is kept of what a process has said last, and how many lines of it are shown.
const RECENT_BYTES: usize = 1024;
const RECENT_LINES: usize = 10;
/// Lines beyond this come in pieces to who follows.
const FOLLOWED_BYTES: usize = 64 * 1024;

/// What is waited for on a pipe: its token, as a line of its own.
#[derive(Clone, Copy, Debug)]
pub struct Ears {
    probe: Probe,
    /// How much had been said when it was asked for; none while nobody asks.
    asked_at: Option<usize>,
}

impl Ears {
    pub fn new(probe: Probe) -> Ears {
        Ears { probe, asked_at: (probe == Probe::Readiness).then_some(0) }
    }

    pub fn open(self, world: &mut World, writer: usize) {
        let it = &world.writers[writer];
        let pattern = Pattern::new(&format!("^{}$", token(it.class))).unwrap();
        world.pipes.listen(it.pipe, self.probe, &pattern, it.class as u32);
    }
}

impl World {
    /// The next heartbeat of a writer is wanted.
    pub fn ask_again(&mut self, writer: usize) {
        let it = &mut self.writers[writer];
        if let Some(ears) = it.ears.as_mut().filter(|ears| ears.probe == Probe::Liveness && !it.has_ended) {
            ears.asked_at.get_or_insert(it.said.len());
            self.pipes.listen_again(it.pipe);
        }
    }

    /// Nothing is heard that was not said and asked for.
    pub fn hear(&mut self) -> Result<(), String> {
        for (run, probe) in self.pipes.take_heard() {
            let found = self.writers.iter_mut().find(|it| it.instance == run.instance);
            let Some(it) = found else { return Err(format!("{run:?} is nobody")) };
            let told = Run { instance: it.instance, incarnation: it.class as u32 };
            let ears = it.ears.as_mut().filter(|ears| ears.probe == probe && ears.asked_at.is_some());
            let Some(ears) = ears.filter(|_| told == run) else {
                return Err(format!("w{} was heard, and nobody had asked", it.class));
            };
            ears.asked_at = None;
            self.heard += 1;
            if !has_said(&it.said, 0, &token(it.class), it.ends.is_empty() || it.is_reaped) {
                return Err(format!("w{} was heard, and has not said it", it.class));
            }
            self.pipes.settle(it.pipe, probe);
        }
        Ok(())
    }

    /// What was said since it was asked for has been heard.
    pub fn check_ears(&self) -> Result<(), String> {
        for it in &self.writers {
            let asked_at = it.ears.and_then(|ears| ears.asked_at);
            if asked_at.is_some_and(|at| has_said(&it.said, at, &token(it.class), it.has_ended)) {
                return Err(format!("w{} was not heard", it.class));
            }
        }
        Ok(())
    }

    /// Somebody follows the log of a writer, by the name that the writer has for it.
    pub fn begin_to_follow(&mut self, writer: usize, lines: usize) {
        let Writer { path, log, .. } = &self.writers[writer];
        let Ok(text) = fs::read(path) else { return };
        let number = self.logs[*log].number_of(inode(path));
        let follower = Follower::open(path, lines).unwrap();
        self.pipes.watch(path);
        self.followings.push(Following {
            log: *log,
            path: path.clone(),
            follower,
            from: (number, start_of_last(&text, lines)),
            told: Vec::new(),
            is_exact: true,
            is_confused: false,
            is_told: true,
        });
        self.follow();
    }

    /// Those who follow a log read on when they are told that there is more.
    pub fn follow(&mut self) {
        let news = self.pipes.take_news();
        for following in &mut self.followings {
            if following.is_told || news.contains(&following.path) {
                following.is_told = false;
                while following.follower.read(&mut following.told) == Step::More {}
            }
        }
    }

    /// Those who follow a log may miss lines from now on, or lose their place.
    pub fn confuse_followers(&mut self, log: usize, is_emptied: bool) {
        for following in self.followings.iter_mut().filter(|it| it.log == log) {
            following.is_exact = false;
            following.is_confused |= is_emptied;
        }
    }

    pub fn check_followings(&self) -> Result<(), String> {
        for following in self.followings.iter().filter(|it| !it.is_confused) {
            following.check(&self.logs[following.log].texts())?;
        }
        Ok(())
    }
}

impl super::logs::Log {
    fn number_of(&self, inode: Option<u64>) -> usize {
        self.inodes().iter().position(|it| Some(*it) == inode).expect("every log file is known")
    }
}

/// Whether a line that begins at `from` or later is this one. One that has not ended counts where nothing
/// comes behind it.
fn has_said(said: &[u8], from: usize, token: &str, has_ended: bool) -> bool {
    let mut at = 0;
    said.split_inclusive(|byte| *byte == b'\n').any(|line| {
        let start = at;
        at += line.len();
        let text = line.strip_suffix(b"\n");
        let text = text.or(has_ended.then_some(line)).map(|text| text.strip_suffix(b"\r").unwrap_or(text));
        start >= from && text == Some(token.as_bytes())
    })
}

fn start_of_last(text: &[u8], lines: usize) -> usize {
    let line_ends = text.iter().enumerate().filter(|(at, byte)| **byte == b'\n' && at + 1 < text.len());
    let mut starts: Vec<usize> = [0].into_iter().chain(line_ends.map(|(at, _)| at + 1)).collect();
    starts.push(text.len());
    starts[(starts.len() - 1).saturating_sub(lines)]
}

/// Somebody follows a log.
pub struct Following {
    log: usize,
    path: PathBuf,
    follower: Follower,
    /// From where on: the file, and the byte in it.
    from: (usize, usize),
    told: Vec<u8>,
    /// Nothing has happened that may cost lines.
    is_exact: bool,
    /// It may have lost its place.
    is_confused: bool,
    is_told: bool,
}

impl Following {
    /// All lines from where it began, whole and in their order; what was left out was told.
    fn check(&self, files: &[Vec<u8>]) -> Result<(), String> {
        let mut due = Vec::new();
        for (number, text) in files.iter().enumerate().skip(self.from.0) {
            let text = if number == self.from.0 { &text[self.from.1..] } else { text };
            due.extend_from_slice(text);
            if number + 1 < files.len() && !text.is_empty() && !text.ends_with(b"\n") {
                due.push(b'\n');
            }
        }
        if due.split(|byte| *byte == b'\n').any(|line| line.len() >= FOLLOWED_BYTES) {
            return Ok(());
        }
        due.truncate(due.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1));
        let lines = |text: &[u8]| -> Vec<Vec<u8>> {
            text.split_inclusive(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect()
        };
        let (due_lines, mut told) = (lines(&due), lines(&self.told));
        let count = told.len();
        told.retain(|line| !line.starts_with(b"(rotated more than once"));
        let mut rest = due_lines.iter();
        if let Some(odd) = told.iter().find(|line| !rest.any(|other| other == *line)) {
            return Err(format!("who follows {} was told \"{}\"", self.path.display(), odd.escape_ascii()));
        }
        if self.is_exact && count == told.len() && told.len() < due_lines.len() {
            let (path, due) = (self.path.display(), due_lines.len());
            return Err(format!("who follows {path} was told {count} of {due} lines"));
        }
        Ok(())
    }
}

/// The last lines are the last ones, as many as fit, and nothing else.
pub fn check_last_lines(writer: &Writer, lines: &[String]) -> Result<(), String> {
    if !writer.keeps_recent {
        return if lines.is_empty() { Ok(()) } else { Err("last lines that nobody keeps".to_owned()) };
    }
    let text = writer.said.strip_suffix(b"\n").unwrap_or(&writer.said);
    let all: Vec<String> = match text.is_empty() {
        true => Vec::new(),
        false => {
            text.split(|byte| *byte == b'\n').map(|it| String::from_utf8_lossy(it).into_owned()).collect()
        }
    };
    let fitting =
        text[text.len().saturating_sub(RECENT_BYTES - 1)..].iter().filter(|it| **it == b'\n').count();
    let (most, least) =
        (RECENT_LINES.min(all.len()), fitting.min(RECENT_LINES - 1).max(usize::from(!all.is_empty())));
    let last = &all[all.len() - lines.len().min(all.len())..];
    let is_end = match lines {
        // A line that is too long is shown by its end.
        [only] => all.last().is_some_and(|last| last.ends_with(only.trim_start_matches('\u{fffd}'))),
        _ => last == lines,
    };
    if lines.len() > most || lines.len() < least || !is_end && !lines.is_empty() {
        return Err(format!("{} of {} last lines of w{}: {lines:?}", lines.len(), all.len(), writer.class));
    }
    Ok(())
}
