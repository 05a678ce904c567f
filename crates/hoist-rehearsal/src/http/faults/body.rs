//! Where a body ends, and lies about it (RFC 9112, section 6).

use std::time::Duration;

use super::act::{Act, Place};
use super::{Case, Entry, Right};
use crate::catalogue::About;
use crate::http::exchange::{Answered, Exchange};
use crate::http::representation::Representation;
use crate::spec::Wrong;
use crate::truth::End;

/// The longest chunk of a chunked body.
const CHUNK: u64 = 16 << 10;
/// Promised beyond what is sent before a reset.
const MORE: u64 = 1000;
/// The time that the last bytes get to arrive before a reset overtakes them.
const HEADWAY: Duration = Duration::from_millis(50);

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Body {
    Whole { of: Option<u64> },
    Send { bytes: u64 },
    Short { of: Option<u64>, send: Option<u64> },
    Long { of: Option<u64>, send: Option<u64> },
    Close { after: u64 },
    Reset { after: u64 },
    ResetAtEnd { of: Option<u64> },
    Lengths { a: u64, b: u64 },
    LengthValue { is: String, of: Option<u64> },
    LengthAndChunked { of: u64 },
    Chunked { of: Option<u64>, cut: Option<u64>, with: With },
    ChunkSize { of: Option<u64>, is: String },
    Unframed { of: Option<u64>, reset: bool },
    Endless { rate: u64 },
}

/// What else a chunked body has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum With {
    Nothing,
    Extension,
    Trailer,
}

