//! Interim answers (RFC 9110, section 15.2).

use super::act::Act;
use super::head::WHOLE_OR_NOT;
use super::size::endless;
use super::{Case, Entry, Right};
use crate::catalogue::About;
use crate::http::exchange::{Answered, Exchange};
use crate::spec::{Params, Wrong};
use crate::truth::End;

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Interim {
    of: Option<u64>,
    how: How,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum How {
    Before { n: u64, status: u16, with: With },
    Only { n: u64, status: u16 },
    Endless { rate: u64 },
    Switch { answer: bool },
}

/// A header that makes an interim answer look as if a body followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum With {
    Nothing,
    Length,
    Chunked,
}

pub(super) const ENTRIES: &[Entry] = &[
    Entry {
        about: About {
            name: "interim",
            does: "so many interim answers (1, of status 103), then the body",
            example: "interim?n=3&status=103",
            verdict: "whole: interim answers are skipped (RFC 9110, section 15.2); many may be \
                      failure, and such that promise a body, which they can't have (section 8.6)",
            counts: false,
        },
        make: |p| {
            let n = p.number_or("n", 1)?;
            let status = p.one_of("status", STATUSES)?;
            let with =
                [("nothing", With::Nothing), ("length", With::Length), ("chunked", With::Chunked)];
            on(How::Before { n, status, with: p.one_of("with", &with)? }, p)
        },
        cases: &[
            Case::new("/interim?n=3", &[Right::Made(1000)]),
            Case::new("/interim?n=0", &[Right::Made(1000)]),
            Case::new("/interim?n=1", &[Right::Made(1000)]),
            Case::new("/interim?n=8", &[Right::Made(1000)]),
            Case::new("/interim?n=100", WHOLE_OR_NOT),
            Case::new("/interim?status=100", &[Right::Made(1000)]),
            Case::new("/interim?status=102", &[Right::Made(1000)]),
            Case::new("/interim?status=199", &[Right::Made(1000)]),
            Case::new("/interim?with=length", WHOLE_OR_NOT),
            Case::new("/interim?with=chunked", WHOLE_OR_NOT),
        ],
    },
    Entry {
        about: About {
            name: "interim-only",
            does: "so many interim answers (1, of status 103), then an orderly close",
            example: "interim-only?n=1&status=103",
            verdict: "failure: no final answer came (RFC 9112, section 8)",
            counts: false,
        },
        make: |p| {
            let n = p.number_or("n", 1)?;
            on(How::Only { n, status: p.one_of("status", STATUSES)? }, p)
        },
        cases: &[
            Case::new("/fault/interim-only", &[Right::Fail]),
            Case::new("/fault/interim-only?status=100", &[Right::Fail]),
        ],
    },
    Entry {
        about: About {
            name: "interim-endless",
            does: "interim answers (103) without end, so many a second (100)",
            example: "interim-endless?rate=100",
            verdict: "failure, when the client's limit of time or number is reached",
            counts: false,
        },
        make: |p| on(How::Endless { rate: p.number_or("rate", 100)?.max(1) }, p),
        cases: &[
            Case::new("/fault/interim-endless", &[Right::Fail]),
            Case::new("/fault/interim-endless?rate=10000", &[Right::Fail]),
        ],
    },
    Entry {
        about: About {
            name: "switch",
            does: "101 to a protocol nobody asked for, then bytes of it, or a right answer; closes",
            example: "switch?then=bytes",
            verdict: "failure: no such protocol was asked for (RFC 9110, section 7.8); where a right \
                      answer follows, also whole, since a 1xx may be ignored (section 15.2)",
            counts: false,
        },
        make: |p| {
            let answer = p.one_of("then", &[("bytes", false), ("answer", true)])?;
            on(How::Switch { answer }, p)
        },
        cases: &[
            Case::new("/fault/switch", &[Right::Fail]),
            Case::new("/fault/switch?then=answer", WHOLE_OR_NOT),
        ],
    },
];

const STATUSES: &[(&str, u16)] = &[("103", 103), ("100", 100), ("102", 102), ("199", 199)];

/// With `of`, on so many made bytes.
fn on(how: How, p: &mut Params<'_>) -> Result<Act, Wrong> {
    Ok(Act::Interim(Interim { of: p.number("of")?, how }))
}

impl Interim {
    pub(super) async fn act(&self, ex: &mut Exchange<'_>) -> Answered {
        ex.resize(self.of);
        match self.how {
            How::Before { n, status, with } => {
                let header = match with {
                    With::Nothing => HINT,
                    With::Length => "Content-Length: 5",
                    With::Chunked => "Transfer-Encoding: chunked",
                };
                interim(ex, n, status, header).await?;
                ex.rest().await
            }
            How::Only { n, status } => {
                ex.end = End::Close;
                interim(ex, n, status, HINT).await
            }
            How::Endless { rate } => {
                let say = |ex: &mut Exchange<'_>, _| {
                    ex.interim(103, HINT);
                };
                endless(ex, rate, say).await
            }
            How::Switch { answer } => switch(ex, answer).await,
        }
    }
}

const HINT: &str = "Link: </style.css>; rel=preload; as=style";

async fn interim(ex: &mut Exchange<'_>, n: u64, status: u16, header: &str) -> Answered {
    for _ in 0..n {
        ex.interim(status, header).flush_head().await?;
    }
    Ok(())
}

async fn switch(ex: &mut Exchange<'_>, answer: bool) -> Answered {
    ex.end = End::Close;
    if answer {
        ex.interim(101, "Upgrade: rehearsal/1\r\nConnection: Upgrade").flush_head().await?;
        return ex.rest().await;
    }
    ex.head(101).header("Upgrade", "rehearsal/1").header("Connection", "Upgrade").raw(b"\r\n");
    if !ex.request.is_head() {
        ex.raw(b"\x00\x01another protocol\x00\xff");
    }
    ex.flush_head().await
}
