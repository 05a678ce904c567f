//! Why a run could not go on. What befalls an item is never one of these: it is an outcome.

use std::io;
use std::path::PathBuf;

/// Why a run could not start, or could not go on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The list could not be read.
    #[error("the list could not be read after line {line}: {source}")]
    Input {
        /// The last line that was read, counted from 1; 0 before the first.
        line: u64,
        /// What the system said.
        source: io::Error,
    },
    /// The output could not be written: no space, no right, no folder.
    #[error("{} could not be written: {source}", path.display())]
    Output {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file that the plan names could not be read.
    #[error("{} could not be read: {source}", path.display())]
    Config {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Threads, sockets or other means of the system could not be had.
    #[error("{what}: {source}")]
    System {
        /// What was wanted.
        what: &'static str,
        /// What the system said.
        source: io::Error,
    },
    /// The engine's own thread ended before the run did. A fault in hoist: please report it.
    #[error("the engine stopped unexpectedly; this is a fault in hoist")]
    Stopped,
}
