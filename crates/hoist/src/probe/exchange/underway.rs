use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Queries of which an answer is still likely, counted by when they were sent: so that those which
/// are overdue leave the count together, without a timer or a place in memory for each.
#[derive(Debug, Default)]
pub(super) struct Underway {
    count: usize,
    /// How many are left of each slice of time, the oldest first.
    slices: VecDeque<u32>,
    /// When the oldest slice began.
    began: Option<Instant>,
}

/// How exactly it is known when a query was sent.
pub(super) const SLICE: Duration = Duration::from_millis(4);
/// Slices at once: 16 s.
const SLICES_MAX: usize = 4096;

impl Underway {
    pub(super) fn count(&self) -> usize {
        self.count
    }

    pub(super) fn sent(&mut self, now: Instant) {
        if self.count == 0 {
            self.slices.clear();
            self.began = Some(now);
        }
        let at = self.slice(now).unwrap_or_default().min(SLICES_MAX - 1);
        if self.slices.len() <= at {
            self.slices.resize(at + 1, 0);
        }
        self.slices[at] += 1;
        self.count += 1;
    }

    /// One that was sent then is answered, or not waited for any more.
    pub(super) fn ended(&mut self, sent: Instant) {
        let slice = self.slice(sent).and_then(|at| self.slices.get_mut(at));
        if let Some(left) = slice.filter(|left| **left > 0) {
            *left -= 1;
            self.count -= 1;
        }
    }

    /// Drops what was sent longer ago than that.
    pub(super) fn drop_older(&mut self, now: Instant, limit: Duration) {
        while let Some(began) = self.began
            && self.next_drop(limit).is_some_and(|at| at <= now)
        {
            let left = self.slices.pop_front().unwrap_or_default();
            self.count -= left as usize;
            self.began = Some(began + SLICE);
        }
    }

    /// When the oldest slice is dropped.
    pub(super) fn next_drop(&self, limit: Duration) -> Option<Instant> {
        self.began.filter(|_| !self.slices.is_empty()).map(|began| began + SLICE + limit)
    }

    fn slice(&self, at: Instant) -> Option<usize> {
        let age = at.checked_duration_since(self.began?)?;
        usize::try_from(age.as_micros() / SLICE.as_micros()).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_overdue_are_counted_no_longer() {
        let ms = Duration::from_millis;
        let (mut underway, start) = (Underway::default(), Instant::now());
        for n in 0..100 {
            underway.sent(start + ms(n));
        }
        assert_eq!(underway.count(), 100);
        underway.drop_older(start + ms(100), ms(50));
        assert_eq!(underway.count(), 52, "to a slice");
        // Those of the dropped ones that end now do not count twice.
        underway.ended(start + ms(3));
        assert_eq!(underway.count(), 52);
        underway.ended(start + ms(99));
        assert_eq!(underway.count(), 51);
        assert_eq!(underway.next_drop(ms(50)), Some(start + ms(48 + 4 + 50)));
        underway.drop_older(start + ms(1000), ms(50));
        assert_eq!((underway.count(), underway.next_drop(ms(50))), (0, None));
        // After a long silence it begins anew.
        underway.sent(start + Duration::from_hours(1));
        assert_eq!((underway.count(), underway.slices.len()), (1, 1));
    }
}
