//! The one list of commands: it feeds the parser, help, and whatever completes or documents them.

use super::flags::Flag;

/// One command.
#[derive(Debug, PartialEq, Eq)]
pub struct Row {
    /// Its name first, then other names of it.
    pub names: &'static [&'static str],
    /// Its flags, which may stand anywhere behind its name.
    pub flags: &'static [Flag],
    /// Its arguments, as help shows them: `TARGET...`, `[COMMAND]`, `stdout|stderr`. Completion reads
    /// this, too.
    pub arguments: &'static str,
    /// What it does, in one line.
    pub summary: &'static str,
    /// More about it, for `help NAME`.
    pub details: &'static str,
    pub(super) verb: Verb,
}

/// What a row means to the parser.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verb {
    Status,
    Why,
    Start,
    Stop,
    Restart,
    Signal,
    Pid,
    Scale,
    Plan,
    Reload,
    Messages,
    Help,
    Tail,
    Reopen,
    Version,
    Exit,
}

/// How targets are written; shown below `help`.
pub const TARGETS: &str = "\
A TARGET is worker (all its instances), worker:1, worker:*, a glob such as w*,
a state such as @FATAL, or all.";

/// Every command, in the order of help.
pub const ROWS: &[Row] = &[
    Row {
        names: &["status"],
        flags: &[
            Flag {
                short: Some('w'),
                long: "watch",
                value: None,
                summary: "refresh it in place, every second, until a key is pressed (from a shell: Ctrl-C)",
            },
            Flag {
                short: None,
                long: "columns",
                value: Some("N"),
                summary: "the table of a terminal of N columns, wherever it goes",
            },
        ],
        arguments: "[TARGET...]",
        summary: "show state, pid, uptime and what happened last",
        details: "Shows every instance, or those named, in the order of the configuration. On a terminal, a\n\
                  program of more than 20 instances is one line with counts, followed by those that do\n\
                  not run; NAME:* shows all. Elsewhere there is one line for each instance, always.",
        verb: Verb::Status,
    },
    Row {
        names: &["why"],
        flags: &[],
        arguments: "TARGET...",
        summary: "show why instances are in their states",
        details: "The cause and what comes next in one sentence; then the last exits with their times (UTC),\n\
                  and the last lines that the latest of them left on stderr.",
        verb: Verb::Why,
    },
    Row {
        names: &["start"],
        flags: &[],
        arguments: "TARGET...",
        summary: "start instances",
        details: "Finished when each of them is RUNNING or FATAL. An instance that waits for a retry is\n\
                  tried at once; its counters start anew.",
        verb: Verb::Start,
    },
    Row {
        names: &["stop"],
        flags: &[],
        arguments: "TARGET...",
        summary: "stop instances",
        details: "Sends each its stopsignal and, after its stoptime, SIGKILL. Finished when each of them\n\
                  and its process group are gone. A retry that was waiting is cancelled.",
        verb: Verb::Stop,
    },
    Row {
        names: &["restart"],
        flags: &[
            Flag {
                short: None,
                long: "rolling",
                value: None,
                summary: "a few at a time: the next when the last are RUNNING and ready, until one fails",
            },
            Flag {
                short: None,
                long: "batch",
                value: Some("N"),
                summary: "with --rolling: N of a program at a time; 1 by default",
            },
        ],
        arguments: "TARGET...",
        summary: "stop instances if they run, then start them",
        details: "Finished when each of them is RUNNING again, or FATAL. A rolling restart begins with those\n\
                  that are not up, and stops at the first that is FATAL, ends, or runs and does not become\n\
                  ready: the rest is left as it is. Who leaves the wait (Ctrl-C) does not end it; whatever\n\
                  is stopped or restarted before its turn leaves it.",
        verb: Verb::Restart,
    },
    Row {
        names: &["signal"],
        flags: &[],
        arguments: "SIGNAL TARGET...",
        summary: "send a signal to the processes of instances",
        details: "SIGNAL is a name or a number: HUP, SIGHUP, 1. Only the process that was started gets it,\n\
                  not its group.",
        verb: Verb::Signal,
    },
    Row {
        names: &["scale"],
        flags: &[],
        arguments: "NAME N",
        summary: "give a program N instances until the next reload",
        details: "Those with the highest numbers stop, or new ones start; the others are not touched. The\n\
                  configuration stays what it is: `plan` shows the difference, `reload` returns to it.",
        verb: Verb::Scale,
    },
    Row {
        names: &["plan"],
        flags: &[],
        arguments: "",
        summary: "show what `reload` would do",
        details: "Like a diff: + programs that are new, - those that are not there any more, ~ those that\n\
                  changed (the keys, and whether that takes a restart), = how many are untouched.",
        verb: Verb::Plan,
    },
    Row {
        names: &["reload"],
        flags: &[],
        arguments: "",
        summary: "read the configuration again and apply what has changed",
        details: "What did not change is not touched. An invalid file changes nothing, and the answer says\n\
                  where it is wrong. Finished when everybody that it concerns has settled. SIGHUP does the same.",
        verb: Verb::Reload,
    },
    Row {
        names: &["pid"],
        flags: &[],
        arguments: "[TARGET...]",
        summary: "show process ids; the supervisor's own without a target",
        details: "One line for each instance that has a process: its pid if one instance is named by\n\
                  NAME:N, otherwise its name and pid.",
        verb: Verb::Pid,
    },
    Row {
        names: &["tail"],
        flags: &[
            Flag {
                short: Some('f'),
                long: "follow",
                value: None,
                summary: "go on with what is written, across rotations, until Ctrl-C",
            },
            Flag {
                short: Some('n'),
                long: "lines",
                value: Some("N"),
                summary: "how many lines; 10 by default",
            },
        ],
        arguments: "TARGET... [stdout|stderr]",
        summary: "show the last lines of log files",
        details: "Of several logs, each line stands behind the name of its instance or, where instances\n\
                  share a file, of their program.",
        verb: Verb::Tail,
    },
    Row {
        names: &["reopen"],
        flags: &[],
        arguments: "",
        summary: "open all log files anew",
        details: "After log files were moved away, by logrotate for one. SIGUSR2 does the same.",
        verb: Verb::Reopen,
    },
    Row {
        names: &["messages"],
        flags: &[],
        arguments: "[none|problems|all]",
        summary: "show or set what the console tells unasked",
        details: "problems (the default): what ends unexpectedly, cannot start or becomes FATAL, and what\n\
                  recovers. all: every change that lasts. Many at once are told in one line.",
        verb: Verb::Messages,
    },
    Row {
        names: &["help", "?"],
        flags: &[],
        arguments: "[COMMAND]",
        summary: "show this list, or more about one command",
        details: "The same list feeds every face of the supervisor.",
        verb: Verb::Help,
    },
    Row {
        names: &["version"],
        flags: &[],
        arguments: "",
        summary: "show the version",
        details: "The version of the supervisor that answers.",
        verb: Verb::Version,
    },
    Row {
        names: &["exit", "quit", "shutdown"],
        flags: &[],
        arguments: "",
        summary: "stop everything gracefully, then leave",
        details: "Programs of a higher priority number stop first. On a terminal, Ctrl-D does the same.",
        verb: Verb::Exit,
    },
];

