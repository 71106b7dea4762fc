//! From the text of a configuration to its values, or to all that is wrong with it.

use std::cell::RefCell;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::diagnostic::{Diagnostic, Position};
use super::document::{self, Node, Step, TEXT_BYTES_MAX};
use super::field::{Field, Problem, World};
use super::schema::{Key, PROGRAM_KEYS, SUPERVISOR_KEYS};
use super::spec::{Autorestart, Config, Output, ProgramSpec, SupervisorSpec};
use super::template::Template;
use super::{Source, foreign};
use crate::signal::Signal;

const NAME_CHARS_MAX: usize = 64;

/// Parses a configuration. `environment` looks up `${NAME}`.
///
/// # Errors
/// Every problem that was found, in the order of the text; never an empty list.
pub fn parse(
    source: &Source,
    environment: &dyn Fn(&str) -> Option<String>,
) -> Result<Config, Vec<Diagnostic>> {
    if source.text.len() > TEXT_BYTES_MAX {
        let message = format!("larger than {TEXT_BYTES_MAX} bytes, which no configuration needs");
        return Err(vec![Diagnostic { position: None, message, help: None }]);
    }
    let text = source.text.strip_prefix('\u{feff}').unwrap_or(&source.text);
    let mut root = document::read(text)
        .map_err(|error| vec![Diagnostic { position: error.position, message: error.message, help: None }])?;
    let world = World { directory: &source.directory, environment, problems: RefCell::new(Vec::new()) };
    merge_all(&mut root, &mut Vec::new(), &world);
    let config = read_config(&Field::root(&root, &world));
    let problems = world.problems.into_inner();
    match config {
        Some(config) if problems.is_empty() => Ok(config),
        Some(_) | None => Err(locate_all(text, problems)),
    }
}

/// Positions are computed only now that they are shown: each costs a walk over the text.
fn locate_all(text: &str, problems: Vec<Problem>) -> Vec<Diagnostic> {
    let located = problems.into_iter().map(|Problem { path, message, help }| {
        let position = document::locate(text, &path).or(Some(Position { line: 1, column: 1 }));
        Diagnostic { position, message, help }
    });
    let mut diagnostics: Vec<_> = located.collect();
    diagnostics.sort_by_key(|diagnostic| diagnostic.position);
    diagnostics
}

/// Merges `<<` everywhere, from the root down.
fn merge_all(node: &mut Node, path: &mut Vec<Step>, world: &World<'_>) {
    if let Err(message) = node.merge() {
        let problem = Problem { path: path.clone(), message: message.to_owned(), help: None };
        world.problems.borrow_mut().push(problem);
    }
    match node {
        Node::Map(entries) => {
            for (key, value) in entries {
                path.push(Step::Value { key: key.clone(), occurrence: 0 });
                merge_all(value, path, world);
                path.pop();
            }
        }
        Node::List(items) => {
            for (at, item) in items.iter_mut().enumerate() {
                path.push(Step::Item(at));
                merge_all(item, path, world);
                path.pop();
            }
        }
        Node::Null | Node::Scalar { .. } => {}
    }
}

fn read_config(root: &Field) -> Option<Config> {
    let example = "write\n  programs:\n    hello:\n      cmd: echo hello";
    if matches!(root.node, Node::Null) {
        return root.wrong("the configuration is empty", example);
    }
    let mut config = Config { programs: Vec::new(), supervisor: default_supervisor(root.world.directory) };
    let mut has_programs = false;
    for (key, field) in root.entries()? {
        match key {
            "programs" => {
                has_programs = true;
                config.programs = read_programs(&field).unwrap_or_default();
            }
            "taskmaster" if matches!(field.node, Node::Null) => {}
            "taskmaster" => {
                read_keys(&field, &SUPERVISOR_KEYS, &foreign::SUPERVISOR_LATER, &mut config.supervisor);
            }
            // A place for anchors, as in compose files.
            _ if key.starts_with("x-") => {}
            _ => {
                let hint = nearest(key, ["programs", "taskmaster"].into_iter());
                let help = hint.unwrap_or_else(|| {
                    "there are `programs`, `taskmaster`, and x-... for anchors".to_owned()
                });
                root.wrong_key(key, 0, format!("unknown key `{key}`"), help);
            }
        }
    }
    if !has_programs {
        return root.wrong("`programs` is missing", example);
    }
    Some(config)
}

