//! The content as it stands at one time, with what tells it from other times, and answers with all of it
//! or a part (RFC 9110, sections 13 and 14).

use std::time::Duration;

use super::exchange::{Answered, Exchange};
use super::faults::Pacer;
use super::request::Request;
use crate::truth::End;

/// The time that the last bytes get to arrive before a reset overtakes them.
const HEADWAY: Duration = Duration::from_millis(50);
const BOUNDARY: &str = "rehearsal-boundary";

/// The content at one time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Version {
    /// Where in the exchange's content it begins.
    pub(crate) start: u64,
    pub(crate) of: u64,
    /// Its validators; empty when it has none.
    pub(crate) tag: &'static str,
    pub(crate) date: &'static str,
    /// Bytes a second at which it is sent.
    pub(crate) rate: Option<u64>,
}

impl Version {
    /// Whether If-Match or If-Unmodified-Since forbids an answer (RFC 9110, section 13.2.2).
    pub(crate) fn fails(&self, request: &Request<'_>) -> bool {
        if let Some(tags) = request.header("If-Match") {
            return tags != "*" && !tags.split(',').any(|tag| self.is_tag(tag.trim()));
        }
        let limit = request.header("If-Unmodified-Since");
        let limit = limit.and_then(|date| httpdate::parse_http_date(date).ok());
        let date = httpdate::parse_http_date(self.date).ok();
        limit.zip(date).is_some_and(|(limit, date)| date > limit)
    }

    /// Whether If-Range allows a part (RFC 9110, section 13.1.5).
    pub(crate) fn may_go_on(&self, request: &Request<'_>) -> bool {
        let condition = request.header("If-Range");
        condition.is_none_or(|is| self.is_tag(is) || (!self.date.is_empty() && is == self.date))
    }

    fn is_tag(&self, tag: &str) -> bool {
        !self.tag.is_empty() && tag == self.tag
    }

    /// Begins a head with all but its framing.
    pub(crate) fn head<'a, 'b>(
        &self,
        ex: &'a mut Exchange<'b>,
        status: u16,
    ) -> &'a mut Exchange<'b> {
        ex.head(status);
        if status < 300 {
            let kind = ex.content.kind;
            ex.header("Content-Type", kind).header("Accept-Ranges", "bytes");
        }
        if !self.tag.is_empty() {
            ex.header("ETag", self.tag).header("Last-Modified", self.date);
        }
        ex
    }

    /// A part as it should be, up to its bytes.
    fn promise(&self, ex: &mut Exchange<'_>, status: u16, (from, to): (u64, u64)) {
        self.head(ex, status);
        if status == 206 {
            // A part has at least one byte.
            let last = to.saturating_sub(1);
            ex.header("Content-Range", format_args!("bytes {from}-{last}/{}", self.of));
        }
        ex.length(to - from).end_head();
    }

    pub(crate) async fn bytes(&self, ex: &mut Exchange<'_>, (from, to): (u64, u64)) -> Answered {
        let Some(rate) = self.rate.filter(|_| !ex.request.is_head()) else {
            ex.part(self.start + from, self.start + to).await?;
            return ex.flush().await;
        };
        ex.flush().await?;
        let mut pacer = Pacer::new(ex, rate);
        let (of, mut at) = (to - from, 0);
        while at < of {
            let next = pacer.next(ex, at, of).await?;
            ex.part(self.start + from + at, self.start + from + next).await?;
            at = next;
        }
        ex.flush().await
    }

    pub(crate) async fn give(
        &self,
        ex: &mut Exchange<'_>,
        status: u16,
        span: (u64, u64),
    ) -> Answered {
        self.promise(ex, status, span);
        self.bytes(ex, span).await
    }

    /// Promises a part and ends after some of it (half), always before its last byte.
    pub(crate) async fn cut(
        &self,
        ex: &mut Exchange<'_>,
        status: u16,
        (from, to): (u64, u64),
        after: Option<u64>,
        reset: bool,
    ) -> Answered {
        if ex.request.is_head() || from == to {
            return self.give(ex, status, (from, to)).await;
        }
        self.promise(ex, status, (from, to));
        ex.end = End::Close;
        let length = to - from;
        let some = after.unwrap_or(length / 2).min(length - 1);
        self.bytes(ex, (from, from + some)).await?;
        if reset {
            ex.pause(HEADWAY).await?;
            ex.reset().await?;
        }
        Ok(())
    }

    pub(crate) async fn refuse(&self, ex: &mut Exchange<'_>, total: u64) -> Answered {
        self.head(ex, 416).header("Content-Range", format_args!("bytes */{total}"));
        ex.end_text("no such range").await
    }

    /// One part, as if several had been asked for.
    pub(crate) async fn multipart(
        &self,
        ex: &mut Exchange<'_>,
        (from, to): (u64, u64),
    ) -> Answered {
        let (kind, last) = (ex.content.kind, to.saturating_sub(1));
        let before = format!(
            "\r\n--{BOUNDARY}\r\nContent-Type: {kind}\r\nContent-Range: bytes {from}-{last}/{}\r\n\r\n",
            self.of
        );
        let after = format!("\r\n--{BOUNDARY}--\r\n");
        let length = before.len() as u64 + (to - from) + after.len() as u64;
        ex.head(206).header("Accept-Ranges", "bytes");
        ex.header("Content-Type", format_args!("multipart/byteranges; boundary={BOUNDARY}"));
        ex.header("ETag", self.tag).length(length).end_head();
        ex.body(before.as_bytes()).await?;
        self.bytes(ex, (from, to)).await?;
        ex.body(after.as_bytes()).await?;
        ex.flush().await
    }
}
