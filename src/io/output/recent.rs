//! The last lines of a stream, in memory: what `why` shows when a process has ended.

/// What is kept of a stream, in bytes. Memory is used only where something was written.
const BYTES_MAX: usize = 1024;
/// How many lines are shown of it.
const LINES_MAX: usize = 10;

/// The end of what a stream has said.
#[derive(Debug, Default)]
pub(super) struct Recent {
    /// At most twice [`BYTES_MAX`], so that bytes are moved seldom.
    bytes: Vec<u8>,
    /// Whether what is kept begins in the middle of a line.
    is_cut: bool,
}

impl Recent {
    /// Takes note of what was written.
    pub(super) fn note(&mut self, data: &[u8]) {
        if data.len() >= BYTES_MAX {
            self.is_cut |= data.len() > BYTES_MAX || !self.bytes.is_empty();
            self.bytes.clear();
            self.bytes.extend_from_slice(&data[data.len() - BYTES_MAX..]);
            return;
        }
        if self.bytes.len() + data.len() > 2 * BYTES_MAX {
            self.bytes.drain(..self.bytes.len() - BYTES_MAX);
            self.is_cut = true;
        }
        self.bytes.extend_from_slice(data);
    }

    /// The last whole lines and what was begun after them, oldest first, without line ends. The
    /// bytes of a child are hostile: whoever shows them escapes them.
    pub(super) fn lines(&self) -> Vec<String> {
        let text = self.bytes.strip_suffix(b"\n").unwrap_or(&self.bytes);
        if text.is_empty() {
            return Vec::new();
        }
        let lines: Vec<&[u8]> = text.split(|byte| *byte == b'\n').collect();
        // A line whose beginning is lost is shown only if it is all there is.
        let torn = usize::from(self.is_cut && lines.len() > 1);
        let first = torn.max(lines.len().saturating_sub(LINES_MAX));
        lines[first..].iter().map(|line| String::from_utf8_lossy(line).into_owned()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_lines_are_kept_and_no_more() {
        let mut recent = Recent::default();
        assert_eq!(recent.lines(), [""; 0]);
        for number in 0..5000 {
            recent.note(format!("line {number}\n").as_bytes());
        }
        let expected: Vec<String> = (4990..5000).map(|number| format!("line {number}")).collect();
        assert_eq!(recent.lines(), expected);
        assert!(recent.bytes.capacity() <= 4 * BYTES_MAX);
    }

    #[test]
    fn pieces_of_lines_come_together() {
        let mut recent = Recent::default();
        for piece in ["be", "gun\nand", " not ended"] {
            recent.note(piece.as_bytes());
        }
        assert_eq!(recent.lines(), ["begun", "and not ended"]);
    }

    #[test]
    fn a_line_whose_beginning_is_lost_is_left_out_if_there_are_others() {
        let mut recent = Recent::default();
        recent.note(&[b'x'; 5000]);
        assert_eq!(recent.lines(), ["x".repeat(BYTES_MAX)]);
        recent.note(b"\nlast\n");
        assert_eq!(recent.lines(), ["last"]);
    }
}
