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
    /// A file that the plan names, or that the engine keeps, could not be read.
    #[error("{} could not be read: {source}", path.display())]
    Config {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Another run is writing there.
    #[error("another run is writing to {}", path.display())]
    Locked {
        /// The output of both.
        path: PathBuf,
    },
    /// The list is not the one that the ledger answers.
    #[error("the list has changed since {} began to answer it: {reason}", ledger.display())]
    ListChanged {
        /// The first line, counted from 1, that is or may be another.
        line: u64,
        /// What is different, and in which line or lines.
        reason: String,
        /// The folder of the ledger.
        ledger: PathBuf,
    },
    /// The ledger can't be gone on with: it is damaged, of a newer version, or of another run.
    #[error("{}: {reason}", path.display())]
    Ledger {
        /// The file or folder.
        path: PathBuf,
        /// What is wrong with it, and what it covers.
        reason: String,
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
