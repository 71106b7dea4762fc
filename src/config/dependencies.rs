//! `depends_on`: what must be so of other programs before this one starts.

use super::document::Node;
use super::field::Field;
use super::governance::Kind;
use super::parse;
use super::spec::ProgramSpec;

/// One program that another one depends on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dependency {
    /// Its name.
    pub program: String,
    /// What must be so of each of its instances.
    pub condition: Condition,
}

/// What a dependent waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Condition {
    /// RUNNING; a oneshot may have ended well, too.
    Running,
    /// RUNNING, and ready by its `readiness` if it has one.
    Healthy,
    /// EXITED, with an expected exit code.
    ExitedOk,
}

/// docker compose's words for the same.
const COMPOSE: [(&str, &str); 3] = [
    ("service_started", "running"),
    ("service_healthy", "healthy"),
    ("service_completed_successfully", "exited_ok"),
];

impl Condition {
    const ALL: [Condition; 3] = [Condition::Running, Condition::Healthy, Condition::ExitedOk];

    /// As it is written.
    pub fn name(self) -> &'static str {
        match self {
            Condition::Running => "running",
            Condition::Healthy => "healthy",
            Condition::ExitedOk => "exited_ok",
        }
    }

    fn usual(kind: Kind) -> Condition {
        match kind {
            Kind::Service => Condition::Running,
            Kind::Oneshot => Condition::ExitedOk,
        }
    }
}

const WANTED: &str = "a list of programs, or a map of them to running, healthy or exited_ok";

/// One dependency and its place; without a condition it is the usual one.
type Written<'a> = (Field<'a>, String, Option<Condition>);

/// `[db, cache]`, `{db: healthy}`, `{db: {condition: healthy}}`.
fn read<'a>(field: &Field<'a>) -> Option<Vec<Written<'a>>> {
    match field.node {
        Node::List(items) => {
            let item = |item: Field<'a>| {
                let (name, _) = item.scalar("the name of a program")?;
                Some((item.clone(), name.to_owned(), None))
            };
            field.items(items).map(item).collect()
        }
        Node::Null | Node::Scalar { .. } | Node::Map(_) => {
            let entries = match field.node {
                Node::Scalar { text, .. } => {
                    let help = format!("it takes {WANTED}: [{text}]");
                    return field.wrong("`depends_on` cannot be a single value", help);
                }
                _ => field.entries(WANTED)?,
            };
            let entry = |entry: Field<'a>| {
                let condition = match entry.node {
                    Node::Null => None,
                    Node::Map(_) => condition_in(&entry)?,
                    Node::Scalar { .. } | Node::List(_) => Some(condition(&entry)?),
                };
                Some((entry.clone(), entry.key().to_owned(), condition))
            };
            entries.into_iter().map(entry).collect()
        }
    }
}

/// The condition in `{condition: healthy}`; the outer `None` is a mistake.
fn condition_in(field: &Field) -> Option<Option<Condition>> {
    let mut found = None;
    for entry in field.entries(WANTED)? {
        match entry.key() {
            "condition" => found = Some(condition(&entry)?),
            key => {
                return entry.wrong_key(format!("unknown key `{key}`"), "there is only `condition` here");
            }
        }
    }
    Some(found)
}

fn condition(field: &Field) -> Option<Condition> {
    let (text, _) = field.scalar("running, healthy or exited_ok")?;
    if let Some(condition) = Condition::ALL.into_iter().find(|condition| condition.name() == text) {
        return Some(condition);
    }
    let translated = COMPOSE.iter().find(|(theirs, _)| *theirs == text);
    let help = match translated {
        Some((theirs, ours)) => format!("docker compose's `{theirs}` is `{ours}` here"),
        None => parse::suggest(text, Condition::ALL.into_iter().map(Condition::name))
            .unwrap_or_else(|| "it takes running, healthy or exited_ok".to_owned()),
    };
    field.wrong(format!("`{text}` is no condition"), help)
}

