//! Opening a ledger: what a dead run left is put right, and a run goes on from there.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use super::committer::{Committer, Group, RenderLine, ToSync};
use super::fields::Fields;
use super::frame::{Tail, kind};
use super::latest::Latest;
use super::list::ListFiles;
use super::record::{Recorded, Seen};
use super::segment::{self, Extent, Header, Journal, Place};
use super::state::{self, Mark, Session, State};
use super::survey::{Stopped, Survey, Torn};
use crate::error::Error;
use crate::input::{ListIdentity, Recall};
use crate::item::{Position, name_hash};
use crate::outcome::Selector;
use crate::report::{Class, Totals};
use crate::sink::{Ours, PRIVATE, Unit};
use crate::sys::{Fs, make_dirs};

/// Where a ledger and its temporary files are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Home {
    pub(crate) ledger: PathBuf,
    /// Bodies that are whole, or on the way to it, each under its position.
    pub(crate) parts: PathBuf,
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
        Self { ledger: private.join("ledger"), parts: private.join("parts") }
    }

    pub(crate) fn make(&self, fs: &dyn Fs) -> Result<(), Error> {
        for folder in [&self.ledger, &self.parts] {
            make_dirs(fs, folder)
                .map_err(|source| Error::Output { path: folder.clone(), source })?;
        }
        Ok(())
    }
}

/// What a run wants of its ledger.
pub(crate) struct Wish<O> {
    pub(crate) durable: bool,
    pub(crate) again: Vec<Selector>,
    pub(crate) fresh: bool,
    pub(crate) keep_list: bool,
    /// The list, where it is a file.
    pub(crate) list: Option<ListIdentity>,
    /// What must not change from one run to the next.
    pub(crate) about: String,
    pub(crate) line: Option<RenderLine<O>>,
    pub(crate) boot: [u8; 16],
    pub(crate) now: SystemTime,
    pub(crate) random: u64,
    pub(crate) segment_limit: u64,
}

/// A ledger that a run can go on with.
pub(crate) struct Opened<O> {
    pub(crate) committer: Committer<O>,
    /// What the reader of the list must know.
    pub(crate) recall: Recall,
    /// A run was here before.
    pub(crate) resumed: bool,
}

/// Opens the ledger, makes it where there is none. The folders are there, and locked.
pub(crate) fn open<O: Recorded>(
    fs: Arc<dyn Fs>,
    home: &Home,
    unit: impl Fn(Option<Ours>) -> Box<dyn Unit>,
    wish: Wish<O>,
) -> Result<Opened<O>, Error> {
    let mut survey = Survey::take(&fs, &home.ledger)?;
    if let Some(found) = &survey
        && found.last().kind != O::KIND
    {
        let path = home.ledger.clone();
        let reason = "it is the ledger of another command".to_owned();
        return Err(Error::Ledger { path, reason });
    }
    if wish.fresh
        && let Some(old) = &survey
    {
        start_over(old, &mut *unit(None), wish.boot)?;
        survey = Survey::take(&fs, &home.ledger)?;
    }
    let first = survey.as_ref().map_or(0, |survey| survey.last().first);
    let ours = Ours::open(Arc::clone(&fs), ours_path(&home.ledger, first))?;
    let mut unit = unit(ours);
    let files = ListFiles::of(&home.ledger, first);
    let found = match &survey {
        Some(survey) => {
            remove_obsolete(survey);
            Found::read(survey, wish.boot, &mut *unit)?
        }
        None => Found { staged: unit.staged()?, ..Found::default() },
    };
    Recovery { fs, home, files, survey, found, unit, wish }.run()
}

fn ours_path(folder: &Path, first: u64) -> PathBuf {
    folder.join(format!("{first:08}.ours"))
}

/// Begins a new segment with which the ledger starts, and makes the table of the names that the old
/// one gave.
fn start_over(old: &Survey, unit: &mut dyn Unit, boot: [u8; 16]) -> Result<(), Error> {
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
        Ok(names) => names,
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
) -> Result<Option<Names<'a>>, Error> {
    let found = Found::read(old, boot, unit)?;
    // A name is given with the rename: before, it may be that of a file of others.
    let mut not_given: BTreeSet<Position> = found.staged.into_iter().collect();
    not_given.extend(found.lost);
    let count = old.sealed_records() + found.extent.records;
    let latest = Latest::new(old, found.end)?;
    Ok(Some(Names { latest, not_given, count }))
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
                    let name = seen.name.filter(|_| !self.not_given.contains(&seen.position));
                    if let Some(name) = name {
                        return Some(Ok(name_hash(name)));
                    }
                }
            }
        }
    }
}

