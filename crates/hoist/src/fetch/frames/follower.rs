//! Follows the frames that come from a server, as far as their heads, settings and header blocks.

use super::answered::Answered;
use super::block::{Status, Table};
use crate::plan::defaults;

/// Bytes of a frame's head (RFC 9113 §4.1).
pub(super) const HEAD: usize = 9;
/// Bytes of a setting (§6.5.1).
const SETTING: usize = 6;
const ENABLE_PUSH: u16 = 2;

pub(super) mod kind {
    pub(in super::super) const HEADERS: u8 = 1;
    pub(in super::super) const SETTINGS: u8 = 4;
    pub(in super::super) const PUSH_PROMISE: u8 = 5;
    pub(in super::super) const CONTINUATION: u8 = 9;
}

pub(super) mod flag {
    /// Of SETTINGS.
    pub(in super::super) const ACK: u8 = 0x1;
    pub(in super::super) const END_HEADERS: u8 = 0x4;
    pub(in super::super) const PADDED: u8 = 0x8;
    pub(in super::super) const PRIORITY: u8 = 0x20;
}

/// The largest payload that we let a server send.
pub(super) const LARGEST: usize = defaults::HTTP2_FRAME as usize;
/// Bytes of a block that are gathered from many frames: more than h2 puts up with, which is one
/// HEADERS and six CONTINUATIONs for heads and frames of our sizes.
const MOST_GATHERED: usize = 7 * LARGEST;

#[derive(Debug)]
pub(super) struct Follower {
    /// Of the payload of a frame that is not looked at.
    left: usize,
    /// The server has begun with its settings.
    begun: bool,
    /// Something came over which h2 ends the connection, and blocks are not followed any more.
    lost: bool,
    /// The block that is not whole yet, and its stream.
    block: Option<(u32, Vec<u8>)>,
    table: Table,
    answered: Answered,
}

/// How many bytes may be read as they are, and why no more, where there are more.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Passed {
    pub(super) bytes: usize,
    pub(super) stop: Option<Stop>,
}

/// What stands behind the bytes that may be read.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Stop {
    /// A frame that must be whole to be looked at: so many bytes are missing, or more.
    Cut { missing: usize },
    /// A frame of `bytes`, of which its fields end at `fields`: it ends a block with pseudo-fields
    /// that are not allowed there.
    Bad { fields: usize, bytes: usize },
}

/// The head of a frame.
#[derive(Clone, Copy)]
struct Head {
    length: usize,
    kind: u8,
    flags: u8,
    stream: u32,
}

impl Head {
    fn read(bytes: [u8; HEAD]) -> Self {
        let [a, b, c, kind, flags, stream @ ..] = bytes;
        Self {
            length: u32::from_be_bytes([0, a, b, c]) as usize,
            kind,
            flags,
            stream: u32::from_be_bytes(stream) & (u32::MAX >> 1),
        }
    }

    fn has(self, flag: u8) -> bool {
        self.flags & flag != 0
    }
}

impl Default for Follower {
    fn default() -> Self {
        Self {
            left: 0,
            begun: false,
            lost: false,
            block: None,
            table: Table::new(defaults::HTTP2_HEADER_TABLE as usize),
            answered: Answered::default(),
        }
    }
}

