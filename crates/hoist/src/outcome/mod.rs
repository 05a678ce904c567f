//! What became of an item, in the end: exactly one outcome for each. A failure is an outcome,
//! never an `Err`.
//!
//! `classify` is the only place that reads the errors of other crates. Nothing here does I/O.

pub(crate) mod classify;
mod failure;
mod fetched;
mod kind;
mod probed;
mod probed_json;
mod selector;
mod timing;

pub use failure::Failure;
pub(crate) use fetched::origin_of;
pub use fetched::{GetOutcome, GetVerdict};
pub use kind::{FailureKind, UnknownKind};
pub use probed::{ProbeOutcome, ProbeVerdict, Wildcard};
pub use selector::{Selector, UnknownSelector};
pub use timing::{Phase, Timing};

use std::time::Duration;

use crate::item::Position;
use crate::report::Tallied;

/// Milliseconds as outcomes tell them, with three decimals. What a ledger has kept tells the same.
fn milliseconds(duration: Duration) -> f64 {
    let kept = Duration::from_micros(microseconds(duration));
    (kept.as_secs_f64() * 1e6).round() / 1e3
}

/// Microseconds as ledgers keep them.
pub(crate) fn microseconds(duration: Duration) -> u64 {
    let rounded = duration.saturating_add(Duration::from_nanos(500));
    u64::try_from(rounded.as_micros()).unwrap_or(u64::MAX)
}

/// What all outcomes have in common, whatever was asked.
pub(crate) trait Outcome: Send + 'static {
    fn position(&self) -> Position;

    /// What it adds to the report.
    fn tally(&self) -> Tallied<'_>;

    /// Bytes that it takes, about.
    fn weight(&self) -> usize;
}

/// One that is large is moved in a box: it goes through a dozen hands.
impl<O: Outcome> Outcome for Box<O> {
    fn position(&self) -> Position {
        (**self).position()
    }

    fn tally(&self) -> Tallied<'_> {
        (**self).tally()
    }

    fn weight(&self) -> usize {
        (**self).weight()
    }
}
