//! What could stand where the cursor is, by the table of commands and the names of what is supervised.

use super::table::{self, ROWS, Row};
use crate::signal::Signal;

/// Instances that are offered at most; who has 5,000 does not read a list of them.
const INSTANCES_MAX: u32 = 200;

/// What a word can be replaced by.
#[derive(Debug, PartialEq, Eq)]
pub struct Completion {
    /// Where the word begins, in bytes.
    pub start: usize,
    /// Everything that fits, each ending with a blank if the word is complete with it.
    pub candidates: Vec<String>,
}

/// The names that targets are made of.
pub struct Names<'a> {
    /// Every program and how many instances it has.
    pub programs: Vec<(&'a str, u32)>,
    /// Every state.
    pub states: &'a [&'static str],
}

/// Completes the last word of `line`, which ends at the cursor.
pub fn complete(line: &str, names: &Names) -> Completion {
    let start = line
        .rfind(char::is_whitespace)
        .map_or(0, |at| at + line[at..].chars().next().map_or(1, char::len_utf8));
    let word = &line[start..];
    let mut before = line[..start].split_whitespace();
    let offered = match before.next() {
        None => whole(ROWS.iter().map(|row| row.names[0].to_owned())),
        Some(name) => match table::find(name) {
            Some(row) => arguments(row, &before.collect::<Vec<_>>(), word, names),
            None => Vec::new(),
        },
    };
    let mut candidates: Vec<String> =
        offered.into_iter().filter(|candidate| starts(candidate, word)).collect();
    if candidates.is_empty() && before_is_empty(line, start) {
        // quit is another name of exit: not offered, but known.
        let others = ROWS.iter().flat_map(|row| row.names[1..].iter()).map(|name| format!("{name} "));
        candidates = others.filter(|name| starts(name, word)).collect();
    }
    candidates.sort_by(|a, b| natural(a).cmp(&natural(b)));
    candidates.dedup();
    Completion { start, candidates }
}

fn before_is_empty(line: &str, start: usize) -> bool {
    line[..start].trim().is_empty()
}

/// Names of states and signals are found in either case.
fn starts(candidate: &str, word: &str) -> bool {
    let is_upper = candidate.starts_with('@') || candidate.starts_with(|c: char| c.is_ascii_uppercase());
    candidate.starts_with(word) || (is_upper && candidate.starts_with(&word.to_ascii_uppercase()))
}

/// worker:10 comes behind worker:9.
fn natural(candidate: &str) -> (&str, u32, &str) {
    let name = candidate.trim_end();
    match name.rsplit_once(':').and_then(|(program, number)| Some((program, number.parse().ok()?))) {
        Some((program, number)) => (program, number, name),
        None => (name, 0, name),
    }
}

fn whole(words: impl Iterator<Item = String>) -> Vec<String> {
    words.map(|word| word + " ").collect()
}

fn arguments(row: &Row, before: &[&str], word: &str, names: &Names) -> Vec<String> {
    if let Some(flag) = before.last().and_then(|last| value_of(row, last)) {
        return if flag == "TARGET" { targets(word, names) } else { Vec::new() };
    }
    if word.starts_with('-') && !before.contains(&"--") {
        let short = row.flags.iter().filter_map(|flag| flag.short).map(|short| format!("-{short}"));
        let long = row.flags.iter().map(|flag| format!("--{}", flag.long));
        return if word.starts_with("--") { whole(long) } else { whole(short.chain(long)) };
    }
    let mut given = 0;
    let mut words = before.iter();
    while let Some(word) = words.next() {
        match value_of(row, word) {
            Some(_) => drop(words.next()),
            None if word.starts_with('-') => {}
            None => given += 1,
        }
    }
    let slots: Vec<&str> = row.arguments.split(' ').filter(|slot| !slot.is_empty()).collect();
    // Behind the first of several targets there may be another one, or what follows them.
    let many = slots.iter().position(|slot| slot.contains("..."));
    let possible = match many {
        Some(many) if given > many => &slots[many..],
        _ => slots.get(given..=given).unwrap_or(&[]),
    };
    possible.iter().flat_map(|slot| fitting(slot, word, names)).collect()
}

