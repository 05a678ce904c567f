use std::fmt::Debug;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;
use std::time::Duration;

use rustix::fs::{CWD, RenameFlags};
use rustix::io::Errno;

/// All that sinks and the ledger do with files, so that every write and rename can be made to
/// fail in a test.
pub(crate) trait Fs: Debug + Send + Sync + 'static {
    /// Makes a new, empty file; it is an error when the name is taken.
    fn create(&self, path: &Path) -> io::Result<Box<dyn Write + Send>>;
    /// Makes a folder. Its parent must be there.
    fn make_dir(&self, path: &Path) -> io::Result<()>;
    /// Gives a file its name, in one step; a file of that name is replaced.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Gives a file its name, in one step; it is an error when the name is taken.
    fn rename_new(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Removes a file.
    fn remove(&self, path: &Path) -> io::Result<()>;
    /// Removes an empty folder.
    fn remove_dir(&self, path: &Path) -> io::Result<()>;
}

/// The file system of the machine.
#[derive(Debug)]
pub(crate) struct Disk;

/// How long to wait for a free descriptor before another look.
const DESCRIPTOR_PAUSE: Duration = Duration::from_millis(20);
/// How often: two minutes in all.
const DESCRIPTOR_LOOKS: u32 = 6_000;

impl Fs for Disk {
    fn create(&self, path: &Path) -> io::Result<Box<dyn Write + Send>> {
        let mut looks = 0;
        loop {
            match OpenOptions::new().write(true).create_new(true).open(path) {
                Ok(file) => return Ok(Box::new(file)),
                Err(error) if out_of_descriptors(&error) && looks < DESCRIPTOR_LOOKS => {
                    looks += 1;
                    std::thread::park_timeout(DESCRIPTOR_PAUSE);
                }
                Err(error) => return Err(error),
            }
        }
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
            Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) => {
                std::fs::hard_link(from, to)?;
                std::fs::remove_file(from)
            }
            other => Ok(other?),
        }
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        std::fs::remove_file(path)
    }

    fn remove_dir(&self, path: &Path) -> io::Result<()> {
        std::fs::remove_dir(path)
    }
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
