//! Frames that break the protocol, before a right answer or in the midst of it.

use super::goodbye::begin;
use super::{About, Entry, How, fail, right_fields, two};
use crate::http::exchange::{Answered, Exchange};
use crate::http::two::block;
use crate::http::two::frame::{TOP, flag, frame, headers, kind, put, settings};
use crate::http::two::hpack::number;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Broken {
    Frame(Which),
    Setting((u16, u32)),
    Block(Block),
    /// A DATA frame with so many more bytes than the client takes in one.
    TooLong {
        by: u64,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Which {
    PingSize,
    PingStream,
    SettingsSize,
    SettingsStream,
    AckSize,
    RstSize,
    RstIdle,
    WindowSize,
    WindowZero,
    WindowTop,
    WindowIdle,
    GoAwaySize,
    DataZero,
    DataIdle,
    DataFirst,
    HeadersZero,
    HeadersIdle,
    HeadersEven,
    ContinuationAlone,
    Unfinished,
    OtherContinuation,
    Padding,
    Push,
}

const WHICH: &[(&str, Which)] = &[
    ("ping-size", Which::PingSize),
    ("ping-stream", Which::PingStream),
    ("settings-size", Which::SettingsSize),
    ("settings-stream", Which::SettingsStream),
    ("ack-size", Which::AckSize),
    ("rst-size", Which::RstSize),
    ("rst-idle", Which::RstIdle),
    ("window-size", Which::WindowSize),
    ("window-zero", Which::WindowZero),
    ("window-top", Which::WindowTop),
    ("window-idle", Which::WindowIdle),
    ("goaway-size", Which::GoAwaySize),
    ("data-zero", Which::DataZero),
    ("data-idle", Which::DataIdle),
    ("data-first", Which::DataFirst),
    ("headers-zero", Which::HeadersZero),
    ("headers-idle", Which::HeadersIdle),
    ("headers-even", Which::HeadersEven),
    ("continuation-alone", Which::ContinuationAlone),
    ("unfinished", Which::Unfinished),
    ("other-continuation", Which::OtherContinuation),
    ("padding", Which::Padding),
    ("push", Which::Push),
];

/// What is wrong with a header block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Block {
    Index,
    IndexZero,
    NameIndex,
    TableSize,
    LateSize,
    Huffman,
    Eos,
    Integer,
    Cut,
}

pub(in crate::http::faults) const ENTRIES: &[Entry] = &[
    Entry {
        about: About {
            name: "h2-broken",
            does: "a frame that breaks the protocol, then a right answer",
            example: "h2-broken?frame=push",
            verdict: "failure: each is an error that must be treated as one \
                      (RFC 9113, sections 4.2, 5.1, 6.1 to 6.10 and 8.4)",
            counts: false,
        },
        make: |p| {
            let which = p.one_of("frame", WHICH)?;
            two(p, How::Broken(Broken::Frame(which)))
        },
        cases: &[
            fail("/fault/h2-broken?frame=ping-size"),
            fail("/fault/h2-broken?frame=ping-stream"),
            fail("/fault/h2-broken?frame=settings-size"),
            fail("/fault/h2-broken?frame=settings-stream"),
            fail("/fault/h2-broken?frame=ack-size"),
            fail("/fault/h2-broken?frame=rst-size"),
            fail("/fault/h2-broken?frame=rst-idle"),
            fail("/fault/h2-broken?frame=window-size"),
            fail("/fault/h2-broken?frame=window-zero"),
            fail("/fault/h2-broken?frame=window-top"),
            fail("/fault/h2-broken?frame=window-idle"),
            fail("/fault/h2-broken?frame=goaway-size"),
            fail("/fault/h2-broken?frame=data-zero"),
            fail("/fault/h2-broken?frame=data-idle"),
            fail("/fault/h2-broken?frame=data-first"),
            fail("/fault/h2-broken?frame=headers-zero"),
            fail("/fault/h2-broken?frame=headers-idle"),
            fail("/fault/h2-broken?frame=headers-even"),
            fail("/fault/h2-broken?frame=continuation-alone"),
            fail("/fault/h2-broken?frame=unfinished"),
            fail("/fault/h2-broken?frame=other-continuation"),
            fail("/fault/h2-broken?frame=padding"),
            fail("/fault/h2-broken?frame=push"),
        ],
    },
    Entry {
        about: About {
            name: "h2-hpack",
            does: "a right head, but for a header block that means nothing at its end",
            example: "h2-hpack?is=index",
            verdict: "failure: COMPRESSION_ERROR (RFC 9113, section 4.3; RFC 7541, sections 2.3.3, 4.2, 5, 6)",
            counts: false,
        },
        make: |p| {
            let is = p.one_of(
                "is",
                &[
                    ("index", Block::Index),
                    ("index-zero", Block::IndexZero),
                    ("name-index", Block::NameIndex),
                    ("table-size", Block::TableSize),
                    ("late-size", Block::LateSize),
                    ("huffman", Block::Huffman),
                    ("eos", Block::Eos),
                    ("integer", Block::Integer),
                    ("cut", Block::Cut),
                ],
            )?;
            two(p, How::Broken(Broken::Block(is)))
        },
        cases: &[
            fail("/fault/h2-hpack?is=index"),
            fail("/fault/h2-hpack?is=index-zero"),
            fail("/fault/h2-hpack?is=name-index"),
            fail("/fault/h2-hpack?is=table-size"),
            fail("/fault/h2-hpack?is=late-size"),
            fail("/fault/h2-hpack?is=huffman"),
            fail("/fault/h2-hpack?is=eos"),
            fail("/fault/h2-hpack?is=integer"),
            fail("/fault/h2-hpack?is=cut"),
        ],
    },
    Entry {
        about: About {
            name: "h2-frame-size",
            does: "a DATA frame with so many more bytes (1) than the client takes in one",
            example: "h2-frame-size?by=1",
            verdict: "failure: FRAME_SIZE_ERROR (RFC 9113, section 4.2)",
            counts: false,
        },
        make: |p| {
            let by = p.number_or("by", 1)?.clamp(1, 1 << 20);
            two(p, How::Broken(Broken::TooLong { by }))
        },
        cases: &[
            fail("/fault/h2-frame-size?of=20000").unmet(&[super::Right::Made(20_000)]),
            fail("/fault/h2-frame-size?of=20000&by=3000").unmet(&[super::Right::Made(20_000)]),
        ],
    },
];

/// The longest frame there can be (RFC 9113, section 4.1).
const LONGEST: u64 = (1 << 24) - 1;

impl Broken {
    pub(super) async fn act(self, ex: &mut Exchange<'_>) -> Answered {
        match self {
            Self::Frame(which) => which.act(ex).await,
            Self::Setting(setting) => {
                ex.frames(&settings(&[setting])).await?;
                ex.rest().await
            }
            Self::Block(is) => {
                let mut block = block(&right_fields(ex, true)?);
                is.spoil(&mut block);
                let head = headers(ex.stream()?.id, 0, &block, 1 << 14);
                ex.frames(&head).await?;
                ex.part(0, ex.content.length()).await?;
                ex.flush().await
            }
            Self::TooLong { by } => {
                let of = ex.content.length();
                begin(ex, true).await?;
                let long = (ex.stream()?.link.longest() as u64 + by).min(LONGEST);
                ex.data_beyond((0, long), 0).await?;
                let from = long.min(of);
                ex.part(from, of).await?;
                ex.data((of, of), flag::END_STREAM, None).await
            }
        }
    }
}

impl Which {
    async fn act(self, ex: &mut Exchange<'_>) -> Answered {
        let id = ex.stream()?.id;
        let of = ex.content.length();
        match self {
            Self::DataFirst => {
                ex.data((0, of), 0, None).await?;
                ex.rest().await
            }
            // A head that is broken off by the body, or gone on with on another stream.
            Self::Unfinished | Self::OtherContinuation => {
                let block = block(&right_fields(ex, true)?);
                let (first, rest) = block.split_at(block.len() / 2);
                let mut head = frame(kind::HEADERS, 0, id, first);
                if self == Self::OtherContinuation {
                    put(&mut head, kind::CONTINUATION, flag::END_HEADERS, id + 2, rest);
                }
                ex.frames(&head).await?;
                ex.part(0, of).await?;
                ex.flush().await
            }
            Self::Padding => {
                // More padding than there is payload.
                begin(ex, true).await?;
                let bad = frame(kind::DATA, flag::PADDED, id, &[200, 0, 0, 0]);
                ex.frames(&bad).await?;
                ex.part(0, of).await?;
                ex.data((of, of), flag::END_STREAM, None).await
            }
            _ => {
                ex.frames(&self.frame(id)).await?;
                ex.rest().await
            }
        }
    }

    /// The frame that comes before the answer. Streams that are not begun are idle, and those of even
    /// numbers would be the server's own.
    fn frame(self, id: u32) -> Vec<u8> {
        let idle = (id + 1000) | 1;
        let head = || {
            let mut head = vec![0x88];
            head.extend_from_slice(b"\0\x06server\x09rehearsal");
            head
        };
        match self {
            Self::PingSize => frame(kind::PING, 0, 0, b"seven b"),
            Self::PingStream => frame(kind::PING, 0, id, b"on a str"),
            Self::SettingsSize => frame(kind::SETTINGS, 0, 0, &[0, 3, 0, 0, 0]),
            Self::SettingsStream => frame(kind::SETTINGS, 0, id, &[0, 3, 0, 0, 0, 9]),
            Self::AckSize => frame(kind::SETTINGS, flag::ACK, 0, &[0, 3, 0, 0, 0, 9]),
            Self::RstSize => frame(kind::RST_STREAM, 0, id, &[0, 0, 8]),
            Self::RstIdle => frame(kind::RST_STREAM, 0, idle, &[0, 0, 0, 8]),
            Self::WindowSize => frame(kind::WINDOW_UPDATE, 0, 0, &[0, 0, 1]),
            Self::WindowZero => frame(kind::WINDOW_UPDATE, 0, 0, &[0; 4]),
            Self::WindowTop => frame(kind::WINDOW_UPDATE, 0, 0, &TOP.to_be_bytes()),
            Self::WindowIdle => frame(kind::WINDOW_UPDATE, 0, idle, &[0, 0, 0, 1]),
            Self::GoAwaySize => frame(kind::GOAWAY, 0, 0, &[0, 0, 0, 1, 0]),
            Self::DataZero => frame(kind::DATA, 0, 0, b"nobody's"),
            Self::DataIdle => frame(kind::DATA, 0, idle, b"nobody's"),
            Self::HeadersZero => frame(kind::HEADERS, flag::END_HEADERS, 0, &head()),
            Self::HeadersIdle => frame(kind::HEADERS, flag::END_HEADERS, idle, &head()),
            Self::HeadersEven => frame(kind::HEADERS, flag::END_HEADERS, id + 1, &head()),
            Self::ContinuationAlone => frame(kind::CONTINUATION, flag::END_HEADERS, id, &head()),
            // Odd numbers are the client's, so that it is wrong even where pushes are welcome.
            Self::Push => {
                let mut payload = idle.to_be_bytes().to_vec();
                payload.extend_from_slice(b"\x82\x87\x84\x01\x09localhost");
                frame(kind::PUSH_PROMISE, flag::END_HEADERS, id, &payload)
            }
            Self::DataFirst | Self::Unfinished | Self::OtherContinuation | Self::Padding => {
                Vec::new()
            }
        }
    }
}

impl Block {
    /// Appends what means nothing.
    fn spoil(self, block: &mut Vec<u8>) {
        match self {
            // Far behind both tables, however large the client's is.
            Self::Index => number(block, 0x80, 7, 1 << 27),
            Self::IndexZero => block.push(0x80),
            Self::NameIndex => {
                number(block, 0, 4, 1 << 27);
                block.extend_from_slice(b"\x01x");
            }
            Self::TableSize => {
                let mut before = Vec::new();
                number(&mut before, 0x20, 5, (1 << 31) - 1);
                block.splice(0..0, before);
            }
            Self::LateSize => block.push(0x20),
            // `x` is not padded with ones; then the code that no string may have.
            Self::Huffman => block.extend_from_slice(b"\0\x01x\x81\x18"),
            Self::Eos => block.extend_from_slice(b"\0\x01x\x84\xff\xff\xff\xff"),
            Self::Integer => block.extend_from_slice(b"\0\x7f\xff\xff\xff\xff\xff\xff\xff\xff\x7f"),
            Self::Cut => block.extend_from_slice(b"\0\x01x\x64ten bytes."),
        }
    }
}
