//! Problems of a configuration, as users see them.

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};

use super::Source;

/// Problems shown at once; more than a screenful helps nobody.
pub(super) const SHOWN_MAX: usize = 20;
/// Characters of a source line that are shown around a problem.
const LINE_CHARS_MAX: usize = 200;
/// Characters of a message, which quotes the file.
const MESSAGE_CHARS_MAX: usize = 400;
/// Characters of the help beside it, which may list every key that there is.
const HELP_CHARS_MAX: usize = 1200;

/// A place in the text; both count from 1, columns in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// Line.
    pub line: usize,
    /// Column.
    pub column: usize,
}

impl Position {
    /// The place of a byte; the end of the text is the end of its last words. Lines are those of
    /// editors: libyaml's also end at a lone carriage return and at three rare characters.
    pub(super) fn of(text: &str, at: usize) -> Position {
        let mut end = at.min(text.trim_end().len());
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        let before = &text[..end];
        let start = before.rfind('\n').map_or(0, |newline| newline + 1);
        let line = 1 + before.bytes().filter(|byte| *byte == b'\n').count();
        Position { line, column: 1 + before[start..].chars().count() }
    }
}

/// One problem.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// Where, if that can be said.
    pub position: Option<Position>,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub help: Option<String>,
}

/// All problems of `source`, for a terminal: `error: ...`, `file:line:column`, the line itself.
pub fn render(source: &Source, problems: &[Diagnostic], colored: bool) -> String {
    let renderer = if colored { Renderer::styled() } else { Renderer::plain() };
    let shown: Vec<String> =
        problems.iter().take(SHOWN_MAX).map(|problem| render_one(source, problem, &renderer)).collect();
    let mut text = shown.join("\n\n");
    text.push('\n');
    match problems.len().saturating_sub(SHOWN_MAX) {
        0 => {}
        1 => text.push_str("\n... and 1 more problem\n"),
        more => text.push_str(&format!("\n... and {more} more problems\n")),
    }
    text
}

fn render_one(source: &Source, problem: &Diagnostic, renderer: &Renderer) -> String {
    let message = shortened(&harmless(&problem.message), MESSAGE_CHARS_MAX);
    let help = problem.help.as_deref().map(|help| shortened(&harmless(help), HELP_CHARS_MAX));
    // A byte order mark has no column.
    let text = source.text.strip_prefix('\u{feff}').unwrap_or(&source.text);
    let line = problem.position.and_then(|at| text.lines().nth(at.line - 1).map(|line| (at, line)));
    let Some((at, line)) = line else {
        let file = format!("{}: {message}", source.name);
        let title = Level::ERROR.primary_title(&file);
        let help = help.as_ref().map(|help| Level::HELP.message(help.as_str()));
        return renderer.render(&[Group::with_title(title).elements(help)]);
    };
    let (line, span) = excerpt(line, at.column);
    let snippet = Snippet::source(&line)
        .path(&source.name)
        .line_start(at.line)
        .annotation(AnnotationKind::Primary.span(span));
    let title = Level::ERROR.primary_title(&message);
    let help = help.as_ref().map(|help| Level::HELP.message(help.as_str()));
    renderer.render(&[Group::with_title(title).element(snippet).elements(help)])
}

/// The line, made harmless and not too long, and the bytes of it that the problem is about: from the
/// column to the end of the word.
fn excerpt(line: &str, column: usize) -> (String, std::ops::Range<usize>) {
    let line = harmless(line.trim_end_matches('\r'));
    let mut text: String = line.chars().take(LINE_CHARS_MAX.max(column + 40)).collect();
    if text.len() < line.len() {
        text.push_str("...");
    }
    let start = text.char_indices().nth(column - 1).map_or(text.len(), |(at, _)| at);
    let length = word_length(&text[start..]);
    (text, start..start + length)
}

/// Up to the closing quote, or to what ends a word.
fn word_length(text: &str) -> usize {
    let Some(first) = text.chars().next() else { return 0 };
    let rest = &text[first.len_utf8()..];
    let quoted = matches!(first, '"' | '\'').then(|| rest.find(first).map(|at| at + 1)).flatten();
    let word = || rest.find([' ', ',', ']', '}', ':']).unwrap_or(rest.len());
    first.len_utf8() + quoted.unwrap_or_else(word)
}

/// Both ends of what quotes too much of the file: the values stand in the middle of our sentences.
fn shortened(text: &str, max: usize) -> String {
    let count = text.chars().count();
    if count <= max {
        return text.to_owned();
    }
    let half = max / 2;
    text.chars().take(half).chain("...".chars()).chain(text.chars().skip(count - half)).collect()
}

/// Without what a terminal would obey. Tabs become single blanks, so that columns stay true.
fn harmless(text: &str) -> String {
    let replace = |c: char| match c {
        '\n' => '\n',
        '\t' => ' ',
        c if c.is_control() => char::REPLACEMENT_CHARACTER,
        c => c,
    };
    text.chars().map(replace).collect()
}
