//! The editor on a terminal that can place its cursor.

use super::editor::{Asks, Editor};
use super::history::History;
use super::keys::Key;
use super::output::Output;
use super::painter::{Frame, Painter};
use super::terminal;
use crate::view::Line;

/// Pasted text comes between marks, so that its bytes are no keys.
const PASTE_ON: &str = "\x1b[?2004h";
const PASTE_OFF: &str = "\x1b[?2004l";
const CLEAR: &str = "\x1b[H\x1b[2J";

/// The bottom of the screen: what is typed, until it scrolls away as history.
pub(super) struct Screen {
    pub(super) editor: Editor,
    painter: Painter,
    /// The picture is not what is to be seen.
    is_stale: bool,
    /// The terminal was told what we need of it.
    is_claimed: bool,
}

impl Screen {
    pub(super) fn open(has_color: bool) -> Screen {
        Screen {
            editor: Editor::new(History::open()),
            painter: Painter::new(terminal::size(), has_color),
            is_stale: true,
            is_claimed: false,
        }
    }

    pub(super) fn press(&mut self, key: Key) -> Asks {
        self.is_stale = true;
        self.editor.press(key)
    }

    pub(super) fn mark_stale(&mut self) {
        self.is_stale = true;
    }

    pub(super) fn rows(&self) -> usize {
        self.painter.size().rows
    }

    /// Makes room for what is printed above.
    pub(super) fn erase(&mut self, output: &mut Output) {
        output.text(&self.painter.erase());
        self.is_stale = true;
    }

    /// A line in its styles, above the picture.
    pub(super) fn print(&mut self, output: &mut Output, line: &Line) {
        self.erase(output);
        output.text(&self.painter.line(line, usize::MAX));
        output.text("\n");
    }

    /// The line is done with: it stays, and what follows is printed below it.
    pub(super) fn commit(&mut self, output: &mut Output, text: &str) {
        output.text(&self.painter.draw(&Editor::last_frame(text)));
        output.text("\r\n");
        self.painter.forget();
        self.is_stale = true;
    }

    pub(super) fn clear(&mut self, output: &mut Output) {
        output.text(CLEAR);
        self.painter.forget();
        self.is_stale = true;
    }

    /// The terminal has another size.
    pub(super) fn resize(&mut self) {
        self.painter.resize(terminal::size());
        self.is_stale = true;
    }

    /// Somebody else had the terminal.
    pub(super) fn forget(&mut self) {
        self.painter.forget();
        self.is_claimed = false;
        self.is_stale = true;
    }

    /// Whether what is to be seen is not there already.
    pub(super) fn is_stale(&self) -> bool {
        self.is_stale
    }

    /// Draws what is to be seen: the line, or `other`.
    pub(super) fn draw(&mut self, output: &mut Output, other: Option<&Frame>) {
        self.is_stale = false;
        if !std::mem::replace(&mut self.is_claimed, true) {
            output.text(PASTE_ON);
        }
        let codes = match other {
            Some(frame) if *frame == Frame::default() => self.painter.erase(),
            Some(frame) => self.painter.draw(frame),
            None => self.painter.draw(&self.editor.frame(self.painter.size().columns)),
        };
        output.text(&codes);
    }

    /// Gives the terminal back, below what is typed.
    pub(super) fn leave(&mut self, output: &mut Output) {
        let text = self.editor.text().to_owned();
        if self.painter.is_drawn() && !text.is_empty() {
            self.commit(output, &text);
        } else {
            self.erase(output);
        }
        if std::mem::take(&mut self.is_claimed) {
            output.text(PASTE_OFF);
        }
    }
}
