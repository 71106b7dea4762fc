//! Reading the configuration's file, whatever it turns out to be.

use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::libc;

use super::reason::reason;
use crate::config::{Source, TEXT_BYTES_MAX};

/// Reads a configuration file. Never hangs: a FIFO is refused, not waited for.
///
/// # Errors
/// One line that names the file.
pub(crate) fn read(path: &Path) -> Result<Source, String> {
    let name = path.display().to_string().replace(char::is_control, "\u{fffd}");
    let read = || Ok((read_text(path)?, directory_of(path)?));
    let (text, directory) = read().map_err(|reason: String| format!("{name}: {reason}"))?;
    Ok(Source { name, text, directory })
}

/// A file that the configuration refers to, read as carefully.
pub(crate) fn read_referred(path: &Path) -> Result<String, String> {
    read_text(path).map_err(|reason| reason.replace("; name it with -c FILE", ""))
}

fn read_text(path: &Path) -> Result<String, String> {
    // Asked before it is opened: a socket cannot be, and to open a device may set it in motion.
    refuse_unless_regular(&fs::metadata(path).map_err(explain)?)?;
    // Asked again of what was opened, and opened so as not to wait, in case it was replaced.
    let file = OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY).open(path);
    let file = file.map_err(explain)?;
    refuse_unless_regular(&file.metadata().map_err(explain)?)?;
    let bytes = read_limited(file)?;
    String::from_utf8(bytes).map_err(|error| {
        let valid = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        let line = 1 + valid.iter().filter(|byte| **byte == b'\n').count();
        format!("line {line} is not UTF-8")
    })
}

fn refuse_unless_regular(found: &Metadata) -> Result<(), String> {
    let kind = found.file_type();
    let what = if kind.is_file() {
        return Ok(());
    } else if kind.is_dir() {
        "a directory"
    } else if kind.is_fifo() {
        "a FIFO"
    } else if kind.is_char_device() || kind.is_block_device() {
        "a device"
    } else {
        "a socket"
    };
    Err(format!("is {what}, not a file"))
}

/// All of it, or a refusal after one byte too many: files of /proc do not tell their size.
fn read_limited(file: File) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    file.take(TEXT_BYTES_MAX as u64 + 1).read_to_end(&mut bytes).map_err(explain)?;
    if bytes.len() > TEXT_BYTES_MAX {
        return Err(format!("larger than {TEXT_BYTES_MAX} bytes, which no configuration needs"));
    }
    Ok(bytes)
}

/// The absolute directory that its relative paths start from. They are kept as texts, so one that is
/// no text would become a different one, unnoticed.
fn directory_of(path: &Path) -> Result<PathBuf, String> {
    let file = path.canonicalize().map_err(explain)?;
    let directory = file.parent().unwrap_or(Path::new("/"));
    match directory.to_str() {
        Some(_) => Ok(directory.to_owned()),
        None => Err(format!("the name of its directory is not UTF-8: {directory:?}")),
    }
}

fn explain(error: io::Error) -> String {
    match error.raw_os_error().map(Errno::from_raw) {
        Some(Errno::ENOENT) => "there is no such file; name it with -c FILE".to_owned(),
        Some(Errno::EACCES) => "no permission to read it".to_owned(),
        Some(_) | None => reason(&error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    use std::os::unix::fs::symlink;

    #[test]
    fn a_file_is_read_and_its_own_directory_found() {
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path().canonicalize().unwrap();
        fs::create_dir(root.join("etc")).unwrap();
        fs::write(root.join("etc/real.yaml"), "programs: {}\r\n").unwrap();
        symlink("etc/real.yaml", root.join("link.yaml")).unwrap();
        for name in ["etc/real.yaml", "etc/../etc/real.yaml", "link.yaml"] {
            let source = read(&root.join(name)).unwrap();
            assert_eq!(source.text, "programs: {}\r\n");
            assert_eq!(source.directory, root.join("etc"));
            assert_eq!(source.name, root.join(name).display().to_string());
        }
    }

    #[test]
    fn a_file_may_be_as_large_as_it_says() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("config.yaml");
        fs::write(&file, vec![b'#'; TEXT_BYTES_MAX]).unwrap();
        assert_eq!(read(&file).unwrap().text.len(), TEXT_BYTES_MAX);
        fs::write(&file, vec![b'#'; TEXT_BYTES_MAX + 1]).unwrap();
        assert!(read(&file).unwrap_err().contains("larger than 1048576 bytes"));
    }

    #[test]
    fn a_directory_that_is_no_text_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let odd = directory.path().join(OsStr::from_bytes(b"odd\xff"));
        fs::create_dir(&odd).unwrap();
        fs::write(odd.join("config.yaml"), "programs: {}").unwrap();
        let message = read(&odd.join("config.yaml")).unwrap_err();
        assert!(message.contains(r#"the name of its directory is not UTF-8: ""#), "{message}");
        assert!(message.ends_with(r#"odd\xFF""#), "{message}");
    }
}
