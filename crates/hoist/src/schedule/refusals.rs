use std::time::{Duration, Instant};

use super::Backoff;

/// An origin says that it is asked too much, and nothing else.
#[derive(Debug)]
pub(super) struct Refusals {
    first: Instant,
    /// The latest that counted.
    since: Instant,
    /// Without an answer in between, each of an attempt that began after the one before.
    times: u32,
}

impl Refusals {
    /// Before the first.
    pub(super) fn new(now: Instant) -> Self {
        Self { first: now, since: now, times: 0 }
    }

    /// Since the first of them.
    pub(super) fn lasted(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.first)
    }

    /// An attempt that began then was refused. For how long nothing is asked: longer with each refusal;
    /// but the first of them only makes for fewer at once.
    pub(super) fn count(
        &mut self,
        now: Instant,
        began: Instant,
        backoff: Backoff,
        random: f64,
    ) -> Option<Duration> {
        if self.times > 0 && began < self.since {
            return None;
        }
        self.since = now;
        self.times = self.times.saturating_add(1);
        let pause = || backoff.wait(self.times - 1, 0.5 + random / 2.0);
        (self.times > 1).then(pause)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_in_a_row_pause_longer_and_longer_and_those_begun_before_count_once() {
        let seconds = Duration::from_secs;
        let backoff = Backoff { first: seconds(1), longest: seconds(30) };
        let start = Instant::now();
        let mut refusals = Refusals::new(start);
        let mut now = start + seconds(1);
        let mut paused = Vec::new();
        for _ in 0..7 {
            let pause = refusals.count(now, now, backoff, 1.0);
            paused.push(pause.map(|pause| pause.as_secs()));
            assert_eq!(refusals.count(now, start, backoff, 1.0), None);
            now += pause.unwrap_or_default() + seconds(1);
        }
        assert_eq!(paused, [None, Some(1), Some(2), Some(4), Some(8), Some(16), Some(30)]);
    }
}
