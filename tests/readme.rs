//! The README names everything that there is, and with the right default.

use taskmaster::command::table;
use taskmaster::config::{PROGRAM_KEYS, SUPERVISOR_KEYS};

fn readme() -> String {
    std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/README.md")).unwrap()
}

/// The row of a table whose first cell names `key`.
fn row_of<'a>(readme: &'a str, key: &str) -> &'a str {
    let names = |line: &&str| {
        let cell = line.strip_prefix("| ").and_then(|rest| rest.split(" | ").next()).unwrap_or("");
        cell.split(", ").any(|name| name.trim_matches('`').split(' ').next() == Some(key))
    };
    readme.lines().find(names).unwrap_or_else(|| panic!("the README has no row for {key}"))
}

#[test]
fn every_key_has_its_row() {
    let readme = readme();
    for name in PROGRAM_KEYS.iter().map(|key| key.name).chain(SUPERVISOR_KEYS.iter().map(|key| key.name)) {
        row_of(&readme, name);
    }
}

#[test]
fn plain_defaults_are_those_of_the_schema() {
    let readme = readme();
    let keys = PROGRAM_KEYS.iter().map(|key| (key.name, key.default));
    for (name, default) in keys.chain(SUPERVISOR_KEYS.iter().map(|key| (key.name, key.default))) {
        if !default.contains(' ')
            && !matches!(default, "required" | "inherited" | "none" | "{}")
            && !default.contains('{')
        {
            assert!(row_of(&readme, name).contains(default), "{name} is {default} by default");
        }
    }
}

#[test]
fn every_command_has_its_row() {
    let readme = readme();
    for row in table::ROWS {
        row_of(&readme, row.names[0]);
    }
}
