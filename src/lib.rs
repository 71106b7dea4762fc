//! Taskmaster, a process supervisor for Linux.

pub mod config;
pub mod signal;
pub mod time;
