use std::path::{Path, PathBuf};

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
}

/// Where an item's bytes are to be, as its record says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Spot {
    /// Below the root, with slashes.
    pub(crate) name: Option<String>,
    /// Of the file.
    pub(crate) bytes: u64,
    /// CRC32C of the bytes.
    pub(crate) crc: Option<u32>,
    /// A file of that name is of an earlier ledger, and may be replaced.
    pub(crate) replaces: bool,
    /// Where the line ends.
    pub(crate) line_end: Option<u64>,
}

/// A sink's unit of commit: how what is staged becomes what is there. It lives on the ledger's
/// thread and may block.
pub(crate) trait Unit: Send + std::fmt::Debug {
    /// Takes what an item leaves; says what its record says of it.
    fn stage(&mut self, position: Position, left: Left) -> Result<Spot, Error>;

    /// Hands what was staged to the system, before its records are.
    fn flush(&mut self) -> Result<(), Error>;

    /// The records of what was staged are with the system.
    fn recorded(&mut self) -> Result<(), Error>;

    /// A record of an earlier run says so: what it replaced is not to be replaced again.
    fn replayed(&mut self, spot: &Spot) -> Result<(), Error>;

    /// The record is as durable as was promised: lets the bytes go there. Where that place is
    /// taken it says the next one, and is called again once that is in a durable record.
    fn publish(&mut self, position: Position, spot: &Spot) -> Result<Option<Spot>, Error>;

    /// Whether the bytes are what the record says, after a power cut. The line before ends at
    /// `line_start`.
    fn holds(&self, position: Position, spot: &Spot, line_start: u64) -> Result<bool, Error>;

    /// There is no ledger yet: an error where something is there that would be written over.
    fn begin(&self) -> Result<(), Error>;

    /// Cuts off what was written behind this end of a line, and opens for more.
    fn resume(&mut self, line_end: u64) -> Result<(), Error>;

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
