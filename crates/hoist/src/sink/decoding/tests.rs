use std::io::Write;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use flate2::Compression;
use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};

use super::chain::{Decoding, Stop};
use super::*;
use crate::item::{FileName, Position};
use crate::outcome::FailureKind;
use crate::plan::defaults;
use crate::schedule::Ticket;
use crate::sink::{HashWish, Stream, Wanted, Written};

const LIMITS: DecodeLimits = DecodeLimits { max_expansion: 200, min: 0, max: 1 << 30 };

const LINE: &str = "A line of text, and a line of text, and other lines of text. ";

/// Twenty times `LINE`, by the reference encoder.
const BROTLI: &str = "1bc304e01ca9559f38bc04090a2bb7b9647121830d38d341f8f85526f019636c759610b44b27935dec054c013b0f224d";
/// The same encoder's, in a window of 256 MiB.
const LARGE_BROTLI: &str = "111c14000268656c6c6f2068656c6c6f03";

fn unhex(text: &str) -> Vec<u8> {
    let digits = |n: usize| u8::from_str_radix(&text[n..n + 2], 16).unwrap();
    (0..text.len()).step_by(2).map(digits).collect()
}

fn gzip(plain: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(plain).unwrap();
    encoder.finish().unwrap()
}

fn zlib(plain: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(plain).unwrap();
    encoder.finish().unwrap()
}

fn bare(plain: &[u8]) -> Vec<u8> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(plain).unwrap();
    encoder.finish().unwrap()
}

fn zstd(plain: &[u8]) -> Vec<u8> {
    let mut coded = vec![0; zstd_safe::compress_bound(plain.len())];
    let mut context = zstd_safe::CCtx::create();
    context.set_parameter(zstd_safe::CParameter::ChecksumFlag(true)).unwrap();
    let length = context.compress2(&mut coded[..], plain).unwrap();
    coded.truncate(length);
    coded
}

/// Stored in one block (RFC 7932 §9.2), in a window of 64 KiB.
fn brotli(plain: &[u8]) -> Vec<u8> {
    if plain.is_empty() {
        return vec![0x06];
    }
    // WBITS 0; ISLAST 0, MNIBBLES 00, MLEN - 1 in 16 bits, ISUNCOMPRESSED 1.
    let bits = u32::try_from(plain.len() - 1).unwrap() << 4 | 1 << 20;
    let mut coded = bits.to_le_bytes()[..3].to_vec();
    coded.extend_from_slice(plain);
    coded.push(0x03);
    coded
}

/// What a text is coded to in every way.
fn coded(plain: &[u8]) -> Vec<(ContentCoding, Vec<u8>)> {
    let mut all = vec![
        (ContentCoding::Gzip, gzip(plain)),
        (ContentCoding::Deflate, zlib(plain)),
        (ContentCoding::Deflate, bare(plain)),
        (ContentCoding::Zstd, zstd(plain)),
    ];
    if plain.len() <= 64 << 10 {
        all.push((ContentCoding::Brotli, brotli(plain)));
    }
    if plain == text(20) {
        all.push((ContentCoding::Brotli, unhex(BROTLI)));
    }
    all
}

fn text(lines: usize) -> Vec<u8> {
    LINE.repeat(lines).into_bytes()
}

/// Decodes pieces, with buffers of a length.
fn decode_with(
    codings: &[ContentCoding],
    limits: DecodeLimits,
    pieces: &[&[u8]],
    buffer: usize,
) -> Result<Vec<u8>, Failure> {
    let mut decoding = Decoding::new(codings, limits);
    let mut buffers = vec![vec![0; buffer]; decoding.buffers()];
    let mut plain = Vec::new();
    for piece in pieces {
        decoding.receive(piece.len());
        let fed = decoding.feed(piece, &mut buffers, &mut |bytes: &[u8]| {
            assert!(!bytes.is_empty() && bytes.len() <= buffer);
            plain.extend_from_slice(bytes);
            Ok(())
        });
        fed.map_err(|stop| match stop {
            Stop::Wrong(failure) => failure,
            Stop::Fatal(error) => panic!("{error}"),
        })?;
    }
    decoding.end()?;
    assert_eq!(decoding.made(), plain.len() as u64);
    Ok(plain)
}

