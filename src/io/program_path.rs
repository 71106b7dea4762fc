//! Where a program is, as execvp(3) would look for it from the program's own working directory.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use nix::unistd::{AccessFlags, access};

/// What execvp(3) searches when PATH is not set.
const DEFAULT_PATH: &str = "/bin:/usr/bin";

/// The file to execute for `program`. A name with a slash is taken as it is, relative to
/// `workingdir`; others are searched for in `path`. `None` if PATH has no such program.
pub(crate) fn find_program(program: &str, path: Option<&OsStr>, workingdir: &Path) -> Option<PathBuf> {
    if program.contains('/') {
        return Some(workingdir.join(program));
    }
    let path = path.unwrap_or(OsStr::new(DEFAULT_PATH));
    let directories = path.as_bytes().split(|byte| *byte == b':');
    // An empty entry means the working directory, as for a shell; join makes it so.
    let mut candidates =
        directories.map(|directory| workingdir.join(OsStr::from_bytes(directory)).join(program));
    candidates.find(|file| file.is_file() && access(file, AccessFlags::X_OK).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_searched_and_paths_are_not() {
        let find = |program, path: &str| find_program(program, Some(OsStr::new(path)), Path::new("/bin"));
        assert_eq!(find("sh", "/nowhere:/bin"), Some(PathBuf::from("/bin/sh")));
        assert_eq!(find("sh", ":/nowhere"), Some(PathBuf::from("/bin/sh")));
        assert_eq!(find("sh", "/nowhere"), None);
        assert_eq!(find("./sh", "/nowhere"), Some(PathBuf::from("/bin/./sh")));
        assert_eq!(find("/etc", "/nowhere"), Some(PathBuf::from("/etc")));
    }
}
