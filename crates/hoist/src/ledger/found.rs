//! What is found in a ledger: its state, as far as it can be trusted, and what a dead run left.

use std::collections::{BTreeMap, BTreeSet};

use super::frame::{Tail, kind};
use super::latest::Latest;
use super::record::Seen;
use super::segment::{self, Extent, Place};
use super::state::{self, Mark, State};
use super::survey::{Stopped, Survey, Torn};
use crate::error::Error;
use crate::item::Position;
use crate::report::Totals;
use crate::sink::Unit;

/// What was found in a ledger.
#[derive(Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is another thing to be put right")]
pub(super) struct Found {
    pub(super) state: State,
    /// Behind the last frame that counts.
    pub(super) end: Place,
    /// The last segment of these.
    pub(super) extent: Extent,
    /// Something behind the end is to be cut off.
    pub(super) torn: bool,
    /// Records were made after the last mark.
    pub(super) unmarked: bool,
    /// Records whose temporary files are there, as bodies of frames.
    pub(super) redo: BTreeMap<Position, Vec<u8>>,
    /// Positions whose records did not survive a power cut whole.
    pub(super) lost: BTreeSet<Position>,
    pub(super) staged: Vec<Position>,
    /// The totals that were read may count records that did not survive.
    pub(super) recount: bool,
    /// A run was here before.
    pub(super) resumed: bool,
}

impl Found {
    pub(super) fn read(
        survey: &Survey,
        boot: [u8; 16],
        unit: &mut dyn Unit,
    ) -> Result<Self, Error> {
        let (state, index) = snapshot(survey);
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
        while let Some((place, frame)) = walk.next().map_err(|stopped| survey.told(stopped))? {
            let doubtful = look.rebooted && place >= look.durable;
            if frame.kind != kind::RECORD {
                let before = self.state.reach;
                self.state.frame(frame.kind, frame.body);
                if frame.kind == kind::TOTALS {
                    self.recount |= doubtful;
                    // Totals may count what did not survive.
                    self.state.reach = self.state.reach.least(before);
                }
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
            if doubtful && !unit.holds(seen.position, &seen.spot(), self.state.reach)? {
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
fn snapshot(survey: &Survey) -> (State, usize) {
    for index in (0..survey.headers.len() - 1).rev() {
        let header = &survey.headers[index];
        let path = state::snapshot_path(&survey.folder, header.number);
        if let Some(state) = state::read_snapshot(&*survey.fs, &path, header.salt()) {
            return (state, index + 1);
        }
    }
    (State::default(), 0)
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
                    durable = durable.max(survey.behind(torn)?.durable);
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
        // A torn tail of this boot is a write that was cut short, behind which is nothing; of an
        // earlier one, what was never synced. Marked is neither.
        if torn && cut.is_none() {
            let torn = Torn { index: survey.headers.len() - 1, at: end.at };
            let behind = survey.behind(torn)?;
            if durable.max(behind.durable) > end || (behind.frames && !rebooted) {
                return Err(survey.damage(torn));
            }
        }
        Ok(Self { end, torn, marked, durable, rebooted })
    }
}