fn decode(coding: ContentCoding, coded: &[u8]) -> Result<Vec<u8>, FailureKind> {
    decode_with(&[coding], LIMITS, &[coded], 64 << 10).map_err(|failure| failure.kind)
}

/// Pieces of random lengths.
fn pieces<'a>(mut bytes: &'a [u8], random: &mut fastrand::Rng, most: usize) -> Vec<&'a [u8]> {
    let mut pieces = Vec::new();
    while !bytes.is_empty() {
        let (piece, rest) = bytes.split_at(random.usize(1..=most.min(bytes.len())));
        pieces.push(piece);
        bytes = rest;
    }
    pieces
}

#[test]
fn every_split_decodes_to_the_same() {
    let mut random = fastrand::Rng::with_seed(7);
    let mut noise = vec![0; 3_000];
    random.fill(&mut noise);
    for plain in [Vec::new(), b"x".to_vec(), noise, text(20), text(20_000)] {
        for (coding, coded) in coded(&plain) {
            let name = coding.name();
            assert!(decode(coding, &coded).as_ref() == Ok(&plain), "{name}");
            let single: Vec<&[u8]> = coded.chunks(1).collect();
            for (pieces, buffer) in [
                (single, 64 << 10),
                (pieces(&coded, &mut random, 100), 1),
                (pieces(&coded, &mut random, 10_000), 777),
            ] {
                let decoded = decode_with(&[coding], LIMITS, &pieces, buffer);
                assert!(decoded.as_ref() == Ok(&plain), "{name}: {:?}", decoded.err());
            }
        }
    }
}

#[test]
fn a_coding_that_is_cut_anywhere_is_truncated() {
    for (coding, coded) in coded(&text(20)) {
        for end in 1..coded.len() {
            let decoded = decode(coding, &coded[..end]);
            assert_eq!(decoded, Err(FailureKind::Truncated), "{}: {end}", coding.name());
        }
        assert_eq!(decode(coding, b""), Ok(Vec::new()), "there is nothing to decode");
    }
}

#[test]
fn what_follows_the_end_is_malformed() {
    for (coding, coded) in coded(&text(20)) {
        for more in [&b"\0"[..], b"more", b"\x1f\x8b\x09", b"\x28\xb5\x2f\xfc...."] {
            let whole = [&coded, more].concat();
            let decoded = decode(coding, &whole);
            assert_eq!(decoded, Err(FailureKind::Malformed), "{}: {more:?}", coding.name());
            let single: Vec<&[u8]> = whole.chunks(1).collect();
            let decoded = decode_with(&[coding], LIMITS, &single, 999);
            // A piece of what could begin another member is one that is cut.
            let kind = decoded.map_err(|failure| failure.kind);
            assert_eq!(kind, Err(FailureKind::Malformed), "{}: {more:?}", coding.name());
        }
    }
}

#[test]
fn members_and_frames_may_follow_each_other() {
    let (first, second) = (text(3), text(500));
    let both = Ok([first.clone(), second.clone()].concat());
    let members = [gzip(&first), gzip(b""), gzip(&second)].concat();
    assert!(decode(ContentCoding::Gzip, &members) == both);
    // A frame to be skipped (RFC 8878 §3.1.2) is between these.
    let skipped = b"\x50\x2a\x4d\x18\x03\0\0\0abc".to_vec();
    let frames = [zstd(&first), skipped.clone(), zstd(b""), zstd(&second), skipped].concat();
    assert!(decode(ContentCoding::Zstd, &frames) == both);
    for coded in [&members, &frames] {
        let cut = &coded[..coded.len() - 1];
        let coding = if coded == &members { ContentCoding::Gzip } else { ContentCoding::Zstd };
        assert_eq!(decode(coding, cut), Err(FailureKind::Truncated));
    }
    // Of zlib and brotli there is one.
    for (coding, twice) in [
        (ContentCoding::Deflate, zlib(&first).repeat(2)),
        (ContentCoding::Brotli, brotli(&first).repeat(2)),
    ] {
        assert_eq!(decode(coding, &twice), Err(FailureKind::Malformed));
    }
}

