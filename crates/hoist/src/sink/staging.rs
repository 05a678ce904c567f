use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::part::Beneath;
use super::{Finished, Left, Sink, Wanted};
use crate::error::Error;
use crate::item::FileName;
use crate::sys::Fs;

/// One temporary file for each body; the ledger's thread gives it its name when its record is
/// durable. See [`super::Files`].
#[derive(Debug, Clone)]
pub(crate) struct Staging {
    pub(crate) fs: Arc<dyn Fs>,
    /// The folder of the temporary files.
    pub(crate) parts: PathBuf,
}

/// A file being written.
pub(crate) struct Part {
    path: PathBuf,
    file: Box<dyn Write + Send>,
    wanted: Wanted,
    bytes: u64,
    crc: u32,
}

impl Sink for Staging {
    type Part = Part;

    fn begin(&mut self, wanted: Wanted) -> Result<Part, Error> {
        let path = wanted.position.file_in(&self.parts);
        let file =
            self.fs.create(&path).map_err(|source| Error::Output { path: path.clone(), source })?;
        Ok(Part { path, file, wanted, bytes: 0, crc: 0 })
    }

    fn write(&mut self, part: &mut Part, bytes: &[u8]) -> Result<(), Error> {
        part.bytes += bytes.len() as u64;
        part.crc = crc32c::crc32c_append(part.crc, bytes);
        part.file
            .write_all(bytes)
            .map_err(|source| Error::Output { path: part.path.clone(), source })
    }

    fn rename(&mut self, part: &mut Part, name: FileName) {
        part.wanted.name = name;
    }

    fn finish(&mut self, part: Part) -> Result<Finished, Error> {
        let Part { wanted, bytes, crc, .. } = part;
        Ok(Finished::Left(Left::File { name: wanted.name.into_text(), bytes, crc }))
    }

    fn discard(&mut self, part: Part) -> Result<(), Error> {
        drop(part.file);
        let removed = self.fs.remove(&part.path);
        removed.map_err(|source| Error::Output { path: part.path, source })
    }

    fn close(&mut self) -> Result<(), Error> {
        Ok(())
    }
}

impl Beneath for Staging {
    fn key(&self, wanted: &Wanted, _: &str) -> String {
        wanted.position.to_string()
    }

    /// The ledger's lock is held.
    fn shared(&self) -> bool {
        false
    }

    fn adopt(
        &mut self,
        part: &Path,
        wanted: Wanted,
        bytes: u64,
        crc: u32,
    ) -> Result<Finished, Error> {
        let path = wanted.position.file_in(&self.parts);
        let renamed = self.fs.rename(part, &path);
        renamed.map_err(|source| Error::Output { path, source })?;
        Ok(Finished::Left(Left::File { name: wanted.name.into_text(), bytes, crc }))
    }
}
