//! What a fuzzer feeds to the decoders. Whatever comes, nothing panics, no more is made than is allowed,
//! and how it is cut into pieces does not matter.

use super::chain::{Decoding, Stop};
use super::{ContentCoding, DecodeLimits};
use crate::outcome::FailureKind;

const LIMITS: DecodeLimits = DecodeLimits { max_expansion: 200, min: 0, max: 1 << 20 };

/// Decodes any bytes as what their first one says, in pieces as long as the second one says.
pub(crate) fn decode(bytes: &[u8]) {
    use ContentCoding::{Brotli, Deflate, Gzip, Zstd};
    let [way, piece, coded @ ..] = bytes else { return };
    let codings: &[ContentCoding] = match way % 6 {
        0 => &[Gzip],
        1 => &[Deflate],
        2 => &[Zstd],
        3 => &[Brotli],
        4 => &[Zstd, Gzip],
        _ => &[Deflate, Brotli],
    };
    let whole = decoded(codings, coded, coded.len().max(1), 64 << 10);
    let parts = decoded(codings, coded, usize::from(*piece).max(1), 1_000);
    match (whole, parts) {
        (Ok(whole), Ok(parts)) => assert!(whole == parts, "{codings:?}"),
        (Err(_), Err(_)) => {}
        // A frame that is there at once needs no window, so that its window may be any.
        (Ok(_), Err(FailureKind::Malformed)) if codings.contains(&Zstd) => {}
        (whole, parts) => {
            assert!(
                whole.is_ok() == parts.is_ok(),
                "{codings:?}: {:?} {:?}",
                whole.err(),
                parts.err()
            );
        }
    }
}

fn decoded(
    codings: &[ContentCoding],
    coded: &[u8],
    piece: usize,
    buffer: usize,
) -> Result<Vec<u8>, FailureKind> {
    let mut decoding = Decoding::new(codings, LIMITS);
    let mut buffers = vec![vec![0; buffer]; decoding.buffers()];
    let mut plain = Vec::new();
    for piece in coded.chunks(piece) {
        decoding.receive(piece.len());
        let fed = decoding.feed(piece, &mut buffers, &mut |bytes: &[u8]| {
            plain.extend_from_slice(bytes);
            Ok(())
        });
        match fed {
            Ok(()) => {}
            Err(Stop::Wrong(failure)) => return Err(failure.kind),
            Err(Stop::Fatal(_)) => unreachable!("nothing is written"),
        }
        assert!(plain.len() as u64 <= LIMITS.max);
    }
    decoding.end().map_err(|failure| failure.kind)?;
    Ok(plain)
}
