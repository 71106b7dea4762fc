//! Cutting a stream into whole lines. It comes in pieces that know nothing of lines.

/// The longest line that is kept together, in bytes. What is longer is cut into lines of this length.
pub const LINE_BYTES_MAX: usize = 64 * 1024;

/// Passes on the whole lines at the front of `data`, all at once, and returns the beginning of the line
/// after them. The first `seen` bytes were looked at before and hold no line end. A beginning that has
/// grown to [`LINE_BYTES_MAX`] is passed on as lines of that length.
pub fn cut(data: &[u8], seen: usize, mut pass_on: impl FnMut(&[u8])) -> &[u8] {
    let last_end = data[seen..].iter().rposition(|byte| *byte == b'\n');
    let whole = last_end.map_or(0, |at| seen + at + 1);
    let (lines, mut rest) = data.split_at(whole);
    if !lines.is_empty() {
        pass_on(lines);
    }
    while rest.len() >= LINE_BYTES_MAX {
        let (piece, more) = rest.split_at(LINE_BYTES_MAX);
        pass_on(&[piece, b"\n"].concat());
        rest = more;
    }
    rest
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is passed on of a piece, and what is kept.
    fn pieces(data: &[u8], seen: usize) -> (Vec<Vec<u8>>, &[u8]) {
        let mut passed = Vec::new();
        let rest = cut(data, seen, |lines| passed.push(lines.to_vec()));
        (passed, rest)
    }

    #[test]
    fn whole_lines_go_on_and_a_beginning_is_kept() {
        assert_eq!(pieces(b"", 0), (vec![], &b""[..]));
        assert_eq!(pieces(b"beg", 0), (vec![], &b"beg"[..]));
        assert_eq!(pieces(b"begun\n", 3), (vec![b"begun\n".to_vec()], &b""[..]));
        assert_eq!(pieces(b"a\n\nb\nc", 0), (vec![b"a\n\nb\n".to_vec()], &b"c"[..]));
    }

    #[test]
    fn an_endless_line_becomes_lines_of_the_greatest_length() {
        let data = [b"a\n".to_vec(), vec![b'x'; 2 * LINE_BYTES_MAX + 5]].concat();
        let (passed, rest) = pieces(&data, 0);
        let longest = [vec![b'x'; LINE_BYTES_MAX], vec![b'\n']].concat();
        assert_eq!(passed, [b"a\n".to_vec(), longest.clone(), longest]);
        assert_eq!(rest, b"xxxxx");
    }
}
