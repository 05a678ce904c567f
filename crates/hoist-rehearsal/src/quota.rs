//! So many answers in a window of time, then none until it is over. Windows are fixed: one begins with
//! the first request after the last has ended.

use std::time::Duration;

use crate::attempts::Lately;

/// Buckets a generation holds: the last so many are always remembered, others begin anew.
const GENERATION: usize = 1 << 12;

pub(crate) struct Quotas(Lately<Option<Window>>);

#[derive(Clone, Copy)]
struct Window {
    began: Duration,
    given: u64,
}

impl Quotas {
    pub(crate) fn new() -> Self {
        Self(Lately::new(GENERATION))
    }

    /// Takes one answer from a bucket at the time `now`; tells how many it has left, and the time until it
    /// has all of them again. The error is the time until it has more.
    pub(crate) fn take(
        &mut self,
        bucket: u64,
        (limit, length): (u64, Duration),
        now: Duration,
    ) -> Result<(u64, Duration), Duration> {
        let kept = self.0.of(bucket);
        // Threads may bring requests in another order than they read the clock.
        let current = kept.filter(|window| now.saturating_sub(window.began) < length);
        let mut window = current.unwrap_or(Window { began: now, given: 0 });
        if window.given >= limit {
            *kept = Some(window);
            return Err((window.began + length).saturating_sub(now));
        }
        window.given += 1;
        *kept = Some(window);
        Ok((limit - window.given, (window.began + length).saturating_sub(now)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_many_in_each_window_and_each_bucket() {
        let (mut quotas, ms) = (Quotas::new(), Duration::from_millis);
        let mut take = |bucket, at| quotas.take(bucket, (2, ms(100)), ms(at)).map(drop);
        assert_eq!([take(1, 50), take(1, 60)], [Ok(()), Ok(())]);
        assert_eq!(take(1, 70), Err(ms(80)), "the rest of the window");
        assert_eq!(take(2, 70), Ok(()), "another bucket");
        assert_eq!(take(1, 149), Err(ms(1)));
        assert_eq!([take(1, 150), take(1, 249)], [Ok(()), Ok(())], "a new window");
        assert_eq!(take(1, 249), Err(ms(1)));
        assert_eq!(take(1, 240), Err(ms(10)), "a clock read before");
    }

    #[test]
    fn none_at_all_and_no_window() {
        let mut quotas = Quotas::new();
        let second = Duration::from_secs(1);
        assert_eq!(quotas.take(1, (0, second), Duration::ZERO), Err(second));
        assert_eq!(quotas.take(1, (0, second), second), Err(second));
        assert_eq!(quotas.take(2, (1, Duration::ZERO), second), Ok((0, Duration::ZERO)));
        assert_eq!(quotas.take(2, (1, Duration::ZERO), second), Ok((0, Duration::ZERO)));
    }
}
