use std::time::Instant;

use crate::outcome::{Phase, Timing};

/// Tells where the time of an attempt goes. One phase begins where another ends.
#[derive(Debug, Default)]
pub(super) struct Stopwatch {
    under_way: Option<(Phase, Instant)>,
    timing: Timing,
}

impl Stopwatch {
    /// A phase begins, the one under way ends.
    pub(super) fn begin(&mut self, phase: Phase, now: Instant) {
        self.end(now);
        self.under_way = Some((phase, now));
    }

    /// The phase under way ends.
    pub(super) fn end(&mut self, now: Instant) {
        if let Some((phase, began)) = self.under_way.take() {
            self.timing.add(phase, now.saturating_duration_since(began));
        }
    }

    /// What was measured.
    pub(super) fn read(mut self) -> Timing {
        if self.under_way.is_some() {
            self.end(Instant::now());
        }
        self.timing
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn phases_follow_each_other_and_add_up() {
        let mut stopwatch = Stopwatch::default();
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        stopwatch.begin(Phase::Connect, at(0));
        stopwatch.begin(Phase::FirstByte, at(5));
        // An idle connection turned out to be closed: the same once more.
        stopwatch.begin(Phase::Connect, at(6));
        stopwatch.begin(Phase::FirstByte, at(10));
        stopwatch.begin(Phase::Body, at(30));
        stopwatch.end(at(60));
        let ms = Duration::from_millis;
        let expected = [(Phase::Connect, ms(9)), (Phase::FirstByte, ms(21)), (Phase::Body, ms(30))];
        assert_eq!(stopwatch.read(), expected.into_iter().collect());
    }
}
