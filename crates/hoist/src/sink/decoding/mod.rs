//! Content codings taken off a body before it is saved (RFC 9110 §8.4).
//!
//! On the writer threads, where work on a body may take its time. A decoder takes any piece of the
//! coded bytes and gives bounded pieces of the decoded; nothing is gathered, and no file is touched
//! here but through the sink. What a head says of its coding is read in `fetch`.

mod brotli;
mod chain;
mod deflate;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzing;
mod gzip;
mod undoing;
mod zstd;

pub(crate) use chain::DecodeLimits;
pub(super) use undoing::Undoing;

use std::sync::{Arc, OnceLock};

use tokio::sync::OwnedSemaphorePermit;

use crate::outcome::Failure;

/// A content coding that can be undone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ContentCoding {
    /// RFC 1952.
    Gzip,
    /// RFC 1950; or RFC 1951 without its frame, as some servers send.
    Deflate,
    /// RFC 8878, within the window of RFC 9659.
    Zstd,
    /// RFC 7932.
    Brotli,
}

impl ContentCoding {
    /// The name on the wire.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Deflate => "deflate",
            Self::Zstd => "zstd",
            Self::Brotli => "br",
        }
    }

    /// Memory that a decoder takes at most: its window, its tables, a block.
    pub(crate) fn memory(self) -> usize {
        match self {
            Self::Gzip | Self::Deflate => 128 << 10,
            Self::Zstd => zstd::MEMORY,
            Self::Brotli => brotli::MEMORY,
        }
    }
}

/// A body that is coded, and what is to be made of it.
#[derive(Debug)]
pub(crate) struct Coded {
    /// In the order in which they are undone: the last one applied comes first.
    pub(crate) codings: Vec<ContentCoding>,
    pub(crate) limits: DecodeLimits,
    /// Set when the body is found wrong, so that no more of it need be received.
    pub(crate) spoiled: Arc<OnceLock<Failure>>,
    /// The decoder's part of the memory for decoders, where it stays from one piece to the next.
    pub(crate) memory: Option<OwnedSemaphorePermit>,
}

/// A decoder of one coding.
trait Decoder: Send {
    /// Decodes some of `input` into `output`, which is not empty. How many bytes were taken and how
    /// many made: if fewer than `output` has room for, all input was taken.
    fn step(&mut self, input: &[u8], output: &mut [u8]) -> Result<(usize, usize), Fault>;

    /// The coding may end here.
    fn ended(&self) -> bool;
}

/// What can be wrong with coded bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Fault {
    /// They are not of this coding, or contradict their checksum.
    Corrupt(&'static str),
    /// Something follows the end of the coding.
    Trailing,
}

fn decoder(coding: ContentCoding) -> Box<dyn Decoder> {
    match coding {
        ContentCoding::Gzip => Box::new(gzip::Gzip::new()),
        ContentCoding::Deflate => Box::new(deflate::Deflate::new()),
        ContentCoding::Zstd => Box::new(zstd::Zstd::new()),
        ContentCoding::Brotli => Box::new(brotli::Brotli::new()),
    }
}

#[cfg(test)]
mod tests;
