//! One text for all states that behave alike: what the core shows of itself when it is printed, without
//! what is only history, and with times counted from now.
//!
//! Whatever is not named here counts, so a field that is new counts until somebody says that it does not;
//! should it grow for ever, the exploration does not end, which is noticed.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;

use taskmaster::command::RequestId;
use taskmaster::slots::Key;
use taskmaster::supervisor::Supervisor;
use taskmaster::time::Time;

/// Numbers that are shown and decide nothing: pids, incarnations, totals.
const HISTORY: [&str; 7] =
    ["pid", "incarnation", "restarts", "list_revision", "generation", "next_generation", "cap"];
/// What decides nothing: how a spawn failed; when a program was started last, which counts for
/// start_interval only; when a time of a schedule was skipped; the time, from which all others are counted.
const WITHOUT: [(&str, &str); 4] = [
    ("spawn_error: Some(", ")"),
    ("last_start: Some(Time(", "))"),
    ("last_skip: Some(Time(", "))"),
    (" now: Time(", ")"),
];
/// Checks that have failed in a row, waits, and times that were skipped count up to here; more of them make
/// no difference to policies with fewer retries and shorter growth.
const COUNTED: [&str; 4] = ["unready", "unlively", "waits", "skipped"];
const COUNT_MAX: u64 = 4;

/// How often something came again during a roll counts up to here, and one is too much for it.
const CAME_BACK_MAX: i64 = 2;

/// What stands for an instance that is not there any more.
const GONE: &str = "@gone";

/// Bytes that a core of two instances takes when it is printed, more or less.
const TEXT_LENGTH: usize = 16 * 1024;

/// Sooner than whatever is armed now: the shortest time that the configurations have.
const SOON: Duration = Duration::from_secs(1);

/// What the canonical form needs to know from outside.
pub struct View<'a> {
    pub core: &'a Supervisor,
    pub now: Time,
    /// Open requests, in their order.
    pub requests: &'a [RequestId],
    /// Configurations of programs, printed, and what stands for them.
    pub specs: &'a [(String, String)],
    /// Ages beyond this one are alike. Zero where none counts.
    pub age_max: Duration,
    /// Whether it counts how the last process ended.
    pub ends_count: bool,
    /// Whether it counts what earlier runs may have left: not where `kill_strays` is never.
    pub past_counts: bool,
    /// Whether it counts how far apart deadlines are, and not only their order.
    pub is_exact: bool,
    /// Whether restarts are paced.
    pub storms_count: bool,
    /// How many places an instance has in the queue of spawns, at most.
    pub places_max: usize,
}

/// A hash of 128 bits of the canonical form and of what the world adds to it; `None` beyond the bounds.
pub fn digest(view: &View<'_>, world: &impl Hash) -> Option<u128> {
    let text = canonical(view)?;
    let hash = |salt: u8| {
        let mut hasher = DefaultHasher::new();
        (salt, &text, world).hash(&mut hasher);
        hasher.finish()
    };
    Some(u128::from(hash(0)) << 64 | u128::from(hash(1)))
}

/// The canonical form; `None` beyond the bounds.
pub fn canonical(view: &View<'_>) -> Option<String> {
    let mut raw = String::with_capacity(TEXT_LENGTH);
    write!(raw, "{:?}", view.core).expect("memory");
    let mut keys = BTreeMap::new();
    for program in view.core.programs() {
        for key in program.instances() {
            keys.insert((key.index() as u64, u64::from(key.generation())), *key);
            let instance = view.core.instance(*key);
            write!(raw, " #{}: {:?}", key.index(), instance).expect("memory");
        }
    }
    raw = named_specs(&raw, view.specs);
    for (begin, end) in WITHOUT {
        raw = replace_all(&raw, begin, end, |_| "");
    }
    raw = if view.storms_count { storm(&raw) } else { replace_all(&raw, "by_itself: ", ",", |_| "") };
    raw = came_back(&raw, view.core);
    if !view.past_counts {
        raw = replace_all(&raw, "earlier: ", ",", |_| "");
    }
    raw = replace_all(&raw, "BlackBox([", "])", |runs| last_status(runs, view.ends_count));
    raw = queue_of_those_there(&raw, &keys, view.places_max)?;
    raw = only_deadlines(&raw);
    Some(without_history(&raw, view, &keys, &deadlines(&raw, view)))
}

