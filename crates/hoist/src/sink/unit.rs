use std::io;
use std::path::{Path, PathBuf};

use super::gathering::Body;
use crate::error::Error;
use crate::item::Position;

/// What an item leaves in its sink, waiting for the item's record.
#[derive(Debug, Default)]
pub(crate) enum Left {
    /// Nothing: it failed, or there was nothing.
    #[default]
    Nothing,
    /// A temporary file, named after the position.
    File {
        /// The name that it is to have, below the root, with slashes.
        name: String,
        /// Its length.
        bytes: u64,
        /// CRC32C of all of it.
        crc: u32,
    },
    /// A line for a file of lines.
    Line(Vec<u8>),
    /// A body for a shard.
    Member {
        /// The name that it is to have in the shard.
        name: String,
        body: Body,
        /// Its length.
        bytes: u64,
        /// CRC32C of all of it.
        crc: u32,
    },
}

/// Where an item's bytes are to be, as its record says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Spot {
    /// Below the root, with slashes. Of a sample: its shard's.
    pub(crate) name: Option<String>,
    /// Of the body.
    pub(crate) bytes: u64,
    /// CRC32C of the bytes.
    pub(crate) crc: Option<u32>,
    /// A file of that name is of an earlier ledger, and may be replaced.
    pub(crate) replaces: bool,
    /// Where the line ends.
    pub(crate) line_end: Option<u64>,
    pub(crate) sample: Option<Sample>,
}

/// A place in a shard: of a body and its sidecar, with what a tar has around them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Sample {
    /// What the body is called in the shard.
    pub(crate) member: String,
    /// The number of the shard.
    pub(crate) shard: u64,
    /// Which sample of the shard it is, from 1.
    pub(crate) nth: u64,
    pub(crate) from: u64,
    pub(crate) end: u64,
    /// CRC32C of all from there to there.
    pub(crate) crc: u32,
}

/// How far the files go that a sink appends to, as the records say.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Reach {
    /// Where the last line ends in a file of lines.
    pub(crate) line_end: u64,
    /// The number of the shard that is written.
    pub(crate) shard: u64,
    /// Where its last sample ends.
    pub(crate) shard_end: u64,
    /// The samples in it.
    pub(crate) samples: u64,
}

impl Reach {
    /// A record says where its bytes are: it goes that far.
    pub(crate) fn extend(&mut self, line_end: Option<u64>, sample: Option<&Sample>) {
        self.line_end = self.line_end.max(line_end.unwrap_or_default());
        if let Some(Sample { shard, nth, end, .. }) = sample
            && (*shard, *end) > (self.shard, self.shard_end)
        {
            (self.shard, self.shard_end, self.samples) = (*shard, *end, *nth);
        }
    }

    /// This shard has its name: the next one is written.
    pub(crate) fn close(&mut self, shard: u64) {
        if self.shard <= shard {
            (self.shard, self.shard_end, self.samples) = (shard.saturating_add(1), 0, 0);
        }
    }

    /// What both have reached.
    pub(crate) fn least(self, other: Self) -> Self {
        let place = |reach: &Self| (reach.shard, reach.shard_end);
        let shards = if place(&other) < place(&self) { other } else { self };
        Self { line_end: self.line_end.min(other.line_end), ..shards }
    }
}

/// Writes down an outcome as it is told, now that it is known where its bytes are to be.
pub(crate) type Tell<'a> = dyn FnMut(Option<PathBuf>, &Spot, &mut Vec<u8>) -> io::Result<()> + 'a;

/// A sink's unit of commit: how what is staged becomes what is there. It lives on the ledger's
/// thread and may block.
pub(crate) trait Unit: Send + std::fmt::Debug {
    /// Takes what an item leaves; says what its record says of it. `tell` is for sinks that keep
    /// the outcome beside the bytes.
    fn stage(&mut self, position: Position, left: Left, tell: &mut Tell<'_>)
    -> Result<Spot, Error>;

    /// Hands what was staged to the system, before its records are.
    fn flush(&mut self) -> Result<(), Error>;

    /// The records of what was staged are with the system.
    fn recorded(&mut self) -> Result<(), Error>;

    /// A record of an earlier run says so: what it replaced is not to be replaced again.
    fn replayed(&mut self, spot: &Spot) -> Result<(), Error>;

    /// The record is as durable as was promised: lets the bytes go there. Where that place is
    /// taken it says the next one, and is called again once that is in a durable record.
    fn publish(&mut self, position: Position, spot: &Spot) -> Result<Option<Spot>, Error>;

    /// Whether the bytes are what the record says, after a power cut. What was before them goes as
    /// far as `before`.
    fn holds(&self, position: Position, spot: &Spot, before: Reach) -> Result<bool, Error>;

    /// There is no ledger yet: an error where something is there that would be written over.
    fn begin(&self) -> Result<(), Error>;

    /// Cuts off what was written behind, and opens for more.
    fn resume(&mut self, reach: Reach) -> Result<(), Error>;

    /// The last shard that was given its name, once: since the call before.
    fn named_shard(&mut self) -> Option<u64> {
        None
    }

    /// All that the run will ever bring is published.
    fn complete(&mut self) -> Result<(), Error> {
        Ok(())
    }

    /// The positions of which a temporary file is there.
    fn staged(&self) -> Result<Vec<Position>, Error>;

    /// Removes such a file.
    fn unstage(&mut self, position: Position) -> Result<(), Error>;

    /// Where the bytes are, once they are published.
    fn path(&self, spot: &Spot) -> Option<PathBuf>;

    /// A folder of the file system where all is that must be synced.
    fn folder(&self) -> &Path;

    /// The files that hold what is staged or written, for systems that sync file by file.
    fn files(&self, positions: &[Position]) -> Vec<PathBuf>;
}
