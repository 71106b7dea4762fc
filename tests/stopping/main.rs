//! How processes end, and with them the supervisor: by order, on the way out, with what they have left
//! behind, and those that will not.

#[path = "../harness/mod.rs"]
mod harness;

mod shutdown;
mod stop;
mod strays;
mod unreapable;
