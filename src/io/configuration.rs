//! From the name of a file to a configuration, or to words that say why there is none.

use std::path::Path;

use super::{config_file, people};
use crate::config::{self, Config, Diagnostic, Source, Surroundings};

/// Why there is no configuration.
pub(crate) enum Invalid {
    /// The file cannot be read; one line.
    Unreadable(String),
    /// What it says is wrong.
    Wrong(Source, Vec<Diagnostic>),
}

/// Reads and checks a configuration, and whatever it refers to.
pub(crate) fn load(path: &Path) -> Result<Config, Invalid> {
    let source = config_file::read(path).map_err(Invalid::Unreadable)?;
    let surroundings = Surroundings {
        environment: &|name| std::env::var(name).ok(),
        read_file: &config_file::read_referred,
        user: &people::user,
        group: &people::group,
        is_root: nix::unistd::Uid::effective().is_root(),
    };
    config::parse_in(&source, &surroundings).map_err(|problems| Invalid::Wrong(source, problems))
}

impl Invalid {
    /// All that is wrong, and what that means: `; nothing was started`.
    pub(crate) fn explain(&self, consequence: &str, colored: bool) -> String {
        match self {
            Invalid::Unreadable(reason) => format!("error: {reason}{consequence}\n"),
            Invalid::Wrong(source, problems) => {
                let rendered = config::render(source, problems, colored);
                let plural = if problems.len() == 1 { "" } else { "s" };
                let count = problems.len();
                format!("{rendered}\n{}: {count} problem{plural}{consequence}\n", source.name)
            }
        }
    }
}
