//! The codings by name, and what can be made with each.

use super::{Run, brotli, deflate, zstd};

/// Runs of zeros shorter than this are stored.
const SHORT: u64 = 8192;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ContentCoding {
    Gzip,
    /// Means the zlib format (RFC 9110, section 8.4.1.2).
    Deflate,
    Brotli,
    Zstd,
}

impl ContentCoding {
    /// As in Content-Encoding.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Deflate => "deflate",
            Self::Brotli => "br",
            Self::Zstd => "zstd",
        }
    }

    /// The whole stream of these bytes, always the same one.
    pub(crate) fn encode(self, plain: &[u8]) -> Vec<u8> {
        match self {
            Self::Gzip => deflate::gzip(plain),
            Self::Deflate => deflate::zlib(plain),
            Self::Brotli => brotli::encode(plain),
            Self::Zstd => zstd::encode(plain),
        }
    }

    /// A stream that is right for `plain` and goes on with something that the coding does not know.
    pub(crate) fn encode_invalid(self, plain: &[u8]) -> Vec<u8> {
        match self {
            Self::Gzip => deflate::gzip_invalid(plain),
            Self::Deflate => deflate::zlib_invalid(plain),
            Self::Brotli => brotli::invalid(plain),
            Self::Zstd => zstd::invalid(plain),
        }
    }

    /// Where in a stream of `length` bytes its checksum begins; a brotli stream has none.
    pub(crate) fn checksum_at(self, length: usize) -> Option<usize> {
        match self {
            // CRC-32 and the length.
            Self::Gzip => length.checked_sub(8),
            Self::Deflate | Self::Zstd => length.checked_sub(4),
            Self::Brotli => None,
        }
    }

    /// The stream of so many zeros.
    pub(crate) fn zeros(self, of: u64) -> Run {
        match self {
            _ if of < SHORT => {
                let zeros = vec![0; usize::try_from(of).unwrap_or_default()];
                Run::whole(self.encode(&zeros))
            }
            Self::Gzip => deflate::gzip_zeros(of),
            Self::Deflate => deflate::zlib_zeros(of),
            Self::Brotli => brotli::zeros(of),
            Self::Zstd => zstd::zeros(of),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    const ALL: [ContentCoding; 4] =
        [ContentCoding::Gzip, ContentCoding::Deflate, ContentCoding::Brotli, ContentCoding::Zstd];

    fn decode(coding: ContentCoding, coded: &[u8]) -> std::io::Result<Vec<u8>> {
        let mut plain = Vec::new();
        match coding {
            ContentCoding::Gzip => {
                flate2::bufread::GzDecoder::new(coded).read_to_end(&mut plain)?;
            }
            ContentCoding::Deflate => {
                flate2::bufread::ZlibDecoder::new(coded).read_to_end(&mut plain)?;
            }
            ContentCoding::Brotli => {
                brotli_decompressor::Decompressor::new(coded, 4096).read_to_end(&mut plain)?;
            }
            ContentCoding::Zstd => {
                let mut decoder = ruzstd::decoding::StreamingDecoder::new(coded)
                    .map_err(|e| std::io::Error::other(e.to_string()))?;
                decoder.read_to_end(&mut plain)?;
                let frame = decoder.into_frame_decoder();
                let (said, is) = (frame.get_checksum_from_data(), frame.get_calculated_checksum());
                if said.is_some() && said != is {
                    return Err(std::io::Error::other("wrong checksum"));
                }
            }
        }
        Ok(plain)
    }

    fn plain(n: usize) -> Vec<u8> {
        let mut bytes = vec![0; n];
        crate::body_bytes(0, &mut bytes);
        bytes
    }

    #[test]
    fn others_decode_what_is_encoded() {
        for coding in ALL {
            for n in [0, 1, 31, 32, 33, 1000, 65_535, 65_536, 65_537, 131_072, 131_073, 400_001] {
                let coded = coding.encode(&plain(n));
                assert!(decode(coding, &coded).unwrap() == plain(n), "{coding:?} {n}");
                assert!(coded.len() < n + 64 + n / 1000, "{coding:?} {n}");
            }
        }
    }

    #[test]
    fn a_cut_or_changed_stream_is_an_error_to_others() {
        for coding in ALL {
            let coded = coding.encode(&plain(1000));
            for cut in [1, 11, 500, coded.len() - 1] {
                // Brotli's and zstd's oracles may end quietly at a cut; the bytes then differ.
                let got = decode(coding, &coded[..cut]);
                assert!(got.is_err() || got.unwrap().len() < 1000, "{coding:?} {cut}");
            }
            assert!(decode(coding, &coding.encode_invalid(&plain(500))).is_err(), "{coding:?}");
            assert!(decode(coding, &plain(1000)).is_err(), "{coding:?}: plain bytes are no stream");
            let Some(at) = coding.checksum_at(coded.len()) else { continue };
            for at in [at, 500] {
                let mut changed = coded.clone();
                changed[at] ^= 1;
                assert!(decode(coding, &changed).is_err(), "{coding:?} {at}");
            }
        }
    }

    #[test]
    fn zeros_are_small_and_as_many_as_said() {
        for coding in ALL {
            for of in [0, 1, 8191, 8192, 8193, 131_072, 1_000_003, 16_777_216, 16_777_219, 20 << 20]
            {
                let run = coding.zeros(of);
                let coded = run.bytes();
                assert_eq!(coded.len() as u64, run.length(), "{coding:?} {of}");
                assert!(of < SHORT || run.length() < of / 1000 + 9000, "{coding:?} {of}");
                let got = decode(coding, &coded).unwrap();
                assert_eq!(got.len() as u64, of, "{coding:?} {of}");
                assert!(got.iter().all(|b| *b == 0), "{coding:?} {of}");
            }
        }
    }

    #[test]
    fn as_many_zeros_as_can_be_asked_for_are_said_in_little_memory() {
        for coding in ALL {
            let run = coding.zeros(1 << 40);
            assert!(run.length() < (1 << 30) + (1 << 22), "{coding:?}: {}", run.length());
            assert!(run.head.len() + run.again.len() + run.tail.len() < 10_000);
        }
    }
}
