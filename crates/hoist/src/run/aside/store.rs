use std::collections::BTreeMap;
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::item::Position;
use crate::sys::{Fs, make_dirs};

/// How much is where.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sizes {
    /// Bytes of lines in memory; when there are more, the longer half of the chains is written.
    pub(super) buffer: usize,
    /// Bytes of a segment, after which another is begun.
    pub(super) segment: u32,
}

impl Default for Sizes {
    fn default() -> Self {
        // Large enough that the lines of few origins are written in large extents; a segment is what is
        // given back to the disk at once.
        Self { buffer: 2 << 20, segment: 16 << 20 }
    }
}

/// Lines by pile, first in, first out. A pile is a chain of extents in segments of a log, and what is not
/// written yet. Blocking.
///
/// An extent is its head, `next segment, next place, length` (u32 each), and lines. The place of the next
/// extent is written into the head when that is known, so that of a chain only both ends are in memory.
/// A segment goes when all its lines were taken.
#[derive(Debug)]
pub(super) struct Store {
    fs: Arc<dyn Fs>,
    folder: PathBuf,
    sizes: Sizes,
    /// By the number of the pile.
    chains: Vec<Chain>,
    /// Bytes of lines in memory.
    buffered: usize,
    segments: BTreeMap<u32, Segment>,
    /// The segment that is written.
    open: Option<Open>,
    next: u32,
    /// Why nothing more is written.
    broken: Option<io::Error>,
}

#[derive(Debug, Default)]
struct Chain {
    /// What is read next.
    head: Option<Reading>,
    /// The last extent.
    tail: Option<Place>,
    /// Lines behind that,
    buffer: Vec<u8>,
    /// of which so many bytes were taken.
    taken: usize,
}

