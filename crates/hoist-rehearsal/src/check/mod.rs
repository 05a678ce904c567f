//! Judging a client: any command that gets a URL is run against every case of the HTTP catalogue, and
//! what it did is held against what is right.
//!
//! ```text
//! Check --run--> workers, each with the next trial:
//!   trial     a case: its servers, the client's folder and command line
//!   servers   what is asked, and the other origins; what their truth logs say afterwards
//!   client    the process: its limit, its output, its end with all its children
//!   saved     the file it left, held against what is right
//!   judge     the verdict. Pure
//! ```
//!
//! Every trial has servers of its own, so that what they saw is what this client did in this case.

mod client;
mod command;
mod judge;
mod run;
mod saved;
mod servers;
mod stop;
mod trial;

pub use judge::{Exit, Kind, Verdict};
pub use run::{Check, CheckError};
pub use stop::Stop;
pub use trial::Judged;
