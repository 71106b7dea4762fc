//! Bytes of a terminal become keys: alike in whatever pieces they come, never a control character as text, and
//! Ctrl-C is heard whatever went before it.

#![no_main]

#[allow(dead_code, unused_imports, reason = "no part of the library's face, so it is taken as a file")]
#[path = "../../../src/io/console/keys.rs"]
mod keys;

use keys::{Decoder, Key};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let mut decoder = Decoder::new();
    let whole = decoder.feed(bytes);
    let mut decoder = Decoder::new();
    let pieces: Vec<Key> = bytes.chunks(3).flat_map(|piece| decoder.feed(piece)).collect();
    assert_eq!(whole, pieces);
    assert!(!whole.iter().any(|key| matches!(key, Key::Char(c) if c.is_control())), "{whole:?}");
    assert!(whole.len() <= 2 * bytes.len());
    assert!(decoder.feed(b"\x03").contains(&Key::Interrupt), "{bytes:?}");
});
