//! From a failing history to a short one that fails alike: whatever of its scene can be left out or made simpler
//! is, as long as the same promise stays broken.

use std::collections::BTreeSet;
use std::ops::Range;
use std::time::{Duration, Instant};

use crate::script::{nanoseconds, time};

/// How long to try at most.
const PATIENCE: Duration = Duration::from_secs(30);
/// A pass of time that takes another in may be so many lines away.
const REACH: usize = 4;
const SECOND: Duration = Duration::from_secs(1);
const MILLISECOND: Duration = Duration::from_millis(1);

/// The shortest scene found that still fails.
pub fn shrink(scene: &str, fails: impl FnMut(&str) -> bool) -> String {
    let lines = scene.lines().map(str::to_owned).collect();
    let mut shrinking = Shrinking { lines, fails, begin: Instant::now() };
    loop {
        let before = shrinking.lines.clone();
        shrinking.cut_lines();
        shrinking.cut_names();
        shrinking.join_times();
        shrinking.simplify_lines();
        if shrinking.lines == before || shrinking.is_out_of_patience() {
            return shrinking.lines.join("\n");
        }
    }
}

/// What was broken, whoever and whenever it was: without numbers.
pub fn kind(broken: &str) -> String {
    broken.chars().filter(|it| !it.is_ascii_digit()).collect()
}

struct Shrinking<F> {
    /// They fail.
    lines: Vec<String>,
    fails: F,
    begin: Instant,
}

impl<F: FnMut(&str) -> bool> Shrinking<F> {
    fn is_out_of_patience(&self) -> bool {
        self.begin.elapsed() >= PATIENCE
    }

    /// Takes these lines if they fail as well.
    fn take(&mut self, lines: Vec<String>) -> bool {
        let is_taken = lines != self.lines && !self.is_out_of_patience() && (self.fails)(&lines.join("\n"));
        if is_taken {
            self.lines = lines;
        }
        is_taken
    }

    /// Leaves out pieces, large ones first.
    fn cut_lines(&mut self) {
        let mut size = (self.lines.len() / 2).max(1);
        loop {
            // From the end: what nothing comes of is left out before that of which it would have come.
            let mut end = self.lines.len();
            while end > 0 {
                let begin = end.saturating_sub(size);
                self.take([&self.lines[..begin], &self.lines[end..]].concat());
                end = begin;
            }
            if size == 1 {
                return;
            }
            size /= 2;
        }
    }

    /// Leaves out all that is said of an instance, or of a program, which is left out of the configurations, too.
    fn cut_names(&mut self) {
        let words = |line: &String| line.split(' ').map(str::to_owned).collect::<Vec<_>>();
        let instances = self.lines.iter().flat_map(words).filter(|word| is_instance(word));
        let instances: BTreeSet<String> = instances.collect();
        let programs: BTreeSet<String> = (0..10).map(|number| format!("p{number}")).collect();
        for name in programs.into_iter().chain(instances) {
            let of_it = format!("{name}:");
            let is_of_it = |word: String| word == name || word.starts_with(&of_it);
            let mut lines = Vec::new();
            for line in &self.lines {
                if is_configuration(line) {
                    lines.push(without_program(line, &of_it));
                } else if !words(line).into_iter().any(is_of_it) {
                    lines.push(line.clone());
                }
            }
            self.take(lines);
        }
    }

    /// Lets time pass once where it passes twice.
    fn join_times(&mut self) {
        let passed = |line: &String| line.strip_prefix("pass ").and_then(|text| nanoseconds(text).ok());
        let mut at = 0;
        while at < self.lines.len() {
            let next = (at + 1..self.lines.len().min(at + 1 + REACH)).find(|next| {
                let both = [&self.lines[at], &self.lines[*next]].map(passed);
                both.iter().all(Option::is_some)
            });
            let both =
                next.and_then(|next| Some((next, passed(&self.lines[at])? + passed(&self.lines[next])?)));
            let is_taken = both.is_some_and(|(next, sum)| {
                let mut lines = self.lines.clone();
                lines[next] = format!("pass {}", time(sum));
                lines.drain(at..next);
                self.take(lines)
            });
            at += usize::from(!is_taken);
        }
    }

    fn simplify_lines(&mut self) {
        for at in 0..self.lines.len() {
            let mut is_simpler = true;
            while std::mem::take(&mut is_simpler) {
                for line in simpler(&self.lines[at]) {
                    let mut lines = self.lines.clone();
                    lines[at] = line;
                    is_simpler = self.take(lines);
                    if is_simpler {
                        break;
                    }
                }
            }
        }
    }
}

fn is_instance(word: &str) -> bool {
    word.split_once(':').is_some_and(|(name, number)| {
        name.starts_with('p') && !number.is_empty() && number.bytes().all(|it| it.is_ascii_digit())
    })
}

fn is_configuration(line: &str) -> bool {
    line.starts_with("config ") || line.starts_with("reload ")
}

