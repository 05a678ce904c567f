//! Content codings (RFC 9110, section 8.4.1), written without a library that would put right what is
//! wanted wrong, but for gzip and deflate. Nothing is made smaller but zeros: all of these can store
//! bytes as they are.

use std::io::Write;

use flate2::Compression;
use flate2::write::{GzEncoder, ZlibEncoder};

/// A content coding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Coding {
    /// RFC 1952.
    Gzip,
    /// RFC 7932.
    Brotli,
    /// RFC 8878.
    Zstd,
    /// zlib's form (RFC 1950), which is what `deflate` means.
    Deflate,
}

/// The zeros that [`BROTLI_ZEROS`] decodes to.
pub(crate) const ZEROS: u64 = 64 << 20;

/// Brotli's coding of [`ZEROS`] zeros.
const BROTLI_ZEROS: &[u8] = &[
    0xcf, 0xff, 0xff, 0x7f, 0xf8, 0x27, 0x00, 0xe2, 0xb1, 0x40, 0x20, 0xf7, 0xfe, 0x9f, 0xff, 0xff,
    0xff, 0xf0, 0x4f, 0x00, 0xc4, 0x61, 0x01, 0x80, 0xee, 0xfd, 0x3f, 0xff, 0xff, 0xff, 0xe1, 0x9f,
    0x00, 0x88, 0xc3, 0x22, 0x00, 0xdd, 0xfb, 0x7f, 0xfe, 0xff, 0xff, 0xc3, 0x3f, 0x01, 0x10, 0x87,
    0x05, 0x00, 0xba, 0xf7, 0xff, 0x03,
];

/// The longest block of zstd (RFC 8878, section 3.1.1.2.4).
const BLOCK: usize = 128 << 10;

impl Coding {
    pub(crate) const WORDS: [(&str, Self); 4] = [
        ("gzip", Self::Gzip),
        ("br", Self::Brotli),
        ("zstd", Self::Zstd),
        ("deflate", Self::Deflate),
    ];

    /// As Content-Encoding says it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Brotli => "br",
            Self::Zstd => "zstd",
            Self::Deflate => "deflate",
        }
    }

    /// `bytes` in this coding; the same for the same.
    pub(crate) fn encode(self, bytes: &[u8]) -> Vec<u8> {
        match self {
            Self::Gzip => gzip(&mut |to| to.write_all(bytes)),
            Self::Deflate => deflate(bytes),
            Self::Zstd => zstd(bytes),
            Self::Brotli => brotli(bytes),
        }
    }

    /// So many zeros in few bytes; brotli knows [`ZEROS`] alone.
    pub(crate) fn zeros(self, of: u64) -> Option<Vec<u8>> {
        match self {
            Self::Gzip => Some(gzip(&mut |to| {
                let piece = [0; 8 << 10];
                let mut left = of;
                while left > 0 {
                    let n = usize::try_from(left).unwrap_or(usize::MAX).min(piece.len());
                    to.write_all(&piece[..n])?;
                    left -= n as u64;
                }
                Ok(())
            })),
            Self::Zstd => Some(zstd_zeros(of)),
            Self::Brotli if of == ZEROS => Some(BROTLI_ZEROS.to_vec()),
            Self::Brotli | Self::Deflate => None,
        }
    }
}

fn gzip(write: &mut dyn FnMut(&mut dyn Write) -> std::io::Result<()>) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    // Writing to memory does not fail.
    let _ = write(&mut encoder);
    encoder.finish().unwrap_or_default()
}

fn deflate(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::fast());
    let _ = encoder.write_all(bytes);
    encoder.finish().unwrap_or_default()
}

/// Magic number, no content size, a window of 1 MiB: HTTP allows at most 8 (RFC 9659).
const ZSTD_HEAD: [u8; 6] = [0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x50];

