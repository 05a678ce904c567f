//! Segments: the files that frames are appended to, one after the other. Each begins with a header
//! that says which it is, and what the one before it holds, so that none can be missing or cut
//! without notice.

use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::fields::{BEYOND, Fields, Parser};
use super::frame::{self, Frames, kind};
use crate::error::Error;
use crate::item::Position;
use crate::sys::Fs;

/// A segment is sealed when it is longer: it is then never read to resume.
pub(crate) const SEGMENT: u64 = 64 << 20;

/// What a file of ours begins with; then the version.
const MAGIC: &[u8; 8] = b"hoistlog";

/// Raised when an older hoist would misread what a newer one writes.
const VERSION: u32 = 1;

/// Magic and version.
pub(super) const PREFIX: usize = 12;

/// A header is shorter: a file that is not longer and has none was being made.
const SHORT: u64 = 512;

/// What the items of a ledger are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LedgerKind {
    /// URLs
    Get,
    /// Names
    Probe,
}

/// The beginning of a segment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Header {
    /// Chosen at random when the ledger was begun.
    pub(crate) id: u64,
    pub(crate) number: u64,
    /// The first segment that counts: those before it are of a run that was started over.
    pub(crate) first: u64,
    pub(crate) kind: LedgerKind,
    /// What the segment before holds.
    pub(crate) before: Extent,
}

/// What a segment holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Extent {
    pub(crate) bytes: u64,
    pub(crate) records: u64,
    /// The lowest and the highest position of its records.
    pub(crate) positions: Option<(Position, Position)>,
    /// Records that take the place of earlier ones.
    pub(crate) superseding: u64,
}

impl Extent {
    pub(crate) fn add(&mut self, position: Position, supersedes: bool) {
        self.records += 1;
        self.superseding += u64::from(supersedes);
        let (low, high) = self.positions.unwrap_or((position, position));
        self.positions = Some((low.min(position), high.max(position)));
    }

    /// For people.
    pub(crate) fn covers(&self) -> String {
        match self.positions {
            Some((low, high)) => format!(
                "it holds {} outcomes, of lines {} to {}",
                self.records,
                low.line_number(),
                high.line_number()
            ),
            None => "it holds no outcomes".to_owned(),
        }
    }
}

mod tag {
    pub(super) const ID: u32 = 1;
    pub(super) const NUMBER: u32 = 2;
    pub(super) const FIRST: u32 = 3;
    pub(super) const KIND: u32 = 4;
    pub(super) const BEFORE_BYTES: u32 = 5;
    pub(super) const BEFORE_RECORDS: u32 = 6;
    pub(super) const BEFORE_LOW: u32 = 7;
    pub(super) const BEFORE_HIGH: u32 = 8;
    pub(super) const BEFORE_SUPERSEDING: u32 = 9;
}

/// What goes into the checksums of a segment and of its snapshot.
pub(crate) fn salt(id: u64, number: u64) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c(&id.to_le_bytes()), &number.to_le_bytes())
}

/// A header that could not be read.
#[derive(Debug)]
pub(crate) enum BadHeader {
    Io(io::Error),
    /// The file is so short that it was being made when the run died.
    Unborn,
    Damaged,
    Newer(u32),
}

impl Header {
    /// Goes into the checksums of the segment's frames.
    pub(crate) fn salt(&self) -> u32 {
        salt(self.id, self.number)
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        bytes.extend_from_slice(&VERSION.to_le_bytes());
        frame::append(&mut bytes, 0, PREFIX as u64, kind::HEADER, |fields| {
            fields.number(tag::ID, self.id);
            fields.number(tag::NUMBER, self.number);
            fields.number(tag::FIRST, self.first);
            fields.number(tag::KIND, u64::from(self.kind == LedgerKind::Probe));
            fields.number(tag::BEFORE_BYTES, self.before.bytes);
            fields.number(tag::BEFORE_RECORDS, self.before.records);
            fields.number(tag::BEFORE_SUPERSEDING, self.before.superseding);
            if let Some((low, high)) = self.before.positions {
                fields.number(tag::BEFORE_LOW, low.0);
                fields.number(tag::BEFORE_HIGH, high.0);
            }
        });
        bytes
    }

