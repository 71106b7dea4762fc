//! Whatever is done to a configuration, it is read or refused: at once, without a panic, and with
//! messages that point into the text and that a terminal can be trusted with.

use std::time::Duration;

use taskmaster::config::{self, Diagnostic};

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

/// What YAML or we might stumble over.
const TOKENS: [&str; 32] = [
    "[",
    "]",
    "{",
    "}",
    ": ",
    "- ",
    "? ",
    "&a ",
    "*base",
    "*a",
    "<<: ",
    "!x ",
    "!!int ",
    "|\n",
    ">-\n",
    "---\n",
    "...\n",
    "%YAML",
    "\"",
    "'",
    "#",
    "\t",
    "\r",
    "\u{1b}[31m",
    "\u{85}",
    "\u{2028}",
    "\u{202e}",
    "\u{feff}",
    "\u{0}",
    "${",
    "99999999999999999999",
    "~",
];

/// xorshift64*: enough to choose places with.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) as usize % limit.max(1)
    }

    /// A place between two characters.
    fn place(&mut self, text: &str) -> usize {
        let at = self.below(text.len() + 1);
        (0..=at).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0)
    }
}

fn mutate(text: &str, random: &mut Random) -> String {
    let mut text = text.to_owned();
    for _ in 0..=random.below(3) {
        let (a, b) = (random.place(&text), random.place(&text));
        let (start, end) = (a.min(b), a.max(b));
        match random.below(5) {
            0 => text.insert_str(start, TOKENS[random.below(TOKENS.len())]),
            1 => text.replace_range(start..end, ""),
            2 => text = text[..start].to_owned() + &text[start..end] + &text[start..],
            3 => text.truncate(start),
            _ => {
                let end = text[start..].chars().next().map_or(start, |c| start + c.len_utf8());
                text.replace_range(start..end, TOKENS[random.below(TOKENS.len())]);
            }
        }
    }
    text
}

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
