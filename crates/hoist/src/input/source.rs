use std::fmt;
use std::io::{self, Read};

use super::MAX_LINE;
use super::block::Block;
use crate::item::Position;

/// Where the items come from. It is pulled: nothing is read before there is room for it, but for
/// a bounded handful of blocks.
pub struct Source {
    kind: Kind,
}

enum Kind {
    Lines(Box<dyn Read + Send>),
    Items(Box<dyn Iterator<Item = String> + Send>),
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.kind {
            Kind::Lines(_) => "Source::lines(..)",
            Kind::Items(_) => "Source::items(..)",
        })
    }
}

impl Source {
    /// A text, one item a line. Blank lines and lines that begin with `#` are counted, not
    /// answered; a byte order mark and CR LF are accepted; a line over 64 KiB, or not UTF-8, is
    /// an outcome of kind `bad_input`.
    pub fn lines(reader: impl Read + Send + 'static) -> Self {
        Self { kind: Kind::Lines(Box::new(reader)) }
    }

    /// Items one by one; each is one, whatever it looks like. The iterator is pulled on a thread
    /// of its own and may block.
    pub fn items<I>(items: I) -> Self
    where
        I: IntoIterator,
        I::Item: Into<String> + 'static,
        I::IntoIter: Send + 'static,
    {
        Self { kind: Kind::Items(Box::new(items.into_iter().map(Into::into))) }
    }

    pub(super) fn into_blocks(self) -> Blocks {
        let read = match self.kind {
            Kind::Lines(reader) => Reading::Lines(LineBlocks::new(reader)),
            Kind::Items(items) => Reading::Items(items),
        };
        Blocks { next: Position(0), read }
    }
}

/// A source being read, block by block. Blocking.
pub(super) struct Blocks {
    next: Position,
    read: Reading,
}

enum Reading {
    Lines(LineBlocks),
    Items(Box<dyn Iterator<Item = String> + Send>),
}

impl Blocks {
    /// The next block. `wanted` says whether somebody waits for it: then even a single item is
    /// handed on at once.
    pub(super) fn next_block(&mut self, wanted: impl Fn() -> bool) -> io::Result<Option<Block>> {
        match &mut self.read {
            Reading::Lines(lines) => lines.next_block(&mut self.next),
            Reading::Items(iterator) => {
                let mut items = Vec::new();
                let mut bytes = 0;
                for item in iterator.by_ref() {
                    bytes += item.len();
                    items.push(item);
                    if items.len() >= ITEMS_PER_BLOCK || bytes >= BLOCK || wanted() {
                        break;
                    }
                }
                if items.is_empty() {
                    return Ok(None);
                }
                let first = self.next;
                self.next = Position(first.0 + items.len() as u64);
                Ok(Some(Block::Items { first, items: items.into_iter() }))
            }
        }
    }

    /// How many lines were read.
    pub(super) fn lines_read(&self) -> u64 {
        self.next.0
    }
}

/// Bytes read at once.
const BLOCK: usize = 64 << 10;
const ITEMS_PER_BLOCK: usize = 256;
/// How much of a line that is too long is shown.
const SHOWN: usize = 200;

struct LineBlocks {
    reader: Box<dyn Read + Send>,
    /// What was read and not handed on.
    pending: Vec<u8>,
    /// How much of `pending` is known to hold no line end.
    scanned: usize,
    /// A line that is too long, of which the end has not been read: its beginning, its length.
    too_long: Option<(Vec<u8>, u64)>,
    ended: bool,
}

impl LineBlocks {
    fn new(reader: Box<dyn Read + Send>) -> Self {
        Self { reader, pending: Vec::new(), scanned: 0, too_long: None, ended: false }
    }

    /// Whole lines, as many as one read brings: a slow writer at the other end of a pipe is
    /// answered line by line.
    fn next_block(&mut self, next: &mut Position) -> io::Result<Option<Block>> {
        loop {
            let fresh = &self.pending[self.scanned..];
            if let Some(first) = memchr::memchr(b'\n', fresh) {
                let first = self.scanned + first;
                if self.too_long.is_some() || first > MAX_LINE {
                    return Ok(Some(self.cut_too_long(first + 1, next)));
                }
                // Only the first line can be too long: the others lie within one read.
                let last = memchr::memrchr(b'\n', &self.pending).unwrap_or(first);
                let rest = self.pending.split_off(last + 1);
                self.scanned = rest.len();
                return Ok(Some(text(std::mem::replace(&mut self.pending, rest), next)));
            }
            if self.ended {
                let length = self.pending.len();
                if self.too_long.is_some() || length > MAX_LINE {
                    return Ok(Some(self.cut_too_long(length, next)));
                }
                self.scanned = 0;
                let rest = std::mem::take(&mut self.pending);
                return Ok((!rest.is_empty()).then(|| text(rest, next)));
            }
            if self.too_long.is_some() || self.pending.len() > MAX_LINE {
                self.pass_over(self.pending.len());
            }
            self.scanned = self.pending.len();
            self.read()?;
        }
    }

