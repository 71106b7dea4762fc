//! Why the system refused something, in its own words.

use std::io;

use nix::errno::Errno;

/// The system's text, without the ` (os error N)` that Rust adds to it.
pub(crate) fn reason(error: &io::Error) -> String {
    match error.raw_os_error() {
        Some(code) => Errno::from_raw(code).desc().to_owned(),
        None => error.to_string(),
    }
}
