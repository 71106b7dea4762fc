//! What hooks are told: something that has happened to instances of one program, or to very many at once.

use std::time::SystemTime;

use super::json;
use crate::config::HookEvent;
use crate::slots::Key;
use crate::supervisor::{ExitStatus, State};

/// Instances that are named one by one at most; the others are counted.
const NAMED_MAX: usize = 100;

/// One event, or several of the same kind that came together.
#[derive(Clone, Debug, PartialEq)]
pub struct Happening {
    /// What.
    pub event: HookEvent,
    /// To whom, unless it is a restart storm: the latest of them.
    pub whom: Option<Whom>,
    /// Why, for people.
    pub reason: String,
    /// When.
    pub at: SystemTime,
    /// The numbers of all of them, each once, [`NAMED_MAX`] at most.
    pub numbers: Vec<u32>,
    /// How often it has happened.
    pub count: u32,
}

/// An instance that something has happened to.
#[derive(Clone, Debug, PartialEq)]
pub struct Whom {
    /// The name of its program.
    pub program: String,
    /// Which it is.
    pub instance: Key,
    /// Its number.
    pub number: u32,
    /// Its state by then.
    pub state: State,
    /// How its last process ended.
    pub exit: Option<ExitStatus>,
}

impl Happening {
    /// Whether one call can tell of both.
    pub fn is_like(&self, other: &Happening) -> bool {
        (self.event, self.program()) == (other.event, other.program())
    }

    /// The program that it has happened to, if it is one.
    pub fn program(&self) -> Option<&str> {
        self.whom.as_ref().map(|whom| whom.program.as_str())
    }

    /// Tells of what has come later, too.
    pub fn add(&mut self, later: Happening) {
        let mut numbers = std::mem::take(&mut self.numbers);
        for number in &later.numbers {
            if numbers.len() < NAMED_MAX && !numbers.contains(number) {
                numbers.push(*number);
            }
        }
        *self = Happening { numbers, count: self.count.saturating_add(later.count), ..later };
    }

    /// When, in seconds since 1970.
    pub(super) fn unix_time(&self) -> f64 {
        self.at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs_f64()
    }

    /// `worker:0 worker:1`.
    pub fn processes(&self) -> Vec<String> {
        let program = self.program().unwrap_or_default();
        self.numbers.iter().map(|number| format!("{program}:{number}")).collect()
    }

    /// What a command finds in its environment.
    pub fn environment(&self) -> Vec<(String, String)> {
        let state = self.whom.as_ref().map_or("", |whom| whom.state.name());
        let exit = match self.whom.as_ref().and_then(|whom| whom.exit) {
            Some(ExitStatus::Code(code)) => ("EXIT_CODE", code.to_string()),
            Some(ExitStatus::Signal { signal, .. }) => ("EXIT_SIGNAL", signal.to_string()),
            None => ("EXIT_CODE", String::new()),
        };
        let all = [
            ("", self.event.name().to_owned()),
            ("_STATE", state.to_owned()),
            ("_REASON", self.reason.clone()),
            ("_COUNT", self.count.to_string()),
            ("_PROCESSES", self.processes().join(" ")),
            ("_JSON", String::from_utf8_lossy(&json::happening(self)).into_owned()),
        ];
        let named = all.into_iter().map(|(name, value)| (format!("TASKMASTER_EVENT{name}"), value));
        named.chain([(format!("TASKMASTER_EVENT_{}", exit.0), exit.1)]).collect()
    }
}
