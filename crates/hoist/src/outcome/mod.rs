//! What became of an item, in the end: exactly one outcome for each. A failure is an outcome,
//! never an `Err`.
//!
//! `classify` is the only place that reads the errors of other crates. Nothing here does I/O.

pub(crate) mod classify;
mod failure;
mod fetched;
mod kind;
mod probed;

pub use failure::Failure;
pub use fetched::{GetOutcome, GetVerdict};
pub use kind::{FailureKind, UnknownKind};
pub use probed::{ProbeOutcome, ProbeVerdict};

/// Milliseconds as records carry them, with three decimals.
fn milliseconds(duration: std::time::Duration) -> f64 {
    (duration.as_secs_f64() * 1e6).round() / 1e3
}
