//! Who a program is, and what it may use: user, group, environment file, limits. Whom a name means and
//! what a file says is asked once, when the configuration is read; a spawn asks nobody.

use std::path::{Path, PathBuf};

use super::document::Node;
use super::field::Field;

/// Who runs it, with which limits.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Identity {
    /// `None` is the supervisor's own user.
    pub user: Option<User>,
    /// `None` is the user's, or the supervisor's own.
    pub group: Option<u32>,
    /// What the environment files say, in their order.
    pub env_file: Vec<(String, String)>,
    /// Whether nothing is inherited from the supervisor's environment.
    pub clear_env: bool,
    /// The limits that differ from the supervisor's.
    pub rlimits: Vec<(Limit, Range)>,
    /// -20 (first) to 19 (last).
    pub nice: Option<i32>,
    /// -1000 (never) to 1000 (first) when memory runs out.
    pub oom_score_adj: Option<i32>,
    /// What becomes of it when the supervisor is killed.
    pub on_crash: OnCrash,
}

/// A user, as the system knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// Its login name.
    pub name: String,
    /// Its number.
    pub uid: u32,
    /// Its own group.
    pub gid: u32,
    /// All groups that it is in.
    pub groups: Vec<u32>,
    /// Its home directory.
    pub home: String,
    /// Its shell.
    pub shell: String,
}

/// `on_crash`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnCrash {
    /// It lives on.
    #[default]
    Keep,
    /// The kernel kills it.
    Kill,
}

/// A limit of setrlimit(2), by its place in [`LIMITS`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit(pub usize);

/// Soft and hard value; `u64::MAX` is unlimited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range {
    /// What counts.
    pub soft: u64,
    /// How far the program can raise it.
    pub hard: u64,
}

/// The names of limits, as in limits.conf(5).
pub const LIMITS: [&str; 11] =
    ["as", "core", "cpu", "data", "fsize", "memlock", "nofile", "nproc", "rss", "stack", "sigpending"];

/// What a configuration refers to outside of its text.
pub struct Surroundings<'a> {
    /// The environment.
    pub environment: &'a dyn Fn(&str) -> Option<String>,
    /// The text of a file, or why there is none.
    pub read_file: &'a dyn Fn(&Path) -> Result<String, String>,
    /// A user by name or number.
    pub user: &'a dyn Fn(&str) -> Option<User>,
    /// The number of a group by name or number.
    pub group: &'a dyn Fn(&str) -> Option<u32>,
    /// Whether we can become somebody else.
    pub is_root: bool,
}

pub(super) fn user(field: &Field) -> Option<User> {
    let name = field.text("the name or number of a user")?;
    refuse_unless_root(field)?;
    let found = (field.world.surroundings.user)(&name);
    found.or_else(|| field.wrong(format!("there is no user `{name}`"), ""))
}

pub(super) fn group(field: &Field) -> Option<u32> {
    let name = field.text("the name or number of a group")?;
    refuse_unless_root(field)?;
    let found = (field.world.surroundings.group)(&name);
    found.or_else(|| field.wrong(format!("there is no group `{name}`"), ""))
}

fn refuse_unless_root(field: &Field) -> Option<()> {
    if field.world.surroundings.is_root {
        return Some(());
    }
    let help = "start the supervisor as root, or remove it to run the program as your own user";
    field.wrong_key(format!("`{}` is for root only", field.key()), help)
}

