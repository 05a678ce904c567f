//! Bytes to lines, pulled: a source is read block by block on a thread of its own, and no more
//! than a few blocks ahead of admission. Nothing is allocated per line here.

mod block;
mod reader;
mod source;

pub(crate) use block::{Block, Line};
pub(crate) use reader::Reader;
pub use source::Source;

/// The longest line, in bytes, without its end.
pub const MAX_LINE: usize = 64 << 10;
