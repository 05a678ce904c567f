use std::path::PathBuf;
use std::sync::Arc;

use crate::ledger::{Answered, ListFiles};
use crate::sys::Fs;

/// What a ledger knows of the list, for the reader. The files have been opened for writing before
/// (`ListFiles::open`), which cuts off what is not whole.
pub(crate) struct Recall {
    pub(crate) fs: Arc<dyn Fs>,
    pub(crate) files: ListFiles,
    /// As of the start of this run.
    pub(crate) answered: Answered,
    /// The file is, at a glance, the one of the ledger: answered blocks may be passed over unread.
    pub(crate) unchanged: bool,
    /// New blocks come with a compressed copy, and the copy stands in for a list that does not
    /// come again.
    pub(crate) keep: bool,
    /// The folder of the ledger, for errors.
    pub(crate) ledger: PathBuf,
}
