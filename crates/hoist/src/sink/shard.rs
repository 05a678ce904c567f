use std::io::{self, ErrorKind, Read, Write};
use std::path::{Path, PathBuf};

use super::gathering::Body;
use super::tar::{self, END};
use crate::error::Error;
use crate::sys::Fs;

/// A shard without its name.
pub(super) struct Shard {
    pub(super) number: u64,
    pub(super) name: String,
    pub(super) path: PathBuf,
    /// Where it is until then.
    pub(super) part: PathBuf,
    /// Samples that are not published.
    pub(super) unpublished: u64,
}

/// The shard that is written.
pub(super) struct Open {
    pub(super) shard: Shard,
    pub(super) file: Box<dyn Write + Send>,
    /// Not yet with the system.
    pub(super) buffer: Vec<u8>,
    /// Of all of it.
    pub(super) end: u64,
    pub(super) samples: u64,
    /// CRC32C of the sample that is written.
    pub(super) crc: u32,
}

/// Bytes that are handed to the system at once.
const LARGE: usize = 1 << 20;

impl Open {
    pub(super) fn append(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.crc = crc32c::crc32c_append(self.crc, bytes);
        self.end += bytes.len() as u64;
        self.buffer.extend_from_slice(bytes);
        if self.buffer.len() >= LARGE { self.flush() } else { Ok(()) }
    }

    pub(super) fn flush(&mut self) -> Result<(), Error> {
        self.file.write_all(&self.buffer).map_err(failed(&self.shard.part))?;
        self.buffer.clear();
        Ok(())
    }

    /// Appends a body, of which the length has been said.
    pub(super) fn append_body(&mut self, fs: &dyn Fs, body: Body, bytes: u64) -> Result<(), Error> {
        match body {
            Body::Held(held) => self.append(&held.bytes)?,
            Body::Filed(path) => {
                let before = self.end;
                let mut file = fs.read(&path, 0).map_err(failed(&path))?;
                let mut piece = vec![0; 256 << 10];
                loop {
                    match file.read(&mut piece) {
                        Ok(0) => break,
                        Ok(n) => self.append(&piece[..n])?,
                        Err(error) if error.kind() == ErrorKind::Interrupted => {}
                        Err(error) => return Err(failed(&path)(error)),
                    }
                }
                if self.end - before != bytes {
                    return Err(failed(&path)(ErrorKind::UnexpectedEof.into()));
                }
                fs.remove(&path).map_err(failed(&path))?;
            }
        }
        self.append(&END[..usize::try_from(tar::padded(bytes) - bytes).unwrap_or_default()])
    }
}

pub(super) fn failed(path: &Path) -> impl FnOnce(io::Error) -> Error {
    let path = path.to_owned();
    move |source| Error::Output { path, source }
}

/// None when there is no such file.
pub(super) fn length(fs: &dyn Fs, path: &Path) -> Result<Option<u64>, Error> {
    match fs.len(path) {
        Ok(length) => Ok(Some(length)),
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            Ok(None)
        }
        Err(error) => Err(failed(path)(error)),
    }
}
