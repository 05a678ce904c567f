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
mod part;
mod place;
mod runs;
mod shard;
mod shards;
mod sidecar;
mod staging;
mod stream;
pub(crate) mod tar;
mod unit;
mod whole;
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
pub(crate) use part::Parts;
pub(crate) use shards::Shards;
pub(crate) use sidecar::{Source, Validator};
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
    /// What it is a part of while it is not whole, where it can be asked for from a place on.
    pub(crate) source: Option<Box<Source>>,
}

impl Wanted {
    /// The same, as far as it says who it is.
    fn named(&self) -> Self {
        let (position, name, hash) = (self.position, self.name.clone(), self.hash);
        Self { position, name, late: None, hash, coded: None, source: None }
    }
}

/// Whose part is looked for.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    /// The item's URL.
    pub(crate) url: String,
    /// What is asked now: see [`Source::from`].
    pub(crate) from: String,
    /// It may be gone on with in several places.
    pub(crate) scattered: bool,
}

impl Asked {
    /// Whether a part comes from there.
    fn fits(&self, source: &Source) -> bool {
        self.url == source.url && self.from == source.from
    }
}

/// Sees bytes that are read again.
pub(crate) type See<'a> = dyn FnMut(&[u8]) + 'a;

/// The part of a body that is there.
#[derive(Debug, Clone)]
pub(crate) struct Kept {
    /// From the first on.
    pub(crate) bytes: u64,
    /// All that is there, from and to, in order.
    pub(crate) runs: Vec<(u64, u64)>,
    pub(crate) source: Source,
}

impl Kept {
    /// There is more than the first bytes.
    pub(crate) fn is_scattered(&self) -> bool {
        self.runs.iter().any(|(from, _)| *from > 0)
    }
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
    /// Adds to it at a place where nothing is yet.
    fn write_at(&mut self, _part: &mut Self::Part, _at: u64, _bytes: &[u8]) -> Result<(), Error> {
        Err(Error::Stopped)
    }
    /// Lets `each` see all bytes of one that was written in several places.
    fn reread(&self, _part: &Self::Part, _each: &mut See<'_>) -> Result<(), Error> {
        Err(Error::Stopped)
    }
    /// It is whole.
    fn finish(&mut self, part: Self::Part) -> Result<Finished, Error>;
    /// It will not become whole: nothing of it stays.
    fn discard(&mut self, part: Self::Part) -> Result<(), Error>;
    /// It stopped in the middle: where another try can go on with it, it waits for that.
    fn suspend(&mut self, part: Self::Part) -> Result<(), Error> {
        self.discard(part)
    }
    /// Goes on with what another try, or another run, left of a body. `each` sees all of it.
    fn open(
        &mut self,
        _wanted: &Wanted,
        _asked: &Asked,
        _each: Option<&mut See<'_>>,
    ) -> Result<Option<(Self::Part, Kept)>, Error> {
        Ok(None)
    }
    /// There is no other try of an item in this run. What waits may stay for another run, unless it
    /// is to be removed.
    fn forget(&mut self, _position: Position, _remove: bool) -> Result<(), Error> {
        Ok(())
    }
    /// No more bodies: tidies up.
    fn close(&mut self) -> Result<(), Error>;
}
