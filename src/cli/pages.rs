//! What other programs read about us: completions for shells, and the man page. Both come from the
//! command line's own definition, the table of commands and the keys of the configuration.

use std::io;

use clap::{Command, ValueEnum};
use clap_complete::Generator;
use clap_complete::shells::{Bash, Fish, Zsh};
use clap_mangen::Man;
use clap_mangen::roff::{Inline, Roff, bold, roman};

use super::words;
use crate::command::table;
use crate::config::{PROGRAM_KEYS, SUPERVISOR_KEYS};

/// Shells that completions are written for.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(super) enum Shell {
    Bash,
    Zsh,
    Fish,
}

/// A script that teaches `shell` to complete our arguments.
pub(super) fn completions(shell: Shell, command: &mut Command) -> Vec<u8> {
    let mut script = Vec::new();
    command.set_bin_name("taskmaster");
    command.build();
    match shell {
        Shell::Bash => Bash.generate(command, &mut script),
        Shell::Zsh => Zsh.generate(command, &mut script),
        Shell::Fish => Fish.generate(command, &mut script),
    }
    let script = String::from_utf8_lossy(&script);
    match shell {
        Shell::Bash => format!("{script}{}", words::BASH),
        Shell::Fish => format!("{script}{}", words::FISH),
        Shell::Zsh => {
            let script = script.replace("'*::words:_default'", "'*:words:_taskmaster_words'");
            // Before the end, which runs it when the file is loaded as a function.
            script.replacen("\n\nif [ \"$funcstack", &format!("{}\nif [ \"$funcstack", words::ZSH), 1)
        }
    }
    .into_bytes()
}

/// taskmaster(1), in roff.
///
/// # Errors
/// None when writing to memory, which cannot fail.
pub(super) fn man(command: Command) -> io::Result<Vec<u8>> {
    let mut page = Vec::new();
    let subcommands = subcommands(&command);
    let man = Man::new(command).manual("Taskmaster");
    man.render_title(&mut page)?;
    man.render_name_section(&mut page)?;
    man.render_synopsis_section(&mut page)?;
    man.render_description_section(&mut page)?;
    man.render_options_section(&mut page)?;
    subcommands.to_writer(&mut page)?;
    sections().to_writer(&mut page)?;
    Ok(page)
}

/// There is one page for all of them.
fn subcommands(command: &Command) -> Roff {
    let mut roff = Roff::new();
    roff.control("SH", ["COMMANDS"]);
    for subcommand in command.get_subcommands().filter(|subcommand| !subcommand.is_hide_set()) {
        let shown = subcommand.get_positionals().filter(|argument| !argument.is_hide_set());
        let values: String = shown.map(|argument| format!(" {argument}")).collect();
        let words = table::find(subcommand.get_name()).map_or("", |row| row.arguments);
        let about = subcommand.get_about().map(ToString::to_string).unwrap_or_default();
        entry(&mut roff, format!("{}{values} {words}", subcommand.get_name()).trim_end(), &about);
    }
    roff
}

/// What the arguments do not tell.
fn sections() -> Roff {
    let mut roff = Roff::new();
    roff.control("SH", ["CONSOLE"]);
    roff.text([roman("Commands are read from standard input, one a line.")]);
    for row in table::ROWS {
        let mut text = format!("{}.", capitalised(row.summary));
        for line in row.details.lines() {
            text.push(' ');
            text.push_str(line);
        }
        for flag in row.flags {
            text.push_str(&format!(" {}: {}.", flag.forms(), flag.summary));
        }
        entry(&mut roff, &row.usage(), &text);
    }
    roff.control("PP", []);
    roff.text([roman(table::TARGETS.replace('\n', " "))]);
    roff.control("SH", ["CONFIGURATION"]);
    roff.text([roman("Keys of a program, with their defaults:")]);
    for key in PROGRAM_KEYS {
        entry(&mut roff, key.name, &format!("{} [{}]", capitalised(key.summary), key.default));
    }
    roff.control("PP", []);
    roff.text([roman("Keys of the section taskmaster:")]);
    for key in SUPERVISOR_KEYS {
        entry(&mut roff, key.name, &format!("{} [{}]", capitalised(key.summary), key.default));
    }
    roff.control("SH", ["SIGNALS"]);
    entry(&mut roff, "TERM, INT, QUIT", "A graceful shutdown; a second one kills what is left.");
    entry(
        &mut roff,
        "HUP",
        "A reload of the configuration, unless the terminal has gone, which is a shutdown.",
    );
    entry(&mut roff, "USR2", "Opens all log files anew.");
    roff.control("SH", ["EXIT STATUS"]);
    entry(&mut roff, "0", "A clean shutdown, or a command that was done.");
    entry(&mut roff, "1", "A failure while running, or a command that failed for at least one target.");
    entry(&mut roff, "2", "Wrong usage, or an invalid configuration; nothing was started.");
    entry(&mut roff, "3", "No supervisor is running.");
    roff.control("SH", ["FILES"]);
    entry(&mut roff, "./config.yaml", "The configuration, unless \u{2d}c names another.");
    entry(&mut roff, "$XDG_STATE_HOME/taskmaster/history", "Lines that were typed at the console.");
    roff
}

fn entry(roff: &mut Roff, term: &str, text: &str) {
    roff.control("TP", []);
    roff.text([bold(term)]);
    let text: Inline = roman(text);
    roff.text([text]);
}

/// As a sentence begins.
pub(super) fn capitalised(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}
