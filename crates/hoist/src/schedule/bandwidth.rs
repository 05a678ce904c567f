use std::num::NonZeroU64;
use std::time::{Duration, Instant};

/// The bytes that all connections together may read: a token bucket of a tenth of a second. Where it is
/// empty, connections take turns: each is given a moment at which its share will be there.
#[derive(Debug)]
pub(crate) struct Bandwidth {
    /// Bytes a second.
    rate: u64,
    burst: u64,
    /// Of one turn.
    share: u64,
    /// When the bucket is full again.
    full: Instant,
    /// When the next turn is that nobody has.
    next: Instant,
}

/// A connection's turn takes a twentieth of a second, within these bounds: no timer is finer than a
/// millisecond, and a system call for each few bytes would be waste.
const SHARES: u64 = 20;
const LEAST_SHARE: u64 = 512;
const MOST_SHARE: u64 = 64 << 10;
/// The bucket holds so many parts of a second.
const BURSTS: u64 = 10;

impl Bandwidth {
    pub(crate) fn new(rate: NonZeroU64, now: Instant) -> Self {
        let rate = rate.get();
        let share = (rate / SHARES).clamp(LEAST_SHARE, MOST_SHARE);
        Self { rate, burst: (rate / BURSTS).max(share), share, full: now, next: now }
    }

    /// Bytes that may be read now, by whose turn it is.
    pub(crate) fn left(&self, now: Instant) -> u64 {
        let missing = self.full.saturating_duration_since(now).as_nanos() * u128::from(self.rate);
        let missing = u64::try_from(missing.div_ceil(NANOS)).unwrap_or(u64::MAX);
        self.burst.saturating_sub(missing)
    }

    /// Whether nobody else waits, and there is enough: then it is the turn of whoever asks.
    pub(crate) fn is_free(&self, now: Instant) -> bool {
        self.next <= now && self.left(now) >= self.share
    }

    /// The next turn.
    pub(crate) fn reserve(&mut self, now: Instant) -> Instant {
        let missing = self.share.saturating_sub(self.left(now));
        let at = self.next.max(now + self.time(missing));
        self.next = at + self.time(self.share);
        at
    }

    /// A turn was not needed.
    pub(crate) fn release(&mut self) {
        self.next = self.next.checked_sub(self.time(self.share)).unwrap_or(self.next);
    }

    /// Bytes have been read.
    pub(crate) fn take(&mut self, now: Instant, bytes: u64) {
        self.full = self.full.max(now) + self.time(bytes);
    }

    /// What so many bytes take.
    fn time(&self, bytes: u64) -> Duration {
        let nanos = (u128::from(bytes) * NANOS).div_ceil(u128::from(self.rate));
        Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }
}

const NANOS: u128 = 1_000_000_000;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A connection that has as many bytes as it may read.
    #[derive(Clone, Copy)]
    struct Connection {
        turn: Option<Instant>,
        had: u64,
    }

    /// Lets so many connections read for a while; timers are late by up to a millisecond. What each had, and
    /// each read.
    fn read(
        bandwidth: &mut Bandwidth,
        start: Instant,
        connections: usize,
        time: Duration,
    ) -> (Vec<u64>, Vec<(Instant, u64)>) {
        let mut all = vec![Connection { turn: None, had: 0 }; connections];
        let mut reads = Vec::new();
        let mut now = start;
        while now < start + time {
            for connection in &mut all {
                let may = match connection.turn {
                    Some(at) => at <= now,
                    None => bandwidth.is_free(now),
                };
                let bytes = bandwidth.left(now).min(64 << 10);
                if may && bytes > 0 {
                    bandwidth.take(now, bytes);
                    connection.had += bytes;
                    connection.turn = None;
                    reads.push((now, bytes));
                }
                if connection.turn.is_none_or(|at| at <= now) {
                    connection.turn = Some(bandwidth.reserve(now));
                }
            }
            now += Duration::from_millis(1);
        }
        (all.iter().map(|connection| connection.had).collect(), reads)
    }

    proptest! {
        #[test]
        fn no_window_has_more_and_all_is_used_and_shared(
            rate in 2_000..50_000_000_u64,
            connections in 1..40_usize,
        ) {
            let now = Instant::now();
            let mut bandwidth = Bandwidth::new(NonZeroU64::new(rate).unwrap(), now);
            let time = Duration::from_secs(10);
            let (had, reads) = read(&mut bandwidth, now, connections, time);
            let all: u64 = had.iter().sum();
            prop_assert!(all >= rate * 10 * 9 / 10, "{all} of {}", rate * 10);
            let mut sums = vec![(0, now)];
            for (at, bytes) in reads {
                sums.push((sums[sums.len() - 1].0 + bytes, at));
            }
            // From each read on, over some windows.
            for first in (1..sums.len()).step_by(7) {
                for last in (first..sums.len()).step_by(13) {
                    let bytes = sums[last].0 - sums[first - 1].0;
                    let window = sums[last].1 - sums[first].1;
                    let allowed = u128::from(rate) * window.as_nanos() / NANOS;
                    prop_assert!(u128::from(bytes) <= allowed + u128::from(bandwidth.burst) + 1);
                }
            }
            let (least, most) = (had.iter().min().unwrap(), had.iter().max().unwrap());
            prop_assert!(most - least <= 4 * bandwidth.burst.max(64 << 10), "{least} to {most}");
        }
    }

    #[test]
    fn a_turn_that_is_not_needed_is_somebody_elses() {
        let now = Instant::now();
        let mut bandwidth = Bandwidth::new(NonZeroU64::new(10_000).unwrap(), now);
        assert!(bandwidth.is_free(now));
        bandwidth.take(now, bandwidth.left(now));
        let first = bandwidth.reserve(now);
        let second = bandwidth.reserve(now);
        assert_eq!(first, now + bandwidth.time(512));
        assert!(second > first && !bandwidth.is_free(first));
        bandwidth.release();
        assert_eq!(bandwidth.reserve(now), second);
        bandwidth.release();
        bandwidth.release();
        assert!(bandwidth.is_free(first));
    }
}
