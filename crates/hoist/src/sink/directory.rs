use std::collections::HashSet;
use std::fs::File;
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use super::{Sink, Wanted};
use crate::error::Error;
use crate::item::{FileName, Position};
use crate::plan::Existing;
use crate::sys::{Disk, Fs, lock_dir};

/// One file for each body: written to a temporary name, given its own when it is whole.
#[derive(Debug)]
pub(crate) struct Directory {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    fs: Box<dyn Fs>,
    root: PathBuf,
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

/// Names tried before giving up: far more than the folders and files of one name can block.
const TRIES: usize = 256;

impl Directory {
    /// Opens it, makes it where it is missing, and clears what dead runs left.
    pub(crate) fn open(root: PathBuf, existing: Existing, run: u64) -> Result<Self, Error> {
        Self::open_on(Box::new(Disk), root, existing, run)
    }

    /// The same on another file system.
    pub(super) fn open_on(
        fs: Box<dyn Fs>,
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
        let shared = Shared { fs, root, temp, _lock: lock, existing, given: Mutex::default() };
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

fn make_dirs(fs: &dyn Fs, path: &Path) -> io::Result<()> {
    match fs.make_dir(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
            make_dirs(fs, parent.ok_or(error)?)?;
            fs.make_dir(path).or_else(if_exists)
        }
        other => other.or_else(if_exists),
    }
    .and_then(|()| if path.is_dir() { Ok(()) } else { Err(ErrorKind::NotADirectory.into()) })
}

fn if_exists(error: io::Error) -> io::Result<()> {
    if error.kind() == ErrorKind::AlreadyExists { Ok(()) } else { Err(error) }
}

impl Sink for Directory {
    type Part = Part;

    fn begin(&mut self, wanted: Wanted) -> Result<Part, Error> {
        let path = self.shared.temp.join(wanted.position.to_string());
        let file = self
            .shared
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

    fn finish(&mut self, part: Part) -> Result<Option<PathBuf>, Error> {
        let Part { path, file, wanted } = part;
        drop(file);
        let placed = self.shared.place(&path, wanted.name, wanted.position).inspect_err(|_| {
            let _ = self.shared.fs.remove(&path);
        })?;
        Ok(Some(placed))
    }

    fn discard(&mut self, part: Part) -> Result<(), Error> {
        drop(part.file);
        let removed = self.shared.fs.remove(&part.path);
        removed.map_err(|source| Error::Output { path: part.path, source })
    }

    fn close(&mut self) -> Result<(), Error> {
        // The last writer to leave finds the folders empty. Whose are not, are still needed.
        let Shared { fs, temp, root, .. } = &*self.shared;
        let private = root.join(PRIVATE);
        for folder in [temp, &private.join("tmp"), &private] {
            if fs.remove_dir(folder).is_err() {
                break;
            }
        }
        Ok(())
    }
}

/// What stands in the way of a name.
enum Blocked {
    /// The last part of the name is taken by a file.
    ByFile,
    /// The last part of the name is taken by a folder.
    ByFolder,
    /// This part of the name, meant as a folder, is a file.
    Parent(usize),
}

impl Shared {
    /// Gives a finished file its name, or the nearest one that is free. Who comes later gives
    /// way: a name that an outcome has told is never taken away.
    fn place(&self, temp: &Path, name: FileName, position: Position) -> Result<PathBuf, Error> {
        let wanted = self.root.join(name.to_path());
        let failed = |source| Error::Output { path: wanted.clone(), source };
        let mut parts = name.into_parts();
        let last = parts.len() - 1;
        let plain = parts[last].clone();
        let mut copies = 0;
        for _ in 0..TRIES {
            let path = parts.iter().fold(self.root.clone(), |path, part| path.join(part));
            match self.try_place(temp, &path, &parts).map_err(failed)? {
                None => return Ok(path),
                Some(Blocked::Parent(part)) => parts[part].push('~'),
                Some(Blocked::ByFolder) => parts[last].push('~'),
                Some(Blocked::ByFile) => {
                    copies += 1;
                    parts[last] = match copies {
                        1 => format!("{plain}~{position}"),
                        n => format!("{plain}~{position}~{n}"),
                    };
                }
            }
        }
        Err(failed(ErrorKind::AlreadyExists.into()))
    }

    fn try_place(&self, temp: &Path, path: &Path, parts: &[String]) -> io::Result<Option<Blocked>> {
        let mut made_parents = false;
        loop {
            let error = match self.rename(temp, path) {
                Ok(()) => return Ok(None),
                Err(error) => error,
            };
            match error.kind() {
                ErrorKind::AlreadyExists | ErrorKind::IsADirectory => {
                    let is_dir = path.symlink_metadata().is_ok_and(|meta| meta.is_dir());
                    return Ok(Some(if is_dir { Blocked::ByFolder } else { Blocked::ByFile }));
                }
                // A file stands where a folder is needed, or the folder is missing.
                ErrorKind::NotADirectory | ErrorKind::NotFound if !made_parents => {
                    made_parents = true;
                    if let Some(part) = self.make_parents(parts)? {
                        return Ok(Some(Blocked::Parent(part)));
                    }
                }
                _ => return Err(error),
            }
        }
    }

    fn rename(&self, temp: &Path, path: &Path) -> io::Result<()> {
        match self.existing {
            Existing::Keep => self.fs.rename_new(temp, path),
            Existing::Replace => {
                let mut given = self.given.lock().unwrap_or_else(PoisonError::into_inner);
                if given.contains(path) {
                    return Err(ErrorKind::AlreadyExists.into());
                }
                self.fs.rename(temp, path)?;
                given.insert(path.to_owned());
                Ok(())
            }
        }
    }

    /// Makes the folders of a name. Returns the part that is a file, where one is.
    fn make_parents(&self, parts: &[String]) -> io::Result<Option<usize>> {
        let mut folder = self.root.clone();
        for (at, part) in parts[..parts.len() - 1].iter().enumerate() {
            folder.push(part);
            match self.fs.make_dir(&folder) {
                Ok(()) => {}
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                    if !folder.is_dir() {
                        return Ok(Some(at));
                    }
                }
                Err(error) => return Err(error),
            }
        }
        Ok(None)
    }
}
