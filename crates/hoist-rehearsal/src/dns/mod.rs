//! The DNS server, on UDP and TCP at once. It answers as a recursive resolver would, for the zones it
//! was given; names outside of them are REFUSED. Negative answers carry the zone's SOA.
//!
//! In a generated zone the first label of a name can ask for a shape. What is true of the name:
//!
//! | label | the name |
//! | --- | --- |
//! | `v4only-*` | has an A record, no AAAA |
//! | `v6only-*` | has an AAAA record, no A |
//! | `both-*` | has both |
//! | `many-N-*` | has N A records (up to 1000) and no AAAA: N = 40 no longer fits a datagram of 512 bytes |
//! | `noaddr-*` | exists and has no address |
//! | `nx-*` | does not exist |
//! | `cname-REST` | is an alias (CNAME) of REST in the same place; aliases may be chained |
//! | `loop-*` | is an alias of itself |
//! | anything else | exists with the zone's rate: 75 % an A record, 15 % both, 10 % an AAAA record |
//!
//! And how it is answered, before any of these; none changes what is true:
//!
//! | label | the answer |
//! | --- | --- |
//! | `tc-REST` | truncated and empty over UDP, whole over TCP |
//! | `slow-MS-REST` | MS milliseconds later |
//! | `flaky-N-REST` | SERVFAIL at the first N attempts |
//! | `lossy-N-REST` | none at the first N attempts |
//! | `servfail-REST` | SERVFAIL |
//! | `refused-REST` | REFUSED |
//! | `drop-REST` | never comes |
//!
//! A generated name exists only if all names above it in its zone do (RFC 8020). Its addresses are
//! hashes of it: A in 127.0.0.0/8, so that servers can listen there; AAAA in `2001:db8::/32`,
//! where nobody does (RFC 3849).

mod answer;
mod decide;
mod due;
mod message;
mod name;
mod server;
mod tcp;
mod udp;
mod zone;

pub use decide::{DnsDecision, DnsPlan, Fate, decide};
pub use server::DnsRehearsal;
pub use zone::{DnsZone, NameTruth};
