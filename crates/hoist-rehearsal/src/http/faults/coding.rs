//! Codings, right and wrong (RFC 9110, section 8.4).

mod answer;

use super::act::Act;
use super::{Case, Entry, Right};
use crate::catalogue::About;
use crate::coded::ContentCoding::{self, Brotli, Deflate, Gzip, Zstd};
use crate::coded::How;
use crate::http::representation::USUAL;

/// How many zeros a small body decodes to.
const ZEROS: u64 = 256 << 20;

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Coding {
    /// Coded if the request asks for it.
    Asked {
        by: ContentCoding,
        of: Option<u64>,
        chunked: bool,
    },
    /// Coded whatever the request says, and labelled so.
    Always {
        by: ContentCoding,
        how: How,
        of: Option<u64>,
        label: Label,
    },
    /// Not coded at all, labelled otherwise.
    Plain {
        is: String,
        of: Option<u64>,
    },
    Bomb {
        by: ContentCoding,
        of: u64,
    },
}

/// What Content-Encoding says of what is coded.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Label {
    Right,
    /// This instead.
    Text(String),
    /// Each coding on a line of its own.
    Lines,
}

const CODINGS: &[(&str, ContentCoding)] =
    &[("gzip", Gzip), ("br", Brotli), ("zstd", Zstd), ("deflate", Deflate)];
const WITH_CHECKSUM: &[(&str, ContentCoding)] =
    &[("gzip", Gzip), ("zstd", Zstd), ("deflate", Deflate)];
const WITH_MEMBERS: &[(&str, ContentCoding)] = &[("gzip", Gzip), ("zstd", Zstd)];

