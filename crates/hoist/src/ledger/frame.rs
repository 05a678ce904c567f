//! Frames: what the segments of a ledger are made of. A frame is its length, a checksum, and the
//! payload; the first byte of the payload says what it is. The checksum also covers which segment
//! the frame is in and where, so that old bytes at a new place are no frame.

use std::io::{self, BufReader, Read};

use super::fields::Fields;

/// Length and checksum.
pub(crate) const HEAD: usize = 8;

/// The longest payload: a record has two URLs of at most 64 KiB, a name and a reason.
pub(crate) const MAX_PAYLOAD: usize = 1 << 20;

/// Kinds of frames. One that is not known is passed over.
pub(crate) mod kind {
    /// What a segment begins with.
    pub(crate) const HEADER: u8 = 0;
    /// An outcome.
    pub(crate) const RECORD: u8 = 1;
    /// What is before a place is committed.
    pub(crate) const MARK: u8 = 2;
    /// A run begins.
    pub(crate) const SESSION: u8 = 3;
    /// Positions of blank lines and comments.
    pub(crate) const SKIPPED: u8 = 4;
    /// Positions that are to be asked again.
    pub(crate) const REOPENED: u8 = 5;
    /// Counters; in snapshots, and after positions were opened again.
    pub(crate) const TOTALS: u8 = 6;
    /// The list is the one that the ledger answers: size and time of a file.
    pub(crate) const LIST: u8 = 7;
    /// A shard has its name.
    pub(crate) const SHARD: u8 = 12;
}

/// Appends a frame that will stand at `at` in its file.
pub(crate) fn append(
    buffer: &mut Vec<u8>,
    salt: u32,
    at: u64,
    kind: u8,
    fill: impl FnOnce(&mut Fields<'_>),
) {
    let start = buffer.len();
    buffer.extend_from_slice(&[0; HEAD]);
    buffer.push(kind);
    fill(&mut Fields(buffer));
    let length = u32::try_from(buffer.len() - start - HEAD).unwrap_or(u32::MAX);
    debug_assert!(length as usize <= MAX_PAYLOAD);
    let checksum = checksum(salt, at, length, &buffer[start + HEAD..]);
    buffer[start..start + 4].copy_from_slice(&length.to_le_bytes());
    buffer[start + 4..start + HEAD].copy_from_slice(&checksum.to_le_bytes());
}

fn checksum(salt: u32, at: u64, length: u32, payload: &[u8]) -> u32 {
    let mut place = [0; 16];
    place[..4].copy_from_slice(&salt.to_le_bytes());
    place[4..12].copy_from_slice(&at.to_le_bytes());
    place[12..].copy_from_slice(&length.to_le_bytes());
    crc32c::crc32c_append(crc32c::crc32c(&place), payload)
}

/// Frames being read, one after the other, up to the end or to what is no frame.
pub(crate) struct Frames<R> {
    input: BufReader<R>,
    salt: u32,
    at: u64,
    payload: Vec<u8>,
    tail: Tail,
}

/// What is behind the last whole frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tail {
    /// It was not looked for yet.
    Unseen,
    /// Nothing.
    Clean,
    /// Bytes that are no frame.
    Torn,
}

/// A frame that is whole.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Frame<'a> {
    pub(crate) kind: u8,
    /// Its fields.
    pub(crate) body: &'a [u8],
}

/// A fuzzer reads thousands of small files a second.
const BUFFER: usize = if cfg!(fuzzing) { 4 << 10 } else { 256 << 10 };

impl<R: Read> Frames<R> {
    /// Reads from `at` on, where `input` stands.
    pub(crate) fn new(input: R, salt: u32, at: u64) -> Self {
        let input = BufReader::with_capacity(BUFFER, input);
        Self { input, salt, at, payload: Vec::new(), tail: Tail::Unseen }
    }

