//! HTTP/2 (RFC 9113), by hand on raw frames as HTTP/1.1 is on raw lines: a library would put right what is
//! wanted wrong.
//!
//! ```text
//! serve     a connection: its beginning, one task that reads and writes, a task a stream, its end
//!   peer    what the client's frames mean: settings, windows, whole header blocks. No I/O
//!   link    what streams share: the queue of frames to be written, the client's windows, how it ends
//!   stream  one stream's words: a head, data within the windows, frames as they are
//! frame     bytes <-> frames, their kinds, flags and error codes (section 4, 6, 7)
//! hpack     header blocks (RFC 7541)
//! head      the fields of a request as a head of HTTP/1.1, and the other way round
//! ```
//!
//! A request becomes a head of HTTP/1.1 and goes the way of all others; its answer is said in the same
//! words, and a stream makes frames of them. What is about HTTP/1.1's bytes is answered
//! `HTTP_1_1_REQUIRED` (section 7), so that a client can ask again over HTTP/1.1.

pub(crate) mod frame;
mod head;
pub(crate) mod hpack;
mod huffman;
mod link;
mod peer;
mod serve;
mod stream;

pub(crate) use head::answers;
pub(crate) use hpack::Field;
pub(crate) use serve::{PREFACE, Start, serve};
pub(crate) use stream::{Last, Stream, block};