pub(super) const ENTRIES: &[Entry] = &[
    Entry {
        about: About {
            name: "bytes",
            does: "so many bytes, as it should be",
            example: "bytes?of=1048576",
            verdict: "whole",
            counts: false,
        },
        make: |p| Ok(Act::Body(Body::Whole { of: p.number("of")? })),
        cases: &[
            Case::new("/bytes/1000", &[Right::Made(1000)]),
            Case::new("/bytes/0", &[Right::Made(0)]),
            Case::new("/bytes/3000000", &[Right::Made(3_000_000)]),
        ],
    },
    Entry {
        about: About {
            name: "send",
            does: "the next so many bytes of the body; for chains, before reset, close or stall",
            example: "send?bytes=3000",
            verdict: "that of what follows",
            counts: false,
        },
        make: |p| {
            let bytes = p.number("bytes")?;
            Ok(Act::Body(Body::Send { bytes: bytes.ok_or(Wrong::new("send needs bytes"))? }))
        },
        cases: &[],
    },
    Entry {
        about: About {
            name: "short",
            does: "promises a length, closes in order after fewer bytes (half)",
            example: "short?of=1000&send=500",
            verdict: "failure: the message is incomplete (RFC 9112, section 8)",
            counts: false,
        },
        make: |p| Ok(Act::Body(Body::Short { of: p.number("of")?, send: p.number("send")? })),
        cases: &[
            Case::new("/fault/short", &[Right::Fail]),
            Case::new("/fault/short?of=1000&send=999", &[Right::Fail]),
            Case::new("/fault/short?of=1000&send=0", &[Right::Fail]),
            Case::new("/fault/short?of=3000000&send=2999999", &[Right::Fail]),
        ],
    },
    Entry {
        about: About {
            name: "long",
            does: "promises a length, sends more (twice as much), closes",
            example: "long?of=1000&send=2000",
            verdict: "the promised bytes, or failure; never the rest (RFC 9112, section 6.3)",
            counts: false,
        },
        make: |p| Ok(Act::Body(Body::Long { of: p.number("of")?, send: p.number("send")? })),
        cases: &[
            Case::new("/fault/long", &[Right::Made(1000), Right::Fail]),
            Case::new("/fault/long?of=1000&send=1001", &[Right::Made(1000), Right::Fail]),
        ],
    },
    Entry {
        about: About {
            name: "close",
            does: "closes in order after so many body bytes; without after, before any byte of an answer",
            example: "close?after=1000",
            verdict: "failure: the message is incomplete (RFC 9112, section 8)",
            counts: false,
        },
        make: |p| Ok(Act::Body(Body::Close { after: p.number_or("after", 0)? })),
        cases: &[
            Case::new("/fault/close", &[Right::Fail]),
            Case::new("/fault/close?after=500", &[Right::Fail]),
        ],
    },
    Entry {
        about: About {
            name: "reset",
            does: "resets after so many body bytes; without after, before any byte of an answer",
            example: "reset?after=1000",
            verdict: "failure: the message is incomplete (RFC 9112, section 8)",
            counts: false,
        },
        make: |p| Ok(Act::Body(Body::Reset { after: p.number_or("after", 0)? })),
        cases: &[
            Case::new("/fault/reset", &[Right::Fail]),
            Case::new("/fault/reset?after=1000", &[Right::Fail]),
        ],
    },
    Entry {
        about: About {
            name: "reset-at-end",
            does: "the whole body, then a reset in place of an orderly close",
            example: "reset-at-end?of=1000",
            verdict: "whole, since all promised bytes came; or failure (RFC 9112, section 9.6)",
            counts: false,
        },
        make: |p| Ok(Act::Body(Body::ResetAtEnd { of: p.number("of")? })),
        cases: &[Case::new("/fault/reset-at-end", &[Right::Made(1000), Right::Fail])],
    },
    Entry {
        about: About {
            name: "lengths",
            does: "two Content-Length headers (5 and 6), and the longer one's body",
            example: "lengths?a=5&b=6",
            verdict: "failure where they differ; equal ones may be taken for one (RFC 9110, section 8.6)",
            counts: false,
        },
        make: |p| Ok(Act::Body(Body::Lengths { a: p.number_or("a", 5)?, b: p.number_or("b", 6)? })),
        cases: &[
            Case::new("/fault/lengths?a=5&b=6", &[Right::Fail]),
            Case::new("/fault/lengths?a=6&b=5", &[Right::Fail]),
            Case::new("/fault/lengths?a=5&b=5", &[Right::Made(5), Right::Fail]),
        ],
    },
    Entry {
        about: About {
            name: "length-value",
            does: "a Content-Length of this text, then the body and an orderly close",
            example: "length-value?is=-5",
            verdict: "failure: an invalid length is an unrecoverable error (RFC 9112, section 6.3)",
            counts: false,
        },
        make: |p| {
            let is = p.line("is")?.unwrap_or("-5".into()).into_owned();
            Ok(Act::Body(Body::LengthValue { is, of: p.number("of")? }))
        },
        cases: &[
            Case::new("/fault/length-value?is=-5", &[Right::Fail]),
            Case::new("/fault/length-value?is=many", &[Right::Fail]),
            Case::new("/fault/length-value?is=99999999999999999999999", &[Right::Fail]),
            Case::new("/fault/length-value?is=1000,%201000", &[Right::Made(1000), Right::Fail]),
            Case::new("/fault/length-value?is=1000,%20999", &[Right::Fail]),
        ],
    },
    Entry {
        about: About {
            name: "length-and-chunked",
            does: "Content-Length and Transfer-Encoding both, and a chunked body",
            example: "length-and-chunked",
            verdict: "the chunks' bytes, or failure: it may be smuggling (RFC 9112, section 6.3)",
            counts: false,
        },
        make: |p| Ok(Act::Body(Body::LengthAndChunked { of: p.number_or("of", 5)? })),
        cases: &[Case::new("/fault/length-and-chunked", &[Right::Made(5), Right::Fail])],
    },
    Entry {
        about: About {
            name: "chunked",
            does: "the body in chunks; with cut, closes after so many bytes without a last chunk",
            example: "chunked?of=1000&cut=500",
            verdict: "whole; with cut, failure: no last chunk came (RFC 9112, section 8)",
            counts: false,
        },
        make: |p| {
            let with = [
                ("nothing", With::Nothing),
                ("extension", With::Extension),
                ("trailer", With::Trailer),
            ];
            let (of, cut) = (p.number("of")?, p.number("cut")?);
            Ok(Act::Body(Body::Chunked { of, cut, with: p.one_of("with", &with)? }))
        },
        cases: &[
            Case::new("/chunked?of=100000", &[Right::Made(100_000)]),
            Case::new("/chunked?with=extension", &[Right::Made(1000)]),
            Case::new("/chunked?with=trailer", &[Right::Made(1000)]),
            Case::new("/chunked?cut=500", &[Right::Fail]),
            Case::new("/chunked?cut=1000", &[Right::Fail]),
            Case::new("/chunked?cut=0", &[Right::Fail]),
        ],
    },
    Entry {
        about: About {
            name: "chunk-size",
            does: "a first chunk whose size is this text, in place of the true one; then an orderly close",
            example: "chunk-size?is=zz",
            verdict: "failure: no valid chunk size, or fewer bytes than it (RFC 9112, section 7.1)",
            counts: false,
        },
        make: |p| {
            let is = p.line("is")?.unwrap_or("zz".into()).into_owned();
            Ok(Act::Body(Body::ChunkSize { of: p.number("of")?, is }))
        },
        cases: &[
            Case::new("/fault/chunk-size?is=zz", &[Right::Fail]),
            Case::new("/fault/chunk-size?is=ffffffffffffffff", &[Right::Fail]),
            Case::new("/fault/chunk-size?is=10000000000000000", &[Right::Fail]),
            Case::new("/fault/chunk-size?is=-3e8", &[Right::Fail]),
            Case::new("/fault/chunk-size?is=3e7", &[Right::Fail]),
        ],
    },
    Entry {
        about: About {
            name: "unframed",
            does: "neither length nor chunks: the body ends by an orderly close, or by a reset",
            example: "unframed?of=1000&end=reset",
            verdict: "whole when closed (RFC 9112, section 6.3); failure when reset (section 8)",
            counts: false,
        },
        make: |p| {
            let of = p.number("of")?;
            let reset = p.one_of("end", &[("close", false), ("reset", true)])?;
            Ok(Act::Body(Body::Unframed { of, reset }))
        },
        cases: &[
            Case::new("/unframed?of=70000", &[Right::Made(70_000)]),
            Case::new("/unframed?of=70000&end=reset", &[Right::Fail]),
        ],
    },
    Entry {
        about: About {
            name: "endless",
            does: "a chunked body without end, so many bytes a second (65536)",
            example: "endless?rate=1000",
            verdict: "failure, when the client's limit of time or size is reached",
            counts: false,
        },
        make: |p| Ok(Act::Body(Body::Endless { rate: p.number_or("rate", 64 << 10)?.max(1) })),
        cases: &[Case::new("/fault/endless", &[Right::Fail])],
    },
];

