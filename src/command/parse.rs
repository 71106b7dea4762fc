//! A line of text to a command.

use std::fmt;

use super::flags::{self, Given};
use super::foreign::translate;
use super::table::{self, ROWS, Row, Verb};
use super::{Command, Order, Query, Tail, Target, Verbosity};
use crate::signal::Signal;

/// Longest line that is taken for a command, in bytes; nobody types more, and a file of noise that
/// was piped in by mistake must not cost memory.
pub const LINE_BYTES_MAX: usize = 4096;

/// Lines that `tail` shows unless it is told how many, and at most.
const TAIL_LINES: usize = 10;
const TAIL_LINES_MAX: usize = 100_000;

/// Columns of a terminal that a table is laid out for.
const COLUMNS_MIN: usize = 2;
const COLUMNS_MAX: usize = 1000;

/// Why a line is no command, for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParseError(String);

impl ParseError {
    pub(super) fn new(text: String) -> ParseError {
        ParseError(text)
    }
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Parses one line; `None` is a line that says nothing (blank, or a `#` comment).
///
/// # Errors
/// An unknown command or flag, missing or superfluous arguments, no such signal.
pub fn parse(line: &str) -> Result<Option<Command>, ParseError> {
    if line.len() > LINE_BYTES_MAX {
        return Err(ParseError(format!("a line of more than {LINE_BYTES_MAX} bytes is no command")));
    }
    let mut words = line.split_whitespace();
    let Some(name) = words.next().filter(|word| !word.starts_with('#')) else {
        return Ok(None);
    };
    let row = table::find(name).ok_or_else(|| unknown(name))?;
    let words: Vec<&str> = words.collect();
    let given = flags::take(row, &words)?;
    command(row, &given).map(Some)
}

fn command(row: &'static Row, given: &Given) -> Result<Command, ParseError> {
    let words = given.words.as_slice();
    let targets = |words: &[&str]| -> Vec<Target> { words.iter().copied().map(Target::parse).collect() };
    let some_targets = |words: &[&str]| match words {
        [] => Err(usage(row)),
        words => Ok(targets(words)),
    };
    let nothing = || if words.is_empty() { Ok(()) } else { Err(usage(row)) };
    Ok(match row.verb {
        Verb::Status if given.has("watch") => Command::Query(Query::Watch(targets(words))),
        Verb::Status => Command::Query(match given.value("columns") {
            Some(columns) => Query::Overview(targets(words), parse_columns(columns)?),
            None => Query::Status(targets(words)),
        }),
        Verb::Pid => Command::Query(Query::Pid(targets(words))),
        Verb::Why => Command::Query(Query::Why(some_targets(words)?)),
        Verb::Start => Command::Order(Order::Start(some_targets(words)?)),
        Verb::Stop => Command::Order(Order::Stop(some_targets(words)?)),
        Verb::Restart => Command::Order(restart(some_targets(words)?, given)?),
        Verb::Signal => {
            let (name, rest) = words.split_first().ok_or_else(|| usage(row))?;
            let signal = Signal::parse(name).ok_or_else(|| {
                ParseError(format!("{name}: no such signal{}", nearest(name, Signal::names())))
            })?;
            Command::Order(Order::Signal(signal, some_targets(rest)?))
        }
        Verb::Scale => match words {
            [name, count] => {
                let count = count.parse().map_err(|_| {
                    ParseError(format!("{}: a number of instances is 0 or more", count.escape_debug()))
                })?;
                Command::Order(Order::Scale((*name).to_owned(), count))
            }
            _ => return Err(usage(row)),
        },
        Verb::Plan => {
            nothing()?;
            Command::Query(Query::Plan)
        }
        Verb::Reload => {
            nothing()?;
            Command::Reload
        }
        Verb::Help => match words {
            [] => Command::Query(Query::Help(None)),
            [name] => Command::Query(Query::Help(Some(table::find(name).ok_or_else(|| unknown(name))?))),
            _ => return Err(usage(row)),
        },
        Verb::Tail => Command::Query(Query::Tail(tail(row, given)?)),
        Verb::Reopen => {
            nothing()?;
            Command::Query(Query::Reopen)
        }
        Verb::Messages => Command::Query(Query::Messages(match words {
            [] => None,
            [name] => Some(Verbosity::parse(name).ok_or_else(|| usage(row))?),
            _ => return Err(usage(row)),
        })),
        Verb::Version => {
            nothing()?;
            Command::Query(Query::Version)
        }
        Verb::Exit => {
            nothing()?;
            Command::Order(Order::Shutdown)
        }
    })
}

fn restart(targets: Vec<Target>, given: &Given) -> Result<Order, ParseError> {
    match (given.has("rolling"), given.value("batch")) {
        (false, None) => Ok(Order::Restart(targets)),
        (false, Some(_)) => Err(ParseError("restart: --batch N goes with --rolling".to_owned())),
        (true, None) => Ok(Order::RestartRolling { batch: 1, targets }),
        (true, Some(text)) => {
            let batch = text.parse().ok().filter(|batch| *batch > 0).ok_or_else(|| {
                ParseError("restart: --batch takes a number of instances, 1 or more".to_owned())
            })?;
            Ok(Order::RestartRolling { batch, targets })
        }
    }
}

fn tail(row: &'static Row, given: &Given) -> Result<Tail, ParseError> {
    let (is_stderr, words) = match given.words.split_last() {
        Some((&"stderr", words)) => (true, words),
        Some((&"stdout", words)) => (false, words),
        _ => (false, given.words.as_slice()),
    };
    if words.is_empty() {
        return Err(usage(row));
    }
    let lines = match given.value("lines") {
        None => TAIL_LINES,
        Some(text) => {
            let number = text.parse().ok().filter(|lines| *lines <= TAIL_LINES_MAX);
            number.ok_or_else(|| ParseError(format!("-n takes a number up to {TAIL_LINES_MAX}")))?
        }
    };
    let targets = words.iter().copied().map(Target::parse).collect();
    Ok(Tail { targets, is_stderr, lines, follow: given.has("follow") })
}

fn parse_columns(text: &str) -> Result<usize, ParseError> {
    let columns = text.parse().ok().filter(|columns| (COLUMNS_MIN..=COLUMNS_MAX).contains(columns));
    columns.ok_or_else(|| {
        ParseError(format!("status: --columns takes a number from {COLUMNS_MIN} to {COLUMNS_MAX}"))
    })
}

fn usage(row: &Row) -> ParseError {
    ParseError(format!("usage: {}", row.usage()))
}

fn unknown(name: &str) -> ParseError {
    let names = ROWS.iter().flat_map(|row| row.names.iter().copied());
    let shown = name.escape_debug();
    let hint = match translate(name) {
        Some(ours) => format!(" (that is '{ours}' here)"),
        None => nearest(name, names),
    };
    ParseError(format!("{shown}: unknown command{hint}; try 'help'"))
}

/// ` (did you mean 'x'?)`, when one of the names is close.
pub(crate) fn nearest<'a>(written: &str, names: impl Iterator<Item = &'a str>) -> String {
    let close = |name: &&str| strsim::damerau_levenshtein(&written.to_lowercase(), &name.to_lowercase());
    match names.map(|name| (close(&name), name)).min() {
        Some((distance, name)) if distance <= 2 && distance < name.len().min(written.len()) => {
            format!(" (did you mean '{name}'?)")
        }
        Some(_) | None => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(line: &str) -> String {
        parse(line).unwrap_err().to_string()
    }

    #[test]
    fn lines_become_commands() {
        let target = |text: &str| vec![Target::parse(text)];
        let order = |order| Ok(Some(Command::Order(order)));
        assert_eq!(parse("  start   worker:1 "), order(Order::Start(target("worker:1"))));
        assert_eq!(parse("stop all"), order(Order::Stop(target("all"))));
        assert_eq!(parse("signal sighup w*"), order(Order::Signal(Signal::HUP, target("w*"))));
        for (line, batch) in [("restart w --rolling", 1), ("restart --rolling --batch 3 w", 3)] {
            assert_eq!(parse(line), order(Order::RestartRolling { batch, targets: target("w") }), "{line}");
        }
        for leave in ["exit", "quit", "shutdown"] {
            assert_eq!(parse(leave), order(Order::Shutdown));
        }
        assert_eq!(parse("status"), Ok(Some(Command::Query(Query::Status(vec![])))));
        assert_eq!(parse("pid"), Ok(Some(Command::Query(Query::Pid(vec![])))));
        assert_eq!(parse(""), Ok(None));
        assert_eq!(parse(" # a comment"), Ok(None));
    }

    #[test]
    fn mistakes_are_named() {
        assert_eq!(error("statsu"), "statsu: unknown command (did you mean 'status'?); try 'help'");
        assert_eq!(error("\u{1b}[2J"), "\\u{1b}[2J: unknown command; try 'help'");
        assert_eq!(error("update"), "update: unknown command (that is 'reload' here); try 'help'");
        assert_eq!(error("start"), "usage: start TARGET...");
        assert_eq!(error("exit now"), "usage: exit");
        assert_eq!(error("status --columns=0"), "status: --columns takes a number from 2 to 1000");
        assert_eq!(error("restart --batch 2 w"), "restart: --batch N goes with --rolling");
        for batch in ["0", "-1", "x", ""] {
            let line = format!("restart --rolling --batch={batch} w");
            assert_eq!(error(&line), "restart: --batch takes a number of instances, 1 or more");
        }
        assert_eq!(error("status --columns x"), "status: --columns takes a number from 2 to 1000");
        assert_eq!(error("start -x w"), "start takes no flags such as -x; '--' ends them");
        assert_eq!(error("signal"), "usage: signal SIGNAL TARGET...");
        assert_eq!(error("signal TERM"), "usage: signal SIGNAL TARGET...");
        assert_eq!(error("signal TREM w"), "TREM: no such signal (did you mean 'TERM'?)");
        assert_eq!(error("help frob"), "frob: unknown command; try 'help'");
        assert_eq!(error(&"x".repeat(5000)), "a line of more than 4096 bytes is no command");
    }

    #[test]
    fn every_row_parses_and_explains_itself() {
        for row in ROWS {
            let arguments = row.arguments.replace("SIGNAL", "TERM").replace(['[', ']', '.'], "");
            let arguments = arguments.replace("COMMAND", "start").replace("NAME N", "web 3");
            let arguments = arguments.split('|').next().unwrap();
            for name in row.names {
                assert!(parse(&format!("{name} {arguments}")).unwrap().is_some(), "{name}");
            }
            assert!(row.help().len() > 1);
        }
    }
}
