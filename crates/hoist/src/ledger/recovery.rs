//! Opening a ledger: what a dead run left is put right, and a run goes on from there.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::again::Again;
use super::committer::{Committer, Group, RenderLine, ToSync};
use super::fields::Fields;
use super::found::Found;
use super::frame::kind;
use super::fresh::{ours_path, start_over};
use super::home::Home;
use super::list::ListFiles;
use super::record::{Recorded, Seen, milliseconds};
use super::segment::{self, Extent, Header, Journal};
use super::state::{self, Mark, Session};
use super::survey::Survey;
use crate::error::Error;
use crate::input::{ListIdentity, Recall};
use crate::outcome::Selector;
use crate::sink::{Ours, Unit};
use crate::sys::Fs;

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
    /// When the first of those that are deferred, and not asked now, may be asked again.
    pub(crate) deferred_until: Option<SystemTime>,
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
        if before != Session::default() && before.about != wish.about {
            let shown = |about: &str| match about {
                "" => "one file for each URL".to_owned(),
                about => about.to_owned(),
            };
            let reason = format!(
                "it was begun with {}, and now it is {}; run it as before, or start over with \
                 --fresh",
                shown(&before.about),
                shown(&wish.about)
            );
            return Err(Error::Ledger { path: home.ledger.clone(), reason });
        }
        if survey.is_none() && !wish.fresh {
            unit.begin()?;
        }
        unit.resume(found.state.reach)?;
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
        let mut deferred_until = None;
        if let Some(survey) = Survey::take(&fs, &home.ledger)? {
            let until = again.reopen(&mut committer, &survey)?.map(Duration::from_secs);
            deferred_until = until.and_then(|until| SystemTime::UNIX_EPOCH.checked_add(until));
        }
        let recall = Recall {
            fs,
            files,
            answered: committer.state.answered.clone(),
            unchanged: same_list,
            keep: wish.keep_list,
            ledger: home.ledger.clone(),
        };
        Ok(Opened { committer, recall, resumed: found.resumed, deferred_until })
    }
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
    committer.note_named_shard();
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
