use super::committer::Committer;
use super::latest::Latest;
use super::record::{Recorded, Seen};
use super::survey::Survey;
use crate::error::Error;
use crate::item::Position;
use crate::outcome::Selector;
use crate::report::{Class, Totals};

/// Which answered positions are to be asked again.
pub(super) struct Again<'a> {
    pub(super) selectors: &'a [Selector],
    /// In seconds since 1970.
    pub(super) now: u64,
}

impl Again<'_> {
    /// All records are read for it, but only where something may be found. Tells when the first of
    /// those that stay deferred may be asked, in seconds since 1970.
    pub(super) fn reopen<O: Recorded>(
        &self,
        committer: &mut Committer<O>,
        survey: &Survey,
    ) -> Result<Option<u64>, Error> {
        if self.selectors.is_empty() && committer.state.totals.deferred == 0 {
            return Ok(None);
        }
        let mut deferred_until: Option<u64> = None;
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
                if seen.class == Class::Deferred {
                    deferred_until = deferred_until.into_iter().chain(seen.retry_at).min();
                }
            }
        }
        for n in selected {
            match runs.last_mut() {
                Some((first, count)) if first.0 + *count == n => *count += 1,
                _ => runs.push((Position(n), 1)),
            }
        }
        if runs.is_empty() {
            return Ok(deferred_until);
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
        Ok(deferred_until)
    }

    fn selects(&self, seen: &Seen<'_>) -> bool {
        let due = seen.class == Class::Deferred && seen.retry_at.is_none_or(|at| at <= self.now);
        due || self.selectors.iter().any(|selector| selector.selects(seen.class, seen.kind))
    }
}
