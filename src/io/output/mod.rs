//! Child output: pipes in, log files out.
//!
//! - `pipes`: reads what children write; `pace`: how fast each of them is; `large`: room for fast ones
//! - `stream`: where it goes
//! - `sinks`: one writer for each log file; `sink`: such a writer; `tally`: what was written and lost
//! - `voices`: our own standard streams (`inherit`)
//! - `recent`: the last lines, in memory; what a line looks like in its log is a matter of `lines/`

mod large;
mod listener;
mod pace;
mod pipes;
mod recent;
mod sink;
mod sinks;
mod stream;
pub(crate) mod tail;
mod tally;
mod voices;

pub(crate) use pipes::Pipes;
pub(crate) use stream::{LogRules, Stream};
pub(crate) use tally::Counts;
pub(crate) use voices::Voice;

#[cfg(test)]
#[path = "../../../tests/pipes/mod.rs"]
mod histories;
