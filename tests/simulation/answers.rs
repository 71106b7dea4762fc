//! Every order gets one line for each of its targets, then exactly one Done; and what the lines say
//! is true when they are said.

use std::collections::{BTreeMap, BTreeSet};

use taskmaster::command::RequestId;

#[derive(Default)]
pub struct Answers {
    open: BTreeMap<RequestId, Open>,
    last_request: u64,
}

struct Open {
    /// Instances that have not got their line.
    unanswered: BTreeSet<String>,
    has_failed: bool,
    is_shutdown: bool,
}

impl Answers {
    pub fn open(&mut self, names: impl Iterator<Item = String>, is_shutdown: bool) -> RequestId {
        self.last_request += 1;
        let request = RequestId(self.last_request);
        self.open.insert(request, Open { unanswered: names.collect(), has_failed: false, is_shutdown });
        request
    }

    /// `state_of`: what was last shown of an instance.
    pub fn replied(
        &mut self,
        request: RequestId,
        line: &str,
        state_of: impl Fn(&str) -> Option<&'static str>,
    ) -> Result<(), String> {
        let open = self.open.get_mut(&request).ok_or_else(|| format!("a line for no open order: {line}"))?;
        let failure = line.strip_prefix("ERROR ");
        open.has_failed |= failure.is_some();
        let told = failure.unwrap_or(line);
        let (name, text) = told.split_once(": ").unwrap_or((told, ""));
        if !open.unanswered.remove(name) {
            return Err(format!("a second line, or one about no target: {line}"));
        }
        let is_true = match text {
            "started" | "already running" => state_of(name) == Some("RUNNING"),
            "stopped" => state_of(name).is_some_and(|state| ["STOPPED", "EXITED", "FATAL"].contains(&state)),
            "already stopped" => state_of(name) == Some("STOPPED"),
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
        if !open.is_shutdown && ok == open.has_failed {
            return Err(format!("{request:?} is done with ok={ok}, but its lines say otherwise"));
        }
        Ok(())
    }

    pub fn open_requests(&self) -> Vec<RequestId> {
        self.open.keys().copied().collect()
    }
}