fn read_programs(programs: &Field) -> Option<Vec<Arc<ProgramSpec>>> {
    let mut specs = Vec::new();
    for (name, field) in programs.entries()? {
        if let Some(message) = wrong_name(name) {
            let help = "names are made of letters, digits, `_`, `.` and `-`".to_owned();
            programs.wrong_key(name, 0, message, help);
        }
        specs.push(Arc::new(read_program(name, &field)));
    }
    Some(specs)
}

fn wrong_name(name: &str) -> Option<String> {
    let is_allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-');
    if name == "all" {
        return Some("`all` means every program, so none can be called that".to_owned());
    }
    if name.is_empty() || !name.chars().all(is_allowed) {
        return Some(format!("`{name}` cannot be the name of a program"));
    }
    (name.len() > NAME_CHARS_MAX)
        .then(|| format!("the name of a program has at most {NAME_CHARS_MAX} characters"))
}

fn read_program(name: &str, field: &Field) -> ProgramSpec {
    let mut spec = default_program(name, field.world.directory);
    if matches!(field.node, Node::Null) {
        field.wrong::<()>(format!("program `{name}` is empty"), "it needs at least a `cmd`");
    } else if read_keys(field, &PROGRAM_KEYS, &foreign::PROGRAM_LATER, &mut spec)
        && let Node::Map(entries) = field.node
        && entries.iter().all(|(key, _)| key != "cmd")
    {
        let already_answered =
            entries.iter().any(|(key, _)| foreign::translate(key).is_some_and(|text| text.contains("`cmd`")));
        if !already_answered {
            field.wrong::<()>(format!("program `{name}` has no `cmd`"), "add the command that starts it");
        }
    }
    spec
}

/// Reads every key of a section into `values`; false if it is no map at all.
fn read_keys<T>(section: &Field, keys: &[Key<T>], later: &[&str], values: &mut T) -> bool {
    let Some(entries) = section.entries() else { return false };
    for (name, field) in entries {
        if let Some(key) = keys.iter().find(|key| key.name == name) {
            (key.set)(&field, values);
        } else if later.contains(&name) {
            let message = format!("`{name}` is not supported by this version yet");
            section.wrong_key(name, 0, message, "remove it for now".to_owned());
        } else {
            let hint = foreign::translate(name)
                .or_else(|| nearest(name, keys.iter().map(|key| key.name)))
                .unwrap_or_else(|| {
                    let names: Vec<&str> = keys.iter().map(|key| key.name).collect();
                    format!("the keys are {}", names.join(", "))
                });
            section.wrong_key(name, 0, format!("unknown key `{name}`"), hint);
        }
    }
    true
}

/// ``did you mean `x`?``, if one of the names is close.
pub(super) fn nearest<'a>(written: &str, names: impl Iterator<Item = &'a str>) -> Option<String> {
    let written = written.to_lowercase();
    let distance = |name: &str| strsim::damerau_levenshtein(&written, &name.to_lowercase());
    let (distance, name) = names.map(|name| (distance(name), name)).min()?;
    let is_close = distance <= 1 + name.len() / 4 && distance < name.len();
    is_close.then(|| format!("did you mean `{name}`?"))
}

fn default_program(name: &str, directory: &Path) -> ProgramSpec {
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
        env: Vec::new(),
        stopasgroup: true,
        killasgroup: true,
        priority: 999,
        restart_delay: None,
    }
}

fn default_supervisor(directory: &Path) -> SupervisorSpec {
    SupervisorSpec {
        http: Some(([127, 0, 0, 1], 8080).into()),
        allowed_hosts: Vec::new(),
        logfile: directory.join("logs/taskmaster.log"),
        logfile_maxbytes: 10 << 20,
        logfile_backups: 5,
        loglevel: log::LevelFilter::Info,
    }
}