impl Follower {
    /// Takes the bytes that came next, up to where it stops: what stands there is given again with
    /// what is missing, and nothing of it where it is bad.
    pub(super) fn follow(&mut self, bytes: &[u8]) -> Result<Passed, &'static str> {
        let mut at = 0;
        loop {
            let skipped = self.left.min(bytes.len() - at);
            (self.left, at) = (self.left - skipped, at + skipped);
            let rest = &bytes[at..];
            if rest.is_empty() {
                return Ok(Passed { bytes: at, stop: None });
            }
            let cut = |missing| Ok(Passed { bytes: at, stop: Some(Stop::Cut { missing }) });
            let Some((head, payload)) = rest.split_first_chunk() else {
                return cut(HEAD - rest.len());
            };
            let head = Head::read(*head);
            if !self.begun && (head.kind != kind::SETTINGS || head.has(flag::ACK)) {
                return Err("the server did not begin with its settings (RFC 9113, section 3.4)");
            }
            self.begun = true;
            if !self.is_read(head) {
                (self.left, at) = (head.length, at + HEAD);
                continue;
            }
            let Some(payload) = payload.get(..head.length) else {
                return cut(head.length - payload.len());
            };
            if head.kind == kind::SETTINGS {
                settings(payload)?;
            } else if let Some(behind) = self.is_bad(head, payload) {
                let bytes = HEAD + head.length;
                let stop = Some(Stop::Bad { fields: bytes - behind, bytes });
                return Ok(Passed { bytes: at, stop });
            }
            at += HEAD + head.length;
        }
    }

    /// Whether it is looked at, and must be whole for that.
    fn is_read(&mut self, head: Head) -> bool {
        if self.lost || head.length > LARGEST {
            self.lost = true;
            return false;
        }
        let reads = matches!(head.kind, kind::HEADERS | kind::CONTINUATION);
        // Nothing may come between the frames of a block (§4.3), and pushes are not allowed (§8.4).
        let expected = self.block.is_none() || head.kind == kind::CONTINUATION;
        self.lost = !expected || head.kind == kind::PUSH_PROMISE;
        !self.lost && (reads || head.kind == kind::SETTINGS)
    }

    /// Whether it ends a block with pseudo-fields that are not allowed: so many bytes are behind the
    /// fields.
    fn is_bad(&mut self, head: Head, payload: &[u8]) -> Option<usize> {
        let (fields, behind) = match head.kind {
            kind::CONTINUATION => (payload, 0),
            _ => match fields(head, payload) {
                Some(Fields::Here { fields, behind }) => (fields, behind),
                Some(Fields::Unread) => return None,
                None => {
                    self.lost = true;
                    return None;
                }
            },
        };
        let found = match self.gather(head, fields) {
            Gathered::Here => self.table.read(fields),
            Gathered::Many(block) => self.table.read(&block),
            Gathered::NotWhole => return None,
            Gathered::Never => None,
        };
        let Some(found) = found else {
            self.lost = true;
            return None;
        };
        // A response has `:status` and no other, its trailers have none (§8.1, §8.3).
        let late = found.status.is_some() && self.answered.has(head.stream);
        if found.status == Some(Status::Final) {
            self.answered.insert(head.stream);
        }
        (found.other || late).then_some(behind)
    }

    fn gather(&mut self, head: Head, fields: &[u8]) -> Gathered {
        let ends = head.has(flag::END_HEADERS);
        let (stream, mut block) = match (self.block.take(), head.kind) {
            (None, kind::HEADERS) if ends => return Gathered::Here,
            (None, kind::HEADERS) => (head.stream, Vec::new()),
            (Some(block), kind::CONTINUATION) => block,
            _ => return Gathered::Never,
        };
        if stream != head.stream || block.len() + fields.len() > MOST_GATHERED {
            return Gathered::Never;
        }
        block.extend_from_slice(fields);
        if ends {
            return Gathered::Many(block);
        }
        self.block = Some((stream, block));
        Gathered::NotWhole
    }
}

enum Gathered {
    /// The block is in this frame.
    Here,
    /// The block was in this frame and those before.
    Many(Vec<u8>),
    NotWhole,
    /// It will be none.
    Never,
}

fn settings(payload: &[u8]) -> Result<(), &'static str> {
    // What is not whole is for h2 to refuse.
    let (settings, _) = payload.as_chunks::<SETTING>();
    for [id_high, id_low, value @ ..] in settings {
        let id = u16::from_be_bytes([*id_high, *id_low]);
        if id == ENABLE_PUSH && *value != [0; 4] {
            return Err("the server allows pushes, as only a client may (RFC 9113, section 6.5.2)");
        }
    }
    Ok(())
}

/// What is in a HEADERS frame (§6.2).
enum Fields<'a> {
    Here {
        fields: &'a [u8],
        /// Bytes behind them.
        behind: usize,
    },
    /// h2 resets the stream over something else, and does not read them.
    Unread,
}

/// None where they can't be found, over which h2 ends the connection.
fn fields(head: Head, payload: &[u8]) -> Option<Fields<'_>> {
    let mut fields = payload;
    let mut padding = 0;
    if head.has(flag::PADDED) {
        let (length, rest) = fields.split_first()?;
        (padding, fields) = (usize::from(*length), rest);
    }
    if head.has(flag::PRIORITY) {
        let ([dependency @ .., _weight], rest) = fields.split_first_chunk::<5>()?;
        if u32::from_be_bytes(*dependency) & (u32::MAX >> 1) == head.stream {
            return Some(Fields::Unread);
        }
        fields = rest;
    }
    let length = fields.len().checked_sub(padding)?;
    Some(Fields::Here { fields: &fields[..length], behind: padding })
}
