use std::io;

use super::block::Block;
use super::known::Known;
use super::list::List;
use super::reader::Delivery;
use super::recall::Recall;
use crate::error::Error;
use crate::item::Position;
use crate::ledger::pack;

/// A list being read: first the blocks that a ledger knows, then the new ones. Blocking.
pub(super) struct Blocks {
    list: List,
    next: Position,
    noted: Noted,
    known: Option<Known>,
    ended: bool,
}

/// What comes with a new block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Noted {
    Nothing,
    Note,
    NoteAndCopy,
}

impl Blocks {
    pub(super) fn open(list: List, mut recall: Option<Recall>) -> Result<Self, Error> {
        if let Some(recall) = &mut recall {
            // An item may hold line ends: a copy could not be cut into items again.
            recall.keep &= matches!(list, List::Lines(_));
        }
        let noted = match &recall {
            None => Noted::Nothing,
            Some(recall) if recall.keep => Noted::NoteAndCopy,
            Some(_) => Noted::Note,
        };
        let known = recall.map(Known::open).transpose()?;
        Ok(Self { list, next: Position(0), noted, known, ended: false })
    }

    /// The next of the list. `wanted` says whether somebody waits for it: then even a single item
    /// is handed on at once.
    pub(super) fn next_delivery(
        &mut self,
        wanted: impl Fn() -> bool,
    ) -> Result<Option<Delivery>, Error> {
        if let Some(known) = &mut self.known {
            if let Some(delivery) = known.next_delivery(&mut self.list, &mut self.next)? {
                return Ok(Some(delivery));
            }
            self.ended = known.list_has_ended();
            self.known = None;
        }
        if self.ended {
            return Ok(None);
        }
        let line = self.next.0;
        self.next_new(wanted).map_err(|source| Error::Input { line, source })
    }

    fn next_new(&mut self, wanted: impl Fn() -> bool) -> io::Result<Option<Delivery>> {
        let sums = self.noted != Noted::Nothing;
        let Some((block, note)) = self.list.next_block(self.next, sums, wanted)? else {
            return Ok(None);
        };
        let copy = match &block {
            Block::Text { bytes, .. } if self.noted == Noted::NoteAndCopy => pack(bytes)?,
            Block::TooLong { beginning, .. } if self.noted == Noted::NoteAndCopy => {
                pack(beginning)?
            }
            _ => Vec::new(),
        };
        self.next.0 += u64::from(note.lines);
        Ok(Some(Delivery::Lines { block, note: sums.then_some((note, copy)) }))
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::super::{Line, MAX_LINE, Source};
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
        let mut blocks = Blocks::open(source.into_list(), None).unwrap();
        let mut all = Vec::new();
        while let Some(delivery) = blocks.next_delivery(|| true).unwrap() {
            let Delivery::Lines { block, note: None } = delivery else { panic!("{delivery:?}") };
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
