//! Heads that should not be (RFC 9112, sections 2 to 5).

use std::time::Duration;

use super::act::Act;
use super::pace::Pacer;
use super::{Case, Entry, Right};
use crate::catalogue::About;
use crate::http::exchange::{Answered, Exchange};
use crate::truth::End;

/// The longest head made on the spot; longer ones come in pieces.
const LARGEST: u64 = 256 << 20;

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Head {
    /// Something that is no HTTP.
    Garbage,
    /// The body alone, as HTTP/0.9 had it.
    BodyAlone {
        of: Option<u64>,
    },
    StatusLine {
        is: String,
        of: Option<u64>,
    },
    /// A right head but for these bytes after the status line.
    Odd {
        bytes: &'static [u8],
        of: Option<u64>,
    },
    BareLf {
        of: Option<u64>,
    },
    Large {
        size: u64,
    },
    Many {
        n: u64,
    },
    Endless {
        rate: u64,
    },
    Drip {
        rate: u64,
        of: Option<u64>,
    },
    /// Breaks off within the head.
    Cut {
        reset: bool,
    },
}

/// Whole, or a failure: the recipient may repair it, or refuse it.
const LENIENT: &[Right] = &[Right::Made(1000), Right::Fail];

pub(super) const ENTRIES: &[Entry] = &[
    Entry {
        about: About {
            name: "garbage",
            does: "answers with something that is not HTTP",
            example: "garbage",
            verdict: "failure (RFC 9112, section 4)",
            counts: false,
        },
        make: |_| Ok(Act::Head(Head::Garbage)),
        cases: &[Case::new("/fault/garbage", &[Right::Fail])],
    },
    Entry {
        about: About {
            name: "http09",
            does: "the body alone, without any head, as HTTP/0.9 had it",
            example: "http09?of=1000",
            verdict: "failure: HTTP/0.9 is no answer to HTTP/1.1 (RFC 9112, section 2.1)",
            counts: false,
        },
        make: |p| Ok(Act::Head(Head::BodyAlone { of: p.number("of")? })),
        cases: &[Case::new("/fault/http09", &[Right::Fail])],
    },
    Entry {
        about: About {
            name: "status-line",
            does: "this text for a status line, then headers and body as they should be",
            example: "status-line?is=HTTP/1.1%202x0%20OK",
            verdict: "failure, unless the text is a status line (RFC 9112, section 4)",
            counts: false,
        },
        make: |p| {
            let is = p.line("is")?.unwrap_or("HTTP/1.1 2x0 OK".into()).into_owned();
            Ok(Act::Head(Head::StatusLine { is, of: p.number("of")? }))
        },
        cases: &[
            Case::new("/fault/status-line?is=HTTP/1.1%202x0%20OK", &[Right::Fail]),
            Case::new("/fault/status-line?is=HTTP/1.1%2020%20OK", &[Right::Fail]),
            Case::new("/fault/status-line?is=HTTP/1.1%201000%20OK", &[Right::Fail]),
            Case::new("/fault/status-line?is=HTTP/1.1%20-200%20OK", &[Right::Fail]),
            Case::new("/fault/status-line?is=HTTP/9.9%20200%20OK", LENIENT),
            Case::new("/fault/status-line?is=ICY%20200%20OK", LENIENT),
            // No reason phrase is fine; the space before it should be there (section 4).
            Case::new("/fault/status-line?is=HTTP/1.1%20200", LENIENT),
            Case::new("/fault/status-line?is=HTTP/1.1%20200%20", &[Right::Made(1000)]),
            Case::new("/fault/status-line?is=HTTP/1.0%20200%20OK", &[Right::Made(1000)]),
        ],
    },
    Entry {
        about: About {
            name: "head-nul",
            does: "a NUL in a header's value",
            example: "head-nul",
            verdict: "failure, or whole with the NUL replaced (RFC 9110, section 5.5)",
            counts: false,
        },
        make: |p| Ok(odd(b"X-Nul: a\0b\r\n", p.number("of")?)),
        cases: &[Case::new("/fault/head-nul", LENIENT)],
    },
    Entry {
        about: About {
            name: "head-bare-cr",
            does: "a bare CR in a header's value, and after it what would be another Content-Length",
            example: "head-bare-cr",
            verdict: "failure, or whole with the CR replaced; it ends no line (RFC 9112, section 2.2)",
            counts: false,
        },
        make: |p| Ok(odd(b"X-Cr: a\rContent-Length: 10\r\n", p.number("of")?)),
        cases: &[Case::new("/fault/head-bare-cr", LENIENT)],
    },
    Entry {
        about: About {
            name: "head-bare-lf",
            does: "lines that end in LF alone",
            example: "head-bare-lf",
            verdict: "whole: LF may be taken for a line end; or failure (RFC 9112, section 2.2)",
            counts: false,
        },
        make: |p| Ok(Act::Head(Head::BareLf { of: p.number("of")? })),
        cases: &[Case::new("/fault/head-bare-lf", LENIENT)],
    },
    Entry {
        about: About {
            name: "head-fold",
            does: "a header folded over two lines, the second of which looks like a Content-Length",
            example: "head-fold",
            verdict: "failure, or whole with the fold replaced by a space (RFC 9112, section 5.2)",
            counts: false,
        },
        make: |p| Ok(odd(b"X-Fold: a\r\n Content-Length: 10\r\n", p.number("of")?)),
        cases: &[Case::new("/fault/head-fold", LENIENT)],
    },
    Entry {
        about: About {
            name: "head-space",
            does: "a space between a header's name and its colon",
            example: "head-space",
            verdict: "failure, or whole with the space removed (RFC 9112, section 5.1)",
            counts: false,
        },
        make: |p| Ok(odd(b"X-Space : a\r\n", p.number("of")?)),
        cases: &[Case::new("/fault/head-space", LENIENT)],
    },
    Entry {
        about: About {
            name: "head-no-colon",
            does: "a line among the headers that has no colon",
            example: "head-no-colon",
            verdict: "failure, or whole without that line (RFC 9112, section 5)",
            counts: false,
        },
        make: |p| Ok(odd(b"this is no header\r\n", p.number("of")?)),
        cases: &[Case::new("/fault/head-no-colon", LENIENT)],
    },
    Entry {
        about: About {
            name: "head-name",
            does: "headers whose names are empty or no tokens",
            example: "head-name",
            verdict: "failure, or whole without those lines (RFC 9110, section 5.1)",
            counts: false,
        },
        make: |p| Ok(odd(b": empty\r\nX(Y): a\r\nX\x01: b\r\n", p.number("of")?)),
        cases: &[Case::new("/fault/head-name", LENIENT)],
    },
    Entry {
        about: About {
            name: "head-bytes",
            does: "a header's value of bytes that are no UTF-8",
            example: "head-bytes",
            verdict: "whole: such bytes are opaque (RFC 9110, section 5.5)",
            counts: false,
        },
        make: |p| Ok(odd(b"X-Bytes: \xff\xfe\x80\r\n", p.number("of")?)),
        cases: &[Case::new("/fault/head-bytes", &[Right::Made(1000)])],
    },
    Entry {
        about: About {
            name: "head-large",
            does: "a header of so many bytes (1048576)",
            example: "head-large?size=65536",
            verdict: "whole, or failure where it is more than the client takes (RFC 9110, section 5.4)",
            counts: false,
        },
        make: |p| Ok(Act::Head(Head::Large { size: p.number_or("size", 1 << 20)?.min(LARGEST) })),
        cases: &[
            Case::new("/fault/head-large?size=4000", &[Right::Made(1000)]),
            Case::new("/fault/head-large", LENIENT),
        ],
    },
    Entry {
        about: About {
            name: "head-many",
            does: "so many headers (10000)",
            example: "head-many?n=1000",
            verdict: "whole, or failure where there are more than the client takes",
            counts: false,
        },
        make: |p| Ok(Act::Head(Head::Many { n: p.number_or("n", 10_000)?.min(LARGEST / 16) })),
        cases: &[
            Case::new("/fault/head-many?n=50", &[Right::Made(1000)]),
            Case::new("/fault/head-many", LENIENT),
        ],
    },
    Entry {
        about: About {
            name: "head-endless",
            does: "headers without end, so many bytes a second (65536)",
            example: "head-endless?rate=1000",
            verdict: "failure, when the client's limit of size or time is reached",
            counts: false,
        },
        make: |p| Ok(Act::Head(Head::Endless { rate: p.number_or("rate", 64 << 10)?.max(1) })),
        cases: &[Case::new("/fault/head-endless", &[Right::Fail])],
    },
    Entry {
        about: About {
            name: "head-drip",
            does: "the head at so many bytes a second (100), then the body",
            example: "head-drip?rate=100",
            verdict: "whole, unless the client's own limit is shorter",
            counts: false,
        },
        make: |p| {
            let rate = p.number_or("rate", 100)?.max(1);
            Ok(Act::Head(Head::Drip { rate, of: p.number("of")? }))
        },
        cases: &[
            Case::new("/fault/head-drip?rate=300", &[Right::Made(1000)]),
            Case::new("/fault/head-drip?rate=1", LENIENT),
        ],
    },
    Entry {
        about: About {
            name: "head-cut",
            does: "closes, or resets, in the middle of the head",
            example: "head-cut?end=reset",
            verdict: "failure: no answer came (RFC 9112, section 8)",
            counts: false,
        },
        make: |p| {
            let reset = p.one_of("end", &[("close", false), ("reset", true)])?;
            Ok(Act::Head(Head::Cut { reset }))
        },
        cases: &[
            Case::new("/fault/head-cut", &[Right::Fail]),
            Case::new("/fault/head-cut?end=reset", &[Right::Fail]),
        ],
    },
];

