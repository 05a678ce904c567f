//! Where a body of HTTP/2 ends: `END_STREAM`, and a length that says the same (RFC 9113, section 8.1).

use super::goodbye::begin;
use super::{About, Code, Entry, How, either, fail, field, right_fields, say, two};
use crate::http::exchange::{Answered, Exchange};
use crate::http::two::Last;
use crate::http::two::frame::{flag, goaway};
use crate::truth::End;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Length {
    /// Content-Length of this text, whatever the body is.
    Says {
        text: String,
        with: With,
    },
    Cut {
        after: u64,
        length: bool,
        end: Cut,
    },
    AfterEnd,
    /// Nothing more is written on the connection after so many bytes.
    Freeze {
        after: u64,
    },
    /// The client's windows are not looked at.
    Windows,
}

/// What goes with the head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum With {
    Body,
    /// The head itself has `END_STREAM`.
    NoBody,
    /// The right length stands there too.
    Another,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cut {
    Close,
    Reset,
    /// GOAWAY without an error, and the close.
    GoAway,
}

pub(in crate::http::faults) const ENTRIES: &[Entry] = &[
    Entry {
        about: About {
            name: "h2-length",
            does: "a Content-Length of this text (999), and a body of another length that ends in order",
            example: "h2-length?says=999",
            verdict: "failure: malformed, when the DATA do not add up to it (RFC 9113, section 8.1.1)",
            counts: false,
        },
        make: |p| {
            let text = p.line("says")?.unwrap_or("999".into()).into_owned();
            let with = p.one_of(
                "with",
                &[("body", With::Body), ("no-body", With::NoBody), ("another", With::Another)],
            )?;
            two(p, How::Length(Length::Says { text, with }))
        },
        cases: &[
            fail("/fault/h2-length?says=999"),
            fail("/fault/h2-length?says=1001"),
            fail("/fault/h2-length?says=0"),
            fail("/fault/h2-length?says=2000"),
            fail("/fault/h2-length?says=1000&with=no-body"),
            fail("/fault/h2-length?says=many"),
            fail("/fault/h2-length?says=-1"),
            fail("/fault/h2-length?says=999&with=another"),
            either("/fault/h2-length?says=1000&with=another"),
        ],
    },
    Entry {
        about: About {
            name: "h2-cut",
            does: "so many body bytes (500), then the connection ends: no END_STREAM came",
            example: "h2-cut?after=500&length=no&end=goaway",
            verdict: "failure: incomplete (RFC 9113, section 8.1); whole or failure where all bytes of its \
                      length came",
            counts: false,
        },
        make: |p| {
            let after = p.number_or("after", 500)?;
            let length = p.one_of("length", &[("yes", true), ("no", false)])?;
            let ends = [("close", Cut::Close), ("reset", Cut::Reset), ("goaway", Cut::GoAway)];
            let end = p.one_of("end", &ends)?;
            two(p, How::Length(Length::Cut { after, length, end }))
        },
        cases: &[
            fail("/fault/h2-cut?after=500"),
            fail("/fault/h2-cut?after=500&length=no"),
            fail("/fault/h2-cut?after=0"),
            fail("/fault/h2-cut?after=0&length=no"),
            fail("/fault/h2-cut?after=1000&length=no"),
            either("/fault/h2-cut?after=1000"),
            fail("/fault/h2-cut?after=500&end=reset"),
            fail("/fault/h2-cut?after=1000&length=no&end=reset"),
            fail("/fault/h2-cut?after=500&end=goaway"),
            fail("/fault/h2-cut?after=1000&length=no&end=goaway"),
        ],
    },
    Entry {
        about: About {
            name: "h2-after-end",
            does: "the whole answer and its end, then more DATA on the same stream",
            example: "h2-after-end",
            verdict: "whole, or failure (STREAM_CLOSED); never more bytes (RFC 9113, section 5.1)",
            counts: false,
        },
        make: |p| two(p, How::Length(Length::AfterEnd)),
        cases: &[either("/fault/h2-after-end")],
    },
    Entry {
        about: About {
            name: "h2-freeze",
            does: "so many body bytes (500), then nothing on the whole connection, no PING's answer either",
            example: "h2-freeze?after=500",
            verdict: "failure, when the client's limit is reached",
            counts: false,
        },
        make: |p| {
            let after = p.number_or("after", 500)?;
            two(p, How::Length(Length::Freeze { after }))
        },
        cases: &[fail("/fault/h2-freeze"), fail("/fault/h2-freeze?after=0")],
    },
    Entry {
        about: About {
            name: "h2-window",
            does: "a body (3000000) that is sent at once, whatever the client's windows are",
            example: "h2-window?of=3000000",
            verdict: "failure (FLOW_CONTROL_ERROR), or whole where the client never fell behind \
                      (RFC 9113, section 6.9.1)",
            counts: false,
        },
        make: |p| {
            let of = p.number_or("of", LARGE)?;
            match two(p, How::Length(Length::Windows))? {
                super::Act::Two(two) => Ok(super::Act::Two(super::Two { of: Some(of), ..two })),
                other => Ok(other),
            }
        },
        cases: &[super::Case::over_two("/fault/h2-window", LARGE_OR_FAIL)
            .unmet(&[super::Right::Made(LARGE)])],
    },
];

const LARGE: u64 = 3_000_000;
const LARGE_OR_FAIL: &[super::Right] = &[super::Right::Made(LARGE), super::Right::Fail];
/// A frame that every client takes, in bytes of the body.
const PIECE: u64 = 16_384;

impl Length {
    pub(super) async fn act(&self, ex: &mut Exchange<'_>) -> Answered {
        let of = ex.content.length();
        match self {
            Self::Says { text, with } => {
                let mut fields = right_fields(ex, *with == With::Another)?;
                fields.push(field("content-length", text));
                if *with == With::NoBody || ex.request.is_head() {
                    ex.stream()?.end = Last::Said;
                    return say(ex, &fields, flag::END_STREAM).await;
                }
                say(ex, &fields, 0).await?;
                ex.hold().part(0, of).await?;
                ex.data((of, of), flag::END_STREAM, None).await
            }
            Self::Cut { after, length, end } => {
                begin(ex, *length).await?;
                ex.part(0, of.min(*after)).await?;
                ex.flush().await?;
                ex.end = if *end == Cut::Reset { End::Reset } else { End::Close };
                if *end == Cut::GoAway {
                    let last = ex.stream()?.id;
                    ex.frames(&goaway(last, Code::NO_ERROR)).await?;
                }
                Ok(())
            }
            Self::AfterEnd => {
                ex.rest().await?;
                ex.data((of, of + 100), flag::END_STREAM, None).await
            }
            Self::Freeze { after } => {
                begin(ex, true).await?;
                ex.part(0, of.min(*after)).await?;
                ex.flush().await?;
                ex.stream()?.link.freeze();
                ex.outlast().await
            }
            Self::Windows => {
                begin(ex, true).await?;
                let mut at = 0;
                while at < of {
                    let to = of.min(at + PIECE);
                    let last = if to == of { flag::END_STREAM } else { 0 };
                    ex.data_beyond((at, to), last).await?;
                    at = to;
                }
                Ok(())
            }
        }
    }
}
