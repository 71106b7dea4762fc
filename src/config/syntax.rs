//! What YAML refuses, said so that it helps.

use super::diagnostic::{Diagnostic, Position};

/// Brackets that may be open at once, as a cheap look at the text sees it: quotes are not understood.
/// What libyaml needs grows with their square; far fewer are refused later, by serde_yaml.
const BRACKETS_OPEN_MAX: usize = 5_000;

/// Refuses what libyaml would answer badly, or too late.
pub(super) fn refuse(text: &str) -> Result<(), Diagnostic> {
    refuse_characters(text)?;
    refuse_tag_directives(text)?;
    refuse_brackets(text)
}

/// YAML has no place for most control characters, and libyaml does not say well where they are.
fn refuse_characters(text: &str) -> Result<(), Diagnostic> {
    let is_refused = |c: char| {
        c.is_control() && !matches!(c, '\t' | '\n' | '\r' | '\u{85}') || matches!(c, '\u{fffe}' | '\u{ffff}')
    };
    let Some((at, c)) = text.char_indices().find(|(_, c)| is_refused(*c)) else { return Ok(()) };
    Err(Diagnostic {
        position: Some(Position::of(text, at)),
        message: format!("the control character U+{:04X} cannot be in the file", u32::from(c)),
        help: Some(format!("if it is meant, write \\u{:04X} between double quotes", u32::from(c))),
    })
}

/// libyaml compares each of them with each.
fn refuse_tag_directives(text: &str) -> Result<(), Diagnostic> {
    let Some(at) = text.starts_with("%TAG").then_some(0).or_else(|| text.find("\n%TAG").map(|at| at + 1))
    else {
        return Ok(());
    };
    let message = "tags have no meaning here, so there is nothing to declare".to_owned();
    Err(Diagnostic { position: Some(Position::of(text, at)), message, help: None })
}

fn refuse_brackets(text: &str) -> Result<(), Diagnostic> {
    let mut open = 0usize;
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'[' | b'{' => open += 1,
            b']' | b'}' => open = open.saturating_sub(1),
            _ => {}
        }
        if open > BRACKETS_OPEN_MAX {
            let message = format!("more than {BRACKETS_OPEN_MAX} brackets are open");
            return Err(Diagnostic { position: Some(Position::of(text, at)), message, help: None });
        }
    }
    Ok(())
}

/// What serde_yaml and libyaml say about the byte `at`, with advice.
pub(super) fn explain(text: &str, full: String, at: Option<usize>) -> Diagnostic {
    // Its own place is shown anyway; a second one, of what encloses it, stays.
    let message = match full.split_once(" at line ") {
        Some((problem, rest)) => {
            let place = |c: char| c.is_ascii_digit() || c == ' ';
            let rest = rest.trim_start_matches(place).trim_start_matches("column").trim_start_matches(place);
            format!("{problem}{rest}")
        }
        None => full,
    };
    let help = help_for(&message, at.and_then(|at| text.get(at..)).unwrap_or(""));
    Diagnostic { position: at.map(|at| Position::of(text, at)), message, help: help.map(str::to_owned) }
}

/// What usually lies behind libyaml's words; `rest` is the text from the error on.
fn help_for(message: &str, rest: &str) -> Option<&'static str> {
    let has = |part: &str| message.contains(part);
    if has("cannot start any token") && rest.starts_with('\t') {
        Some("YAML is indented with blanks, never with tabs")
    } else if has("cannot start any token") {
        Some("a text that begins with this character needs quotes")
    } else if has("mapping values are not allowed") {
        Some("a text with `: ` in it needs quotes; a key must line up with those around it")
    } else if has("unknown escape character") {
        Some("a backslash between double quotes is an escape; single quotes keep it as it is")
    } else if has("unexpected end of stream") {
        Some("a quote is not closed")
    } else if has("unknown anchor") {
        Some("a text that begins with * needs quotes; &name gives a value the name that *name stands for")
    } else if has("recursion limit") {
        Some("maps and lists can be nested 128 deep")
    } else if has("did not find expected ','") {
        Some("a bracket is not closed, or a text with braces, brackets or commas has no quotes")
    } else if has("did not find expected key") {
        Some("keys of one map line up; a text in quotes ends with its quote")
    } else {
        None
    }
}