/// What went before the segments that count is of no use.
fn remove_obsolete(survey: &Survey) {
    let (fs, folder) = (&*survey.fs, &survey.folder);
    for number in &survey.obsolete {
        let _ = fs.remove(&segment::path(folder, *number));
        let _ = fs.remove(&state::snapshot_path(folder, *number));
        let _ = fs.remove(&ours_path(folder, *number));
        for path in ListFiles::of(folder, *number).paths() {
            let _ = fs.remove(path);
        }
    }
}

fn told(survey: &Survey, stopped: Stopped) -> Error {
    match stopped {
        Stopped::Failed(error) => error,
        Stopped::Torn(torn) => survey.damage(torn),
    }
}

/// What was found in a ledger.
#[derive(Default)]
struct Found {
    state: State,
    /// Behind the last frame that counts.
    end: Place,
    /// The last segment of these.
    extent: Extent,
    /// Something behind the end is to be cut off.
    torn: bool,
    /// Records were made after the last mark.
    unmarked: bool,
    /// Records whose temporary files are there, as bodies of frames.
    redo: BTreeMap<Position, Vec<u8>>,
    /// Positions whose records did not survive a power cut whole.
    lost: BTreeSet<Position>,
    staged: Vec<Position>,
    /// The totals that were read may count records that did not survive.
    recount: bool,
    /// A run was here before.
    resumed: bool,
}

impl Found {
    fn read(survey: &Survey, boot: [u8; 16], unit: &mut dyn Unit) -> Result<Self, Error> {
        let (state, index) = snapshot(survey)?;
        for sealed in 0..index {
            survey.check_length(sealed)?;
        }
        let look = Look::take(survey, index, &state, boot)?;
        let mut found = Self {
            state,
            end: look.end,
            torn: look.torn,
            staged: unit.staged()?,
            resumed: true,
            ..Self::default()
        };
        found.replay(survey, index, &look, unit)?;
        // What was found lost before may still have its temporary file.
        let answered = &found.state.answered;
        found.redo.retain(|position, _| answered.contains(*position));
        if found.recount {
            let mut latest = Latest::new(survey, found.end)?;
            let answered = &found.state.answered;
            let totals = &mut found.state.totals;
            let (received, retries) = (totals.received, totals.retries);
            *totals = Totals::default();
            while let Some((_, seen)) = latest.next()? {
                if answered.contains(seen.position) {
                    totals.count(seen.tally());
                }
            }
            // What was received was received.
            (totals.received, totals.retries) = (received, retries);
        }
        Ok(found)
    }

    /// Takes in the frames behind the snapshot.
    fn replay(
        &mut self,
        survey: &Survey,
        index: usize,
        look: &Look,
        unit: &mut dyn Unit,
    ) -> Result<(), Error> {
        let staged: BTreeSet<Position> = self.staged.iter().copied().collect();
        let mut walk = survey.walk(index, look.end);
        while let Some((place, frame)) = walk.next().map_err(|stopped| told(survey, stopped))? {
            let doubtful = look.rebooted && place >= look.durable;
            if frame.kind != kind::RECORD {
                self.recount |= doubtful && frame.kind == kind::TOTALS;
                self.state.frame(frame.kind, frame.body);
                continue;
            }
            let Some(seen) = Seen::parse(frame.body) else {
                let path = segment::path(&survey.folder, place.segment);
                let reason = "it holds a record of a newer hoist; use that one".to_owned();
                return Err(Error::Ledger { path, reason });
            };
            if place.segment == look.end.segment {
                self.extent.add(seen.position, seen.supersedes);
            }
            let marked = place < look.marked;
            self.unmarked |= !marked;
            if doubtful && !unit.holds(seen.position, &seen.spot(), self.state.line_end)? {
                // An earlier record of the item may hold by chance, but the last one says where the
                // bytes are.
                if self.state.answered.contains(seen.position) {
                    self.state.answered.remove_range(seen.position, 1);
                    self.recount = true;
                }
                self.redo.remove(&seen.position);
                self.lost.insert(seen.position);
                continue;
            }
            self.lost.remove(&seen.position);
            self.state.record(&seen);
            if seen.replaces {
                unit.replayed(&seen.spot())?;
            }
            if seen.name.is_some() && staged.contains(&seen.position) {
                self.redo.insert(seen.position, frame.body.to_vec());
            }
        }
        Ok(())
    }
}

/// The newest snapshot that can be read, and the index of the first segment behind it.
fn snapshot(survey: &Survey) -> Result<(State, usize), Error> {
    for index in (0..survey.headers.len() - 1).rev() {
        let header = &survey.headers[index];
        let path = state::snapshot_path(&survey.folder, header.number);
        if let Some(state) = state::read_snapshot(&*survey.fs, &path, header.salt()) {
            return Ok((state, index + 1));
        }
    }
    Ok((State::default(), 0))
}