    /// The next frame. `None` at the end; [`Frames::tail`] says what is there.
    pub(crate) fn next(&mut self) -> io::Result<Option<Frame<'_>>> {
        if self.peek()? { Ok(None) } else { Ok(self.take()) }
    }

    /// Reads the next frame, for `take`. True at the end.
    pub(crate) fn peek(&mut self) -> io::Result<bool> {
        if self.tail != Tail::Unseen {
            return Ok(true);
        }
        let mut head = [0; HEAD];
        let read = fill(&mut self.input, &mut head)?;
        if read < HEAD {
            self.tail = if read == 0 { Tail::Clean } else { Tail::Torn };
            return Ok(true);
        }
        let [length, expected] = [0, 4]
            .map(|at| u32::from_le_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]]));
        let size = length as usize;
        self.tail = Tail::Torn;
        if size == 0 || size > MAX_PAYLOAD {
            return Ok(true);
        }
        self.payload.resize(size, 0);
        if fill(&mut self.input, &mut self.payload)? < size
            || checksum(self.salt, self.at, length, &self.payload) != expected
        {
            return Ok(true);
        }
        self.tail = Tail::Unseen;
        Ok(false)
    }

    /// The frame that was read.
    pub(crate) fn take(&mut self) -> Option<Frame<'_>> {
        self.at += (HEAD + self.payload.len()) as u64;
        let (kind, body) = self.payload.split_first()?;
        Some(Frame { kind: *kind, body })
    }

    /// The body of the frame that was taken last.
    pub(crate) fn current(&self) -> Option<&[u8]> {
        self.payload.split_first().map(|(_, body)| body)
    }

    /// The rest has another salt.
    pub(crate) fn salted(self, salt: u32) -> Self {
        Self { salt, ..self }
    }

    /// Where the last whole frame ends.
    pub(crate) fn end(&self) -> u64 {
        self.at
    }

    /// What is behind the last whole frame.
    pub(crate) fn tail(&self) -> Tail {
        self.tail
    }
}

/// The whole frames in the bytes that stand at `at` of a file, wherever the first one begins: what
/// is found behind damage. Chance makes none, as each would need the checksum of its place.
pub(crate) fn found(bytes: &[u8], salt: u32, at: u64) -> impl Iterator<Item = Frame<'_>> {
    let mut from = 0;
    std::iter::from_fn(move || {
        while let Some((head, rest)) = bytes.get(from..)?.split_first_chunk::<HEAD>() {
            let [length, expected] = [0, 4]
                .map(|n| u32::from_le_bytes([head[n], head[n + 1], head[n + 2], head[n + 3]]));
            let place = at + from as u64;
            from += 1;
            let payload = rest.get(..length as usize).filter(|bytes| bytes.len() <= MAX_PAYLOAD);
            if let Some((kind, body)) = payload.and_then(<[u8]>::split_first)
                && checksum(salt, place, length, &rest[..length as usize]) == expected
            {
                from += HEAD + length as usize - 1;
                return Some(Frame { kind: *kind, body });
            }
        }
        None
    })
}

/// Reads until the buffer is full or the input ends.
fn fill(input: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match input.read(&mut buffer[filled..]) {
            Ok(0) => break,
            Ok(n) => filled += n,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn bodies(bytes: &[u8], salt: u32) -> (Vec<Vec<u8>>, Tail) {
        let mut frames = Frames::new(bytes, salt, 100);
        let mut all = Vec::new();
        while let Some(frame) = frames.next().unwrap() {
            assert_eq!(frame.kind, kind::RECORD);
            all.push(frame.body.to_vec());
        }
        (all, frames.tail())
    }

    fn written(bodies: &[Vec<u8>]) -> Vec<u8> {
        let mut out = Vec::new();
        for body in bodies {
            let at = 100 + out.len() as u64;
            append(&mut out, 7, at, kind::RECORD, |fields| fields.0.extend_from_slice(body));
        }
        out
    }

    #[test]
    fn a_frame_at_another_place_is_none() {
        let out = written(&[b"a".to_vec()]);
        assert_eq!(bodies(&out, 7), (vec![b"a".to_vec()], Tail::Clean));
        assert_eq!(bodies(&out, 8), (vec![], Tail::Torn));
        assert_eq!(bodies(&[out.clone(), out].concat(), 7).0.len(), 1);
    }

    #[test]
    fn frames_behind_damage_are_found() {
        let bodies: Vec<_> = (0..5).map(|n| vec![n; 1 + usize::from(n)]).collect();
        let mut out = written(&bodies);
        out[HEAD + 1] ^= 1;
        // Of these the length is damaged, too.
        out[HEAD + 2] ^= 1;
        let found: Vec<_> = found(&out, 7, 100).map(|frame| frame.body.to_vec()).collect();
        assert_eq!(found, bodies[2..]);
        assert_eq!(super::found(&out, 7, 101).count(), 0);
    }

    proptest! {
        #[test]
        fn what_is_cut_or_flipped_invents_nothing(
            all in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 1..8),
            cut: prop::sample::Index,
            flip in prop::option::of((any::<prop::sample::Index>(), 0..8u8)),
        ) {
            let mut out = written(&all);
            let length = out.len();
            out.truncate(cut.index(length + 1));
            if let Some((byte, bit)) = flip && !out.is_empty() {
                let byte = byte.index(out.len());
                out[byte] ^= 1 << bit;
            }
            let (read, tail) = bodies(&out, 7);
            prop_assert_eq!(&read[..], &all[..read.len()]);
            let whole = flip.is_none() && out.len() == length;
            prop_assert!(!whole || (read.len() == all.len() && tail == Tail::Clean));
        }
    }
}
