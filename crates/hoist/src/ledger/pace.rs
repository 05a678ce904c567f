use std::time::{Duration, Instant};

use crate::plan::defaults;

/// When records are handed to the system, and when a group is closed. Time is an argument.
///
/// The first group is short, so that the first outcomes come at once; each next one may be twice as
/// long, as a sync costs the same for one outcome and for thousands.
#[derive(Debug)]
pub(super) struct Pace {
    period: Duration,
    /// Something is in the open group since.
    open_since: Option<Instant>,
    /// Something is not with the system since.
    unwritten_since: Option<Instant>,
    /// The group is to be closed as soon as can be.
    hurry: bool,
}

impl Pace {
    pub(super) fn new() -> Self {
        Self {
            period: defaults::GROUP_FIRST,
            open_since: None,
            unwritten_since: None,
            hurry: false,
        }
    }

    /// Outcomes were taken into the open group, which now holds so much.
    pub(super) fn took(&mut self, now: Instant, (items, bytes, weight): (usize, u64, usize)) {
        self.open_since.get_or_insert(now);
        self.unwritten_since.get_or_insert(now);
        self.hurry |= items >= defaults::GROUP_ITEMS
            || bytes >= defaults::GROUP_BYTES
            || weight >= defaults::ADMITTED_BYTES / 4;
    }

    /// Nothing more will come for now.
    pub(super) fn hurry(&mut self) {
        self.hurry = self.open_since.is_some();
    }

    pub(super) fn must_write(&self, now: Instant) -> bool {
        self.unwritten_since.is_some_and(|since| now >= since + defaults::RECORD_BATCH)
    }

    pub(super) fn wrote(&mut self) {
        self.unwritten_since = None;
    }

    pub(super) fn must_close(&self, now: Instant) -> bool {
        self.hurry || self.open_since.is_some_and(|since| now >= since + self.period)
    }

    pub(super) fn closed(&mut self) {
        *self = Self {
            period: (self.period * 2).min(defaults::GROUP_LONGEST),
            open_since: None,
            unwritten_since: None,
            hurry: false,
        };
    }

    /// When to look again. `closing`: the open group can't be closed before another is committed.
    pub(super) fn next(&self, closing: bool) -> Option<Instant> {
        let write = self.unwritten_since.map(|since| since + defaults::RECORD_BATCH);
        let close = self
            .open_since
            .filter(|_| !closing)
            .map(|since| if self.hurry { since } else { since + self.period });
        [write, close].into_iter().flatten().min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_grow_and_are_cut_when_full_or_in_a_hurry() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let mut pace = Pace::new();
        assert_eq!(pace.next(false), None);
        pace.took(at(5), (1, 10, 100));
        assert!(!pace.must_write(at(24)) && pace.must_write(at(25)));
        assert!(!pace.must_close(at(24)) && pace.must_close(at(25)));
        pace.closed();
        pace.took(at(100), (1, 10, 100));
        pace.wrote();
        assert_eq!((pace.next(false), pace.next(true)), (Some(at(140)), None));
        pace.hurry();
        assert!(pace.must_close(at(100)));
        for _ in 0..10 {
            pace.closed();
        }
        pace.took(at(200), (1, 10, 100));
        assert!(!pace.must_close(at(1_199)) && pace.must_close(at(1_200)));
        pace.took(at(201), (2, defaults::GROUP_BYTES, 200));
        assert!(pace.must_close(at(201)));
    }
}
