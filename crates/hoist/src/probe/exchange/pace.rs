use std::num::NonZeroU32;
use std::time::{Duration, Instant};

/// Queries to one server in one go: a default socket buffer takes about as many.
const BURST: u32 = 250;
/// From one burst to the next.
const PACE: Duration = Duration::from_millis(1);
/// What may be caught up with, of a rate: more would be a burst.
const CATCH_UP: Duration = Duration::from_millis(10);

/// What goes to one server in bursts, with pauses between them.
#[derive(Debug, Default)]
pub(super) struct Bursts {
    end: Option<Instant>,
    left: u32,
}

impl Bursts {
    /// When the next query may go; `None`: now.
    pub(super) fn blocked_until(&mut self, now: Instant) -> Option<Instant> {
        let end = self.end.filter(|end| now < *end);
        let Some(end) = end else {
            *self = Self { end: Some(now + PACE), left: BURST };
            return None;
        };
        (self.left == 0).then_some(end)
    }

    pub(super) fn sent(&mut self) {
        self.left = self.left.saturating_sub(1);
    }

    /// There was no room for the last one.
    pub(super) fn pause(&mut self, now: Instant) {
        *self = Self { end: Some(now + PACE), left: 0 };
    }
}

/// Queries per second over all servers, at most: evenly, as they are allowed one after the other.
#[derive(Debug)]
pub(super) struct Rate {
    each: Duration,
    /// When the next one is due; at most `CATCH_UP` in the past.
    next: Option<Instant>,
}

impl Rate {
    pub(super) fn new(per_second: NonZeroU32) -> Self {
        Self { each: Duration::from_secs(1) / per_second.get(), next: None }
    }

    /// When the next query may go; `None`: now.
    pub(super) fn blocked_until(&self, now: Instant) -> Option<Instant> {
        self.next.filter(|next| now < *next)
    }

    pub(super) fn sent(&mut self, now: Instant) {
        // The one that goes now is not counted among those that are caught up with.
        let most = CATCH_UP.saturating_sub(self.each);
        let earliest = now.checked_sub(most).unwrap_or(now);
        self.next = Some(self.next.map_or(now, |next| next.max(earliest)) + self.each);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn bursts_have_pauses() {
        let (mut bursts, now) = (Bursts::default(), Instant::now());
        for _ in 0..BURST {
            assert_eq!(bursts.blocked_until(now), None);
            bursts.sent();
        }
        assert_eq!(bursts.blocked_until(now), Some(now + PACE));
        assert_eq!(bursts.blocked_until(now + PACE), None);
        bursts.pause(now + PACE);
        assert_eq!(bursts.blocked_until(now + PACE), Some(now + 2 * PACE));
    }

    /// Queries in a time, asked for each so often.
    fn goes(per_second: u32, every: Duration, time: Duration) -> (u32, u32) {
        let mut rate = Rate::new(NonZeroU32::new(per_second).unwrap());
        let (start, mut all, mut most) = (Instant::now(), 0, 0);
        let mut now = start;
        while now < start + time {
            let mut burst = 0;
            while rate.blocked_until(now).is_none() {
                rate.sent(now);
                burst += 1;
            }
            (all, most) = (all + burst, most.max(burst));
            now += every;
        }
        (all, most)
    }

    #[test]
    fn a_rate_is_kept_evenly() {
        let (all, most) = goes(5_000, MS, Duration::from_secs(1));
        assert!((4_990..=5_000).contains(&all) && most == 5, "{all}, {most}");
        assert_eq!(goes(2, MS, Duration::from_secs(3)), (6, 1));
        // Who comes by seldom catches up with 10 ms, no more.
        assert!((45..=50).contains(&goes(5_000, 100 * MS, Duration::from_secs(1)).1));
        assert_eq!(goes(10, Duration::from_secs(1), Duration::from_secs(5)), (5, 1));
    }
}
