//! Which item may start, when, and how many per origin.
//!
//! A state machine: time and randomness are arguments, nothing here does I/O, sleeps or spawns.
//! An item is admitted once and keeps its admission through retries and redirects until it is
//! discharged, with its outcome handed over. Attempts hold a permit of their origin first, then
//! one of the run; whoever rests or moves on has given both back.

mod backoff;
mod lane;
mod machine;
#[cfg(test)]
mod tests;
mod ticket;

pub(crate) use backoff::Backoff;
pub(crate) use machine::{Ended, Next, Policy, Retry, Schedule, Start};
pub(crate) use ticket::Ticket;
