//! A regular expression that lines of output are held against.

use std::fmt;
use std::sync::Arc;

/// The largest compiled expression, in bytes. What a line costs grows with it: this holds a check of
/// four thousand bytes by the worst of them to a few milliseconds.
const COMPILED_BYTES_MAX: usize = 16 * 1024;

/// A regular expression as the regex crates write them, without look-around and back-references: the
/// time for a line is bounded by its length.
#[derive(Clone)]
pub struct Pattern {
    /// Shared with what it needs while it searches: many listen for the same.
    regex: Arc<regex_lite::Regex>,
    /// It stands for nothing but its own letters, which are found much faster.
    is_plain: bool,
}

impl Pattern {
    /// Compiles it.
    ///
    /// # Errors
    /// What is wrong with it, in a few words.
    pub fn new(text: &str) -> Result<Pattern, String> {
        let compiled = regex_lite::RegexBuilder::new(text).size_limit(COMPILED_BYTES_MAX).build();
        let regex = compiled.map_err(|error| error.to_string())?;
        Ok(Pattern { regex: Arc::new(regex), is_plain: regex_lite::escape(text) == text })
    }

    /// As it was written.
    pub fn text(&self) -> &str {
        self.regex.as_str()
    }

    /// Whether it is found in a line, whose bytes need not be UTF-8.
    pub fn is_in(&self, line: &[u8]) -> bool {
        let line = String::from_utf8_lossy(line);
        if self.is_plain { line.contains(self.text()) } else { self.regex.is_match(&line) }
    }
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Pattern) -> bool {
        self.text() == other.text()
    }
}

impl fmt::Debug for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Pattern").field(&self.text()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn usual_expressions_fit_and_find_their_lines() {
        let finds = |text: &str, line: &[u8]| Pattern::new(text).unwrap().is_in(line);
        assert!(finds(r"(?i)listening on .*:\d{2,5}$", b"12:00 INFO Listening on 127.0.0.1:8080"));
        assert!(finds(r"database system is ready to accept connections|ready\.$", b"all is ready."));
        assert!(finds("r\u{e9}ady", "\u{ff}r\u{e9}ady".as_bytes()));
        assert!(finds("ready", b"\xff\xfe ready \xc3"));
        assert!(!finds("^ready", b"not ready"));
        assert!(finds("is ready", b"all is ready now") && !finds("is ready", b"is read y"));
        assert!(finds("1.0", b"1x0") && !finds(r"1\.0", b"1x0"), "a point is not plain");
    }

    #[test]
    fn what_would_take_too_long_is_refused() {
        assert_eq!(Pattern::new("a{20000}").unwrap_err(), "compiled regex exceeded size limit");
        assert!(Pattern::new(r"(?=x)").is_err(), "look-around has no bound");
    }
}
