//! Makes outcomes durable, group by group. Pure but for the files: it has no thread, no clock, and
//! leaves the syncs to its caller, so that a test can stop it between any two steps.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::frame::kind;
use super::list::{BlockNote, ListWriter};
use super::record::{self, Recorded, Seen};
use super::segment::{self, Journal, Place};
use super::state::{self, Mark, State};
use crate::error::Error;
use crate::input::ListIdentity;
use crate::item::Position;
use crate::schedule::Ticket;
use crate::sink::{Left, Spot, Unit};
use crate::sys::Fs;

/// An outcome on its way into the ledger.
#[derive(Debug)]
pub(crate) struct Entry<O> {
    pub(crate) outcome: O,
    pub(crate) ticket: Option<Ticket>,
    /// What it takes in memory.
    pub(crate) weight: usize,
    /// What the item leaves in the sink.
    pub(crate) left: Left,
}

/// An outcome that is in the ledger, its bytes where they are to be.
#[derive(Debug)]
pub(crate) struct Committed<O> {
    pub(crate) outcome: O,
    pub(crate) ticket: Option<Ticket>,
    pub(crate) weight: usize,
}

/// Renders an outcome as a line of a file of lines.
pub(crate) type RenderLine<O> = Arc<dyn Fn(&O, &mut Vec<u8>) + Send + Sync>;

/// What is to be done next for the group that is being committed.
#[derive(Debug)]
pub(crate) enum Step<O> {
    /// Nothing waits.
    Nothing,
    /// To be synced, then [`Committer::synced`].
    Sync(ToSync),
    /// Committed.
    Done(Vec<Committed<O>>),
}

/// What is to be synced. Blocking.
#[derive(Debug)]
pub(crate) enum ToSync {
    /// All bytes and records.
    All { folder: PathBuf, files: Vec<PathBuf> },
    /// The mark behind them.
    Mark(PathBuf),
}

impl ToSync {
    pub(crate) fn run(self, fs: &dyn Fs) -> Result<(), Error> {
        match self {
            Self::All { folder, files } => fs
                .sync_below(&folder, &mut files.into_iter())
                .map_err(|source| Error::Output { path: folder, source }),
            Self::Mark(path) => fs.sync(&path).map_err(|source| Error::Output { path, source }),
        }
    }
}

/// The writing end of a ledger.
pub(crate) struct Committer<O> {
    pub(super) fs: Arc<dyn Fs>,
    /// Of the ledger.
    pub(super) folder: PathBuf,
    pub(super) journal: Journal,
    pub(super) list: ListWriter,
    pub(super) unit: Box<dyn Unit>,
    pub(super) state: State,
    pub(super) durable: bool,
    pub(super) line: Option<RenderLine<O>>,
    /// A segment is sealed when it is longer.
    pub(super) segment_limit: u64,
    pub(super) open: Group<O>,
    pub(super) closing: Option<Closing<O>>,
}

/// Outcomes that are committed together.
#[derive(Debug)]
pub(super) struct Group<O> {
    entries: Vec<Staged<O>>,
    /// Of files.
    bytes: u64,
    /// In memory.
    weight: usize,
}

impl<O> Default for Group<O> {
    fn default() -> Self {
        Self { entries: Vec::new(), bytes: 0, weight: 0 }
    }
}

#[derive(Debug)]
struct Staged<O> {
    outcome: O,
    ticket: Option<Ticket>,
    weight: usize,
    spot: Spot,
}

/// A group that is being committed.
#[derive(Debug)]
pub(super) struct Closing<O> {
    group: Group<O>,
    to: Place,
    /// The segment that ends with this group.
    sealed: Option<u64>,
    /// All but the mark is durable, and the mark is written.
    marked: bool,
}

/// Other names tried for a file before giving up.
const TRIES: usize = 256;

impl<O: Recorded> Committer<O> {
    /// Notes a block of the list, before any of its lines is answered.
    pub(crate) fn note(&mut self, note: BlockNote, copy: &[u8]) -> Result<(), Error> {
        let noted = self.list.note(&*self.fs, note, copy);
        noted.map_err(|source| Error::Output { path: self.folder.clone(), source })
    }

    /// Notes blank lines and comments: runs of positions, in order.
    pub(crate) fn skip(&mut self, runs: &[(Position, u64)]) {
        for (first, count) in runs {
            self.state.answered.insert_range(*first, *count);
        }
        self.journal.append(kind::SKIPPED, |fields| state::write_runs(fields, runs));
    }

    /// The list has been found to be the one that the ledger answers.
    pub(crate) fn known(&mut self, list: ListIdentity) {
        self.state.session.list = Some(list);
        self.journal.append(kind::LIST, |fields| state::write_list(fields, list));
    }

