//! The words of HTTP/2 alone, and how those of HTTP/1.1 become frames.

use std::mem::take;

use super::{Answered, Exchange, Road, Trouble, turn};
use crate::http::two::frame::{Code, flag, frame, goaway, kind};
use crate::http::two::{Field, Last, Stream, answers};
use crate::truth::End;

impl Exchange<'_> {
    /// Its stream, where it is one of HTTP/2.
    pub(crate) fn stream(&mut self) -> Result<&mut Stream, Trouble> {
        match &mut self.road {
            Road::One { .. } => Err(Trouble::NeedsHttp11),
            Road::Two(stream) => Ok(stream),
        }
    }

    /// Whether it is one of HTTP/2.
    pub(crate) fn is_two(&self) -> bool {
        matches!(self.road, Road::Two(_))
    }

    /// Hands all that was said to the system, as frames: heads, then data within the client's windows.
    /// The last byte that was promised ends the stream.
    pub(super) async fn flush_two(&mut self) -> Answered {
        if take(&mut self.stream()?.bare) {
            self.out.clear();
            return Err(Trouble::NeedsHttp11);
        }
        let mut said = take(self.out);
        let from = take(&mut self.body_from).min(said.len());
        let mut may = 0;
        while may < from {
            may += turn(self.shared, from - may, self.road.gone()).await?;
        }
        if from > 0 {
            let heads = answers(&said[..from]).ok_or(Trouble::NeedsHttp11)?;
            let last = heads.len().saturating_sub(1);
            for (at, fields) in heads.iter().enumerate() {
                let end = at == last && from == said.len() && self.is_end(0);
                self.stream()?.head(fields, end).await?;
            }
        }
        let mut at = from;
        while at < said.len() {
            if may == at {
                may += turn(self.shared, said.len() - at, self.road.gone()).await?;
            }
            let end = may == said.len() && self.is_end((may - at) as u64);
            let n = self.stream()?.data(&said[at..may], end).await?;
            at += n;
            self.sent += n as u64;
        }
        said.clear();
        *self.out = said;
        Ok(())
    }

    /// Whether so many more body bytes end the stream.
    fn is_end(&self, more: u64) -> bool {
        let Some(status @ 200..) = self.status else { return false };
        let empty = self.request.is_head() || matches!(status, 204 | 304);
        let Road::Two(Stream { end: Last::Due, .. }) = self.road else { return false };
        empty || self.promised == Some(self.sent + more)
    }

    /// From now on the stream's end is not said by itself.
    pub(crate) fn hold(&mut self) -> &mut Self {
        if let Road::Two(stream) = &mut self.road {
            stream.end = Last::Left;
        }
        self
    }

    /// Takes back the head that was said, as fields.
    pub(crate) fn fields(&mut self) -> Result<Vec<Field>, Trouble> {
        self.body_from = 0;
        let heads = answers(&take(self.out)).ok_or(Trouble::NeedsHttp11)?;
        heads.into_iter().next_back().ok_or(Trouble::NeedsHttp11)
    }

    /// Everything said so far, then these frames as they are.
    pub(crate) async fn frames(&mut self, frames: &[u8]) -> Answered {
        self.flush().await?;
        Ok(self.stream()?.link.send(frames).await?)
    }

    /// One DATA frame with the bytes `from..to` of the content, within the windows, and maybe so much
    /// padding behind them. With the flag `END_STREAM` the stream has ended.
    pub(crate) async fn data(
        &mut self,
        (from, to): (u64, u64),
        flags: u8,
        padding: Option<u8>,
    ) -> Answered {
        self.flush().await?;
        self.cut = true;
        let mut payload = Vec::from_iter(padding);
        self.content.read(from, to, &mut payload).await?;
        payload.resize(payload.len() + usize::from(padding.unwrap_or(0)), 0);
        let flags = flags | if padding.is_some() { flag::PADDED } else { 0 };
        let stream = self.stream()?;
        let mut left = payload.len();
        while left > 0 {
            left -= stream.link.window(stream.id, left).await?;
        }
        if flags & flag::END_STREAM != 0 {
            stream.end = Last::Said;
        }
        stream.link.send(&frame(kind::DATA, flags, stream.id, &payload)).await?;
        self.sent += to - from;
        Ok(())
    }

    /// The same, whatever the windows and the longest frame are.
    pub(crate) async fn data_beyond(&mut self, (from, to): (u64, u64), flags: u8) -> Answered {
        self.flush().await?;
        self.cut = true;
        let mut payload = Vec::new();
        self.content.read(from, to, &mut payload).await?;
        let stream = self.stream()?;
        if flags & flag::END_STREAM != 0 {
            stream.end = Last::Said;
        }
        stream.link.send(&frame(kind::DATA, flags, stream.id, &payload)).await?;
        self.sent += to - from;
        Ok(())
    }

    /// Resets the stream. What was not handed over yet is dropped.
    pub(crate) async fn rst(&mut self, code: Code) -> Answered {
        self.body_from = 0;
        self.out.clear();
        Ok(self.stream()?.rst(code).await?)
    }

    /// Ends it as it should end after such an answer, and so the connection if that is to end.
    pub(crate) async fn finish(&mut self, answered: Answered) {
        let end = self.end;
        let Road::Two(stream) = &mut self.road else { return };
        self.done = true;
        match answered {
            Ok(()) if end == End::Keep => {
                if stream.finish().await.is_err() && stream.link.is_over() {
                    self.end = End::Close;
                }
            }
            Ok(()) => {
                if stream.end == Last::Said && end == End::Close {
                    stream.link.say(&goaway(stream.link.last(), Code::NO_ERROR));
                }
                stream.link.end(end);
            }
            Err(_) if stream.link.is_over() => self.end = End::Close,
            Err(_) => {
                // The client has reset it, or something of ours failed.
                self.end = End::Keep;
                if stream.link.wants(stream.id) {
                    let _ = stream.rst(Code::INTERNAL_ERROR).await;
                }
            }
        }
    }
}
