//! The console's commands as subcommands: the same table, the same words, said to a running
//! supervisor.

use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use clap::{Arg, ArgAction, ArgMatches, Command};

use super::pages::capitalised;
use super::{FAILED, INVALID, complain, load, person};
use crate::client::{self, Done, Failure};
use crate::command::table::{self, ROWS, Row, TARGETS};
use crate::command::{self, Query};
use crate::io::console::ColorChoice;
use crate::io::process;

/// No supervisor is running.
const NOT_RUNNING: u8 = 3;
/// `plan --exit-code`: a reload would change something.
const CHANGES: u8 = 2;
/// Commands that mean something at a console only.
const NOT_HERE: [&str; 1] = ["messages"];

/// The subcommands, for clap and all that is made from it: help, man page, completions.
pub(super) fn subcommands() -> impl Iterator<Item = Command> {
    ROWS.iter().filter(|row| !NOT_HERE.contains(&row.names[0])).map(subcommand)
}

fn subcommand(row: &'static Row) -> Command {
    // In the console it is `exit`; from another terminal nobody leaves anything.
    let (name, others) = match row.names {
        ["exit", others @ ..] => ("shutdown", [&["exit"], others].concat()),
        [name, others @ ..] => (*name, others.to_vec()),
        [] => ("", Vec::new()),
    };
    let others = others.into_iter().filter(|other| *other != name && *other != "?");
    let details = match row.arguments.contains("TARGET") {
        true => format!("{}\n\n{TARGETS}", row.details),
        false => row.details.to_owned(),
    };
    // Our own parser knows what they are; the usage says so in the table's words.
    let words = Arg::new("words").num_args(0..).hide(true);
    let usage = format!("taskmaster {name} [OPTIONS] {}", row.arguments);
    let mut subcommand = Command::new(name).about(capitalised(row.summary)).visible_aliases(others);
    subcommand = subcommand.override_usage(usage.trim_end().to_owned()).after_help(details);
    for flag in row.flags {
        let arg = Arg::new(flag.long).long(flag.long).help(capitalised(flag.summary));
        let arg = flag.short.map_or(arg.clone(), |short| arg.short(short));
        subcommand = subcommand.arg(match flag.value {
            Some(value) => arg.value_name(value).action(ArgAction::Append),
            None => arg.action(ArgAction::SetTrue),
        });
    }
    if name == "status" {
        let json = Arg::new("json").long("json").help("The document of /api/status");
        let color = Arg::new("color").long("color").value_name("WHEN");
        let color = color.value_parser(clap::value_parser!(ColorChoice));
        subcommand = subcommand
            .arg(json.action(ArgAction::SetTrue))
            .arg(color.help("Whether the table has colours: auto, always or never"));
    }
    if name == "plan" {
        let exit_code = Arg::new("exit-code").long("exit-code");
        let help = "Exit with 2 if a reload would change something, with 0 if not";
        subcommand = subcommand.arg(exit_code.help(help).action(ArgAction::SetTrue));
    }
    if name != "help" {
        let wait = Arg::new("wait").long("wait").value_name("SECONDS").value_parser(parse_seconds);
        subcommand =
            subcommand.arg(wait.help("Do not wait longer than this for the answer; the action goes on"));
    }
    subcommand.arg(words)
}

/// Which supervisor is meant; it may stand before the command, too.
pub(super) fn socket() -> Arg {
    let socket = Arg::new("socket").long("socket").value_name("PATH").global(true);
    let socket = socket.value_parser(clap::value_parser!(PathBuf));
    socket.help("The control socket for commands to a running supervisor, instead of the one that the configuration names")
}

/// A line of a plan that is not about what stays as it is.
fn is_change(line: &[u8]) -> bool {
    matches!(line.first(), Some(b'+' | b'-' | b'~'))
}

fn parse_seconds(text: &str) -> Result<Duration, &'static str> {
    let seconds = text.parse::<f64>().ok().and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    seconds.filter(|seconds| !seconds.is_zero()).ok_or("it takes a number of seconds")
}

