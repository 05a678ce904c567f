//! Brotli streams of uncompressed meta-blocks, or of long copies of zeros (RFC 7932, section 9.2).

use super::Run;
use super::bits::Bits;

/// The longest meta-block whose length takes four nibbles.
const BLOCK: usize = 1 << 16;
/// The longest meta-block at all.
const LONGEST: u64 = 1 << 24;
/// The shortest copy of the code for the longest ones (section 5).
const COPY: u64 = 2118;
/// ISLAST and ISLASTEMPTY.
const END: u8 = 0b11;

pub(super) fn encode(plain: &[u8]) -> Vec<u8> {
    let mut out = stored(plain);
    out.push(END);
    out
}

pub(super) fn invalid(plain: &[u8]) -> Vec<u8> {
    let mut out = stored(plain);
    // A meta-block without a length, whose reserved bit is not zero.
    out.push(0b1110);
    out
}

pub(super) fn zeros(of: u64) -> Run {
    // The first byte of a copy must be there already.
    let few = if (of % LONGEST) < COPY { COPY } else { 4 };
    let rest = (of - few) % LONGEST;
    let mut head = stored(&vec![0; usize::try_from(few).unwrap_or_default()]);
    if rest >= COPY {
        head.extend(copy(rest));
    } else {
        head.extend(stored_block(&vec![0; usize::try_from(rest).unwrap_or_default()]));
    }
    Run { head, again: copy(LONGEST), times: (of - few) / LONGEST, tail: vec![END] }
}

/// The stream's head, which fills a byte of its own, and the meta-blocks.
fn stored(plain: &[u8]) -> Vec<u8> {
    let mut bits = Bits::default();
    // A window of 2^16 bytes.
    bits.put(0, 1);
    fill(&mut bits);
    let mut out = bits.done();
    for piece in plain.chunks(BLOCK) {
        out.extend(stored_block(piece));
    }
    out
}

fn stored_block(piece: &[u8]) -> Vec<u8> {
    let Some(less) = piece.len().checked_sub(1) else { return Vec::new() };
    let mut bits = Bits::default();
    // Not the last; four nibbles of length; uncompressed.
    bits.put(0, 1).put(0, 2).put(u32::try_from(less).unwrap_or_default(), 16).put(1, 1);
    let mut out = bits.done();
    out.extend_from_slice(piece);
    out
}

/// A meta-block that repeats the last four bytes until it has `length`, from COPY to LONGEST. Each
/// of its prefix codes has one symbol, which then takes no bits.
fn copy(length: u64) -> Vec<u8> {
    let length = u32::try_from(length).unwrap_or_default();
    let mut bits = Bits::default();
    // Not the last; as many nibbles of length as it takes, four at least; compressed.
    let nibbles = (32 - (length - 1).leading_zeros()).div_ceil(4).max(4);
    bits.put(0, 1).put(nibbles - 4, 2).put(length - 1, nibbles * 4).put(0, 1);
    // One block type each for literals, commands and distances; no postfix, no direct distances; a
    // context mode; one tree each for literals and distances.
    bits.put(0, 3).put(0, 2).put(0, 4).put(0, 2).put(0, 1).put(0, 1);
    // Simple codes of one symbol: the literal 0; insert nothing, copy with the last code of
    // lengths; the last distance, which is 4 at the beginning.
    bits.put(1, 2).put(0, 2).put(0, 8);
    bits.put(1, 2).put(0, 2).put(384 + 7, 10);
    bits.put(1, 2).put(0, 2).put(0, 6);
    bits.put(length - u32::try_from(COPY).unwrap_or_default(), 24);
    fill(&mut bits);
    bits.done()
}

/// An empty meta-block, only there to end with a whole byte.
fn fill(bits: &mut Bits) {
    bits.put(0, 1).put(3, 2).put(0, 1).put(0, 2);
}
