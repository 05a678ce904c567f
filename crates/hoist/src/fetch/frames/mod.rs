//! What the frames of a server of HTTP/2 must be, and h2 does not look at: settings, and the
//! pseudo-fields of header blocks.
//!
//! `Checked` is the connection; `Follower` follows its frames, without I/O; `Table` reads header blocks as
//! far as names that begin with a colon; `huffman` measures strings. Nothing here keeps a field's text.

mod answered;
mod block;
mod checked;
mod follower;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzing;
mod huffman;
#[cfg(test)]
mod tests;

pub(super) use checked::Checked;
