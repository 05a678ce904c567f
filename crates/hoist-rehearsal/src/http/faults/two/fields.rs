//! Fields that no message of HTTP/2 may have, and those around an answer (RFC 9113, section 8).

use super::goodbye::begin;
use super::{About, Entry, How, either, fail, field, right_fields, say, two, whole};
use crate::http::exchange::{Answered, Exchange};
use crate::http::two::frame::flag;
use crate::http::two::{Field, Last};

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Fields {
    /// One more field in the head.
    Field(&'static str, &'static str),
    Pseudo(Pseudo),
    Interim {
        n: u64,
        status: u16,
        end: bool,
    },
    Trailers {
        are: Trailers,
        length: bool,
    },
    Large {
        bytes: u64,
    },
}

/// What is wrong with the pseudo-header fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pseudo {
    Missing,
    Twice,
    Late,
    Unknown,
    Request,
    /// `:status` has this value.
    Status(&'static str),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Trailers {
    Right,
    Pseudo,
    Unended,
    UpperCase,
}

/// Most interim answers that are sent.
const INTERIM: u64 = 100_000;
/// The most bytes of a large head.
const LARGE: u64 = 1 << 24;

pub(in crate::http::faults) const ENTRIES: &[Entry] = &[
    Entry {
        about: About {
            name: "h2-field",
            does: "a right answer, but for one field that no message of HTTP/2 may have",
            example: "h2-field?is=uppercase",
            verdict: "failure: malformed (RFC 9113, sections 8.2.1 and 8.2.2); white space around \
                      a value may be let pass",
            counts: false,
        },
        make: |p| {
            let (name, value) = p.one_of(
                "is",
                &[
                    ("uppercase", ("X-Upper", "1")),
                    ("connection", ("connection", "close")),
                    ("keep-alive", ("keep-alive", "timeout=5")),
                    ("proxy-connection", ("proxy-connection", "keep-alive")),
                    ("transfer-encoding", ("transfer-encoding", "chunked")),
                    ("upgrade", ("upgrade", "h3")),
                    ("nul", ("x", "a\0b")),
                    ("line-feed", ("x", "a\nb: c")),
                    ("return", ("x", "a\rb")),
                    ("name-space", ("x y", "1")),
                    ("name-colon", ("x:y", "1")),
                    ("name-line", ("x\r\ny", "1")),
                    ("no-name", ("", "1")),
                    ("space", ("x", " 1 ")),
                ],
            )?;
            two(p, How::Fields(Fields::Field(name, value)))
        },
        cases: &[
            fail("/fault/h2-field?is=uppercase"),
            fail("/fault/h2-field?is=connection"),
            fail("/fault/h2-field?is=keep-alive"),
            fail("/fault/h2-field?is=proxy-connection"),
            fail("/fault/h2-field?is=transfer-encoding"),
            fail("/fault/h2-field?is=upgrade"),
            fail("/fault/h2-field?is=nul"),
            fail("/fault/h2-field?is=line-feed"),
            fail("/fault/h2-field?is=return"),
            fail("/fault/h2-field?is=name-space"),
            fail("/fault/h2-field?is=name-colon"),
            fail("/fault/h2-field?is=name-line"),
            fail("/fault/h2-field?is=no-name"),
            either("/fault/h2-field?is=space"),
        ],
    },
    Entry {
        about: About {
            name: "h2-pseudo",
            does: "a right answer, but for its pseudo-header fields: missing, twice, late, or no status",
            example: "h2-pseudo?is=late",
            verdict: "failure: malformed (RFC 9113, sections 8.3 and 8.3.2)",
            counts: false,
        },
        make: |p| {
            let is = p.one_of(
                "is",
                &[
                    ("missing", Pseudo::Missing),
                    ("twice", Pseudo::Twice),
                    ("late", Pseudo::Late),
                    ("unknown", Pseudo::Unknown),
                    ("request", Pseudo::Request),
                    ("word", Pseudo::Status("2x0")),
                    ("empty", Pseudo::Status("")),
                    ("four", Pseudo::Status("2000")),
                    ("two", Pseudo::Status("20")),
                    ("phrase", Pseudo::Status("200 OK")),
                ],
            )?;
            two(p, How::Fields(Fields::Pseudo(is)))
        },
        cases: &[
            fail("/fault/h2-pseudo?is=missing"),
            fail("/fault/h2-pseudo?is=twice"),
            fail("/fault/h2-pseudo?is=late"),
            fail("/fault/h2-pseudo?is=unknown"),
            fail("/fault/h2-pseudo?is=request"),
            fail("/fault/h2-pseudo?is=word"),
            fail("/fault/h2-pseudo?is=empty"),
            fail("/fault/h2-pseudo?is=four"),
            fail("/fault/h2-pseudo?is=two"),
            fail("/fault/h2-pseudo?is=phrase"),
        ],
    },
    Entry {
        about: About {
            name: "h2-interim",
            does: "so many interim answers (1, of 103) before the answer; with end, they end the stream",
            example: "h2-interim?n=2&is=100",
            verdict: "whole; failure for 101, which HTTP/2 has not, and for one that ends the stream \
                      (RFC 9113, sections 8.1 and 8.6); of a great many, also failure",
            counts: false,
        },
        make: |p| {
            let n = p.number_or("n", 1)?.min(INTERIM);
            let status = p.number_or("is", 103)?;
            let status = u16::try_from(status).ok().filter(|status| (100..200).contains(status));
            let status = status.ok_or(crate::spec::Wrong::new("is is a status from 100 to 199"))?;
            let end = p.one_of("end", &[("no", false), ("yes", true)])?;
            two(p, How::Fields(Fields::Interim { n, status, end }))
        },
        cases: &[
            whole("/fault/h2-interim"),
            whole("/fault/h2-interim?is=100"),
            whole("/fault/h2-interim?is=199&n=5"),
            either("/fault/h2-interim?n=10000"),
            fail("/fault/h2-interim?is=101"),
            fail("/fault/h2-interim?end=yes"),
        ],
    },
    Entry {
        about: About {
            name: "h2-trailers",
            does: "the whole body, then trailers: right, with a :status, that do not end, or in upper case",
            example: "h2-trailers?are=pseudo",
            verdict: "whole when they are right, else failure: malformed (RFC 9113, section 8.1); \
                      with a length, also whole",
            counts: false,
        },
        make: |p| {
            let are = p.one_of(
                "are",
                &[
                    ("right", Trailers::Right),
                    ("pseudo", Trailers::Pseudo),
                    ("unended", Trailers::Unended),
                    ("uppercase", Trailers::UpperCase),
                ],
            )?;
            let length = p.one_of("length", &[("no", false), ("yes", true)])?;
            two(p, How::Fields(Fields::Trailers { are, length }))
        },
        cases: &[
            whole("/fault/h2-trailers"),
            whole("/fault/h2-trailers?length=yes"),
            fail("/fault/h2-trailers?are=pseudo"),
            fail("/fault/h2-trailers?are=unended"),
            fail("/fault/h2-trailers?are=uppercase"),
            // All bytes of its length have come before.
            either("/fault/h2-trailers?are=pseudo&length=yes"),
            either("/fault/h2-trailers?are=unended&length=yes"),
            either("/fault/h2-trailers?are=uppercase&length=yes"),
        ],
    },
    Entry {
        about: About {
            name: "h2-head-size",
            does: "a head with so many bytes of fields (65536), in HEADERS and CONTINUATION",
            example: "h2-head-size?bytes=65536",
            verdict: "whole, or failure where it is more than the client takes (RFC 9113, section 10.5.1)",
            counts: false,
        },
        make: |p| {
            let bytes = p.number_or("bytes", 64 << 10)?.min(LARGE);
            two(p, How::Fields(Fields::Large { bytes }))
        },
        cases: &[
            whole("/fault/h2-head-size?bytes=8000"),
            either("/fault/h2-head-size?bytes=65536"),
            either("/fault/h2-head-size?bytes=1000000"),
            either("/fault/h2-head-size?bytes=16000000"),
        ],
    },
];

