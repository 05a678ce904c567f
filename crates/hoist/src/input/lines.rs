use std::io::{self, Read};

use super::MAX_LINE;
use super::text::{BLOCK, LongLine, Text};

/// Cuts a text at line ends.
pub(super) struct LineCutter {
    pub(super) text: Text,
    /// What was read and not handed on: a line's beginning, of at most `MAX_LINE` bytes, and what
    /// one read brings.
    pending: Vec<u8>,
    /// How much of `pending` is known to hold no line end.
    scanned: usize,
    /// A line that is too long, of which the end has not been read.
    too_long: Option<LongLine>,
    ended: bool,
}

/// A part of a text, cut at line ends.
pub(super) enum Piece {
    /// Whole lines, each with its line end, but for the very last.
    Lines(Vec<u8>),
    TooLong(LongLine),
}

impl LineCutter {
    pub(super) fn new(text: Text) -> Self {
        Self { text, pending: Vec::new(), scanned: 0, too_long: None, ended: false }
    }

    /// Whole lines, as many as one read brings: a slow writer at the other end of a pipe is
    /// answered line by line. `sums`: a line that is too long comes with its checksum.
    pub(super) fn next_piece(&mut self, sums: bool) -> io::Result<Option<Piece>> {
        loop {
            let fresh = &self.pending[self.scanned..];
            if let Some(first) = memchr::memchr(b'\n', fresh) {
                let first = self.scanned + first;
                if self.too_long.is_some() || first > MAX_LINE {
                    return Ok(Some(self.cut_too_long(first + 1, sums)));
                }
                // Only the first line can be too long: the others lie within one read.
                let last = memchr::memrchr(b'\n', &self.pending).unwrap_or(first);
                let rest = self.pending.split_off(last + 1);
                self.scanned = rest.len();
                return Ok(Some(Piece::Lines(std::mem::replace(&mut self.pending, rest))));
            }
            if self.ended {
                let length = self.pending.len();
                if self.too_long.is_some() || length > MAX_LINE {
                    return Ok(Some(self.cut_too_long(length, sums)));
                }
                self.scanned = 0;
                let rest = std::mem::take(&mut self.pending);
                return Ok((!rest.is_empty()).then_some(Piece::Lines(rest)));
            }
            if self.too_long.is_some() || self.pending.len() > MAX_LINE {
                self.pass_over(self.pending.len(), sums);
            }
            self.scanned = self.pending.len();
            self.read()?;
        }
    }

    fn read(&mut self) -> io::Result<()> {
        let kept = self.pending.len();
        self.pending.resize(kept + BLOCK, 0);
        let read = loop {
            match self.text.read(&mut self.pending[kept..]) {
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
    fn pass_over(&mut self, bytes: usize, sums: bool) {
        let line = self.too_long.get_or_insert_default();
        line.push(&self.pending[..bytes]);
        if sums {
            line.sum(&self.pending[..bytes]);
        }
        self.pending.drain(..bytes);
        self.scanned = 0;
    }

    fn cut_too_long(&mut self, bytes: usize, sums: bool) -> Piece {
        self.pass_over(bytes, sums);
        Piece::TooLong(self.too_long.take().unwrap_or_default())
    }
}
