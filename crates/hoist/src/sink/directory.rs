use std::collections::HashSet;
use std::fs::File;
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use super::part::Beneath;
use super::place::{Placer, TRIES, next_name};
use super::{Finished, Sink, Wanted};
use crate::error::Error;
use crate::item::{FileName, Position, name_hash};
use crate::plan::Existing;
use crate::sys::{Disk, Fs, lock_dir, make_dirs};

/// One file for each body: written to a temporary name, given its own when it is whole. For runs
/// without a ledger.
#[derive(Debug)]
pub(crate) struct Directory {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    placer: Placer,
    /// This run's folder of temporary files, locked while the run lives.
    temp: PathBuf,
    _lock: File,
    existing: Existing,
    /// Names given by this run, where files are replaced. Only lists that are short by nature,
    /// such as arguments, are run so.
    given: Mutex<HashSet<PathBuf>>,
}

/// A file being written.
pub(crate) struct Part {
    path: PathBuf,
    file: Box<dyn Write + Send>,
    wanted: Wanted,
}

/// Where sinks keep what is theirs, below the root.
pub(crate) const PRIVATE: &str = ".hoist";

/// Tries to make and lock a folder while others clear up.
const OPENINGS: u64 = 100;

impl Directory {
    /// Opens it, makes it where it is missing, and clears what dead runs left.
    pub(crate) fn open(root: PathBuf, existing: Existing, run: u64) -> Result<Self, Error> {
        Self::open_on(Arc::new(Disk), root, existing, run)
    }

    /// The same on another file system.
    pub(super) fn open_on(
        fs: Arc<dyn Fs>,
        root: PathBuf,
        existing: Existing,
        run: u64,
    ) -> Result<Self, Error> {
        let temps = root.join(PRIVATE).join("tmp");
        let mut tries = 0;
        let (temp, lock) = loop {
            let temp = temps.join(format!("{:016x}", run.wrapping_add(tries)));
            let made = make_dirs(&*fs, &temps).and_then(|()| {
                clear_dead(&*fs, &temps);
                fs.make_dir(&temp)?;
                lock_dir(&temp)
            });
            match made {
                // Locked while it was there: from now on nobody takes it for a dead run's.
                Ok(Some(lock)) if temp.is_dir() => break (temp, lock),
                Ok(_) if tries < OPENINGS => {}
                Err(error) if error.kind() == ErrorKind::NotFound && tries < OPENINGS => {}
                Ok(_) => {
                    let source = io::Error::other("other runs keep removing the temporary folder");
                    return Err(Error::Output { path: temp, source });
                }
                Err(source) => return Err(Error::Output { path: root, source }),
            }
            // Another run was clearing up or leaving between two of the steps.
            tries += 1;
        };
        let placer = Placer { fs, root };
        let shared = Shared { placer, temp, _lock: lock, existing, given: Mutex::default() };
        Ok(Self { shared: Arc::new(shared) })
    }

    /// Another handle, for another writer thread.
    pub(crate) fn share(&self) -> Self {
        Self { shared: Arc::clone(&self.shared) }
    }
}

/// Removes the temporary folders of runs that are no more: nobody holds their lock. A failure to
/// do so harms nobody, and the next run tries again.
fn clear_dead(fs: &dyn Fs, temps: &Path) {
    let Ok(runs) = std::fs::read_dir(temps) else { return };
    for run in runs.flatten() {
        let Ok(Some(_lock)) = lock_dir(&run.path()) else { continue };
        let Ok(files) = std::fs::read_dir(run.path()) else { continue };
        for file in files.flatten() {
            let _ = fs.remove(&file.path());
        }
        let _ = fs.remove_dir(&run.path());
    }
}

impl Sink for Directory {
    type Part = Part;

    fn begin(&mut self, wanted: Wanted) -> Result<Part, Error> {
        let path = self.shared.temp.join(wanted.position.to_string());
        let file = self
            .shared
            .placer
            .fs
            .create(&path)
            .map_err(|source| Error::Output { path: path.clone(), source })?;
        Ok(Part { path, file, wanted })
    }

    fn write(&mut self, part: &mut Part, bytes: &[u8]) -> Result<(), Error> {
        part.file
            .write_all(bytes)
            .map_err(|source| Error::Output { path: part.path.clone(), source })
    }

    fn rename(&mut self, part: &mut Part, name: FileName) {
        part.wanted.name = name;
    }

    fn finish(&mut self, part: Part) -> Result<Finished, Error> {
        let Part { path, file, wanted } = part;
        drop(file);
        let placed = self.shared.place(&path, &wanted.name, wanted.position).inspect_err(|_| {
            let _ = self.shared.placer.fs.remove(&path);
        })?;
        Ok(Finished::At(Some(placed)))
    }

    fn discard(&mut self, part: Part) -> Result<(), Error> {
        drop(part.file);
        let removed = self.shared.placer.fs.remove(&part.path);
        removed.map_err(|source| Error::Output { path: part.path, source })
    }

    fn close(&mut self) -> Result<(), Error> {
        // The last writer to leave finds the folders empty. Whose are not, are still needed.
        let Shared { placer: Placer { fs, root }, temp, .. } = &*self.shared;
        let private = root.join(PRIVATE);
        for folder in [temp, &private.join("tmp"), &private] {
            if fs.remove_dir(folder).is_err() {
                break;
            }
        }
        Ok(())
    }
}

impl Beneath for Directory {
    fn key(&self, wanted: &Wanted, url: &str) -> String {
        format!("{:016x}", name_hash(&format!("{}\n{url}", wanted.name.to_text())))
    }

    /// Such runs take no lock.
    fn shared(&self) -> bool {
        true
    }

    fn adopt(&mut self, part: &Path, wanted: Wanted, _: u64, _: u32) -> Result<Finished, Error> {
        let placed = self.shared.place(part, &wanted.name, wanted.position)?;
        Ok(Finished::At(Some(placed)))
    }
}

impl Shared {
    /// Gives a finished file its name, or the nearest one that is free.
    fn place(&self, temp: &Path, name: &FileName, position: Position) -> Result<PathBuf, Error> {
        let wanted = self.placer.root.join(name.to_path());
        let failed = |source| Error::Output { path: wanted.clone(), source };
        let mut name = name.to_text();
        for _ in 0..TRIES {
            let rename = |temp: &Path, path: &Path| self.rename(temp, path);
            match self.placer.place(temp, &name, rename).map_err(failed)? {
                None => return Ok(self.placer.path(&name)),
                Some(blocked) => name = next_name(&name, position, blocked),
            }
        }
        Err(failed(ErrorKind::AlreadyExists.into()))
    }

    fn rename(&self, temp: &Path, path: &Path) -> io::Result<()> {
        match self.existing {
            Existing::Keep => self.placer.fs.rename_new(temp, path),
            Existing::Replace => {
                let mut given = self.given.lock().unwrap_or_else(PoisonError::into_inner);
                if given.contains(path) {
                    return Err(ErrorKind::AlreadyExists.into());
                }
                self.placer.fs.rename(temp, path)?;
                given.insert(path.to_owned());
                Ok(())
            }
        }
    }
}
