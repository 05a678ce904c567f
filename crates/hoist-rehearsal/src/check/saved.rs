//! The file that a client left, held against what is right, piece by piece.

use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::path::Path;

use crate::hash::body_bytes;
use crate::http::Right;

const PIECE: usize = 64 << 10;

/// A file, as far as it matters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Saved {
    pub(super) length: u64,
    /// Where it does not, the length is 0, and all else is as for an empty file.
    pub(super) exists: bool,
    /// How it fits each of what is right.
    pub(super) fits: Vec<Fit>,
    /// Whether it is a beginning of the made bytes.
    pub(super) made: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fit {
    /// It is that.
    Whole,
    /// It is the beginning of that, and not all.
    Part,
    Other,
}

impl Saved {
    /// Reads the file at a path, where there is one. What is no file, or can't be read, does not count
    /// as one: whatever the client made of its folder is its own doing.
    pub(super) fn look(path: &Path, right: &[Right]) -> Self {
        let file = std::fs::metadata(path).ok().filter(std::fs::Metadata::is_file);
        let file = file.and_then(|_| File::open(path).ok());
        let read = file.and_then(|file| Self::compare(file, true, right).ok());
        read.unwrap_or_else(|| Self {
            length: 0,
            exists: false,
            fits: right.iter().map(|right| Model::of(right).fit(0)).collect(),
            made: true,
        })
    }

    fn compare(mut bytes: impl Read, exists: bool, right: &[Right]) -> io::Result<Self> {
        let mut models: Vec<_> = right.iter().map(Model::of).collect();
        let mut made = Model::Made(u64::MAX);
        let (mut piece, mut model) = (vec![0; PIECE], vec![0; PIECE]);
        let mut length = 0;
        loop {
            let n = match bytes.read(&mut piece) {
                Ok(0) => break,
                Ok(n) => n,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            for each in models.iter_mut().chain([&mut made]) {
                if !each.goes_on(length, &piece[..n], &mut model) {
                    *each = Model::Nothing;
                }
            }
            length += n as u64;
        }
        let fits = models.iter().map(|model| model.fit(length)).collect();
        Ok(Self { length, exists, fits, made: made != Model::Nothing })
    }
}

/// What a file is compared with.
#[derive(PartialEq)]
enum Model {
    Made(u64),
    Zeros(u64),
    Bytes(Vec<u8>),
    /// No file fits it, or this one does not.
    Nothing,
}

impl Model {
    fn of(right: &Right) -> Self {
        match right {
            Right::Fail => Self::Nothing,
            Right::Made(length) => Self::Made(*length),
            Right::Zeros(length) => Self::Zeros(*length),
            Right::Bytes(make) => Self::Bytes(make()),
        }
    }

    fn length(&self) -> Option<u64> {
        match self {
            Self::Made(length) | Self::Zeros(length) => Some(*length),
            Self::Bytes(bytes) => Some(bytes.len() as u64),
            Self::Nothing => None,
        }
    }

    /// Whether it has this piece at this place. `scrap` is as long as any piece.
    fn goes_on(&self, at: u64, piece: &[u8], scrap: &mut [u8]) -> bool {
        let end = at + piece.len() as u64;
        if self.length().is_none_or(|length| length < end) {
            return false;
        }
        match self {
            Self::Made(_) => {
                let scrap = &mut scrap[..piece.len()];
                body_bytes(at, scrap);
                scrap == piece
            }
            Self::Zeros(_) => piece.iter().all(|byte| *byte == 0),
            Self::Bytes(bytes) => {
                let from = usize::try_from(at).unwrap_or(usize::MAX);
                bytes.get(from..).is_some_and(|rest| rest.starts_with(piece))
            }
            Self::Nothing => false,
        }
    }

    fn fit(&self, length: u64) -> Fit {
        match self.length() {
            Some(whole) if whole == length => Fit::Whole,
            Some(_) => Fit::Part,
            None => Fit::Other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RIGHT: &[Right] =
        &[Right::Fail, Right::Made(100_000), Right::Zeros(3), Right::Bytes(|| b"abc".to_vec())];

    fn fits(bytes: &[u8]) -> (Vec<Fit>, bool) {
        let saved = Saved::compare(bytes, true, RIGHT).unwrap();
        assert_eq!(saved.length, bytes.len() as u64);
        (saved.fits, saved.made)
    }

    #[test]
    fn wholes_parts_and_others() {
        use Fit::{Other, Part, Whole};
        let mut made = vec![0; 100_001];
        body_bytes(0, &mut made);
        assert_eq!(fits(&made[..100_000]), (vec![Other, Whole, Other, Other], true));
        assert_eq!(fits(&made[..99_999]), (vec![Other, Part, Other, Other], true));
        assert_eq!(fits(&made), (vec![Other; 4], true));
        made[70_000] ^= 1;
        assert_eq!(fits(&made[..100_000]), (vec![Other; 4], false));
        assert_eq!(fits(b""), (vec![Other, Part, Part, Part], true));
        assert_eq!(fits(b"abc"), (vec![Other, Other, Other, Whole], false));
        assert_eq!(fits(b"ab"), (vec![Other, Other, Other, Part], false));
        assert_eq!(fits(b"abcd"), (vec![Other; 4], false));
        assert_eq!(fits(&[0; 3]), (vec![Other, Other, Whole, Other], false));
    }

    #[test]
    fn what_is_no_file_is_none() {
        let dir = tempfile::tempdir().unwrap();
        for path in [dir.path().to_owned(), dir.path().join("missing")] {
            let saved = Saved::look(&path, &[Right::Made(0), Right::Made(1)]);
            assert_eq!((saved.exists, saved.length), (false, 0));
            assert_eq!(saved.fits, [Fit::Whole, Fit::Part]);
        }
    }
}
