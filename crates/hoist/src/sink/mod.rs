//! Where the bytes go. A sink lives on a writer thread and may block; nothing else here may.
//!
//! One file a sink. All keep one contract, tested for all of them in `contract`: what is finished
//! is whole under its name, what is discarded leaves nothing.
//!
//! With a ledger, a body that is whole waits for its record to be as durable as was promised: its
//! sink says what it leaves ([`Left`]), and the sink's [`Unit`] of commit, on the ledger's thread,
//! lets it go.

#[cfg(test)]
mod contract;
mod decoding;
mod directory;
mod files;
mod gathering;
mod hashing;
mod lines;
mod ours;
mod place;
mod shard;
mod shards;
mod staging;
mod stream;
pub(crate) mod tar;
mod unit;
mod writer;

#[cfg(fuzzing)]
pub(crate) use decoding::fuzzing;
pub(crate) use decoding::{Coded, ContentCoding, DecodeLimits};
pub(crate) use directory::{Directory, PRIVATE};
pub(crate) use files::{Files, checksum};
pub(crate) use gathering::Gathering;
pub(crate) use hashing::{HashWish, Mismatch};
pub(crate) use lines::Lines;
pub(crate) use ours::Ours;
pub(crate) use shards::Shards;
pub(crate) use staging::Staging;
pub(crate) use stream::Stream;
pub(crate) use unit::{Left, Reach, Sample, Spot, Unit};
pub(crate) use writer::{Completion, Completions, Handover, Writers, Written};

use std::path::PathBuf;

use crate::error::Error;
use crate::item::{FileName, LateName, Position};

/// A body that is to be saved.
#[derive(Debug)]
pub(crate) struct Wanted {
    pub(crate) position: Position,
    pub(crate) name: FileName,
    /// What the name becomes once the body is whole, where its hash is in it.
    pub(crate) late: Option<Box<LateName>>,
    pub(crate) hash: HashWish,
    /// It is decoded first. No sink sees this.
    pub(crate) coded: Option<Box<Coded>>,
}

/// What became of a body that is whole.
#[derive(Debug)]
pub(crate) enum Finished {
    /// It has its name, where its sink has names.
    At(Option<PathBuf>),
    /// It waits for the ledger.
    Left(Left),
}

/// A place for bodies.
pub(crate) trait Sink: Send {
    /// A body being received.
    type Part;

    /// Makes room for a body.
    fn begin(&mut self, wanted: Wanted) -> Result<Self::Part, Error>;
    /// Adds to it.
    fn write(&mut self, part: &mut Self::Part, bytes: &[u8]) -> Result<(), Error>;
    /// It has another name than it was begun with.
    fn rename(&mut self, part: &mut Self::Part, name: FileName);
    /// It is whole.
    fn finish(&mut self, part: Self::Part) -> Result<Finished, Error>;
    /// It will not become whole: nothing of it stays.
    fn discard(&mut self, part: Self::Part) -> Result<(), Error>;
    /// No more bodies: tidies up.
    fn close(&mut self) -> Result<(), Error>;
}