/// Who waits in a roll remembers how often each had come again, of which only the difference to now counts.
fn came_back(raw: &str, core: &Supervisor) -> String {
    let mut parts = raw.split("Member { key: Key { index: ");
    let mut text = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let mut numbers = part.splitn(4, [':', ',', '}']).map(|it| it.trim().parse::<u32>().ok());
        let (index, generation) = (numbers.next().flatten(), numbers.nth(1).flatten());
        let before = part.split("restarts: ").nth(1).and_then(|it| it.split(',').next()?.parse::<i64>().ok());
        let key = Key::new(index.expect("an index"), generation.expect("a generation"));
        let now = core.instance(key).map_or(0, |it| i64::from(it.restarts()));
        let more = (now - before.expect("restarts")).clamp(-CAME_BACK_MAX, CAME_BACK_MAX);
        write!(text, "Member (came back {more}) {{ key: Key {{ index: {part}").expect("memory");
    }
    text
}

/// Of a storm what it will say of itself decides nothing, and of those that wait their order, unless they
/// have left.
fn storm(raw: &str) -> String {
    let (before, rest) = raw.split_once("Storms {").expect("storms");
    let (storms, after) = rest.split_once(", is_on: ").expect("whether there is one");
    let (pace, rest) = storms.split_once(", waiting: [").expect("those that wait");
    let (waiting, _) = rest.split_once("], last_ticket").expect("their end");
    let mut held = Vec::new();
    for instance in after.split(" #").skip(1).filter(|it| it.contains("state: Starting(Delayed)")) {
        let ticket = instance.split_once("ticket: Some(").and_then(|(_, rest)| rest.split(')').next());
        held.push((instance.split(':').next(), ticket));
    }
    let still_wait = |entry: &&str| {
        let index = entry.split_once("index: ").and_then(|(_, rest)| rest.split(',').next());
        let ticket = entry.split_once("}, ").and_then(|(_, rest)| rest.split(')').next());
        held.contains(&(index, ticket))
    };
    let waiting = waiting.split("(Key").skip(1).filter(still_wait);
    let waiting: String = waiting.filter_map(|it| Some(format!("Key{}}}", it.split_once('}')?.0))).collect();
    let after = replace_all(after, "ticket: Some(", ")", |_| "");
    format!("{before}Storms {{{pace}, waiting: [{waiting}], is_on: {after}")
}

/// Everything between `begin` and the nearest `end`, both taken out, replaced.
fn replace_all<'t>(text: &'t str, begin: &str, end: &str, by: impl Fn(&'t str) -> &'t str) -> String {
    let mut parts = text.split(begin);
    let mut replaced = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (inner, rest) = part.split_once(end).unwrap_or((part, ""));
        replaced += by(inner);
        replaced += rest;
    }
    replaced
}

/// Of the past runs only the status of the last decides anything.
fn last_status(runs: &str, ends_count: bool) -> &str {
    let status = runs.rfind("status: ").filter(|_| ends_count).map(|at| &runs[at..]);
    status.map_or("", |status| status.split(", during").next().unwrap_or(status))
}

/// Configurations of programs are long, and few.
fn named_specs(raw: &str, specs: &[(String, String)]) -> String {
    let mut text = String::with_capacity(TEXT_LENGTH);
    let mut rest = raw;
    while let Some(at) = rest.find("ProgramSpec {") {
        text += &rest[..at];
        rest = &rest[at..];
        let known = specs.iter().find(|(printed, _)| rest.starts_with(printed.as_str()));
        let (printed, name) = known.expect("no configuration but those of the policy");
        text += name;
        rest = &rest[printed.len()..];
    }
    text + rest
}

/// Who is gone is passed over in the queue. Whoever was stopped in it keeps his place, and has another one
/// when he comes again; there is no end to that but a bound.
fn queue_of_those_there(raw: &str, keys: &BTreeMap<(u64, u64), Key>, places_max: usize) -> Option<String> {
    let (before, rest) = raw.split_once("spawn_queue: [").expect("a queue");
    let (queue, after) = rest.split_once(']').expect("its end");
    let places = queue.split("Key").skip(1).map(|key| key.trim_end_matches(", "));
    let is_there = |key: &&str| key_name(key, keys).is_some_and(|(name, _)| name != GONE);
    let places: Vec<&str> = places.filter(is_there).collect();
    let count = |key: &str| places.iter().filter(|other| **other == key).count();
    if places.iter().any(|key| count(key) > places_max) {
        return None;
    }
    let queue: String = places.into_iter().map(|key| format!("Key{key}, ")).collect();
    Some(format!("{before}spawn_queue: [{queue}]{after}"))
}