/// Without the program that `begin` begins, and without those who say that they need it.
fn without_program(line: &str, begin: &str) -> String {
    let mut line = line.to_owned();
    while let Some(element) = elements(&line).into_iter().find(|it| line[it.clone()].starts_with(begin)) {
        line = without(&line, element);
    }
    line
}

/// Lines that say less, those that say least first.
fn simpler(line: &str) -> Vec<String> {
    let mut simpler = Vec::new();
    if is_configuration(line) {
        let mut elements = elements(line);
        elements.sort_by_key(|it| std::cmp::Reverse(it.len()));
        simpler.extend(elements.into_iter().map(|it| without(line, it)));
    } else if line.starts_with("spawned ") {
        let words: Vec<&str> = line.split(' ').collect();
        let fewer = (2..words.len()).map(|at| [&words[..at], &words[at + 1..]].concat().join(" "));
        simpler.extend(fewer);
    }
    for number in numbers(line) {
        let text = &line[number.clone()];
        for other in simpler_numbers(text) {
            if (other.len(), other.as_str()) < (text.len(), text) {
                simpler.push([&line[..number.start], &other, &line[number.end..]].concat());
            }
        }
    }
    simpler
}

/// The elements of all lists and maps.
fn elements(line: &str) -> Vec<Range<usize>> {
    let (mut elements, mut open, mut is_quoted) = (Vec::new(), Vec::new(), false);
    for (at, byte) in line.bytes().enumerate() {
        match byte {
            b'\'' => is_quoted = !is_quoted,
            _ if is_quoted => {}
            b'{' | b'[' => open.push(at + 1),
            b',' => {
                if let Some(begin) = open.last_mut() {
                    elements.push(*begin..at);
                    *begin = at + 2;
                }
            }
            b'}' | b']' => elements.extend(open.pop().filter(|begin| *begin < at).map(|begin| begin..at)),
            _ => {}
        }
    }
    elements
}

fn without(line: &str, element: Range<usize>) -> String {
    let (before, after) = (&line[..element.start], &line[element.end..]);
    match after.strip_prefix(", ") {
        Some(after) => [before, after].concat(),
        None => [before.strip_suffix(", ").unwrap_or(before), after].concat(),
    }
}

/// Numbers with their units, where they are not part of a name.
fn numbers(line: &str) -> Vec<Range<usize>> {
    let bytes = line.as_bytes();
    let (mut numbers, mut at) = (Vec::new(), 0);
    while at < bytes.len() {
        let begin = at;
        while at < bytes.len() && (bytes[at].is_ascii_alphanumeric() || bytes[at] == b'.') {
            at += 1;
        }
        let is_value = begin > 0 && matches!(bytes[begin - 1], b' ' | b'=' | b':');
        // `p0:1` is a name; `brood=1s:2s:-` has times.
        let has_unit = at > begin && bytes[at - 1] == b's';
        let is_name = begin > 0 && bytes[begin - 1] == b':' && !has_unit;
        if is_value && !is_name && at > begin && bytes[begin].is_ascii_digit() {
            numbers.push(begin..at);
        }
        at = at.max(begin + 1);
    }
    numbers
}

fn simpler_numbers(text: &str) -> Vec<String> {
    let Ok(long) = nanoseconds(text) else {
        return ["0", "1", "2", "3", "4"].map(str::to_owned).to_vec();
    };
    let mut times = vec![Duration::ZERO, SECOND];
    for unit in [SECOND, MILLISECOND] {
        let whole = unit * u32::try_from(long.as_nanos() / unit.as_nanos()).unwrap_or(0);
        times.extend([whole, whole + unit]);
    }
    times.into_iter().map(time).collect()
}

#[test]
fn what_does_not_matter_is_cut_away() {
    let lines: Vec<String> = (0..152).map(|number| format!("take {number}")).collect();
    let scene =
        format!("config {{programs: {{p0: {{a: 5, b: [x, y]}}, p1: {{c: 'x, y'}}}}}}\n{}", lines.join("\n"));
    let fails = |scene: &str| {
        let has = |word: &str| scene.contains(word);
        has("b: [y") && has("take 17\n") && scene.ends_with("take 151")
    };
    assert_eq!(shrink(&scene, fails), "config {programs: {p0: {b: [y]}}}\ntake 17\ntake 151");
}

#[test]
fn times_are_joined_and_made_round() {
    let scene =
        "config {}\npass 1200000001ns\ntick\npass 3s\ntick\nspawned p1:2 life=5s:code1 frozen brood=3s:2s:-";
    let total = |scene: &str| {
        let passed = scene.lines().filter_map(|line| nanoseconds(line.strip_prefix("pass ")?).ok());
        passed.sum::<Duration>()
    };
    let fails = |scene: &str| total(scene) > Duration::from_secs(4) && scene.contains("life=");
    assert_eq!(shrink(scene, fails), "pass 5s\nspawned p1:2 life=0s:code1");
}

#[test]
fn what_fails_in_any_case_needs_nothing() {
    assert_eq!(shrink("config {}\nboot\ntick", |_| true), "");
    assert_eq!(kind("w:12: SIGTERM to pid 7"), kind("w:3: SIGTERM to pid 99"));
}