    pub(super) fn decode(body: &[u8]) -> Option<Self> {
        let mut numbers = [None; 10];
        for (tag, value) in Parser(body) {
            if let Some(slot) = numbers.get_mut(tag as usize) {
                *slot = value.number();
            }
        }
        let number = |tag: u32| numbers[tag as usize];
        let positions = number(tag::BEFORE_LOW).zip(number(tag::BEFORE_HIGH));
        let header = Self {
            id: number(tag::ID)?,
            number: number(tag::NUMBER)?,
            first: number(tag::FIRST)?,
            kind: if number(tag::KIND)? == 0 { LedgerKind::Get } else { LedgerKind::Probe },
            before: Extent {
                bytes: number(tag::BEFORE_BYTES)?,
                records: number(tag::BEFORE_RECORDS)?,
                superseding: number(tag::BEFORE_SUPERSEDING)?,
                positions: positions.map(|(low, high)| (Position(low), Position(high))),
            },
        };
        header.is_sound().then_some(header)
    }

    /// Whether a ledger can have it, so that what is reckoned with it stays within bounds.
    fn is_sound(&self) -> bool {
        let Extent { bytes, records, positions, superseding } = self.before;
        self.first <= self.number
            && self.number < BEYOND
            && bytes < BEYOND
            && records <= bytes / frame::HEAD as u64
            && superseding <= records
            && positions.is_none_or(|(low, high)| low <= high && high.0 < BEYOND)
    }
}

/// Opens a segment to read its frames.
pub(crate) fn open(
    fs: &dyn Fs,
    path: &Path,
) -> Result<(Header, Frames<Box<dyn Read + Send>>), BadHeader> {
    let length = fs.len(path).map_err(BadHeader::Io)?;
    let bad = if length <= SHORT { BadHeader::Unborn } else { BadHeader::Damaged };
    let mut input = fs.read(path, 0).map_err(BadHeader::Io)?;
    let mut prefix = [0; PREFIX];
    match input.read_exact(&mut prefix) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Err(bad),
        Err(error) => return Err(BadHeader::Io(error)),
    }
    if prefix[..8] != *MAGIC {
        return Err(bad);
    }
    let version = u32::from_le_bytes([prefix[8], prefix[9], prefix[10], prefix[11]]);
    if version > VERSION {
        return Err(BadHeader::Newer(version));
    }
    let mut frames = Frames::new(input, 0, PREFIX as u64);
    let header = match frames.next().map_err(BadHeader::Io)? {
        Some(frame) if frame.kind == kind::HEADER => Header::decode(frame.body),
        _ => None,
    };
    match header {
        Some(header) => {
            let salt = header.salt();
            Ok((header, frames.salted(salt)))
        }
        None => Err(bad),
    }
}

/// The path of a segment.
pub(crate) fn path(folder: &Path, number: u64) -> PathBuf {
    folder.join(format!("{number:08}.log"))
}

/// The numbers of the files with this ending, in order.
pub(crate) fn numbered(fs: &dyn Fs, folder: &Path, ending: &str) -> io::Result<Vec<u64>> {
    let mut numbers: Vec<u64> = fs
        .list(folder)?
        .iter()
        .filter_map(|name| name.to_str()?.strip_suffix(ending)?.parse().ok())
        .collect();
    numbers.sort_unstable();
    Ok(numbers)
}

/// A place in a ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(crate) struct Place {
    pub(crate) segment: u64,
    pub(crate) at: u64,
}

impl Place {
    /// Behind everything.
    pub(crate) const MAX: Self = Self { segment: u64::MAX, at: u64::MAX };
}

/// The end of the ledger, where frames are appended.
pub(crate) struct Journal {
    fs: Arc<dyn Fs>,
    folder: PathBuf,
    header: Header,
    /// Of the header.
    salt: u32,
    file: Box<dyn Write + Send>,
    /// Of the file.
    written: u64,
    /// Not yet with the system.
    buffer: Vec<u8>,
    extent: Extent,
}

impl Journal {
    /// Begins a segment. Its file must not be there.
    pub(crate) fn create(fs: Arc<dyn Fs>, folder: &Path, header: Header) -> Result<Self, Error> {
        let path = path(folder, header.number);
        let bytes = header.encode();
        let made = fs.create(&path).and_then(|mut file| {
            file.write_all(&bytes)?;
            // Else a power cut could leave a long file without a beginning, which nobody can tell
            // from a damaged one.
            fs.sync(&path)?;
            Ok(file)
        });
        let file = made.map_err(|source| Error::Output { path, source })?;
        let written = bytes.len() as u64;
        Ok(Self {
            fs,
            folder: folder.to_owned(),
            salt: header.salt(),
            header,
            file,
            written,
            buffer: Vec::new(),
            extent: Extent::default(),
        })
    }

