//! What the keys do: the line, the way through history, the search in it, and what Tab offers.

use tui_input::InputRequest;

use super::history::History;
use super::keys::Key;
use super::line::Line;
use super::painter::{Frame, width};
use crate::command::Completion;
use crate::view::{self, Style};

/// What stands before the line.
pub(super) const PROMPT: &str = "taskmaster> ";

/// What a key asks of the console.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Asks {
    /// Nothing but to be seen.
    Nothing,
    /// The line is complete; it is empty now.
    Run(String),
    /// What could stand at the end of this.
    Complete(String),
    Interrupt {
        line_was_empty: bool,
    },
    Suspend,
    Leave,
    /// An empty screen.
    Clear,
}

/// A line editor with its history.
pub(super) struct Editor {
    line: Line,
    history: History,
    /// How far back in history the line was taken from; 0 is the line of the user.
    steps: usize,
    /// The line of the user, while another one is shown.
    own: String,
    search: Option<Search>,
    /// What Tab found, until the next key.
    offered: Vec<String>,
    /// Tab has just typed the blank before the cursor: a colon behind a program replaces it.
    has_typed_blank: bool,
}

struct Search {
    query: String,
    /// Where the match is; 0 is none yet.
    steps: usize,
    has_failed: bool,
    /// The line from before.
    before: String,
}

impl Editor {
    pub(super) fn new(history: History) -> Editor {
        Editor {
            line: Line::default(),
            history,
            steps: 0,
            own: String::new(),
            search: None,
            offered: Vec::new(),
            has_typed_blank: false,
        }
    }

    pub(super) fn press(&mut self, key: Key) -> Asks {
        self.offered.clear();
        if std::mem::take(&mut self.has_typed_blank) && key == Key::Char(':') {
            self.line.delete(InputRequest::DeletePrevChar);
        }
        if self.search.is_some() {
            return self.press_in_search(key);
        }
        match key {
            Key::Enter => return self.enter(),
            Key::Tab => return Asks::Complete(self.line.before_cursor().to_owned()),
            Key::Interrupt => return self.interrupt(),
            Key::Suspend => return Asks::Suspend,
            Key::DeleteOrLeave if self.line.text().is_empty() => return Asks::Leave,
            Key::Clear => return Asks::Clear,
            Key::Up => self.go_back(self.steps + 1),
            Key::Down => self.go_back(self.steps.saturating_sub(1)),
            Key::Search => self.begin_search(),
            key => self.edit(key),
        }
        Asks::Nothing
    }

    fn edit(&mut self, key: Key) {
        let line = &mut self.line;
        match key {
            Key::Char(c) => line.insert(c),
            Key::Right | Key::End if line.is_at_end() => self.accept_suggestion(),
            Key::Left => line.go(InputRequest::GoToPrevChar),
            Key::Right => line.go(InputRequest::GoToNextChar),
            Key::WordLeft => line.go_word_left(),
            Key::WordRight => line.go_word_right(),
            Key::Home => line.go(InputRequest::GoToStart),
            Key::End => line.go(InputRequest::GoToEnd),
            Key::Backspace => line.delete(InputRequest::DeletePrevChar),
            Key::Delete | Key::DeleteOrLeave => line.delete(InputRequest::DeleteNextChar),
            Key::KillToEnd => line.kill_to_end(),
            Key::KillToStart => line.kill_to_start(),
            Key::KillWordLeft => line.kill_word_left(),
            Key::KillNameLeft => line.kill_name_left(),
            Key::KillWordRight => line.kill_word_right(),
            Key::Yank => line.yank(),
            Key::Undo => line.undo(),
            Key::Abort => {
                self.line.take();
                self.steps = 0;
            }
            Key::Enter
            | Key::Tab
            | Key::Up
            | Key::Down
            | Key::Search
            | Key::Clear
            | Key::Interrupt
            | Key::Suspend
            | Key::Escape => {}
        }
    }

    fn enter(&mut self) -> Asks {
        self.steps = 0;
        let text = self.line.take();
        self.history.add(&text);
        Asks::Run(text)
    }

