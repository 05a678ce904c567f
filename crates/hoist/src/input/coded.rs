use std::fmt;
use std::io::{self, BufReader, Cursor, ErrorKind, Read};

use flate2::bufread::MultiGzDecoder;

use super::text::BLOCK;
use super::zstd::{self, Zstd};

/// A text that may be compressed: gzip (RFC 1952) and zstd (RFC 8878) are known by the bytes that they
/// begin with, which no text in UTF-8 begins with. What is not compressed goes through as it is.
///
/// Both may have several members or frames, one after the other. Memory is bounded: gzip takes 64 KiB,
/// zstd as much as its window, and more than 8 MiB of it is an error, as is whatever ends early
/// (`UnexpectedEof`), or is not what its checksum says (`InvalidData`).
pub struct Decoded<R>(State<R>);

enum State<R> {
    /// What was read of the beginning so far.
    Unknown(Vec<u8>, R),
    /// What of that was not handed on.
    Plain(Cursor<Vec<u8>>, R),
    Coded(Coded<Begun<R>>),
    /// It has come to its end, or to an error.
    Over,
}

/// The input with the bytes that were read of it before them.
type Begun<R> = BufReader<io::Chain<Cursor<Vec<u8>>, R>>;

enum Coded<R> {
    Gzip(Box<MultiGzDecoder<R>>),
    Zstd(Box<Zstd<R>>),
}

/// Bytes that tell what it is.
const MAGIC: usize = 4;
/// RFC 1952 §2.3.1, with deflate, the only method there is.
const GZIP: [u8; 3] = [0x1f, 0x8b, 8];

/// Whether a text that begins so is compressed; the first four bytes tell it. None: with less than
/// these nobody knows.
pub(super) fn is_coded(beginning: &[u8]) -> Option<bool> {
    let may_be = |magic: &[u8]| beginning.iter().zip(magic).all(|(a, b)| a == b);
    let is = |magic: &[u8]| beginning.starts_with(magic);
    if is(&GZIP) || zstd::is_magic(beginning) {
        return Some(true);
    }
    let undecided = beginning.len() < MAGIC && (may_be(&GZIP) || zstd::may_be_magic(beginning));
    (!undecided).then_some(false)
}

impl<R> fmt::Debug for Decoded<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Decoded(..)")
    }
}

impl<R: Read> Decoded<R> {
    /// Nothing is read yet.
    pub fn new(reader: R) -> Self {
        Self(State::Unknown(Vec::new(), reader))
    }

    /// Reads as much of the beginning as tells what it is, and more only where that is a text: so
    /// many bytes of it.
    fn begin(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let State::Unknown(beginning, reader) = &mut self.0 else { return Ok(0) };
        if beginning.is_empty() {
            let n = reader.read(buffer)?;
            if n == 0 {
                self.0 = State::Over;
                return Ok(0);
            }
            if is_coded(&buffer[..n]) != Some(false) {
                beginning.extend_from_slice(&buffer[..n]);
            } else if let State::Unknown(_, reader) = std::mem::replace(&mut self.0, State::Over) {
                self.0 = State::Plain(Cursor::default(), reader);
                return Ok(n);
            }
        }
        let State::Unknown(beginning, reader) = &mut self.0 else { return Ok(0) };
        let coded = loop {
            if let Some(coded) = is_coded(beginning) {
                break coded;
            }
            // No more than that: whoever writes a plain text slowly is not kept waiting.
            let mut buffer = [0; MAGIC];
            match reader.read(&mut buffer[beginning.len()..]) {
                Ok(0) => break false,
                Ok(n) => beginning.extend_from_slice(&buffer[beginning.len()..][..n]),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        };
        let State::Unknown(beginning, reader) = std::mem::replace(&mut self.0, State::Over) else {
            return Ok(0);
        };
        let gzip = beginning.starts_with(&GZIP);
        let beginning = Cursor::new(beginning);
        self.0 = if coded {
            let begun = BufReader::with_capacity(BLOCK, beginning.chain(reader));
            State::Coded(if gzip {
                Coded::Gzip(Box::new(MultiGzDecoder::new(begun)))
            } else {
                Coded::Zstd(Box::new(Zstd::new(begun)?))
            })
        } else {
            State::Plain(beginning, reader)
        };
        Ok(0)
    }
}

impl<R: Read> Read for Decoded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        let plain = self.begin(buffer)?;
        if plain > 0 {
            return Ok(plain);
        }
        let coded = match &mut self.0 {
            State::Plain(beginning, reader) => {
                return match beginning.read(buffer)? {
                    0 => reader.read(buffer),
                    n => Ok(n),
                };
            }
            State::Coded(coded) => coded,
            State::Unknown(..) | State::Over => return Ok(0),
        };
        let read = match coded {
            Coded::Gzip(decoder) => decoder.read(buffer).map_err(gzip_error),
            Coded::Zstd(decoder) => decoder.read(buffer),
        };
        if !matches!(read, Ok(1..)) && !is_interrupted(&read) {
            self.0 = State::Over;
        }
        read
    }
}

fn is_interrupted(read: &io::Result<usize>) -> bool {
    matches!(read, Err(error) if error.kind() == ErrorKind::Interrupted)
}