impl Body {
    pub(super) fn place(&self) -> Place {
        match self {
            Self::Send { .. } => Place::Part,
            Self::Close { after: 0 } | Self::Reset { after: 0 } => Place::Cut,
            _ => Place::Whole,
        }
    }

    /// See [`Act::act`].
    pub(super) fn is_of_bytes(&self) -> bool {
        !matches!(
            self,
            Self::Whole { .. } | Self::Send { .. } | Self::Close { .. } | Self::Reset { .. }
        )
    }

    pub(super) async fn act(&self, ex: &mut Exchange<'_>) -> Answered {
        match self {
            Self::Whole { of } => {
                ex.resize(*of);
                ex.rest().await
            }
            Self::Send { bytes } => ex.more(*bytes).await,
            Self::Short { of, send } => {
                ex.resize(*of);
                let of = ex.content.length();
                sized(ex, send.unwrap_or(of / 2).min(of)).await
            }
            Self::Long { of, send } => {
                ex.resize(*of);
                let of = ex.content.length();
                sized(ex, send.unwrap_or(of.saturating_mul(2)).max(of)).await
            }
            Self::Close { after } => {
                ex.end = End::Close;
                if *after > 0 {
                    promise_more(ex, *after).await?;
                }
                ex.flush().await
            }
            Self::Reset { after } => {
                if *after > 0 {
                    promise_more(ex, *after).await?;
                }
                ex.reset().await
            }
            Self::ResetAtEnd { of } => {
                ex.resize(*of);
                ex.rest().await?;
                ex.pause(HEADWAY).await?;
                ex.reset().await
            }
            Self::Lengths { a, b } => lengths(ex, *a, *b).await,
            Self::LengthValue { is, of } => {
                ex.resize(*of);
                ex.end = End::Close;
                ex.ok().header("Content-Length", is).end_head();
                ex.part(0, ex.content.length()).await?;
                ex.flush().await
            }
            Self::LengthAndChunked { of } => {
                ex.resize(Some(*of));
                ex.end = End::Close;
                ex.ok().length(*of).header("Transfer-Encoding", "chunked").end_head();
                ex.chunk(0, *of).await?;
                ex.last_chunk().await
            }
            Self::Chunked { of, cut, with } => {
                ex.resize(*of);
                chunked(ex, *cut, *with).await
            }
            Self::ChunkSize { of, is } => {
                ex.resize(*of);
                ex.end = End::Close;
                ex.ok().header("Transfer-Encoding", "chunked").end_head();
                if ex.request.is_head() {
                    return ex.flush().await;
                }
                ex.raw(format!("{is}\r\n").as_bytes());
                ex.part(0, ex.content.length()).await?;
                ex.raw(b"\r\n").last_chunk().await
            }
            Self::Unframed { of, reset } => {
                ex.resize(*of);
                ex.end = End::Close;
                ex.ok().end_head();
                ex.part(0, ex.content.length()).await?;
                ex.flush().await?;
                if *reset {
                    ex.pause(HEADWAY).await?;
                    ex.reset().await?;
                }
                Ok(())
            }
            Self::Endless { rate } => endless(ex, *rate).await,
        }
    }
}