/// Does what a subcommand of the table asks for; `None` if it is none of them.
pub(super) fn run(matches: &ArgMatches, config: &Path) -> Option<ExitCode> {
    let (name, matches) = matches.subcommand()?;
    let row = table::find(name).filter(|row| !NOT_HERE.contains(&row.names[0]))?;
    let line = match line(name, row, matches) {
        Ok(line) => line,
        Err(word) => {
            complain(&format!("error: {word:?} is no argument of {name}\n"));
            return Some(ExitCode::from(INVALID));
        }
    };
    let query = match command::parse(&line) {
        Ok(Some(command::Command::Query(query))) => Some(query),
        Ok(Some(command::Command::Order(_) | command::Command::Reload) | None) => None,
        Err(error) => {
            complain(&format!("error: {error}\n"));
            return Some(ExitCode::from(INVALID));
        }
    };
    if let Some(Query::Help(row)) = query {
        let lines = row.map_or_else(table::help, Row::help);
        return Some(super::write((lines.join("\n") + "\n").as_bytes()));
    }
    let named = matches.get_one::<PathBuf>("socket").cloned();
    let is_named = named.is_some();
    let socket = match named.or_else(|| socket_of(config)) {
        Some(socket) => socket,
        None if query == Some(Query::Version) => {
            return Some(conclude(Err(Failure::NotRunning(String::new())), true));
        }
        None => {
            complain(&format!(
                "error: {}: cannot be read; name it with -c FILE, or name --socket PATH\n",
                config.display()
            ));
            return Some(ExitCode::from(INVALID));
        }
    };
    let patience = matches.get_one::<Duration>("wait").copied();
    let wants_json = name == "status" && matches.get_flag("json");
    let mut has_changes = false;
    let table = query
        .as_ref()
        .filter(|_| !wants_json)
        .and_then(|query| person::table(&socket, &line, query, matches, patience));
    let answer = match table {
        _ if wants_json => json(&socket, patience),
        Some(answer) => answer,
        None => client::command(&socket, &line, patience, &mut |bytes| {
            has_changes |= bytes.split(|byte| *byte == b'\n').any(is_change);
            show(bytes)
        }),
    };
    match answer {
        Ok(Done { ok: true }) if has_changes && name == "plan" && matches.get_flag("exit-code") => {
            Some(ExitCode::from(CHANGES))
        }
        Err(Failure::NotRunning(why)) if !is_named && query != Some(Query::Version) => {
            Some(conclude(Err(Failure::NotRunning(elsewhere(config).unwrap_or(why))), false))
        }
        answer => Some(conclude(answer, query == Some(Query::Version))),
    }
}

/// The line that the console would be given.
fn line<'a>(name: &str, row: &Row, matches: &'a ArgMatches) -> Result<String, &'a String> {
    let mut line = name.to_owned();
    for flag in row.flags {
        match flag.value {
            Some(_) => {
                for value in matches.get_many::<String>(flag.long).into_iter().flatten() {
                    line.push_str(&format!(" --{}={}", flag.long, one_word(value)?));
                }
            }
            None if matches.get_flag(flag.long) => line.push_str(&format!(" --{}", flag.long)),
            None => {}
        }
    }
    for word in matches.get_many::<String>("words").into_iter().flatten() {
        line.push(' ');
        line.push_str(one_word(word)?);
    }
    Ok(line)
}

/// No argument of any command has blanks in it, and none may become two.
fn one_word(word: &String) -> Result<&String, &String> {
    let is_word = !word.is_empty() && !word.contains(|c: char| c.is_whitespace() || c.is_control());
    if is_word { Ok(word) } else { Err(word) }
}

/// The socket that the configuration names; while that is being edited and invalid, the default.
fn socket_of(config: &Path) -> Option<PathBuf> {
    match load(config) {
        Ok(config) => Some(config.supervisor.socket),
        Err(_) => Some(config.canonicalize().ok()?.parent()?.join("taskmaster.sock")),
    }
}

/// Nobody listens where the configuration says, but its supervisor lives: where it can be found.
fn elsewhere(config: &Path) -> Option<String> {
    let (pid, socket) = process::listening(config)?;
    let text = format!(
        "nobody listens at the `socket` of {}, which was another one when its supervisor (pid {pid}) was started; \
         that is reached by --socket {}",
        config.display(),
        socket.display()
    );
    Some(text.replace(char::is_control, "\u{fffd}"))
}

fn json(socket: &Path, patience: Option<Duration>) -> Result<Done, Failure> {
    let mut document = client::status(socket, patience)?;
    document.push(b'\n');
    show(&document).map_err(Failure::of_writing)?;
    Ok(Done { ok: true })
}

/// Names and logs may come from hostile hands: a terminal gets no control bytes but line ends and tabs.
fn show(bytes: &[u8]) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    if !stdout.is_terminal() {
        stdout.write_all(bytes)?;
        return stdout.flush();
    }
    let is_odd = |c: char| c.is_control() && c != '\n' && c != '\t';
    let text = String::from_utf8_lossy(bytes);
    let escaped = text.chars().flat_map(|c| {
        let odd = is_odd(c).then(|| c.escape_default());
        odd.into_iter().flatten().chain((!is_odd(c)).then_some(c))
    });
    stdout.write_all(escaped.collect::<String>().as_bytes())?;
    stdout.flush()
}

fn conclude(answer: Result<Done, Failure>, is_version: bool) -> ExitCode {
    match answer {
        Ok(Done { ok: true }) | Err(Failure::ReaderGone) => ExitCode::SUCCESS,
        Ok(Done { ok: false }) => ExitCode::from(FAILED),
        Err(Failure::NotRunning(_)) if is_version => {
            super::write(concat!("taskmaster ", env!("CARGO_PKG_VERSION"), "\n").as_bytes())
        }
        Err(Failure::NotRunning(why)) => {
            complain(&format!("error: {why}\n"));
            ExitCode::from(NOT_RUNNING)
        }
        Err(Failure::TimeIsUp) => {
            complain("error: not finished in time; the action goes on\n");
            ExitCode::from(FAILED)
        }
        Err(Failure::Trouble(why)) => {
            complain(&format!("error: {why}\n"));
            ExitCode::from(FAILED)
        }
    }
}
