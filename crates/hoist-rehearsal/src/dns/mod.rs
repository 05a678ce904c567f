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
//! | `dup-REST` | comes twice |
//! | `forged-N-REST` | comes after N forged ones |
//! | `lower-REST` | has its question in lower case |
//! | `noedns-REST` | FORMERR to queries with OPT |
//! | `wrongid-REST`, `wrongquestion-REST`, `wrongsource-REST` | comes under another id, question, or from another address |
//! | `garbage-REST` | is no message |
//! | `tcsilent-REST`, `tcreset-REST` | truncated over UDP; over TCP silence, or a reset |
//!
//! All of these, and more, can also be given to whole groups of queries by the `[[query]]` rules of a
//! scenario: a fault, or a chain of them. In a chain `delay`, `rate` and `forged` stand before what is
//! said, and if nothing else is said the truth follows them; every other fault says something of its
//! own, and `answer` adds the truth to it. Faults of datagrams (`wrong-source`, `forged`, `truncate`) leave
//! TCP alone but where they say so.
//!
//! A generated name exists only if all names above it in its zone do (RFC 8020). Its addresses are
//! hashes of it: A in 127.0.0.0/8, so that servers can listen there; AAAA in `2001:db8::/32`,
//! where nobody does (RFC 3849).

mod answer;
mod chain;
mod data;
mod decide;
mod due;
mod explain;
mod fault;
mod master;
mod message;
mod name;
mod play;
mod rates;
mod rule;
mod server;
mod tcp;
mod udp;
mod zone;

pub use decide::{DnsDecision, DnsPlan, Fate, decide};
pub(crate) use fault::catalogue;
pub use master::ZoneError;
pub(crate) use message::kind_of;
pub use rule::QueryRule;
pub(crate) use rule::QueryRuleParts;
pub use server::DnsRehearsal;
pub use zone::{DnsZone, NameTruth};
