//! Whatever is done to a configuration, it is read or refused: at once, without a panic, and with
//! messages that point into the text and that a terminal can be trusted with.

use std::time::Duration;

use taskmaster::config::{self, Diagnostic};

use super::mutate::{Random, mutate};
use super::{CpuTime, environment, source};

/// Every mutation is replayable: the number of a failed one is its seed.
const MUTATIONS: u64 = 3_000;

/// Anchors, merges, quotes, lists, block texts and wide characters, which the shipped file lacks.
const DENSE: &str = "\u{feff}x-base: &base {umask: 022, env: {A: \"ü\\u0041\", B: 'it''s'}}
programs:
  a.b-c_d: {<<: *base, cmd: [run, \"{process_num:02}\", 日本語], exitcodes: [0, 2], numprocs: 3}
  web:
    <<: [*base, {starttime: 1h 30m}]
    cmd: |
      sh -c 'echo ${HOME} $$' # not a comment
    stdout: ../logs/{program_name}.log\t# a comment
    stderr: stdout
    ? stopsignal
    : USR1
taskmaster: {http: \"[::1]:8080\", allowed_hosts: [a.example], logfile_maxbytes: 1GB}
";

/// The position lies in the text, or just behind the last character of a line of it.
fn points_into(text: &str, problem: &Diagnostic) -> bool {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    problem.position.is_none_or(|at| {
        let line = text.split('\n').nth(at.line - 1);
        line.is_some_and(|line| (1..=line.chars().count() + 1).contains(&at.column))
    })
}

#[test]
fn mutated_configurations_are_read_or_refused_in_order() {
    let shipped = include_str!("../../config.yaml");
    let mut refused = 0;
    for seed in 1..=MUTATIONS {
        let original = if seed % 2 == 0 { shipped } else { DENSE };
        let source = source(&mutate(original, &mut Random(seed * 0x9E37_79B9)));
        let started = CpuTime::start();
        let Err(problems) = config::parse(&source, &environment) else { continue };
        let rendered = config::render(&source, &problems, false);
        let took = started.spent();
        refused += 1;
        assert!(took < Duration::from_secs(1), "mutation {seed} took {took:?}");
        assert!(!problems.is_empty(), "mutation {seed}");
        for problem in &problems {
            assert!(points_into(&source.text, problem), "mutation {seed}: {problem:?}\n{}", source.text);
        }
        assert!(problems.is_sorted_by_key(|problem| problem.position), "mutation {seed}: {problems:?}");
        let obeyed = rendered.chars().find(|c| c.is_control() && *c != '\n');
        assert_eq!(obeyed, None, "mutation {seed}: {rendered:?}");
    }
    assert!(refused > MUTATIONS / 4, "only {refused} mutations broke anything");
}

#[test]
fn the_originals_are_valid() {
    for text in [include_str!("../../config.yaml"), DENSE] {
        assert!(config::parse(&source(text), &environment).is_ok());
    }
}
