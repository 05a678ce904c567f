use std::fmt;
use std::fs::File;
use std::io::{Read, Seek};
use std::time::UNIX_EPOCH;

use super::aria2::Aria2;
use super::coded::{Decoded, is_coded};
use super::list::List;
use super::text::Text;
use crate::sys::peek;

/// Where the items come from. It is pulled: nothing is read before there is room for it, but for
/// a bounded handful of blocks.
pub struct Source {
    kind: Kind,
    form: ListForm,
}

/// How a list is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ListForm {
    /// One item a line.
    #[default]
    Lines,
    /// As aria2's input files: a line of URIs, of which the first that can be got is taken; indented
    /// lines behind it are its options. `out`, `dir` and `checksum` count; what only tells aria2 how
    /// to go about it is passed over; an item with other options is an outcome of kind `bad_input`.
    /// The position of an item is that of its URIs.
    Aria2,
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
    /// an outcome of kind `bad_input`. It may be compressed, see [`Decoded`].
    pub fn lines(reader: impl Read + Send + 'static) -> Self {
        Self { kind: Kind::Lines(Box::new(reader)), form: ListForm::Lines }
    }

    /// Like [`lines`](Self::lines), of a file, from where it stands now. With a ledger, blocks
    /// that are answered are passed over without being read while the file is unchanged. A file
    /// that is not a regular one, or can't be sought in, is read as any other reader.
    pub fn file(file: File) -> Self {
        let regular = file.metadata().is_ok_and(|meta| meta.is_file());
        match (&file).stream_position() {
            Ok(start) if regular => Self { kind: Kind::File(file, start), form: ListForm::Lines },
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
        let items = items.into_iter().map(Into::into);
        Self { kind: Kind::Items(Box::new(items)), form: ListForm::Lines }
    }

    /// The same, written in another form. Items are items, whatever form a list has.
    #[must_use]
    pub fn in_form(self, form: ListForm) -> Self {
        Self { form, ..self }
    }

    pub(crate) fn form(&self) -> ListForm {
        match self.kind {
            Kind::Items(_) => ListForm::Lines,
            _ => self.form,
        }
    }

    /// Whether it is a file that is compressed, as far as can be told by now: then its lines have
    /// other bytes than the file.
    pub fn is_compressed(&self) -> bool {
        matches!(&self.kind, Kind::File(file, start) if begins_coded(file, *start))
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
        let compressed = self.is_compressed();
        match (self.kind, self.form) {
            (Kind::Items(items), _) => List::Items(items),
            (Kind::Lines(reader), ListForm::Lines) => {
                List::lines(Text::stream(Box::new(Decoded::new(reader))))
            }
            (Kind::Lines(reader), ListForm::Aria2) => {
                List::lines(Text::stream(Box::new(Aria2::new(Decoded::new(reader)))))
            }
            (Kind::File(file, _), ListForm::Lines) if compressed => {
                List::lines(Text::made(Box::new(Decoded::new(file))))
            }
            (Kind::File(file, _), ListForm::Lines) => List::lines(Text::file(file)),
            (Kind::File(file, _), ListForm::Aria2) => {
                List::lines(Text::made(Box::new(Aria2::new(Decoded::new(file)))))
            }
        }
    }
}

/// Whether what is in a file from there on is compressed. What can't be read is told by who reads it.
fn begins_coded(file: &File, start: u64) -> bool {
    let mut beginning = [0; 4];
    peek(file, start, &mut beginning).is_ok() && is_coded(&beginning) == Some(true)
}
