//! The document of `GET /api/status`. Its shape is a contract and has nothing to do with that of the
//! core's types.

use serde::Serialize;

use super::why::PastExit;
use super::{About, Happening, ProcessRow, Snapshot};
use crate::supervisor::{ExitStatus, State};

#[derive(Serialize)]
struct Document<'a> {
    taskmaster: Taskmaster<'a>,
    counts: serde_json::Map<String, serde_json::Value>,
    programs: Vec<Program<'a>>,
}

#[derive(Serialize)]
struct Taskmaster<'a> {
    version: &'static str,
    pid: u32,
    uptime: f64,
    config: &'a str,
}

#[derive(Serialize)]
struct Program<'a> {
    name: &'a str,
    numprocs: u32,
    processes: Vec<Process<'a>>,
}

#[derive(Serialize)]
struct Process<'a> {
    name: &'a str,
    state: &'static str,
    pid: Option<u32>,
    uptime: Option<f64>,
    restarts: u32,
    exit: Option<Exit>,
    description: &'a str,
    cpu_percent: Option<f64>,
    rss_bytes: Option<u64>,
}

#[derive(Serialize)]
#[serde(rename_all = "lowercase")]
enum Exit {
    Code(i32),
    Signal(String),
}

/// The whole document, UTF-8.
pub fn status(about: &About, snapshot: &Snapshot) -> Vec<u8> {
    let document = Document {
        taskmaster: Taskmaster {
            version: env!("CARGO_PKG_VERSION"),
            pid: about.pid,
            uptime: seconds(about.uptime.as_secs_f64()),
            config: &about.config,
        },
        counts: named(&snapshot.counts()),
        programs: snapshot
            .programs
            .iter()
            .map(|program| Program {
                name: &program.name,
                numprocs: program.numprocs,
                processes: program.processes.iter().map(process).collect(),
            })
            .collect(),
    };
    serde_json::to_vec(&document).expect("strings and numbers always serialise")
}

#[derive(Serialize)]
struct Change<'a> {
    counts: serde_json::Map<String, serde_json::Value>,
    processes: Vec<Process<'a>>,
}

/// What has changed: the counts of all instances, and the rows with news.
pub fn change(counts: &[usize; State::NAMES.len()], changed: &[ProcessRow]) -> Vec<u8> {
    let document = Change { counts: named(counts), processes: changed.iter().map(process).collect() };
    serde_json::to_vec(&document).expect("strings and numbers always serialise")
}

#[derive(Serialize)]
struct Why<'a> {
    name: &'a str,
    lines: &'a [String],
    exits: Vec<Ended<'a>>,
}

#[derive(Serialize)]
struct Ended<'a> {
    time: f64,
    pid: u32,
    exit: Exit,
    core_dumped: bool,
    cause: String,
    during: &'static str,
    lived: f64,
    last_lines: &'a [String],
}

/// Why an instance is in its state, in words; and its last exits one by one, newest first.
pub fn why(name: &str, lines: &[String], exits: &[PastExit]) -> Vec<u8> {
    let exits = exits.iter().map(ended).collect();
    serde_json::to_vec(&Why { name, lines, exits }).expect("strings and numbers always serialise")
}

fn ended(exit: &PastExit) -> Ended<'_> {
    let PastExit { run, evidence, .. } = exit;
    Ended {
        time: seconds(exit.unix_time()),
        pid: run.pid,
        exit: Exit::from(run.status),
        core_dumped: matches!(run.status, ExitStatus::Signal { core_dumped: true, .. }),
        cause: exit.cause(),
        during: run.during.name(),
        lived: seconds(run.lived.as_secs_f64()),
        last_lines: evidence.as_ref().map_or(&[], |it| &it.last_lines),
    }
}

#[derive(Serialize)]
struct Told<'a> {
    event: &'static str,
    program: Option<&'a str>,
    process: Option<String>,
    state: Option<&'static str>,
    exit: Option<Exit>,
    reason: &'a str,
    time: f64,
    count: u32,
    processes: Vec<String>,
}

/// What hooks are told.
pub fn happening(happening: &Happening) -> Vec<u8> {
    let whom = happening.whom.as_ref();
    let told = Told {
        event: happening.event.name(),
        program: happening.program(),
        process: whom.map(|whom| format!("{}:{}", whom.program, whom.number)),
        state: whom.map(|whom| whom.state.name()),
        exit: whom.and_then(|whom| whom.exit).map(Exit::from),
        reason: &happening.reason,
        time: seconds(happening.unix_time()),
        count: happening.count,
        processes: happening.processes(),
    };
    serde_json::to_vec(&told).expect("strings and numbers always serialise")
}

impl From<ExitStatus> for Exit {
    fn from(exit: ExitStatus) -> Exit {
        match exit {
            ExitStatus::Code(code) => Exit::Code(code),
            ExitStatus::Signal { signal, .. } => Exit::Signal(signal.to_string()),
        }
    }
}

fn named(counts: &[usize; State::NAMES.len()]) -> serde_json::Map<String, serde_json::Value> {
    State::NAMES.iter().zip(counts).map(|(name, count)| ((*name).to_owned(), (*count).into())).collect()
}

fn process(row: &ProcessRow) -> Process<'_> {
    Process {
        name: &row.name,
        state: row.state.name(),
        pid: row.pid,
        uptime: row.uptime.map(|uptime| seconds(uptime.as_secs_f64())),
        restarts: row.restarts,
        exit: row.exit.map(Exit::from),
        description: &row.description,
        cpu_percent: row.usage.map(|usage| (usage.cpu_percent * 10.0).round() / 10.0),
        rss_bytes: row.usage.map(|usage| usage.rss_bytes),
    }
}

/// Milliseconds are all that anybody needs to read.
fn seconds(seconds: f64) -> f64 {
    (seconds * 1000.0).round() / 1000.0
}
