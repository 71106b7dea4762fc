//! From the text of a configuration to its values, or to all that is wrong with it.

use std::cell::RefCell;
use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::diagnostic::{Diagnostic, Position, SHOWN_MAX};
use super::document::{self, Node, Step, TEXT_BYTES_MAX, To};
use super::field::{Field, Problem, World, key_path};
use super::governance::{Governance, Kind};
use super::identity::{Identity, Surroundings};
use super::schema::{Key, PROGRAM_KEYS, SUPERVISOR_KEYS};
use super::spec::{
    Autorestart, Config, HttpLogs, KillStrays, LogFormat, LogFull, Output, ProgramSpec, Rotation,
    SupervisorSpec,
};
use super::storm::RestartStorm;
use super::template::Template;
use super::values::NUMPROCS_MAX;
use super::{Source, dependencies, foreign, schedule, values};
use crate::signal::Signal;

const NAME_CHARS_MAX: usize = 64;
/// The smallest configuration that does something.
const EXAMPLE: &str = "write\n  programs:\n    hello:\n      cmd: echo hello";
/// Problems whose places are looked up, where some are one problem met twice.
const LOCATED_MAX: usize = 40;

/// Parses a configuration that refers to nothing but the environment: there are no files, no users,
/// and we are not root. `environment` looks up `${NAME}`.
///
/// # Errors
/// As [`parse_in`].
pub fn parse(
    source: &Source,
    environment: &dyn Fn(&str) -> Option<String>,
) -> Result<Config, Vec<Diagnostic>> {
    let surroundings = Surroundings {
        environment,
        read_file: &|_| Err("there are no files here".to_owned()),
        user: &|_| None,
        group: &|_| None,
        is_root: false,
    };
    parse_in(source, &surroundings)
}

/// Parses a configuration, and looks up what it refers to.
///
/// # Errors
/// Every problem that was found; never an empty list. Those at the beginning of the text come first,
/// in its order; after very many of them, the others have no position.
pub fn parse_in(source: &Source, surroundings: &Surroundings<'_>) -> Result<Config, Vec<Diagnostic>> {
    if source.text.len() > TEXT_BYTES_MAX {
        let message = format!("larger than {TEXT_BYTES_MAX} bytes, which no configuration needs");
        return Err(vec![Diagnostic { position: None, message, help: None }]);
    }
    let text = source.text.strip_prefix('\u{feff}').unwrap_or(&source.text);
    let mut root = document::read(text).map_err(|problem| vec![problem])?;
    if matches!(root, Node::Null) {
        let message = "the configuration is empty".to_owned();
        return Err(vec![Diagnostic { position: None, message, help: Some(EXAMPLE.to_owned()) }]);
    }
    let world = World { directory: &source.directory, surroundings, problems: RefCell::new(Vec::new()) };
    settle(&mut root, &mut Vec::new(), &world);
    let config = read_config(&Field::root(&root, &world));
    let problems = world.problems.into_inner();
    match config {
        Some(config) if problems.is_empty() => Ok(config),
        Some(_) | None => Err(locate_all(text, problems)),
    }
}

/// Positions are computed only now that they are shown: each costs a walk over the text.
fn locate_all(text: &str, mut problems: Vec<Problem>) -> Vec<Diagnostic> {
    problems.sort_by(|a, b| a.path.cmp(&b.path));
    let mut rest = problems.into_iter();
    let mut places = Places { text, known: HashMap::new() };
    let mut diagnostics: Vec<Diagnostic> = Vec::new();
    for problem in rest.by_ref().take(LOCATED_MAX) {
        let diagnostic = places.located(problem);
        // What is wrong at an anchor is met again wherever it is merged.
        if !diagnostics.contains(&diagnostic) {
            diagnostics.push(diagnostic);
        }
        if diagnostics.len() == SHOWN_MAX {
            break;
        }
    }
    diagnostics.sort_by_key(|diagnostic| diagnostic.position);
    let unlocated = |Problem { message, help, .. }: Problem| Diagnostic { position: None, message, help };
    diagnostics.extend(rest.map(unlocated));
    diagnostics
}

/// Each place costs a walk over the text, and one key that is given often is the first of many pairs.
struct Places<'a> {
    text: &'a str,
    known: HashMap<Vec<Step>, Option<Position>>,
}

impl Places<'_> {
    fn locate(&mut self, path: Vec<Step>) -> Option<Position> {
        let Places { text, known } = self;
        *known.entry(path).or_insert_with_key(|path| document::locate(text, path))
    }

    fn located(&mut self, Problem { path, message, help, first }: Problem) -> Diagnostic {
        let position = self.locate(path).unwrap_or(Position { line: 1, column: 1 });
        let first = first.and_then(|path| self.locate(path));
        let help = first.map(|first| format!("the first one is in line {}", first.line)).or(help);
        Diagnostic { position: Some(position), message, help }
    }
}

