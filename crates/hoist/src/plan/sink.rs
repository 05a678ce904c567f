use std::fmt;
use std::io::Write;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use super::get::default_directory;
use super::shards::{ShardLimits, ShardTemplate};
use crate::item::NameTemplate;

/// Where the bytes go.
#[derive(Clone)]
pub enum SinkPlan {
    /// One file for each item.
    Directory {
        /// The folder; made where it is missing.
        root: PathBuf,
        /// How files are named where the item itself does not say. None: after the URL.
        template: Option<NameTemplate>,
        /// What happens to a file that has the name already.
        existing: Existing,
    },
    /// Tar files of many items each, as `WebDataset` reads them: a body `KEY.EXT`, and its outcome
    /// `KEY.json`. Only items that are ok have a sample. Existing files are never replaced, unless
    /// an earlier ledger of the folder names them.
    Tar {
        /// The folder that they are below; made where it is missing. The ledger is in it.
        root: PathBuf,
        /// How the tar files are named.
        shards: ShardTemplate,
        /// When one is full.
        limits: ShardLimits,
        /// How bodies are named where the item itself does not say; `~POSITION` is added. None: by
        /// their positions. The hash of a body can't be in it.
        template: Option<NameTemplate>,
    },
    /// One body after the other, into one writer. With more than one item in flight the bodies
    /// come in any order, each whole.
    Writer(SharedWriter),
}

/// A writer that the plan carries to the writer thread.
pub type SharedWriter = Arc<Mutex<dyn Write + Send>>;

impl Default for SinkPlan {
    fn default() -> Self {
        Self::Directory { root: default_directory(), template: None, existing: Existing::Keep }
    }
}

impl fmt::Debug for SinkPlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Directory { root, template, existing } => f
                .debug_struct("Directory")
                .field("root", root)
                .field("template", template)
                .field("existing", existing)
                .finish(),
            Self::Tar { root, shards, limits, template } => f
                .debug_struct("Tar")
                .field("root", root)
                .field("shards", shards)
                .field("limits", limits)
                .field("template", template)
                .finish(),
            Self::Writer(_) => f.write_str("Writer(..)"),
        }
    }
}

/// What happens to a file that has an item's name before the run gives it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Existing {
    /// It stays, and the new one is called `name~POSITION`.
    Keep,
    /// It is replaced, unless an item of the same run wrote it.
    Replace,
}
