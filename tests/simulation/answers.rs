//! Every order gets one line for each of its targets, then exactly one Done; and what the lines say
//! is true when they are said.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use taskmaster::command::{Order, RequestId};
use taskmaster::config::ProgramSpec;

#[derive(Default)]
pub struct Answers {
    open: BTreeMap<RequestId, Open>,
    last_request: u64,
}

struct Open {
    /// Instances that have not got their line.
    unanswered: BTreeSet<String>,
    has_failed: bool,
    kind: Asked,
}

/// What was asked, as far as its answer is a special one.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    /// A line for each target.
    Plain,
    Shutdown,
    /// Goes on until its end is told.
    Roll,
    /// Begins with the plan; refused as a whole during a shutdown.
    Reload {
        is_open: bool,
    },
}

const REFUSED: &str = "ERROR the supervisor is shutting down";

/// Who gets a line of an order about the instances of these names: each of them; or, where it means
/// nobody, each program without instances that it means.
pub fn answered(
    order: &Order,
    names: impl Iterator<Item = String>,
    programs: &[Arc<ProgramSpec>],
) -> Vec<String> {
    let names: Vec<String> = names.collect();
    let targets = match order {
        Order::Start(targets)
        | Order::Stop(targets)
        | Order::Restart(targets)
        | Order::RestartRolling { targets, .. }
        | Order::Signal(_, targets)
            if names.is_empty() =>
        {
            targets.as_slice()
        }
        _ => return names,
    };
    let is_meant = |name: &str| targets.iter().any(|target| target.matches_program(name));
    programs.iter().map(|spec| spec.name.clone()).filter(|name| is_meant(name)).collect()
}

impl Answers {
    pub fn open(&mut self, names: impl Iterator<Item = String>, kind: Asked) -> RequestId {
        self.last_request += 1;
        let request = RequestId(self.last_request);
        self.open.insert(request, Open { unanswered: names.collect(), has_failed: false, kind });
        request
    }

    /// Further instances get a word.
    pub fn expect(&mut self, request: RequestId, names: Vec<String>) {
        if let Some(open) = self.open.get_mut(&request) {
            open.unanswered.extend(names);
        }
    }

    /// `shown`: what was last shown of an instance, and whether it was last told to run.
    pub fn replied(
        &mut self,
        request: RequestId,
        line: &str,
        shown: impl Fn(&str) -> Option<(&'static str, bool)>,
    ) -> Result<(), String> {
        let open = self.open.get_mut(&request).ok_or_else(|| format!("a line for no open order: {line}"))?;
        let failure = line.strip_prefix("ERROR ");
        open.has_failed |= failure.is_some();
        match open.kind {
            Asked::Reload { is_open: false } if line == REFUSED => return Ok(()),
            Asked::Reload { is_open: true } if line.starts_with(['+', '-', '~', '=']) => return Ok(()),
            Asked::Roll if line.starts_with("ERROR rolling restart stopped: ") => return Ok(()),
            Asked::Plain | Asked::Shutdown | Asked::Roll | Asked::Reload { .. } => {}
        }
        let told = failure.unwrap_or(line);
        let (name, text) = told.split_once(": ").unwrap_or((told, ""));
        if !open.unanswered.remove(name) {
            return Err(format!("a second line, or one about no target: {line}"));
        }
        let (state, is_wanted) = shown(name).unwrap_or_default();
        let is_true = match text.split(" (").next().unwrap_or(text) {
            "started" | "already running" => state == "RUNNING",
            "stopped" | "removed" => ["STOPPED", "EXITED", "FATAL"].contains(&state),
            "already stopped" => state == "STOPPED",
            "stopped before it was running" => state == "STOPPED" && !is_wanted,
            _ => true,
        };
        if is_true { Ok(()) } else { Err(format!("not true: {line}")) }
    }

    pub fn done(&mut self, request: RequestId, ok: bool) -> Result<(), String> {
        let open =
            self.open.remove(&request).ok_or_else(|| format!("{request:?} is done twice, or never was"))?;
        if !open.unanswered.is_empty() {
            return Err(format!("{request:?} is done without a word about {:?}", open.unanswered));
        }
        if open.kind != Asked::Shutdown && ok == open.has_failed {
            return Err(format!("{request:?} is done with ok={ok}, but its lines say otherwise"));
        }
        Ok(())
    }

    /// The rolling restarts among them.
    pub fn open_rolls(&self) -> Vec<RequestId> {
        let rolls = self.open.iter().filter(|(_, open)| open.kind == Asked::Roll);
        rolls.map(|(request, _)| *request).collect()
    }

    pub fn open_requests(&self) -> Vec<RequestId> {
        self.open.keys().copied().collect()
    }
}
