//! What became of an item, in the end: exactly one outcome for each. A failure is an outcome,
//! never an `Err`.
//!
//! `classify` is the only place that reads the errors of other crates. Nothing here does I/O.

pub(crate) mod classify;
mod failure;
mod fetched;
mod kind;
mod probed;
mod selector;

pub use failure::Failure;
pub use fetched::{GetOutcome, GetVerdict};
pub use kind::{FailureKind, UnknownKind};
pub use probed::{ProbeOutcome, ProbeVerdict};
pub use selector::{Selector, UnknownSelector};

use crate::item::Position;
use crate::report::Tallied;

/// Milliseconds as records carry them, with three decimals.
fn milliseconds(duration: std::time::Duration) -> f64 {
    (duration.as_secs_f64() * 1e6).round() / 1e3
}

/// What all outcomes have in common, whatever was asked.
pub(crate) trait Outcome: Send + 'static {
    fn position(&self) -> Position;

    /// What it adds to the report.
    fn tally(&self) -> Tallied<'_>;

    /// Bytes that it takes, about.
    fn weight(&self) -> usize;
}
