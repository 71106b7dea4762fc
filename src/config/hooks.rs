//! `on_event`: who is told when something goes wrong, or well again.

use std::time::Duration;

use super::document::Node;
use super::field::Field;
use super::probes::Url;
use super::schema::Key;
use super::spec::{Output, ProgramSpec};
use super::{parse, values};

/// One entry of `on_event`.
#[derive(Clone, Debug, PartialEq)]
pub struct HookSpec {
    /// What it is told of; not empty, in the order of [`HookEvent`], each once.
    pub events: Vec<HookEvent>,
    /// How.
    pub action: HookAction,
    /// What takes longer is ended.
    pub timeout: Duration,
    /// The least time between two calls about the same event of the same program. What happens meanwhile
    /// is told together.
    pub interval: Duration,
}

/// What can happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum HookEvent {
    /// An instance is FATAL.
    Fatal,
    /// A process ended while RUNNING, and not as expected.
    Exited,
    /// An instance of which one of these was told is RUNNING again, and ready.
    Recovered,
    /// So many restarts at once that further ones are paced.
    Storm,
    /// That is over.
    StormOver,
}

impl HookEvent {
    /// All of them.
    pub const ALL: [HookEvent; 5] =
        [HookEvent::Fatal, HookEvent::Exited, HookEvent::Recovered, HookEvent::Storm, HookEvent::StormOver];
    /// Those that happen to an instance: what a hook is told of that names none.
    pub const OF_INSTANCES: [HookEvent; 3] = [HookEvent::Fatal, HookEvent::Exited, HookEvent::Recovered];

    /// As it is written in a configuration.
    pub fn name(self) -> &'static str {
        match self {
            HookEvent::Fatal => "fatal",
            HookEvent::Exited => "exited",
            HookEvent::Recovered => "recovered",
            HookEvent::Storm => "storm",
            HookEvent::StormOver => "storm_over",
        }
    }
}

/// What is done.
#[derive(Clone, Debug, PartialEq)]
pub enum HookAction {
    /// A command, as the program that it is: in the directory of the configuration, with our environment.
    Exec(Box<ProgramSpec>),
    /// JSON is sent to this URL, as it was written.
    Post(String),
}

impl HookSpec {
    /// For people: the command or the URL.
    pub fn shown(&self) -> String {
        match &self.action {
            HookAction::Exec(program) => {
                program.cmd.first().map_or_else(String::new, |word| word.to_string())
            }
            HookAction::Post(url) => url.clone(),
        }
    }
}

struct Draft {
    events: Vec<HookEvent>,
    actions: Vec<(&'static str, HookAction)>,
    timeout: Duration,
    interval: Duration,
}

const KEYS: &[Key<Draft>] = &[
    Key::nested(
        "events",
        "what it is told of: fatal, exited, recovered, storm, storm_over",
        |field, draft| events(field).map(|events| draft.events = events),
    ),
    Key::nested("exec", "a command that is run", |field, draft| {
        let mut program = parse::default_program("on_event", field.world.directory);
        program.cmd = values::command(field)?;
        (program.stdout, program.stderr) = (Output::Inherit, Output::Stdout);
        draft.actions.push(("exec", HookAction::Exec(Box::new(program))));
        Some(())
    }),
    Key::nested("post", "a URL that JSON is sent to", |field, draft| {
        let url = post(field)?;
        draft.actions.push(("post", HookAction::Post(url)));
        Some(())
    }),
    Key::nested("timeout", "what it may take", |field, draft| {
        values::positive_time(field).map(|value| draft.timeout = value)
    }),
    Key::nested("interval", "the least time between two calls about the same", |field, draft| {
        values::time(field).map(|value| draft.interval = value)
    }),
];

const EXAMPLE: &str = "such as [{events: [fatal], exec: [scripts/alarm.sh]}]";

/// A list of hooks.
pub(super) fn on_event(field: &Field) -> Option<Vec<HookSpec>> {
    let Node::List(items) = field.node else {
        return field.wrong("`on_event` takes a list", EXAMPLE);
    };
    let hooks: Vec<_> = field.items(items).map(|item| hook(&item)).collect();
    hooks.into_iter().collect()
}

fn hook(field: &Field) -> Option<HookSpec> {
    let Node::Map(_) = field.node else {
        return field.wrong("an item of `on_event` is a map", EXAMPLE);
    };
    let mut draft = Draft {
        events: HookEvent::OF_INSTANCES.to_vec(),
        actions: Vec::new(),
        timeout: Duration::from_secs(10),
        interval: Duration::from_secs(1),
    };
    let problems = || field.world.problems.borrow().len();
    let before = problems();
    parse::read_keys(field, KEYS, &[], &mut draft, EXAMPLE);
    if problems() > before {
        return None;
    }
    let Draft { events, mut actions, timeout, interval } = draft;
    match (actions.pop(), actions.is_empty()) {
        (Some((_, action)), true) => Some(HookSpec { events, action, timeout, interval }),
        (Some(_), false) => field.wrong("a hook has `exec` or `post`, not both", "make two of it"),
        (None, _) => field.wrong("a hook has nothing to do", "add exec or post"),
    }
}

fn events(field: &Field) -> Option<Vec<HookEvent>> {
    let names = HookEvent::ALL.map(HookEvent::name);
    let wanted = "fatal, exited, recovered, storm, storm_over, or a list of them";
    let event = |field: Field| {
        let (text, _) = field.scalar(wanted)?;
        match HookEvent::ALL.into_iter().find(|event| event.name() == text) {
            Some(event) => Some(event),
            None => {
                let hint = parse::suggest(text, names.into_iter());
                field
                    .wrong(format!("`{text}` is not an event"), hint.unwrap_or(format!("there are {wanted}")))
            }
        }
    };
    let mut events = match field.node {
        Node::List(items) => {
            let events: Vec<_> = field.items(items).map(event).collect();
            events.into_iter().collect::<Option<Vec<_>>>()?
        }
        Node::Null | Node::Scalar { .. } | Node::Map(_) => vec![event(field.clone())?],
    };
    events.sort_unstable();
    events.dedup();
    match events.is_empty() {
        true => field.wrong("`events` is empty, so that nothing is ever told", format!("there are {wanted}")),
        false => Some(events),
    }
}

fn post(field: &Field) -> Option<String> {
    let wanted = "http://ADDRESS:PORT/PATH, with an address or localhost";
    let text = field.text(wanted)?;
    match Url::parse(&text) {
        Some(_) => Some(text),
        None => {
            let message = format!("`post: {text}` is nothing to send to");
            field.wrong(message, format!("it takes {wanted}; for others run curl by exec"))
        }
    }
}
