//! The server's ways to end: of a stream, and of a connection (RFC 9113, sections 5.4 and 6.8).

use super::{About, Act, Code, Entry, How, Two, code, either, fail, two, whole};
use crate::http::exchange::{Answered, Exchange};
use crate::http::two::frame::{TOP, frame, goaway, kind, rst_stream};
use crate::spec::{Params, Wrong};
use crate::truth::End;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Goodbye {
    GoAway(GoAway),
    /// GOAWAY says that the request was not processed, for its first attempts.
    Unprocessed {
        times: u64,
    },
    Close,
    Refused {
        times: u64,
    },
    Reset {
        code: Code,
        after: Option<u64>,
        length: bool,
    },
    ResetAtEnd {
        code: Code,
    },
    NeedsHttp11,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum GoAway {
    /// Before the answer, which it lets through.
    Before,
    /// In two steps, with the answer between them.
    Shutdown,
    /// Behind the answer.
    After,
    /// In the midst of the answer, which then goes on.
    Amid,
    /// In the midst of the answer, which ends there.
    Error,
}

/// A number of attempts that no client comes to.
const ALWAYS: u64 = 1 << 20;

pub(in crate::http::faults) const ENTRIES: &[Entry] = &[
    Entry {
        about: About {
            name: "h2-goaway",
            does: "GOAWAY before the answer, around it (shutdown), after, amid it, or with an error amid it",
            example: "h2-goaway?how=shutdown&to=/bytes/1000",
            verdict: "whole: streams up to its number go on, others on a new connection; \
                      failure where the answer is cut (RFC 9113, section 6.8)",
            counts: false,
        },
        make: |p| {
            let how = p.one_of(
                "how",
                &[
                    ("before", GoAway::Before),
                    ("shutdown", GoAway::Shutdown),
                    ("after", GoAway::After),
                    ("amid", GoAway::Amid),
                    ("error", GoAway::Error),
                ],
            )?;
            on(p, Goodbye::GoAway(how))
        },
        cases: &[
            whole("/fault/h2-goaway?how=before"),
            whole("/fault/h2-goaway?how=shutdown"),
            whole("/fault/h2-goaway?how=after"),
            whole("/fault/h2-goaway?how=amid"),
            fail("/fault/h2-goaway?how=error"),
            whole("/fault/h2-goaway?how=before&to=/bytes/1000"),
            whole("/fault/h2-goaway?how=shutdown&to=/bytes/1000"),
            whole("/fault/h2-goaway?how=after&to=/bytes/1000"),
        ],
    },
    Entry {
        about: About {
            name: "h2-unprocessed",
            does: "GOAWAY that counts the request out, and a close; so many times (1), then an answer",
            example: "h2-unprocessed?times=1",
            verdict: "whole by asking again, which is safe, or failure (RFC 9113, section 8.7)",
            counts: true,
        },
        make: |p| {
            let times = p.number_or("times", 1)?;
            on(p, Goodbye::Unprocessed { times })
        },
        cases: &[either("/fault/h2-unprocessed"), fail("/fault/h2-unprocessed?times=1000000")],
    },
    Entry {
        about: About {
            name: "h2-close",
            does: "answers and closes the connection, without GOAWAY",
            example: "h2-close?to=/bytes/1000",
            verdict: "whole, on a new connection if need be; or failure (RFC 9113, section 9.1)",
            counts: false,
        },
        make: |p| on(p, Goodbye::Close),
        cases: &[whole("/fault/h2-close"), either("/fault/h2-close?to=/bytes/1000")],
    },
    Entry {
        about: About {
            name: "h2-refused",
            does: "RST_STREAM with REFUSED_STREAM so many times (1), then an answer",
            example: "h2-refused?times=1",
            verdict: "whole by asking again, which is safe, or failure (RFC 9113, section 8.7)",
            counts: true,
        },
        make: |p| {
            let times = p.number_or("times", 1)?;
            on(p, Goodbye::Refused { times })
        },
        cases: &[either("/fault/h2-refused"), fail("/fault/h2-refused?times=1000000")],
    },
    Entry {
        about: About {
            name: "h2-rst",
            does: "RST_STREAM with a code (cancel); before the head, or after so many body bytes",
            example: "h2-rst?code=internal-error&after=500",
            verdict: "failure: the message is incomplete (RFC 9113, section 8.1); \
                      whole or failure where all bytes of its length came",
            counts: false,
        },
        make: |p| {
            let code = code(p, Code(8))?;
            let after = p.number("after")?;
            let length = p.one_of("length", &[("yes", true), ("no", false)])?;
            on(p, Goodbye::Reset { code, after, length })
        },
        cases: &[
            fail("/fault/h2-rst?code=no-error"),
            fail("/fault/h2-rst?code=protocol-error"),
            fail("/fault/h2-rst?code=internal-error"),
            fail("/fault/h2-rst?code=cancel"),
            fail("/fault/h2-rst?code=enhance-your-calm"),
            fail("/fault/h2-rst?code=unknown"),
            fail("/fault/h2-rst?code=no-error&after=0"),
            fail("/fault/h2-rst?code=no-error&after=500"),
            fail("/fault/h2-rst?code=no-error&after=500&length=no"),
            fail("/fault/h2-rst?code=no-error&after=1000&length=no"),
            either("/fault/h2-rst?code=no-error&after=1000"),
            fail("/fault/h2-rst?code=cancel&after=500"),
            fail("/fault/h2-rst?code=cancel&after=500&length=no"),
            fail("/fault/h2-rst?code=internal-error&after=500"),
            fail("/fault/h2-rst?code=refused-stream&after=500"),
        ],
    },
    Entry {
        about: About {
            name: "h2-rst-at-end",
            does: "the whole answer and its end, then RST_STREAM with a code (no-error)",
            example: "h2-rst-at-end?code=cancel",
            verdict: "whole: with NO_ERROR it must not be discarded (RFC 9113, section 8.1); \
                      with other codes also failure",
            counts: false,
        },
        make: |p| {
            let code = code(p, Code::NO_ERROR)?;
            on(p, Goodbye::ResetAtEnd { code })
        },
        cases: &[
            whole("/fault/h2-rst-at-end"),
            either("/fault/h2-rst-at-end?code=cancel"),
            either("/fault/h2-rst-at-end?code=internal-error"),
        ],
    },
    Entry {
        about: About {
            name: "h2-needs-http11",
            does: "RST_STREAM with HTTP_1_1_REQUIRED; over HTTP/1.1 the content",
            example: "h2-needs-http11",
            verdict: "whole over HTTP/1.1, or failure (RFC 9113, section 7)",
            counts: false,
        },
        make: |p| on(p, Goodbye::NeedsHttp11),
        cases: &[either("/fault/h2-needs-http11")],
    },
];

fn on(p: &mut Params<'_>, goodbye: Goodbye) -> Result<Act, Wrong> {
    two(p, How::Goodbye(goodbye))
}

impl Goodbye {
    pub(super) async fn act(self, two: &Two, ex: &mut Exchange<'_>) -> Answered {
        let tries = u64::from(ex.attempt);
        match self {
            Self::GoAway(how) => how.act(two, ex).await,
            Self::Unprocessed { times } if tries <= times.min(ALWAYS) => {
                let before = ex.stream()?.id - 1;
                ex.end = End::Close;
                ex.frames(&goaway(before, Code::NO_ERROR)).await
            }
            Self::Refused { times } if tries <= times.min(ALWAYS) => {
                ex.rst(Code::REFUSED_STREAM).await
            }
            Self::Unprocessed { .. } | Self::Refused { .. } => two.answer(ex).await,
            Self::Close => {
                two.answer(ex).await?;
                ex.hold().end = End::Close;
                Ok(())
            }
            Self::Reset { code, after: None, .. } => ex.rst(code).await,
            Self::Reset { code, after: Some(after), length } => {
                begin(ex, length).await?;
                let of = ex.content.length();
                ex.part(0, after.min(of)).await?;
                ex.flush().await?;
                ex.rst(code).await
            }
            Self::ResetAtEnd { code } => {
                two.answer(ex).await?;
                let stream = ex.stream()?;
                stream.reset = Some(code);
                let frames = rst_stream(stream.id, code);
                ex.frames(&frames).await
            }
            Self::NeedsHttp11 => ex.rst(Code::HTTP_1_1_REQUIRED).await,
        }
    }
}

/// A head, with its length or without, of an answer whose end will not be said.
pub(super) async fn begin(ex: &mut Exchange<'_>, length: bool) -> Answered {
    let of = ex.content.length();
    ex.hold().ok();
    if length {
        ex.length(of);
    }
    ex.end_head().flush().await
}

impl GoAway {
    async fn act(self, two: &Two, ex: &mut Exchange<'_>) -> Answered {
        let id = ex.stream()?.id;
        let last = goaway(id, Code::NO_ERROR);
        match self {
            Self::Before => {
                ex.frames(&last).await?;
                two.answer(ex).await
            }
            Self::Shutdown => {
                // The client gets a round trip to see it (section 6.8).
                let ping = frame(kind::PING, 0, 0, b"shutdown");
                ex.frames(&[goaway(TOP, Code::NO_ERROR), ping].concat()).await?;
                two.answer(ex).await?;
                ex.frames(&last).await
            }
            Self::After => {
                two.answer(ex).await?;
                ex.frames(&last).await
            }
            Self::Amid | Self::Error => {
                let (of, end) = (ex.content.length(), ex.end);
                ex.ok().length(of).end_head();
                ex.part(0, of / 2).await?;
                ex.flush().await?;
                if self == Self::Amid {
                    ex.frames(&last).await?;
                    ex.part(of / 2, of).await?;
                    ex.end = end;
                    return ex.flush().await;
                }
                ex.hold().end = End::Close;
                ex.frames(&goaway(id, Code::INTERNAL_ERROR)).await
            }
        }
    }
}
