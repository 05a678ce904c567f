//! Status lines, other versions, and heads that break off (RFC 9112, sections 4 and 8). Interim answers,
//! header lines, and the size of heads have files of their own.

use super::act::Act;
use super::pace::Pacer;
use super::{Case, Entry, Right};
use crate::catalogue::About;
use crate::http::exchange::{Answered, Exchange, PIECE};
use crate::spec::{Params, Wrong};
use crate::truth::End;

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Head {
    of: Option<u64>,
    how: How,
}

#[derive(Clone, Debug, PartialEq)]
enum How {
    Garbage,
    Blank { n: u64 },
    StatusLine { is: String },
    Http09,
    Http10(Framing),
    Early { after: Option<u64>, then: Then },
    Drip { rate: u64 },
}

/// How a body's end is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Framing {
    Length,
    Unframed,
    Chunked,
}

/// What follows a part of a head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Then {
    Close,
    Reset,
    Nothing,
}

/// Whole, or not taken at all.
pub(super) const WHOLE_OR_NOT: &[Right] = &[Right::Made(1000), Right::Fail];

pub(super) const ENTRIES: &[Entry] = &[
    Entry {
        about: About {
            name: "garbage",
            does: "answers with something that is not HTTP",
            example: "garbage",
            verdict: "failure (RFC 9112, section 4)",
            counts: false,
        },
        make: |_| Ok(Act::Head(Head { of: None, how: How::Garbage })),
        cases: &[Case::new("/fault/garbage", &[Right::Fail])],
    },
    Entry {
        about: About {
            name: "head-blank",
            does: "so many empty lines (1) before a right answer",
            example: "head-blank?n=1",
            verdict: "whole or failure: only servers are told to skip them (RFC 9112, section 2.2)",
            counts: false,
        },
        make: |p| on(How::Blank { n: p.number_or("n", 1)? }, p),
        cases: &[
            Case::new("/fault/head-blank", WHOLE_OR_NOT),
            Case::new("/fault/head-blank?n=1000", WHOLE_OR_NOT),
        ],
    },
    Entry {
        about: About {
            name: "status-line",
            does: "this text in the place of the status line, then right headers, the body, a close",
            example: "status-line?is=HTTP/1.1%202x0%20OK",
            verdict: "failure when it is none; whole or failure where only its white space is wrong \
                      (RFC 9112, section 4) or its minor version high (RFC 9110, section 2.5)",
            counts: false,
        },
        make: |p| {
            let is = p.line("is")?.unwrap_or("HTTP/1.1 2x0 OK".into()).into_owned();
            on(How::StatusLine { is }, p)
        },
        cases: &[
            Case::new("/fault/status-line?is=HTTP/1.1%202x0%20OK", &[Right::Fail]),
            Case::new("/fault/status-line?is=HTTP/1.1%2020%20OK", &[Right::Fail]),
            Case::new("/fault/status-line?is=HTTP/1.1%202000%20OK", &[Right::Fail]),
            Case::new("/fault/status-line?is=HTTP/1.1%20200OK", WHOLE_OR_NOT),
            Case::new("/fault/status-line?is=HTTP/1.1%20-200%20OK", &[Right::Fail]),
            Case::new("/fault/status-line?is=HTTP/1.1%20OK", &[Right::Fail]),
            Case::new("/fault/status-line?is=HTTP/1.1", &[Right::Fail]),
            // Codes outside 100 to 599 are to be taken as 5xx (RFC 9110, section 15).
            Case::new("/fault/status-line?is=HTTP/1.1%20000%20OK", &[Right::Fail]),
            Case::new("/fault/status-line?is=HTTP/1.1%20600%20OK", &[Right::Fail]),
            Case::new("/fault/status-line?is=HTTP/1.1%20999%20OK", &[Right::Fail]),
            Case::new("/fault/status-line?is=HTTP/9.9%20200%20OK", &[Right::Fail]),
            Case::new("/fault/status-line?is=HTTP/2%20200%20OK", WHOLE_OR_NOT),
            Case::new("/fault/status-line?is=HTTP/11.1%20200%20OK", &[Right::Fail]),
            Case::new("/fault/status-line?is=HTTP%20200%20OK", &[Right::Fail]),
            Case::new("/fault/status-line?is=ICY%20200%20OK", WHOLE_OR_NOT),
            // A recipient may recover from what is not valid (RFC 9110, section 2.4).
            Case::new("/fault/status-line?is=http/1.1%20200%20OK", WHOLE_OR_NOT),
            Case::new("/fault/status-line?is=", &[Right::Fail]),
            Case::new("/fault/status-line?is=HTTP/1.9%20200%20OK", WHOLE_OR_NOT),
            Case::new("/fault/status-line?is=HTTP/1.1%20200", WHOLE_OR_NOT),
            Case::new("/fault/status-line?is=HTTP/1.1%20%20200%20OK", WHOLE_OR_NOT),
            Case::new("/fault/status-line?is=%20HTTP/1.1%20200%20OK", WHOLE_OR_NOT),
            // These two are right: an empty phrase, and one that is not ASCII.
            Case::new("/fault/status-line?is=HTTP/1.1%20200%20", &[Right::Made(1000)]),
            Case::new("/fault/status-line?is=HTTP/1.1%20200%20%C3%A9", &[Right::Made(1000)]),
        ],
    },
    Entry {
        about: About {
            name: "http09",
            does: "the body without any head, as HTTP/0.9 had it; closes",
            example: "http09?of=1000",
            verdict: "failure: not even a status line came (RFC 9112, section 4)",
            counts: false,
        },
        make: |p| on(How::Http09, p),
        cases: &[
            Case::new("/fault/http09", &[Right::Fail]),
            Case::new("/fault/http09?of=100000", &[Right::Fail]),
        ],
    },
    Entry {
        about: About {
            name: "http10",
            does: "a right HTTP/1.0 answer with a length, without (unframed), or in chunks; closes",
            example: "http10?with=length",
            verdict: "whole; chunks are faulty framing there, so also failure (RFC 9112, section 6.1)",
            counts: false,
        },
        make: |p| {
            let with = [
                ("length", Framing::Length),
                ("unframed", Framing::Unframed),
                ("chunked", Framing::Chunked),
            ];
            let with = p.one_of("with", &with)?;
            on(How::Http10(with), p)
        },
        cases: &[
            Case::new("/fault/http10", &[Right::Made(1000)]),
            Case::new("/fault/http10?with=unframed", &[Right::Made(1000)]),
            Case::new("/fault/http10?with=chunked", WHOLE_OR_NOT),
        ],
    },
    Entry {
        about: About {
            name: "early-close",
            does: "closes in order after so many bytes of the head (half), before its end at the latest",
            example: "early-close?after=12",
            verdict: "failure: the head is incomplete (RFC 9112, section 8)",
            counts: false,
        },
        make: |p| early(p, Then::Close),
        cases: &[
            Case::new("/fault/early-close", &[Right::Fail]),
            Case::new("/fault/early-close?after=4", &[Right::Fail]),
            Case::new("/fault/early-close?after=17", &[Right::Fail]),
            Case::new("/fault/early-close?after=100000", &[Right::Fail]),
            Case::new("/fault/early-close?after=100000&of=0", &[Right::Fail]),
        ],
    },
    Entry {
        about: About {
            name: "early-reset",
            does: "resets after so many bytes of the head (half), before its end at the latest",
            example: "early-reset?after=12",
            verdict: "failure: the head is incomplete (RFC 9112, section 8)",
            counts: false,
        },
        make: |p| early(p, Then::Reset),
        cases: &[
            Case::new("/fault/early-reset", &[Right::Fail]),
            Case::new("/fault/early-reset?after=100000&of=0", &[Right::Fail]),
        ],
    },
    Entry {
        about: About {
            name: "early-stall",
            does: "sends so many bytes of the head (half), then nothing more, for ever",
            example: "early-stall?after=12",
            verdict: "failure, when the client's limit is reached",
            counts: false,
        },
        make: |p| early(p, Then::Nothing),
        cases: &[Case::new("/fault/early-stall", &[Right::Fail])],
    },
    Entry {
        about: About {
            name: "head-drip",
            does: "the head at so many bytes a second (150), then the body at once",
            example: "head-drip?rate=150&of=1000",
            verdict: "whole, unless the client's own limit is shorter",
            counts: false,
        },
        make: |p| on(How::Drip { rate: p.number_or("rate", 150)?.max(1) }, p),
        cases: &[
            Case::new("/fault/head-drip", &[Right::Made(1000)]),
            // Two minutes: few clients wait so long for a head.
            Case::new("/fault/head-drip?rate=1", WHOLE_OR_NOT),
        ],
    },
];

