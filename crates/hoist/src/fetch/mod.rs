//! URLs to bodies: connections, requests, redirects, over HTTP/1.1 and HTTP/2, with and without TLS.
//!
//! An attempt runs with the permits it was given and gives up its connection to the pool with
//! them, so that an origin never has more connections than permits; over HTTP/2 a permit is a stream. When to try again is not
//! decided here; where bytes go is the sink's business.

mod acceptance;
mod answer;
mod attempt;
mod body;
mod connect;
mod fetcher;
mod happy;
mod http2;
mod job;
mod known;
mod meter;
mod patience;
mod pool;
mod redirect;
mod request;
mod stopwatch;
mod tls;
mod transport;

pub(crate) use fetcher::connection_budget;
pub(crate) use job::GetJob;
