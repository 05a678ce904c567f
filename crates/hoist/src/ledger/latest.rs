use roaring::RoaringTreemap;

use super::frame::kind;
use super::record::Seen;
use super::segment::Place;
use super::survey::{Survey, Torn, Walk};
use crate::error::Error;

/// The latest record of each position, as they stand in the ledger. Memory follows the records that
/// were superseded, not the list.
pub(crate) struct Latest<'a> {
    walk: Walk<'a>,
    survey: &'a Survey,
    superseded: Counts,
}

impl<'a> Latest<'a> {
    /// Of all that is before a place.
    pub(crate) fn new(survey: &'a Survey, until: Place) -> Result<Self, Error> {
        let mut superseded = Counts::default();
        for (index, header) in survey.headers.iter().enumerate() {
            let next = survey.headers.get(index + 1);
            if next.is_some_and(|next| next.before.superseding == 0) {
                continue;
            }
            let behind = Place { segment: header.number + 1, at: 0 };
            let mut walk = survey.walk(index, until.min(behind));
            while let Some((_, frame)) = walk.next().map_err(|stopped| survey.told(stopped))? {
                if frame.kind == kind::RECORD {
                    let seen = Seen::parse(frame.body).ok_or_else(|| strange(survey, index))?;
                    if seen.supersedes {
                        superseded.add(seen.position.0);
                    }
                }
            }
        }
        Ok(Self { walk: survey.walk(0, until), survey, superseded })
    }

    /// After the last one: what was made durable is missing, if so.
    pub(crate) fn lost(&self) -> Result<Option<Torn>, Error> {
        self.walk.lost()
    }

    /// The next one, and where it stands.
    pub(crate) fn next(&mut self) -> Result<Option<(Place, Seen<'_>)>, Error> {
        let Self { walk, survey, superseded } = self;
        loop {
            let (place, position) = {
                let Some((place, frame)) = walk.next().map_err(|stopped| survey.told(stopped))?
                else {
                    return Ok(None);
                };
                if frame.kind != kind::RECORD {
                    continue;
                }
                let index = usize::try_from(place.segment - survey.headers[0].number);
                let seen = Seen::parse(frame.body)
                    .ok_or_else(|| strange(survey, index.unwrap_or_default()))?;
                (place, seen.position)
            };
            if !superseded.take(position.0) {
                return Ok(walk.current().and_then(Seen::parse).map(|seen| (place, seen)));
            }
        }
    }
}

fn strange(survey: &Survey, index: usize) -> Error {
    let number = survey.headers.get(index).map_or(0, |header| header.number);
    let path = super::segment::path(&survey.folder, number);
    let reason = "it holds a record that this version can't read; use a newer hoist".to_owned();
    Error::Ledger { path, reason }
}

/// How many records of each position are still to be superseded: a bitmap for the first, one for
/// the second ... of which there are few.
#[derive(Debug, Default)]
struct Counts(Vec<RoaringTreemap>);

impl Counts {
    fn add(&mut self, n: u64) {
        for level in &mut self.0 {
            if level.insert(n) {
                return;
            }
        }
        self.0.push(RoaringTreemap::from_iter([n]));
    }

    /// Counts one down. False where there was none.
    fn take(&mut self, n: u64) -> bool {
        self.0.iter_mut().rev().any(|level| level.remove(n))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_go_up_and_down() {
        let mut counts = Counts::default();
        for n in [5, 9, 5, 5] {
            counts.add(n);
        }
        assert_eq!(counts.0.len(), 3);
        let taken = [5, 5, 9, 5, 5, 9, 1].map(|n| counts.take(n));
        assert_eq!(taken, [true, true, true, true, false, false, false]);
    }
}
