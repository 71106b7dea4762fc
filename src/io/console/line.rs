//! The line being typed: tui-input moves and inserts; killing, yanking and undoing are added here.

use std::ops::Range;

use tui_input::{Input, InputRequest};

use crate::command::LINE_BYTES_MAX;

/// How many changes can be undone.
const UNDO_MAX: usize = 200;

/// A line with a cursor.
#[derive(Default)]
pub(super) struct Line {
    input: Input,
    killed: String,
    /// Earlier lines, the latest last.
    undo: Vec<Input>,
    last: Change,
}

/// Changes of one kind in a row are undone, and killed text is yanked, together.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Change {
    #[default]
    Other,
    Insertion,
    KillRight,
    KillLeft,
}

impl Line {
    pub(super) fn text(&self) -> &str {
        self.input.value()
    }

    /// What stands before the cursor.
    pub(super) fn before_cursor(&self) -> &str {
        &self.text()[..self.cursor()]
    }

    /// The cursor, in bytes.
    pub(super) fn cursor(&self) -> usize {
        self.byte_of(self.input.cursor())
    }

    pub(super) fn is_at_end(&self) -> bool {
        self.cursor() == self.text().len()
    }

    /// Replaces all of it; the cursor goes to its end.
    pub(super) fn set(&mut self, text: &str) {
        self.change(Change::Other);
        self.input = Input::new(text.to_owned());
    }

    /// Takes the text and leaves an empty line without a past; what was killed can still be yanked.
    pub(super) fn take(&mut self) -> String {
        self.undo.clear();
        self.last = Change::Other;
        self.input.value_and_reset()
    }

    /// Beyond the length that the parser takes, one byte more is kept, for it to say so.
    pub(super) fn insert(&mut self, c: char) {
        if self.text().len() > LINE_BYTES_MAX {
            return;
        }
        // One undo takes back one word.
        if self.last != Change::Insertion || c == ' ' {
            self.change(Change::Insertion);
        }
        self.input.handle(InputRequest::InsertChar(c));
    }

    /// Replaces the bytes from `start` to the cursor.
    pub(super) fn replace_from(&mut self, start: usize, text: &str) {
        self.change(Change::Other);
        let cursor = self.cursor();
        self.splice(start..cursor, text);
    }

    pub(super) fn go(&mut self, request: InputRequest) {
        self.last = Change::Other;
        self.input.handle(request);
    }

    /// A deletion of one character, which is not to be yanked.
    pub(super) fn delete(&mut self, request: InputRequest) {
        self.change(Change::Other);
        self.input.handle(request);
    }

    pub(super) fn kill_to_end(&mut self) {
        self.kill(self.cursor()..self.text().len(), Change::KillRight);
    }

    pub(super) fn kill_to_start(&mut self) {
        self.kill(0..self.cursor(), Change::KillLeft);
    }

    /// Back to a blank: a whole `worker:1`.
    pub(super) fn kill_word_left(&mut self) {
        let start = boundary_left(self.before_cursor(), |c| !c.is_whitespace());
        self.kill(start..self.cursor(), Change::KillLeft);
    }

    /// Back to the beginning of a run of letters and digits: the 1 of `worker:1`.
    pub(super) fn kill_name_left(&mut self) {
        let start = boundary_left(self.before_cursor(), char::is_alphanumeric);
        self.kill(start..self.cursor(), Change::KillLeft);
    }

    pub(super) fn kill_word_right(&mut self) {
        let behind = &self.text()[self.cursor()..];
        let end = self.cursor() + boundary_right(behind, char::is_alphanumeric);
        self.kill(self.cursor()..end, Change::KillRight);
    }

    pub(super) fn go_word_left(&mut self) {
        let start = boundary_left(self.before_cursor(), char::is_alphanumeric);
        self.go_to(start);
    }

    pub(super) fn go_word_right(&mut self) {
        let behind = &self.text()[self.cursor()..];
        let end = self.cursor() + boundary_right(behind, char::is_alphanumeric);
        self.go_to(end);
    }

    pub(super) fn yank(&mut self) {
        let killed = self.killed.clone();
        let room = (LINE_BYTES_MAX + 1).saturating_sub(self.text().len());
        if !killed.is_empty() && killed.len() <= room {
            let cursor = self.cursor();
            self.replace_from(cursor, &killed);
        }
    }

    pub(super) fn undo(&mut self) {
        self.last = Change::Other;
        if let Some(earlier) = self.undo.pop() {
            self.input = earlier;
        }
    }

