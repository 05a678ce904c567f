//! Codings, right and wrong (RFC 9110, section 8.4). What comes of them: a client that asked for a
//! coding must decode it, or fail; one that did not may also keep the bytes as they came. Bytes decoded
//! in part are never right.

use super::act::Act;
use super::{Case, Entry, Right};
use crate::catalogue::About;
use crate::coded::{Coding as How, ZEROS};
use crate::hash::body_bytes;
use crate::http::exchange::{Answered, Exchange};
use crate::http::representation::{Representation, blocking};
use crate::spec::{Params, Wrong};

/// The longest content that is coded.
const LONGEST: u64 = 64 << 20;
/// The most zeros a bomb has.
const MOST_ZEROS: u64 = 1 << 30;

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Coding {
    /// As it should be; without `unasked`, only to those who ask for it.
    Right {
        how: How,
        of: Option<u64>,
        unasked: bool,
        chunked: bool,
    },
    /// The content as it is, under a coding's label.
    Plain {
        label: String,
        of: Option<u64>,
    },
    /// The coded bytes, spoilt.
    Spoilt {
        how: How,
        of: Option<u64>,
        spoil: Spoil,
    },
    Twice {
        outer: How,
        of: Option<u64>,
    },
    Bomb {
        how: How,
        of: u64,
    },
    Empty {
        how: How,
    },
}

/// What is wrong with coded bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Spoil {
    /// The last third is missing, and the length is that of what is there.
    Cut,
    /// A bit of the checksum is turned; gzip and deflate have one.
    Checksum,
    /// Bytes follow the end.
    Trailing,
}

fn made(of: usize) -> Vec<u8> {
    let mut bytes = vec![0; of];
    body_bytes(0, &mut bytes);
    bytes
}

const PLAIN_OR_FAIL: &[Right] = &[Right::Made(1000), Right::Fail];

