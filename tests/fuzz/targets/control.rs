//! The body of a command is a line or a refusal; a line survives the way there, and answers the way back.

#![no_main]

use libfuzzer_sys::fuzz_target;
use taskmaster::command;
use taskmaster::http::commands;

fuzz_target!(|bytes: &[u8]| {
    match commands::command(bytes) {
        Ok(line) => {
            assert_eq!(commands::command(&commands::question(&line)), Ok(line.clone()));
            let _ = command::parse(&line);
        }
        Err(refusal) => assert_eq!(refusal.status, 400),
    }
    if let Some((ok, lines)) = commands::parse_answer(bytes) {
        assert_eq!(commands::parse_answer(&commands::answer(ok, &lines)), Some((ok, lines)));
    }
    let line = String::from_utf8_lossy(bytes).into_owned();
    assert_eq!(commands::command(&commands::question(&line)), Ok(line));
});
