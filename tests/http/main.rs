//! The HTTP faces, asked from outside: the dashboard's address and the control socket.

#[path = "../harness/mod.rs"]
mod harness;

mod answers;
mod control_socket;
mod events;
mod logs;
mod metrics;
mod peers;
