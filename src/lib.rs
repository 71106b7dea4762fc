//! Taskmaster, a process supervisor for Linux: one process, one thread, one [`mio::Poll`].
//!
//! Everything that can happen is an event; everything done to the world is an action. Between them
//! stands a pure state machine that knows neither a clock nor a system call.
//!
//! ```text
//!  signals   timers   child pipes   stdin   http            facts
//!      \        \         |           |       /
//!       +------------ event_loop (the only poll) --+
//!                         | handle(now, Event)
//!                         v
//!              supervisor/  pure: no I/O, no clock          decisions
//!                         | Action, Spawn, Reply, Changed   (drained)
//!                         v
//!     io/process   io/output   io/console   io/http         effects
//!                         ^ bytes
//!         view/ (rows -> table, json)   http/ (bytes <-> routes)   pure
//! ```
//!
//! # Where to look
//! - What a key of `config.yaml` means: [`config`], one row per key in `config/schema.rs`
//! - What a command does: [`command::table`]; how it is carried out: `supervisor/orders.rs`
//! - What follows an exit, a deadline, a spawn: `supervisor/lifecycle.rs`
//! - How a process is started, signalled, reaped: `io/process/`
//! - How output gets into files: `io/output/`, `io/log_file.rs`; what a line is: [`lines`]
//! - What `taskmaster bench` measures, and how: `bench/`
//! - How another terminal gives commands: `client.rs`, `cli/commands.rs`, `io/http/`, `event_loop/http.rs`
//! - The order in which things happen: `event_loop/`
//!
//! # Invariants
//! - **One wait.** Only `event_loop` polls; nothing else blocks but writes to regular files, reading
//!   the configuration and spawning. With nothing to do there is no timeout and no system call.
//! - **The core is pure.** `supervisor` has no I/O, no clock, no log; what it wants comes out as
//!   values, and feedback goes in as further events, never as nested calls.
//! - **One writer of state.** `Supervisor::enter` changes a state and its one deadline together.
//! - **Keys, not pids.** Reports carry an instance and its incarnation; a stale one changes nothing.
//!   Only what has not been reaped is signalled.
//! - **One home each.** serde_yaml in `config/document.rs`, httparse in `http/request.rs` (and the client's answers), the clock
//!   in `io/clock.rs`, our log in `io/journal.rs`. `tests/architecture.rs` holds the rooms apart.

#![warn(clippy::disallowed_methods, clippy::print_stdout, clippy::print_stderr)]

pub mod agenda;
mod bench;
pub mod cli;
mod client;
pub mod command;
pub mod config;
mod event_loop;
pub mod http;
mod io;
pub mod lines;
pub mod signal;
pub mod slots;
pub mod supervisor;
pub mod time;
pub mod timers;
pub mod view;
