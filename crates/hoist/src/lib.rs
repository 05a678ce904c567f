//! hoist answers lists: of every name, does it resolve; of every URL, here it is.
//!
//! Each item of a list gets exactly one outcome, memory does not grow with the list, and no server
//! is pushed past what it can take. The modules stand in the order of the flow:
//!
//! ```text
//! input -> item -> schedule -> probe | fetch -> outcome -> sink -> ledger -> report
//! ```
//!
//! [`get`] and [`probe`] run with the default plan; [`GetPlan::run`] and [`ProbePlan::run`] with
//! one of your own. All give [`Outcomes`], a `Stream` that any runtime can read:
//!
//! ```no_run
//! # async fn example() -> Result<(), hoist::Error> {
//! let mut outcomes = hoist::probe(["with.dev", "else.dev"]);
//! while let Some(outcome) = outcomes.next().await {
//!     let outcome = outcome?;
//!     println!("{} {:?}", outcome.name, outcome.verdict);
//! }
//! # Ok(()) }
//! ```
//!
//! The engine never prints, exits, reads the environment or installs signal handlers.

mod run;

pub mod plan;

mod input;
pub mod item;
mod schedule;
#[cfg(feature = "bench")]
#[doc(hidden)]
pub use schedule::models as tuning_models;

#[cfg(test)]
mod corpus;
mod fetch;
mod probe;
#[cfg(feature = "exchange")]
pub use probe::exchange_door as exchange;
#[cfg(feature = "bench")]
#[doc(hidden)]
pub use probe::simulation;

pub mod simulate;

mod ledger;
#[cfg(feature = "bench")]
#[doc(hidden)]
pub use ledger::bench;
pub mod outcome;
pub mod report;
mod sink;

pub mod error;
mod outcomes;
#[cfg(not(feature = "bench"))]
mod polls;
#[cfg(feature = "bench")]
#[doc(hidden)]
pub mod polls;
mod sys;

pub use error::Error;
pub use input::{Decoded, ListForm, MAX_LINE, Source};
pub use item::Position;
pub use ledger::{AnyOutcome, History, LedgerKind, Records};
pub use outcome::{FailureKind, GetOutcome, GetVerdict, ProbeOutcome, ProbeVerdict};
pub use outcomes::Outcomes;
pub use plan::{GetPlan, ProbePlan, SimulatePlan};

/// For the targets in `fuzz/`.
#[cfg(fuzzing)]
#[doc(hidden)]
pub mod fuzzing {
    /// Reads any bytes as everything that a ledger is made of.
    pub fn ledger(bytes: &[u8]) {
        crate::ledger::fuzzing::ledger(bytes);
    }

    /// Reads any bytes as a reply to a DNS query.
    pub fn dns(bytes: &[u8]) {
        crate::probe::fuzzing::reply(bytes);
    }

    /// Decodes any bytes as a body that is coded.
    pub fn decode(bytes: &[u8]) {
        crate::sink::fuzzing::decode(bytes);
    }

    /// Follows any bytes as the frames of a server of HTTP/2.
    pub fn frames(bytes: &[u8]) {
        crate::fetch::fuzzing::frames(bytes);
    }
}

/// Gets every URL with the default plan: into the current folder, in the order of completion.
///
/// An item is a URL, or `URL<TAB>name`, or `URL<TAB>name<TAB>hash`, or a JSON object with `url`,
/// `name` and `hash`.
pub fn get<I>(urls: I) -> Outcomes<GetOutcome>
where
    I: IntoIterator,
    I::Item: Into<String> + 'static,
    I::IntoIter: Send + 'static,
{
    GetPlan::default().run(Source::items(urls))
}

/// Probes every name with the default plan, in the order of completion.
pub fn probe<I>(names: I) -> Outcomes<ProbeOutcome>
where
    I: IntoIterator,
    I::Item: Into<String> + 'static,
    I::IntoIter: Send + 'static,
{
    ProbePlan::default().run(Source::items(names))
}
