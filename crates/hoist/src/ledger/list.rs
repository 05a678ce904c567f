//! What the ledger knows of the list: block by block, how many lines and bytes it has read, and
//! their checksum, so that the same list is known again. `list.blocks` holds an entry of fixed size
//! for each block; `list.gz`, for a list that can't be read twice, a gzip member for each.

use std::io::{self, BufReader, ErrorKind, Read, Write};
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::bufread::GzDecoder;
use flate2::write::GzEncoder;

use super::fields::BEYOND;
use crate::sys::Fs;

/// A block of the list, as it was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct BlockNote {
    pub(crate) lines: u32,
    /// Bytes of the list that it took.
    pub(crate) bytes: u64,
    /// CRC32C of those bytes.
    pub(crate) crc: u32,
    /// Bytes of its compressed copy; 0 when none is kept.
    pub(crate) kept: u32,
    /// Its last line has no line end: it is the last of the list, or was.
    pub(crate) open: bool,
    /// It is one line that is too long; the copy has only its beginning.
    pub(crate) too_long: bool,
}

pub(super) const ENTRY: usize = 28;
const OPEN: u32 = 1;
const TOO_LONG: u32 = 2;

impl BlockNote {
    pub(super) fn encode(self) -> [u8; ENTRY] {
        let flags = if self.open { OPEN } else { 0 } | if self.too_long { TOO_LONG } else { 0 };
        let mut entry = [0; ENTRY];
        entry[..4].copy_from_slice(&self.lines.to_le_bytes());
        entry[4..8].copy_from_slice(&flags.to_le_bytes());
        entry[8..16].copy_from_slice(&self.bytes.to_le_bytes());
        entry[16..20].copy_from_slice(&self.crc.to_le_bytes());
        entry[20..24].copy_from_slice(&self.kept.to_le_bytes());
        let check = crc32c::crc32c(&entry[..24]);
        entry[24..].copy_from_slice(&check.to_le_bytes());
        entry
    }

    pub(super) fn decode(entry: &[u8; ENTRY]) -> Option<Self> {
        let word = |at: usize| u32::from_le_bytes([0, 1, 2, 3].map(|n| entry[at + n]));
        // An entry of zeros, as a power cut can leave, has a false checksum too.
        if crc32c::crc32c(&entry[..24]) != word(24) {
            return None;
        }
        let note = Self {
            lines: word(0),
            bytes: u64::from(word(8)) | u64::from(word(12)) << 32,
            crc: word(16),
            kept: word(20),
            open: word(4) & OPEN != 0,
            too_long: word(4) & TOO_LONG != 0,
        };
        // What is read into memory, and what is summed up, is bounded.
        (u64::from(note.kept) <= MAX_BLOCK && note.bytes < BEYOND).then_some(note)
    }
}

/// The two files.
#[derive(Debug, Clone)]
pub(crate) struct ListFiles {
    blocks: PathBuf,
    copy: PathBuf,
}

impl ListFiles {
    /// Those of a ledger whose first segment is this one: a run that starts over may have another
    /// list.
    pub(crate) fn of(folder: &Path, first: u64) -> Self {
        Self {
            blocks: folder.join(format!("{first:08}.list")),
            copy: folder.join(format!("{first:08}.list.gz")),
        }
    }

    #[cfg(test)]
    pub(crate) fn below(folder: &Path) -> Self {
        Self::of(folder, 0)
    }

    pub(crate) fn paths(&self) -> [&Path; 2] {
        [&self.blocks, &self.copy]
    }

    /// The blocks noted so far, in order, up to the first entry that is not whole.
    pub(crate) fn notes(&self, fs: &dyn Fs) -> io::Result<Notes> {
        let entries: Box<dyn Read + Send> = match fs.read(&self.blocks, 0) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => Box::new(io::empty()),
            Err(error) => return Err(error),
        };
        Ok(Notes { entries: BufReader::new(entries) })
    }

    /// Cuts off what is not whole, and opens both for more.
    pub(crate) fn open(&self, fs: &dyn Fs) -> io::Result<ListWriter> {
        let length = |path: &Path| match fs.len(path) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(0),
            other => other,
        };
        let copied = length(&self.copy)?;
        let (mut whole, mut kept, mut totals) = (0, 0, ListTotals::default());
        for note in self.notes(fs)? {
            let note = note?;
            if note.kept > 0 && kept + u64::from(note.kept) > copied {
                break;
            }
            whole += ENTRY as u64;
            kept += u64::from(note.kept);
            totals.add(&note);
        }
        if length(&self.blocks)? != whole {
            fs.set_len(&self.blocks, whole)?;
        }
        if copied != kept {
            fs.set_len(&self.copy, kept)?;
        }
        let copy = (kept > 0).then(|| fs.append(&self.copy)).transpose()?;
        Ok(ListWriter { files: self.clone(), blocks: fs.append(&self.blocks)?, copy, totals })
    }

    /// Reads the copy of a block. `at` is the sum of the copies before it.
    pub(crate) fn kept(&self, fs: &dyn Fs, at: u64, note: &BlockNote) -> io::Result<Vec<u8>> {
        let mut packed = vec![0; note.kept as usize];
        fs.read_at(&self.copy, at, &mut packed)?;
        let mut bytes = Vec::new();
        // Blocks are at most two lines' length; a damaged copy must not be more.
        GzDecoder::new(&packed[..]).take(MAX_BLOCK).read_to_end(&mut bytes)?;
        Ok(bytes)
    }
}

