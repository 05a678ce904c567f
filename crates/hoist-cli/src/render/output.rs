use std::fmt;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

use serde::Serialize;

use super::terminal;

/// Where outcomes are written: standard output, or a file.
///
/// A terminal sees each line at once; anything else gets what has gathered when the buffer is
/// full, or when there is nothing more to write for the moment.
pub(crate) struct Output {
    to: BufWriter<Box<dyn Write>>,
    line_by_line: bool,
    dirty: bool,
    /// For lines that are made before they are written.
    room: Vec<u8>,
}

const BUFFER: usize = 64 << 10;

impl Output {
    /// Standard output.
    pub(crate) fn stdout() -> Self {
        Self::new(Box::new(io::stdout()), terminal::stdout_is_terminal())
    }

    /// Nowhere: the engine writes the outcomes.
    pub(crate) fn nowhere() -> Self {
        Self::new(Box::new(io::sink()), false)
    }

    /// A file, made new.
    pub(crate) fn file(path: &Path) -> io::Result<Self> {
        Ok(Self::new(Box::new(File::create(path)?), false))
    }

    fn new(to: Box<dyn Write>, line_by_line: bool) -> Self {
        Self {
            to: BufWriter::with_capacity(BUFFER, to),
            line_by_line,
            dirty: false,
            room: Vec::new(),
        }
    }

    /// Writes a line.
    pub(crate) fn line(&mut self, line: impl fmt::Display) -> io::Result<()> {
        writeln!(self.to, "{line}")?;
        self.written()
    }

    /// Writes a JSON object as a line.
    pub(crate) fn json(&mut self, object: &impl Serialize) -> io::Result<()> {
        serde_json::to_writer(&mut self.to, object)?;
        self.to.write_all(b"\n")?;
        self.written()
    }

    /// Writes what `append` appends, whole lines.
    pub(crate) fn lines(&mut self, append: impl FnOnce(&mut Vec<u8>)) -> io::Result<()> {
        self.room.clear();
        append(&mut self.room);
        self.to.write_all(&self.room)?;
        self.written()
    }

    /// Whether something waits to be flushed.
    pub(crate) fn is_dirty(&self) -> bool {
        self.dirty
    }

    /// Hands everything to the system.
    pub(crate) fn flush(&mut self) -> io::Result<()> {
        self.dirty = false;
        self.to.flush()
    }

    fn written(&mut self) -> io::Result<()> {
        self.dirty = true;
        if self.line_by_line { self.flush() } else { Ok(()) }
    }
}
