use std::ffi::OsString;
use std::fmt::Debug;
use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::{CWD, RenameFlags};
use rustix::io::Errno;

/// All that sinks and the ledger do with files, so that every write, sync and rename can be made to
/// fail in a test.
pub(crate) trait Fs: Debug + Send + Sync + 'static {
    /// Makes a new, empty file; it is an error when the name is taken.
    fn create(&self, path: &Path) -> io::Result<Box<dyn Write + Send>>;
    /// Opens a file to write at its end; makes it where it is missing.
    fn append(&self, path: &Path) -> io::Result<Box<dyn Write + Send>>;
    /// Opens a file to read from a place in it.
    fn read(&self, path: &Path, from: u64) -> io::Result<Box<dyn Read + Send>>;
    /// Reads all of `bytes` at a place in a file.
    fn read_at(&self, path: &Path, at: u64, bytes: &mut [u8]) -> io::Result<()>;
    /// Overwrites bytes in a file that is there.
    fn write_at(&self, path: &Path, at: u64, bytes: &[u8]) -> io::Result<()>;
    /// Opens a file that is there to write at places in it.
    fn open_at(&self, path: &Path) -> io::Result<Box<dyn WriteAt + Send>>;
    /// The bytes in a file. An error of kind `NotFound` when there is none.
    fn len(&self, path: &Path) -> io::Result<u64>;
    /// Cuts a file, or lengthens it with zeros.
    fn set_len(&self, path: &Path, len: u64) -> io::Result<()>;
    /// The names in a folder.
    fn list(&self, path: &Path) -> io::Result<Vec<OsString>>;
    /// Whether there is a folder of this name.
    fn is_dir(&self, path: &Path) -> bool;
    /// Makes a folder. Its parent must be there.
    fn make_dir(&self, path: &Path) -> io::Result<()>;
    /// Gives a file its name, in one step; a file of that name is replaced.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Gives a file its name, in one step; it is an error when another file has that name.
    fn rename_new(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Removes a file.
    fn remove(&self, path: &Path) -> io::Result<()>;
    /// Takes a lock on a file that lasts as long as what is returned. `None` when another has it, or
    /// when there is no such file (any more).
    fn lock(&self, path: &Path) -> io::Result<Option<Lock>>;
    /// Removes an empty folder.
    fn remove_dir(&self, path: &Path) -> io::Result<()>;
    /// Makes the data of a file durable.
    fn sync(&self, path: &Path) -> io::Result<()>;
    /// Makes all that was done below a folder durable. `files` are those that count, for systems
    /// that can't be asked for all at once.
    fn sync_below(&self, folder: &Path, files: &mut dyn Iterator<Item = PathBuf>)
    -> io::Result<()>;
}

/// A file that is written at places in it.
pub(crate) trait WriteAt {
    /// Writes all of `bytes` there.
    fn write_at(&mut self, at: u64, bytes: &[u8]) -> io::Result<()>;
}

impl WriteAt for File {
    fn write_at(&mut self, at: u64, bytes: &[u8]) -> io::Result<()> {
        self.write_all_at(bytes, at)
    }
}

/// A lock on a file.
#[derive(Debug)]
pub(crate) struct Lock {
    /// None in memory, where there is only one process.
    pub(super) _file: Option<File>,
}

/// The file system of the machine.
#[derive(Debug)]
pub(crate) struct Disk;

/// How long to wait for a free descriptor before another look.
const DESCRIPTOR_PAUSE: Duration = Duration::from_millis(20);
/// How often: two minutes in all.
const DESCRIPTOR_LOOKS: u32 = 6_000;

/// Opens a file; a shortage of descriptors is waited out.
fn open(options: &OpenOptions, path: &Path) -> io::Result<File> {
    let mut looks = 0;
    loop {
        match options.open(path) {
            Err(error) if out_of_descriptors(&error) && looks < DESCRIPTOR_LOOKS => {
                looks += 1;
                std::thread::park_timeout(DESCRIPTOR_PAUSE);
            }
            other => return other,
        }
    }
}