/// Promises the content, sends `send`. It looks like any answer on a connection to be kept.
async fn sized(ex: &mut Exchange<'_>, send: u64) -> Answered {
    let of = ex.content.length();
    ex.ok().length(of).end_head();
    ex.end = End::Close;
    ex.part(0, send).await?;
    ex.flush().await
}

/// Sends `after` bytes of an answer that promises more. Content that is shorter is promised to be
/// longer than it is, so that the answer is never whole.
async fn promise_more(ex: &mut Exchange<'_>, after: u64) -> Answered {
    let end = std::mem::replace(&mut ex.end, End::Keep);
    let promised = ex.content.length().max(after + MORE);
    ex.ok().length(promised).end_head();
    ex.end = end;
    ex.part(0, after).await
}

async fn lengths(ex: &mut Exchange<'_>, a: u64, b: u64) -> Answered {
    ex.content = Representation::made(a.max(b));
    if a != b {
        ex.end = End::Close;
    }
    ex.ok().length(a).length(b).end_head();
    ex.part(0, a.max(b)).await?;
    ex.flush().await
}

async fn chunked(ex: &mut Exchange<'_>, cut: Option<u64>, with: With) -> Answered {
    let of = ex.content.length();
    let until = cut.unwrap_or(of).min(of);
    ex.ok().header("Transfer-Encoding", "chunked");
    if with == With::Trailer {
        ex.header("Trailer", "X-Trailer");
    }
    ex.end_head();
    if ex.request.is_head() {
        return ex.flush().await;
    }
    // At least a few chunks even of a small body.
    let size = (of / 3).clamp(1, CHUNK);
    let mut at = 0;
    while at < until {
        let to = until.min(at + size);
        match with {
            With::Extension => ex.chunk_with(at, to, ";name=value").await?,
            With::Nothing | With::Trailer => ex.chunk(at, to).await?,
        }
        at = to;
    }
    if cut.is_some() {
        ex.end = End::Close;
        return ex.flush().await;
    }
    if with == With::Trailer && !ex.request.is_head() {
        ex.raw(b"0\r\nX-Trailer: here\r\n\r\n");
        return ex.flush().await;
    }
    ex.last_chunk().await
}

async fn endless(ex: &mut Exchange<'_>, rate: u64) -> Answered {
    ex.end = End::Close;
    ex.ok().header("Transfer-Encoding", "chunked").end_head();
    ex.flush().await?;
    if ex.request.is_head() {
        return Ok(());
    }
    ex.content = Representation::made(u64::MAX);
    let mut pace = super::pace::Pacer::new(ex, rate);
    let mut at = 0;
    loop {
        let to = pace.next(ex, at, u64::MAX).await?;
        ex.chunk(at, to).await?;
        at = to;
    }
}
