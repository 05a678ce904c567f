//! Deflate with stored blocks, or with one block that repeats a zero (RFC 1951), in its two covers:
//! gzip (RFC 1952) and zlib (RFC 1950).

use super::Run;
use super::bits::Bits;

/// The most that a stored block may hold.
const BLOCK: usize = 65_535;
/// No name, no time, an unknown system.
const GZIP: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff];
/// A window of 32 KiB, the fastest way of compressing.
const ZLIB: [u8; 2] = [0x78, 0x01];
/// The longest copy.
const COPY: u64 = 258;

pub(super) fn gzip(plain: &[u8]) -> Vec<u8> {
    let mut out = GZIP.to_vec();
    stored(plain, true, &mut out);
    out.extend(gzip_tail(crc32(plain), plain.len() as u64));
    out
}

pub(super) fn zlib(plain: &[u8]) -> Vec<u8> {
    let mut out = ZLIB.to_vec();
    stored(plain, true, &mut out);
    out.extend(adler32(plain).to_be_bytes());
    out
}

pub(super) fn gzip_invalid(plain: &[u8]) -> Vec<u8> {
    let mut out = GZIP.to_vec();
    invalid(plain, &mut out);
    out.extend(gzip_tail(crc32(plain), plain.len() as u64));
    out
}

pub(super) fn zlib_invalid(plain: &[u8]) -> Vec<u8> {
    let mut out = ZLIB.to_vec();
    invalid(plain, &mut out);
    out.extend(adler32(plain).to_be_bytes());
    out
}

pub(super) fn gzip_zeros(of: u64) -> Run {
    let mut run = zeros(&GZIP, of);
    run.tail.extend(gzip_tail(crc32_of_zeros(of), of));
    run
}

pub(super) fn zlib_zeros(of: u64) -> Run {
    let mut run = zeros(&ZLIB, of);
    // Of zeros, the first sum stays 1 and the second counts.
    let count = u32::try_from(of % u64::from(ADLER)).unwrap_or_default();
    run.tail.extend((count << 16 | 1).to_be_bytes());
    run
}

fn gzip_tail(crc: u32, of: u64) -> [u8; 8] {
    // The length is modulo 2^32.
    (u64::from(crc) | of << 32).to_le_bytes()
}

fn stored(plain: &[u8], end: bool, out: &mut Vec<u8>) {
    let mut blocks = plain.chunks(BLOCK).peekable();
    if end && blocks.peek().is_none() {
        out.extend([1, 0, 0, 0xff, 0xff]);
    }
    while let Some(piece) = blocks.next() {
        let length = u16::try_from(piece.len()).unwrap_or_default();
        out.push(u8::from(end && blocks.peek().is_none()));
        out.extend(length.to_le_bytes());
        out.extend((!length).to_le_bytes());
        out.extend_from_slice(piece);
    }
}

fn invalid(plain: &[u8], out: &mut Vec<u8>) {
    stored(plain, false, out);
    // The last block, of the reserved type.
    out.push(0b111);
}

/// One literal zero, then copies of it, each two bits that are zero: `0` for the longest length,
/// `0` for the only distance. What is shorter than a copy is literals again.
fn zeros(cover: &[u8], of: u64) -> Run {
    let mut bits = Bits::default();
    // The last block, with codes of its own.
    bits.put(1, 1).put(2, 2);
    // 286 lengths of literals and lengths, 1 of distances, 18 of those lengths' own code.
    bits.put(286 - 257, 5).put(0, 5).put(18 - 4, 4);
    // In the order 16 17 18 0 8 7 9 6 10 5 11 4 12 3 13 2 14 1: 18 is `0`, 1 is `10`, 2 is `11`.
    for length in [0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 2] {
        bits.put(length, 3);
    }
    // Codes come with the most significant bit first, other numbers with the least.
    let none = |bits: &mut Bits, count: u32| {
        bits.put(0, 1).put(count - 11, 7);
    };
    // The literal 0 is `10`, then 255 without a code, the end is `11`, 28 without, the longest copy
    // is `0`; the distance 1 is `0`.
    bits.put(0b11, 2);
    none(&mut bits, 138);
    none(&mut bits, 117);
    bits.put(0b11, 2);
    none(&mut bits, 28);
    bits.put(0b01, 2).put(0b01, 2);
    bits.put(0b01, 2);
    let copies = (of - 1) / COPY;
    let here = u64::from(bits.room());
    let more = copies * 2 - here;
    let head = [cover, &bits.done()].concat();
    let mut bits = Bits::default();
    bits.put(0, u32::try_from(more % 8).unwrap_or_default());
    for _ in 0..(of - 1) % COPY {
        bits.put(0b01, 2);
    }
    bits.put(0b11, 2);
    Run { head, again: vec![0], times: more / 8, tail: bits.done() }
}

const POLYNOMIAL: u32 = 0xedb8_8320;

const TABLE: [u32; 256] = {
    let mut table = [0; 256];
    let mut at = 0_u32;
    while at < 256 {
        let (mut value, mut bit) = (at, 0);
        while bit < 8 {
            value = times_x(value);
            bit += 1;
        }
        table[at as usize] = value;
        at += 1;
    }
    table
};

fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |crc, byte| {
        let [low, ..] = crc.to_le_bytes();
        TABLE[usize::from(low ^ byte)] ^ (crc >> 8)
    })
}

/// A zero byte multiplies by x^8, so `of` of them by x^(8 of): squared and multiplied, bit by bit.
fn crc32_of_zeros(of: u64) -> u32 {
    let (mut crc, mut power, mut left) = (!0, X8, of);
    while left > 0 {
        if left & 1 == 1 {
            crc = product(crc, power);
        }
        power = product(power, power);
        left >>= 1;
    }
    !crc
}

/// x^8; the most significant bit is x^0.
const X8: u32 = 1 << (31 - 8);

/// The product of two polynomials, modulo the CRC's.
fn product(a: u32, mut b: u32) -> u32 {
    let mut sum = 0;
    for at in (0..32).rev() {
        if a >> at & 1 == 1 {
            sum ^= b;
        }
        b = times_x(b);
    }
    sum
}

const fn times_x(value: u32) -> u32 {
    if value & 1 == 1 { (value >> 1) ^ POLYNOMIAL } else { value >> 1 }
}

const ADLER: u32 = 65_521;

fn adler32(bytes: &[u8]) -> u32 {
    // So many that the sums can't overflow before they are reduced.
    let (a, b) = bytes.chunks(5552).fold((1_u32, 0_u32), |(mut a, mut b), piece| {
        for byte in piece {
            a += u32::from(*byte);
            b += a;
        }
        (a % ADLER, b % ADLER)
    });
    b << 16 | a
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_checksums() {
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
        assert_eq!(adler32(b"Wikipedia"), 0x11e6_0398);
        for of in [0, 1, 2, 7, 255, 65_537] {
            assert_eq!(crc32_of_zeros(of as u64), crc32(&vec![0; of]), "{of}");
        }
    }
}
