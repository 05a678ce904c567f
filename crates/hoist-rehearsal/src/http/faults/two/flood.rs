//! More of one thing than anybody needs (RFC 9113, section 10.5).

use super::goodbye::begin;
use super::{About, Entry, How, either, fail, two, whole};
use crate::http::exchange::{Answered, Exchange};
use crate::http::two::frame::{HEAD, flag, frame, kind, settings};
use crate::spec::{Params, Wrong};

/// Frames of one kind, so many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Flood {
    what: What,
    n: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum What {
    Ping,
    Settings,
    /// CONTINUATION of this many bytes each; the head never ends.
    Continuation(usize),
    EmptyData,
    Windows,
    Unknown,
}

/// The most that a flood says, in bytes.
const MOST: u64 = 64 << 20;
/// What is said at once.
const AT_ONCE: u64 = 1000;

pub(in crate::http::faults) const ENTRIES: &[Entry] = &[
    Entry {
        about: About {
            name: "h2-ping",
            does: "so many PINGs (10) before the answer",
            example: "h2-ping?n=10",
            verdict: "whole; of a great many, also failure (RFC 9113, sections 6.7 and 10.5)",
            counts: false,
        },
        make: |p| flood(p, What::Ping, 10),
        cases: &[
            whole("/fault/h2-ping"),
            whole("/fault/h2-ping?n=50"),
            either("/fault/h2-ping?n=100000"),
        ],
    },
    Entry {
        about: About {
            name: "h2-settings",
            does: "so many SETTINGS (10) before the answer",
            example: "h2-settings?n=10",
            verdict: "whole; of a great many, also failure (RFC 9113, sections 6.5 and 10.5)",
            counts: false,
        },
        make: |p| flood(p, What::Settings, 10),
        cases: &[whole("/fault/h2-settings"), either("/fault/h2-settings?n=100000")],
    },
    Entry {
        about: About {
            name: "h2-continuation",
            does: "a head without end: CONTINUATION of so many bytes each (16384), up to 64 MiB, then nothing",
            example: "h2-continuation?size=16384",
            verdict: "failure: the client's limit is reached (RFC 9113, section 10.5.1)",
            counts: false,
        },
        make: |p| {
            let size = p.number_or("size", 16 << 10)?.min(16 << 10);
            let size = usize::try_from(size).unwrap_or_default();
            flood(p, What::Continuation(size), u64::MAX)
        },
        cases: &[
            fail("/fault/h2-continuation"),
            fail("/fault/h2-continuation?size=1"),
            fail("/fault/h2-continuation?size=0"),
        ],
    },
    Entry {
        about: About {
            name: "h2-empty",
            does: "half of the body, then DATA frames without a byte, up to 64 MiB of them, and nothing more",
            example: "h2-empty?n=100",
            verdict: "failure; with few, whole (RFC 9113, section 10.5)",
            counts: false,
        },
        make: |p| flood(p, What::EmptyData, u64::MAX),
        cases: &[fail("/fault/h2-empty"), whole("/fault/h2-empty?n=20")],
    },
    Entry {
        about: About {
            name: "h2-noise",
            does: "so many frames (1000) that mean nothing, unknown or window, before the answer",
            example: "h2-noise?of=1000&n=1000&is=window",
            verdict: "whole; of a great many, also failure (RFC 9113, sections 5.5 and 10.5)",
            counts: false,
        },
        make: |p| {
            let what = p.one_of("is", &[("unknown", What::Unknown), ("window", What::Windows)])?;
            flood(p, what, 1000)
        },
        cases: &[
            whole("/fault/h2-noise?n=100"),
            whole("/fault/h2-noise?is=window&n=100"),
            either("/fault/h2-noise?n=100000"),
            either("/fault/h2-noise?is=window&n=100000"),
        ],
    },
];

fn flood(p: &mut Params<'_>, what: What, n: u64) -> Result<super::Act, Wrong> {
    let n = p.number_or("n", n)?;
    two(p, How::Flood(Flood { what, n }))
}

impl Flood {
    pub(super) async fn act(self, ex: &mut Exchange<'_>) -> Answered {
        let Self { what, n } = self;
        let (id, of) = (ex.stream()?.id, ex.content.length());
        let drop = match what {
            What::Ping => frame(kind::PING, 0, 0, b"a flood."),
            What::Settings => settings(&[(3, 100)]),
            What::Continuation(size) => frame(kind::CONTINUATION, 0, id, &filler(size)),
            What::EmptyData => frame(kind::DATA, 0, id, b""),
            What::Windows => frame(kind::WINDOW_UPDATE, 0, 0, &[0, 0, 0, 1]),
            What::Unknown => frame(kind::UNKNOWN, 0, 0, b"noise"),
        };
        match what {
            What::Continuation(_) => {
                ex.ok().length(of).end_head();
                let block = crate::http::two::block(&ex.fields()?);
                ex.frames(&frame(kind::HEADERS, 0, id, &block)).await?;
            }
            What::EmptyData => {
                begin(ex, true).await?;
                ex.part(0, of / 2).await?;
                ex.flush().await?;
            }
            _ => {}
        }
        let most = MOST / drop.len().max(HEAD) as u64;
        let mut left = n.min(most);
        while left > 0 {
            let now = left.min(AT_ONCE).min(most_at_once(drop.len()));
            ex.frames(&drop.repeat(usize::try_from(now).unwrap_or(1))).await?;
            left -= now;
        }
        match what {
            What::Continuation(_) => ex.outlast().await,
            What::EmptyData if n > most => ex.outlast().await,
            What::EmptyData => {
                ex.part(of / 2, of).await?;
                ex.data((of, of), flag::END_STREAM, None).await
            }
            _ => ex.rest().await,
        }
    }
}

/// So many frames of this length that they fit into a piece.
fn most_at_once(length: usize) -> u64 {
    ((64 << 10) / length.max(1) as u64).max(1)
}

/// A field from the static table for each byte (`server`, without a value).
fn filler(size: usize) -> Vec<u8> {
    vec![0x80 | 0x36; size]
}
