use std::time::{Duration, Instant};

/// So many bytes a second over all that share it, piece by piece, in turn.
#[derive(Debug)]
pub(super) struct Line {
    rate: u64,
    /// When it is free again.
    free: Option<Instant>,
}

impl Line {
    pub(super) fn new(rate: u64) -> Self {
        Self { rate: rate.max(1), free: None }
    }

    /// When a piece is through that is there now.
    pub(super) fn send(&mut self, now: Instant, bytes: u64) -> Instant {
        let free = self.free.map_or(now, |free| free.max(now)) + time(bytes, self.rate);
        self.free = Some(free);
        free
    }
}

/// What so many bytes take at so many a second.
pub(super) fn time(bytes: u64, rate: u64) -> Duration {
    let nanos = u128::from(bytes) * 1_000_000_000 / u128::from(rate.max(1));
    Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_comes_waits_for_those_before() {
        let (mut line, now) = (Line::new(1_000), Instant::now());
        let at = |ms| now + Duration::from_millis(ms);
        assert_eq!([line.send(now, 100), line.send(now, 50)], [at(100), at(150)]);
        assert_eq!(line.send(at(500), 1), at(501));
    }
}
