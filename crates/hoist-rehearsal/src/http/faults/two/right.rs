//! Answers that are right, the plain one and the unusual ones.

use super::{About, Entry, FAIL, How, Two, WHOLE_OR_FAIL, fail, two, whole};
use crate::http::exchange::{Answered, Exchange};
use crate::http::faults::{Case, Door, Right as May};
use crate::http::two::block;
use crate::http::two::frame::{self, flag, frame, kind, put, settings};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Right {
    Plain,
    Unusual(Unusual),
}

/// What is unusual about a right answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unusual {
    UnknownFrames,
    UnknownSetting,
    UndefinedFlags,
    ReservedBit,
    Padding,
    PaddedHead,
    Priority,
    EmptyData,
    TinyData,
    Pieces,
    Extensions,
    Pings,
    Windows,
}

const UNUSUAL: &[(&str, Unusual)] = &[
    ("unknown-frames", Unusual::UnknownFrames),
    ("unknown-setting", Unusual::UnknownSetting),
    ("undefined-flags", Unusual::UndefinedFlags),
    ("reserved-bit", Unusual::ReservedBit),
    ("padding", Unusual::Padding),
    ("padded-head", Unusual::PaddedHead),
    ("priority", Unusual::Priority),
    ("empty-data", Unusual::EmptyData),
    ("tiny-data", Unusual::TinyData),
    ("pieces", Unusual::Pieces),
    ("extensions", Unusual::Extensions),
    ("pings", Unusual::Pings),
    ("windows", Unusual::Windows),
];

const fn over_two(target: &'static str, right: &'static [May]) -> Case {
    Case::new(target, right).behind(Door::Http2)
}

pub(in crate::http::faults) const ENTRIES: &[Entry] = &[
    Entry {
        about: About {
            name: "h2",
            does: "the content, whole; over HTTP/2 where that is spoken",
            example: "h2?of=1000",
            verdict: "whole",
            counts: false,
        },
        make: |p| two(p, How::Right(Right::Plain)),
        cases: &[
            whole("/fault/h2"),
            whole("/fault/h2?to=/fault/h2"),
            over_two("/fault/h2?of=0", &[May::Made(0)]),
            over_two("/fault/h2?of=16384", &[May::Made(16_384)]),
            over_two("/fault/h2?of=65535", &[May::Made(65_535)]),
            over_two("/fault/h2?of=3000000", &[May::Made(3_000_000)]),
            // What is not about bytes is the same over both.
            over_two("/drip?rate=1000", super::WHOLE),
            over_two("/redirect/3", super::WHOLE),
            over_two("/status/404", FAIL),
            over_two("/fault/silent", FAIL),
            over_two("/fault/stall", FAIL),
            over_two("/fault/close?after=500", FAIL),
            over_two("/fault/reset?after=500", FAIL),
            over_two("/chunked", WHOLE_OR_FAIL),
        ],
    },
    Entry {
        about: About {
            name: "h2-unusual",
            does: "a right answer, with what is seldom seen and must be let pass",
            example: "h2-unusual?with=padding",
            verdict: "whole: unknown frames and flags are ignored, padding is no body \
                      (RFC 9113, sections 4.1, 5.5, 6.1, 6.2, 6.10)",
            counts: false,
        },
        make: |p| {
            let with = p.one_of("with", UNUSUAL)?;
            two(p, How::Right(Right::Unusual(with)))
        },
        cases: &[
            whole("/fault/h2-unusual?with=unknown-frames"),
            whole("/fault/h2-unusual?with=unknown-setting"),
            whole("/fault/h2-unusual?with=undefined-flags"),
            whole("/fault/h2-unusual?with=reserved-bit"),
            whole("/fault/h2-unusual?with=padding"),
            whole("/fault/h2-unusual?with=padded-head"),
            whole("/fault/h2-unusual?with=priority"),
            whole("/fault/h2-unusual?with=empty-data"),
            whole("/fault/h2-unusual?with=tiny-data"),
            whole("/fault/h2-unusual?with=pieces"),
            whole("/fault/h2-unusual?with=extensions"),
            whole("/fault/h2-unusual?with=pings"),
            whole("/fault/h2-unusual?with=windows"),
        ],
    },
    Entry {
        about: About {
            name: "h2-setting",
            does: "SETTINGS with this one before the answer; those of push, window and frame are invalid",
            example: "h2-setting?is=window",
            verdict: "failure: an invalid value is a connection error (RFC 9113, section 6.5.2); \
                      where it is valid, whole",
            counts: false,
        },
        make: |p| {
            let is = p.one_of(
                "is",
                &[
                    ("push", (2, 1)),
                    ("push-2", (2, 2)),
                    ("window", (4, 1 << 31)),
                    ("frame-small", (5, (1 << 14) - 1)),
                    ("frame-large", (5, 1 << 24)),
                    ("no-table", (1, 0)),
                    ("no-streams", (3, 0)),
                    ("no-window", (4, 0)),
                ],
            )?;
            two(p, How::Broken(super::broken::Broken::Setting(is)))
        },
        cases: &[
            fail("/fault/h2-setting?is=push"),
            fail("/fault/h2-setting?is=push-2"),
            fail("/fault/h2-setting?is=window"),
            fail("/fault/h2-setting?is=frame-small"),
            fail("/fault/h2-setting?is=frame-large"),
            whole("/fault/h2-setting?is=no-table"),
            whole("/fault/h2-setting?is=no-streams"),
            whole("/fault/h2-setting?is=no-window"),
        ],
    },
];

