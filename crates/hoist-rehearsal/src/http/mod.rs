//! The server of HTTP/1.1, and of HTTP/2 where it is asked to. A URL names its fault, on every rehearsal:
//! `/fault/NAME?key=value`, where NAME and its parameters are those of the
//! [`catalogue`](crate::catalogue()); and in short:
//!
//! | path | the same as |
//! | --- | --- |
//! | `/status/CODE?retry-after=S` | `/fault/status?code=CODE&retry-after=S` |
//! | `/bytes/N` | `/fault/bytes?of=N` |
//! | `/slow?delay=S` | `/fault/delay?for=S` |
//! | `/redirect/N`, `/redirect/loop`, `/redirect/to?url=U` | `/fault/redirect?n=N`, `/fault/redirect-loop`, `/fault/redirect-to?url=U` |
//! | `/flaky`, `/interim`, `/headers`, `/chunked`, `/unframed`, `/drip` | `/fault/flaky` ... |
//!
//! Any other path is content: `/flags/CC/CC.gif` and `/flags/CC/metadata.json` ([`Content::Flags`]) or a
//! file of the folder ([`Content::Dir`]), under the rules of the scenario, or else after the delay, or
//! 418 by the error rate.
//!
//! A fault works on what stands at the URL it is given to; by its own URL, or with `of=N`, on made bytes:
//! those of [`body_bytes`](crate::body_bytes). A wrong or unknown parameter is a 400, never a quiet
//! default. What is about HTTP/1.1's bytes is answered `RST_STREAM` with `HTTP_1_1_REQUIRED` over HTTP/2,
//! and the faults of HTTP/2 are whole answers over HTTP/1.1. Faults that wait end when the client leaves,
//! and after ten minutes. Methods other than GET and HEAD get 405.
//!
//! A server may have a load model, by its scenario: then every request meets that first (`load/`).

mod connection;
mod decide;
mod exchange;
mod explain;
mod faults;
mod files;
mod flags;
mod load;
mod range;
mod representation;
mod request;
mod route;
mod server;
mod status;
mod two;
mod version;
mod wire;

pub(crate) use decide::within;
pub use decide::{Decision, Plan, decide};
pub(crate) use faults::{
    CERTIFICATES, Case, Chain, ConnectionFault, Door, Right, all, catalogue, connections,
};
pub(crate) use load::Load;
pub use server::{Content, HttpRehearsal};
pub use status::reason;
pub(crate) use wire::reset_on_close;
