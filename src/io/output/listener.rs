//! Waits for a line of a process that matches: readiness by `log`.

use crate::config::Pattern;

/// What is looked at of a line, in bytes; whoever says more has said what matters by then.
const LOOKED_AT_BYTES_MAX: usize = 4096;

/// Reads along until a line matches.
pub(super) struct Listener {
    pattern: Pattern,
    /// Which of its instance's processes it is.
    pub(super) incarnation: u32,
    /// The beginning of a line whose end has not come yet; never longer than what is looked at.
    line: Vec<u8>,
}

impl Listener {
    pub(super) fn new(pattern: Pattern, incarnation: u32) -> Listener {
        Listener { pattern, incarnation, line: Vec::new() }
    }

    /// Whether a line that ends in these bytes matches. Lines are looked at once they are complete, so
    /// that `$` means their end; of one that is too long, its beginning.
    pub(super) fn hears(&mut self, mut data: &[u8]) -> bool {
        while let Some(end) = data.iter().position(|byte| *byte == b'\n') {
            let (piece, rest) = (&data[..end], &data[end + 1..]);
            let is_heard = match self.line.is_empty() {
                true => self.pattern.is_in(looked_at(piece)),
                false => {
                    self.keep(piece);
                    let is_heard = self.pattern.is_in(looked_at(&self.line));
                    self.line.clear();
                    is_heard
                }
            };
            if is_heard {
                return true;
            }
            data = rest;
        }
        self.keep(data);
        false
    }

    /// Whether the line that was begun matches, as nothing comes any more.
    pub(super) fn hears_out(&self) -> bool {
        !self.line.is_empty() && self.pattern.is_in(looked_at(&self.line))
    }

    fn keep(&mut self, piece: &[u8]) {
        let room = LOOKED_AT_BYTES_MAX.saturating_sub(self.line.len());
        self.line.extend_from_slice(&piece[..piece.len().min(room)]);
    }
}

/// As much of a line as is looked at, without the carriage return of those who write one.
fn looked_at(line: &[u8]) -> &[u8] {
    let line = &line[..line.len().min(LOOKED_AT_BYTES_MAX)];
    line.strip_suffix(b"\r").unwrap_or(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Which of the pieces, in order, made it hear.
    fn heard_at(pattern: &str, pieces: &[&[u8]]) -> Option<usize> {
        let mut listener = Listener::new(Pattern::new(pattern).unwrap(), 1);
        pieces.iter().position(|piece| listener.hears(piece))
    }

    #[test]
    fn a_line_is_looked_at_when_it_is_complete() {
        assert_eq!(heard_at("^ready$", &[b"ready"]), None);
        assert_eq!(heard_at("^ready$", &[b"not\nre", b"ad", b"y\nmore"]), Some(2));
        assert_eq!(heard_at("^ready$", &[b"ready or", b" not\n", b"\n\nready\r\n"]), Some(2));
        assert_eq!(heard_at("^ready$", &[b"ready or not\nalready\n"]), None);
    }

    #[test]
    fn every_cut_of_the_text_is_the_same_text() {
        let text = b"starting\nport 80 open\nready soon\nready\nlater\n";
        for first in 0..text.len() {
            for second in first..text.len() {
                let pieces = [&text[..first], &text[first..second], &text[second..]];
                let heard = heard_at("^ready$", &pieces).unwrap();
                let end = [first, second, text.len()][heard];
                assert!(end > 38 && (heard == 0 || [0, first, second][heard] <= 38), "{first} {second}");
            }
        }
    }

    #[test]
    fn of_an_endless_line_the_beginning_counts_and_no_more_is_kept() {
        let mut listener = Listener::new(Pattern::new("ready").unwrap(), 1);
        for _ in 0..1000 {
            assert!(!listener.hears(&[b'x'; 1000]));
        }
        assert!(listener.line.capacity() <= 2 * LOOKED_AT_BYTES_MAX);
        assert!(!listener.hears(b"ready\n"), "it is too far behind the beginning");
        assert!(listener.hears(b"ready\n"));
        let long = [b"ready".as_slice(), &[b'x'; 1_000_000], b"\n"].concat();
        assert_eq!(heard_at("^ready", &[&long]), Some(0));
        assert_eq!(heard_at("^ready", &[&long[..5000], &long[5000..]]), Some(1));
    }

    #[test]
    fn the_last_line_needs_no_end() {
        let mut listener = Listener::new(Pattern::new("^ready$").unwrap(), 1);
        assert!(!listener.hears(b"x\nready"));
        assert!(listener.hears_out());
    }
}
