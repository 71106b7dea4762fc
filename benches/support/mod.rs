//! What the benches share: the two contenders, the child that both run, and how CPU is read.

pub mod contender;
pub mod floor;
pub mod pause;
pub mod procfs;
