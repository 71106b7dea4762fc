//! Child processes: spawning, signalling, reaping, measuring.

mod environment;
mod failure;
mod leaks;
mod limits;
mod out_of_memory;
mod seats;
mod spawn;
mod table;
mod usage;

pub(crate) use limits::FileLimit;
pub(crate) use out_of_memory::OutOfMemory;
pub(crate) use spawn::Launcher;
pub(crate) use table::{Processes, Reaped};
pub(crate) use usage::{AT_ONCE_MAX, Usages, own_descriptors, own_uid, own_usage};