/// What an argument can be.
fn fitting(slot: &str, word: &str, names: &Names) -> Vec<String> {
    match slot.trim_matches(['[', ']', '.']) {
        "TARGET" => targets(word, names),
        "NAME" => whole(names.programs.iter().map(|(name, _)| (*name).to_owned())),
        "SIGNAL" | "SIG" => whole(Signal::names().map(str::to_owned)),
        "COMMAND" => whole(ROWS.iter().map(|row| row.names[0].to_owned())),
        choices if choices.contains('|') => whole(choices.split('|').map(str::to_owned)),
        _ => Vec::new(),
    }
}

/// What a word as a flag takes from the next word, if it is one that takes something.
fn value_of(row: &Row, word: &str) -> Option<&'static str> {
    let long = word.strip_prefix("--");
    let short = word.strip_prefix('-').filter(|_| long.is_none()).and_then(|letters| letters.chars().last());
    let is_named = |flag: &&super::Flag| long == Some(flag.long) || (short.is_some() && flag.short == short);
    row.flags.iter().find(is_named)?.value
}

/// Programs first; instances when the word has come to the colon; states behind an @.
fn targets(word: &str, names: &Names) -> Vec<String> {
    if word.starts_with('@') {
        return whole(names.states.iter().map(|state| format!("@{state}")));
    }
    let Some((program, _)) = word.split_once(':') else {
        let programs = names.programs.iter().map(|(name, _)| (*name).to_owned());
        return whole(programs.chain(["all".to_owned()]));
    };
    let Some((name, numprocs)) = names.programs.iter().find(|(name, _)| *name == program) else {
        return Vec::new();
    };
    let numbers = (0..*numprocs).map(|number| format!("{name}:{number} "));
    let mut instances: Vec<String> =
        numbers.filter(|instance| instance.starts_with(word)).take(INSTANCES_MAX as usize).collect();
    if *numprocs != 1 {
        instances.push(format!("{name}:* "));
    }
    instances
}

#[cfg(test)]
mod tests {
    use super::*;

    fn completed(line: &str) -> Vec<String> {
        let names = Names {
            programs: vec![("web", 1), ("worker", 12), ("wide", 5000)],
            states: &["RUNNING", "FATAL"],
        };
        let completion = complete(line, &names);
        assert!(line.is_char_boundary(completion.start));
        completion.candidates
    }

    #[test]
    fn commands_come_first_and_other_names_of_them_only_when_asked_for() {
        assert_eq!(completed("sta"), ["start ", "status "]);
        assert_eq!(completed("  sig"), ["signal "]);
        assert_eq!(completed("qu"), ["quit "]);
        assert!(completed("").contains(&"exit ".to_owned()) && !completed("").contains(&"quit ".to_owned()));
        assert_eq!(completed("help vers"), ["version "]);
        assert_eq!(completed("nonsense w"), [""; 0]);
    }

    #[test]
    fn targets_are_programs_then_instances_then_states() {
        assert_eq!(completed("stop w"), ["web ", "wide ", "worker "]);
        assert_eq!(completed("stop web a"), ["all "]);
        assert_eq!(completed("stop worker:1"), ["worker:1 ", "worker:10 ", "worker:11 "]);
        assert_eq!(completed("stop web:"), ["web:0 "]);
        assert_eq!(completed("start @f"), ["@FATAL "]);
        assert_eq!(completed("start\u{3000}@f"), ["@FATAL "]);
        assert!(completed("stop wide:").len() <= 1 + INSTANCES_MAX as usize);
        assert_eq!(completed("version w"), [""; 0]);
        assert_eq!(completed("exit "), [""; 0]);
    }

    #[test]
    fn signals_stand_where_the_table_says() {
        assert_eq!(completed("signal te"), ["TERM "]);
        assert_eq!(completed("signal TERM we"), ["web "]);
        assert_eq!(completed("signal TERM web wo"), ["worker "]);
        assert_eq!(completed("tail s"), [""; 0]);
        assert_eq!(completed("tail -n 5 web s"), ["stderr ", "stdout "]);
        assert_eq!(completed("tail web w"), ["web ", "wide ", "worker "]);
        assert_eq!(completed("messages p"), ["problems "]);
    }

    #[test]
    fn every_flag_of_every_command_is_offered() {
        for row in ROWS {
            let offered = completed(&format!("{} --", row.names[0]));
            assert_eq!(offered.len(), row.flags.len(), "{}", row.names[0]);
        }
    }
}