/// Raw blocks (RFC 8878, section 3.1.1.2).
fn zstd(bytes: &[u8]) -> Vec<u8> {
    let mut out = ZSTD_HEAD.to_vec();
    let mut blocks = bytes.chunks(BLOCK).peekable();
    if blocks.peek().is_none() {
        zstd_block(&mut out, true, 0, 0);
    }
    while let Some(block) = blocks.next() {
        zstd_block(&mut out, blocks.peek().is_none(), 0, block.len() as u64);
        out.extend_from_slice(block);
    }
    out
}

/// Blocks of one byte repeated.
fn zstd_zeros(of: u64) -> Vec<u8> {
    let mut out = ZSTD_HEAD.to_vec();
    let mut left = of;
    loop {
        let n = left.min(BLOCK as u64);
        left -= n;
        zstd_block(&mut out, left == 0, u64::from(n > 0), n);
        if n > 0 {
            out.push(0);
        }
        if left == 0 {
            return out;
        }
    }
}

fn zstd_block(out: &mut Vec<u8>, last: bool, kind: u64, size: u64) {
    let head = u64::from(last) | kind << 1 | size << 3;
    out.extend_from_slice(&head.to_le_bytes()[..3]);
}

/// Uncompressed meta-blocks (RFC 7932, section 9.2), each of at most 64 KiB.
fn brotli(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len() + bytes.len() / (8 << 10) + 8);
    // The stream's head is one bit, a window of 64 KiB; it stands before the first meta-block's.
    let mut ahead = 1;
    for block in bytes.chunks(64 << 10) {
        // Not the last, a length of 4 nibbles, the length less one, uncompressed.
        let head = (block.len() as u64 - 1) << 3 | 1 << 19;
        out.extend_from_slice(&(head << ahead).to_le_bytes()[..3]);
        out.extend_from_slice(block);
        ahead = 0;
    }
    // The last and empty.
    out.push(0b11 << ahead);
    out
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;
    use crate::body_bytes;

    fn decoded(coding: Coding, bytes: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        let read = match coding {
            Coding::Gzip => flate2::read::GzDecoder::new(bytes).read_to_end(&mut out),
            Coding::Deflate => flate2::read::ZlibDecoder::new(bytes).read_to_end(&mut out),
            Coding::Brotli => {
                brotli_decompressor::Decompressor::new(bytes, 4096).read_to_end(&mut out)
            }
            Coding::Zstd => {
                ruzstd::decoding::StreamingDecoder::new(bytes).unwrap().read_to_end(&mut out)
            }
        };
        read.unwrap();
        out
    }

    #[test]
    fn every_coding_decodes_to_what_was_coded() {
        for length in [0, 1, 5, 1000, 65_535, 65_536, 65_537, 131_072, 131_073, 300_000] {
            let mut bytes = vec![0; length];
            body_bytes(0, &mut bytes);
            for (word, coding) in Coding::WORDS {
                assert!(decoded(coding, &coding.encode(&bytes)) == bytes, "{word} {length}");
                assert_eq!(coding.name(), word);
            }
        }
    }

    #[test]
    fn zeros_are_small_and_as_many_as_asked_for() {
        for coding in [Coding::Gzip, Coding::Zstd, Coding::Brotli] {
            let small = coding.zeros(ZEROS).unwrap();
            assert!(small.len() < 400_000, "{coding:?}: {}", small.len());
            let zeros = decoded(coding, &small);
            assert!(
                zeros.len() as u64 == ZEROS && zeros.iter().all(|byte| *byte == 0),
                "{coding:?}"
            );
        }
        for of in [0, 1, 131_072, 131_073] {
            assert_eq!(decoded(Coding::Zstd, &zstd_zeros(of)).len() as u64, of);
            assert_eq!(decoded(Coding::Gzip, &Coding::Gzip.zeros(of).unwrap()).len() as u64, of);
        }
        assert_eq!(Coding::Brotli.zeros(5), None);
    }
}
