//! Where the supervisor of a configuration listens, if that is not where the configuration says: its
//! `socket` may have been changed since.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};

use super::run_id::RunIds;
use super::survivors;

/// The flag of a socket in /proc/net/unix that accepts connections (`__SO_ACCEPTCON` of Linux).
const ACCEPTS: u32 = 0x10000;

/// Pid and control socket of a supervisor that lives, as one of its processes names it: without any it is
/// not found.
pub(crate) fn listening(config: &Path) -> Option<(u32, PathBuf)> {
    let supervisor = survivors::find(&RunIds::new(config)).living?;
    Some((supervisor, control_socket(supervisor)?))
}

/// Where a process accepts connections in the file system.
fn control_socket(supervisor: u32) -> Option<PathBuf> {
    let descriptors = fs::read_dir(format!("/proc/{supervisor}/fd")).ok()?.flatten();
    let targets = descriptors.filter_map(|descriptor| fs::read_link(descriptor.path()).ok());
    let inodes: HashSet<u64> = targets.filter_map(|target| inode(target.to_str()?)).collect();
    let sockets = fs::read_to_string(format!("/proc/{supervisor}/net/unix")).ok()?;
    sockets.lines().find_map(|line| {
        let (inode, path) = listener(line)?;
        inodes.contains(&inode).then(|| PathBuf::from(path))
    })
}

/// The 7 of `socket:[7]`.
fn inode(target: &str) -> Option<u64> {
    target.strip_prefix("socket:[")?.strip_suffix(']')?.parse().ok()
}

/// Inode and path of a socket that accepts connections and stands in the file system, from a line of
/// /proc/net/unix: `Num RefCount Protocol Flags Type St Inode Path`.
fn listener(line: &str) -> Option<(u64, &str)> {
    let (fields, path) = line.split_at(line.find(" /")?);
    let fields: Vec<&str> = fields.split_ascii_whitespace().collect();
    let [_, _, _, flags, _, _, inode] = fields[..] else { return None };
    let accepts = u32::from_str_radix(flags, 16).ok()? & ACCEPTS != 0;
    accepts.then_some((inode.parse().ok()?, path.strip_prefix(' ')?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_accepts_and_has_a_path_is_a_listener() {
        let line = "0000000000000000: 00000002 00000000 00010000 0001 01 123 /run/a b.sock";
        assert_eq!(listener(line), Some((123, "/run/a b.sock")));
        for other in [
            "Num       RefCount Protocol Flags    Type St Inode Path",
            "0000000000000000: 00000003 00000000 00000000 0001 03 123 /run/a.sock",
            "0000000000000000: 00000002 00000000 00010000 0001 01 123 @abstract",
            "0000000000000000: 00000002 00000000 00010000 0001 01 123",
            "x /",
        ] {
            assert_eq!(listener(other), None, "{other}");
        }
        assert_eq!((inode("socket:[7]"), inode("pipe:[7]"), inode("socket:[x]")), (Some(7), None, None));
    }
}
