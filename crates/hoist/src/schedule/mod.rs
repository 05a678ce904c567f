//! Which item may start, when, and how many per origin.
//!
//! A state machine: time and randomness are arguments, nothing here does I/O, sleeps or spawns.
//! An item is admitted once and keeps its admission through retries and redirects until it is
//! discharged, with its outcome handed over. Attempts hold a permit of their origin first, then
//! one of the run; whoever rests or moves on has given both back.
//!
//! An origin that fails again and again is down (`breaker`): it gets one attempt at growing
//! intervals, until one of them shows a sign of life. What waits for it is given up after a while,
//! so that the run ends. One that asked to be left alone is paused (`pause`).

mod backoff;
mod bandwidth;
mod breaker;
mod budget;
#[cfg(test)]
mod budget_tests;
mod keyed;
mod lane;
mod learned;
#[cfg(test)]
mod living_tests;
mod machine;
mod memory;
mod outage;
#[cfg(test)]
mod outage_tests;
mod pause;
mod policy;
mod proven;
mod queue;
mod rate;
#[cfg(test)]
mod rate_tests;
mod refusals;
mod remembered;
mod shares;
#[cfg(test)]
mod shares_tests;
mod silence;
#[cfg(test)]
mod silence_tests;
#[cfg(test)]
mod tests;
mod ticket;
mod tuned;
#[cfg(test)]
mod tuned_tests;
mod tuning;
#[cfg(feature = "bench")]
pub use tuning::models;
mod turns;

pub(crate) use backoff::Backoff;
pub(crate) use bandwidth::Bandwidth;
pub(crate) use breaker::{Breaker, Outage, Sign};
pub(crate) use keyed::Keyed;
pub(crate) use machine::{Ended, Lapsed, Next, Policy, Retry, Schedule, Start};
pub(crate) use ticket::Ticket;
pub(crate) use tuned::Told;
pub(crate) use tuning::{Above, Came, Found};