impl Fs for Disk {
    fn create(&self, path: &Path) -> io::Result<Box<dyn Write + Send>> {
        Ok(Box::new(open(OpenOptions::new().write(true).create_new(true), path)?))
    }

    fn append(&self, path: &Path) -> io::Result<Box<dyn Write + Send>> {
        Ok(Box::new(open(OpenOptions::new().append(true).create(true), path)?))
    }

    fn read(&self, path: &Path, from: u64) -> io::Result<Box<dyn Read + Send>> {
        let mut file = open(OpenOptions::new().read(true), path)?;
        if from > 0 {
            file.seek(SeekFrom::Start(from))?;
        }
        Ok(Box::new(file))
    }

    fn read_at(&self, path: &Path, at: u64, bytes: &mut [u8]) -> io::Result<()> {
        open(OpenOptions::new().read(true), path)?.read_exact_at(bytes, at)
    }

    fn write_at(&self, path: &Path, at: u64, bytes: &[u8]) -> io::Result<()> {
        open(OpenOptions::new().write(true), path)?.write_all_at(bytes, at)
    }

    fn open_at(&self, path: &Path) -> io::Result<Box<dyn WriteAt + Send>> {
        Ok(Box::new(open(OpenOptions::new().write(true), path)?))
    }

    fn len(&self, path: &Path) -> io::Result<u64> {
        std::fs::metadata(path).map(|meta| meta.len())
    }

    fn set_len(&self, path: &Path, len: u64) -> io::Result<()> {
        open(OpenOptions::new().write(true), path)?.set_len(len)
    }

    fn list(&self, path: &Path) -> io::Result<Vec<OsString>> {
        std::fs::read_dir(path)?.map(|entry| entry.map(|entry| entry.file_name())).collect()
    }

    fn is_dir(&self, path: &Path) -> bool {
        path.is_dir()
    }

    fn make_dir(&self, path: &Path) -> io::Result<()> {
        std::fs::create_dir(path)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        std::fs::rename(from, to)
    }

    fn rename_new(&self, from: &Path, to: &Path) -> io::Result<()> {
        match rustix::fs::renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
            // Some file systems know no such flag.
            Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) => link_then_unlink(from, to),
            other => Ok(other?),
        }
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        std::fs::remove_file(path)
    }

    fn lock(&self, path: &Path) -> io::Result<Option<Lock>> {
        let file = match open(OpenOptions::new().read(true), path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            other => other?,
        };
        match rustix::fs::flock(&file, rustix::fs::FlockOperation::NonBlockingLockExclusive) {
            Err(Errno::WOULDBLOCK) => return Ok(None),
            other => other?,
        }
        // Another may have been done with it between the two, and given it another name.
        let id = |meta: std::fs::Metadata| (meta.dev(), meta.ino());
        let named = path.symlink_metadata().map(id).ok();
        Ok((named == Some(id(file.metadata()?))).then_some(Lock { _file: Some(file) }))
    }

    fn remove_dir(&self, path: &Path) -> io::Result<()> {
        std::fs::remove_dir(path)
    }

    fn sync(&self, path: &Path) -> io::Result<()> {
        open(OpenOptions::new().read(true), path)?.sync_data()
    }

    fn sync_below(
        &self,
        folder: &Path,
        files: &mut dyn Iterator<Item = PathBuf>,
    ) -> io::Result<()> {
        sync_below(folder, files)
    }
}

/// A name is never taken from another file, and a death in between leaves both names, which the
/// next call puts right.
fn link_then_unlink(from: &Path, to: &Path) -> io::Result<()> {
    match std::fs::hard_link(from, to) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists && is_same_file(from, to) => {}
        other => other?,
    }
    std::fs::remove_file(from)
}

fn is_same_file(a: &Path, b: &Path) -> bool {
    let id = |path: &Path| path.symlink_metadata().map(|meta| (meta.dev(), meta.ino())).ok();
    id(a).is_some() && id(a) == id(b)
}