/// Body bytes in a frame, for a body in several of them.
const PIECE: u64 = 300;
/// The reserved bit of a stream's number (RFC 9113, section 4.1).
const RESERVED: u32 = 1 << 31;

impl Right {
    pub(super) async fn act(self, two: &Two, ex: &mut Exchange<'_>) -> Answered {
        match self {
            Self::Plain => two.answer(ex).await,
            Self::Unusual(with) => with.act(two, ex).await,
        }
    }
}

impl Unusual {
    async fn act(self, two: &Two, ex: &mut Exchange<'_>) -> Answered {
        let id = ex.stream()?.id;
        let before = self.before(id);
        if !before.is_empty() {
            ex.frames(&before).await?;
        }
        two.head(ex);
        match self {
            Self::PaddedHead | Self::Priority | Self::Pieces | Self::ReservedBit => {
                let fields = ex.fields()?;
                ex.frames(&self.head(id, &block(&fields))).await?;
            }
            _ => {
                ex.hold();
            }
        }
        ex.flush().await?;
        let of = if two.to.is_some() || ex.request.is_head() { 0 } else { ex.content.length() };
        let (piece, flags, padding) = match self {
            Self::TinyData => (1, 0, None),
            Self::UndefinedFlags => (PIECE, flag::UNDEFINED, None),
            Self::Padding => (PIECE, 0, Some(255)),
            _ => (PIECE, 0, None),
        };
        let mut at = 0;
        while at < of {
            let to = of.min(at + piece);
            ex.data((at, to), flags, padding).await?;
            at = to;
            match self {
                Self::EmptyData => ex.frames(&frame(kind::DATA, 0, id, b"").repeat(10)).await?,
                Self::TinyData => {}
                _ => ex.frames(&before).await?,
            }
        }
        ex.data((of, of), flag::END_STREAM | flags, padding).await
    }

    /// Frames that stand before the head and between the parts of the body.
    fn before(self, id: u32) -> Vec<u8> {
        let unknown = |stream| frame(kind::UNKNOWN, 0xff, stream, b"whatever this is");
        match self {
            Self::UnknownFrames => [unknown(0), unknown(id)].concat(),
            Self::UnknownSetting => settings(&[(0xfafa, 0xffff_ffff)]),
            Self::Priority => frame(kind::PRIORITY, 0, id, &[0, 0, 0, 0, 7]),
            // ALTSVC (RFC 7838) and ORIGIN (RFC 8336).
            Self::Extensions => {
                let mut out = frame(0xa, 0, id, b"\0\0h2=\":443\"");
                put(&mut out, 0xc, 0, 0, b"\0\x11https://elsewhere");
                out
            }
            Self::Pings => frame(kind::PING, 0, 0, b"are you?"),
            Self::Windows => {
                let more = 1000_u32.to_be_bytes();
                let mut out = frame(kind::WINDOW_UPDATE, 0, 0, &more);
                put(&mut out, kind::WINDOW_UPDATE, 0, id, &more);
                out
            }
            _ => Vec::new(),
        }
    }

    /// The head, in an unusual form.
    fn head(self, id: u32, block: &[u8]) -> Vec<u8> {
        match self {
            Self::PaddedHead => {
                let payload = [&[200][..], block, &[0; 200]].concat();
                frame(kind::HEADERS, flag::PADDED | flag::END_HEADERS, id, &payload)
            }
            Self::Priority => {
                let payload = [&[0, 0, 0, 0, 200][..], block].concat();
                frame(kind::HEADERS, flag::PRIORITY | flag::END_HEADERS, id, &payload)
            }
            Self::ReservedBit => frame(kind::HEADERS, flag::END_HEADERS, id | RESERVED, block),
            // More than a few, and clients take it for a flood.
            _ => frame::headers(id, 0, block, block.len().div_ceil(3)),
        }
    }
}
