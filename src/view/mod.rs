//! What users see of the state: rows built once, and their renderings. Read-only and pure.

mod happening;
pub mod json;
mod line;
pub mod metrics;
pub mod overview;
mod snapshot;
pub mod table;
pub mod why;

pub use happening::{Happening, Whom};
pub use line::{Line, Style};
pub use snapshot::{
    About, Observed, ProcessRow, ProgramRows, Snapshot, Usage, counts, rows, surrender, take, take_some,
};
