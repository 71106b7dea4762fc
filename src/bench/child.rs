//! The program that is started: it waits for ever and dies on TERM. Anything livelier would be measured,
//! too, so it is made here, of a few instructions and without a C library.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// `ppoll(NULL, 0, NULL, NULL)`, again and again.
#[cfg(target_arch = "x86_64")]
const CODE: &[u8] = &[
    0x31, 0xff, 0x31, 0xf6, 0x31, 0xd2, 0x45, 0x31, 0xd2, // edi, esi, edx, r10d = 0
    0xb8, 0x0f, 0x01, 0x00, 0x00, // eax = 271
    0x0f, 0x05, // syscall
    0xeb, 0xee, // back to the beginning
];
#[cfg(target_arch = "aarch64")]
const CODE: &[u8] = &[
    0x00, 0x00, 0x80, 0xd2, 0x01, 0x00, 0x80, 0xd2, // x0, x1 = 0
    0x02, 0x00, 0x80, 0xd2, 0x03, 0x00, 0x80, 0xd2, // x2, x3 = 0
    0x28, 0x09, 0x80, 0xd2, // x8 = 73
    0x01, 0x00, 0x00, 0xd4, // svc 0
    0xfa, 0xff, 0xff, 0x17, // back to the beginning
];
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
const CODE: &[u8] = &[];

const MACHINE: u8 = if cfg!(target_arch = "aarch64") { 183 } else { 62 };
/// Where it is loaded, and how long its two headers are.
const BASE: u64 = 0x40_0000;
const HEAD_BYTES: u64 = 64 + 56;

/// Writes it to `path`; its command line.
pub(super) fn prepare(path: &Path) -> io::Result<Vec<String>> {
    if CODE.is_empty() {
        return Ok(["sleep", "1000000"].map(str::to_owned).to_vec());
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o700).open(path)?;
    file.write_all(&image())?;
    Ok(vec![path.display().to_string()])
}

/// An ELF file (elf(5)) of one segment: the headers, and the code behind them.
fn image() -> Vec<u8> {
    let mut image = vec![0x7f, b'E', b'L', b'F', 2, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    let short = |number: u16| number.to_le_bytes();
    let long = |number: u64| number.to_le_bytes();
    image.extend([short(2), short(u16::from(MACHINE)), short(1), short(0)].concat());
    // The entry, where the program headers begin, no section headers, no flags.
    image.extend([long(BASE + HEAD_BYTES), long(64), long(0)].concat());
    image.extend([0; 4]);
    image.extend([short(64), short(56), short(1), short(64), short(0), short(0)].concat());
    // One segment to load, to be read and executed, the whole file.
    image.extend([short(1), short(0), short(5), short(0)].concat());
    let length = HEAD_BYTES + CODE.len() as u64;
    image.extend([long(0), long(BASE), long(BASE), long(length), long(length), long(0x1000)].concat());
    image.extend(CODE);
    image
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    #[test]
    fn it_runs_until_it_is_told_to_end() {
        use std::os::unix::process::ExitStatusExt;
        let directory = tempfile::tempdir().unwrap();
        let words = prepare(&directory.path().join("pause")).unwrap();
        let mut child = Command::new(&words[0]).args(&words[1..]).spawn().unwrap();
        nix::sys::signal::kill(
            nix::unistd::Pid::from_raw(child.id().cast_signed()),
            nix::sys::signal::Signal::SIGTERM,
        )
        .unwrap();
        assert_eq!(child.wait().unwrap().signal(), Some(15));
    }
}