pub(super) const ENTRIES: &[Entry] = &[
    Entry {
        about: About {
            name: "coding",
            does: "the content coded, if the request's Accept-Encoding names the coding; else as it is",
            example: "coding?as=gzip",
            verdict: "whole, decoded: the client asked for it (RFC 9110, section 8.4)",
            counts: false,
        },
        make: |p| right(p, false),
        cases: &[
            Case::new("/fault/coding?as=gzip", &[Right::Made(1000)]),
            Case::new("/fault/coding?as=br", &[Right::Made(1000)]),
            Case::new("/fault/coding?as=zstd", &[Right::Made(1000)]),
            Case::new("/fault/coding?as=deflate", &[Right::Made(1000)]),
            Case::new("/fault/coding?as=gzip&framing=chunked&of=100000", &[Right::Made(100_000)]),
        ],
    },
    Entry {
        about: About {
            name: "coding-unasked",
            does: "the content coded, whether it was asked for or not",
            example: "coding-unasked?as=gzip",
            verdict: "whole: decoded, or the coded bytes as they came; or failure",
            counts: false,
        },
        make: |p| right(p, true),
        cases: &[
            Case::new(
                "/fault/coding-unasked?as=gzip",
                &[Right::Made(1000), Right::Bytes(|| How::Gzip.encode(&made(1000))), Right::Fail],
            ),
            Case::new(
                "/fault/coding-unasked?as=br",
                &[Right::Made(1000), Right::Bytes(|| How::Brotli.encode(&made(1000))), Right::Fail],
            ),
            Case::new(
                "/fault/coding-unasked?as=zstd",
                &[Right::Made(1000), Right::Bytes(|| How::Zstd.encode(&made(1000))), Right::Fail],
            ),
        ],
    },
    Entry {
        about: About {
            name: "coding-wrong",
            does: "the content as it is, under the label of a coding (gzip)",
            example: "coding-wrong?says=gzip",
            verdict: "failure where it is decoded; else the bytes as they came",
            counts: false,
        },
        make: |p| plain(p, "gzip"),
        cases: &[
            Case::new("/fault/coding-wrong", PLAIN_OR_FAIL),
            Case::new("/fault/coding-wrong?says=br", PLAIN_OR_FAIL),
            Case::new("/fault/coding-wrong?says=zstd", PLAIN_OR_FAIL),
            Case::new("/fault/coding-wrong?says=identity", PLAIN_OR_FAIL),
        ],
    },
    Entry {
        about: About {
            name: "coding-unknown",
            does: "the content as it is, under the label of a coding nobody knows",
            example: "coding-unknown?says=x-rehearsal",
            verdict: "failure, or the bytes as they came",
            counts: false,
        },
        make: |p| plain(p, "x-rehearsal"),
        cases: &[Case::new("/fault/coding-unknown", PLAIN_OR_FAIL)],
    },
    Entry {
        about: About {
            name: "coding-cut",
            does: "coded bytes without their last third, framed as if they were all",
            example: "coding-cut?as=gzip",
            verdict: "failure where it is decoded; else the bytes as they came",
            counts: false,
        },
        make: |p| spoilt(p, Spoil::Cut),
        cases: &[
            Case::new(
                "/fault/coding-cut?as=gzip",
                &[Right::Fail, Right::Bytes(|| spoil(How::Gzip, &made(1000), Spoil::Cut))],
            ),
            Case::new(
                "/fault/coding-cut?as=br",
                &[Right::Fail, Right::Bytes(|| spoil(How::Brotli, &made(1000), Spoil::Cut))],
            ),
            Case::new(
                "/fault/coding-cut?as=zstd",
                &[Right::Fail, Right::Bytes(|| spoil(How::Zstd, &made(1000), Spoil::Cut))],
            ),
        ],
    },
    Entry {
        about: About {
            name: "coding-checksum",
            does: "coded bytes whose checksum is wrong",
            example: "coding-checksum?as=gzip",
            verdict: "failure where it is decoded (RFC 1952, section 2.3.1); else as it came",
            counts: false,
        },
        make: |p| spoilt(p, Spoil::Checksum),
        cases: &[
            Case::new(
                "/fault/coding-checksum?as=gzip",
                &[Right::Fail, Right::Bytes(|| spoil(How::Gzip, &made(1000), Spoil::Checksum))],
            ),
            Case::new(
                "/fault/coding-checksum?as=deflate",
                &[Right::Fail, Right::Bytes(|| spoil(How::Deflate, &made(1000), Spoil::Checksum))],
            ),
        ],
    },
    Entry {
        about: About {
            name: "coding-trailing",
            does: "coded bytes, and other bytes after their end",
            example: "coding-trailing?as=gzip",
            verdict: "failure, whole, or the bytes as they came; never the other bytes decoded",
            counts: false,
        },
        make: |p| spoilt(p, Spoil::Trailing),
        cases: &[Case::new(
            "/fault/coding-trailing?as=gzip",
            &[
                Right::Fail,
                Right::Made(1000),
                Right::Bytes(|| spoil(How::Gzip, &made(1000), Spoil::Trailing)),
            ],
        )],
    },
    Entry {
        about: About {
            name: "coding-twice",
            does: "the content in gzip, and that in another coding (gzip), labelled so",
            example: "coding-twice?as=br",
            verdict: "whole when decoded twice, or as it came, or failure; never decoded once",
            counts: false,
        },
        make: |p| Ok(Act::Coding(Coding::Twice { outer: how(p)?, of: p.number("of")? })),
        cases: &[
            Case::new(
                "/fault/coding-twice?as=gzip",
                &[
                    Right::Made(1000),
                    Right::Fail,
                    Right::Bytes(|| How::Gzip.encode(&How::Gzip.encode(&made(1000)))),
                ],
            ),
            Case::new(
                "/fault/coding-twice?as=br",
                &[
                    Right::Made(1000),
                    Right::Fail,
                    Right::Bytes(|| How::Brotli.encode(&How::Gzip.encode(&made(1000)))),
                ],
            ),
        ],
    },
    Entry {
        about: About {
            name: "coding-bomb",
            does: "few bytes that decode to so many zeros (67108864; br knows that number alone)",
            example: "coding-bomb?as=gzip&of=268435456",
            verdict: "failure by a limit of the client, the zeros, or the bytes as they came",
            counts: false,
        },
        make: |p| {
            let (how, of) = (how(p)?, p.number_or("of", ZEROS)?);
            if of > MOST_ZEROS || how == How::Deflate || (how == How::Brotli && of != ZEROS) {
                return Err(Wrong(format!("no bomb of {of} zeros is made as {}", how.name())));
            }
            Ok(Act::Coding(Coding::Bomb { how, of }))
        },
        cases: &[
            Case::new(
                "/fault/coding-bomb?as=gzip",
                &[
                    Right::Fail,
                    Right::Zeros(ZEROS),
                    Right::Bytes(|| How::Gzip.zeros(ZEROS).unwrap_or_default()),
                ],
            ),
            Case::new(
                "/fault/coding-bomb?as=br",
                &[
                    Right::Fail,
                    Right::Zeros(ZEROS),
                    Right::Bytes(|| How::Brotli.zeros(ZEROS).unwrap_or_default()),
                ],
            ),
            Case::new(
                "/fault/coding-bomb?as=zstd",
                &[
                    Right::Fail,
                    Right::Zeros(ZEROS),
                    Right::Bytes(|| How::Zstd.zeros(ZEROS).unwrap_or_default()),
                ],
            ),
        ],
    },
    Entry {
        about: About {
            name: "coding-empty",
            does: "no bytes at all, under the label of a coding",
            example: "coding-empty?as=gzip",
            verdict: "an empty body, or failure: there is no coded stream in it",
            counts: false,
        },
        make: |p| Ok(Act::Coding(Coding::Empty { how: how(p)? })),
        cases: &[Case::new("/fault/coding-empty?as=gzip", &[Right::Made(0), Right::Fail])],
    },
];