/// Everything that is dirty on the file system, in one go: cheaper than file by file from a handful
/// of files on.
#[cfg(target_os = "linux")]
fn sync_below(folder: &Path, _: &mut dyn Iterator<Item = PathBuf>) -> io::Result<()> {
    Ok(rustix::fs::syncfs(open(OpenOptions::new().read(true), folder)?)?)
}

#[cfg(not(target_os = "linux"))]
fn sync_below(folder: &Path, files: &mut dyn Iterator<Item = PathBuf>) -> io::Result<()> {
    sync_each(folder, files)
}

/// The same, file by file, and the folders that hold them.
#[cfg(any(test, not(target_os = "linux")))]
fn sync_each(folder: &Path, files: &mut dyn Iterator<Item = PathBuf>) -> io::Result<()> {
    let mut folders = std::collections::BTreeSet::from([folder.to_owned()]);
    for file in files {
        match open(OpenOptions::new().read(true), &file) {
            Ok(file) => file.sync_data()?,
            // It has its final name already, and was synced for it.
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        folders.extend(file.parent().map(Path::to_owned));
    }
    folders.iter().try_for_each(|folder| File::open(folder)?.sync_all())
}

/// Makes a folder and those above it, where they are missing.
pub(crate) fn make_dirs(fs: &dyn Fs, path: &Path) -> io::Result<()> {
    match fs.make_dir(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
            make_dirs(fs, parent.ok_or(error)?)?;
            fs.make_dir(path).or_else(if_exists)
        }
        other => other.or_else(if_exists),
    }
    .and_then(|()| if fs.is_dir(path) { Ok(()) } else { Err(ErrorKind::NotADirectory.into()) })
}

fn if_exists(error: io::Error) -> io::Result<()> {
    if error.kind() == ErrorKind::AlreadyExists { Ok(()) } else { Err(error) }
}

/// Whether the process or the system has no descriptor left: a matter of waiting.
pub(crate) fn out_of_descriptors(error: &io::Error) -> bool {
    let errno = error.raw_os_error();
    errno == Some(Errno::MFILE.raw_os_error()) || errno == Some(Errno::NFILE.raw_os_error())
}

/// Takes a lock on a folder that lasts as long as the returned file. `None` when another has it.
pub(crate) fn lock_dir(path: &Path) -> io::Result<Option<File>> {
    let dir = File::open(path)?;
    match rustix::fs::flock(&dir, rustix::fs::FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(Some(dir)),
        Err(Errno::WOULDBLOCK) => Ok(None),
        Err(errno) => Err(errno.into()),
    }
}

/// Reads what is in a file from there on, and leaves it standing where it stands.
pub(crate) fn peek(file: &File, from: u64, bytes: &mut [u8]) -> io::Result<()> {
    file.read_exact_at(bytes, from)
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;

    #[test]
    fn a_link_left_by_a_death_is_put_right() {
        let dir = TempDir::new().unwrap();
        let at = |name: &str| dir.path().join(name);
        std::fs::write(at("temp"), "ours").unwrap();
        std::fs::hard_link(at("temp"), at("final")).unwrap();
        link_then_unlink(&at("temp"), &at("final")).unwrap();
        assert!(!at("temp").exists());
        std::fs::write(at("temp"), "other").unwrap();
        let taken = link_then_unlink(&at("temp"), &at("final")).unwrap_err();
        assert_eq!(taken.kind(), ErrorKind::AlreadyExists);
        assert_eq!(std::fs::read(at("final")).unwrap(), b"ours");
    }

    #[test]
    fn files_are_synced_one_by_one_where_they_must_be() {
        let dir = TempDir::new().unwrap();
        let file = dir.path().join("x");
        std::fs::write(&file, "x").unwrap();
        let files = [file, dir.path().join("renamed since")];
        sync_each(dir.path(), &mut files.clone().into_iter()).unwrap();
        sync_below(dir.path(), &mut files.into_iter()).unwrap();
        assert!(sync_below(&dir.path().join("missing"), &mut std::iter::empty()).is_err());
    }
}
