//! What a run has done: counters that are read on a timer, and the summary at the end.
//!
//! Nothing here prints.

mod counters;
mod summary;
mod worst;

pub use counters::Snapshot;
pub(crate) use counters::add;
pub(crate) use summary::{Class, Tallied};
pub use summary::{Report, Summary};
