//! The durable record of outcomes; what a run of the same list reads to go on where the one before
//! it stopped.
//!
//! ```text
//! OUT/.hoist/ledger/           (FILE.hoist/ledger/ of a file of lines)
//!   00000000.log ...           segments: frames, appended (`segment`, `frame`, `fields`, `record`)
//!   00000000.snap              the state at the end of a sealed segment (`state`, `answered`)
//!   00000000.list, .list.gz    the list, block by block; its copy, where it came from a pipe (`list`)
//!   00000000.ours              names that a ledger gave before it was started over
//! OUT/.hoist/hints                what was found of origins (`hints`)
//! OUT/.hoist/parts/POSITION    bodies without their names
//!                   /N.tar, POSITION.body   the shard that is written, and long bodies on their way there
//! ```
//!
//! `recorder` is the thread that writes; `committer` says what is written and synced when;
//! `recovery` puts right what a dead run left, which `found` has looked for; `again` and `fresh` open
//! what was answered; `latest` and `history` read outcomes back. Nothing here knows of HTTP or DNS.

mod again;
mod answered;
#[cfg(feature = "bench")]
#[doc(hidden)]
pub mod bench;
mod committer;
#[cfg(test)]
mod crash_tests;
mod fields;
mod found;
mod frame;
mod fresh;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzing;
mod hints;
mod history;
mod home;
mod latest;
mod list;
mod pace;
mod record;
mod recorder;
mod recovery;
mod segment;
mod state;
mod survey;

pub(crate) use answered::Answered;
pub(crate) use committer::{Committed, Entry, RenderLine};
pub(crate) use hints::Hints;
pub use history::{AnyOutcome, History, Records};
pub(crate) use home::{Home, real_file};
pub(crate) use list::{BlockNote, ListFiles, pack};
pub(crate) use record::Recorded;
pub(crate) use recorder::Recorder;
pub(crate) use recovery::{Opened, Wish, open};
pub use segment::LedgerKind;
pub(crate) use segment::SEGMENT;