#[test]
fn a_header_of_gzip_may_have_every_field() {
    let plain = text(2);
    let tail = &gzip(&plain)[10..];
    let mut head = b"\x1f\x8b\x08\x1e\0\0\0\0\0\xff\x05\0extraname\0comment\0".to_vec();
    let mut crc = flate2::Crc::new();
    crc.update(&head);
    head.extend_from_slice(&crc.sum().to_le_bytes()[..2]);
    let whole = [&head, tail].concat();
    assert_eq!(decode(ContentCoding::Gzip, &whole), Ok(plain.clone()));
    for (at, value) in [(0, 0), (1, 0), (2, 7), (3, 0x20), (head.len() - 1, !head[head.len() - 1])]
    {
        let mut bad = whole.clone();
        bad[at] = value;
        assert_eq!(decode(ContentCoding::Gzip, &bad), Err(FailureKind::Malformed), "{at}");
    }
    let empty_extra = [b"\x1f\x8b\x08\x04\0\0\0\0\0\xff\0\0", tail].concat();
    assert_eq!(decode(ContentCoding::Gzip, &empty_extra), Ok(plain));
}

#[test]
fn checksums_and_lengths_are_compared() {
    let (gzip, zlib, zstd) = (gzip(&text(9)), zlib(&text(9)), zstd(&text(9)));
    for (coding, coded, last) in [
        (ContentCoding::Gzip, gzip, 8),
        (ContentCoding::Deflate, zlib, 4),
        (ContentCoding::Zstd, zstd, 4),
    ] {
        for at in coded.len() - last..coded.len() {
            let mut bad = coded.clone();
            bad[at] ^= 1;
            assert_eq!(decode(coding, &bad), Err(FailureKind::Malformed), "{} {at}", coding.name());
        }
    }
}

#[test]
fn codings_lie_over_each_other() {
    use ContentCoding::{Brotli, Deflate, Gzip, Zstd};
    let plain = text(400);
    let whole = zstd(&bare(&gzip(&brotli(&plain))));
    let mut random = fastrand::Rng::with_seed(3);
    let codings = [Zstd, Deflate, Gzip, Brotli];
    for buffer in [1, 500, 64 << 10] {
        let decoded = decode_with(&codings, LIMITS, &pieces(&whole, &mut random, 60), buffer);
        assert!(decoded.as_ref() == Ok(&plain), "{:?}", decoded.err());
    }
    // What is whole without is cut within.
    let cut = gzip(&gzip(&plain)[..50]);
    let failure = decode_with(&[Gzip, Gzip], LIMITS, &[&cut], 1 << 16).unwrap_err();
    assert_eq!(failure.kind, FailureKind::Truncated);
    assert_eq!(decode(Gzip, &zlib(&plain)), Err(FailureKind::Malformed));
}

