//! One stream's words.

use std::io;
use std::sync::Arc;

use super::frame::{self, Code, flag, kind};
use super::hpack::{Field, literal};
use super::link::Link;

/// The end of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Last {
    /// It will be said.
    Due,
    /// It is left to a fault, or there is none.
    Left,
    /// It was said.
    Said,
}

/// The server's side of a stream.
pub(crate) struct Stream {
    pub(crate) id: u32,
    pub(crate) link: Arc<Link>,
    /// Whether the connection is one of TLS.
    pub(crate) secure: bool,
    /// Whether something was said that HTTP/2 has no words for.
    pub(crate) bare: bool,
    pub(crate) end: Last,
    /// How it was reset.
    pub(crate) reset: Option<Code>,
}

impl Stream {
    pub(super) fn new(id: u32, link: Arc<Link>, secure: bool) -> Self {
        Self { id, link, secure, bare: false, end: Last::Due, reset: None }
    }

    /// The head of an answer, interim or not.
    pub(crate) async fn head(&mut self, fields: &[Field], end: bool) -> io::Result<()> {
        let flags = self.flags(end);
        let frames = frame::headers(self.id, flags, &block(fields), frame::USUAL);
        self.link.send(&frames).await
    }

    /// Body bytes, as many as the windows let through at once; says how many.
    pub(crate) async fn data(&mut self, bytes: &[u8], end: bool) -> io::Result<usize> {
        let n = self.link.window(self.id, bytes.len()).await?;
        let flags = self.flags(end && n == bytes.len());
        self.link.send(&frame::frame(kind::DATA, flags, self.id, &bytes[..n])).await?;
        Ok(n)
    }

    fn flags(&mut self, end: bool) -> u8 {
        if end {
            self.end = Last::Said;
            return flag::END_STREAM;
        }
        0
    }

    /// Ends it in order, if that is due.
    pub(crate) async fn finish(&mut self) -> io::Result<()> {
        if self.end != Last::Due {
            return Ok(());
        }
        self.data(b"", true).await.map(drop)
    }

    /// Ends it by `RST_STREAM`.
    pub(crate) async fn rst(&mut self, code: Code) -> io::Result<()> {
        self.end = Last::Left;
        self.reset = Some(code);
        self.link.send(&frame::rst_stream(self.id, code)).await
    }
}

/// Fields as a header block.
pub(crate) fn block(fields: &[Field]) -> Vec<u8> {
    let mut block = Vec::new();
    for (name, value) in fields {
        literal(&mut block, name, value);
    }
    block
}
