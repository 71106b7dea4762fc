//! What a person at a terminal gets to see of an answer: the table of their width, in colours, and
//! `status -w`. Scripts get what the supervisor says.

use std::io::{self, IsTerminal, Write};
use std::path::Path;
use std::time::Duration;

use clap::ArgMatches;

use crate::client::{self, Done, Failure};
use crate::command::Query;
use crate::io::console::{ColorChoice, columns, paint, rows};
use crate::view::overview;

/// How often `status -w` looks.
const EVERY: Duration = Duration::from_secs(1);

/// Asks for a table as wide as the terminal, if that is where it goes; `None` is any other command.
pub(super) fn table(
    socket: &Path,
    line: &str,
    query: &Query,
    matches: &ArgMatches,
    patience: Option<Duration>,
) -> Option<Result<Done, Failure>> {
    let color = matches.try_get_one::<ColorChoice>("color").ok().flatten().copied().unwrap_or_default();
    let table = Table { socket, has_color: color.is_on(io::stdout().is_terminal()), patience };
    match query {
        _ if !io::stdout().is_terminal() => None,
        Query::Status(_) => Some(table.show(&format!("{line} --columns={}", columns()))),
        Query::Watch(_) => Some(table.watch(&line.replacen(" --watch", "", 1))),
        _ => None,
    }
}

struct Table<'a> {
    socket: &'a Path,
    has_color: bool,
    patience: Option<Duration>,
}

impl Table<'_> {
    fn show(&self, line: &str) -> Result<Done, Failure> {
        let (done, lines) = self.ask(line)?;
        write(&(lines.join("\n") + "\n"))?;
        Ok(done)
    }

    /// Draws over the last picture, every second, until somebody ends us.
    fn watch(&self, line: &str) -> Result<Done, Failure> {
        let mut drawn = 0;
        loop {
            let (done, lines) = self.ask(&format!("{line} --columns={}", columns()))?;
            let back = if drawn == 0 { String::new() } else { format!("\x1b[{drawn}A") };
            let shown: Vec<&String> = lines.iter().take(rows().saturating_sub(1)).collect();
            let picture: String = shown.iter().map(|line| format!("{line}\x1b[K\n")).collect();
            write(&format!("{back}\r{picture}\x1b[J"))?;
            drawn = shown.len();
            if !done.ok {
                return Ok(done);
            }
            std::thread::sleep(EVERY);
        }
    }

    fn ask(&self, line: &str) -> Result<(Done, Vec<String>), Failure> {
        let mut answer = Vec::new();
        let done = client::command(self.socket, line, self.patience, &mut |bytes| {
            answer.extend_from_slice(bytes);
            Ok(())
        })?;
        let text = String::from_utf8_lossy(&answer);
        Ok((done, text.lines().map(|line| paint(&overview::dress(line), self.has_color)).collect()))
    }
}

fn write(text: &str) -> Result<(), Failure> {
    let mut stdout = io::stdout().lock();
    let written = stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush());
    written.map_err(|error| Failure::Trouble(error.to_string()))
}