/// With `of`, on so many made bytes.
fn on(how: How, p: &mut Params<'_>) -> Result<Act, Wrong> {
    Ok(Act::Head(Head { of: p.number("of")?, how }))
}

fn early(p: &mut Params<'_>, then: Then) -> Result<Act, Wrong> {
    let after = p.number("after")?;
    on(How::Early { after, then }, p)
}

impl Head {
    pub(super) async fn act(&self, ex: &mut Exchange<'_>) -> Answered {
        ex.resize(self.of);
        match &self.how {
            How::Garbage => {
                ex.end = End::Close;
                ex.raw(b"\x16\x00This is no HTTP.\r\n\xff\xfe: ?\r\n\r\n").flush().await
            }
            How::Blank { n } => {
                for _ in 0..*n {
                    ex.raw(b"\r\n");
                    if ex.said().len() as u64 >= PIECE {
                        ex.flush_head().await?;
                    }
                }
                ex.flush_head().await?;
                ex.rest().await
            }
            How::StatusLine { is } => {
                ex.end = End::Close;
                let kind = ex.content.kind;
                ex.begin(format_args!("{is}"), status_in(is)).header("Content-Type", kind);
                framed(ex, Framing::Length).await
            }
            How::Http09 => {
                ex.end = End::Close;
                ex.part(0, ex.content.length()).await?;
                ex.flush().await
            }
            How::Http10(framing) => {
                ex.end = End::Close;
                let kind = ex.content.kind;
                ex.begin(format_args!("HTTP/1.0 200 OK"), Some(200)).header("Content-Type", kind);
                framed(ex, *framing).await
            }
            How::Early { after, then } => break_off(ex, *after, *then).await,
            How::Drip { rate } => drip(ex, *rate).await,
        }
    }
}