/// Refuses keys that are given twice and merges `<<`, everywhere, from the root down.
fn settle(node: &mut Node, path: &mut Vec<Step>, world: &World<'_>) {
    match node {
        Node::Map(entries) => {
            let mut known: HashMap<&str, Vec<Step>> = HashMap::new();
            for entry in entries.iter() {
                let own = key_path(&[path.as_slice(), &entry.way].concat());
                let Some(first) = known.get(entry.key.as_str()).cloned() else {
                    known.insert(&entry.key, own);
                    continue;
                };
                let message = format!("`{}` is given twice", entry.key);
                let problem = Problem { path: own, message, help: None, first: Some(first) };
                world.problems.borrow_mut().push(problem);
            }
        }
        Node::List(items) => {
            for (at, item) in items.iter_mut().enumerate() {
                path.push(Step { at, to: To::Value });
                settle(item, path, world);
                path.pop();
            }
        }
        Node::Null | Node::Scalar { .. } => {}
    }
    for way in node.merge().err().into_iter().flatten() {
        let help = "such as `<<: *name`, where &name is the anchor of a map".to_owned();
        let path = [path.as_slice(), &way].concat();
        let message = "`<<` takes a map, or a list of maps".to_owned();
        world.problems.borrow_mut().push(Problem { path, message, help: Some(help), first: None });
    }
    if let Node::Map(entries) = node {
        for entry in entries {
            path.extend(&entry.way);
            settle(&mut entry.value, path, world);
            path.truncate(path.len() - entry.way.len());
        }
    }
}

fn read_config(root: &Field) -> Option<Config> {
    let mut config = Config { programs: Vec::new(), supervisor: default_supervisor(root.world.directory) };
    let mut has_programs = false;
    for field in root.entries(EXAMPLE)? {
        match field.key() {
            "programs" => {
                has_programs = true;
                config.programs = read_programs(&field).unwrap_or_default();
            }
            "taskmaster" if matches!(field.node, Node::Null) => {}
            "taskmaster" => {
                let help = "such as `loglevel: info`";
                read_keys(&field, SUPERVISOR_KEYS, foreign::SUPERVISOR_LATER, &mut config.supervisor, help);
            }
            // A place for anchors, as in compose files.
            key if key.starts_with("x-") => {}
            key => {
                let hint = suggest(key, ["programs", "taskmaster"].into_iter());
                let hint = hint.or_else(|| key_elsewhere(key, field.node));
                let help = hint.unwrap_or_else(|| {
                    "there are `programs`, `taskmaster`, and x-... for anchors".to_owned()
                });
                field.wrong_key::<()>(format!("unknown key `{key}`"), help);
            }
        }
    }
    if !has_programs {
        return root.wrong("`programs` is missing", EXAMPLE);
    }
    refuse_our_own_log(root, &config.supervisor);
    Some(config)
}

