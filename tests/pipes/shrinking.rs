//! From a failing sequence to a short one that fails alike: the numbers that it draws are a tape, of which
//! pieces are cut out or made 0 as long as the same promise stays broken.

use std::time::{Duration, Instant};

/// How long to try at most.
const PATIENCE: Duration = Duration::from_secs(20);

/// The shortest tape found that still fails. `fails` is asked about a tape; behind its end all draws are 0.
pub fn shrink(mut tape: Vec<u64>, fails: impl Fn(&[u64]) -> bool) -> Vec<u64> {
    let begin = Instant::now();
    while !tape.is_empty() && fails(&tape[..tape.len() / 2]) {
        tape.truncate(tape.len() / 2);
    }
    let mut size = (tape.len() / 2).max(1);
    loop {
        let length = tape.len();
        let mut at = 0;
        while at < tape.len() && begin.elapsed() < PATIENCE {
            let end = (at + size).min(tape.len());
            let without = [&tape[..at], &tape[end..]].concat();
            if fails(&without) {
                tape = without;
                continue;
            }
            let mut zeroed = tape.clone();
            zeroed[at..end].fill(0);
            if zeroed != tape && fails(&zeroed) {
                tape = zeroed;
            }
            at = end;
        }
        let is_at_its_end = size == 1 && tape.len() == length;
        if is_at_its_end || begin.elapsed() >= PATIENCE {
            return tape;
        }
        size = if tape.len() < length { size } else { size / 2 }.clamp(1, tape.len().max(1));
    }
}

/// What was broken, whoever and whenever it was: without numbers.
pub fn kind(broken: &str) -> String {
    broken.chars().filter(|it| !it.is_ascii_digit()).collect()
}

#[test]
fn what_does_not_matter_is_cut_away() {
    let tape: Vec<u64> = (1..1000).collect();
    let fails = |tape: &[u64]| tape.iter().filter(|it| **it % 97 == 5).count() >= 2 && tape.len() >= 4;
    let short = shrink(tape, fails);
    assert!(fails(&short) && short.len() == 4, "{short:?}");
    assert_eq!(short.iter().filter(|it| **it == 0).count(), 2, "{short:?}");
}

#[test]
fn what_fails_in_any_case_needs_nothing() {
    assert!(shrink(vec![1, 2, 3], |_| true).is_empty());
    assert_eq!(kind("w:12: SIGTERM to pid 7"), kind("w:3: SIGTERM to pid 99"));
}
