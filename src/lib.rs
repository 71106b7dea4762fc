//! Taskmaster, a process supervisor for Linux: one process, one thread, one [`mio::Poll`].

pub mod cli;
pub mod command;
pub mod config;
mod event_loop;
pub mod http;
mod io;
pub mod signal;
pub mod slots;
pub mod supervisor;
pub mod time;
pub mod timers;
pub mod view;

pub use event_loop::{Outcome, Settings};
