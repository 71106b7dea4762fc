//! Waits for a line of a process that matches: readiness and liveness by `log`.

use crate::config::Pattern;
use crate::supervisor::Probe;

/// What is looked at of a line, in bytes; whoever says more has said what matters by then.
const LOOKED_AT_BYTES_MAX: usize = 4096;

/// Reads along until a line matches.
pub(super) struct Listener {
    /// Which of its instance's processes it is.
    pub(super) incarnation: u32,
    wanted: Vec<Wanted>,
    /// The beginning of a line whose end has not come yet; never longer than what is looked at.
    line: Vec<u8>,
}

struct Wanted {
    probe: Probe,
    pattern: Pattern,
    /// Lines are held against it. A heartbeat sleeps until somebody wants to know again.
    is_awake: bool,
}

impl Listener {
    pub(super) fn new(incarnation: u32) -> Listener {
        Listener { incarnation, wanted: Vec::new(), line: Vec::new() }
    }

    /// Listens for this as well. A heartbeat is asleep at first.
    pub(super) fn want(&mut self, probe: Probe, pattern: Pattern) {
        self.wanted.push(Wanted { probe, pattern, is_awake: probe == Probe::Readiness });
    }

    /// The next line counts again.
    pub(super) fn wake(&mut self, probe: Probe) {
        for wanted in self.wanted.iter_mut().filter(|wanted| wanted.probe == probe) {
            wanted.is_awake = true;
        }
    }

    /// It was heard, here or elsewhere: readiness once and for all, a heartbeat for now.
    pub(super) fn settle(&mut self, probe: Probe) {
        match probe {
            Probe::Readiness => self.wanted.retain(|wanted| wanted.probe != probe),
            Probe::Liveness => {
                let beats = self.wanted.iter_mut().filter(|wanted| wanted.probe == probe);
                beats.for_each(|wanted| wanted.is_awake = false);
            }
        }
    }

    /// Whether nothing is ever to be listened for again.
    pub(super) fn is_done(&self) -> bool {
        self.wanted.is_empty()
    }

    /// Whether lines are looked at, and not only where they begin.
    pub(super) fn is_awake(&self) -> bool {
        self.wanted.iter().any(|wanted| wanted.is_awake)
    }

    /// What a line that ends in these bytes says. Lines are looked at once they are complete, so that `$`
    /// means their end; of one that is too long, its beginning.
    pub(super) fn hears(&mut self, mut data: &[u8]) -> Vec<Probe> {
        let mut heard = Vec::new();
        while self.is_awake() {
            let Some(end) = data.iter().position(|byte| *byte == b'\n') else {
                self.keep(data);
                return heard;
            };
            let (piece, rest) = (&data[..end], &data[end + 1..]);
            if self.line.is_empty() {
                heard.extend(self.look_at(piece));
            } else {
                self.keep(piece);
                let line = std::mem::take(&mut self.line);
                heard.extend(self.look_at(&line));
            }
            data = rest;
        }
        self.pass_over(data);
        heard
    }

    /// What the line that was begun says, as nothing comes any more.
    pub(super) fn hears_out(&mut self) -> Vec<Probe> {
        let line = std::mem::take(&mut self.line);
        if line.is_empty() { Vec::new() } else { self.look_at(&line) }
    }

    fn look_at(&mut self, line: &[u8]) -> Vec<Probe> {
        let line = looked_at(line);
        let is_said = |wanted: &&Wanted| wanted.is_awake && wanted.pattern.is_in(line);
        let heard: Vec<Probe> = self.wanted.iter().filter(is_said).map(|wanted| wanted.probe).collect();
        for probe in &heard {
            self.settle(*probe);
        }
        heard
    }

    /// Nobody looks at lines: all that is kept is the beginning of the last one.
    fn pass_over(&mut self, data: &[u8]) {
        let last = data.iter().rposition(|byte| *byte == b'\n');
        if last.is_some() {
            self.line = Vec::new();
        }
        self.keep(&data[last.map_or(0, |end| end + 1)..]);
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
        let mut listener = listener(Probe::Readiness, pattern);
        pieces.iter().position(|piece| !listener.hears(piece).is_empty())
    }

    fn listener(probe: Probe, pattern: &str) -> Listener {
        let mut listener = Listener::new(1);
        listener.want(probe, Pattern::new(pattern).unwrap());
        listener
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
        let mut listener = listener(Probe::Readiness, "ready");
        for _ in 0..1000 {
            assert!(listener.hears(&[b'x'; 1000]).is_empty());
        }
        assert!(listener.line.capacity() <= 2 * LOOKED_AT_BYTES_MAX);
        assert!(listener.hears(b"ready\n").is_empty(), "it is too far behind the beginning");
        assert_eq!(listener.hears(b"ready\n"), [Probe::Readiness]);
        let long = [b"ready".as_slice(), &[b'x'; 1_000_000], b"\n"].concat();
        assert_eq!(heard_at("^ready", &[&long]), Some(0));
        assert_eq!(heard_at("^ready", &[&long[..5000], &long[5000..]]), Some(1));
    }

    #[test]
    fn the_last_line_needs_no_end() {
        let mut listener = listener(Probe::Readiness, "^ready$");
        assert!(listener.hears(b"x\nready").is_empty());
        assert_eq!(listener.hears_out(), [Probe::Readiness]);
    }

    #[test]
    fn a_heartbeat_is_looked_for_while_it_is_awake_and_lines_are_whole_all_the_same() {
        let mut listener = listener(Probe::Liveness, "^beat$");
        assert!(listener.hears(b"beat\n").is_empty(), "nobody has asked yet");
        assert!(listener.hears(b"x\nbe").is_empty());
        listener.wake(Probe::Liveness);
        assert_eq!(listener.hears(b"at\nbeat\nheart"), [Probe::Liveness], "it began before it was asked for");
        assert!(!listener.is_awake() && !listener.is_done());
        listener.wake(Probe::Liveness);
        assert!(listener.hears(b"beat\n").is_empty(), "that line is heartbeat");
        assert_eq!(listener.hears(b"beat\n"), [Probe::Liveness]);
        assert!(listener.hears(b"beat").is_empty() && listener.hears_out().is_empty(), "it is asleep");
    }

    #[test]
    fn what_is_passed_over_is_not_kept() {
        let mut listener = listener(Probe::Liveness, "beat");
        for _ in 0..100 {
            assert!(listener.hears(&[b'x'; 1000]).is_empty());
        }
        assert!(listener.line.capacity() <= 2 * LOOKED_AT_BYTES_MAX);
        assert!(listener.hears(b"\n").is_empty());
        assert_eq!(listener.line.capacity(), 0);
    }

    #[test]
    fn one_line_may_say_both_things() {
        let mut listener = listener(Probe::Readiness, "ready");
        listener.want(Probe::Liveness, Pattern::new("e").unwrap());
        assert!(listener.hears(b"e\n").is_empty());
        listener.wake(Probe::Liveness);
        assert_eq!(listener.hears(b"ready\nready\n"), [Probe::Readiness, Probe::Liveness]);
        assert!(!listener.is_done(), "there are more beats to come");
        listener.wake(Probe::Liveness);
        assert_eq!(listener.hears(b"ready\n"), [Probe::Liveness]);
    }
}
