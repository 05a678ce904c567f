//! The truth log: what the server decided and did, one record a request, for a test to hold against
//! what a client says it saw. No record is ever lost on the way to a file; in memory the oldest go
//! first. Writing happens on a thread of its own, so that a slow disk does not slow the answers.

mod log;
mod record;
mod writer;

pub use log::Truth;
pub use record::{DnsRecord, End, HttpRecord, Loaded, Proto};
