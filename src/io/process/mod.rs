//! Child processes: spawning, signalling, reaping, measuring.

mod environment;
mod failure;
mod leaks;
mod limits;
mod seats;
mod spawn;
mod table;
mod usage;

pub(crate) use limits::FileLimit;
pub(crate) use spawn::Launcher;
pub(crate) use table::Processes;
pub(crate) use usage::{Usages, own_descriptors, own_uid, own_usage};