/// One file or several; each line is NAME=VALUE, or a comment.
pub(super) fn env_file(field: &Field) -> Option<Vec<(String, String)>> {
    let files: Vec<Field> = match field.node {
        Node::List(items) => field.items(items).collect(),
        Node::Null | Node::Scalar { .. } | Node::Map(_) => vec![field.clone()],
    };
    let read = |file: &Field| -> Option<Vec<(String, String)>> {
        let name = file.text("a file of NAME=VALUE lines")?;
        let path: PathBuf = field.world.directory.join(&name);
        let text = match (field.world.surroundings.read_file)(&path) {
            Ok(text) => text,
            Err(reason) => return file.wrong(format!("`{name}` cannot be read: {reason}"), ""),
        };
        let lines = text.lines().enumerate().filter_map(|(at, line)| Some((at + 1, variable(line)?)));
        let variables = lines.map(|(number, found)| match found {
            Some(pair) => Some(pair),
            None => file.wrong(format!("line {number} of `{name}` is not NAME=VALUE"), ""),
        });
        variables.collect::<Vec<_>>().into_iter().collect()
    };
    let all: Vec<_> = files.iter().map(read).collect();
    Some(all.into_iter().collect::<Option<Vec<_>>>()?.concat())
}

/// A line of an environment file: `None` says nothing, `Some(None)` is wrong.
fn variable(line: &str) -> Option<Option<(String, String)>> {
    let line = line.trim();
    if line.is_empty() || line.starts_with('#') {
        return None;
    }
    let line = line.strip_prefix("export ").map_or(line, str::trim_start);
    let pair = line.split_once('=').map(|(name, value)| (name.trim_end(), value.trim()));
    Some(pair.filter(|(name, value)| is_name(name) && !value.contains('\0')).map(|(name, value)| {
        let quoted = ['"', '\''].iter().find_map(|quote| value.strip_prefix(*quote)?.strip_suffix(*quote));
        (name.to_owned(), quoted.unwrap_or(value).to_owned())
    }))
}

fn is_name(name: &str) -> bool {
    !name.is_empty() && !name.contains(|c: char| c.is_whitespace() || c == '\0')
}

/// `{nofile: 4096, core: unlimited, nproc: "100:200"}`.
pub(super) fn rlimits(field: &Field) -> Option<Vec<(Limit, Range)>> {
    let limit = |value: Field| {
        let Some(at) = LIMITS.iter().position(|name| *name == value.key()) else {
            let hint = super::parse::suggest(value.key(), LIMITS.iter().copied());
            let help = hint.unwrap_or_else(|| format!("the limits are {}", LIMITS.join(", ")));
            return value.wrong_key(format!("unknown limit `{}`", value.key()), help);
        };
        let (text, _) = value.scalar("a number, unlimited, or \"SOFT:HARD\"")?;
        let (soft, hard) = text.split_once(':').unwrap_or((text, text));
        let range = (amount(soft), amount(hard));
        match range {
            (Some(soft), Some(hard)) if soft <= hard => Some((Limit(at), Range { soft, hard })),
            _ => value.wrong(
                format!("`{}: {text}` is no limit", value.key()),
                "it takes a number, unlimited, or \"SOFT:HARD\" where SOFT is not more than HARD",
            ),
        }
    };
    let limits: Vec<_> = field.entries("such as {nofile: 4096}")?.into_iter().map(limit).collect();
    limits.into_iter().collect()
}

fn amount(text: &str) -> Option<u64> {
    if text == "unlimited" { Some(u64::MAX) } else { text.parse().ok() }
}

/// A whole number of a range.
pub(super) fn bounded(field: &Field, lowest: i32, highest: i32) -> Option<i32> {
    let wanted = format!("a whole number from {lowest} to {highest}");
    let (text, _) = field.scalar(&wanted)?;
    match text.parse::<i32>() {
        Ok(number) if (lowest..=highest).contains(&number) => Some(number),
        Ok(_) | Err(_) => {
            field.wrong(format!("`{}: {text}` is out of range", field.key()), format!("it takes {wanted}"))
        }
    }
}

pub(super) fn on_crash(field: &Field) -> Option<OnCrash> {
    let (text, _) = field.scalar("keep or kill")?;
    match text {
        "keep" => Some(OnCrash::Keep),
        "kill" => Some(OnCrash::Kill),
        _ => field.wrong(format!("`on_crash: {text}` is no choice"), "it takes keep or kill"),
    }
}