/// How a table keeps its deadlines is its own affair: it behaves like a plain map (`src/timers.rs`).
fn only_deadlines(raw: &str) -> String {
    let (before, rest) = raw.split_once("Timers { slots: [").expect("a table of deadlines");
    let (slots, rest) = rest.split_once("], heap: [").expect("its heap");
    let (_, after) = rest.split_once(']').expect("its end");
    let slots = replace_all(slots, ", position: ", "}", |_| "");
    let mut slots = slots.as_str();
    while let Some(shorter) = slots.strip_suffix("None") {
        slots = shorter.trim_end_matches(", ");
    }
    format!("{before}Timers {{ slots: [{slots}]{after}")
}

/// The distinct deadlines that lie ahead, in their order.
fn deadlines(raw: &str, view: &View<'_>) -> Vec<u64> {
    let now = nanoseconds(view.now);
    let times = raw.split("Time(").skip(1);
    let number = |text: &str| text.split(')').next()?.parse().ok();
    let mut ahead: Vec<u64> = times.filter_map(number).filter(|time| *time > now).collect();
    ahead.sort_unstable();
    ahead.dedup();
    ahead
}

fn nanoseconds(time: Time) -> u64 {
    (time - Time::ZERO).as_nanos() as u64
}

fn without_history(raw: &str, view: &View<'_>, keys: &BTreeMap<(u64, u64), Key>, ahead: &[u64]) -> String {
    let mut text = String::with_capacity(raw.len());
    let mut rest = raw;
    // The word before a number says what it is.
    let mut word = "";
    while let Some(at) = rest.find(|it: char| it.is_ascii_alphanumeric() || it == '_') {
        text += &rest[..at];
        rest = &rest[at..];
        let end = rest.find(|it: char| !(it.is_ascii_alphanumeric() || it == '_')).unwrap_or(rest.len());
        let (token, tail) = rest.split_at(end);
        if token == "Key"
            && let Some((name, tail)) = key_name(tail, keys)
        {
            text += &name;
            rest = tail;
            continue;
        }
        rest = tail;
        match token.parse::<u64>() {
            Ok(number) => write_number(&mut text, word, number, (view, ahead)),
            Err(_) if HISTORY.contains(&word) && token.as_bytes()[0].is_ascii_digit() => {}
            Err(_) => {
                text += token;
                // `pid: Some(3)` is about the pid, too.
                word = if token == "Some" { word } else { token };
            }
        }
    }
    text + rest
}

fn write_number(text: &mut String, word: &str, number: u64, (view, ahead): (&View<'_>, &[u64])) {
    let now = nanoseconds(view.now);
    let written = match word {
        "Time" if number > now && view.is_exact => write!(text, "+{}", number - now),
        "Time" if number > now => {
            let is_soon = number - now < SOON.as_nanos() as u64;
            write!(text, "+{:?}{}", ahead.binary_search(&number).ok(), if is_soon { "soon" } else { "" })
        }
        "Time" => write!(text, "-{}", (now - number).min(view.age_max.as_nanos() as u64)),
        "RequestId" => {
            let rank = view.requests.iter().position(|request| request.0 == number);
            write!(text, "{rank:?}")
        }
        word if HISTORY.contains(&word) => Ok(()),
        word if COUNTED.contains(&word) => write!(text, "{}", number.min(COUNT_MAX)),
        _ => write!(text, "{number}"),
    };
    written.expect("memory");
}

/// ` { index: 1, generation: 7 }` is the instance at that place, or something that is gone.
fn key_name<'a>(tail: &'a str, keys: &BTreeMap<(u64, u64), Key>) -> Option<(String, &'a str)> {
    let (fields, rest) = tail.strip_prefix(" { index: ")?.split_once(" }")?;
    let (index, generation) = fields.split_once(", generation: ")?;
    let is_there = keys.contains_key(&(index.parse().ok()?, generation.parse().ok()?));
    Some((if is_there { format!("@{index}") } else { GONE.to_owned() }, rest))
}
