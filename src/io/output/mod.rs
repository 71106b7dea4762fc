//! Child output: pipes in, log files out.

mod pipes;
mod sinks;

pub(crate) use pipes::{Pipes, Stream};
