//! The lines at the bottom of the terminal that change in place: the prompt with what is typed, a
//! list below it, a table that is watched, or the progress of a command.
//!
//! The painter knows where it left the cursor, and nothing else of the screen: everything above
//! belongs to what was printed. Every picture is drawn over the last one, in one write.

use unicode_width::UnicodeWidthChar;

use crate::view::{Line, Style};

/// What is to be seen.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Frame {
    /// Wraps where it is longer than the terminal is wide. No control characters.
    pub(super) line: String,
    /// The cursor's place in the line, in bytes.
    pub(super) cursor: usize,
    /// Goes on behind the line, but is not part of it.
    pub(super) ghost: String,
    /// Below the line, each cut where the terminal ends.
    pub(super) below: Vec<Line>,
}

impl Frame {
    /// A line that nobody types in, or nothing.
    pub(super) fn of(line: Option<String>) -> Frame {
        let line = line.map_or_else(String::new, |line| harmless(&line));
        Frame { cursor: line.len(), line, ..Frame::default() }
    }

    /// A table that is refreshed.
    pub(super) fn watched(lines: &[Line]) -> Frame {
        let head = "every second; any key ends this".to_owned();
        Frame { below: lines.to_vec(), ..Frame::of(Some(head)) }
    }
}

/// Rows and columns of a terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Size {
    pub(super) rows: usize,
    pub(super) columns: usize,
}

/// Where the last picture is.
pub(super) struct Painter {
    size: Size,
    has_color: bool,
    drawn: Option<Drawn>,
}

struct Drawn {
    /// The row of the cursor, counted from the first row of the picture.
    row: usize,
    /// The line up to the cursor.
    before: String,
}

impl Painter {
    pub(super) fn new(size: Size, has_color: bool) -> Painter {
        Painter { size, has_color, drawn: None }
    }

    pub(super) fn size(&self) -> Size {
        self.size
    }

    /// The terminal has another size. Most terminals let long lines flow into their new width, and
    /// the cursor with them.
    pub(super) fn resize(&mut self, size: Size) {
        self.size = size;
        if let Some(drawn) = &mut self.drawn {
            drawn.row = layout(&drawn.before, size.columns).end.0.min(size.rows - 1);
        }
    }

    /// Others have written to the screen, or cleared it: the next picture begins where the cursor is.
    pub(super) fn forget(&mut self) {
        self.drawn = None;
    }

    /// Whether there is a picture.
    pub(super) fn is_drawn(&self) -> bool {
        self.drawn.is_some()
    }

    /// Codes that take the last picture away and leave the cursor where it began.
    pub(super) fn erase(&mut self) -> String {
        match self.drawn.take() {
            Some(drawn) => format!("{}\r\x1b[J", up(drawn.row)),
            None => String::new(),
        }
    }

    /// Codes that draw `frame` over the last picture.
    pub(super) fn draw(&mut self, frame: &Frame) -> String {
        let mut codes = self.drawn.take().map_or_else(String::new, |drawn| format!("{}\r", up(drawn.row)));
        let Size { rows: height, columns } = self.size;
        let ghost = if self.has_color { frame.ghost.as_str() } else { "" };
        let all = layout(&format!("{}{ghost}", frame.line), columns);
        let cursor = layout(&frame.line[..frame.cursor], columns).end;
        // Of a line that is higher than the screen, the rows down to the cursor are seen.
        let first = (cursor.0 + 1).saturating_sub(height);
        let last = all.end.0.min(first + height - 1);
        for row in first..=last {
            let end = all.starts.get(row + 1).copied().unwrap_or(usize::MAX);
            codes += &self.piece(frame, ghost, all.starts[row], end);
            let is_short = row < last && all.widths[row] < columns;
            if is_short {
                codes += "\x1b[K";
            }
        }
        let mut row = last - first;
        let is_whole = last == all.end.0;
        if is_whole {
            // In the last column of a full row the cursor hangs until the next character comes.
            if all.end.1 == 0 && row > 0 {
                codes += "\r\n";
            }
            codes += "\x1b[K";
            for line in frame.below.iter().take(height - 1 - row) {
                codes += "\r\n";
                codes += &self.line(line, columns - 1);
                codes += "\x1b[K";
                row += 1;
            }
            codes += "\x1b[J";
        }
        codes += &up(row - (cursor.0 - first));
        codes += "\r";
        if cursor.1 > 0 {
            codes += &format!("\x1b[{}C", cursor.1);
        }
        self.drawn = Some(Drawn { row: cursor.0 - first, before: frame.line[..frame.cursor].to_owned() });
        codes
    }