#[test]
fn bombs_are_too_large_however_they_are_folded() {
    use ContentCoding::{Gzip, Zstd};
    let zeros = vec![0; 32 << 20];
    let too_large = |codings: &[ContentCoding], coded: &[u8], limits| {
        decode_with(codings, limits, &[coded], 64 << 10).map_err(|failure| {
            assert!(failure.kind == FailureKind::TooLarge, "{failure:?}");
            failure.reason
        })
    };
    for (coding, bomb) in [(Gzip, gzip(&zeros)), (Zstd, zstd(&zeros))] {
        let reason = too_large(&[coding], &bomb, LIMITS).unwrap_err();
        assert!(reason.starts_with(&format!("{} bytes decode to 8", bomb.len())), "{reason}");
        assert!(
            reason.ends_with("over 200 times as many; --max-expansion allows more"),
            "{reason}"
        );
        let patient = DecodeLimits { max_expansion: 100_000, ..LIMITS };
        assert!(too_large(&[coding], &bomb, patient).is_ok_and(|plain| plain == zeros));
        let small = DecodeLimits { max: 1_000_000, ..patient };
        let reason = too_large(&[coding], &bomb, small).unwrap_err();
        assert!(reason.ends_with("or more; 1000000 are allowed"), "{reason}");
    }
    // Much in between of which nothing comes out.
    let nothing = zstd(&gzip(b"").repeat(2_000_000));
    assert!(nothing.len() < 100_000);
    let reason = too_large(&[Zstd, Gzip], &nothing, LIMITS).unwrap_err();
    assert!(reason.contains("--max-expansion"), "{reason}");
    // A small one is nobody's harm.
    let small = vec![0; usize::try_from(defaults::FREE_EXPANSION).unwrap()];
    assert!(decode(Gzip, &gzip(&small)) == Ok(small));
}

#[test]
fn windows_are_bounded() {
    // A frame of 100 MB in a window of 16 MiB: descriptor, window, then a block of one byte repeated.
    let window = |exponent: u8| {
        let mut frame = b"\x28\xb5\x2f\xfd\x00".to_vec();
        frame.push(exponent << 3);
        // Not the last block, RLE, 128 KiB of it; the last one likewise.
        let block = |last: u32| (((128 << 10) << 3) | 1 << 1 | last).to_le_bytes();
        for last in [0, 1] {
            frame.extend_from_slice(&block(last)[..3]);
            frame.push(b'x');
        }
        frame
    };
    let limits = DecodeLimits { max_expansion: u64::from(u32::MAX), ..LIMITS };
    let decode = |frame: &[u8]| decode_with(&[ContentCoding::Zstd], limits, &[frame], 64 << 10);
    assert_eq!(decode(&window(13)).unwrap().len(), 256 << 10);
    let failure = decode(&window(14)).unwrap_err();
    assert_eq!(failure.kind, FailureKind::Malformed);
    assert!(failure.reason.contains("too much memory"), "{}", failure.reason);
    let large = decode_with(&[ContentCoding::Brotli], limits, &[&unhex(LARGE_BROTLI)], 1 << 16);
    assert_eq!(large.unwrap_err().kind, FailureKind::Malformed);
}

/// What was changed on the way is a failure or, where the coding has no checksum or the change means
/// nothing, some bytes; it never panics, and never makes more than is allowed.
#[test]
fn changed_bytes_do_no_harm() {
    let mut random = fastrand::Rng::with_seed(11);
    let plain = text(20);
    let limits = DecodeLimits { max: 1 << 20, ..LIMITS };
    let checked = |coding, coded: &[u8]| match coding {
        ContentCoding::Gzip | ContentCoding::Zstd => true,
        ContentCoding::Deflate => coded == zlib(&text(20)),
        ContentCoding::Brotli => false,
    };
    let rounds = if cfg!(debug_assertions) { 1_500 } else { 100_000 };
    for (coding, coded) in coded(&plain) {
        let checked = checked(coding, &coded);
        for _ in 0..rounds {
            let mut bad = coded.clone();
            for _ in 0..random.usize(1..4) {
                let at = random.usize(..bad.len());
                match random.u8(..4) {
                    0 => bad[at] = random.u8(..),
                    1 => bad[at] ^= 1 << random.u8(..8),
                    2 => {
                        let end = (at + random.usize(1..9)).min(bad.len());
                        bad.drain(at..end);
                    }
                    _ => {
                        let piece = bad[at..(at + 9).min(bad.len())].to_vec();
                        let to = random.usize(..=bad.len());
                        bad.splice(to..to, piece);
                    }
                }
                if bad.is_empty() {
                    bad.push(0);
                }
            }
            let way = match coding {
                ContentCoding::Gzip => 0,
                ContentCoding::Deflate => 1,
                ContentCoding::Zstd => 2,
                ContentCoding::Brotli => 3,
            };
            fuzzing::decode(&[&[way, random.u8(..)], &bad[..]].concat());
            let pieces = pieces(&bad, &mut random, 300);
            let decoded = decode_with(&[coding], limits, &pieces, 4_096);
            if let Ok(decoded) = decoded
                && checked
            {
                assert!(decoded == plain, "{}: {bad:?}", coding.name());
            }
        }
    }
}