/// What is wrong with a file, for people.
fn gzip_error(error: io::Error) -> io::Error {
    match error.kind() {
        ErrorKind::UnexpectedEof => {
            io::Error::new(error.kind(), "the gzip file is cut off: it ends before its end")
        }
        ErrorKind::InvalidInput | ErrorKind::InvalidData => {
            io::Error::new(ErrorKind::InvalidData, format!("the gzip file is damaged: {error}"))
        }
        _ => error,
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::GzEncoder;
    use proptest::prelude::*;
    use ruzstd::encoding::{CompressionLevel, compress_to_vec};

    use super::*;

    /// Hands out bytes a few at a time.
    struct Slowly<'a>(&'a [u8], usize);

    impl Read for Slowly<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let n = self.1.min(buffer.len());
            self.0.read(&mut buffer[..n])
        }
    }

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn zstd(bytes: &[u8]) -> Vec<u8> {
        compress_to_vec(bytes, CompressionLevel::Fastest)
    }

    /// What comes before the end, or before an error.
    fn decode(bytes: &[u8], at_once: usize) -> (Vec<u8>, Option<io::Error>) {
        let mut decoded = Decoded::new(Slowly(bytes, at_once));
        let mut all = Vec::new();
        let mut buffer = [0; 1000];
        loop {
            match decoded.read(&mut buffer) {
                Ok(0) => return (all, None),
                Ok(n) => all.extend_from_slice(&buffer[..n]),
                Err(error) => {
                    // An error is the last that comes.
                    assert_eq!(decoded.read(&mut buffer).unwrap(), 0);
                    return (all, Some(error));
                }
            }
        }
    }

    /// Lines that no two of which are the same.
    fn text(lines: usize) -> Vec<u8> {
        (0..lines).flat_map(|n| format!("http://a.example/{n}/{}\n", n * n).into_bytes()).collect()
    }

    #[test]
    fn every_form_gives_the_same_text() {
        let text = text(40_000);
        let (first, second) = text.split_at(400_000);
        for bytes in [
            text.clone(),
            gzip(&text),
            [gzip(first), gzip(b""), gzip(second)].concat(),
            zstd(&text),
            // A frame to be skipped is between two others (RFC 8878 section 3.1.2).
            [zstd(first), b"\x53\x2a\x4d\x18\x05\0\0\0skips".to_vec(), zstd(second)].concat(),
        ] {
            for at_once in [1, 4097, usize::MAX] {
                let (all, error) = decode(&bytes, at_once);
                assert!(error.is_none(), "{error:?}");
                assert!(all == text, "{at_once}: {} of {}", all.len(), text.len());
            }
        }
        for short in
            [&b""[..], b"\n", b"(", b"\x1f", b"\x1f\x8b", b"\x28\xb5\x2f", b"\x1f\x8b\x07x"]
        {
            assert_eq!(decode(short, 1).0, short);
            assert!(decode(short, 1).1.is_none());
        }
    }

    #[test]
    fn what_is_cut_or_damaged_is_an_error_and_never_the_end() {
        let text = text(20_000);
        for (of, bytes) in [("gzip", gzip(&text)), ("zstd", zstd(&text))] {
            for cut in [4, 5, 6, 12, 30, 2_000, bytes.len() / 2, bytes.len() - 4, bytes.len() - 1] {
                let (all, error) = decode(&bytes[..cut], usize::MAX);
                let error = error.unwrap_or_else(|| panic!("{of} cut at {cut}"));
                assert_eq!(error.kind(), ErrorKind::UnexpectedEof, "{of} cut at {cut}: {error}");
                assert!(error.to_string().contains(of) && error.to_string().contains("cut off"));
                assert!(text.starts_with(&all));
            }
            for at in [20, 5_000, bytes.len() / 2, bytes.len() - 6, bytes.len() - 2] {
                let mut bytes = bytes.clone();
                bytes[at] ^= 0x10;
                let (_, error) = decode(&bytes, usize::MAX);
                assert!(error.is_some(), "{of} damaged at {at}");
            }
            let (all, error) =
                decode(&[&bytes[..], b"and more than a header"].concat(), usize::MAX);
            assert!(all == text, "{of}");
            assert!(error.unwrap().to_string().contains("damaged"));
        }
    }

    #[test]
    fn a_window_has_a_bound() {
        // 128 MiB, as zstd --long=27 writes it; the last is the largest there can be.
        for window in [17 << 3, 0xff] {
            let (all, error) = decode(&[0x28, 0xb5, 0x2f, 0xfd, 0, window, 1, 0, 0], usize::MAX);
            let error = error.unwrap().to_string();
            assert!(
                all.is_empty() && error.contains("8 MiB") && error.contains("zstd -dc"),
                "{error}"
            );
        }
        // One segment of 2^40 bytes.
        let (_, error) = decode(b"\x28\xb5\x2f\xfd\xe0\0\0\0\0\0\x01\0\0\x01\0\0", usize::MAX);
        assert!(error.unwrap().to_string().contains("8 MiB"));
    }

    proptest! {
        /// It ends, whatever comes.
        #[test]
        fn any_bytes_are_read_to_an_end(
            magic in prop::sample::select(vec![&b"\x1f\x8b\x08"[..], b"\x28\xb5\x2f\xfd", b"\x50\x2a\x4d\x18", b""]),
            bytes in prop::collection::vec(any::<u8>(), 0..200),
            at_once in 1..9_usize,
        ) {
            decode(&[magic, &bytes].concat(), at_once);
        }
    }
}