    /// The bytes from `start` to `end` of the line with its ghost behind it.
    fn piece(&self, frame: &Frame, ghost: &str, start: usize, end: usize) -> String {
        let cut = |text: &str, at: usize| at.min(text.len());
        let line = &frame.line[cut(&frame.line, start)..cut(&frame.line, end)];
        let behind = |at: usize| cut(ghost, at.saturating_sub(frame.line.len()));
        format!("{line}{}", self.styled(Style::Dim, &ghost[behind(start)..behind(end)]))
    }

    /// A line in its styles, at most so many columns of it.
    pub(super) fn line(&self, line: &Line, columns: usize) -> String {
        let mut left = columns;
        let mut codes = String::new();
        for (style, text) in &line.0 {
            let fitting = fitting(text, left);
            left -= width(fitting);
            codes += &self.styled(*style, &harmless(fitting));
            if fitting.len() < text.len() {
                break;
            }
        }
        codes
    }

    fn styled(&self, style: Style, text: &str) -> String {
        if self.has_color { in_style(style, text) } else { text.to_owned() }
    }
}

/// A line for a terminal, without control characters but those of its colours.
pub(crate) fn paint(line: &Line, has_color: bool) -> String {
    let style_of = |style| if has_color { style } else { Style::Plain };
    line.0.iter().map(|(style, text)| in_style(style_of(*style), &harmless(text))).collect()
}

fn in_style(style: Style, text: &str) -> String {
    match code(style).filter(|_| !text.is_empty()) {
        Some(code) => format!("\x1b[{code}m{text}\x1b[m"),
        None => text.to_owned(),
    }
}

/// Select Graphic Rendition, in the sixteen colours that every theme makes readable.
fn code(style: Style) -> Option<&'static str> {
    match style {
        Style::Plain => None,
        Style::Head => Some("1"),
        Style::Good => Some("32"),
        Style::Busy => Some("33"),
        Style::Bad => Some("31"),
        Style::Dim => Some("90"),
    }
}

fn up(rows: usize) -> String {
    if rows == 0 { String::new() } else { format!("\x1b[{rows}A") }
}

/// Names and reasons may come from hostile hands: a terminal gets no control characters of theirs.
pub(super) fn harmless(text: &str) -> String {
    let escaped = |c: char| if c.is_control() { c.escape_default().to_string() } else { c.to_string() };
    match text.contains(char::is_control) {
        true => text.chars().map(escaped).collect(),
        false => text.to_owned(),
    }
}

/// The columns that a character takes: none for what is combined with the one before it.
fn columns_of(c: char) -> usize {
    c.width().unwrap_or(0)
}

pub(super) fn width(text: &str) -> usize {
    text.chars().map(columns_of).sum()
}

/// The beginning of `text` that fits into so many columns.
fn fitting(text: &str, columns: usize) -> &str {
    let mut used = 0;
    for (at, c) in text.char_indices() {
        used += columns_of(c);
        if used > columns {
            return &text[..at];
        }
    }
    text
}

/// How a terminal breaks a text into rows.
struct Layout {
    /// Where each row begins, in bytes.
    starts: Vec<usize>,
    /// The columns that each row but the last takes.
    widths: Vec<usize>,
    /// The row and the column behind the last character; a full row ends at the beginning of the next.
    end: (usize, usize),
}

