use std::io::{self, ErrorKind, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::unit::{Left, Reach, Spot, Tell, Unit};
use crate::error::Error;
use crate::item::Position;
use crate::sys::Fs;

/// Commits lines at the end of one file. What a dead run left behind the last line with a record
/// is cut off. An outcome may leave no line at all: then its record says where the last one ends.
pub(crate) struct Lines {
    fs: Arc<dyn Fs>,
    path: PathBuf,
    folder: PathBuf,
    /// What the file begins with.
    heading: Vec<u8>,
    file: Option<Box<dyn Write + Send>>,
    buffer: Vec<u8>,
    end: u64,
}

impl Lines {
    pub(crate) fn new(fs: Arc<dyn Fs>, path: PathBuf, heading: Vec<u8>) -> Self {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        let folder = folder.unwrap_or(Path::new(".")).to_owned();
        Self { fs, path, folder, heading, file: None, buffer: Vec::new(), end: 0 }
    }

    fn failed(&self) -> impl FnOnce(io::Error) -> Error {
        let path = self.path.clone();
        move |source| Error::Output { path, source }
    }
}

impl Unit for Lines {
    fn stage(&mut self, _: Position, left: Left, _: &mut Tell<'_>) -> Result<Spot, Error> {
        let Left::Line(line) = left else { return Ok(Spot::default()) };
        self.buffer.extend_from_slice(&line);
        self.end += line.len() as u64;
        let crc = Some(crc32c::crc32c(&line));
        Ok(Spot { line_end: Some(self.end), crc, ..Spot::default() })
    }

    fn flush(&mut self) -> Result<(), Error> {
        if let Some(file) = &mut self.file {
            let written = file.write_all(&self.buffer);
            written.map_err(self.failed())?;
        }
        self.buffer.clear();
        Ok(())
    }

    fn recorded(&mut self) -> Result<(), Error> {
        Ok(())
    }

    fn replayed(&mut self, _: &Spot) -> Result<(), Error> {
        Ok(())
    }

    fn publish(&mut self, _: Position, _: &Spot) -> Result<Option<Spot>, Error> {
        Ok(None)
    }

    fn holds(&self, _: Position, spot: &Spot, before: Reach) -> Result<bool, Error> {
        let Some(end) = spot.line_end else { return Ok(true) };
        let start = match before.line_end {
            0 => self.heading.len() as u64,
            end => end,
        };
        let there = self.fs.len(&self.path).unwrap_or(0);
        // A line is a name and its addresses, or at most 256 KiB of records, twice that where they
        // are escaped; what is said to be longer is of another place.
        if end < start || end > there || end - start > 1 << 20 {
            return Ok(false);
        }
        let mut line = Vec::new();
        if end == start {
            // No line: there may be no file yet either.
            return Ok(Some(crc32c::crc32c(&line)) == spot.crc);
        }
        let read = self.fs.read(&self.path, start);
        let read = read.and_then(|file| file.take(end - start).read_to_end(&mut line));
        read.map_err(self.failed())?;
        Ok(Some(crc32c::crc32c(&line)) == spot.crc)
    }

    fn begin(&self) -> Result<(), Error> {
        match self.fs.len(&self.path) {
            Ok(0) => Ok(()),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
            Err(error) => Err(self.failed()(error)),
            Ok(_) => {
                let reason = "it is there already, and no ledger knows it; choose another file, \
                              or replace it with --fresh"
                    .to_owned();
                Err(Error::Ledger { path: self.path.clone(), reason })
            }
        }
    }

    fn resume(&mut self, Reach { line_end, .. }: Reach) -> Result<(), Error> {
        let there = match self.fs.len(&self.path) {
            Err(error) if error.kind() == ErrorKind::NotFound => 0,
            other => other.map_err(self.failed())?,
        };
        if there < line_end {
            let reason = format!(
                "it has {there} bytes, but its ledger has recorded {line_end}: it was cut or \
                 removed; put it back, or start over with --fresh"
            );
            return Err(Error::Ledger { path: self.path.clone(), reason });
        }
        if there > line_end {
            self.fs.set_len(&self.path, line_end).map_err(self.failed())?;
        }
        self.file = Some(self.fs.append(&self.path).map_err(self.failed())?);
        self.end = line_end;
        if line_end == 0 {
            self.buffer.extend_from_slice(&self.heading);
            self.end = self.heading.len() as u64;
        }
        Ok(())
    }

    fn staged(&self) -> Result<Vec<Position>, Error> {
        Ok(Vec::new())
    }

    fn unstage(&mut self, _: Position) -> Result<(), Error> {
        Ok(())
    }

    fn path(&self, _: &Spot) -> Option<PathBuf> {
        None
    }

    fn folder(&self) -> &Path {
        &self.folder
    }

    fn files(&self, _: &[Position]) -> Vec<PathBuf> {
        vec![self.path.clone()]
    }
}

impl std::fmt::Debug for Lines {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Lines").field("path", &self.path).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::Memory;

    fn lines(heading: &str) -> (Memory, Lines) {
        let fs = Memory::new(1);
        (fs.clone(), Lines::new(Arc::new(fs), "/file".into(), heading.into()))
    }

    fn no_line(lines: &mut Lines) -> Spot {
        let left = Left::Line(Vec::new());
        lines.stage(Position(0), left, &mut |_, _, _| Ok(())).unwrap()
    }

    #[test]
    fn an_outcome_without_a_line_holds_where_the_lines_before_do() {
        let (_, mut bare) = lines("");
        bare.resume(Reach::default()).unwrap();
        let spot = no_line(&mut bare);
        assert_eq!(spot.line_end, Some(0));
        // After a power cut there may be the record and no file.
        let (fs, bare) = lines("");
        assert!(bare.holds(Position(0), &spot, Reach::default()).unwrap());
        assert!(fs.files().is_empty());

        let (fs, mut headed) = lines("head\n");
        headed.resume(Reach::default()).unwrap();
        let spot = no_line(&mut headed);
        assert_eq!(spot.line_end, Some(5));
        // Nothing is written yet, so that its end is nowhere.
        assert!(!headed.holds(Position(0), &spot, Reach::default()).unwrap());
        headed.flush().unwrap();
        assert!(headed.holds(Position(0), &spot, Reach::default()).unwrap());
        assert_eq!(fs.files()["/file"], b"head\n");
        // A line that is said to be none.
        let spot = Spot { line_end: Some(5), ..no_line(&mut lines("").1) };
        assert!(!lines("").1.holds(Position(0), &spot, Reach::default()).unwrap());
    }
}