    /// Takes an outcome into the open group. Its record is not yet with the system.
    pub(crate) fn take(&mut self, entry: Entry<O>, now: SystemTime) -> Result<(), Error> {
        let Entry { mut outcome, ticket, weight, mut left } = entry;
        if let Some(render) = &self.line {
            let mut line = Vec::new();
            render(&outcome, &mut line);
            left = Left::Line(line);
        }
        let position = outcome.position();
        let spot = self.unit.stage(position, left, &mut |path, spot, out| {
            outcome.placed(path, spot);
            Ok(serde_json::to_writer(out, &outcome)?)
        })?;
        let supersedes = self.state.reopened.contains(position.0);
        self.journal.record(position, supersedes, |fields| {
            record::write(fields, &outcome, &spot, supersedes, now);
        });
        outcome.placed(self.unit.path(&spot), &spot);
        self.open.bytes += spot.bytes;
        self.open.weight += weight;
        self.open.entries.push(Staged { outcome, ticket, weight, spot });
        Ok(())
    }

    /// Bytes of records that are not yet with the system.
    pub(crate) fn unwritten(&self) -> usize {
        self.journal.unwritten()
    }

    /// Of the open group: outcomes, bytes of files, bytes in memory.
    pub(crate) fn open_group(&self) -> (usize, u64, usize) {
        (self.open.entries.len(), self.open.bytes, self.open.weight)
    }

    pub(crate) fn is_closing(&self) -> bool {
        self.closing.is_some()
    }

    /// What the group that is being committed waits for.
    pub(crate) fn pending_sync(&self) -> Option<ToSync> {
        let closing = self.closing.as_ref()?;
        Some(if closing.marked {
            ToSync::Mark(self.journal.path())
        } else {
            self.sync_all(&closing.group, closing.to)
        })
    }

    pub(crate) fn fs(&self) -> Arc<dyn Fs> {
        Arc::clone(&self.fs)
    }

    /// What the ledger says so far.
    pub(crate) fn state(&self) -> &State {
        &self.state
    }

    fn sync_all(&self, group: &Group<O>, to: Place) -> ToSync {
        let mut files = Vec::new();
        // Linux syncs all that is below the folder, and asks for no names.
        if cfg!(not(target_os = "linux")) {
            let positions: Vec<_> =
                group.entries.iter().map(|staged| staged.outcome.position()).collect();
            files = self.unit.files(&positions);
        }
        files.extend(self.list.files().map(PathBuf::from));
        files.push(segment::path(&self.folder, to.segment));
        files.push(self.journal.path());
        ToSync::All { folder: self.unit.folder().to_owned(), files }
    }

    /// Hands what was taken to the system: from now on it survives a kill.
    pub(crate) fn write(&mut self) -> Result<(), Error> {
        self.unit.flush()?;
        self.journal.write()?;
        self.unit.recorded()
    }

    /// Begins to commit the open group. One group is committed at a time.
    pub(crate) fn close(&mut self, elapsed: Duration) -> Result<Step<O>, Error> {
        if self.closing.is_some() || self.open.entries.is_empty() {
            return Ok(Step::Nothing);
        }
        self.write()?;
        let to = self.journal.end();
        let long = self.journal.is_long(self.segment_limit);
        let sealed = if long { Some(self.journal.rotate()?) } else { None };
        let group = std::mem::take(&mut self.open);
        let sync = self.durable.then(|| self.sync_all(&group, to));
        self.closing = Some(Closing { group, to, sealed, marked: false });
        if let Some(sync) = sync {
            return Ok(Step::Sync(sync));
        }
        self.mark(to, false, elapsed)?;
        self.publish()
    }

    /// What the last step asked to sync is synced.
    pub(crate) fn synced(&mut self, elapsed: Duration) -> Result<Step<O>, Error> {
        let Some(closing) = &mut self.closing else { return Ok(Step::Nothing) };
        if closing.marked {
            return self.publish();
        }
        closing.marked = true;
        let to = closing.to;
        self.mark(to, true, elapsed)?;
        Ok(Step::Sync(ToSync::Mark(self.journal.path())))
    }

    fn mark(&mut self, to: Place, durable: bool, elapsed: Duration) -> Result<(), Error> {
        self.state.elapsed = elapsed;
        self.journal.append(kind::MARK, |fields| Mark { to, durable, elapsed }.write(fields));
        self.write()
    }

