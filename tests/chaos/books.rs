//! What the writers noted, and whether the logs hold exactly that.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

/// One process and one of its streams.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Voice {
    /// `own:3/1`: the instance, and 1 for standard output.
    pub stream: String,
    /// Which of the instance's processes it was.
    pub slot: u64,
}

/// How far it came: the last line whose writing began, and the last one that was written whole.
#[derive(Clone, Copy, Debug)]
pub struct Written {
    pub begun: u64,
    pub done: u64,
}

/// A record has five numbers: pid, begun and done of either stream.
const RECORD_BYTES: usize = 40;

/// All books below `directory`.
pub fn read_books(directory: &Path) -> HashMap<Voice, Written> {
    let mut written = HashMap::new();
    for entry in fs::read_dir(directory).unwrap().flatten() {
        let name = entry.file_name().into_string().unwrap();
        let bytes = fs::read(entry.path()).unwrap();
        for (slot, record) in bytes.chunks_exact(RECORD_BYTES).enumerate() {
            let number = |at: usize| u64::from_ne_bytes(record[at * 8..][..8].try_into().unwrap());
            for stream in 0..2 {
                let voice = Voice { stream: format!("{name}/{}", stream + 1), slot: slot as u64 };
                written.insert(voice, Written { begun: number(1 + stream), done: number(3 + stream) });
            }
        }
    }
    written
}

/// Every line of `voice` that bears this number, without its end. As in writer.c.
pub fn line(voice: &Voice, number: u64) -> String {
    let padding = (number * 7 + voice.slot * 13) % 150;
    format!("{} {} {number} {}.", voice.stream, voice.slot, "x".repeat(padding as usize))
}

/// The logs below a directory, with all backups, but not the supervisor's own.
pub fn log_files(directory: &Path) -> Vec<PathBuf> {
    let all = fs::read_dir(directory).unwrap().flatten().map(|entry| entry.path());
    all.filter(|path| !path.file_name().unwrap().display().to_string().starts_with("taskmaster.")).collect()
}

/// What an audit has counted.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Account {
    pub processes: usize,
    pub lines: u64,
    /// Lines that a kill has cut short between two writes of their process.
    pub cut: u64,
}

/// Compares books and logs: each line that was written whole is there once, unharmed, and behind the one
/// before it within a file; the line that a process was writing when it was killed may be there, too, or
/// its beginning. Nothing else is there.
pub fn audit<'a>(
    written: &HashMap<Voice, Written>,
    files: impl IntoIterator<Item = (&'a str, &'a str)>,
) -> Result<Account, String> {
    let mut seen: HashMap<Voice, Vec<bool>> = HashMap::new();
    // Two may be cut to the same text.
    let mut cut: HashMap<String, u32> = HashMap::new();
    for text in written.iter().filter_map(cut_line) {
        *cut.entry(text).or_default() += 1;
    }
    let mut account = Account { processes: written.len() / 2, ..Account::default() };
    for (file, text) in files {
        let mut last: HashMap<Voice, u64> = HashMap::new();
        for text in text.lines() {
            let Some((voice, number)) = parse(text).filter(|(voice, number)| text == line(voice, *number))
            else {
                let Some(count) = cut.get_mut(text).filter(|count| **count > 0) else {
                    return Err(format!("{file}: a torn line: {text:?}"));
                };
                (*count, account.cut) = (*count - 1, account.cut + 1);
                continue;
            };
            if number == 0 || written.get(&voice).is_none_or(|book| number > book.begun) {
                return Err(format!("{file}: a line that nobody wrote: {text:?}"));
            }
            let seen = seen.entry(voice.clone()).or_default();
            seen.resize(seen.len().max(number as usize), false);
            if std::mem::replace(&mut seen[number as usize - 1], true) {
                return Err(format!("{file}: a line that is there twice: {text:?}"));
            }
            if last.insert(voice, number).is_some_and(|last| last > number) {
                return Err(format!("{file}: a line that is out of order: {text:?}"));
            }
            account.lines += 1;
        }
    }
    let nothing = Vec::new();
    for (voice, book) in written {
        let seen = seen.get(voice).unwrap_or(&nothing);
        let is_there = |number: u64| seen.get(number as usize - 1) == Some(&true);
        if let Some(number) = (1..=book.done).find(|number| !is_there(*number)) {
            return Err(format!("a lost line: {:?} of {}", line(voice, number), book.done));
        }
    }
    Ok(account)
}

/// The voice and the number that a line begins with.
fn parse(text: &str) -> Option<(Voice, u64)> {
    let mut words = text.splitn(4, ' ');
    let (stream, slot, number) = (words.next()?, words.next()?, words.next()?);
    Some((Voice { stream: stream.to_owned(), slot: slot.parse().ok()? }, number.parse().ok()?))
}

/// What there may be of the line that a writer in two pieces was writing when it was killed: the first
/// of them, as in writer.c. A piece goes into a pipe as a whole or not at all.
fn cut_line((voice, book): (&Voice, &Written)) -> Option<String> {
    let in_pieces = ["own:", "split:", "second:"].iter().any(|name| voice.stream.starts_with(name));
    let is_cut = book.begun > book.done && in_pieces;
    let whole = line(voice, book.begun);
    is_cut.then(|| whole[..whole.len().div_ceil(2)].to_owned())
}