/// The supervisor's log is rotated by its own rules, away from under a program that wrote there, too.
fn refuse_our_own_log(root: &Field, supervisor: &SupervisorSpec) {
    if !root.world.problems.borrow().is_empty() {
        return;
    }
    fn below(field: Field<'_>) -> Vec<Field<'_>> {
        field.entries("").unwrap_or_default()
    }
    let programs = below(root.clone()).into_iter().filter(|field| field.key() == "programs").flat_map(below);
    for field in programs.flat_map(below).filter(|field| matches!(field.key(), "stdout" | "stderr")) {
        if let Some(Output::File(path)) = values::stderr(&field)
            && Path::new(&path.to_string()) == supervisor.logfile
        {
            field.wrong::<()>(
                format!("`{}` is the supervisor's own log", field.key()),
                "name another file, or another `logfile` below `taskmaster:`",
            );
        }
    }
}

/// Where a key belongs that was written at the top.
fn key_elsewhere(key: &str, value: &Node) -> Option<String> {
    if SUPERVISOR_KEYS.iter().any(|known| known.name == key) {
        return Some(format!("`{key}` belongs below `taskmaster:`"));
    }
    if PROGRAM_KEYS.iter().any(|known| known.name == key) {
        return Some(format!("`{key}` belongs below the name of a program, below `programs:`"));
    }
    matches!(value, Node::Map(_)).then(|| format!("if `{key}` is a program, it belongs below `programs:`"))
}

fn read_programs(programs: &Field) -> Option<Vec<Arc<ProgramSpec>>> {
    let help = "give each program a name:\n  programs:\n    hello:\n      cmd: echo hello";
    let mut specs = Vec::new();
    for field in programs.entries(help)? {
        let name = field.key();
        if let Some((message, help)) = wrong_name(name) {
            field.wrong_key::<()>(message, help);
        }
        specs.push(read_program(name, &field));
    }
    dependencies::connect(programs, &mut specs);
    let instances: u64 = specs.iter().map(|spec| u64::from(spec.numprocs)).sum();
    if instances > u64::from(NUMPROCS_MAX) {
        let message = format!("{instances} instances in all are more than {NUMPROCS_MAX}");
        return programs.wrong_key(message, "lower `numprocs` of some programs");
    }
    Some(specs.into_iter().map(Arc::new).collect())
}

/// What is wrong with the name of a program, and what to do about it.
fn wrong_name(name: &str) -> Option<(String, &'static str)> {
    let is_allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-');
    if name == "all" {
        return Some(("`all` means every program, so none can be called that".to_owned(), ""));
    }
    if name.is_empty() || !name.chars().all(is_allowed) {
        let help = "names are made of letters, digits, `_`, `.` and `-`";
        return Some((format!("`{name}` cannot be the name of a program"), help));
    }
    let message = || format!("the name of a program has at most {NAME_CHARS_MAX} characters");
    (name.len() > NAME_CHARS_MAX).then(|| (message(), ""))
}

fn read_program(name: &str, field: &Field) -> ProgramSpec {
    let mut spec = default_program(name, field.world.directory);
    let cmd = match field.node {
        Node::Scalar { text, .. } => text,
        Node::Null | Node::List(_) | Node::Map(_) => "...",
    };
    let help = format!("write\n  {name}:\n    cmd: {cmd}");
    if matches!(field.node, Node::Null) {
        field.wrong_key::<()>(format!("program `{name}` is empty"), help);
    } else if read_keys(field, PROGRAM_KEYS, foreign::PROGRAM_LATER, &mut spec, &help)
        && let Node::Map(entries) = field.node
        && !entries.iter().any(|entry| entry.key == "cmd" || foreign::stands_for_cmd(&entry.key))
    {
        field.wrong_key::<()>(format!("program `{name}` has no `cmd`"), "add the command that starts it");
    }
    schedule::settle(field, &mut spec);
    refuse_endless_oneshot(field, &spec);
    spec
}

/// What is meant to end and is started again whenever it does has no end.
fn refuse_endless_oneshot(field: &Field, spec: &ProgramSpec) {
    if spec.governance.kind == Kind::Oneshot && spec.autorestart == Autorestart::Always {
        let message = "`type: oneshot` is meant to end, and `autorestart: always` never lets it";
        let help =
            "leave `autorestart` out: an unexpected exit is answered by a restart, an expected one is not";
        field.wrong_key::<()>(message, help);
    }
}

/// Reads every key of a section into `values`; false if it is no map at all.
pub(super) fn read_keys<T>(
    section: &Field,
    keys: &[Key<T>],
    later: &[&str],
    values: &mut T,
    help: &str,
) -> bool {
    let Some(fields) = section.entries(help) else { return false };
    for field in fields {
        let name = field.key();
        if let Some(key) = keys.iter().find(|key| key.name == name) {
            (key.set)(&field, values);
        } else if later.contains(&name) {
            let message = format!("`{name}` is not supported by this version yet");
            field.wrong_key::<()>(message, "remove it for now");
        } else {
            let names = keys.iter().map(|key| key.name);
            let hint = foreign::translate(name).or_else(|| suggest(name, names));
            let hint = hint.or_else(|| foreign::translate_nearly(name)).unwrap_or_else(|| {
                let names: Vec<&str> = keys.iter().map(|key| key.name).collect();
                let lines: Vec<String> = names.chunks(7).map(|names| names.join(", ")).collect();
                format!("the keys are\n  {}", lines.join(",\n  "))
            });
            field.wrong_key::<()>(format!("unknown key `{name}`"), hint);
        }
    }
    true
}

/// ``did you mean `x`?``, if one of the names is close.
pub(super) fn suggest<'a>(written: &str, names: impl Iterator<Item = &'a str>) -> Option<String> {
    foreign::nearest(written, names).map(|name| format!("did you mean `{name}`?"))
}

pub(super) fn default_program(name: &str, directory: &Path) -> ProgramSpec {
    let in_directory = |path: &str| Template::new(directory.join(path).to_string_lossy());
    ProgramSpec {
        name: name.to_owned(),
        cmd: Vec::new(),
        numprocs: 1,
        workingdir: Template::new(directory.to_string_lossy()),
        umask: None,
        autostart: true,
        autorestart: Autorestart::Unexpected,
        exitcodes: vec![0],
        startretries: 3,
        starttime: Duration::from_secs(1),
        stopsignal: Signal::TERM,
        stoptime: Duration::from_secs(10),
        stdout: Output::File(in_directory("logs/{program_name}.stdout")),
        stderr: Output::File(in_directory("logs/{program_name}.stderr")),
        stdout_rotation: Rotation::DEFAULT,
        stderr_rotation: Rotation::DEFAULT,
        log_format: LogFormat::Raw,
        log_full: LogFull::Drop,
        env: Vec::new(),
        stopasgroup: true,
        killasgroup: true,
        kill_strays: KillStrays::Stop,
        identity: Identity::default(),
        priority: 999,
        restart_delay: None,
        governance: Governance::default(),
    }
}

fn default_supervisor(directory: &Path) -> SupervisorSpec {
    SupervisorSpec {
        http: Some(([127, 0, 0, 1], 8080).into()),
        socket: directory.join("taskmaster.sock"),
        http_logs: HttpLogs::SameUser,
        allowed_hosts: Vec::new(),
        logfile: directory.join("logs/taskmaster.log"),
        logfile_maxbytes: 10 << 20,
        logfile_backups: 5,
        loglevel: log::LevelFilter::Info,
        restart_storm: Some(RestartStorm::DEFAULT),
        on_event: Vec::new(),
    }
}