    fn interrupt(&mut self) -> Asks {
        self.steps = 0;
        Asks::Interrupt { line_was_empty: self.line.take().is_empty() }
    }

    fn go_back(&mut self, steps: usize) {
        if self.steps == 0 {
            self.own = self.line.text().to_owned();
        }
        let text = if steps == 0 { Some(self.own.as_str()) } else { self.history.back(steps) };
        if let Some(text) = text.map(str::to_owned)
            && steps != self.steps
        {
            self.line.set(&text);
            self.steps = steps;
        }
    }

    fn suggestion(&self) -> &str {
        let text = self.line.text();
        if text.is_empty() || !self.line.is_at_end() || self.search.is_some() {
            return "";
        }
        self.history.suggest(text).map_or("", |line| &line[text.len()..])
    }

    fn accept_suggestion(&mut self) {
        let suggestion = self.suggestion().to_owned();
        if !suggestion.is_empty() {
            self.line.replace_from(self.line.cursor(), &suggestion);
        }
    }

    fn begin_search(&mut self) {
        let before = self.line.text().to_owned();
        self.search = Some(Search { query: String::new(), steps: 0, has_failed: false, before });
    }

    /// Keys that do not belong to a search end it, leave what was found, and do what they always do.
    fn press_in_search(&mut self, key: Key) -> Asks {
        let Some(search) = &mut self.search else { return Asks::Nothing };
        match key {
            Key::Char(c) => {
                search.query.push(c);
                self.find(0);
            }
            Key::Backspace => {
                search.query.pop();
                search.steps = 0;
                self.find(0);
            }
            Key::Search => self.find(1),
            Key::Abort | Key::Interrupt => {
                let before = std::mem::take(&mut search.before);
                self.search = None;
                self.line.set(&before);
            }
            key => {
                self.steps = search.steps;
                self.own = std::mem::take(&mut search.before);
                self.search = None;
                return self.press(key);
            }
        }
        Asks::Nothing
    }

    /// Looks from where the search is, or further back.
    fn find(&mut self, further: usize) {
        let Some(search) = &mut self.search else { return };
        if search.query.is_empty() {
            return;
        }
        match self.history.search(&search.query, search.steps + further) {
            Some(steps) => {
                search.steps = steps;
                search.has_failed = false;
                let found = self.history.back(steps).unwrap_or("").to_owned();
                self.line.set(&found);
            }
            None => search.has_failed = true,
        }
    }

    /// What Tab found: what all candidates have in common is typed, and if that is nothing new they
    /// are shown.
    pub(super) fn offer(&mut self, completion: &Completion) {
        let candidates = &completion.candidates;
        let Some(first) = candidates.first() else { return };
        let typed = self.line.before_cursor().len() - completion.start;
        let shared = candidates.iter().skip(1).fold(first.as_str(), |shared, candidate| {
            let same = shared.char_indices().zip(candidate.chars()).find(|((_, a), b)| a != b);
            let end = same.map_or(shared.len().min(candidate.len()), |((at, _), _)| at);
            &shared[..end]
        });
        if shared.len() > typed || candidates.len() == 1 {
            // Behind the cursor a blank may stand already.
            let has_blank = self.line.text()[self.line.cursor()..].starts_with(' ');
            let text = if has_blank { shared.trim_end() } else { shared };
            self.line.replace_from(completion.start, text);
            self.has_typed_blank = text.ends_with(' ');
        }
        if candidates.len() > 1 {
            self.offered = candidates.iter().map(|candidate| candidate.trim_end().to_owned()).collect();
        }
    }

    /// What is to be seen, in so many columns.
    pub(super) fn frame(&self, columns: usize) -> Frame {
        let (prompt, cursor) = match &self.search {
            None => (PROMPT.to_owned(), self.line.cursor()),
            Some(search) => {
                let what = if search.has_failed { "failing search" } else { "search" };
                let cursor = self.line.text().rfind(&search.query).unwrap_or(self.line.cursor());
                (format!("({what} '{}'): ", search.query), cursor)
            }
        };
        Frame {
            cursor: prompt.len() + cursor,
            line: prompt + self.line.text(),
            ghost: self.suggestion().to_owned(),
            below: in_columns(&self.offered, columns),
        }
    }

