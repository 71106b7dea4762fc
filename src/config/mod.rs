//! `config.yaml` as typed, validated values.
//!
//! Parse, don't validate: whoever holds a [`ProgramSpec`] has no more questions to ask of the text it
//! came from. [`parse`] is pure: the text, the directory and the environment are arguments, and every
//! problem of a file is returned at once.
//!
//! - `spec`: the values; `schema`: one row per key; `values`: from a node to a value
//! - `document`: YAML to a tree (the only place that knows serde_yaml); `syntax`: what YAML refuses;
//!   `field`: a place in the tree; `foreign`: keys from elsewhere
//! - `diff`: two configurations to what leads from one to the other
//! - `probes`: checks of instances; `pattern`: regular expressions in them
//! - `recycle`: what is too old or too large; `storm`: the pace of restarts when very many end together
//! - `schedule`: cron expressions; `zone`: where the clock is changed twice a year
//! - `hooks`: who is told of events
//! - `identity`: users, limits, environment files, and how they are looked up
//! - `template`, `environment`: what is replaced in texts; `diagnostic`: problems, as users see them

mod dependencies;
mod diagnostic;
mod diff;
mod document;
mod environment;
mod field;
mod foreign;
mod governance;
mod hooks;
mod identity;
mod parse;
mod pattern;
mod probes;
mod recycle;
mod schedule;
mod schema;
mod spec;
mod storm;
mod syntax;
mod template;
mod values;
mod zone;

pub use dependencies::{Condition, Dependency};
pub use diagnostic::{Diagnostic, Position, render};
pub use diff::{Change, ChangedKey, Plan, diff};
pub use document::TEXT_BYTES_MAX;
pub use governance::{Governance, Kind, RestartDelay};
pub use hooks::{HookAction, HookEvent, HookSpec};
pub use identity::{Identity, LIMITS, Limit, OnCrash, Range, Surroundings, User};
pub use parse::{parse, parse_in};
pub use pattern::Pattern;
pub use probes::{Check, ProbeSpec, Url, address};
pub use recycle::Recycle;
pub use schedule::Schedule;
pub use schema::{Applies, Key, PROGRAM_KEYS, SUPERVISOR_KEYS};
pub use spec::{
    Autorestart, Config, HttpLogs, KillStrays, LogFormat, LogFull, Output, ProgramSpec, Rotation,
    SupervisorSpec,
};
pub use storm::RestartStorm;
pub use template::Template;
pub use values::NUMPROCS_MAX;
pub(crate) use values::parse_http;

use std::path::PathBuf;

/// The text of a configuration and where it comes from.
#[derive(Clone, Debug)]
pub struct Source {
    /// Its name in messages.
    pub name: String,
    /// What it says.
    pub text: String,
    /// The absolute directory that relative paths start from.
    pub directory: PathBuf,
}
