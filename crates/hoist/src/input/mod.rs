//! Bytes to lines, pulled: a source is read block by block on a thread of its own, and no more
//! than a few blocks ahead of admission. Nothing is allocated per line here. With a ledger, the
//! list is recognized block by block, and what is answered is passed over.

mod aria2;
mod block;
mod blocks;
mod coded;
mod known;
mod lines;
mod list;
mod reader;
mod recall;
mod source;
mod text;
mod zstd;

#[cfg(test)]
mod tests;

pub(crate) use block::{Block, Line};
pub use coded::Decoded;
pub(crate) use reader::{Delivery, Reader};
pub(crate) use recall::Recall;
pub(crate) use source::ListIdentity;
pub use source::{ListForm, Source};

/// The longest line, in bytes, without its end.
pub const MAX_LINE: usize = 64 << 10;
