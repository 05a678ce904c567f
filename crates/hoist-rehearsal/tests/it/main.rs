//! The rehearsals, asked over raw sockets, so that no client library can put right what is wrong.

mod client;
mod content;
mod decisions;
mod dns;
mod faults;
mod limits;
#[cfg(feature = "tls")]
mod tls;