    fn kill(&mut self, range: Range<usize>, direction: Change) {
        if range.is_empty() {
            return;
        }
        let continues = matches!(self.last, Change::KillLeft | Change::KillRight);
        self.change(direction);
        let text = self.text()[range.clone()].to_owned();
        if !continues {
            self.killed.clear();
        }
        let at = if direction == Change::KillLeft { 0 } else { self.killed.len() };
        self.killed.insert_str(at, &text);
        self.splice(range, "");
    }

    /// Notes what the line is now, before it is changed.
    fn change(&mut self, kind: Change) {
        self.last = kind;
        if self.undo.last().is_some_and(|last| last.value() == self.input.value()) {
            self.undo.pop();
        }
        if self.undo.len() == UNDO_MAX {
            self.undo.remove(0);
        }
        self.undo.push(self.input.clone());
    }

    fn splice(&mut self, range: Range<usize>, text: &str) {
        let (head, tail) = (&self.text()[..range.start], &self.text()[range.end..]);
        let cursor = (head.chars().count()) + text.chars().count();
        self.input = Input::new(format!("{head}{text}{tail}")).with_cursor(cursor);
    }

    fn go_to(&mut self, byte: usize) {
        let cursor = self.text()[..byte].chars().count();
        self.go(InputRequest::SetCursor(cursor));
    }

    fn byte_of(&self, chars: usize) -> usize {
        self.text().char_indices().nth(chars).map_or(self.text().len(), |(byte, _)| byte)
    }
}

/// Where the last run of such characters begins, in bytes; what follows it is skipped.
fn boundary_left(text: &str, is_part: impl Fn(char) -> bool) -> usize {
    let word = text.trim_end_matches(|c| !is_part(c));
    word.trim_end_matches(is_part).len()
}

/// Where the first run of such characters ends, in bytes; what is before it is skipped.
fn boundary_right(text: &str, is_part: impl Fn(char) -> bool) -> usize {
    let word = text.trim_start_matches(|c| !is_part(c));
    text.len() - word.trim_start_matches(is_part).len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(text: &str) -> Line {
        let mut line = Line::default();
        text.chars().for_each(|c| line.insert(c));
        line
    }

    #[test]
    fn words_end_at_blanks_and_names_at_signs() {
        let mut line = typed("stop worker:1 é ");
        line.kill_word_left();
        assert_eq!(line.text(), "stop worker:1 ");
        line.kill_name_left();
        assert_eq!(line.text(), "stop worker:");
        line.kill_word_left();
        assert_eq!(line.text(), "stop ");
        line.go(InputRequest::GoToStart);
        line.go_word_right();
        assert_eq!(line.cursor(), 4);
        line.go_word_left();
        line.kill_word_right();
        assert_eq!((line.text(), line.cursor()), (" ", 0));
    }

    #[test]
    fn kills_in_a_row_are_yanked_together_and_others_replace_them() {
        let mut line = typed("start a b c");
        line.kill_word_left();
        line.kill_word_left();
        line.yank();
        line.yank();
        assert_eq!(line.text(), "start a b cb c");
        line.go(InputRequest::GoToStart);
        line.kill_to_end();
        assert_eq!(line.text(), "");
        line.yank();
        assert_eq!(line.text(), "start a b cb c");
    }

    #[test]
    fn undo_goes_back_by_words_and_kills() {
        let mut line = typed("stop web");
        line.kill_to_start();
        line.undo();
        assert_eq!((line.text(), line.cursor()), ("stop web", 8));
        line.undo();
        assert_eq!(line.text(), "stop");
        line.undo();
        assert_eq!(line.text(), "");
        line.undo();
        assert_eq!(line.text(), "");
    }

    #[test]
    fn wide_and_combined_characters_are_one_step() {
        let mut line = typed("日e\u{301}x");
        line.go(InputRequest::GoToPrevChar);
        line.delete(InputRequest::DeletePrevChar);
        assert_eq!((line.text(), line.cursor()), ("日x", 3));
        line.insert('本');
        assert_eq!(line.before_cursor(), "日本");
    }

    #[test]
    fn a_line_is_bounded() {
        let mut line = typed(&"x".repeat(LINE_BYTES_MAX + 100));
        assert_eq!(line.text().len(), LINE_BYTES_MAX + 1);
        line.kill_to_start();
        line.yank();
        line.yank();
        assert_eq!(line.text().len(), LINE_BYTES_MAX + 1);
    }
}
