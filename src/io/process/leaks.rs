//! Descriptors that our launcher forgot to close: a lock or a socket of somebody else that every
//! program would hold for as long as it lives.

use std::io;

use nix::libc;

/// Marks everything beyond the standard streams as not to be inherited (close_range(2)). Ours is
/// marked already.
pub(super) fn withhold() -> io::Result<()> {
    // SAFETY: only sets a flag of descriptors; none is closed.
    match unsafe { libc::close_range(3, libc::c_uint::MAX, libc::CLOSE_RANGE_CLOEXEC as libc::c_int) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}