    /// What stays on the screen when a line is done with.
    pub(super) fn last_frame(text: &str) -> Frame {
        let line = format!("{PROMPT}{text}");
        Frame { cursor: line.len(), line, ..Frame::default() }
    }

    pub(super) fn text(&self) -> &str {
        self.line.text()
    }
}

/// Rows of a list that are shown at most; who has more types another letter.
const LIST_ROWS_MAX: usize = 10;

/// Words side by side, read from left to right.
fn in_columns(words: &[String], columns: usize) -> Vec<view::Line> {
    let widest = words.iter().map(|word| width(word)).max().unwrap_or(0) + 2;
    let per_row = (columns / widest).max(1);
    let mut rows: Vec<view::Line> = words
        .chunks(per_row)
        .take(LIST_ROWS_MAX)
        .map(|row| {
            let padded = row.iter().map(|word| format!("{word}{}", " ".repeat(widest - width(word))));
            view::Line(vec![(Style::Dim, padded.collect::<String>().trim_end().to_owned())])
        })
        .collect();
    let rest = words.len().saturating_sub(LIST_ROWS_MAX * per_row);
    if rest > 0 {
        rows.push(view::Line(vec![(Style::Dim, format!("... and {rest} more"))]));
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::io::console::keys::Decoder;

    fn editor(history: &[&str]) -> Editor {
        let mut editor = Editor::new(History::in_memory());
        for line in history {
            editor.history.add(line);
        }
        editor
    }

    fn press(editor: &mut Editor, keys: &str) -> Vec<Asks> {
        let keys = Decoder::new().feed(keys.as_bytes());
        keys.into_iter().map(|key| editor.press(key)).filter(|asks| *asks != Asks::Nothing).collect()
    }

    fn shown(editor: &Editor) -> String {
        let frame = editor.frame(80);
        format!("{}|{}[{}]", &frame.line[..frame.cursor], &frame.line[frame.cursor..], frame.ghost)
    }

    const UP: &str = "\x1b[A";
    const DOWN: &str = "\x1b[B";

    #[test]
    fn history_is_walked_and_the_own_line_comes_back() {
        let mut editor = editor(&["start a", "stop b"]);
        press(&mut editor, &format!("mine{UP}"));
        assert_eq!(editor.text(), "stop b");
        press(&mut editor, &format!("{UP}{UP}{UP}"));
        assert_eq!(editor.text(), "start a");
        press(&mut editor, &format!("{DOWN}{DOWN}{DOWN}"));
        assert_eq!(editor.text(), "mine");
        assert_eq!(press(&mut editor, &format!("{UP}\r{UP}")), [Asks::Run("stop b".to_owned())]);
        assert_eq!(editor.text(), "stop b");
    }

    #[test]
    fn a_search_finds_older_and_older_lines_and_gives_up_without_harm() {
        let mut editor = editor(&["start web", "stop worker", "start worker"]);
        press(&mut editor, "half\x12wor");
        assert_eq!(shown(&editor), "(search 'wor'): start |worker[]");
        press(&mut editor, "\x12");
        assert_eq!(editor.text(), "stop worker");
        press(&mut editor, "\x12");
        assert_eq!(shown(&editor), "(failing search 'wor'): stop |worker[]");
        press(&mut editor, "\x07");
        assert_eq!(editor.text(), "half");
        assert_eq!(press(&mut editor, "\x12web\r"), [Asks::Run("start web".to_owned())]);
        press(&mut editor, "\x12stop\x1b");
        assert_eq!(shown(&editor), "taskmaster> stop worker|[]", "ESC leaves the search");
    }

    #[test]
    fn a_suggestion_is_shown_and_typed_only_when_accepted() {
        let mut editor = editor(&["restart worker:1"]);
        press(&mut editor, "res");
        assert_eq!(shown(&editor), "taskmaster> res|[tart worker:1]");
        assert_eq!(press(&mut editor, "\r"), [Asks::Run("res".to_owned())]);
        press(&mut editor, "rest\x05");
        assert_eq!(editor.text(), "restart worker:1");
        press(&mut editor, "\x1f");
        assert_eq!(editor.text(), "rest");
        press(&mut editor, "\x01");
        assert_eq!(shown(&editor), "taskmaster> |rest[]");
    }

    #[test]
    fn tab_types_what_is_certain_and_lists_what_is_not() {
        let mut editor = editor(&[]);
        assert_eq!(press(&mut editor, "stop w\t"), [Asks::Complete("stop w".to_owned())]);
        let candidates = ["worker:1 ".to_owned(), "worker:2 ".to_owned()].to_vec();
        editor.offer(&Completion { start: 5, candidates });
        assert_eq!(editor.text(), "stop worker:");
        assert_eq!(editor.frame(80).below[0].text(), "worker:1  worker:2");
        press(&mut editor, "2");
        assert_eq!(editor.frame(80).below, []);
        editor.offer(&Completion { start: 5, candidates: vec!["worker:2 ".to_owned()] });
        assert_eq!(editor.text(), "stop worker:2 ");
        editor.offer(&Completion { start: 14, candidates: vec![] });
        assert_eq!(editor.text(), "stop worker:2 ");
        press(&mut editor, "w");
        editor.offer(&Completion { start: 14, candidates: vec!["web ".to_owned()] });
        press(&mut editor, ":");
        assert_eq!(editor.text(), "stop worker:2 web:");
    }

    /// Whatever a cat on the keyboard, a broken line or a hostile paste sends.
    #[test]
    fn no_bytes_break_it() {
        use crate::command::{Names, complete};
        use crate::io::console::painter::{Painter, Size};
        let pieces: [&[u8]; 24] = [
            b"\x1b",
            b"[",
            b"O",
            b"200~",
            b"201~",
            b";5",
            b"C",
            b"D",
            b"A",
            b"B",
            b"~",
            b"3",
            b"\t",
            b"\x12",
            b"\x1f",
            b"\x19",
            b"\x17",
            b"\x7f",
            b"stop w",
            "日é".as_bytes(),
            "e\u{301}".as_bytes(),
            b"\xe6",
            b"\xff",
            b"\x03",
        ];
        let mut random: u64 = 1;
        let mut below = |limit: usize| {
            random = random.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            (random >> 33) as usize % limit
        };
        let names = Names { programs: vec![("web", 1), ("worker", 12)], states: &["RUNNING"] };
        let mut editor = editor(&["stop web", "日本 worker:1", "start"]);
        let mut decoder = Decoder::new();
        let mut painter = Painter::new(Size { rows: 6, columns: 20 }, true);
        for _ in 0..60_000 {
            let bytes = match below(4) {
                0 => vec![below(256) as u8],
                _ => pieces[below(pieces.len())].to_vec(),
            };
            for key in decoder.feed(&bytes) {
                match editor.press(key) {
                    Asks::Complete(line) => editor.offer(&complete(&line, &names)),
                    Asks::Run(line) => assert!(!line.contains(char::is_control), "{line:?}"),
                    _ => {}
                }
            }
            let frame = editor.frame(20);
            assert!(!frame.line.contains(char::is_control) && !frame.ghost.contains(char::is_control));
            if below(50) == 0 {
                painter.resize(Size { rows: 1 + below(8), columns: 2 + below(30) });
            }
            painter.draw(&frame);
        }
    }

    #[test]
    fn a_long_list_is_cut() {
        let words: Vec<String> = (0..100).map(|number| format!("word{number}")).collect();
        let rows = in_columns(&words, 20);
        assert_eq!(rows[0].text(), "word0   word1");
        assert_eq!(rows.last().unwrap().text(), "... and 80 more");
    }

    #[test]
    fn ctrl_c_and_ctrl_d_ask_by_what_the_line_is() {
        let mut editor = editor(&[]);
        assert_eq!(press(&mut editor, "\x03"), [Asks::Interrupt { line_was_empty: true }]);
        assert_eq!(press(&mut editor, "ab\x01\x04\x03"), [Asks::Interrupt { line_was_empty: false }]);
        assert_eq!(press(&mut editor, "\x04"), [Asks::Leave]);
    }
}
