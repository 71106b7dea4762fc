//! Why an exec failed, told apart. The kernel says ENOENT for a missing program, a missing
//! interpreter and a missing working directory alike.

use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use nix::libc;
use nix::unistd::{AccessFlags, access};

use crate::io::reason::reason;

/// Longest `#!` line the kernel reads (BINPRM_BUF_SIZE).
const SHEBANG_BYTES_MAX: u64 = 256;

/// One line for the user. `program` is the word that was written, `file` what it was found to be.
pub(super) fn explain(error: &io::Error, program: &str, file: Option<&Path>, workingdir: &Path) -> String {
    if let Some(trouble) = workingdir_trouble(workingdir) {
        return trouble;
    }
    let Some(file) = file else {
        return match program.contains('/') {
            true => format!("there is no program {program}"),
            false => format!("cannot find the program {program} in PATH"),
        };
    };
    match error.raw_os_error() {
        Some(libc::ENOENT) => match missing_interpreter(file) {
            Some(interpreter) => {
                format!("the interpreter {} of {program} does not exist", interpreter.display())
            }
            None if file.exists() => format!("the loader or interpreter that {program} needs does not exist"),
            None => format!("there is no program {program}"),
        },
        Some(libc::EACCES) => permission_trouble(program, file),
        Some(libc::ENOEXEC) => {
            format!("{program} is not in a format that the system can execute (a script needs a #! line)")
        }
        Some(libc::E2BIG) => format!("cannot start {program}: its arguments and environment are too long"),
        Some(libc::EAGAIN) => format!("cannot start {program}: the limit of processes is reached"),
        Some(libc::EMFILE | libc::ENFILE) => format!("cannot start {program}: too many open files"),
        Some(_) | None => format!("cannot start {program}: {}", reason(error)),
    }
}

fn workingdir_trouble(workingdir: &Path) -> Option<String> {
    let shown = workingdir.display();
    match fs::metadata(workingdir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            Some(format!("the working directory {shown} does not exist"))
        }
        Err(error) => Some(format!("the working directory {shown} cannot be entered: {}", reason(&error))),
        Ok(found) if !found.is_dir() => Some(format!("the working directory {shown} is not a directory")),
        Ok(_) => match access(workingdir, AccessFlags::X_OK) {
            Ok(()) => None,
            Err(errno) => Some(format!("the working directory {shown} cannot be entered: {}", errno.desc())),
        },
    }
}

fn permission_trouble(program: &str, file: &Path) -> String {
    match fs::metadata(file) {
        Ok(found) if found.is_dir() => format!("{program} is a directory, not a program"),
        Ok(found) if found.permissions().mode() & 0o111 == 0 => {
            format!("{program} is not executable (chmod +x it, or name its interpreter in cmd)")
        }
        Ok(_) => format!("no permission to execute {program}, or its interpreter"),
        Err(error) => format!("no permission to execute {program}: {}", reason(&error)),
    }
}

/// The interpreter that a script names in its first line, if that does not exist.
fn missing_interpreter(script: &Path) -> Option<PathBuf> {
    let mut head = Vec::new();
    File::open(script).ok()?.take(SHEBANG_BYTES_MAX).read_to_end(&mut head).ok()?;
    let line = head.strip_prefix(b"#!")?.split(|byte| *byte == b'\n').next()?;
    let line = String::from_utf8_lossy(line);
    let interpreter = PathBuf::from(line.split_ascii_whitespace().next()?);
    (!interpreter.exists()).then_some(interpreter)
}
