//! Which instances a command means.

use std::fmt;

/// `worker`, `worker:1`, `worker:*`, a glob such as `w*`, a state such as `@FATAL`, or `all`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// As it was written, for messages.
    text: String,
    pattern: Pattern,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Pattern {
    All,
    /// Name of a state, upper case.
    State(String),
    /// A program's name or a glob of it, and which of its instances.
    Name {
        program: String,
        is_glob: bool,
        numbers: Numbers,
    },
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Numbers {
    /// None was written.
    Any,
    /// `*`
    Each,
    One(u32),
    Glob(String),
    /// No number is written like this.
    Never,
}

/// Which instances of one program a target means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Share<'a> {
    /// None, whatever there are.
    Nothing,
    /// All, even if there are none.
    Whole,
    /// The one of this number.
    Number(u32),
    /// Those whose number this glob describes.
    Numbers(&'a str),
    /// Those in the state of this name.
    State(&'a str),
}

impl Share<'_> {
    /// Whether an instance is in it; `state` is the name of the instance's state.
    pub fn has(self, number: u32, state: &str) -> bool {
        match self {
            Share::Nothing => false,
            Share::Whole => true,
            Share::Number(wanted) => wanted == number,
            Share::Numbers(wanted) => glob(wanted.as_bytes(), number.to_string().as_bytes()),
            Share::State(wanted) => wanted == state,
        }
    }
}

impl Numbers {
    fn parse(text: &str) -> Numbers {
        // Instances are called by the usual way to write their numbers, not by 01 or +1.
        let is_usual =
            text == "0" || (text.bytes().all(|byte| byte.is_ascii_digit()) && !text.starts_with('0'));
        match text.parse() {
            _ if text == "*" => Numbers::Each,
            _ if is_glob(text) => Numbers::Glob(text.to_owned()),
            Ok(number) if is_usual => Numbers::One(number),
            Ok(_) | Err(_) => Numbers::Never,
        }
    }
}

fn is_glob(text: &str) -> bool {
    text.bytes().any(|byte| matches!(byte, b'*' | b'?'))
}

impl Target {
    /// Any text without blanks is a target; whether it matches something is another question.
    pub fn parse(text: &str) -> Target {
        let pattern = if text == "all" {
            Pattern::All
        } else if let Some(state) = text.strip_prefix('@') {
            Pattern::State(state.to_ascii_uppercase())
        } else {
            let (program, numbers) = match text.split_once(':') {
                Some((program, number)) => (program, Numbers::parse(number)),
                None => (text, Numbers::Any),
            };
            Pattern::Name { program: program.to_owned(), is_glob: is_glob(program), numbers }
        };
        Target { text: text.to_owned(), pattern }
    }

    /// Which instances of the program of this name it means.
    pub fn share_of(&self, program: &str) -> Share<'_> {
        match &self.pattern {
            Pattern::All => Share::Whole,
            Pattern::State(state) => Share::State(state),
            Pattern::Name { program: wanted, is_glob, .. }
                if wanted != program && !(*is_glob && glob(wanted.as_bytes(), program.as_bytes())) =>
            {
                Share::Nothing
            }
            Pattern::Name { numbers, .. } => match numbers {
                Numbers::Any | Numbers::Each => Share::Whole,
                Numbers::One(number) => Share::Number(*number),
                Numbers::Glob(numbers) => Share::Numbers(numbers),
                Numbers::Never => Share::Nothing,
            },
        }
    }

    /// Whether it means this instance; `state` is the name of the instance's state.
    pub fn matches(&self, program: &str, number: u32, state: &str) -> bool {
        self.share_of(program).has(number, state)
    }

    /// Whether it means a program as a whole, so that one without instances is no mistake.
    pub fn matches_program(&self, program: &str) -> bool {
        self.share_of(program) == Share::Whole
    }

    /// Whether it speaks of instances by number: `worker:*`.
    pub fn has_number(&self) -> bool {
        matches!(&self.pattern, Pattern::Name { numbers, .. } if *numbers != Numbers::Any)
    }

    /// The state it asks for, if it asks for one.
    pub fn state(&self) -> Option<&str> {
        match &self.pattern {
            Pattern::State(state) => Some(state),
            Pattern::All | Pattern::Name { .. } => None,
        }
    }

    /// Whether it can mean one instance at most: `worker:1`.
    pub fn is_single(&self) -> bool {
        match &self.pattern {
            Pattern::All | Pattern::State(_) => false,
            Pattern::Name { is_glob, numbers, .. } => {
                !is_glob && matches!(numbers, Numbers::One(_) | Numbers::Never)
            }
        }
    }
}

/// As it was written.
impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Shell globs of `*` and `?`, without recursion: a hostile pattern costs length times length.
fn glob(pattern: &[u8], text: &[u8]) -> bool {
    let (mut p, mut t) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while t < text.len() {
        match pattern.get(p) {
            Some(b'*') => {
                star = Some((p, t));
                p += 1;
            }
            Some(wanted) if *wanted == b'?' || *wanted == text[t] => {
                p += 1;
                t += 1;
            }
            Some(_) | None => match star {
                Some((star_p, star_t)) => {
                    star = Some((star_p, star_t + 1));
                    p = star_p + 1;
                    t = star_t + 1;
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|rest| *rest == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matching(target: &str) -> Vec<&'static str> {
        let rows = [
            ("worker", 0, "RUNNING", "worker:0"),
            ("worker", 10, "FATAL", "worker:10"),
            ("web", 1, "RUNNING", "web:1"),
            ("a.b", 1, "STOPPED", "a.b:1"),
        ];
        let target = Target::parse(target);
        rows.iter().filter(|row| target.matches(row.0, row.1, row.2)).map(|row| row.3).collect()
    }

    #[test]
    fn each_form_means_its_instances() {
        assert_eq!(matching("all"), ["worker:0", "worker:10", "web:1", "a.b:1"]);
        assert_eq!(matching("*"), ["worker:0", "worker:10", "web:1", "a.b:1"]);
        assert_eq!(matching("worker"), ["worker:0", "worker:10"]);
        assert_eq!(matching("worker:*"), ["worker:0", "worker:10"]);
        assert_eq!(matching("worker:1"), [""; 0]);
        assert_eq!(matching("worker:10"), ["worker:10"]);
        assert_eq!(matching("w*:1"), ["web:1"]);
        assert_eq!(matching("w??"), ["web:1"]);
        assert_eq!(matching("*r*"), ["worker:0", "worker:10"]);
        assert_eq!(matching("@FATAL"), ["worker:10"]);
        assert_eq!(matching("@running"), ["worker:0", "web:1"]);
        assert_eq!(matching("a?b"), ["a.b:1"]);
        assert_eq!(matching("a.b:"), [""; 0]);
        assert_eq!(matching("worker:?"), ["worker:0"]);
        assert_eq!(matching("worker:1*"), ["worker:10"]);
        assert_eq!(matching("worker:010"), [""; 0]);
        assert_eq!(matching("worker:+0"), [""; 0]);
        assert_eq!(matching("worker:99999999999"), [""; 0]);
        assert_eq!(matching(""), [""; 0]);
    }

    #[test]
    fn only_a_plain_name_with_a_number_is_single() {
        for (target, single) in [("w:1", true), ("w", false), ("w:*", false), ("w?:1", false), ("all", false)]
        {
            assert_eq!(Target::parse(target).is_single(), single, "{target}");
        }
    }
}
