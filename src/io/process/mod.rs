//! Child processes: spawning, signalling, reaping, measuring.

mod birth;
mod elsewhere;
mod environment;
mod expected;
mod failure;
mod leaks;
mod left_groups;
mod limits;
mod memory;
mod out_of_memory;
mod prepared;
mod proc_fs;
mod reserve;
mod run_id;
mod seats;
mod spawn;
mod strays;
mod survivors;
mod table;
mod texts;
mod transition;
mod usage;

pub(crate) use elsewhere::listening;
pub(crate) use limits::FileLimit;
pub(crate) use memory::MemoryWatch;
pub(crate) use out_of_memory::OutOfMemory;
pub(crate) use run_id::RunIds;
pub(crate) use spawn::{Launcher, Whose};
pub(crate) use survivors::{Others, find as other_supervisors};
pub(crate) use table::{Helper, Left, Processes, Reaped};
pub(crate) use usage::{AT_ONCE_MAX, Usages, own_descriptors, own_uid, own_usage};
