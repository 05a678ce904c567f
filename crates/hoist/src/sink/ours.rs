use std::io::{self, BufReader, ErrorKind, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::error::Error;
use crate::item::name_hash;
use crate::sys::Fs;

/// The names of files that a ledger gave before it was started over: these may be replaced, each
/// once. A hash table in a file, so that a list of any length takes no memory: a slot holds the hash
/// of a name, in the first one that was free from where it belongs.
#[derive(Debug)]
pub(crate) struct Ours {
    fs: Arc<dyn Fs>,
    path: PathBuf,
    slots: u64,
}

type Input = BufReader<Box<dyn Read + Send>>;

/// Bytes of a slot.
const SLOT: u64 = 8;
/// A slot that was never used: no name is behind it.
const FREE: u64 = 0;
/// A slot whose name was taken out: others may be behind it.
const GONE: u64 = 1;
/// Slots read and written at once while the table is made.
const PAGE: u64 = 8192;
/// Names sorted at once, so that the pages come in order.
const BATCH: usize = 1 << 20;

impl Ours {
    /// The table that is there, if one is.
    pub(crate) fn open(fs: Arc<dyn Fs>, path: PathBuf) -> Result<Option<Self>, Error> {
        match fs.len(&path) {
            Ok(length) => Ok(Some(Self { fs, path, slots: (length / SLOT).max(1) })),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(source) => Err(Error::Output { path, source }),
        }
    }

    /// Names that it may hold.
    pub(crate) fn capacity(&self) -> u64 {
        self.slots
    }

    /// The hashes of all names.
    pub(crate) fn hashes(&self) -> impl Iterator<Item = Result<u64, Error>> {
        let mut input = None;
        std::iter::from_fn(move || {
            loop {
                match self.next_slot(&mut input) {
                    Ok(None) => return None,
                    Ok(Some(slot)) if slot <= GONE => {}
                    Ok(Some(hash)) => return Some(Ok(hash)),
                    Err(error) => return Some(Err(self.failed()(error))),
                }
            }
        })
    }

    fn next_slot(&self, input: &mut Option<Input>) -> io::Result<Option<u64>> {
        let input = match input {
            Some(input) => input,
            none => none.insert(BufReader::new(self.fs.read(&self.path, 0)?)),
        };
        let mut slot = [0; 8];
        match input.read_exact(&mut slot) {
            Ok(()) => Ok(Some(u64::from_le_bytes(slot))),
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Makes the table of at most `count` names, by their hashes.
    pub(crate) fn make(
        fs: &dyn Fs,
        path: &Path,
        count: u64,
        names: impl Iterator<Item = Result<u64, Error>>,
    ) -> Result<(), Error> {
        let failed = |source| Error::Output { path: path.to_owned(), source };
        // A third free, and whole pages.
        let pages = count.saturating_mul(3) / 2 / PAGE + 1;
        let mut table = Table { fs, path, slots: pages * PAGE, page: None };
        drop(fs.create(path).map_err(failed)?);
        fs.set_len(path, table.slots * SLOT).map_err(failed)?;
        let mut names = names.peekable();
        while names.peek().is_some() {
            let mut hashes = Vec::new();
            for name in names.by_ref().take(BATCH) {
                hashes.push(name?.max(GONE + 1));
            }
            hashes.sort_unstable_by_key(|hash| hash % table.slots);
            for hash in hashes {
                table.insert(hash).map_err(failed)?;
            }
        }
        table.store().map_err(failed)
    }

    pub(crate) fn contains(&self, name: &str) -> Result<bool, Error> {
        self.find(hash(name)).map(|at| at.is_some()).map_err(self.failed())
    }

    /// Takes a name out.
    pub(crate) fn remove(&self, name: &str) -> Result<(), Error> {
        let removed = self.find(hash(name)).and_then(|at| match at {
            Some(at) => self.fs.write_at(&self.path, at * SLOT, &GONE.to_le_bytes()),
            None => Ok(()),
        });
        removed.map_err(self.failed())
    }

    fn failed(&self) -> impl FnOnce(io::Error) -> Error {
        let path = self.path.clone();
        move |source| Error::Output { path, source }
    }

    fn find(&self, hash: u64) -> io::Result<Option<u64>> {
        let mut at = hash % self.slots;
        for _ in 0..self.slots {
            let mut slot = [0; 8];
            self.fs.read_at(&self.path, at * SLOT, &mut slot)?;
            match u64::from_le_bytes(slot) {
                FREE => return Ok(None),
                found if found == hash => return Ok(Some(at)),
                _ => at = (at + 1) % self.slots,
            }
        }
        Ok(None)
    }
}

/// Never one of the two values that mean something else.
fn hash(name: &str) -> u64 {
    name_hash(name).max(GONE + 1)
}

/// A table being made, a page at a time.
struct Table<'a> {
    fs: &'a dyn Fs,
    path: &'a Path,
    slots: u64,
    page: Option<(u64, Vec<u64>)>,
}

impl Table<'_> {
    fn insert(&mut self, hash: u64) -> io::Result<()> {
        let mut at = hash % self.slots;
        loop {
            let slot = self.slot(at)?;
            if *slot == FREE || *slot == hash {
                *slot = hash;
                return Ok(());
            }
            at = (at + 1) % self.slots;
        }
    }

    fn slot(&mut self, at: u64) -> io::Result<&mut u64> {
        let number = at / PAGE;
        if self.page.as_ref().is_none_or(|(loaded, _)| *loaded != number) {
            self.store()?;
            let mut bytes = vec![0; 8 * 8192];
            self.fs.read_at(self.path, number * PAGE * SLOT, &mut bytes)?;
            let slot = |bytes: &[u8]| u64::from_le_bytes(bytes.try_into().unwrap_or_default());
            self.page = Some((number, bytes.chunks_exact(8).map(slot).collect()));
        }
        let (_, page) = self.page.get_or_insert_default();
        Ok(&mut page[usize::try_from(at % PAGE).unwrap_or_default()])
    }

    fn store(&mut self) -> io::Result<()> {
        let Some((number, page)) = self.page.take() else { return Ok(()) };
        let bytes: Vec<u8> = page.iter().flat_map(|slot| slot.to_le_bytes()).collect();
        self.fs.write_at(self.path, number * PAGE * SLOT, &bytes)
    }
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;
    use crate::sys::Disk;

    #[test]
    fn each_name_is_found_until_it_is_taken_out() {
        let dir = TempDir::new().unwrap();
        let path = dir.path().join("ours");
        let names = || (0..30_000).map(|n| Ok(hash(&format!("folder/{n}.bin"))));
        Ours::make(&Disk, &path, 30_000, names()).unwrap();
        let ours = Ours::open(Arc::new(Disk), path).unwrap().unwrap();
        for n in (0..30_000).step_by(7) {
            let name = format!("folder/{n}.bin");
            assert!(ours.contains(&name).unwrap(), "{name}");
            ours.remove(&name).unwrap();
            assert!(!ours.contains(&name).unwrap(), "{name}");
        }
        assert!(ours.contains("folder/1.bin").unwrap());
        assert!(!ours.contains("folder/30000.bin").unwrap());
    }
}