impl Fields {
    pub(super) async fn act(&self, ex: &mut Exchange<'_>) -> Answered {
        match self {
            Self::Interim { n, status, end } => return interim(ex, *n, *status, *end).await,
            Self::Trailers { are, length } => return are.act(ex, *length).await,
            _ => {}
        }
        let mut fields = right_fields(ex, true)?;
        match self {
            Self::Field(name, value) => fields.push(field(name, value)),
            Self::Pseudo(pseudo) => pseudo.spoil(&mut fields),
            Self::Large { bytes } => {
                let value = "x".repeat(4000);
                for n in 0..bytes.div_ceil(4000) {
                    fields.push(field(&format!("x-large-{n}"), &value));
                }
            }
            Self::Interim { .. } | Self::Trailers { .. } => {}
        }
        say(ex, &fields, 0).await?;
        ex.part(0, ex.content.length()).await?;
        ex.flush().await
    }
}

impl Pseudo {
    fn spoil(self, fields: &mut Vec<Field>) {
        match self {
            Self::Missing => drop(fields.remove(0)),
            Self::Twice => fields.insert(1, field(":status", "200")),
            Self::Late => fields.rotate_left(1),
            Self::Unknown => fields.insert(1, field(":fault", "1")),
            Self::Request => fields.insert(1, field(":path", "/")),
            Self::Status(is) => fields[0] = field(":status", is),
        }
    }
}

async fn interim(ex: &mut Exchange<'_>, n: u64, status: u16, end: bool) -> Answered {
    let fields = [field(":status", &status.to_string()), field("link", "</a>; rel=preload")];
    let flags = if end { flag::END_STREAM } else { 0 };
    for _ in 0..n {
        say(ex, &fields, flags).await?;
    }
    ex.rest().await
}

impl Trailers {
    async fn act(self, ex: &mut Exchange<'_>, length: bool) -> Answered {
        begin(ex, length).await?;
        ex.part(0, ex.content.length()).await?;
        ex.flush().await?;
        let trailer = match self {
            Self::Right | Self::Unended => field("x-trailer", "here"),
            Self::Pseudo => field(":status", "200"),
            Self::UpperCase => field("X-Trailer", "here"),
        };
        let of = ex.content.length();
        if self == Self::Unended {
            say(ex, &[trailer], 0).await?;
            return ex.data((of, of), flag::END_STREAM, None).await;
        }
        ex.stream()?.end = Last::Said;
        say(ex, &[trailer], flag::END_STREAM).await
    }
}
