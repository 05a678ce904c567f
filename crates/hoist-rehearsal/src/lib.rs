//! HTTP and DNS servers that misbehave on purpose, and write down the truth about it.
//!
//! They are for judging clients, ours among others, so nothing here is shared with the engine: a
//! mistake made twice the same way would judge itself right. For the same reason both protocols are
//! written by hand on raw sockets; a well-kept server library would put right what is wanted wrong.
//!
//! ```text
//! Scenario     a file's rules: whom which fault meets
//!   scenario/file     TOML -> rules, what is wrong is told with its line
//!   scenario/when     patterns, numbers, chance
//!
//! HttpRehearsal --spawn--> Running: own thread, own runtime      DnsRehearsal --spawn--> Running
//!   http/server      accepts, bounded; connection faults           dns/server   UDP and TCP, one port
//!   http/connection  request after request                         dns/message  bytes <-> query, answer
//!   http/two/        HTTP/2: frames, streams, windows
//!   http/load/       models of a server whose speed depends on its load
//!   http/route       the URL's fault, a rule's, or content         dns/faults/  what can go wrong
//!     http/decide    delay and error, pure                         dns/zone     what is true of a name
//!     http/faults/   one file a family: table, then what it does   dns/decide   delay, loss, pure
//!     flags/         the content: flags drawn from a table
//!   truth            one record a request                          truth        one record a query
//!
//! check        runs any HTTP client against every case of the catalogue, and judges it
//! catalogue    every fault: its name, what it does, what a right client may make of it
//! spec         how a fault is written: name?key=value
//! ```
//!
//! Every decision is a pure function of a seed, what was asked, and which attempt it is, so a test can
//! compute it too: [`http::decide`], [`dns::decide`], [`DnsRehearsal::truth`],
//! [`HttpRehearsal::explain`]. Same seed, same decision, whatever the order of arrival. Faults and
//! conditions that count (quotas, request numbers) say so; their memory is bounded.
//!
//! ```
//! use hoist_rehearsal::{HttpRehearsal, Truth};
//! # fn main() -> std::io::Result<()> {
//! let server = HttpRehearsal { truth: Truth::memory(), ..HttpRehearsal::local() }
//!     .spawn(&["127.0.0.1:0".parse().expect("an address")])?;
//! let url = format!("http://{}/fault/short?of=100&send=7", server.addr());
//! // ... point a client at `url`, then:
//! # drop(url);
//! let records = server.truth().http();
//! # assert!(records.is_empty());
//! server.stop();
//! # Ok(())
//! # }
//! ```

mod attempts;
mod bind;
mod catalogue;
pub mod check;
mod coded;
pub mod dns;
pub mod flags;
mod hash;
pub mod http;
mod percent;
mod quota;
mod running;
mod scenario;
mod spec;
mod stats;
pub mod tls;
mod truth;

pub use catalogue::{About, Family, catalogue};
pub use dns::{DnsRehearsal, DnsZone};
pub use hash::body_bytes;
pub use http::{Content, HttpRehearsal};
pub use running::Running;
pub use scenario::{Scenario, ScenarioError};
pub use spec::Wrong;
pub use stats::Stats;
pub use truth::{DnsRecord, End, HttpRecord, Loaded, Proto, Truth};

/// The port of `hoist rehearse LOCAL`: flags, no delay, no errors.
pub const LOCAL_PORT: u16 = 8000;
/// The port of `hoist rehearse DELAY`: flags, each after 0.5 to 5 s.
pub const DELAY_PORT: u16 = 8001;
/// The port of `hoist rehearse ERROR`: the same delays, and a quarter answered with 418.
pub const ERROR_PORT: u16 = 8002;
/// The port of `hoist rehearse DNS`.
pub const DNS_PORT: u16 = 5300;
