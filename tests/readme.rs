//! The README names everything that there is, and with the right default.

use taskmaster::command::table;
use taskmaster::config::{Applies, PROGRAM_KEYS, SUPERVISOR_KEYS};

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

/// What stands in backticks between `beginning` and the next full stop.
fn names_after(readme: &str, beginning: &str) -> Vec<String> {
    let (_, rest) = readme.split_once(beginning).unwrap_or_else(|| panic!("the README says {beginning}"));
    let sentence = rest.split_once('.').map_or(rest, |(sentence, _)| sentence);
    sentence.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

#[test]
fn what_applies_in_place_is_what_the_schema_says() {
    let readme = readme();
    let all_that = |applies| -> Vec<&str> {
        PROGRAM_KEYS.iter().filter(|key| key.applies == applies).map(|key| key.name).collect()
    };
    let (now, later) = ("Applied in place, to what runs:", "Applied in place, but only what starts");
    assert_eq!(names_after(&readme, now), all_that(Applies::InPlace));
    assert_eq!(names_after(&readme, later), all_that(Applies::NextStart));
}
