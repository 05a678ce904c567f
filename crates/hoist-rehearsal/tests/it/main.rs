//! The rehearsals, asked over raw sockets, so that no client library can put right what is wrong.

#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail as tests do")]

mod client;
mod content;
mod decisions;
mod dns;
mod faults;
mod limits;
#[cfg(feature = "tls")]
mod tls;
