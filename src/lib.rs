//! Taskmaster, a process supervisor for Linux.

pub mod command;
pub mod config;
pub mod signal;
pub mod slots;
pub mod supervisor;
pub mod time;
pub mod timers;
