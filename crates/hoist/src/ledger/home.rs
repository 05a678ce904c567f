use std::path::{Path, PathBuf};

use crate::error::Error;
use crate::sink::PRIVATE;
use crate::sys::{Fs, make_dirs};

/// Where a file really is: its ledger stands beside it, on the same file system, whatever link led
/// there.
pub(crate) fn real_file(path: &Path) -> PathBuf {
    let is_link = path.symlink_metadata().is_ok_and(|meta| meta.is_symlink());
    let real = if is_link { std::fs::canonicalize(path).ok() } else { None };
    real.unwrap_or_else(|| path.to_owned())
}

/// Where a ledger and its temporary files are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Home {
    pub(crate) ledger: PathBuf,
    /// Bodies that are whole, or on the way to it, each under its position.
    pub(crate) parts: PathBuf,
    /// Lines of the list that wait for their origin, while a run goes on.
    pub(crate) aside: PathBuf,
}

impl Home {
    /// Of a folder of files.
    pub(crate) fn of_folder(root: &Path) -> Self {
        Self::below(&root.join(PRIVATE))
    }

    /// Of a file of lines.
    pub(crate) fn of_file(file: &Path) -> Self {
        let mut name = file.as_os_str().to_owned();
        name.push(PRIVATE);
        Self::below(Path::new(&name))
    }

    fn below(private: &Path) -> Self {
        Self {
            ledger: private.join("ledger"),
            parts: private.join("parts"),
            aside: private.join("aside"),
        }
    }

    pub(crate) fn make(&self, fs: &dyn Fs) -> Result<(), Error> {
        for folder in [&self.ledger, &self.parts] {
            make_dirs(fs, folder)
                .map_err(|source| Error::Output { path: folder.clone(), source })?;
        }
        Ok(())
    }
}
