//! The words for a body cut from the content: as it should be, or a part of it.

use super::{Answered, Exchange, PIECE};
use crate::http::representation::Representation;

impl Exchange<'_> {
    /// Begins a 200 with the content's type; its framing is the caller's to say.
    pub(crate) fn ok(&mut self) -> &mut Self {
        let kind = self.content.kind;
        self.head(200).header("Content-Type", kind).cut = true;
        self
    }

    /// Puts so many made bytes in the place of the content, if asked to.
    pub(crate) fn resize(&mut self, of: Option<u64>) {
        if let Some(of) = of {
            self.content = Representation::made(of);
        }
    }

    /// Whether a part of the content has been sent.
    pub(crate) fn has_begun(&self) -> bool {
        self.begun
    }

    /// The head of the content as it should be, unless that has been sent.
    pub(crate) fn open(&mut self) -> &mut Self {
        if !self.begun {
            self.begun = true;
            let length = self.content.length();
            self.ok().length(length).end_head();
        }
        self
    }

    /// All of the content that has not been sent yet, as it should be.
    pub(crate) async fn rest(&mut self) -> Answered {
        self.open();
        self.part(self.told, self.content.length()).await?;
        self.flush().await
    }

    /// The next `n` bytes of the content, its head before the first.
    pub(crate) async fn more(&mut self, n: u64) -> Answered {
        self.open();
        let to = self.told.saturating_add(n).min(self.content.length());
        self.part(self.told, to).await?;
        self.flush().await
    }

    /// The bytes `from..to` of the content; beyond its end, of the endless body.
    pub(crate) async fn part(&mut self, from: u64, to: u64) -> Answered {
        if self.request.is_head() {
            return Ok(());
        }
        self.cut = true;
        let mut at = from;
        while at < to {
            let next = to.min(at + PIECE);
            self.content.read(at, next, self.out).await?;
            at = next;
            self.flush().await?;
        }
        self.told = self.told.max(to);
        Ok(())
    }

    /// One chunk of the content (RFC 9112, section 7.1).
    pub(crate) async fn chunk(&mut self, from: u64, to: u64) -> Answered {
        self.chunk_with(from, to, "").await
    }

    /// One chunk with an extension (RFC 9112, section 7.1.1).
    pub(crate) async fn chunk_with(&mut self, from: u64, to: u64, extension: &str) -> Answered {
        if self.request.is_head() || from == to {
            return Ok(());
        }
        let size = format!("{:x}{extension}\r\n", to - from);
        self.raw(size.as_bytes()).part(from, to).await?;
        self.raw(b"\r\n").flush().await
    }

    /// The end of a chunked body, without trailers.
    pub(crate) async fn last_chunk(&mut self) -> Answered {
        if !self.request.is_head() {
            self.raw(b"0\r\n\r\n");
        }
        self.flush().await
    }
}
