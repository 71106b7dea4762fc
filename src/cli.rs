//! The command line: what is asked for, and the exit code that it ends with.

mod commands;
mod pages;
mod person;
mod words;

use std::io::{self, IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::error::{ContextKind, ContextValue};
use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand};

use crate::bench;
use crate::command::{self, Verbosity};
use crate::config::{self, Config};
use crate::event_loop::{self, Outcome, Overrides, Settings};
use crate::io::configuration::{Invalid, load};
use crate::io::console::ColorChoice;
use crate::io::preflight;

/// A runtime failure.
const FAILED: u8 = 1;
/// Bad usage, or an invalid configuration; nothing was started.
const INVALID: u8 = 2;

/// A process supervisor for Linux.
#[derive(Debug, Parser)]
#[command(name = "taskmaster", version, about, disable_help_subcommand = true)]
struct Cli {
    /// The configuration
    #[arg(short, long, global = true, value_name = "FILE", default_value = "config.yaml")]
    config: PathBuf,
    #[command(flatten)]
    run: Run,
    #[command(subcommand)]
    command: Option<Subcommands>,
}

#[derive(Debug, Subcommand)]
enum Subcommands {
    /// Supervise the programs (what happens without a command, too)
    Run(Run),
    /// Validate the configuration only: exit code 0 if it is valid, 2 if not
    Check,
    /// Measure what supervising costs here, beside a bare loop that only starts, waits and reaps
    #[command(display_order = 99)]
    Bench {
        /// How many instances
        #[arg(value_name = "N", default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..=100_000))]
        instances: u32,
    },
    /// Be that loop
    #[command(name = bench::FLOOR, hide = true)]
    BenchFloor {
        instances: u32,
        pipes: usize,
        #[arg(trailing_var_arg = true, allow_hyphen_values = true, required = true)]
        command: Vec<String>,
    },
    /// Write a script that completes these arguments, for a shell to read
    #[command(display_order = 100)]
    Completions { shell: pages::Shell },
    /// Write the man page, in roff
    #[command(display_order = 101)]
    Man,
    /// Write what could stand at the end of a line, for the scripts of `completions`
    #[command(hide = true)]
    CompleteWords { line: String },
}

#[derive(Clone, Debug, Default, Args)]
struct Run {
    /// Where the dashboard listens, or off (instead of what the configuration says)
    #[arg(long, value_name = "ADDR|off", value_parser = parse_http)]
    http: Option<Http>,
    /// Least severe level that is logged: off, error, warn, info, debug, trace
    #[arg(long, value_name = "LEVEL")]
    log_level: Option<log::LevelFilter>,
    /// Take no commands from standard input
    #[arg(long)]
    no_console: bool,
    /// Whether the console has colours: auto, always or never
    #[arg(long, value_name = "WHEN")]
    color: Option<ColorChoice>,
    /// What the console tells unasked: none, problems or all
    #[arg(long, value_name = "WHAT", value_parser = parse_messages)]
    messages: Option<Verbosity>,
}

#[derive(Clone, Copy, Debug)]
struct Http(Option<std::net::SocketAddr>);

fn parse_http(text: &str) -> Result<Http, String> {
    config::parse_http(text)
        .map(Http)
        .ok_or_else(|| "it takes ADDRESS:PORT such as 127.0.0.1:8080, or off".to_owned())
}

fn parse_messages(text: &str) -> Result<Verbosity, &'static str> {
    Verbosity::parse(text).ok_or("it takes none, problems or all")
}

/// All that can be asked for: our own subcommands, and the console's.
fn whole_command() -> clap::Command {
    Cli::command().arg(commands::socket()).subcommands(commands::subcommands())
}

/// Clap suggests what is like a mistyped subcommand, even if it is nobody's business; what people bring
/// along from elsewhere it does not know.
fn with_better_suggestions(mut error: clap::Error) -> clap::Error {
    if let Some(ContextValue::String(name)) = error.get(ContextKind::InvalidSubcommand)
        && let Some(ours) = command::translate(name)
    {
        error.insert(ContextKind::SuggestedSubcommand, ContextValue::Strings(vec![ours.to_owned()]));
        return error;
    }
    let Some(ContextValue::Strings(mut names)) = error.remove(ContextKind::SuggestedSubcommand) else {
        return error;
    };
    let command = whole_command();
    names.retain(|name| command.find_subcommand(name).is_none_or(|found| !found.is_hide_set()));
    if !names.is_empty() {
        error.insert(ContextKind::SuggestedSubcommand, ContextValue::Strings(names));
    }
    error
}

