//! Starting over: the ledger begins anew, and the names that the old one gave may be replaced.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::found::Found;
use super::latest::Latest;
use super::segment::{self, Extent, Header, Journal};
use super::survey::Survey;
use crate::error::Error;
use crate::item::{Position, name_hash};
use crate::sink::{Ours, Unit};

/// The table of the names that a ledger gave before it was started over.
pub(super) fn ours_path(folder: &Path, first: u64) -> PathBuf {
    folder.join(format!("{first:08}.ours"))
}

/// Begins a new segment with which the ledger starts, and makes the table of the names that the old
/// one gave.
pub(super) fn start_over(old: &Survey, unit: &mut dyn Unit, boot: [u8; 16]) -> Result<(), Error> {
    let folder = &old.folder;
    let last = old.last().clone();
    let first = last.number + 1;
    let path = ours_path(folder, first);
    // A run may have died in the middle of this.
    for half in [&path, &segment::path(folder, first)] {
        let _ = old.fs.remove(half);
    }
    let before = Ours::open(Arc::clone(&old.fs), ours_path(folder, last.first))?;
    let names = match given_names(old, unit, boot) {
        Ok(names) => Some(names),
        // Starting over is what helps with a damaged ledger: names that can't be read are not
        // known to be ours, and keep their files.
        Err(Error::Ledger { .. }) => None,
        Err(error) => return Err(error),
    };
    let capacity = before.as_ref().map_or(0, Ours::capacity);
    let count = capacity + names.as_ref().map_or(0, |names| names.count);
    let hashes =
        names.into_iter().flatten().take_while(|hash| !matches!(hash, Err(Error::Ledger { .. })));
    let hashes = before.iter().flat_map(Ours::hashes).chain(hashes);
    Ours::make(&*old.fs, &path, count, hashes)?;
    let synced = old.fs.sync_below(folder, &mut std::iter::once(path));
    synced.map_err(|source| Error::Output { path: folder.clone(), source })?;
    let header = Header { number: first, first, before: Extent::default(), ..last };
    Journal::create(Arc::clone(&old.fs), folder, header).map(drop)
}

/// The names of the files that a ledger gave, as hashes.
fn given_names<'a>(
    old: &'a Survey,
    unit: &mut dyn Unit,
    boot: [u8; 16],
) -> Result<Names<'a>, Error> {
    let found = Found::read(old, boot, unit)?;
    // A name is given with the rename: before, it may be that of a file of others.
    let mut not_given: BTreeSet<Position> = found.staged.into_iter().collect();
    not_given.extend(found.lost);
    let count = old.sealed_records() + found.extent.records;
    let latest = Latest::new(old, found.end)?;
    Ok(Names { latest, not_given, count })
}

struct Names<'a> {
    latest: Latest<'a>,
    not_given: BTreeSet<Position>,
    /// At most so many.
    count: u64,
}

impl Iterator for Names<'_> {
    type Item = Result<u64, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            match self.latest.next() {
                Err(error) => return Some(Err(error)),
                Ok(None) => return None,
                Ok(Some((_, seen))) => {
                    // What was to be replaced is ours in any case.
                    let given = seen.replaces || !self.not_given.contains(&seen.position);
                    let name = seen.name.filter(|_| given);
                    if let Some(name) = name {
                        return Some(Ok(name_hash(name)));
                    }
                }
            }
        }
    }
}
