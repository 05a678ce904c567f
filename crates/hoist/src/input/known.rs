use std::cmp::Ordering;
use std::io;
use std::iter::{Fuse, Peekable};

use super::block::Block;
use super::list::{Again, List};
use super::reader::Delivery;
use super::recall::Recall;
use crate::error::Error;
use crate::item::Position;
use crate::ledger::{BlockNote, pack};

/// The blocks of a list that a ledger knows, recognized one after the other.
pub(super) struct Known {
    recall: Recall,
    /// Those that were not looked at. Once they end they are not asked again: what is appended to
    /// them then is what was delivered here.
    notes: Peekable<Fuse<Box<dyn Iterator<Item = io::Result<BlockNote>> + Send>>>,
    /// Where the copy of the next block begins.
    copied: u64,
    /// The last line so far had no line end.
    open: bool,
    /// The list has ended before all was recognized; its copy gives the rest.
    stands_in: bool,
    ended: bool,
}

impl Known {
    pub(super) fn open(recall: Recall) -> Result<Self, Error> {
        let notes: Box<dyn Iterator<Item = _> + Send> = match recall.files.notes(&*recall.fs) {
            Ok(notes) => Box::new(notes),
            Err(error) => return Err(unreadable(&recall, &error)),
        };
        let notes = notes.fuse().peekable();
        Ok(Self { recall, notes, copied: 0, open: false, stands_in: false, ended: false })
    }

    /// The next of the list, of which `next` is the next line; `None` after all that is known.
    pub(super) fn next_delivery(
        &mut self,
        list: &mut List,
        next: &mut Position,
    ) -> Result<Option<Delivery>, Error> {
        let unread = self.pass_unread(list, next)?;
        if unread.is_some() {
            return Ok(unread);
        }
        let first = *next;
        let Some(note) = self.take_note()? else {
            return self.take_line_end(list, first);
        };
        let block = if self.stands_in {
            self.copy_of(first, &note)?
        } else {
            let again = list.read_again(first, &note).map_err(input(first))?;
            self.recognize(first, &note, again)?
        };
        self.advance(next, &note);
        Ok(Some(if self.is_full(first, &note) {
            Delivery::Passed { lines: note.lines.into(), bytes: note.bytes }
        } else {
            Delivery::Lines { block, note: None }
        }))
    }

    /// The end of the list was seen: it is not read on, which may wait for ever.
    pub(super) fn list_has_ended(&self) -> bool {
        self.ended
    }

    /// All blocks that follow and need not be read, at once: a billion lines have a million.
    fn pass_unread(
        &mut self,
        list: &mut List,
        next: &mut Position,
    ) -> Result<Option<Delivery>, Error> {
        let trusted = self.recall.unchanged && list.can_pass();
        let first = *next;
        let mut bytes = 0;
        while let Some(Ok(note)) = self.notes.peek().map(Result::as_ref) {
            let note = *note;
            let needless = if self.stands_in { has_copy(&note) } else { trusted };
            if !needless || !self.is_full(*next, &note) {
                break;
            }
            self.notes.next();
            self.advance(next, &note);
            bytes += note.bytes;
        }
        if !self.stands_in && bytes > 0 {
            list.pass(bytes).map_err(input(first))?;
        }
        Ok((bytes > 0).then_some(Delivery::Passed { lines: next.0 - first.0, bytes }))
    }

    fn take_note(&mut self) -> Result<Option<BlockNote>, Error> {
        self.notes.next().transpose().map_err(|error| unreadable(&self.recall, &error))
    }

    /// Nothing in the block is to be answered any more. True of one without lines: it is a line
    /// end that came later.
    fn is_full(&self, first: Position, note: &BlockNote) -> bool {
        self.recall.answered.contains_all(first, note.lines.into())
    }

    fn advance(&mut self, next: &mut Position, note: &BlockNote) {
        next.0 += u64::from(note.lines);
        self.copied += u64::from(note.kept);
        self.open = note.open;
    }

    fn recognize(
        &mut self,
        first: Position,
        note: &BlockNote,
        again: Again,
    ) -> Result<Block, Error> {
        if !again.short {
            let same = again.bytes == note.bytes && again.crc == note.crc;
            return if same { Ok(again.block) } else { Err(self.other_lines(first, note)) };
        }
        if again.bytes == 0 && note.lines == 0 {
            self.ended = true;
            // The line end that was appended is gone again: no line has changed.
            return Ok(again.block);
        }
        if !self.recall.keep || note.kept == 0 {
            return Err(self.ends_early(first, note, &again));
        }
        self.stands_in = true;
        self.ended = true;
        let copy = self.copy_of(first, note)?;
        if is_beginning_of(&again, &copy) { Ok(copy) } else { Err(self.other_lines(first, note)) }
    }

