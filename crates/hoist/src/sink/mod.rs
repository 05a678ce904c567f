//! Where the bytes go. A sink lives on a writer thread and may block; nothing else here may.
//!
//! One file a sink. All keep one contract, tested for all of them in `contract`: what is finished
//! is whole under its name, what is discarded leaves nothing.

#[cfg(test)]
mod contract;
mod directory;
mod stream;
mod writer;

pub(crate) use directory::Directory;
pub(crate) use stream::Stream;
pub(crate) use writer::{Completions, Handover, Writers};

use std::path::PathBuf;

use crate::error::Error;
use crate::item::{FileName, Position};

/// A body that is to be saved.
#[derive(Debug, Clone)]
pub(crate) struct Wanted {
    pub(crate) position: Position,
    pub(crate) name: FileName,
}

/// A place for bodies.
pub(crate) trait Sink: Send {
    /// A body being received.
    type Part;

    /// Makes room for a body.
    fn begin(&mut self, wanted: Wanted) -> Result<Self::Part, Error>;
    /// Adds to it.
    fn write(&mut self, part: &mut Self::Part, bytes: &[u8]) -> Result<(), Error>;
    /// It is whole: gives it its name. `None` where it has none.
    fn finish(&mut self, part: Self::Part) -> Result<Option<PathBuf>, Error>;
    /// It will not become whole: nothing of it stays.
    fn discard(&mut self, part: Self::Part) -> Result<(), Error>;
    /// No more bodies: tidies up.
    fn close(&mut self) -> Result<(), Error>;
}