    fn read(&mut self) -> io::Result<()> {
        let kept = self.pending.len();
        self.pending.resize(kept + BLOCK, 0);
        let read = loop {
            match self.reader.read(&mut self.pending[kept..]) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                other => break other,
            }
        };
        let n = *read.as_ref().unwrap_or(&0);
        self.pending.truncate(kept + n);
        self.ended = n == 0;
        read.map(|_| ())
    }

    /// Drops the first bytes of `pending`, which belong to a line that is too long.
    fn pass_over(&mut self, bytes: usize) {
        let (beginning, length) = self.too_long.get_or_insert_default();
        beginning.extend(self.pending.iter().take(bytes.min(SHOWN - beginning.len())));
        *length += bytes as u64;
        self.pending.drain(..bytes);
        self.scanned = 0;
    }

    fn cut_too_long(&mut self, bytes: usize, next: &mut Position) -> Block {
        self.pass_over(bytes);
        let (beginning, length) = self.too_long.take().unwrap_or_default();
        let position = *next;
        *next = position.next();
        Block::TooLong { position, beginning, length }
    }
}

fn text(bytes: Vec<u8>, next: &mut Position) -> Block {
    let first = *next;
    let ends = memchr::memchr_iter(b'\n', &bytes).count() as u64;
    let open = u64::from(bytes.last().is_some_and(|byte| *byte != b'\n'));
    *next = Position(first.0 + ends + open);
    Block::Text { first, bytes, taken: 0 }
}

#[cfg(test)]
mod tests {
    use super::super::block::Line;
    use super::*;

    /// Hands out a text in pieces of a size.
    struct Pieces(Vec<u8>, usize);

    impl Read for Pieces {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let n = self.1.min(self.0.len()).min(buffer.len());
            buffer[..n].copy_from_slice(&self.0[..n]);
            self.0.drain(..n);
            Ok(n)
        }
    }

    fn read_all(source: Source) -> Vec<(u64, Result<String, u64>)> {
        let mut blocks = source.into_blocks();
        let mut all = Vec::new();
        while let Some(block) = blocks.next_block(|| true).unwrap() {
            let length = if let Block::TooLong { length, .. } = &block { *length } else { 0 };
            for entry in block {
                match entry.line {
                    Line::Asked(line) => all.push((entry.position.0, Ok(line))),
                    Line::Unreadable { .. } => all.push((entry.position.0, Err(length))),
                    Line::Skipped => {}
                }
            }
        }
        all
    }

    #[test]
    fn lines_are_the_same_however_they_arrive() {
        let long = "x".repeat(MAX_LINE);
        let too_long = "y".repeat(3 * MAX_LINE + 17);
        let text = format!("a\n{long}\n\n{too_long}\nb\n{too_long}\n{too_long}\nc");
        let over = too_long.len() as u64 + 1;
        for piece in [61, 4096, 1 << 20] {
            let read = read_all(Source::lines(Pieces(text.clone().into_bytes(), piece)));
            let expected = [
                (0, Ok("a".to_owned())),
                (1, Ok(long.clone())),
                (3, Err(over)),
                (4, Ok("b".to_owned())),
                (5, Err(over)),
                (6, Err(over)),
                (7, Ok("c".to_owned())),
            ];
            assert!(read == expected, "in pieces of {piece}");
        }
    }

    #[test]
    fn a_too_long_line_at_the_end_needs_no_line_end() {
        let text = format!("a\n{}", "z".repeat(MAX_LINE + 1));
        let read = read_all(Source::lines(io::Cursor::new(text)));
        assert_eq!(read, [(0, Ok("a".to_owned())), (1, Err(MAX_LINE as u64 + 1))]);
    }

    #[test]
    fn items_are_taken_as_they_are() {
        let read = read_all(Source::items(["#a", "", "b"]));
        let texts: Vec<_> = read.into_iter().map(|(p, text)| (p, text.unwrap())).collect();
        assert_eq!(texts, [(0, "#a".into()), (1, String::new()), (2, "b".into())]);
    }
}
