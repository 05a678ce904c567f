//! The HTTP/1.1 server. By the URL, on every rehearsal:
//!
//! | path | answer |
//! | --- | --- |
//! | `/flags/CC/CC.gif`, `/flags/CC/metadata.json` | a flag and its country ([`Content::Flags`]), after the delay, or 418 by the error rate |
//! | any other path | a file of the folder ([`Content::Dir`]), likewise |
//! | `/status/CODE?retry-after=S` | that status |
//! | `/flaky?fail=N&status=CODE&retry-after=S` | the first N attempts get CODE (503), then 200 |
//! | `/interim?n=N` | N times 103, then 200 |
//! | `/headers` | 200, the request's header lines as they came |
//! | `/bytes/N` | N bytes, those of [`body_bytes`](crate::body_bytes) |
//! | `/chunked?of=N&cut=K` | N bytes (1000) in chunks; with `cut` it closes after K, without a last chunk |
//! | `/unframed?of=N` | N bytes (1000) with neither length nor chunks, ended by closing |
//! | `/slow?delay=S` | 200 after S seconds (fractions allowed) |
//! | `/drip?rate=R&of=N` | N bytes (1000), R (100) a second |
//! | `/redirect/N` | N redirects (302), then 200 |
//! | `/redirect/loop` | 302 to itself |
//! | `/redirect/to?url=U&status=CODE` | 302 (or CODE) to the percent-encoded U |
//! | `/fault/reset?after=K` | a reset after K body bytes; without `after`, before any byte of an answer |
//! | `/fault/short?of=N&send=K` | promises N bytes (1000), closes in order after K (half) |
//! | `/fault/long?of=N&send=K` | promises N bytes (1000), sends K (twice as many), closes |
//! | `/fault/stall?of=N&send=K` | promises N bytes (1000), sends K (half), then nothing more |
//! | `/fault/silent` | reads the request and never answers |
//! | `/fault/garbage` | something that is not HTTP |
//! | `/fault/lengths?a=A&b=B` | two Content-Length headers (5 and 6), the longer one's body |
//! | `/fault/length-and-chunked` | Content-Length and Transfer-Encoding both |
//!
//! A wrong or unknown parameter is a 400, never a quiet default. Faults that wait end when the client
//! leaves, and after ten minutes. Methods other than GET and HEAD get 405.
//!
//! A fault family is a file in `faults/` and a line in `faults/mod.rs`.

mod connection;
mod decide;
mod exchange;
mod explain;
mod faults;
mod files;
mod flags;
mod range;
mod representation;
mod request;
mod route;
mod server;
mod status;
mod version;
mod wire;

pub(crate) use decide::within;
pub use decide::{Decision, Plan, decide};
pub(crate) use faults::{
    CERTIFICATES, CONNECTIONS, Case, Chain, ConnectionFault, Door, Right, all, catalogue,
};
pub use server::{Content, HttpRehearsal};
pub use status::reason;
pub(crate) use wire::reset_on_close;
