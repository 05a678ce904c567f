//! Content codings (RFC 9110, section 8.4.1), written by hand: what is judged are decoders, so
//! nothing here may put right what is meant to be wrong. Content is stored, zeros are compressed.

mod accept;
mod bits;
mod brotli;
mod content_coding;
mod deflate;
mod how;
mod run;
mod xxh64;
mod zstd;

pub(crate) use accept::accepts;
pub(crate) use content_coding::ContentCoding;
pub(crate) use how::How;
pub(crate) use run::Run;
