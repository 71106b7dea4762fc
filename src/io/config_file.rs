//! Reading the configuration's file, whatever it turns out to be.

use std::fs::{File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::path::Path;

use nix::libc;

use crate::config::{Source, TEXT_BYTES_MAX};

/// Reads a configuration file. Never hangs: a FIFO is refused, not waited for.
///
/// # Errors
/// One line that names the file.
pub(crate) fn read(path: &Path) -> Result<Source, String> {
    let name = path.display().to_string().replace(char::is_control, "\u{fffd}");
    let text = read_text(path).map_err(|reason| format!("{name}: {reason}"))?;
    let absolute = path.canonicalize().map_err(|error| format!("{name}: {error}"))?;
    let directory = absolute.parent().unwrap_or(Path::new("/")).to_owned();
    Ok(Source { name, text, directory })
}

fn read_text(path: &Path) -> Result<String, String> {
    let file = OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY).open(path);
    let mut file = file.map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => "there is no such file; name it with -c FILE".to_owned(),
        io::ErrorKind::PermissionDenied => "no permission to read it".to_owned(),
        // What opening a socket gives.
        _ if error.raw_os_error() == Some(libc::ENXIO) => "is a socket, not a file".to_owned(),
        _ => error.to_string(),
    })?;
    refuse_unless_regular(&file)?;
    let mut bytes = Vec::new();
    let limit = TEXT_BYTES_MAX as u64 + 1;
    (&mut file).take(limit).read_to_end(&mut bytes).map_err(|error| error.to_string())?;
    if bytes.len() > TEXT_BYTES_MAX {
        return Err(format!("larger than {TEXT_BYTES_MAX} bytes, which no configuration needs"));
    }
    String::from_utf8(bytes).map_err(|error| {
        let valid = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        let line = 1 + valid.iter().filter(|byte| **byte == b'\n').count();
        format!("line {line} is not UTF-8")
    })
}

fn refuse_unless_regular(file: &File) -> Result<(), String> {
    let kind = file.metadata().map_err(|error| error.to_string())?.file_type();
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
