//! What children write, as lines: where a piece of a stream is cut, and what a line looks like in its
//! log. Pure; the pipes and files are a matter of `io/output`.

mod cut;
mod dress;

pub use cut::{LINE_BYTES_MAX, cut};
pub use dress::Style;
