//! Does a name exist, and which addresses has it: our own DNS client, for probes and for `fetch`.
//!
//! ```text
//! job -> wildcards -> resolver -> hosts -> verdict -> exchange -> message -> quick, records
//!                                                        |
//!                                      driver -> transport::{udp, tcp} -> sys::datagrams
//!
//! addresses -> hosts -> search -> cache -> flight      for the hosts of URLs, then as above
//! ```
//!
//! `exchange` decides what is sent and when, `verdict` what the answers come to, `message` reads
//! what came: all without I/O. `driver` and `transport` move bytes and decide nothing. `system`
//! stands in for all of it where the system's own getaddrinfo is to be asked.
//!
//! Which names are asked, and how many at once, is not decided here.

mod addresses;
#[cfg(test)]
mod addresses_tests;
#[cfg(test)]
mod answers;
mod cache;
mod chance;
mod driver;
mod exchange;
mod flight;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzing;
mod hosts;
mod inquiries;
mod job;
mod message;
mod quick;
mod records;
#[cfg(test)]
mod rehearsed;
mod resolver;
mod search;
mod servers;
mod silence;
mod system;
#[cfg(test)]
mod tests;
mod transport;
mod verdict;
mod wildcards;

#[cfg(feature = "exchange")]
pub use exchange::door as exchange_door;
#[cfg(feature = "bench")]
pub use exchange::simulation;
pub(crate) use job::ProbeJob;
pub(crate) use resolver::Resolver;
pub(crate) use verdict::Lookup;