/// Far more than a block has.
const MAX_BLOCK: u64 = 64 << 20;

/// Compresses the copy of a block.
pub(crate) fn pack(bytes: &[u8]) -> io::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes)?;
    encoder.finish()
}

/// Notes being read.
pub(crate) struct Notes {
    entries: BufReader<Box<dyn Read + Send>>,
}

impl Iterator for Notes {
    type Item = io::Result<BlockNote>;

    fn next(&mut self) -> Option<Self::Item> {
        let mut entry = [0; ENTRY];
        match self.entries.read_exact(&mut entry) {
            Ok(()) => BlockNote::decode(&entry).map(Ok),
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => None,
            Err(error) => Some(Err(error)),
        }
    }
}

/// All blocks together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct ListTotals {
    pub(crate) lines: u64,
    pub(crate) bytes: u64,
}

impl ListTotals {
    fn add(&mut self, note: &BlockNote) {
        self.lines += u64::from(note.lines);
        self.bytes += note.bytes;
    }
}

/// Both files, at their ends.
pub(crate) struct ListWriter {
    files: ListFiles,
    blocks: Box<dyn Write + Send>,
    copy: Option<Box<dyn Write + Send>>,
    pub(crate) totals: ListTotals,
}

impl ListWriter {
    /// Both files, for a system that syncs file by file.
    pub(crate) fn files(&self) -> impl Iterator<Item = &Path> {
        self.files.paths().into_iter()
    }

    /// Notes a block; `copy` is its compressed text where one is to be kept.
    pub(crate) fn note(&mut self, fs: &dyn Fs, mut note: BlockNote, copy: &[u8]) -> io::Result<()> {
        // A copy can't be this long: blocks are a few lines' length.
        note.kept = u32::try_from(copy.len()).map_err(|_| ErrorKind::FileTooLarge)?;
        if !copy.is_empty() {
            if self.copy.is_none() {
                self.copy = Some(fs.append(&self.files.copy)?);
            }
            if let Some(file) = &mut self.copy {
                file.write_all(copy)?;
            }
        }
        self.blocks.write_all(&note.encode())?;
        self.totals.add(&note);
        Ok(())
    }
}

impl std::fmt::Debug for ListWriter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ListWriter").field("totals", &self.totals).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;
    use crate::sys::Disk;

    fn note(lines: u32) -> BlockNote {
        BlockNote { lines, bytes: 1 << 40, crc: 7, open: true, ..BlockNote::default() }
    }

    #[test]
    fn what_is_not_whole_is_cut_off() {
        let dir = TempDir::new().unwrap();
        let files = ListFiles::below(dir.path());
        let mut writer = files.open(&Disk).unwrap();
        for lines in 1..4 {
            let copy = pack(format!("block {lines}\n").as_bytes()).unwrap();
            writer.note(&Disk, note(lines), &copy).unwrap();
        }
        assert_eq!(writer.totals, ListTotals { lines: 6, bytes: 3 << 40 });
        // The last copy is torn, and the note of it with it.
        let copied = Disk.len(&files.copy).unwrap();
        Disk.set_len(&files.copy, copied - 1).unwrap();
        assert_eq!(files.open(&Disk).unwrap().totals.lines, 3);
        // The second note is torn.
        Disk.set_len(&files.blocks, 2 * ENTRY as u64 - 1).unwrap();
        assert_eq!(files.open(&Disk).unwrap().totals.lines, 1);
        assert_eq!(Disk.len(&files.blocks).unwrap(), ENTRY as u64);
        let notes: Vec<_> = files.notes(&Disk).unwrap().map(Result::unwrap).collect();
        assert_eq!(files.kept(&Disk, 0, &notes[0]).unwrap(), b"block 1\n");
        // Zeros, as after a power cut, are no note.
        Disk.set_len(&files.blocks, 3 * ENTRY as u64).unwrap();
        assert_eq!(files.notes(&Disk).unwrap().count(), 1);
    }
}
