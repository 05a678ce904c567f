//! What a run has done: counters that are read on a timer, and the summary at the end.
//!
//! Nothing here prints.

mod counters;
mod summary;
mod totals;
mod tuned;
mod worst;

pub use counters::Snapshot;
pub(crate) use counters::add;
pub use summary::{Earlier, Report, Summary};
pub(crate) use totals::{Class, Tallied, Totals};
pub use tuned::{Tuned, TunedAbove};