/// Reads the value of the key; which programs there are is not known yet.
pub(super) fn depends_on(field: &Field) -> Option<Vec<Dependency>> {
    let dependency = |(_, program, condition): Written| Dependency {
        program,
        condition: condition.unwrap_or(Condition::Running),
    };
    Some(read(field)?.into_iter().map(dependency).collect())
}

/// Now that all programs are known: gives each dependency its usual condition, and refuses those on
/// nobody, those that are given twice, and circles. `programs` is the map of them.
pub(super) fn connect(programs: &Field, specs: &mut [ProgramSpec]) {
    let mut places: Vec<Option<Field>> = vec![None; specs.len()];
    for field in programs.entries("").unwrap_or_default() {
        let Some(at) = specs.iter().position(|spec| spec.name == field.key()) else { continue };
        let Node::Map(_) = field.node else { continue };
        let keys = field.entries("").unwrap_or_default();
        let Some(place) = keys.into_iter().find(|key| key.key() == "depends_on") else { continue };
        if specs[at].governance.depends_on.is_empty() {
            // Empty, or what is wrong with it has been said.
            continue;
        }
        connect_one(&place, at, specs);
        places[at] = Some(place);
    }
    refuse_circles(&places, specs);
}

fn connect_one(place: &Field, at: usize, specs: &mut [ProgramSpec]) {
    let mut dependencies: Vec<Dependency> = Vec::new();
    for (field, program, condition) in read(place).unwrap_or_default() {
        let Some(other) = specs.iter().find(|spec| spec.name == program) else {
            let names = specs.iter().map(|spec| spec.name.as_str());
            let help = parse::suggest(&program, names);
            let help = help.unwrap_or_else(|| "it takes the names of programs in this file".to_owned());
            let message = format!("`depends_on`: there is no program `{program}`");
            match place.node {
                Node::Map(_) => field.wrong_key::<()>(message, help),
                Node::Null | Node::Scalar { .. } | Node::List(_) => field.wrong::<()>(message, help),
            };
            continue;
        };
        if dependencies.iter().any(|known| known.program == program) {
            field.wrong::<()>(format!("`depends_on` names `{program}` twice"), "");
            continue;
        }
        let condition = condition.unwrap_or(Condition::usual(other.governance.kind));
        dependencies.push(Dependency { program, condition });
    }
    specs[at].governance.depends_on = dependencies;
}

/// Each circle is told once, at the first of its programs.
fn refuse_circles(places: &[Option<Field>], specs: &[ProgramSpec]) {
    let mut told: Vec<bool> = vec![false; specs.len()];
    for start in 0..specs.len() {
        if told[start] {
            continue;
        }
        let Some(circle) = circle_from(start, specs) else { continue };
        circle.iter().for_each(|at| told[*at] = true);
        let names: Vec<&str> = circle.iter().chain([&start]).map(|at| specs[*at].name.as_str()).collect();
        if let Some(place) = &places[start] {
            let message = format!("`depends_on` goes in a circle: {}", names.join(" -> "));
            place.wrong_key::<()>(message, "none of them could ever start; leave one of these out");
        }
    }
}

/// The shortest way from a program back to itself.
fn circle_from(start: usize, specs: &[ProgramSpec]) -> Option<Vec<usize>> {
    let mut from: Vec<Option<usize>> = vec![None; specs.len()];
    let mut queue = std::collections::VecDeque::from([start]);
    while let Some(at) = queue.pop_front() {
        for dependency in &specs[at].governance.depends_on {
            let Some(next) = specs.iter().position(|spec| spec.name == dependency.program) else { continue };
            if next == start {
                let back = std::iter::successors(Some(at), |at| from[*at].filter(|_| *at != start));
                let mut circle: Vec<usize> = back.collect();
                circle.reverse();
                return Some(circle);
            }
            if from[next].is_none() {
                from[next] = Some(at);
                queue.push_back(next);
            }
        }
    }
    None
}
