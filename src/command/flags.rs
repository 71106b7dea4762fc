//! Flags of commands: `-f`, `-n 5`, `-n5`, `--lines 5`, `--lines=5`, and `--`, behind which nothing
//! is a flag.

use super::parse::{ParseError, nearest};
use super::table::Row;

/// A flag that a command takes.
#[derive(Debug, PartialEq, Eq)]
pub struct Flag {
    /// The `f` of `-f`.
    pub short: Option<char>,
    /// The `follow` of `--follow`.
    pub long: &'static str,
    /// What it takes, as help shows it; `None` takes nothing.
    pub value: Option<&'static str>,
    /// What it does, in one line.
    pub summary: &'static str,
}

impl Flag {
    /// `-n N`, `--rolling`: its shortest form.
    pub fn usage(&self) -> String {
        let name = self.short.map_or_else(|| format!("--{}", self.long), |short| format!("-{short}"));
        self.value.map_or(name.clone(), |value| format!("{name} {value}"))
    }

    /// `-n, --lines N`: all its forms.
    pub fn forms(&self) -> String {
        let short = self.short.map_or_else(String::new, |short| format!("-{short}, "));
        let value = self.value.map_or_else(String::new, |value| format!(" {value}"));
        format!("{short}--{}{value}", self.long)
    }
}

/// The words of a line, its flags taken out.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Given<'a> {
    flags: Vec<(&'static str, &'a str)>,
    /// What is no flag, in its order.
    pub(super) words: Vec<&'a str>,
}

impl<'a> Given<'a> {
    /// Whether this flag was given, by its long name.
    pub(super) fn has(&self, long: &str) -> bool {
        self.value(long).is_some()
    }

    /// The last value that was given to this flag.
    pub(super) fn value(&self, long: &str) -> Option<&'a str> {
        self.flags.iter().rev().find(|(name, _)| *name == long).map(|(_, value)| *value)
    }
}

/// Takes the flags of `row` out of `words`.
///
/// # Errors
/// A flag that the command does not have, one without its value, a value where none belongs.
pub(super) fn take<'a>(row: &'static Row, words: &[&'a str]) -> Result<Given<'a>, ParseError> {
    let mut given = Given { flags: Vec::new(), words: Vec::new() };
    let mut rest = words.iter().copied();
    while let Some(word) = rest.next() {
        if word == "--" {
            given.words.extend(rest);
            break;
        }
        if let Some(long) = word.strip_prefix("--") {
            let (name, value) = match long.split_once('=') {
                Some((name, value)) => (name, Some(value)),
                None => (long, None),
            };
            let flag = row.flags.iter().find(|flag| flag.long == name).ok_or_else(|| unknown(row, word))?;
            let value = match (flag.value, value) {
                (Some(_), None) => rest.next().ok_or_else(|| lacks_value(row, flag))?,
                (Some(_), Some(value)) => value,
                (None, None) => "",
                (None, Some(_)) => {
                    return Err(ParseError::new(format!("{}: --{name} takes no value", row.names[0])));
                }
            };
            given.flags.push((flag.long, value));
        } else if word.len() > 1 && word.starts_with('-') {
            take_short(row, word, &mut rest, &mut given)?;
        } else {
            given.words.push(word);
        }
    }
    Ok(given)
}

/// `-fn5` is `-f -n 5`.
fn take_short<'a>(
    row: &'static Row,
    word: &'a str,
    rest: &mut impl Iterator<Item = &'a str>,
    given: &mut Given<'a>,
) -> Result<(), ParseError> {
    let mut letters = word[1..].chars();
    while let Some(letter) = letters.next() {
        let found = row.flags.iter().find(|flag| flag.short == Some(letter));
        let flag = found.ok_or_else(|| unknown(row, word))?;
        if flag.value.is_none() {
            given.flags.push((flag.long, ""));
            continue;
        }
        let value = match letters.as_str() {
            "" => rest.next().ok_or_else(|| lacks_value(row, flag))?,
            attached => attached.strip_prefix('=').unwrap_or(attached),
        };
        given.flags.push((flag.long, value));
        break;
    }
    Ok(())
}

fn unknown(row: &'static Row, word: &str) -> ParseError {
    let name = row.names[0];
    let shown = word.escape_debug();
    let forms = row.flags.iter().map(Flag::forms).collect::<Vec<_>>();
    if forms.is_empty() {
        return ParseError::new(format!("{name} takes no flags such as {shown}; '--' ends them"));
    }
    let longs = row.flags.iter().map(|flag| flag.long);
    let hint = nearest(word.trim_start_matches('-'), longs);
    ParseError::new(format!("{name}: no such flag {shown}{hint}; it takes {}", forms.join("; ")))
}

fn lacks_value(row: &'static Row, flag: &Flag) -> ParseError {
    ParseError::new(format!("{}: {} needs its {}", row.names[0], flag.usage(), flag.value.unwrap_or("value")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::table::Verb;

    static ROW: Row = Row {
        names: &["watch"],
        flags: &[
            Flag { short: Some('f'), long: "follow", value: None, summary: "" },
            Flag { short: Some('n'), long: "lines", value: Some("N"), summary: "" },
            Flag { short: None, long: "rolling", value: None, summary: "" },
        ],
        arguments: "TARGET...",
        summary: "",
        details: "",
        verb: Verb::Status,
    };

    fn taken(line: &'static str) -> Result<Given<'static>, String> {
        take(&ROW, &line.split(' ').collect::<Vec<_>>()).map_err(|error| error.to_string())
    }

    #[test]
    fn every_way_of_writing_a_flag_is_the_same() {
        for line in
            ["-f -n 5 w", "-fn5 w", "w -fn=5", "--follow --lines 5 w", "--lines=5 w -f", "-n9 -n5 w -f"]
        {
            let given = taken(line).unwrap();
            assert!(given.has("follow") && !given.has("rolling"), "{line}");
            assert_eq!((given.value("lines"), &given.words[..]), (Some("5"), &["w"][..]), "{line}");
        }
        assert_eq!(taken("- -- -f").unwrap().words, ["-", "-f"]);
    }

    #[test]
    fn what_is_wrong_with_a_flag_is_said() {
        let error = |line| taken(line).unwrap_err();
        let takes = "it takes -f, --follow; -n, --lines N; --rolling";
        assert_eq!(
            error("--folow"),
            format!("watch: no such flag --folow (did you mean 'follow'?); {takes}")
        );
        assert_eq!(error("-fx"), format!("watch: no such flag -fx; {takes}"));
        assert_eq!(error("w -n"), "watch: -n N needs its N");
        assert_eq!(error("--lines"), "watch: -n N needs its N");
        assert_eq!(error("--follow=yes"), "watch: --follow takes no value");
    }
}