/// The status that a reader of the log would see in a line.
fn status_in(line: &str) -> Option<u16> {
    let code = line.split(' ').filter(|word| !word.is_empty()).nth(1)?;
    code.parse().ok().filter(|_| code.len() == 3)
}

/// The rest of a head that is begun, and the body as it promises.
pub(super) async fn framed(ex: &mut Exchange<'_>, framing: Framing) -> Answered {
    let of = ex.content.length();
    match framing {
        Framing::Length => drop(ex.length(of)),
        Framing::Unframed => {}
        Framing::Chunked => drop(ex.header("Transfer-Encoding", "chunked")),
    }
    ex.end_head();
    if ex.request.is_head() {
        return ex.flush().await;
    }
    if framing == Framing::Chunked {
        for at in (0..of).step_by(CHUNK) {
            ex.chunk(at, of.min(at + CHUNK as u64)).await?;
        }
        return ex.last_chunk().await;
    }
    ex.part(0, of).await?;
    ex.flush().await
}

const CHUNK: usize = 16 << 10;

async fn break_off(ex: &mut Exchange<'_>, after: Option<u64>, then: Then) -> Answered {
    // Said without being promised: the head that says so never ends.
    let of = ex.content.length();
    ex.ok().header("Content-Length", of).end_head();
    let head = ex.said();
    let after = after.map_or(head.len() / 2, |n| usize::try_from(n).unwrap_or(usize::MAX));
    head.truncate(after.min(head.len() - 1));
    ex.flush_head().await?;
    match then {
        Then::Close => ex.end = End::Close,
        Then::Reset => ex.reset().await?,
        Then::Nothing => ex.outlast().await?,
    }
    Ok(())
}

async fn drip(ex: &mut Exchange<'_>, rate: u64) -> Answered {
    let head = std::mem::take(ex.open().said());
    let mut pacer = Pacer::new(ex, rate);
    let mut rest = head.as_slice();
    while let told @ 1.. = rest.len() {
        let at = (head.len() - told) as u64;
        let to = pacer.next(ex, at, head.len() as u64).await?;
        let (now, later) = rest.split_at(usize::try_from(to - at).unwrap_or(told).min(told));
        ex.said().extend_from_slice(now);
        ex.flush_head().await?;
        rest = later;
    }
    ex.rest().await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_log_takes_a_status_from_what_looks_like_one() {
        for (line, status) in [
            ("HTTP/1.1 200 OK", Some(200)),
            ("ICY  404", Some(404)),
            ("HTTP/1.1 99 X", None),
            ("HTTP/1.1 1000 X", None),
            ("HTTP/1.1 2x0 OK", None),
            ("HTTP/1.1", None),
            ("", None),
        ] {
            assert_eq!(status_in(line), status, "{line}");
        }
    }
}
