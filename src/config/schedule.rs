//! `schedule`: the times of the wall clock at which a program starts.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, TimeZone, Utc};

use super::document::{Entry, Node};
use super::field::Field;
use super::governance::Kind;
use super::schema::{Applies, Key};
use super::spec::ProgramSpec;
use super::zone::Orderly;
use super::{parse, values};

/// Times of the wall clock, and what happens when one comes while the run before is still there.
#[derive(Clone)]
pub struct Schedule {
    /// As it was written.
    text: String,
    cron: croner::Cron,
    /// Whether each time starts one instance, so that as many runs as there are instances may overlap;
    /// otherwise each time starts all of them, but for those that are busy.
    pub overlap: bool,
}

impl Schedule {
    /// `0 3 * * *`: minute, hour, day of the month, month, day of the week; seconds may stand before
    /// them, and a year behind six. `@daily` and its like are known, too.
    ///
    /// # Errors
    /// What is wrong with it, in a few words.
    pub fn new(text: &str) -> Result<Schedule, String> {
        let cron = croner::Cron::from_str(text).map_err(|error| error.to_string())?;
        let schedule = Schedule { text: text.to_owned(), cron, overlap: false };
        // When it is read must not decide whether a configuration is valid.
        let reference = Utc.timestamp_opt(1_700_000_000, 0).single();
        match reference.and_then(|reference| schedule.next_after(&reference)) {
            Some(_) => Ok(schedule),
            None => Err("it names no time that ever comes".to_owned()),
        }
    }

    /// As it was written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The first of its times that is later than `moment`, in the time zone of that. What falls into an
    /// hour that a zone leaves out comes right after it, unless it comes every hour; what falls into one
    /// that comes twice is the first of the two.
    pub fn next_after<Z: TimeZone>(&self, moment: &DateTime<Z>) -> Option<DateTime<Z>> {
        let zone = moment.timezone();
        let next = self.cron.find_next_occurrence(&moment.with_timezone(&Orderly(zone.clone())), false);
        next.ok().map(|next| next.with_timezone(&zone))
    }
}

impl PartialEq for Schedule {
    fn eq(&self, other: &Schedule) -> bool {
        (&self.text, self.overlap) == (&other.text, other.overlap)
    }
}

impl fmt::Debug for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Schedule").field("text", &self.text).field("overlap", &self.overlap).finish()
    }
}

#[derive(Default)]
struct Draft {
    cron: Option<Schedule>,
    overlap: bool,
}

const KEYS: &[Key<Draft>] = &[
    Key {
        name: "cron",
        default: "required",
        summary: "the cron expression",
        applies: Applies::InPlace,
        differs: |old, new| old.cron != new.cron,
        set: |field, draft| expression(field).map(|value| draft.cron = Some(value)),
    },
    Key {
        name: "overlap",
        default: "false",
        summary: "each time starts one instance that rests, whatever the others do",
        applies: Applies::InPlace,
        differs: |old, new| old.overlap != new.overlap,
        set: |field, draft| values::boolean(field).map(|value| draft.overlap = value),
    },
];

const EXAMPLE: &str = "such as '0 3 * * *', every day at three";

/// An expression, or a map of it and more.
pub(super) fn schedule(field: &Field) -> Option<Schedule> {
    let Node::Map(entries) = field.node else { return expression(field) };
    let mut draft = Draft::default();
    let problems = || field.world.problems.borrow().len();
    let before = problems();
    parse::read_keys(field, KEYS, &[], &mut draft, "");
    if problems() > before {
        return None;
    }
    if !is_written(entries, "cron") {
        return field.wrong("`schedule` has no `cron`", format!("add an expression, {EXAMPLE}"));
    }
    Some(Schedule { overlap: draft.overlap, ..draft.cron? })
}

fn expression(field: &Field) -> Option<Schedule> {
    let text = field.text(&format!("a cron expression, {EXAMPLE}"))?;
    match Schedule::new(&text) {
        Ok(schedule) => Some(schedule),
        Err(error) => {
            let error = error.trim_end_matches('.');
            let message = format!("`{}: {text}` is not a schedule: {error}", field.key());
            let help = format!("minute, hour, day of the month, month, day of the week; {EXAMPLE}");
            field.wrong(message, help)
        }
    }
}

/// A program with a schedule is a oneshot, and waits for its first time unless it is said to start with
/// the supervisor, too.
pub(super) fn settle(field: &Field, spec: &mut ProgramSpec) {
    let Node::Map(entries) = field.node else { return };
    if spec.governance.schedule.is_none() {
        return;
    }
    if !is_written(entries, "autostart") {
        spec.autostart = false;
    }
    if !is_written(entries, "type") {
        spec.governance.kind = Kind::Oneshot;
    } else if spec.governance.kind == Kind::Service {
        let message = "`schedule` starts what is meant to end, and `type` is service";
        field.wrong_key::<()>(message, "write `type: oneshot`, or leave it out");
    }
}

fn is_written(entries: &[Entry], key: &str) -> bool {
    entries.iter().any(|entry| entry.key == key)
}
