//! Child output: pipes in, log files out.
//!
//! - `pipes`: reads what children write and passes it on; `pace`: how fast each of them is
//! - `sinks`: one writer for each log file; `voices`: our own standard streams (`inherit`)
//! - `format`: what a line looks like there; `recent`: the last lines, in memory

mod format;
mod pace;
mod pipes;
mod recent;
mod sinks;
mod voices;

pub(crate) use format::Style;
pub(crate) use pipes::{LogRules, Pipes, Stream};
pub(crate) use voices::Voice;