const fn odd(bytes: &'static [u8], of: Option<u64>) -> Act {
    Act::Head(Head::Odd { bytes, of })
}

impl Head {
    pub(super) async fn act(&self, ex: &mut Exchange<'_>) -> Answered {
        match self {
            Self::Garbage => {
                ex.end = End::Close;
                ex.raw(b"\x16\x00This is no HTTP.\r\n\xff\xfe: ?\r\n\r\n").flush().await
            }
            Self::BodyAlone { of } => {
                ex.resize(*of);
                ex.end = End::Close;
                ex.part(0, ex.content.length()).await?;
                ex.flush().await
            }
            Self::StatusLine { is, of } => {
                ex.resize(*of);
                ex.end = End::Close;
                ex.status_line(is);
                framed(ex).await
            }
            Self::Odd { bytes, of } => {
                ex.resize(*of);
                ex.end = End::Close;
                ex.head(200).raw(bytes);
                framed(ex).await
            }
            Self::BareLf { of } => {
                ex.resize(*of);
                ex.end = End::Close;
                let length = ex.content.length();
                ex.head(200).length(length).end_head().without_crs();
                ex.part(0, length).await?;
                ex.flush().await
            }
            Self::Large { size } => {
                ex.head(200).raw(b"X-Large: ");
                let mut left = *size;
                while left > 0 {
                    let n = left.min(64 << 10);
                    ex.raw(&vec![b'x'; usize::try_from(n).unwrap_or_default()]).flush().await?;
                    left -= n;
                }
                ex.raw(b"\r\n");
                framed(ex).await
            }
            Self::Many { n } => {
                ex.head(200);
                for i in 0..*n {
                    ex.header(&format!("X-{i}"), i);
                    if i % 1000 == 999 {
                        ex.flush().await?;
                    }
                }
                framed(ex).await
            }
            Self::Endless { rate } => endless(ex, *rate).await,
            Self::Drip { rate, of } => {
                ex.resize(*of);
                drip(ex, *rate).await
            }
            Self::Cut { reset } => {
                let length = ex.content.length();
                ex.head(200).length(length).raw(b"X-Cut: he");
                if *reset {
                    ex.flush().await?;
                    ex.pause(Duration::from_millis(50)).await?;
                    return ex.reset().await;
                }
                ex.end = End::Close;
                ex.flush().await
            }
        }
    }
}