    /// Goes on at the end of a segment, of which all is read and what is torn cut off.
    pub(crate) fn resume(
        fs: Arc<dyn Fs>,
        folder: &Path,
        header: Header,
        written: u64,
        extent: Extent,
    ) -> Result<Self, Error> {
        let path = path(folder, header.number);
        // The run that began it may have died before its beginning was safe.
        let opened = fs.sync(&path).and_then(|()| fs.append(&path));
        let file = opened.map_err(|source| Error::Output { path, source })?;
        let folder = folder.to_owned();
        let salt = header.salt();
        Ok(Self { fs, folder, header, salt, file, written, buffer: Vec::new(), extent })
    }

    /// Appends a frame; it is not yet with the system.
    pub(crate) fn append(&mut self, kind: u8, fill: impl FnOnce(&mut Fields<'_>)) {
        let at = self.written + self.buffer.len() as u64;
        frame::append(&mut self.buffer, self.salt, at, kind, fill);
    }

    /// Appends a record.
    pub(crate) fn record(
        &mut self,
        position: Position,
        supersedes: bool,
        fill: impl FnOnce(&mut Fields<'_>),
    ) {
        self.extent.add(position, supersedes);
        self.append(kind::RECORD, fill);
    }

    /// Behind the last frame.
    pub(crate) fn end(&self) -> Place {
        Place { segment: self.header.number, at: self.written + self.buffer.len() as u64 }
    }

    pub(crate) fn unwritten(&self) -> usize {
        self.buffer.len()
    }

    pub(crate) fn header(&self) -> &Header {
        &self.header
    }

    /// The file that is appended to.
    pub(crate) fn path(&self) -> PathBuf {
        path(&self.folder, self.header.number)
    }

    /// Hands everything to the system.
    pub(crate) fn write(&mut self) -> Result<(), Error> {
        self.file
            .write_all(&self.buffer)
            .map_err(|source| Error::Output { path: self.path(), source })?;
        self.written += self.buffer.len() as u64;
        self.buffer.clear();
        Ok(())
    }

    pub(crate) fn is_long(&self, limit: u64) -> bool {
        self.written > limit
    }

    /// Seals this segment, of which all is with the system, and begins the next. Returns the
    /// number of the sealed one.
    pub(crate) fn rotate(&mut self) -> Result<u64, Error> {
        debug_assert!(self.buffer.is_empty());
        let sealed = self.header.number;
        let before = Extent { bytes: self.written, ..self.extent };
        let header = Header { number: sealed + 1, before, ..self.header.clone() };
        *self = Self::create(Arc::clone(&self.fs), &self.folder, header)?;
        Ok(sealed)
    }
}

impl std::fmt::Debug for Journal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Journal").field("end", &self.end()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;
    use crate::sys::Disk;

    fn header(number: u64) -> Header {
        Header { id: 9, number, first: 0, kind: LedgerKind::Get, before: Extent::default() }
    }

    #[test]
    fn a_segment_says_what_the_one_before_holds() {
        let dir = TempDir::new().unwrap();
        let mut journal = Journal::create(Arc::new(Disk), dir.path(), header(0)).unwrap();
        for n in [7, 3, 5] {
            journal.record(Position(n), n == 5, |fields| fields.number(1, n));
        }
        journal.write().unwrap();
        let end = journal.end();
        assert_eq!(journal.rotate().unwrap(), 0);
        assert_eq!(numbered(&Disk, dir.path(), ".log").unwrap(), [0, 1]);
        let (read, _) = open(&Disk, &path(dir.path(), 1)).unwrap();
        assert_eq!(read.before.covers(), "it holds 3 outcomes, of lines 4 to 8");
        assert_eq!((read.before.bytes, read.before.superseding), (end.at, 1));
        let (_, mut frames) = open(&Disk, &path(dir.path(), 0)).unwrap();
        let mut records = 0;
        while frames.next().unwrap().is_some() {
            records += 1;
        }
        assert_eq!((records, frames.end()), (3, end.at));
    }

    #[test]
    fn headers_that_cannot_be_read_say_why() {
        let dir = TempDir::new().unwrap();
        let file = path(dir.path(), 0);
        let with = |bytes: &[u8]| {
            std::fs::write(&file, bytes).unwrap();
            open(&Disk, &file).err()
        };
        let mut good = header(0).encode();
        assert!(with(&good).is_none());
        assert!(matches!(with(&good[..30]), Some(BadHeader::Unborn)));
        assert!(matches!(with(&[0; 100]), Some(BadHeader::Unborn)));
        assert!(matches!(with(&[0; 1000]), Some(BadHeader::Damaged)));
        good[8] = 2;
        assert!(matches!(with(&good), Some(BadHeader::Newer(2))));
    }
}