    /// Lets the bytes of the group go where their records say.
    fn publish(&mut self) -> Result<Step<O>, Error> {
        let Some(Closing { mut group, sealed, .. }) = self.closing.take() else {
            return Ok(Step::Nothing);
        };
        let mut left: Vec<usize> = (0..group.entries.len()).collect();
        for _ in 0..TRIES {
            let mut amended = Vec::new();
            for n in left {
                let staged = &mut group.entries[n];
                let position = staged.outcome.position();
                if let Some(spot) = self.unit.publish(position, &staged.spot)? {
                    self.journal.record(position, true, |fields| {
                        let now = SystemTime::now();
                        record::write(fields, &staged.outcome, &spot, true, now);
                    });
                    staged.outcome.placed(self.unit.path(&spot), &spot);
                    staged.spot = spot;
                    amended.push(n);
                }
            }
            if amended.is_empty() {
                return self.conclude(group, sealed);
            }
            // The name must be on record before a file has it.
            self.write()?;
            if self.durable {
                ToSync::Mark(self.journal.path()).run(&*self.fs)?;
            }
            left = amended;
        }
        let path = self.folder.clone();
        let reason = "no free name was found for a file".to_owned();
        Err(Error::Ledger { path, reason })
    }

    fn conclude(&mut self, group: Group<O>, sealed: Option<u64>) -> Result<Step<O>, Error> {
        let mut done = Vec::with_capacity(group.entries.len());
        for Staged { outcome, ticket, weight, spot } in group.entries {
            let position = outcome.position();
            if self.state.answered.insert(position) {
                self.state.reopened.remove(position.0);
                self.state.totals.count(outcome.tally());
            }
            self.state.reach.extend(spot.line_end, spot.sample.as_ref());
            done.push(Committed { outcome, ticket, weight });
        }
        self.note_named_shard();
        if let Some(segment) = sealed {
            self.snapshot(segment)?;
        }
        Ok(Step::Done(done))
    }

    /// From now on nobody misses the shard where it is moved away.
    pub(super) fn note_named_shard(&mut self) {
        if let Some(shard) = self.unit.named_shard() {
            self.journal.append(kind::SHARD, |fields| state::write_named_shard(fields, shard));
            self.state.reach.close(shard);
        }
    }

    /// Every item has its outcome, and all are committed: what is open ends.
    pub(crate) fn complete(&mut self) -> Result<(), Error> {
        self.unit.complete()?;
        self.note_named_shard();
        self.write()
    }

    /// Writes down the state as of the end of a sealed segment. What was renamed is made durable
    /// first: with the snapshot nobody reads those records to rename once more. That is once in half
    /// a million outcomes, so it is done on the spot, and also where syncs are not wanted.
    fn snapshot(&mut self, segment: u64) -> Result<(), Error> {
        // Where only files can be synced that are named, the renames are not among them.
        if cfg!(not(target_os = "linux")) {
            return Ok(());
        }
        let path = state::snapshot_path(&self.folder, segment);
        let new = path.with_extension("new");
        let salt = segment::salt(self.journal.header().id, segment);
        let failed = |source| Error::Output { path: path.clone(), source };
        match self.fs.remove(&new) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            other => other.map_err(failed)?,
        }
        state::write_snapshot(&self.state, salt, &*self.fs, &new).map_err(failed)?;
        let files = [new.clone(), segment::path(&self.folder, segment)];
        let synced = self.fs.sync_below(self.unit.folder(), &mut files.into_iter());
        synced.map_err(failed)?;
        self.fs.rename(&new, &path).map_err(failed)?;
        // Two are kept: the newest may turn out to be damaged.
        if let Some(old) = segment.checked_sub(2) {
            let _ = self.fs.remove(&state::snapshot_path(&self.folder, old));
        }
        Ok(())
    }

    /// Opens positions again: they are to be asked once more.
    pub(super) fn reopen(&mut self, state: &State, runs: &[(Position, u64)]) -> Result<(), Error> {
        // What a run that died here had begun to open again is void.
        self.journal.append(kind::REOPENED, |fields| state::write_runs(fields, &[]));
        for piece in runs.chunks(RUNS) {
            self.journal.append(kind::REOPENED, |fields| state::write_runs(fields, piece));
        }
        self.journal.append(kind::TOTALS, |fields| state.write_totals(fields));
        self.journal.write()
    }

    /// Redoes the rename of an item whose temporary file a dead run left.
    pub(super) fn redo(&mut self, seen: &Seen<'_>) -> Result<(), Error> {
        let mut spot = seen.spot();
        for _ in 0..TRIES {
            let Some(next) = self.unit.publish(seen.position, &spot)? else { return Ok(()) };
            self.journal.record(seen.position, true, |fields| seen.rewrite(fields, &next));
            self.journal.write()?;
            if self.durable {
                ToSync::Mark(self.journal.path()).run(&*self.fs)?;
            }
            spot = next;
        }
        let reason = "no free name was found for a file".to_owned();
        Err(Error::Ledger { path: self.folder.clone(), reason })
    }
}

/// Runs in one frame: each takes 20 bytes at most.
const RUNS: usize = 32 << 10;

impl<O> std::fmt::Debug for Committer<O> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Committer").field("journal", &self.journal).finish_non_exhaustive()
    }
}