fn how(p: &mut Params<'_>) -> Result<How, Wrong> {
    p.one_of("as", &How::WORDS)
}

fn right(p: &mut Params<'_>, unasked: bool) -> Result<Act, Wrong> {
    let chunked = p.one_of("framing", &[("length", false), ("chunked", true)])?;
    Ok(Act::Coding(Coding::Right { how: how(p)?, of: p.number("of")?, unasked, chunked }))
}

fn plain(p: &mut Params<'_>, label: &str) -> Result<Act, Wrong> {
    let label = p.line("says")?.unwrap_or(label.into()).into_owned();
    Ok(Act::Coding(Coding::Plain { label, of: p.number("of")? }))
}

fn spoilt(p: &mut Params<'_>, spoil: Spoil) -> Result<Act, Wrong> {
    let how = how(p)?;
    if spoil == Spoil::Checksum && matches!(how, How::Brotli | How::Zstd) {
        return Err(Wrong(format!("{} is made without a checksum here", how.name())));
    }
    Ok(Act::Coding(Coding::Spoilt { how, of: p.number("of")?, spoil }))
}

fn spoil(how: How, bytes: &[u8], spoil: Spoil) -> Vec<u8> {
    let mut coded = how.encode(bytes);
    match spoil {
        Spoil::Cut => coded.truncate(coded.len() * 2 / 3),
        Spoil::Checksum => {
            // gzip ends in a checksum and a length of 4 bytes each; zlib in a checksum alone.
            let back = if how == How::Gzip { 8 } else { 4 };
            let at = coded.len().saturating_sub(back);
            if let Some(byte) = coded.get_mut(at) {
                *byte ^= 1;
            }
        }
        Spoil::Trailing => coded.extend_from_slice(b"and this is not of it"),
    }
    coded
}