impl Chain {
    fn unwritten(&self) -> &[u8] {
        self.buffer.get(self.taken..).unwrap_or_default()
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Place {
    segment: u32,
    at: u32,
}

/// An extent that is being read.
#[derive(Debug, Clone, Copy)]
struct Reading {
    extent: Place,
    length: u32,
    taken: u32,
}

#[derive(Debug)]
struct Segment {
    length: u32,
    /// Bytes of extents that are not read to their end.
    live: u32,
}

struct Open {
    number: u32,
    file: Box<dyn Write + Send>,
}

/// The head of an extent.
const HEAD: u32 = 12;
/// Before each line: its position, and its length.
const LINE: usize = 12;
/// No next extent is known.
const NONE: u32 = u32::MAX;
/// The least that is read at once.
const READ: u32 = 4 << 10;

/// Appends a line to a run of lines.
pub(super) fn pack(out: &mut Vec<u8>, position: Position, text: &str) {
    out.extend_from_slice(&position.0.to_le_bytes());
    out.extend_from_slice(&u32::try_from(text.len()).unwrap_or(u32::MAX).to_le_bytes());
    out.extend_from_slice(text.as_bytes());
}

/// What a line takes.
pub(super) fn packed(text: &str) -> usize {
    LINE + text.len()
}

/// The first line of a run, and what follows.
pub(super) fn unpack(bytes: &[u8]) -> Option<(Position, &[u8], &[u8])> {
    let (position, rest) = bytes.split_first_chunk()?;
    let (length, rest) = rest.split_first_chunk()?;
    let (text, rest) = rest.split_at_checked(u32::from_le_bytes(*length) as usize)?;
    Some((Position(u64::from_le_bytes(*position)), text, rest))
}

impl Store {
    pub(super) fn new(fs: Arc<dyn Fs>, folder: PathBuf, sizes: Sizes) -> Self {
        Self {
            fs,
            folder,
            sizes,
            chains: Vec::new(),
            buffered: 0,
            segments: BTreeMap::new(),
            open: None,
            next: 0,
            broken: None,
        }
    }

    /// Puts lines behind those of a pile. They stay in memory once the disk has failed.
    pub(super) fn put(&mut self, pile: usize, lines: &[u8]) {
        if self.chains.len() <= pile {
            self.chains.resize_with(pile + 1, Chain::default);
        }
        self.chains[pile].buffer.extend_from_slice(lines);
        self.buffered += lines.len();
    }

    /// Writes what is too much for the memory. Says once why it can't; nothing is lost then.
    pub(super) fn write(&mut self) -> Option<io::Error> {
        if self.buffered <= self.sizes.buffer || self.broken.is_some() {
            return None;
        }
        let waiting = self.chains.iter().filter(|chain| !chain.unwritten().is_empty()).count();
        // Those of at least half the average have at least half of all.
        let least = self.buffered / waiting.max(1) / 2;
        let long = |chain: &Chain| chain.unwritten().len() >= least.max(1);
        let piles: Vec<_> = (0..self.chains.len()).filter(|n| long(&self.chains[*n])).collect();
        let mut rest = &piles[..];
        while !rest.is_empty() {
            match self.write_some(rest) {
                Ok(written) => rest = &rest[written..],
                Err(error) => {
                    self.open = None;
                    let told = io::Error::new(error.kind(), error.to_string());
                    self.broken = Some(error);
                    return Some(told);
                }
            }
        }
        None
    }

    /// Writes the buffers of as many piles as go into one segment.
    fn write_some(&mut self, piles: &[usize]) -> io::Result<usize> {
        let number = self.segment_with_room()?;
        let begin = self.segments.get(&number).map_or(0, |segment| segment.length);
        let mut bytes = Vec::new();
        let mut extents = Vec::new();
        for pile in piles {
            let length = begin.saturating_add(length_of(&bytes)?);
            if length >= self.sizes.segment {
                break;
            }
            let buffer = self.chains[*pile].unwritten();
            let extent = Place { segment: number, at: length };
            bytes.extend_from_slice(&NONE.to_le_bytes());
            bytes.extend_from_slice(&NONE.to_le_bytes());
            bytes.extend_from_slice(&length_of(buffer)?.to_le_bytes());
            bytes.extend_from_slice(buffer);
            extents.push((*pile, extent));
        }
        // The way first: one that leads to nothing is not gone, for the chain ends before it.
        for (pile, extent) in &extents {
            if let Some(tail) = self.chains[*pile].tail {
                self.link(tail, *extent)?;
            }
        }
        let Some(open) = &mut self.open else { return Err(ErrorKind::NotFound.into()) };
        open.file.write_all(&bytes)?;
        for (pile, extent) in &extents {
            let chain = &mut self.chains[*pile];
            let length = length_of(chain.unwritten())?;
            self.buffered -= chain.unwritten().len();
            chain.buffer = Vec::new();
            chain.taken = 0;
            chain.tail = Some(*extent);
            chain.head.get_or_insert(Reading { extent: *extent, length, taken: 0 });
        }
        let segment = self.segments.entry(number).or_insert(Segment { length: 0, live: 0 });
        segment.length += length_of(&bytes)?;
        segment.live += length_of(&bytes)?;
        Ok(extents.len())
    }

    /// The segment that is written, or a new one.
    fn segment_with_room(&mut self) -> io::Result<u32> {
        if let Some(open) = &self.open
            && self.segments.get(&open.number).is_none_or(|it| it.length < self.sizes.segment)
        {
            return Ok(open.number);
        }
        if let Some(full) = self.open.take() {
            self.give_back(full.number);
        }
        make_dirs(&*self.fs, &self.folder)?;
        let number = self.next;
        self.next += 1;
        let file = self.fs.create(&self.path(number))?;
        self.open = Some(Open { number, file });
        Ok(number)
    }

    fn link(&self, from: Place, to: Place) -> io::Result<()> {
        let mut bytes = [0; 8];
        bytes[..4].copy_from_slice(&to.segment.to_le_bytes());
        bytes[4..].copy_from_slice(&to.at.to_le_bytes());
        self.fs.write_at(&self.path(from.segment), from.at.into(), &bytes)
    }

    /// Takes the first lines of a pile: so many, or so many bytes; at least one, if there is any.
    pub(super) fn take(&mut self, pile: usize, lines: usize, bytes: usize) -> io::Result<Vec<u8>> {
        let mut taken = Vec::new();
        let mut count = 0;
        while count < lines && (taken.is_empty() || taken.len() < bytes) {
            let left = (lines - count, bytes.saturating_sub(taken.len()).max(1));
            let Some(chain) = self.chains.get(pile) else { break };
            let piece = match chain.head {
                Some(reading) => self.read(pile, reading, left)?,
                None => self.take_buffered(pile, left),
            };
            if piece.1 == 0 {
                break;
            }
            taken.extend_from_slice(&piece.0);
            count += piece.1;
        }
        Ok(taken)
    }

    /// Lines from the memory.
    fn take_buffered(&mut self, pile: usize, left: (usize, usize)) -> (Vec<u8>, usize) {
        let chain = &mut self.chains[pile];
        let (length, count) = whole_lines(chain.unwritten(), left);
        let piece = chain.unwritten()[..length].to_vec();
        self.buffered -= length;
        chain.taken += length;
        if chain.taken == chain.buffer.len() {
            chain.buffer = Vec::new();
            chain.taken = 0;
        } else if chain.taken > chain.buffer.len() / 2 {
            chain.buffer.drain(..chain.taken);
            chain.taken = 0;
        }
        (piece, count)
    }

    /// Lines of an extent that is being read.
    fn read(
        &mut self,
        pile: usize,
        reading: Reading,
        left: (usize, usize),
    ) -> io::Result<(Vec<u8>, usize)> {
        let Reading { extent, length, taken } = reading;
        let path = self.path(extent.segment);
        let at = u64::from(extent.at) + u64::from(HEAD) + u64::from(taken);
        let rest = length - taken;
        let mut wanted = u32::try_from(left.1).unwrap_or(u32::MAX).max(READ).min(rest);
        let (bytes, count) = loop {
            let mut bytes = vec![0; wanted as usize];
            self.fs.read_at(&path, at, &mut bytes)?;
            let (whole, count) = whole_lines(&bytes, left);
            if count > 0 {
                bytes.truncate(whole);
                break (bytes, count);
            }
            // The first line is longer.
            if wanted == rest {
                return Err(damaged(&path));
            }
            wanted = wanted.saturating_mul(2).min(rest);
        };
        let taken = taken + length_of(&bytes)?;
        let head = if taken < length {
            Some(Reading { taken, ..reading })
        } else {
            let next = self.after(pile, extent)?;
            self.release(extent.segment, HEAD + length);
            next
        };
        let chain = &mut self.chains[pile];
        chain.head = head;
        if head.is_none() {
            chain.tail = None;
        }
        Ok((bytes, count))
    }

    /// The extent that comes after this one.
    fn after(&self, pile: usize, extent: Place) -> io::Result<Option<Reading>> {
        if self.chains[pile].tail == Some(extent) {
            return Ok(None);
        }
        let (segment, at, _) = self.head(extent)?;
        let next = Place { segment, at };
        let (_, _, length) = self.head(next)?;
        Ok(Some(Reading { extent: next, length, taken: 0 }))
    }

    fn head(&self, extent: Place) -> io::Result<(u32, u32, u32)> {
        let path = self.path(extent.segment);
        let segment = self.segments.get(&extent.segment).ok_or_else(|| damaged(&path))?;
        let mut head = [0; HEAD as usize];
        self.fs.read_at(&path, extent.at.into(), &mut head)?;
        let number = |at: usize| {
            let bytes = head.get(at..at + 4).and_then(|bytes| bytes.try_into().ok());
            u32::from_le_bytes(bytes.unwrap_or_default())
        };
        let length = number(8);
        let end = extent.at.checked_add(HEAD).and_then(|at| at.checked_add(length));
        if end.is_none_or(|end| end > segment.length) {
            return Err(damaged(&path));
        }
        Ok((number(0), number(4), length))
    }

    /// An extent was read to its end.
    fn release(&mut self, number: u32, bytes: u32) {
        if let Some(segment) = self.segments.get_mut(&number) {
            segment.live = segment.live.saturating_sub(bytes);
        }
        self.give_back(number);
    }

    /// Removes a segment of which nothing is left to be read.
    fn give_back(&mut self, number: u32) {
        let used = self.segments.get(&number).is_some_and(|segment| segment.live > 0);
        let is_open = self.open.as_ref().is_some_and(|open| open.number == number);
        let short = self.segments.get(&number).is_none_or(|it| it.length < self.sizes.segment);
        if used || (is_open && short) {
            return;
        }
        if is_open {
            self.open = None;
        }
        if self.segments.remove(&number).is_some() {
            // It goes at the end, if it does not go now.
            let _ = self.fs.remove(&self.path(number));
        }
    }

    /// Bytes on disk.
    pub(super) fn used(&self) -> u64 {
        self.segments.values().map(|segment| u64::from(segment.length)).sum()
    }

    /// Bytes of lines in memory.
    #[cfg(test)]
    pub(super) fn buffered(&self) -> usize {
        self.buffered
    }

    /// Removes all that is on disk.
    pub(super) fn remove(mut self) {
        if self.next > 0 {
            self.open = None;
            clear(&*self.fs, &self.folder);
        }
    }

    fn path(&self, segment: u32) -> PathBuf {
        self.folder.join(format!("{segment:08}"))
    }
}

/// Removes the segments in a folder, and the folder. What can't be removed stays: it harms nobody, and
/// the next run tries again.
pub(super) fn clear(fs: &dyn Fs, folder: &Path) {
    let Ok(names) = fs.list(folder) else { return };
    for name in names {
        let _ = fs.remove(&folder.join(name));
    }
    let _ = fs.remove_dir(folder);
}

/// How long the first lines are that are whole, within a number of lines and bytes, but one at least.
fn whole_lines(bytes: &[u8], (lines, most): (usize, usize)) -> (usize, usize) {
    let (mut rest, mut count) = (bytes, 0);
    while count < lines
        && let Some((_, _, after)) = unpack(rest)
    {
        if count > 0 && bytes.len() - after.len() > most {
            break;
        }
        rest = after;
        count += 1;
    }
    (bytes.len() - rest.len(), count)
}

fn length_of(bytes: &[u8]) -> io::Result<u32> {
    u32::try_from(bytes.len()).map_err(|_| ErrorKind::FileTooLarge.into())
}

fn damaged(path: &Path) -> io::Error {
    let reason = format!("{} is not as it was written", path.display());
    io::Error::new(ErrorKind::InvalidData, reason)
}

impl std::fmt::Debug for Open {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Open").field("number", &self.number).finish_non_exhaustive()
    }
}
