//! The rehearsals, asked over raw sockets, so that no client library can put right what is wrong.

#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail as tests do")]

mod body;
mod check;
mod client;
mod coding;
mod content;
mod decisions;
mod dns;
mod dns_faults;
mod faults;
mod frames;
mod head;
mod http2;
mod http2_faults;
mod limits;
mod load;
mod pace;
mod policy;
mod pool;
mod redirect;
mod resume;
mod scenario;

mod tls;
