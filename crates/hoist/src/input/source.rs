use std::fmt;
use std::fs::File;
use std::io::{Read, Seek};
use std::time::UNIX_EPOCH;

use super::list::List;
use super::text::Text;

/// Where the items come from. It is pulled: nothing is read before there is room for it, but for
/// a bounded handful of blocks.
pub struct Source {
    kind: Kind,
}

enum Kind {
    Lines(Box<dyn Read + Send>),
    /// A regular file, and where in it the list begins.
    File(File, u64),
    Items(Box<dyn Iterator<Item = String> + Send>),
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.kind {
            Kind::Lines(_) => "Source::lines(..)",
            Kind::File(..) => "Source::file(..)",
            Kind::Items(_) => "Source::items(..)",
        })
    }
}

/// What tells at a glance that a list is the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ListIdentity {
    /// Bytes from the start of the list, which need not be that of its file.
    pub(crate) size: u64,
    /// The time of change, in nanoseconds since 1970.
    pub(crate) modified: u64,
}

impl Source {
    /// A text, one item a line. Blank lines and lines that begin with `#` are counted, not
    /// answered; a byte order mark and CR LF are accepted; a line over 64 KiB, or not UTF-8, is
    /// an outcome of kind `bad_input`.
    pub fn lines(reader: impl Read + Send + 'static) -> Self {
        Self { kind: Kind::Lines(Box::new(reader)) }
    }

    /// Like [`lines`](Self::lines), of a file, from where it stands now. With a ledger, blocks
    /// that are answered are passed over without being read while the file is unchanged. A file
    /// that is not a regular one, or can't be sought in, is read as any other reader.
    pub fn file(file: File) -> Self {
        let regular = file.metadata().is_ok_and(|meta| meta.is_file());
        match (&file).stream_position() {
            Ok(start) if regular => Self { kind: Kind::File(file, start) },
            _ => Self::lines(file),
        }
    }

    /// Items one by one; each is one, whatever it looks like. The iterator is pulled on a thread
    /// of its own and may block.
    pub fn items<I>(items: I) -> Self
    where
        I: IntoIterator,
        I::Item: Into<String> + 'static,
        I::IntoIter: Send + 'static,
    {
        Self { kind: Kind::Items(Box::new(items.into_iter().map(Into::into))) }
    }

    /// What tells at a glance that the list is the same, as of now; `None` where nothing does.
    pub(crate) fn identity(&self) -> Option<ListIdentity> {
        let Kind::File(file, start) = &self.kind else { return None };
        let meta = file.metadata().ok()?;
        // A time before 1970 does not fit, and a list of that time is read again instead.
        let modified = meta.modified().ok()?.duration_since(UNIX_EPOCH).ok()?;
        let modified = u64::try_from(modified.as_nanos()).ok()?;
        Some(ListIdentity { size: meta.len().saturating_sub(*start), modified })
    }

    pub(super) fn into_list(self) -> List {
        match self.kind {
            Kind::Lines(reader) => List::lines(Text::stream(reader)),
            Kind::File(file, _) => List::lines(Text::file(file)),
            Kind::Items(items) => List::Items(items),
        }
    }
}
