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
    /// Glob of a program's name, and of the instance's number if one was written.
    Name {
        program: String,
        number: Option<String>,
    },
}

impl Target {
    /// Any text without blanks is a target; whether it matches something is another question.
    pub fn parse(text: &str) -> Target {
        let pattern = if text == "all" {
            Pattern::All
        } else if let Some(state) = text.strip_prefix('@') {
            Pattern::State(state.to_ascii_uppercase())
        } else {
            let (program, number) = match text.split_once(':') {
                Some((program, number)) => (program, Some(number.to_owned())),
                None => (text, None),
            };
            Pattern::Name { program: program.to_owned(), number }
        };
        Target { text: text.to_owned(), pattern }
    }

    /// Whether it means this instance; `state` is the name of the instance's state.
    pub fn matches(&self, program: &str, number: u32, state: &str) -> bool {
        match &self.pattern {
            Pattern::All => true,
            Pattern::State(wanted) => wanted == state,
            Pattern::Name { program: wanted, number: wanted_number } => {
                glob(wanted.as_bytes(), program.as_bytes())
                    && wanted_number
                        .as_ref()
                        .is_none_or(|wanted| glob(wanted.as_bytes(), number.to_string().as_bytes()))
            }
        }
    }

    /// Whether it means a program as a whole, so that one without instances is no mistake.
    pub fn matches_program(&self, program: &str) -> bool {
        match &self.pattern {
            Pattern::All => true,
            Pattern::State(_) => false,
            Pattern::Name { program: wanted, number } => {
                glob(wanted.as_bytes(), program.as_bytes())
                    && number.as_ref().is_none_or(|number| number == "*")
            }
        }
    }

    /// Whether it speaks of instances by number: `worker:*`.
    pub fn has_number(&self) -> bool {
        matches!(self.pattern, Pattern::Name { number: Some(_), .. })
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
            Pattern::Name { program, number } => {
                number.as_ref().is_some_and(|number| !format!("{program}{number}").contains(['*', '?']))
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