/// A first look at the frames behind the snapshot: how far they go, and how far they can be
/// trusted.
struct Look {
    end: Place,
    torn: bool,
    /// What is before was committed.
    marked: Place,
    /// What is before was made durable.
    durable: Place,
    /// The last run was in another boot of the machine.
    rebooted: bool,
}

impl Look {
    fn take(survey: &Survey, index: usize, state: &State, boot: [u8; 16]) -> Result<Self, Error> {
        let (mut marked, mut durable) = (Place::default(), Place::default());
        let mut last_boot = state.session.boot;
        let mut cut = None;
        let mut walk = survey.walk(index, Place::MAX);
        loop {
            match walk.next() {
                Ok(None) => break,
                Err(Stopped::Failed(error)) => return Err(error),
                // What was written last need not have reached the disk in order. Whether that is
                // all, the marks tell that come behind.
                Err(Stopped::Torn(torn)) => {
                    cut.get_or_insert(torn);
                    walk.skip_segment();
                }
                Ok(Some((_, frame))) if frame.kind == kind::MARK => {
                    let mark = Mark::read(frame.body);
                    marked = marked.max(mark.to);
                    if mark.durable {
                        durable = durable.max(mark.to);
                    }
                }
                Ok(Some((_, frame))) if frame.kind == kind::SESSION && cut.is_none() => {
                    let mut session = State::default();
                    session.frame(frame.kind, frame.body);
                    last_boot = session.session.boot;
                }
                Ok(Some(_)) => {}
            }
        }
        let rebooted = last_boot != boot || boot == [0; 16];
        let (end, torn) = match cut {
            None => (walk.end(), walk.tail() == Tail::Torn),
            Some(torn) => {
                let end = Place { segment: survey.headers[torn.index].number, at: torn.at };
                if !rebooted || durable > end {
                    return Err(survey.damage(torn));
                }
                (end, true)
            }
        };
        // A torn tail of this boot is a write that was cut short; of an earlier one, what was
        // never synced. Marked is neither.
        if torn && durable > end {
            let index = survey.headers.len() - 1;
            return Err(survey.damage(Torn { index, at: end.at }));
        }
        Ok(Self { end, torn, marked, durable, rebooted })
    }
}

struct Recovery<'a, O> {
    fs: Arc<dyn Fs>,
    home: &'a Home,
    files: ListFiles,
    survey: Option<Survey>,
    found: Found,
    unit: Box<dyn Unit>,
    wish: Wish<O>,
}

impl<O: Recorded> Recovery<'_, O> {
    fn run(self) -> Result<Opened<O>, Error> {
        let Self { fs, home, files, survey, mut found, mut unit, wish } = self;
        let before = found.state.session.clone();
        if found.resumed && !before.about.is_empty() && before.about != wish.about {
            let reason = format!(
                "it was begun with {}, and now it is {}; run it as before, or start over with \
                 --fresh",
                before.about, wish.about
            );
            return Err(Error::Ledger { path: home.ledger.clone(), reason });
        }
        unit.resume(found.state.line_end)?;
        let journal = journal::<O>(&fs, home, survey.as_ref(), &found, wish.random)?;
        let list = files
            .open(&*fs)
            .map_err(|source| Error::Output { path: home.ledger.clone(), source })?;
        let mut committer = Committer {
            fs: Arc::clone(&fs),
            folder: home.ledger.clone(),
            journal,
            list,
            unit,
            state: std::mem::take(&mut found.state),
            durable: wish.durable,
            line: wish.line,
            segment_limit: wish.segment_limit,
            open: Group::default(),
            closing: None,
        };
        // Until it has been read again, a list that looks different is not known to be the same.
        let same_list = before.list.is_some() && before.list == wish.list;
        let session = Session {
            boot: wish.boot,
            durable: wish.durable,
            list: before.list.filter(|_| same_list),
            about: wish.about,
            began: milliseconds(wish.now),
        };
        settle(&mut committer, &found, &session)?;
        let again = Again { selectors: &wish.again, now: milliseconds(wish.now) / 1000 };
        if let Some(survey) = Survey::take(&fs, &home.ledger)? {
            again.reopen(&mut committer, &survey)?;
        }
        let recall = Recall {
            fs,
            files,
            answered: committer.state.answered.clone(),
            unchanged: same_list,
            keep: wish.keep_list,
            ledger: home.ledger.clone(),
        };
        Ok(Opened { committer, recall, resumed: found.resumed })
    }
}