fn layout(text: &str, columns: usize) -> Layout {
    let (mut starts, mut widths) = (vec![0], Vec::new());
    let mut column = 0;
    for (at, c) in text.char_indices() {
        let width = columns_of(c);
        // A wide character does not begin in the last column, and nothing begins behind it.
        if column + width > columns {
            starts.push(at);
            widths.push(column);
            column = 0;
        }
        column += width;
    }
    if column >= columns {
        starts.push(text.len());
        widths.push(column);
        column = 0;
    }
    Layout { end: (starts.len() - 1, column), starts, widths }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::num::NonZeroU16;

    fn grid(size: Size) -> vt100::Parser {
        let number = |count: usize| NonZeroU16::new(count as u16).unwrap();
        vt100::Parser::new(number(size.rows), number(size.columns), 0)
    }

    /// The rows as they are seen, and the cursor; behind a full row it is at the beginning of the next.
    fn seen(parser: &vt100::Parser, size: Size) -> (Vec<String>, (u16, u16)) {
        let columns = size.columns as u16;
        let rows = parser.screen().rows(0, columns).map(|row| row.trim_end().to_owned()).collect();
        let (row, column) = parser.screen().cursor_position();
        (rows, if column == columns { (row + 1, 0) } else { (row, column) })
    }

    struct Random(u64);

    impl Random {
        fn below(&mut self, limit: usize) -> usize {
            self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            (self.0 >> 33) as usize % limit
        }

        fn text(&mut self, most: usize) -> String {
            let letters = ['a', 'b', ' ', 'é', '日', '🦀', '-', 'x'];
            (0..self.below(most + 1)).map(|_| letters[self.below(letters.len())]).collect()
        }

        fn frame(&mut self, columns: usize) -> Frame {
            let line = self.text(3 * columns);
            let places: Vec<usize> = line.char_indices().map(|(at, _)| at).chain([line.len()]).collect();
            let below = (0..self.below(3)).map(|_| Line::plain(self.text(columns + 5))).collect();
            Frame { cursor: places[self.below(places.len())], ghost: self.text(columns), below, line }
        }
    }

    /// Whatever was there before, what is seen is what a terminal shows that gets just these texts.
    #[test]
    fn every_picture_replaces_the_one_before_and_nothing_else() {
        for seed in 0..300 {
            let mut random = Random(seed);
            let size = Size { rows: 200, columns: 2 + random.below(30) };
            let mut painter = Painter::new(size, seed % 2 == 0);
            let mut screen = grid(size);
            let mut printed = String::new();
            for _ in 0..12 {
                if random.below(3) == 0 {
                    let message = random.text(2 * size.columns);
                    screen.process(format!("{}{message}\r\n", painter.erase()).as_bytes());
                    printed += &format!("{message}\r\n");
                }
                let frame = random.frame(size.columns);
                screen.process(painter.draw(&frame).as_bytes());

                let mut cursor = grid(size);
                cursor.process(format!("{printed}{}", &frame.line[..frame.cursor]).as_bytes());
                let mut whole = grid(size);
                let ghost = if painter.has_color { frame.ghost.as_str() } else { "" };
                whole.process(format!("{printed}{}{ghost}", frame.line).as_bytes());
                // The terminal goes to a new row by itself only when there is something to show in it.
                if seen(&whole, size).1.1 == 0 && !format!("{}{ghost}", frame.line).is_empty() {
                    whole.process(b"\r\n");
                }
                for line in &frame.below {
                    whole.process(format!("\r\n{}", fitting(&line.text(), size.columns - 1)).as_bytes());
                }
                assert_eq!(seen(&screen, size).0, seen(&whole, size).0, "seed {seed}, {frame:?}");
                assert_eq!(seen(&screen, size).1, seen(&cursor, size).1, "seed {seed}, {frame:?}");
            }
        }
    }

    /// On a screen that is lower than the line, the row of the cursor is seen and is right.
    #[test]
    fn of_a_line_that_is_higher_than_the_screen_the_cursor_is_seen() {
        for seed in 0..300 {
            let mut random = Random(seed);
            let size = Size { rows: 1 + random.below(4), columns: 4 + random.below(10) };
            let mut painter = Painter::new(size, true);
            let mut screen = grid(size);
            for _ in 0..12 {
                let text: String =
                    (0..random.below(100)).map(|at| char::from(b'a' + (at % 26) as u8)).collect();
                let cursor = random.below(text.len() + 1);
                let frame = Frame { cursor, line: text.clone(), ..random.frame(size.columns) };
                screen.process(painter.draw(&frame).as_bytes());
                let (rows, (row, column)) = seen(&screen, size);
                assert_eq!(usize::from(column), cursor % size.columns);
                let start = cursor - usize::from(column);
                let end = text.len().min(start + size.columns);
                let shown = &rows[usize::from(row)];
                assert!(shown.starts_with(&text[start..end]), "seed {seed}: {rows:?}, {frame:?}");
            }
        }
    }

    #[test]
    fn control_characters_never_reach_the_terminal() {
        let painter = Painter::new(Size { rows: 5, columns: 80 }, false);
        let line = Line(vec![(Style::Bad, "a\u{1b}[2J\u{9b}1m\nb".to_owned())]);
        assert_eq!(painter.line(&line, 79), "a\\u{1b}[2J\\u{9b}1m\\nb");
    }
}
