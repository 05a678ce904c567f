//! Zstandard frames of raw blocks, or of blocks that repeat a zero (RFC 8878, section 3.1.1).

use super::Run;
use super::xxh64::xxh64;

/// The most that a block may hold; the window is as long.
const BLOCK: usize = 128 << 10;
const MAGIC: [u8; 4] = 0xfd2f_b528_u32.to_le_bytes();
/// A content size of eight bytes, a window, and, if asked for, a checksum.
const DESCRIPTOR: u8 = 0b1100_0000;
const CHECKSUM: u8 = 0b100;
/// 2^(10 + 7) bytes.
const WINDOW: u8 = 7 << 3;

/// Kinds of blocks.
const RAW: u32 = 0;
const REPEAT: u32 = 1;
const RESERVED: u32 = 3;

pub(super) fn encode(plain: &[u8]) -> Vec<u8> {
    let mut out = head(CHECKSUM, plain.len() as u64);
    let mut blocks = plain.chunks(BLOCK).peekable();
    if blocks.peek().is_none() {
        out.extend(block(true, RAW, 0));
    }
    while let Some(piece) = blocks.next() {
        out.extend(block(blocks.peek().is_none(), RAW, piece.len()));
        out.extend_from_slice(piece);
    }
    let [a, b, c, d, ..] = xxh64(plain).to_le_bytes();
    out.extend([a, b, c, d]);
    out
}

pub(super) fn invalid(plain: &[u8]) -> Vec<u8> {
    let mut out = head(CHECKSUM, plain.len() as u64 + 1);
    for piece in plain.chunks(BLOCK) {
        out.extend(block(false, RAW, piece.len()));
        out.extend_from_slice(piece);
    }
    out.extend(block(true, RESERVED, 1));
    // What could be its byte, and a checksum.
    out.extend([0; 5]);
    out
}

pub(super) fn zeros(of: u64) -> Run {
    let again = [block(false, REPEAT, BLOCK).as_slice(), &[0]].concat();
    let rest = usize::try_from(of % BLOCK as u64).unwrap_or_default();
    let tail = [block(true, REPEAT, rest).as_slice(), &[0]].concat();
    let tail = if rest == 0 { block(true, RAW, 0).to_vec() } else { tail };
    Run { head: head(0, of), again, times: of / BLOCK as u64, tail }
}

fn head(checksum: u8, of: u64) -> Vec<u8> {
    [MAGIC.as_slice(), &[DESCRIPTOR | checksum, WINDOW], &of.to_le_bytes()].concat()
}

fn block(last: bool, kind: u32, size: usize) -> [u8; 3] {
    // At most BLOCK, so it fits.
    let size = u32::try_from(size).unwrap_or_default();
    let [a, b, c, _] = (u32::from(last) | kind << 1 | size << 3).to_le_bytes();
    [a, b, c]
}
