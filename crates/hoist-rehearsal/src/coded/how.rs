//! Coded streams with something wrong in them.

use super::ContentCoding;

/// What follows a stream that has ended.
const TRAILING: &[u8] = b"this is behind the end\n";

/// What is wrong with a coded stream.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum How {
    Whole,
    /// Only so many of its bytes, or half of them.
    Cut(Option<u64>),
    /// Another byte than its checksum was made of.
    Corrupt,
    /// Right for half the content, then nonsense.
    Invalid,
    /// Something follows its end.
    Trailing,
    /// Two streams, each with half the content.
    Members,
    /// Content that is coded already.
    Over(ContentCoding),
    /// No byte at all.
    Nothing,
}

impl How {
    /// What is sent for `plain`.
    pub(crate) fn of(self, by: ContentCoding, plain: &[u8]) -> Vec<u8> {
        let (first, second) = plain.split_at(plain.len() / 2);
        match self {
            Self::Whole => by.encode(plain),
            Self::Cut(send) => {
                let mut coded = by.encode(plain);
                let send =
                    send.map_or(coded.len() / 2, |n| usize::try_from(n).unwrap_or(usize::MAX));
                coded.truncate(send);
                coded
            }
            Self::Corrupt => corrupt(by, plain),
            Self::Invalid => [by.encode_invalid(first).as_slice(), second].concat(),
            Self::Trailing => [by.encode(plain).as_slice(), TRAILING].concat(),
            Self::Members => [by.encode(first), by.encode(second)].concat(),
            Self::Over(inner) => by.encode(&inner.encode(plain)),
            Self::Nothing => Vec::new(),
        }
    }
}

/// The stream of other bytes with the checksum of these.
fn corrupt(by: ContentCoding, plain: &[u8]) -> Vec<u8> {
    let right = by.encode(plain);
    let mut other = plain.to_vec();
    if let Some(byte) = other.get_mut(plain.len() / 2) {
        *byte ^= 1;
    }
    let mut coded = by.encode(&other);
    let Some(at) = by.checksum_at(coded.len()) else { return coded };
    for (to, from) in coded.iter_mut().zip(&right).skip(at) {
        *to = *from;
    }
    // Without a byte of content, a byte of the checksum.
    if let (true, Some(byte)) = (plain.is_empty(), coded.get_mut(at)) {
        *byte ^= 1;
    }
    coded
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::coded::ContentCoding::{Brotli, Deflate, Gzip, Zstd};

    fn made(of: usize) -> Vec<u8> {
        let mut bytes = vec![0; of];
        crate::body_bytes(0, &mut bytes);
        bytes
    }

    #[test]
    fn one_byte_is_changed_and_not_the_checksum() {
        for by in [Gzip, Deflate, Zstd] {
            for n in [0, 1, 1000] {
                let (right, wrong) = (by.encode(&made(n)), corrupt(by, &made(n)));
                assert_eq!(right.len(), wrong.len());
                let at: Vec<_> = (0..right.len()).filter(|&i| right[i] != wrong[i]).collect();
                let checksum = by.checksum_at(right.len()).unwrap();
                assert_eq!(at.len(), 1, "{by:?} {n}");
                assert_eq!(at[0] < checksum, n > 0, "{by:?} {n}");
            }
        }
    }

    #[test]
    fn every_body_of_every_kind_is_made_of_anything() {
        for by in [Gzip, Deflate, Brotli, Zstd] {
            for how in [How::Cut(Some(1 << 40)), How::Corrupt, How::Invalid, How::Members] {
                for n in [0, 1, 2, 70_000] {
                    assert!(!how.of(by, &made(n)).is_empty());
                }
            }
        }
    }
}
