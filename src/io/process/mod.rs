//! Child processes: spawning, signalling, reaping, measuring.

mod failure;
mod limits;
mod spawn;
mod table;
mod usage;

pub(crate) use limits::FileLimit;
pub(crate) use spawn::{Launcher, Spawned, Streams};
pub(crate) use table::{Processes, Reaped};
pub(crate) use usage::Usages;
