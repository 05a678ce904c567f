use std::collections::HashSet;
use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Serialize, Serializer};

use super::frame::kind;
use super::home::{Home, real_file};
use super::latest::Latest;
use super::record::{Recorded, Seen};
use super::segment::{self, LedgerKind, Place};
use super::state::State;
use super::survey::Survey;
use crate::error::Error;
use crate::item::Position;
use crate::outcome::{GetOutcome, ProbeOutcome, Selector};
use crate::report::{Report, Summary};
use crate::sink::checksum;
use crate::sys::{Disk, Fs};

/// The outcomes on record, of the folder of a get or the file of a probe: one for each item, also
/// while a run is on.
#[derive(Debug)]
pub struct History {
    survey: Survey,
    /// The folder that names are relative to.
    root: PathBuf,
    /// What is before was on record when it was opened.
    until: Place,
    /// Positions that had a temporary file then.
    staged: HashSet<Position>,
}

/// An outcome of either command.
#[derive(Debug, Clone)]
pub enum AnyOutcome {
    /// Of a URL.
    Get(GetOutcome),
    /// Of a name.
    Probe(ProbeOutcome),
}

impl AnyOutcome {
    /// Whether it is one of those that are meant.
    pub fn is(&self, selector: Selector) -> bool {
        match self {
            Self::Get(outcome) => {
                selector.selects(outcome.class(), outcome.failure.as_ref().map(|f| f.kind))
            }
            Self::Probe(outcome) => {
                selector.selects(outcome.class(), outcome.failure.as_ref().map(|f| f.kind))
            }
        }
    }

    /// The item: its URL, or its name.
    pub fn item(&self) -> &str {
        match self {
            Self::Get(outcome) => &outcome.url,
            Self::Probe(outcome) => &outcome.name,
        }
    }
}

impl Serialize for AnyOutcome {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Get(outcome) => outcome.serialize(serializer),
            Self::Probe(outcome) => outcome.serialize(serializer),
        }
    }
}

impl History {
    /// Opens the ledger of an output: the folder of a get (`OUT/.hoist`), or the file of a probe
    /// (`FILE.hoist`).
    ///
    /// # Errors
    ///
    /// [`Error::Ledger`] when there is none, when a newer hoist wrote it, or when it is damaged.
    pub fn open(output: &Path) -> Result<Self, Error> {
        let home = if output.is_dir() {
            Home::of_folder(output)
        } else {
            Home::of_file(&real_file(output))
        };
        let fs: Arc<dyn Fs> = Arc::new(Disk);
        let mut looks = 0;
        loop {
            let Some(survey) = Survey::take(&fs, &home.ledger)? else {
                let reason = "there is no ledger; get keeps one for a list (-i), probe for a list \
                              with -o FILE"
                    .to_owned();
                return Err(Error::Ledger { path: output.to_owned(), reason });
            };
            let until = end(&survey)?;
            let staged = staged(&*fs, &home.parts)?;
            looks += 1;
            // Between two batches of records of a run that is on: the files are of these records.
            if end(&survey)? == until || looks == LOOKS {
                return Ok(Self { survey, root: output.to_owned(), until, staged });
            }
        }
    }

    /// The folder of the ledger.
    pub(crate) fn folder(&self) -> &Path {
        &self.survey.folder
    }

    /// What its items are.
    pub fn kind(&self) -> LedgerKind {
        self.survey.last().kind
    }

    /// Every outcome, each once, the latest of its item: in the order in which they were recorded,
    /// as the run told them. Memory follows the number of items that were asked again.
    pub fn outcomes(&self) -> Result<Records<'_>, Error> {
        Ok(Records { history: self, latest: Latest::new(&self.survey, self.until)?, ended: false })
    }

    /// What all runs together have done.
    pub fn summary(&self) -> Result<Summary, Error> {
        let mut state = State::default();
        let mut walk = self.survey.walk(0, self.until);
        while let Some((_, frame)) = walk.next().map_err(|stopped| self.survey.told(stopped))? {
            match Seen::parse(frame.body) {
                Some(seen) if frame.kind == kind::RECORD => state.record(&seen),
                _ => state.frame(frame.kind, frame.body),
            }
        }
        if let Some(torn) = walk.lost()? {
            return Err(self.survey.damage(torn));
        }
        let report = Report::default();
        report.restore(&state.totals, state.elapsed_total(), None);
        report.took(state.elapsed_total());
        Ok(report.summary())
    }

    /// Whether the outcome was, or could have been, told: a file that still has its temporary name
    /// is not there yet, unless it is that of another try, and the record's is.
    fn is_told(&self, seen: &Seen<'_>) -> bool {
        let Some(name) = seen.name.filter(|_| self.staged.contains(&seen.position)) else {
            return true;
        };
        let (fs, path) = (&*self.survey.fs, self.path(name));
        fs.len(&path).is_ok_and(|length| length == seen.bytes)
            && fs.read(&path, 0).and_then(checksum).is_ok_and(|crc| Some(crc) == seen.crc)
    }

    fn path(&self, name: &str) -> PathBuf {
        name.split('/').fold(self.root.clone(), |path, part| path.join(part))
    }

    fn read(&self, seen: &Seen<'_>) -> Result<AnyOutcome, Error> {
        let read = match self.kind() {
            LedgerKind::Get => GetOutcome::read(seen.body).map(|mut outcome| {
                outcome.path = seen.name.map(|name| self.path(name));
                AnyOutcome::Get(outcome)
            }),
            LedgerKind::Probe => ProbeOutcome::read(seen.body).map(AnyOutcome::Probe),
        };
        read.ok_or_else(|| {
            let line = seen.position.line_number();
            let reason = format!("the record of line {line} is of a newer hoist; use that one");
            Error::Ledger { path: self.survey.folder.clone(), reason }
        })
    }
}

/// A run that is on adds records every 20 ms; that so many looks fall on one is beyond belief.
const LOOKS: u32 = 100;

/// Behind all that is on record now.
fn end(survey: &Survey) -> Result<Place, Error> {
    let number = survey.last().number;
    let path = segment::path(&survey.folder, number);
    let at = survey.fs.len(&path).map_err(|source| Error::Config { path, source })?;
    Ok(Place { segment: number, at })
}

fn staged(fs: &dyn Fs, parts: &Path) -> Result<HashSet<Position>, Error> {
    let position = |name: OsString| name.to_str()?.parse().ok().map(Position);
    match fs.list(parts) {
        Ok(names) => Ok(names.into_iter().filter_map(position).collect()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(HashSet::new()),
        Err(source) => Err(Error::Config { path: parts.to_owned(), source }),
    }
}

/// Outcomes of a [`History`]. It ends after an error.
pub struct Records<'a> {
    history: &'a History,
    latest: Latest<'a>,
    ended: bool,
}

impl Iterator for Records<'_> {
    type Item = Result<AnyOutcome, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        while !self.ended {
            let (_, seen) = match self.latest.next() {
                Ok(Some(found)) => found,
                Ok(None) => {
                    self.ended = true;
                    return match self.latest.lost() {
                        Ok(None) => None,
                        Ok(Some(torn)) => Some(Err(self.history.survey.damage(torn))),
                        Err(error) => Some(Err(error)),
                    };
                }
                Err(error) => {
                    self.ended = true;
                    return Some(Err(error));
                }
            };
            if self.history.is_told(&seen) {
                let outcome = self.history.read(&seen);
                self.ended = outcome.is_err();
                return Some(outcome);
            }
        }
        None
    }
}

impl std::fmt::Debug for Records<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Records").field("history", self.history).finish_non_exhaustive()
    }
}