#[derive(Clone, Default)]
struct Shared(Arc<Mutex<Vec<u8>>>);

impl Write for Shared {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Undoes gzip in pieces, each a handover of its own.
fn undo(
    whole: &[u8],
    piece: usize,
    limits: DecodeLimits,
    hash: HashWish,
) -> (Option<Written>, Vec<u8>) {
    let out = Shared::default();
    let mut sink = Stream::new(Arc::new(Mutex::new(out.clone())));
    let mut undoing = Undoing::new();
    let spoiled = Arc::default();
    let codings = vec![ContentCoding::Gzip];
    let coded = Coded { codings, limits, spoiled: Arc::clone(&spoiled), memory: None };
    let name = FileName::from_text("x");
    let wanted =
        Wanted { position: Position(0), name, late: None, hash, coded: None, source: None };
    let ticket = Ticket(3);
    undoing.begin(ticket, coded, Box::new(wanted));
    let mut pieces = whole.chunks(piece).peekable();
    let mut written = None;
    while let Some(piece) = pieces.next() {
        assert!(written.is_none() && undoing.has(ticket));
        let chunks = [Bytes::copy_from_slice(piece)];
        let finish = pieces.peek().is_none();
        written = undoing.write(&mut sink, ticket, &chunks, finish).unwrap();
    }
    assert!(!undoing.has(ticket));
    if let (Some(Written::Refused(failure)), Some(known)) = (&written, spoiled.get()) {
        assert_eq!(failure, known);
    }
    let out = out.0.lock().unwrap().clone();
    (written, out)
}

#[test]
fn a_short_body_that_is_wrong_is_not_written_at_all() {
    let plain = text(20);
    let whole = gzip(&plain);
    let hash = |algorithm| HashWish { told: Some(algorithm), ..HashWish::default() };
    let told = hash(crate::item::HashAlgorithm::Sha256);
    let (written, out) = undo(&whole, 1 << 20, LIMITS, told);
    let Some(Written::Decoded(_, Some(right), bytes)) = written else { panic!("{written:?}") };
    assert!(out == plain && bytes == plain.len() as u64);

    let promised = HashWish { promised: Some(right), ..HashWish::default() };
    assert!(matches!(undo(&whole, 9, LIMITS, promised).0, Some(Written::Decoded(..))));
    let other = HashWish { promised: Some(right), ..HashWish::default() };
    let (written, out) = undo(&gzip(b"other"), 1 << 20, LIMITS, other);
    assert!(matches!(written, Some(Written::Mismatched(_))) && out.is_empty());

    let refused =
        |whole: &[u8], piece, limits| match undo(whole, piece, limits, HashWish::default()) {
            (Some(Written::Refused(failure)), out) => (failure.kind, out),
            (other, _) => panic!("{other:?}"),
        };
    let torn = (FailureKind::Truncated, Vec::new());
    assert_eq!(refused(&whole[..whole.len() - 1], 1 << 20, LIMITS), torn);
    let least = DecodeLimits { min: plain.len() as u64 + 1, ..LIMITS };
    assert_eq!(refused(&whole, 1 << 20, least), (FailureKind::NotAcceptable, Vec::new()));
    // What comes after it was found wrong is passed over, and the end told once.
    let (kind, _) = refused(b"no gzip at all, and long", 2, LIMITS);
    assert_eq!(kind, FailureKind::Malformed);
}
