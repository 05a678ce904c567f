//! Heads too large, and heads without end.

use super::act::Act;
use super::head::WHOLE_OR_NOT;
use super::pace::Pacer;
use super::{Case, Entry, Right};
use crate::catalogue::About;
use crate::http::exchange::{Answered, Exchange, PATIENCE, PIECE};
use crate::spec::{Params, Wrong};
use crate::truth::End;

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Size {
    of: Option<u64>,
    how: How,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum How {
    Large { size: u64, at: At },
    Many { n: u64 },
    Endless { rate: u64 },
}

/// What is large.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum At {
    Value,
    Name,
    Reason,
}

pub(super) const ENTRIES: &[Entry] = &[
    Entry {
        about: About {
            name: "head-large",
            does: "one header line of this size (1 MiB), in its value or name, or in the reason phrase",
            example: "head-large?size=1048576&at=value",
            verdict: "whole, or failure when it is more than the client takes (RFC 9110, section 5.4)",
            counts: false,
        },
        make: |p| {
            let size = p.number_or("size", 1 << 20)?;
            let at = [("value", At::Value), ("name", At::Name), ("reason", At::Reason)];
            let at = p.one_of("at", &at)?;
            on(How::Large { size, at }, p)
        },
        cases: &[
            Case::new("/fault/head-large", WHOLE_OR_NOT),
            Case::new("/fault/head-large?size=65536", WHOLE_OR_NOT),
            Case::new("/fault/head-large?at=name", WHOLE_OR_NOT),
            Case::new("/fault/head-large?at=reason", WHOLE_OR_NOT),
            // As long as cookies and policies of everyday sites.
            Case::new("/fault/head-large?size=4096", &[Right::Made(1000)]),
        ],
    },
    Entry {
        about: About {
            name: "head-many",
            does: "so many header lines (10000)",
            example: "head-many?n=10000",
            verdict: "whole, or failure when it is more than the client takes (RFC 9110, section 5.4)",
            counts: false,
        },
        make: |p| on(How::Many { n: p.number_or("n", 10_000)? }, p),
        cases: &[
            Case::new("/fault/head-many", WHOLE_OR_NOT),
            Case::new("/fault/head-many?n=1000", WHOLE_OR_NOT),
            Case::new("/fault/head-many?n=50", &[Right::Made(1000)]),
        ],
    },
    Entry {
        about: About {
            name: "head-endless",
            does: "header lines without end, so many a second (1000)",
            example: "head-endless?rate=1000",
            verdict: "failure, when the client's limit of time or size is reached",
            counts: false,
        },
        make: |p| on(How::Endless { rate: p.number_or("rate", 1000)?.max(1) }, p),
        cases: &[
            Case::new("/fault/head-endless", &[Right::Fail]),
            Case::new("/fault/head-endless?rate=20", &[Right::Fail]),
        ],
    },
];

/// With `of`, on so many made bytes.
fn on(how: How, p: &mut Params<'_>) -> Result<Act, Wrong> {
    Ok(Act::Size(Size { of: p.number("of")?, how }))
}

impl Size {
    pub(super) async fn act(&self, ex: &mut Exchange<'_>) -> Answered {
        ex.resize(self.of);
        match self.how {
            How::Large { size, at } => large(ex, size, at).await?,
            How::Many { n } => {
                ex.ok();
                for n in 0..n {
                    ex.header(&format!("X-Many-{n}"), n);
                    flush_if_large(ex).await?;
                }
            }
            How::Endless { rate } => {
                ex.ok();
                let say = |ex: &mut Exchange<'_>, n| {
                    ex.header("X-Endless", n);
                };
                return endless(ex, rate, say).await;
            }
        }
        let of = ex.content.length();
        ex.length(of).end_head();
        ex.part(0, of).await?;
        ex.flush().await
    }
}

async fn large(ex: &mut Exchange<'_>, size: u64, at: At) -> Answered {
    ex.ok();
    let right = match at {
        At::Reason => std::mem::replace(ex.said(), b"HTTP/1.1 200 ".to_vec()),
        At::Value => {
            ex.raw(b"X-Large: ");
            Vec::new()
        }
        At::Name => Vec::new(),
    };
    let mut left = size;
    while left > 0 {
        let piece = left.min(PIECE);
        let said = ex.said();
        said.resize(said.len() + usize::try_from(piece).unwrap_or_default(), b'x');
        left -= piece;
        flush_if_large(ex).await?;
    }
    match at {
        At::Value => drop(ex.raw(b"\r\n")),
        At::Name => drop(ex.raw(b": y\r\n")),
        At::Reason => {
            // What came after the right status line.
            let line = right.iter().position(|byte| *byte == b'\n').unwrap_or_default();
            ex.raw(b"\r").raw(right.get(line..).unwrap_or_default());
        }
    }
    Ok(())
}

async fn flush_if_large(ex: &mut Exchange<'_>) -> Answered {
    if ex.said().len() as u64 >= PIECE {
        ex.flush_head().await?;
    }
    Ok(())
}

/// Says parts of a head, so many a second, until the client leaves.
pub(super) async fn endless(
    ex: &mut Exchange<'_>,
    rate: u64,
    say: fn(&mut Exchange<'_>, u64),
) -> Answered {
    /// Said between two looks at the clock.
    const BATCH: u64 = 256;
    ex.end = End::Close;
    let mut pacer = Pacer::new(ex, rate);
    let mut at = 0;
    while ex.arrived.elapsed() < PATIENCE {
        let to = pacer.next(ex, at, at + BATCH).await?;
        for n in at..to {
            say(ex, n);
        }
        ex.flush_head().await?;
        at = to;
    }
    Ok(())
}
