//! Everything that touches the world. Rooms here know their own crates and the value types of the
//! core; none knows the [`Supervisor`](crate::supervisor::Supervisor), the event loop or a sibling.

pub(crate) mod clock;
pub(crate) mod config_file;
pub(crate) mod configuration;
pub(crate) mod console;
pub(crate) mod faces;
pub(crate) mod hooks;
pub(crate) mod http;
pub(crate) mod journal;
pub(crate) mod log_file;
pub(crate) mod outgoing;
pub(crate) mod output;
pub(crate) mod people;
pub(crate) mod preflight;
pub(crate) mod probe;
pub(crate) mod process;
pub(crate) mod program_path;
pub(crate) mod reason;
pub(crate) mod service_manager;
pub(crate) mod signals;
pub(crate) mod slack;
pub(crate) mod standard_stream;
pub(crate) mod token;
pub(crate) mod wall_clock;
