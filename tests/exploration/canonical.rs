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
/// start_interval only; the time, from which all others are counted; who comes again by itself, which
/// counts for restart_storm only.
const WITHOUT: [(&str, &str); 4] = [
    ("spawn_error: Some(", ")"),
    ("last_start: Some(Time(", "))"),
    (" now: Time(", ")"),
    ("by_itself: ", ","),
];
/// Checks that have failed in a row, and waits, count up to here; more of them make no difference to
/// policies with fewer retries and shorter growth.
const COUNTED: [&str; 3] = ["unready", "unlively", "waits"];
const COUNT_MAX: u64 = 4;

/// How often something came again during a roll counts up to here, and one is too much for it.
const CAME_BACK_MAX: i64 = 2;

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
}

/// A hash of 128 bits of the canonical form and of what the world adds to it.
pub fn digest(view: &View<'_>, world: &impl Hash) -> u128 {
    let text = canonical(view);
    let hash = |salt: u8| {
        let mut hasher = DefaultHasher::new();
        (salt, &text, world).hash(&mut hasher);
        hasher.finish()
    };
    u128::from(hash(0)) << 64 | u128::from(hash(1))
}

/// The canonical form.
pub fn canonical(view: &View<'_>) -> String {
    let mut raw = format!("{:?}", view.core);
    let mut keys = BTreeMap::new();
    for program in view.core.programs() {
        for key in program.instances() {
            keys.insert((key.index() as u64, u64::from(key.generation())), *key);
            let instance = view.core.instance(*key);
            write!(raw, " #{}: {:?}", key.index(), instance).expect("memory");
        }
    }
    for (printed, name) in view.specs {
        raw = raw.replace(printed, name);
    }
    for (begin, end) in WITHOUT {
        raw = replace_all(&raw, begin, end, |_| "");
    }
    raw = came_back(&raw, view.core);
    if !view.past_counts {
        raw = replace_all(&raw, "earlier: ", ",", |_| "");
    }
    raw = replace_all(&raw, "BlackBox([", "])", |runs| last_status(runs, view.ends_count));
    raw = once_in_queue(&raw);
    without_history(&raw, view, &keys, &deadlines(&raw, view))
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

/// Whoever was stopped in the queue and is in it once more has the first of his places.
fn once_in_queue(raw: &str) -> String {
    let Some((before, rest)) = raw.split_once("spawn_queue: [") else { return raw.to_owned() };
    let (queue, after) = rest.split_once("], held").unwrap_or((rest, ""));
    let mut once: Vec<&str> = Vec::new();
    for key in queue.split("Key ") {
        let key = key.trim_end_matches(", ");
        if !once.contains(&key) {
            once.push(key);
        }
    }
    format!("{before}spawn_queue: [{}], held{after}", once.join(" Key "))
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
    Some((format!("@{}", if is_there { index } else { "gone" }), rest))
}
