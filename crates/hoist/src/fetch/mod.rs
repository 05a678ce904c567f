//! URLs to bodies: connections, requests, redirects, over HTTP/1.1 and HTTP/2, with and without TLS.
//!
//! An attempt runs with the permits it was given and gives up its connection to the pool with
//! them, so that an origin never has more connections than permits; over HTTP/2 a permit is a stream. When to try again is not
//! decided here; where bytes go is the sink's business.

mod acceptance;
mod answer;
mod attempt;
mod authorization;
mod bandwidth;
mod body;
mod coding;
mod connect;
mod continuing;
mod cookies;
mod disposition;
mod fetcher;
mod frames;
mod hands;
mod happy;
mod http2;
mod job;
mod known;
mod leases;
mod leg;
mod meter;
mod pace;
mod patience;
mod pieces;
mod pool;
mod proxy;
mod ranges;
mod rate_limit;
mod redirect;
mod request;
mod robots;
mod route;
mod set_cookie;
mod socks;
mod split;
mod stopwatch;
mod taking;
mod tidings;
mod tls;
mod transport;
mod tunnel;

pub(crate) use fetcher::connection_budget;
#[cfg(fuzzing)]
pub(crate) use frames::fuzzing;
pub(crate) use job::GetJob;
