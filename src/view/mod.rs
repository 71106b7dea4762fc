//! What users see of the state: rows built once, and their renderings. Read-only and pure.

pub mod json;
mod snapshot;
pub mod table;

pub use snapshot::{About, ProcessRow, ProgramRows, Snapshot, Usage, take};