impl Coding {
    pub(super) async fn act(&self, ex: &mut Exchange<'_>) -> Answered {
        match self {
            Self::Right { how, of, unasked, chunked } => {
                ex.resize(*of);
                if !unasked && !asks_for(ex, *how) {
                    return ex.rest().await;
                }
                let how = *how;
                let coded = code(ex, move |bytes| how.encode(&bytes)).await?;
                if *chunked {
                    return in_chunks(ex, how.name(), coded).await;
                }
                send(ex, how.name(), coded).await
            }
            Self::Plain { label, of } => {
                ex.resize(*of);
                let bytes = code(ex, |bytes| bytes).await?;
                send(ex, label, bytes).await
            }
            Self::Spoilt { how, of, spoil: wrong } => {
                ex.resize(*of);
                let (how, wrong) = (*how, *wrong);
                let coded = code(ex, move |bytes| spoil(how, &bytes, wrong)).await?;
                send(ex, how.name(), coded).await
            }
            Self::Twice { outer, of } => {
                ex.resize(*of);
                let outer = *outer;
                let twice = move |bytes: Vec<u8>| outer.encode(&How::Gzip.encode(&bytes));
                let coded = code(ex, twice).await?;
                send(ex, &format!("gzip, {}", outer.name()), coded).await
            }
            Self::Bomb { how, of } => {
                let (how, of) = (*how, *of);
                let bomb = blocking(move || Ok(how.zeros(of).unwrap_or_default())).await?;
                send(ex, how.name(), bomb).await
            }
            Self::Empty { how } => send(ex, how.name(), Vec::new()).await,
        }
    }
}

/// Whether the request's Accept-Encoding names a coding, and not to refuse it (RFC 9110, section
/// 12.5.3).
fn asks_for(ex: &Exchange<'_>, how: How) -> bool {
    let Some(accepted) = ex.request.header("accept-encoding") else { return false };
    accepted.split(',').any(|one| {
        let (name, weight) = one.split_once(';').unwrap_or((one, ""));
        let none = weight.trim().strip_prefix("q=").is_some_and(|q| q.parse() == Ok(0.0));
        name.trim().eq_ignore_ascii_case(how.name()) && !none
    })
}

/// The content through a coding, off the serving thread.
async fn code(
    ex: &mut Exchange<'_>,
    how: impl FnOnce(Vec<u8>) -> Vec<u8> + Send + 'static,
) -> Result<Vec<u8>, crate::http::exchange::Trouble> {
    let length = ex.content.length();
    if length > LONGEST {
        return Err(Wrong(format!("at most {} MiB are coded", LONGEST >> 20)).into());
    }
    let mut bytes = Vec::new();
    ex.content.read(0, length, &mut bytes).await?;
    Ok(blocking(move || Ok(how(bytes))).await?)
}

async fn send(ex: &mut Exchange<'_>, label: &str, coded: Vec<u8>) -> Answered {
    let length = coded.len() as u64;
    begin(ex, label, coded).length(length).end_head();
    ex.part(0, length).await?;
    ex.flush().await
}

async fn in_chunks(ex: &mut Exchange<'_>, label: &str, coded: Vec<u8>) -> Answered {
    let length = coded.len() as u64;
    begin(ex, label, coded).header("Transfer-Encoding", "chunked").end_head();
    let mut at = 0;
    while at < length {
        let to = length.min(at + (16 << 10));
        ex.chunk(at, to).await?;
        at = to;
    }
    ex.last_chunk().await
}

fn begin<'e, 'x>(ex: &'e mut Exchange<'x>, label: &str, coded: Vec<u8>) -> &'e mut Exchange<'x> {
    ex.content = Representation::kept(ex.content.kind, coded);
    ex.ok().header("Content-Encoding", label).header("Vary", "Accept-Encoding")
}
