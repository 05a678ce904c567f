//! URLs to bodies: connections, requests, redirects, over HTTP/1.1 with and without TLS.
//!
//! An attempt runs with the permits it was given and gives up its connection to the pool with
//! them, so that an origin never has more connections than permits. When to try again is not
//! decided here; where bytes go is the sink's business.

mod acceptance;
mod answer;
mod attempt;
mod body;
mod connect;
mod fetcher;
mod happy;
mod job;
mod meter;
mod patience;
mod pool;
mod redirect;
mod request;
mod stopwatch;
mod tls;

pub(crate) use fetcher::connection_budget;
pub(crate) use job::GetJob;