/// Does what the arguments of this process say.
pub fn main() -> ExitCode {
    let command = whole_command();
    let matches = command.try_get_matches().unwrap_or_else(|error| with_better_suggestions(error).exit());
    if let Some(config) = matches.get_one::<PathBuf>("config")
        && let Some(code) = commands::run(&matches, config)
    {
        return code;
    }
    if matches.get_one::<PathBuf>("socket").is_some() {
        complain(
            "error: --socket is for the commands to a running supervisor; the configuration says where to listen\n",
        );
        return ExitCode::from(INVALID);
    }
    let Cli { config, run, command } = Cli::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
    match command {
        Some(Subcommands::Completions { shell }) => write(&pages::completions(shell, &mut whole_command())),
        Some(Subcommands::Man) => write(&pages::man(whole_command()).unwrap_or_default()),
        Some(Subcommands::CompleteWords { line }) => complete_words(&config, &line),
        Some(Subcommands::Check) => check(&config, load(&config)),
        Some(Subcommands::Bench { instances }) => run_bench(instances as usize),
        Some(Subcommands::BenchFloor { instances, pipes, command }) => {
            bench::be_floor(instances as usize, pipes, &command)
                .map_or_else(|error| failed(&error), |()| ExitCode::SUCCESS)
        }
        Some(Subcommands::Run(own)) => supervise(config, own.or(run)),
        None => supervise(config, run),
    }
}

impl Run {
    /// Flags count on either side of the word `run`.
    fn or(self, other: Run) -> Run {
        Run {
            http: self.http.or(other.http),
            log_level: self.log_level.or(other.log_level),
            no_console: self.no_console || other.no_console,
            color: self.color.or(other.color),
            messages: self.messages.or(other.messages),
        }
    }
}

fn complete_words(config: &std::path::Path, line: &str) -> ExitCode {
    let typed = words::Typed::new(line);
    match load(typed.config.as_deref().unwrap_or(config)) {
        Ok(config) => write(typed.candidates(&config).as_bytes()),
        // A shell that waits for words wants no explanations.
        Err(_) => ExitCode::from(INVALID),
    }
}

fn check(path: &std::path::Path, loaded: Result<Config, Invalid>) -> ExitCode {
    let config = match loaded {
        Ok(config) => config,
        Err(invalid) => {
            complain(&invalid.explain("", io::stderr().is_terminal()));
            return ExitCode::from(INVALID);
        }
    };
    let instances: u32 = config.programs.iter().map(|program| program.numprocs).sum();
    let programs = counted(config.programs.len(), "program");
    let instances = counted(instances as usize, "instance");
    let mut text = format!("{}: valid, {programs}, {instances}\n", path.display());
    for warning in preflight::inspect(&config, path) {
        text.push_str(&format!("warning: {warning}\n"));
    }
    write(text.as_bytes())
}

/// An answer on standard output; a dead one is the caller's choice.
fn write(text: &[u8]) -> ExitCode {
    let _ = io::stdout().write_all(text);
    ExitCode::SUCCESS
}

fn supervise(config_name: PathBuf, run: Run) -> ExitCode {
    let mut config = match load(&config_name) {
        Ok(config) => config,
        Err(invalid) => {
            complain(&invalid.explain("; nothing was started", io::stderr().is_terminal()));
            return ExitCode::from(INVALID);
        }
    };
    let overrides = Overrides { http: run.http.map(|Http(address)| address), loglevel: run.log_level };
    overrides.apply(&mut config.supervisor);
    let warnings = preflight::inspect(&config, &config_name);
    let (color, messages) = (run.color.unwrap_or_default(), run.messages.unwrap_or_default());
    let console = !run.no_console;
    match event_loop::run(Settings { config, config_name, overrides, console, color, messages, warnings }) {
        Ok(Outcome::Clean) => ExitCode::SUCCESS,
        Ok(Outcome::Failed | Outcome::Abandoned(_)) => ExitCode::from(FAILED),
        Err(error) => failed(&error),
    }
}

fn failed(error: &io::Error) -> ExitCode {
    complain(&format!("taskmaster: {error}\n"));
    ExitCode::from(FAILED)
}

fn run_bench(instances: usize) -> ExitCode {
    match bench::run(instances) {
        Ok(outcome) => write(bench::render(&outcome).as_bytes()),
        Err(bench::Trouble::TooMany(why)) => {
            complain(&format!("error: {why}\n"));
            ExitCode::from(INVALID)
        }
        Err(bench::Trouble::Interrupted) => {
            complain("interrupted: all that was started has been ended\n");
            ExitCode::from(FAILED)
        }
        Err(bench::Trouble::Other(why)) => {
            complain(&format!("error: {why}\n"));
            ExitCode::from(FAILED)
        }
    }
}

/// `1 problem`, `2 problems`.
fn counted(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

fn complain(text: &str) {
    let _ = io::stderr().write_all(text.as_bytes());
}
