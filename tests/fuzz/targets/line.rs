//! A line of the console is a command or an error in words, and can be completed at any length.

#![no_main]

use libfuzzer_sys::fuzz_target;
use taskmaster::command::{self, Names, Target};

fuzz_target!(|bytes: &[u8]| {
    let line = String::from_utf8_lossy(bytes);
    if let Err(error) = command::parse(&line) {
        assert!(!error.to_string().is_empty());
    }
    let names = Names { programs: vec![("web", 3), ("worker", 1), ("db.main-1", 0)], states: &["RUNNING", "FATAL"] };
    let completion = command::complete(&line, &names);
    assert!(line.is_char_boundary(completion.start), "{} in {line:?}", completion.start);
    for word in line.split_whitespace() {
        let target = Target::parse(word);
        let _ = target.matches("web", 2, "RUNNING");
        let _ = target.matches_program("db.main-1");
    }
});
