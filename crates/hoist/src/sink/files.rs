use std::io::{self, ErrorKind, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::ours::Ours;
use super::place::{Placer, next_name};
use super::unit::{Left, Reach, Spot, Tell, Unit};
use crate::error::Error;
use crate::item::Position;
use crate::sys::Fs;

/// Commits files: a rename to the name that is in the record, which replaces nothing but files of
/// an earlier ledger.
#[derive(Debug)]
pub(crate) struct Files {
    placer: Placer,
    /// The folder of the temporary files.
    parts: PathBuf,
    /// The names that an earlier ledger gave, where one was started over.
    ours: Option<Ours>,
    /// Of these, what was staged since the last records were written.
    claimed: Vec<String>,
}

impl Files {
    pub(crate) fn new(fs: Arc<dyn Fs>, root: PathBuf, parts: PathBuf, ours: Option<Ours>) -> Self {
        Self { placer: Placer { fs, root }, parts, ours, claimed: Vec::new() }
    }

    fn temp(&self, position: Position) -> PathBuf {
        position.file_in(&self.parts)
    }

    /// Whether a file of this name may be replaced. It is the caller's then.
    fn claim(&mut self, name: &str) -> Result<bool, Error> {
        let Some(ours) = &self.ours else { return Ok(false) };
        let free = !self.claimed.iter().any(|claimed| claimed == name) && ours.contains(name)?;
        if free {
            self.claimed.push(name.to_owned());
        }
        Ok(free)
    }

    /// Whether a file has these bytes. None when there is no file.
    fn has_bytes(&self, path: &Path, spot: &Spot) -> io::Result<Option<bool>> {
        let fs = &*self.placer.fs;
        if fs.is_dir(path) {
            return Ok(None);
        }
        match fs.len(path) {
            Ok(length) if length != spot.bytes => return Ok(Some(false)),
            Ok(_) => {}
            Err(error)
                if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) =>
            {
                return Ok(None);
            }
            Err(error) => return Err(error),
        }
        Ok(Some(Some(checksum(fs.read(path, 0)?)?) == spot.crc))
    }
}

/// CRC32C of all that can be read.
pub(crate) fn checksum(mut input: impl Read) -> io::Result<u32> {
    let mut buffer = vec![0; 64 << 10];
    let mut crc = 0;
    loop {
        match input.read(&mut buffer) {
            Ok(0) => return Ok(crc),
            Ok(n) => crc = crc32c::crc32c_append(crc, &buffer[..n]),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

impl Unit for Files {
    fn stage(&mut self, _: Position, left: Left, _: &mut Tell<'_>) -> Result<Spot, Error> {
        let Left::File { name, bytes, crc } = left else { return Ok(Spot::default()) };
        let replaces = self.claim(&name)?;
        Ok(Spot { name: Some(name), bytes, crc: Some(crc), replaces, ..Spot::default() })
    }

    fn flush(&mut self) -> Result<(), Error> {
        Ok(())
    }

    fn recorded(&mut self) -> Result<(), Error> {
        // From now on the name is the new run's, which no other item replaces.
        for name in self.claimed.drain(..) {
            if let Some(ours) = &self.ours {
                ours.remove(&name)?;
            }
        }
        Ok(())
    }

    fn replayed(&mut self, spot: &Spot) -> Result<(), Error> {
        match (&self.ours, &spot.name) {
            (Some(ours), Some(name)) if spot.replaces => ours.remove(name),
            _ => Ok(()),
        }
    }

    fn publish(&mut self, position: Position, spot: &Spot) -> Result<Option<Spot>, Error> {
        let Some(name) = &spot.name else { return Ok(None) };
        let fs = &self.placer.fs;
        let rename = |from: &Path, to: &Path| {
            if spot.replaces { fs.rename(from, to) } else { fs.rename_new(from, to) }
        };
        let placed = self.placer.place(&self.temp(position), name, rename);
        match placed {
            Ok(None) => Ok(None),
            Ok(Some(blocked)) => {
                let name = next_name(name, position, blocked);
                let replaces = self.claim(&name)?;
                Ok(Some(Spot { name: Some(name), replaces, ..spot.clone() }))
            }
            Err(source) => Err(Error::Output { path: self.placer.path(name), source }),
        }
    }

    fn holds(&self, position: Position, spot: &Spot, _: Reach) -> Result<bool, Error> {
        let Some(name) = &spot.name else { return Ok(true) };
        let temp = self.temp(position);
        let failed = |path: &Path| {
            let path = path.to_owned();
            move |source| Error::Output { path, source }
        };
        if let Some(same) = self.has_bytes(&temp, spot).map_err(failed(&temp))? {
            return Ok(same);
        }
        let path = self.placer.path(name);
        Ok(self.has_bytes(&path, spot).map_err(failed(&path))?.unwrap_or(false))
    }

    fn begin(&self) -> Result<(), Error> {
        // Files that are there keep their names.
        Ok(())
    }

    fn resume(&mut self, _: Reach) -> Result<(), Error> {
        Ok(())
    }

    fn staged(&self) -> Result<Vec<Position>, Error> {
        let names = self.placer.fs.list(&self.parts);
        let names = names.map_err(|source| Error::Output { path: self.parts.clone(), source })?;
        let position = |name: &std::ffi::OsString| name.to_str()?.parse().ok().map(Position);
        Ok(names.iter().filter_map(position).collect())
    }

    fn unstage(&mut self, position: Position) -> Result<(), Error> {
        let path = self.temp(position);
        match self.placer.fs.remove(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
            other => other.map_err(|source| Error::Output { path, source }),
        }
    }

    fn path(&self, spot: &Spot) -> Option<PathBuf> {
        spot.name.as_ref().map(|name| self.placer.path(name))
    }

    fn folder(&self) -> &Path {
        &self.placer.root
    }

    fn files(&self, positions: &[Position]) -> Vec<PathBuf> {
        positions.iter().map(|position| self.temp(*position)).collect()
    }
}
