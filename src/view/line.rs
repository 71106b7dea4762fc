//! Lines with a meaning for the eye. What a meaning looks like is up to who shows it.

/// Why a piece of text stands out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// It does not.
    Plain,
    /// The head of a table.
    Head,
    /// All is well.
    Good,
    /// On its way somewhere.
    Busy,
    /// Something is wrong.
    Bad,
    /// Beside the point.
    Dim,
}

/// One line in pieces.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Line(pub Vec<(Style, String)>);

impl Line {
    /// A line without any style.
    pub fn plain(text: impl Into<String>) -> Line {
        Line(vec![(Style::Plain, text.into())])
    }

    /// The text alone.
    pub fn text(&self) -> String {
        self.0.iter().map(|(_, text)| text.as_str()).collect()
    }
}
