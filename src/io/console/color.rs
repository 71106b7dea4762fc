//! Whether there are colours.

use std::env;
use std::str::FromStr;

/// What the user says about colours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum ColorChoice {
    /// On a terminal, unless NO_COLOR or TERM=dumb says otherwise.
    #[default]
    Auto,
    Always,
    Never,
}

impl ColorChoice {
    /// Whether there are colours where it is known whether somebody looks.
    pub(crate) fn is_on(self, is_terminal: bool) -> bool {
        // https://no-color.org: when present and not empty, whatever it says.
        let is_set = |name| env::var_os(name).is_some_and(|value| !value.is_empty());
        let is_dumb = env::var_os("TERM").is_some_and(|term| term == "dumb");
        match self {
            ColorChoice::Auto => is_terminal && !is_set("NO_COLOR") && !is_dumb,
            ColorChoice::Always => true,
            ColorChoice::Never => false,
        }
    }
}

impl FromStr for ColorChoice {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<ColorChoice, &'static str> {
        match text {
            "auto" => Ok(ColorChoice::Auto),
            "always" => Ok(ColorChoice::Always),
            "never" => Ok(ColorChoice::Never),
            _ => Err("it takes auto, always or never"),
        }
    }
}