pub(super) const ENTRIES: &[Entry] = &[
    Entry {
        about: About {
            name: "coding",
            does: "the body coded (gzip) if Accept-Encoding names that; else as it is",
            example: "coding?as=gzip",
            verdict: "whole (RFC 9110, section 12.5.3)",
            counts: false,
        },
        make: |p| Ok(asked(false, p.one_of("as", CODINGS)?, p.number("of")?)),
        cases: &[
            Case::new("/fault/coding?as=gzip", &[Right::Made(1000)]),
            Case::new("/fault/coding?as=br", &[Right::Made(1000)]),
            Case::new("/fault/coding?as=zstd", &[Right::Made(1000)]),
            Case::new("/fault/coding?as=deflate", &[Right::Made(1000)]),
            Case::new("/fault/coding?as=gzip&of=3000000", &[Right::Made(3_000_000)]),
            Case::new("/fault/coding?as=br&of=3000000", &[Right::Made(3_000_000)]),
            Case::new("/fault/coding?as=zstd&of=3000000", &[Right::Made(3_000_000)]),
            Case::new("/fault/coding?as=gzip&of=0", &[Right::Made(0)]),
        ],
    },
    Entry {
        about: About {
            name: "coding-chunked",
            does: "like coding, in chunks, the first of them one byte long",
            example: "coding-chunked?as=gzip",
            verdict: "whole: chunks are taken off before the coding (RFC 9112, section 7)",
            counts: false,
        },
        make: |p| Ok(asked(true, p.one_of("as", CODINGS)?, p.number("of")?)),
        cases: &[
            Case::new("/fault/coding-chunked?as=gzip", &[Right::Made(1000)]),
            Case::new("/fault/coding-chunked?as=br", &[Right::Made(1000)]),
            Case::new("/fault/coding-chunked?as=zstd", &[Right::Made(1000)]),
            Case::new("/fault/coding-chunked?as=gzip&of=300000", &[Right::Made(300_000)]),
        ],
    },
    Entry {
        about: About {
            name: "coding-unasked",
            does: "the body coded whatever the request says; Content-Encoding says so, or says is",
            example: "coding-unasked?as=gzip&is=x-gzip",
            verdict: "whole, the coded bytes as sent, or failure (RFC 9110, section 8.4)",
            counts: false,
        },
        make: |p| {
            let label = p.line("is")?.map_or(Label::Right, |is| Label::Text(is.into_owned()));
            Ok(always(p.one_of("as", CODINGS)?, How::Whole, p.number("of")?, label))
        },
        cases: &[
            Case::new("/fault/coding-unasked?as=gzip", GZIP_WHOLE),
            // Other names of the same (RFC 9110, sections 8.4.1 and 8.4.1.3).
            Case::new("/fault/coding-unasked?as=gzip&is=x-gzip", GZIP_WHOLE),
            Case::new("/fault/coding-unasked?as=gzip&is=GZip", GZIP_WHOLE),
            Case::new(
                "/fault/coding-unasked?as=br",
                &[
                    Right::Made(1000),
                    Right::Bytes(|| How::Whole.of(Brotli, &made(USUAL))),
                    Right::Fail,
                ],
            ),
            Case::new(
                "/fault/coding-unasked?as=zstd",
                &[
                    Right::Made(1000),
                    Right::Bytes(|| How::Whole.of(Zstd, &made(USUAL))),
                    Right::Fail,
                ],
            ),
        ],
    },
    Entry {
        about: About {
            name: "coding-wrong",
            does: "the body as it is, but Content-Encoding says that it is coded (gzip)",
            example: "coding-wrong?says=gzip",
            verdict: "failure, or the body from a client that never decodes; nothing else",
            counts: false,
        },
        make: |p| {
            let is = p.one_of("says", CODINGS)?.name().to_owned();
            Ok(Act::Coding(Coding::Plain { is, of: p.number("of")? }))
        },
        cases: &[
            Case::new("/fault/coding-wrong?says=gzip", &[Right::Fail, Right::Made(1000)]),
            Case::new("/fault/coding-wrong?says=deflate", &[Right::Fail, Right::Made(1000)]),
            Case::new("/fault/coding-wrong?says=br", &[Right::Fail, Right::Made(1000)]),
            Case::new("/fault/coding-wrong?says=zstd", &[Right::Fail, Right::Made(1000)]),
        ],
    },
    Entry {
        about: About {
            name: "coding-unknown",
            does: "the body as it is, but Content-Encoding says something unknown (x-unknown)",
            example: "coding-unknown?is=x-unknown",
            verdict: "the body as sent, or failure (RFC 9110, section 8.4)",
            counts: false,
        },
        make: |p| {
            let is = p.line("is")?.map_or_else(|| "x-unknown".to_owned(), Into::into);
            Ok(Act::Coding(Coding::Plain { is, of: p.number("of")? }))
        },
        cases: &[
            Case::new("/fault/coding-unknown", &[Right::Made(1000), Right::Fail]),
            Case::new("/fault/coding-unknown?is=identity", &[Right::Made(1000), Right::Fail]),
            Case::new("/fault/coding-unknown?is=utf-8", &[Right::Made(1000), Right::Fail]),
            Case::new("/fault/coding-unknown?is=", &[Right::Made(1000), Right::Fail]),
        ],
    },
    Entry {
        about: About {
            name: "coding-cut",
            does: "so many bytes (half) of the coded body, and Content-Length is right for them",
            example: "coding-cut?as=gzip&send=500",
            verdict: "failure, or the bytes as sent, not decoded; never a part as a whole",
            counts: false,
        },
        make: |p| {
            let how = How::Cut(p.number("send")?);
            Ok(always(p.one_of("as", CODINGS)?, how, p.number("of")?, Label::Right))
        },
        cases: &[
            Case::new(
                "/fault/coding-cut?as=gzip",
                &[Right::Fail, Right::Bytes(|| How::Cut(None).of(Gzip, &made(USUAL)))],
            ),
            Case::new(
                "/fault/coding-cut?as=deflate",
                &[Right::Fail, Right::Bytes(|| How::Cut(None).of(Deflate, &made(USUAL)))],
            ),
            Case::new(
                "/fault/coding-cut?as=br",
                &[Right::Fail, Right::Bytes(|| How::Cut(None).of(Brotli, &made(USUAL)))],
            ),
            Case::new(
                "/fault/coding-cut?as=zstd",
                &[Right::Fail, Right::Bytes(|| How::Cut(None).of(Zstd, &made(USUAL)))],
            ),
            // Just where one block has ended and another should begin.
            Case::new(
                "/fault/coding-cut?as=gzip&of=100000&send=65550",
                &[Right::Fail, Right::Bytes(|| How::Cut(Some(65_550)).of(Gzip, &made(100_000)))],
            ),
            Case::new(
                "/fault/coding-cut?as=br&of=100000&send=65540",
                &[Right::Fail, Right::Bytes(|| How::Cut(Some(65_540)).of(Brotli, &made(100_000)))],
            ),
            Case::new(
                "/fault/coding-cut?as=zstd&of=200000&send=131089",
                &[Right::Fail, Right::Bytes(|| How::Cut(Some(131_089)).of(Zstd, &made(200_000)))],
            ),
        ],
    },
    Entry {
        about: About {
            name: "coding-corrupt",
            does: "the coded body with one byte changed: its checksum is wrong (br has none)",
            example: "coding-corrupt?as=gzip",
            verdict: "failure (RFC 1952, section 2.3.1), or the bytes as sent without decoding",
            counts: false,
        },
        make: |p| {
            let by = p.one_of("as", WITH_CHECKSUM)?;
            Ok(always(by, How::Corrupt, p.number("of")?, Label::Right))
        },
        cases: &[
            Case::new(
                "/fault/coding-corrupt?as=gzip",
                &[Right::Fail, Right::Bytes(|| How::Corrupt.of(Gzip, &made(USUAL)))],
            ),
            Case::new(
                "/fault/coding-corrupt?as=deflate",
                &[Right::Fail, Right::Bytes(|| How::Corrupt.of(Deflate, &made(USUAL)))],
            ),
            Case::new(
                "/fault/coding-corrupt?as=zstd",
                &[Right::Fail, Right::Bytes(|| How::Corrupt.of(Zstd, &made(USUAL)))],
            ),
        ],
    },
    Entry {
        about: About {
            name: "coding-invalid",
            does: "half of the body coded, then a block that the coding does not know",
            example: "coding-invalid?as=br",
            verdict: "failure, or the bytes as sent, not decoded; never a part as a whole",
            counts: false,
        },
        make: |p| Ok(always(p.one_of("as", CODINGS)?, How::Invalid, p.number("of")?, Label::Right)),
        cases: &[
            Case::new(
                "/fault/coding-invalid?as=gzip",
                &[Right::Fail, Right::Bytes(|| How::Invalid.of(Gzip, &made(USUAL)))],
            ),
            Case::new(
                "/fault/coding-invalid?as=br",
                &[Right::Fail, Right::Bytes(|| How::Invalid.of(Brotli, &made(USUAL)))],
            ),
            Case::new(
                "/fault/coding-invalid?as=zstd",
                &[Right::Fail, Right::Bytes(|| How::Invalid.of(Zstd, &made(USUAL)))],
            ),
        ],
    },
    Entry {
        about: About {
            name: "coding-trailing",
            does: "the coded body, and something else after its end",
            example: "coding-trailing?as=gzip",
            verdict: "whole without it, all bytes as sent, or failure",
            counts: false,
        },
        make: |p| {
            Ok(always(p.one_of("as", CODINGS)?, How::Trailing, p.number("of")?, Label::Right))
        },
        cases: &[
            Case::new(
                "/fault/coding-trailing?as=gzip",
                &[
                    Right::Made(1000),
                    Right::Bytes(|| How::Trailing.of(Gzip, &made(USUAL))),
                    Right::Fail,
                ],
            ),
            Case::new(
                "/fault/coding-trailing?as=br",
                &[
                    Right::Made(1000),
                    Right::Bytes(|| How::Trailing.of(Brotli, &made(USUAL))),
                    Right::Fail,
                ],
            ),
            Case::new(
                "/fault/coding-trailing?as=zstd",
                &[
                    Right::Made(1000),
                    Right::Bytes(|| How::Trailing.of(Zstd, &made(USUAL))),
                    Right::Fail,
                ],
            ),
        ],
    },
    Entry {
        about: About {
            name: "coding-members",
            does: "the body coded in two members (gzip) or frames (zstd), one after the other",
            example: "coding-members?as=gzip",
            verdict: "whole (RFC 1952, section 2.2; RFC 8878, section 3.1), as sent, or failure",
            counts: false,
        },
        make: |p| {
            let by = p.one_of("as", WITH_MEMBERS)?;
            Ok(always(by, How::Members, p.number("of")?, Label::Right))
        },
        cases: &[
            Case::new(
                "/fault/coding-members?as=gzip",
                &[
                    Right::Made(1000),
                    Right::Bytes(|| How::Members.of(Gzip, &made(USUAL))),
                    Right::Fail,
                ],
            ),
            Case::new(
                "/fault/coding-members?as=zstd",
                &[
                    Right::Made(1000),
                    Right::Bytes(|| How::Members.of(Zstd, &made(USUAL))),
                    Right::Fail,
                ],
            ),
        ],
    },
    Entry {
        about: About {
            name: "coding-twice",
            does: "the body coded twice, as Content-Encoding says in one line or in two",
            example: "coding-twice?as=gzip&over=br&in=lines",
            verdict: "whole, as sent, or failure; never half decoded (RFC 9110, section 8.4)",
            counts: false,
        },
        make: |p| {
            let how = How::Over(p.one_of("over", CODINGS)?);
            let label = if p.one_of("in", &[("line", false), ("lines", true)])? {
                Label::Lines
            } else {
                Label::Right
            };
            Ok(always(p.one_of("as", CODINGS)?, how, p.number("of")?, label))
        },
        cases: &[
            Case::new("/fault/coding-twice?as=gzip&over=gzip", TWICE),
            Case::new("/fault/coding-twice?as=gzip&over=gzip&in=lines", TWICE),
            Case::new(
                "/fault/coding-twice?as=gzip&over=br",
                &[
                    Right::Made(1000),
                    Right::Bytes(|| How::Over(Brotli).of(Gzip, &made(USUAL))),
                    Right::Fail,
                ],
            ),
        ],
    },
    Entry {
        about: About {
            name: "coding-empty",
            does: "Content-Encoding says that the body is coded, and there is no byte of it",
            example: "coding-empty?as=gzip",
            verdict: "whole and empty, or failure",
            counts: false,
        },
        make: |p| Ok(always(p.one_of("as", CODINGS)?, How::Nothing, None, Label::Right)),
        cases: &[
            Case::new("/fault/coding-empty?as=gzip", &[Right::Made(0), Right::Fail]),
            Case::new("/fault/coding-empty?as=br", &[Right::Made(0), Right::Fail]),
            Case::new("/fault/coding-empty?as=zstd", &[Right::Made(0), Right::Fail]),
        ],
    },
    Entry {
        about: About {
            name: "coding-bomb",
            does: "a small body that decodes to so many zeros (268435456)",
            example: "coding-bomb?as=gzip&of=268435456",
            verdict: "failure (more than the client takes), the zeros, or the bytes as sent",
            counts: false,
        },
        make: |p| {
            let (by, of) = (p.one_of("as", CODINGS)?, p.number_or("of", ZEROS)?);
            Ok(Act::Coding(Coding::Bomb { by, of }))
        },
        cases: &[
            Case::new(
                "/fault/coding-bomb?as=gzip&of=67108864",
                &[
                    Right::Fail,
                    Right::Zeros(64 << 20),
                    Right::Bytes(|| Gzip.zeros(64 << 20).bytes()),
                ],
            ),
            Case::new(
                "/fault/coding-bomb?as=br&of=67108864",
                &[
                    Right::Fail,
                    Right::Zeros(64 << 20),
                    Right::Bytes(|| Brotli.zeros(64 << 20).bytes()),
                ],
            ),
            Case::new(
                "/fault/coding-bomb?as=zstd&of=67108864",
                &[
                    Right::Fail,
                    Right::Zeros(64 << 20),
                    Right::Bytes(|| Zstd.zeros(64 << 20).bytes()),
                ],
            ),
        ],
    },
];

const GZIP_WHOLE: &[Right] =
    &[Right::Made(1000), Right::Bytes(|| How::Whole.of(Gzip, &made(USUAL))), Right::Fail];
const TWICE: &[Right] =
    &[Right::Made(1000), Right::Bytes(|| How::Over(Gzip).of(Gzip, &made(USUAL))), Right::Fail];

fn asked(chunked: bool, by: ContentCoding, of: Option<u64>) -> Act {
    Act::Coding(Coding::Asked { by, of, chunked })
}

fn always(by: ContentCoding, how: How, of: Option<u64>, label: Label) -> Act {
    Act::Coding(Coding::Always { by, how, of, label })
}

fn made(of: u64) -> Vec<u8> {
    let mut bytes = vec![0; usize::try_from(of).unwrap_or_default()];
    crate::body_bytes(0, &mut bytes);
    bytes
}