/// The rest of a head that has been begun, and the body.
async fn framed(ex: &mut Exchange<'_>) -> Answered {
    let (kind, length) = (ex.content.kind, ex.content.length());
    ex.header("Content-Type", kind).length(length).end_head();
    ex.part(0, length).await?;
    ex.flush().await
}

async fn endless(ex: &mut Exchange<'_>, rate: u64) -> Answered {
    ex.end = End::Close;
    ex.head(200).flush().await?;
    let mut pacer = Pacer::new(ex, rate);
    let (mut at, mut number) = (0, 0_u64);
    loop {
        let due = pacer.next(ex, at, u64::MAX).await?;
        while at < due {
            let line = format!("X-{number}: and so on\r\n");
            ex.raw(line.as_bytes());
            at += line.len() as u64;
            number += 1;
        }
        ex.flush().await?;
    }
}

async fn drip(ex: &mut Exchange<'_>, rate: u64) -> Answered {
    let length = ex.content.length();
    ex.ok().length(length).end_head();
    let head = ex.take_said();
    let mut pacer = Pacer::new(ex, rate);
    let mut at = 0;
    while at < head.len() {
        let to = pacer.next(ex, at as u64, head.len() as u64).await?;
        let to = usize::try_from(to).unwrap_or(head.len());
        ex.raw(&head[at..to]).flush().await?;
        at = to;
    }
    ex.part(0, length).await?;
    ex.flush().await
}
