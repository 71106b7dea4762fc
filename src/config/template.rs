//! Values with `{program_name}` and `{process_num}` in them.

use std::fmt;

/// Text in which `{program_name}`, `{process_num}` and `{process_num:02}` (any width) stand for an
/// instance's own values. Every other brace is left alone: `awk '{print $1}'` works.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template(String);

const NAME: &str = "{program_name}";
const NUMBER: &str = "{process_num}";
const PADDED: &str = "{process_num:0";

impl Template {
    /// Any text is a template.
    pub fn new(text: impl Into<String>) -> Template {
        Template(text.into())
    }

    /// The text of one instance.
    pub fn expand(&self, program_name: &str, process_num: u32) -> String {
        let mut out = String::with_capacity(self.0.len() + 8);
        let mut rest = self.0.as_str();
        while let Some(at) = rest.find('{') {
            let (before, from) = rest.split_at(at);
            out.push_str(before);
            rest = if let Some(after) = from.strip_prefix(NAME) {
                out.push_str(program_name);
                after
            } else if let Some(after) = from.strip_prefix(NUMBER) {
                out.push_str(&process_num.to_string());
                after
            } else if let Some((width, after)) = padding(from) {
                out.push_str(&format!("{process_num:0width$}"));
                after
            } else {
                out.push('{');
                &from[1..]
            };
        }
        out.push_str(rest);
        out
    }
}

/// The W of `{process_num:0W}`, and what follows it. Two digits are more than any number needs.
fn padding(text: &str) -> Option<(usize, &str)> {
    let (digits, after) = text.strip_prefix(PADDED)?.split_once('}')?;
    let is_width = (1..=2).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit());
    is_width.then(|| digits.parse().ok()).flatten().map(|width| (width, after))
}

/// As it was written.
impl fmt::Display for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_our_own_braces_are_replaced() {
        let expand = |text: &str| Template::new(text).expand("web", 7);
        assert_eq!(expand("logs/{program_name}-{process_num}.log"), "logs/web-7.log");
        assert_eq!(expand("{process_num:02}{process_num:010}"), "070000000007");
        for text in [
            "awk '{print $1}'",
            "{",
            "}{",
            "{process_num:2}",
            "{process_num:0}",
            "{process_num:0x}",
            "{program}",
        ] {
            assert_eq!(expand(text), text);
        }
        assert_eq!(expand("{{process_num}}"), "{7}");
    }
}