fn milliseconds(time: SystemTime) -> u64 {
    let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// The end of the ledger, what is torn cut off.
fn journal<O: Recorded>(
    fs: &Arc<dyn Fs>,
    home: &Home,
    survey: Option<&Survey>,
    found: &Found,
    random: u64,
) -> Result<Journal, Error> {
    let folder = &home.ledger;
    let Some(survey) = survey else {
        let before = Extent::default();
        let header = Header { id: random, number: 0, first: 0, kind: O::KIND, before };
        // One that was being made when its run died.
        let _ = fs.remove(&segment::path(folder, 0));
        return Journal::create(Arc::clone(fs), folder, header);
    };
    let last = survey.headers.iter().rposition(|header| header.number <= found.end.segment);
    let last = last.unwrap_or_default();
    for header in &survey.headers[last + 1..] {
        let path = segment::path(folder, header.number);
        fs.remove(&path).map_err(|source| Error::Output { path, source })?;
    }
    let header = survey.headers[last].clone();
    if found.torn {
        let path = segment::path(folder, header.number);
        fs.set_len(&path, found.end.at).map_err(|source| Error::Output { path, source })?;
    }
    Journal::resume(Arc::clone(fs), folder, header, found.end.at, found.extent)
}

/// Puts right what the dead run left: bytes of which the record is there get their names, others
/// go, and a new session begins.
fn settle<O: Recorded>(
    committer: &mut Committer<O>,
    found: &Found,
    session: &Session,
) -> Result<(), Error> {
    if !found.lost.is_empty() || found.recount {
        // What was not taken in is not in the totals either.
        let runs: Vec<_> = found.lost.iter().map(|position| (*position, 1)).collect();
        let state = committer.state.clone();
        committer.reopen(&state, &runs)?;
        for position in &found.lost {
            committer.state.reopened.insert(position.0);
        }
    }
    let mut body = Vec::new();
    session.write(&mut Fields(&mut body));
    committer.state.frame(kind::SESSION, &body);
    committer.journal.append(kind::SESSION, |fields| fields.0.extend_from_slice(&body));
    committer.write()?;
    if found.unmarked || !found.redo.is_empty() {
        let to = committer.journal.end();
        let durable = committer.durable;
        if durable {
            let folder = committer.unit.folder().to_owned();
            let mut files = committer.unit.files(&found.staged);
            files.push(committer.journal.path());
            ToSync::All { folder, files }.run(&*committer.fs)?;
        }
        let elapsed = std::time::Duration::ZERO;
        committer.journal.append(kind::MARK, |fields| Mark { to, durable, elapsed }.write(fields));
        committer.write()?;
        if durable {
            ToSync::Mark(committer.journal.path()).run(&*committer.fs)?;
        }
    }
    for position in &found.staged {
        match found.redo.get(position).and_then(|body| Seen::parse(body)) {
            Some(seen) => committer.redo(&seen)?,
            None => committer.unit.unstage(*position)?,
        }
    }
    Ok(())
}

/// Which answered positions are to be asked again.
struct Again<'a> {
    selectors: &'a [Selector],
    /// In seconds since 1970.
    now: u64,
}

impl Again<'_> {
    /// All records are read for it, but only where something may be found.
    fn reopen<O: Recorded>(
        &self,
        committer: &mut Committer<O>,
        survey: &Survey,
    ) -> Result<(), Error> {
        if self.selectors.is_empty() && committer.state.totals.deferred == 0 {
            return Ok(());
        }
        let mut runs: Vec<(Position, u64)> = Vec::new();
        let mut selected = roaring::RoaringTreemap::new();
        let mut totals = Totals::default();
        let mut latest = Latest::new(survey, committer.journal.end())?;
        while let Some((_, seen)) = latest.next()? {
            if !committer.state.answered.contains(seen.position) {
                continue;
            }
            if self.selects(&seen) {
                selected.insert(seen.position.0);
            } else {
                totals.count(seen.tally());
            }
        }
        for n in selected {
            match runs.last_mut() {
                Some((first, count)) if first.0 + *count == n => *count += 1,
                _ => runs.push((Position(n), 1)),
            }
        }
        if runs.is_empty() {
            return Ok(());
        }
        // What was received was received.
        let old = &committer.state.totals;
        (totals.received, totals.retries) = (old.received, old.retries);
        let mut state = committer.state.clone();
        state.totals = totals;
        committer.reopen(&state, &runs)?;
        for (first, count) in runs {
            state.answered.remove_range(first, count);
            state.reopened.insert_range(first.0..first.0 + count);
        }
        committer.state = state;
        Ok(())
    }

    fn selects(&self, seen: &Seen<'_>) -> bool {
        let due = seen.class == Class::Deferred && seen.retry_at.is_none_or(|at| at <= self.now);
        due || self.selectors.iter().any(|selector| selector.selects(seen.class, seen.kind))
    }
}
