use std::io;

use super::block::Block;
use super::lines::{LineCutter, Piece};
use super::text::{BLOCK, Text};
use crate::item::Position;
use crate::ledger::BlockNote;

/// A source being read. Blocking.
pub(super) enum List {
    Lines(LineCutter),
    Items(Box<dyn Iterator<Item = String> + Send>),
}

const ITEMS_PER_BLOCK: usize = 256;

/// What came of a block that is known.
pub(super) struct Again {
    pub(super) block: Block,
    pub(super) bytes: u64,
    pub(super) crc: u32,
    /// Whole lines.
    pub(super) lines: u64,
    /// The list ended before the block did.
    pub(super) short: bool,
}

impl List {
    pub(super) fn lines(text: Text) -> Self {
        Self::Lines(LineCutter::new(text))
    }

    /// The next block, and what a ledger is to note of it; its checksum is right only if `sums`.
    /// `wanted` says whether somebody waits for it: then even a single item is handed on at once.
    pub(super) fn next_block(
        &mut self,
        first: Position,
        sums: bool,
        wanted: impl Fn() -> bool,
    ) -> io::Result<Option<(Block, BlockNote)>> {
        let cutter = match self {
            Self::Lines(cutter) => cutter,
            Self::Items(items) => return Ok(next_items(items, first, sums, wanted)),
        };
        Ok(cutter.next_piece(sums)?.map(|piece| match piece {
            Piece::Lines(bytes) => {
                let open = bytes.last() != Some(&b'\n');
                let note = BlockNote {
                    lines: small(line_ends(&bytes)) + u32::from(open),
                    bytes: bytes.len() as u64,
                    crc: if sums { crc32c::crc32c(&bytes) } else { 0 },
                    open,
                    ..BlockNote::default()
                };
                (Block::Text { first, bytes, taken: 0 }, note)
            }
            Piece::TooLong(line) => {
                let note = BlockNote {
                    lines: 1,
                    bytes: line.length,
                    crc: line.crc,
                    open: line.ends == 0,
                    too_long: true,
                    kept: 0,
                };
                let (beginning, length) = (line.beginning, line.length);
                (Block::TooLong { position: first, beginning, length }, note)
            }
        }))
    }

    /// As much as a known block had, and no byte more.
    pub(super) fn read_again(&mut self, first: Position, note: &BlockNote) -> io::Result<Again> {
        match self {
            Self::Items(items) => {
                let items: Vec<_> = items.by_ref().take(note.lines as usize).collect();
                let (lines, bytes) = (items.len() as u64, size(&items));
                let (crc, short) = (checksum(&items), lines < u64::from(note.lines));
                let block = Block::Items { first, items: items.into_iter() };
                Ok(Again { block, bytes, crc, lines, short })
            }
            Self::Lines(cutter) if note.too_long => {
                let line = cutter.text.take_long(note.bytes)?;
                let (beginning, bytes) = (line.beginning, line.length);
                let block = Block::TooLong { position: first, beginning, length: bytes };
                let short = bytes < note.bytes;
                Ok(Again { block, bytes, crc: line.crc, lines: line.ends, short })
            }
            Self::Lines(cutter) => {
                let text = cutter.text.take(note.bytes)?;
                let (crc, bytes) = (crc32c::crc32c(&text), text.len() as u64);
                let (lines, short) = (line_ends(&text) as u64, bytes < note.bytes);
                let block = Block::Text { first, bytes: text, taken: 0 };
                Ok(Again { block, bytes, crc, lines, short })
            }
        }
    }

    /// Whether bytes can be passed over, as they are those of a file.
    pub(super) fn can_pass(&self) -> bool {
        matches!(self, Self::Lines(cutter) if cutter.text.can_pass())
    }

    pub(super) fn pass(&mut self, bytes: u64) -> io::Result<()> {
        match self {
            Self::Lines(cutter) => cutter.text.pass(bytes),
            Self::Items(_) => Err(io::ErrorKind::NotSeekable.into()),
        }
    }

    /// What stands where a line end was missing, or its first two bytes; empty at the end.
    pub(super) fn take_line_end(&mut self) -> io::Result<Vec<u8>> {
        match self {
            Self::Lines(cutter) => cutter.text.take_line_end(),
            Self::Items(_) => Ok(Vec::new()),
        }
    }
}

fn next_items(
    iterator: &mut dyn Iterator<Item = String>,
    first: Position,
    sums: bool,
    wanted: impl Fn() -> bool,
) -> Option<(Block, BlockNote)> {
    let mut items = Vec::new();
    let mut bytes = 0;
    for item in iterator {
        bytes += item.len();
        items.push(item);
        if items.len() >= ITEMS_PER_BLOCK || bytes >= BLOCK || wanted() {
            break;
        }
    }
    let note = BlockNote {
        lines: small(items.len()),
        bytes: size(&items),
        crc: if sums { checksum(&items) } else { 0 },
        ..BlockNote::default()
    };
    (!items.is_empty()).then(|| (Block::Items { first, items: items.into_iter() }, note))
}

/// The bytes of items, each with a line end.
fn size(items: &[String]) -> u64 {
    items.iter().map(|item| item.len() as u64 + 1).sum()
}

fn checksum(items: &[String]) -> u32 {
    items.iter().fold(0, |crc, item| {
        crc32c::crc32c_append(crc32c::crc32c_append(crc, item.as_bytes()), b"\n")
    })
}

fn line_ends(bytes: &[u8]) -> usize {
    memchr::memchr_iter(b'\n', bytes).count()
}

/// A block is `MAX_LINE` and `BLOCK` bytes at most: its lines always fit.
fn small(lines: usize) -> u32 {
    u32::try_from(lines).unwrap_or(u32::MAX)
}