    fn copy_of(&self, first: Position, note: &BlockNote) -> Result<Block, Error> {
        if !has_copy(note) {
            let reason = format!("it has ended, and the copy of it ends after line {}", first.0);
            return Err(self.changed(first.line_number(), reason));
        }
        let Recall { files, fs, .. } = &self.recall;
        let bytes = files.kept(&**fs, self.copied, note).map_err(|error| {
            let said = format!("its copy in {}: {error}", self.recall.ledger.display());
            input(first)(io::Error::new(error.kind(), said))
        })?;
        if note.too_long {
            return Ok(Block::TooLong { position: first, beginning: bytes, length: note.bytes });
        }
        if bytes.len() as u64 != note.bytes || crc32c::crc32c(&bytes) != note.crc {
            let said = format!("its copy in {} is damaged", self.recall.ledger.display());
            return Err(input(first)(io::Error::new(io::ErrorKind::InvalidData, said)));
        }
        Ok(Block::Text { first, bytes, taken: 0 })
    }

    /// After all that is known: a last line without a line end may have got one since, not more.
    fn take_line_end(
        &mut self,
        list: &mut List,
        next: Position,
    ) -> Result<Option<Delivery>, Error> {
        if self.ended || !std::mem::take(&mut self.open) {
            return Ok(None);
        }
        let bytes = list.take_line_end().map_err(input(next))?;
        match &bytes[..] {
            b"" => {
                self.ended = true;
                Ok(None)
            }
            b"\n" | b"\r\n" => {
                let note = BlockNote {
                    bytes: bytes.len() as u64,
                    crc: crc32c::crc32c(&bytes),
                    ..BlockNote::default()
                };
                let copy =
                    if self.recall.keep { pack(&bytes).map_err(input(next))? } else { vec![] };
                let block = Block::Text { first: next, bytes: Vec::new(), taken: 0 };
                Ok(Some(Delivery::Lines { block, note: Some((note, copy)) }))
            }
            _ => {
                let reason = format!("line {} had no line end, and has grown", next.0);
                Err(self.changed(next.0, reason))
            }
        }
    }

    fn other_lines(&self, first: Position, note: &BlockNote) -> Error {
        self.others(first, first.0 + u64::from(note.lines))
    }

    /// Of the lines from `first` to this one, at least one is another: blocks alone have checksums.
    fn others(&self, first: Position, to: u64) -> Error {
        let from = first.line_number();
        match to.cmp(&from) {
            Ordering::Less => {
                self.changed(first.0, format!("the end of line {to} is not what it was"))
            }
            Ordering::Equal => self.changed(from, format!("line {from} is not what it was")),
            Ordering::Greater => self.changed(from, format!("somewhere in lines {from} to {to}")),
        }
    }

    fn ends_early(&mut self, first: Position, note: &BlockNote, again: &Again) -> Error {
        let came = first.0 + again.lines;
        let cut = match &again.block {
            Block::Text { bytes, .. } => bytes.last().is_some_and(|byte| *byte != b'\n'),
            Block::TooLong { length, .. } => *length > 0 && again.lines == 0,
            Block::Items { .. } => false,
        };
        let rest: u64 = self.notes.by_ref().map_while(Result::ok).map(|n| u64::from(n.lines)).sum();
        let known = first.0 + u64::from(note.lines) + rest;
        let ends = match (came, cut) {
            _ if came + u64::from(cut) >= known => return self.others(first, known),
            (0, false) => "it is empty".to_owned(),
            (_, false) => format!("it ends after line {came}"),
            (_, true) => format!("it ends in line {}", came + 1),
        };
        let were = if known == 1 { "line is" } else { "lines are" };
        self.changed(first.line_number(), format!("{ends}; {known} {were} on record"))
    }

    fn changed(&self, line: u64, reason: String) -> Error {
        Error::ListChanged { line, reason, ledger: self.recall.ledger.clone() }
    }
}

/// A line end that came alone needs none.
fn has_copy(note: &BlockNote) -> bool {
    note.kept > 0 || note.lines == 0
}

fn is_beginning_of(again: &Again, copy: &Block) -> bool {
    match (&again.block, copy) {
        (Block::Text { bytes: came, .. }, Block::Text { bytes: kept, .. }) => {
            kept.starts_with(came)
        }
        (Block::TooLong { beginning: came, .. }, Block::TooLong { beginning: kept, .. }) => {
            again.lines == 0 && kept.starts_with(came)
        }
        _ => false,
    }
}

fn input(next: Position) -> impl Fn(io::Error) -> Error {
    move |source| Error::Input { line: next.0, source }
}

fn unreadable(recall: &Recall, error: &io::Error) -> Error {
    let [path, _] = recall.files.paths();
    Error::Ledger { path: path.to_owned(), reason: format!("it can't be read: {error}") }
}
