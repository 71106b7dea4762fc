//! The floor: a read and a write of 64 KiB at a time, and a rename where the file has reached its
//! size. It knows nothing of lines.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::path::Path;

/// `copier FILE`: copies standard input.
pub const ROLE: &str = "copier";
const BLOCK_BYTES: usize = 64 * 1024;

/// Copies until the end of input.
pub fn copy(path: &Path, max_bytes: u64, backups: u32) {
    let mut input = std::io::stdin().lock();
    let mut block = vec![0; BLOCK_BYTES];
    let mut file = create(path);
    let mut size = 0;
    loop {
        // The lock buffers nothing that is as large as its buffer.
        let count = input.read(&mut block).expect("input can be read");
        if count == 0 {
            return;
        }
        if size + count as u64 > max_bytes {
            let backup = |number: u32| path.with_extension(number.to_string());
            for number in (1..backups).rev() {
                let _ = fs::rename(backup(number), backup(number + 1));
            }
            fs::rename(path, backup(1)).expect("the directory takes files");
            file = create(path);
            size = 0;
        }
        file.write_all(&block[..count]).expect("the disk has room");
        size += count as u64;
    }
}

fn create(path: &Path) -> File {
    File::options().append(true).create(true).open(path).expect("the directory takes files")
}