/// The row that has this name.
pub fn find(name: &str) -> Option<&'static Row> {
    ROWS.iter().find(|row| row.names.contains(&name))
}

/// The answer to `help`.
pub fn help() -> Vec<String> {
    let width = ROWS.iter().map(|row| row.usage().len()).max().unwrap_or(0);
    let rows = ROWS.iter().map(|row| format!("  {:width$}  {}", row.usage(), row.summary));
    let targets = TARGETS.lines().map(str::to_owned);
    ["Commands:".to_owned()].into_iter().chain(rows).chain([String::new()]).chain(targets).collect()
}

impl Row {
    /// `status [-w] [TARGET...]`.
    pub fn usage(&self) -> String {
        let flags: String = self.flags.iter().map(|flag| format!(" [{}]", flag.usage())).collect();
        format!("{}{flags} {}", self.names[0], self.arguments).trim_end().to_owned()
    }

    /// The answer to `help NAME`.
    pub fn help(&self) -> Vec<String> {
        let mut lines = vec![format!("{} - {}", self.usage(), self.summary)];
        lines.extend(self.details.lines().map(|line| format!("  {line}")));
        let width = self.flags.iter().map(|flag| flag.forms().len()).max().unwrap_or(0);
        lines.extend(self.flags.iter().map(|flag| format!("  {:width$}  {}", flag.forms(), flag.summary)));
        if self.names.len() > 1 {
            lines.push(format!("  Also written: {}", self.names[1..].join(", ")));
        }
        if self.arguments.contains("TARGET") {
            lines.extend(TARGETS.lines().map(|line| format!("  {line}")));
        }
        lines
    }
}
