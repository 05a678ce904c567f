use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::{Finished, Left, Sink, Wanted};
use crate::error::Error;
use crate::item::FileName;
use crate::plan::defaults;
use crate::sys::Fs;

/// Gathers each body until it is whole, as a tar says a file's length before its bytes, and as what
/// is in a shard can't be taken back. Small ones stay in memory, all together within a bound; others
/// go through a temporary file. The ledger's thread appends them to a shard: see [`super::Shards`].
#[derive(Debug, Clone)]
pub(crate) struct Gathering {
    fs: Arc<dyn Fs>,
    /// The folder of the temporary files.
    parts: PathBuf,
    /// Bytes of bodies in memory, until they are in a shard.
    held: Arc<AtomicUsize>,
    /// Of one of them, at most.
    most: usize,
}

/// The bytes of a body that is for a shard.
pub(crate) enum Body {
    Held(Held),
    Filed(PathBuf),
}

/// A body in memory, and its part of the bound.
pub(crate) struct Held {
    pub(super) bytes: Vec<u8>,
    /// Bytes that there is room for.
    counted: usize,
    most: usize,
    all: Arc<AtomicUsize>,
}

/// A body being received.
pub(crate) struct Part {
    wanted: Wanted,
    gathered: Gathered,
    bytes: u64,
    crc: u32,
}

enum Gathered {
    Held(Held),
    Filed(PathBuf, Box<dyn Write + Send>),
}

/// What the names of temporary files end with; a position is before it.
pub(super) const BODY: &str = ".body";

impl Gathering {
    pub(crate) fn new(fs: Arc<dyn Fs>, parts: PathBuf) -> Self {
        Self { fs, parts, held: Arc::default(), most: defaults::HELD_BODY }
    }

    /// The same, with so many bytes of a body in memory at most.
    #[cfg(test)]
    pub(crate) fn holding(self, most: usize) -> Self {
        Self { most, ..self }
    }

    /// Into a file, what is there and what comes.
    fn file(&self, wanted: &Wanted, before: &[u8]) -> Result<Gathered, Error> {
        let path = self.parts.join(format!("{}{BODY}", wanted.position));
        let made = self.fs.create(&path).and_then(|mut file| {
            file.write_all(before)?;
            Ok(file)
        });
        match made {
            Ok(file) => Ok(Gathered::Filed(path, file)),
            Err(source) => Err(Error::Output { path, source }),
        }
    }
}

impl Held {
    /// Room for so many bytes more, where there is some.
    fn grow(&mut self, more: usize) -> bool {
        let needed = self.bytes.len() + more;
        if needed <= self.counted || needed > self.most {
            return needed <= self.counted;
        }
        // The first bytes are often all; who has more is given twice as much each time.
        let room = needed.max(self.counted * 2).min(self.most);
        let more = room - self.counted;
        let grown = |all: usize| Some(all + more).filter(|all| *all <= defaults::HELD_BODIES);
        let grew = self.all.fetch_update(Ordering::Relaxed, Ordering::Relaxed, grown).is_ok();
        if grew {
            self.bytes.reserve_exact(room - self.bytes.len());
            self.counted = room;
        }
        grew
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.all.fetch_sub(self.counted, Ordering::Relaxed);
    }
}

impl Sink for Gathering {
    type Part = Part;

    fn begin(&mut self, wanted: Wanted) -> Result<Part, Error> {
        let all = Arc::clone(&self.held);
        let held = Held { bytes: Vec::new(), counted: 0, most: self.most, all };
        Ok(Part { wanted, gathered: Gathered::Held(held), bytes: 0, crc: 0 })
    }

    fn write(&mut self, part: &mut Part, bytes: &[u8]) -> Result<(), Error> {
        part.bytes += bytes.len() as u64;
        part.crc = crc32c::crc32c_append(part.crc, bytes);
        if let Gathered::Held(held) = &mut part.gathered {
            if held.grow(bytes.len()) {
                held.bytes.extend_from_slice(bytes);
                return Ok(());
            }
            part.gathered = self.file(&part.wanted, &held.bytes)?;
        }
        match &mut part.gathered {
            Gathered::Held(_) => Ok(()),
            Gathered::Filed(path, file) => {
                file.write_all(bytes).map_err(|source| Error::Output { path: path.clone(), source })
            }
        }
    }

    fn rename(&mut self, part: &mut Part, name: FileName) {
        part.wanted.name = name;
    }

    fn finish(&mut self, part: Part) -> Result<Finished, Error> {
        let Part { wanted, gathered, bytes, crc } = part;
        let body = match gathered {
            Gathered::Held(held) => Body::Held(held),
            Gathered::Filed(path, _) => Body::Filed(path),
        };
        Ok(Finished::Left(Left::Member { name: wanted.name.into_text(), body, bytes, crc }))
    }

    fn discard(&mut self, part: Part) -> Result<(), Error> {
        match part.gathered {
            Gathered::Held(_) => Ok(()),
            Gathered::Filed(path, file) => {
                drop(file);
                self.fs.remove(&path).map_err(|source| Error::Output { path, source })
            }
        }
    }

    fn close(&mut self) -> Result<(), Error> {
        Ok(())
    }
}

impl std::fmt::Debug for Body {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Held(held) => write!(f, "Held({} bytes)", held.bytes.len()),
            Self::Filed(path) => write!(f, "Filed({path:?})"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::item::{FileName, Position};
    use crate::sink::HashWish;
    use crate::sys::Memory;

    fn wanted(position: u64) -> Wanted {
        let hash = HashWish::default();
        Wanted {
            position: Position(position),
            name: FileName::from_text("x.bin"),
            late: None,
            hash,
            coded: None,
            source: None,
        }
    }

    #[test]
    fn what_does_not_fit_into_memory_goes_into_files() {
        let fs = Memory::new(0);
        fs.put("/parts/other", b"");
        let mut sink = Gathering::new(Arc::new(fs.clone()), "/parts".into());
        let piece = vec![7; defaults::HELD_BODY];
        let fit = defaults::HELD_BODIES / defaults::HELD_BODY;
        let mut all = Vec::new();
        for n in 0..fit as u64 + 2 {
            let mut part = sink.begin(wanted(n)).unwrap();
            sink.write(&mut part, &piece[..9]).unwrap();
            sink.write(&mut part, &piece[9..]).unwrap();
            all.push(sink.finish(part).unwrap());
        }
        let files = fs.files();
        assert_eq!(files.len(), 3, "{:?}", files.keys());
        assert_eq!(files[&format!("/parts/{fit}.body")], piece);
        assert!(matches!(
            &all[fit],
            Finished::Left(Left::Member { body: Body::Filed(_), bytes, crc, .. })
                if *bytes == piece.len() as u64 && *crc == crc32c::crc32c(&piece)
        ));
        // What is in a shard is no more in memory.
        drop(all);
        assert_eq!(sink.held.load(Ordering::Relaxed), 0);
        let mut part = sink.begin(wanted(99)).unwrap();
        sink.write(&mut part, &piece).unwrap();
        sink.write(&mut part, b"too long").unwrap();
        assert_eq!(fs.files()["/parts/99.body"].len(), piece.len() + 8);
        sink.discard(part).unwrap();
        assert!(!fs.files().contains_key("/parts/99.body"));
        assert_eq!(sink.held.load(Ordering::Relaxed), 0);
    }
}
