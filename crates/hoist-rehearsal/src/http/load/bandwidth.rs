//! So many bytes a second over all connections, to each answer in turn.

use std::time::Duration;

/// About the time that a piece takes: answers take turns piece by piece.
const PIECE: Duration = Duration::from_millis(5);
/// The bytes of a piece, whatever the rate.
const SMALLEST: u64 = 1 << 10;
const LARGEST: u64 = 64 << 10;
/// What was left unused for no longer than this is made up for: timers wake late.
const SLACK: Duration = Duration::from_millis(10);

#[derive(Clone, Debug)]
pub(super) struct Bandwidth {
    /// Bytes a second.
    rate: u64,
    takes: Duration,
    piece: u64,
    /// When the line is free again.
    free: Duration,
}

impl Bandwidth {
    pub(super) fn new(rate: u64, takes: Duration) -> Self {
        let piece = u128::from(rate) * PIECE.as_millis() / 1000;
        let piece = u64::try_from(piece).unwrap_or(LARGEST).clamp(SMALLEST, LARGEST);
        Self { rate, takes, piece, free: Duration::ZERO }
    }

    /// The time until an answer begins.
    pub(super) fn takes(&self) -> Duration {
        self.takes
    }

    /// Takes the next piece of `bytes`: how many of them go, and when they have.
    pub(super) fn send(&mut self, bytes: usize, now: Duration) -> (usize, Duration) {
        let n = usize::try_from(self.piece).unwrap_or(bytes).min(bytes);
        let nanos = u128::from(n as u64) * 1_000_000_000 / u128::from(self.rate);
        let time = Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX));
        self.free = self.free.max(now.saturating_sub(SLACK)) + time;
        (n, self.free.max(now))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::load::model::tests::ms;

    /// Sends all that is to be sent, each piece once the last is out, and as late as told.
    fn sent(rate: u64, answers: &[usize], late: Duration) -> Vec<Duration> {
        let mut line = Bandwidth::new(rate, Duration::ZERO);
        let mut left: Vec<_> = answers.iter().map(|bytes| (Duration::ZERO, *bytes)).collect();
        loop {
            let next = left.iter_mut().filter(|(_, bytes)| *bytes > 0).min_by_key(|(at, _)| *at);
            let Some((at, bytes)) = next else { break };
            let (n, due) = line.send(*bytes, *at);
            *bytes -= n;
            *at = due + late;
        }
        left.into_iter().map(|(at, _)| at).collect()
    }

    #[test]
    fn so_many_a_second_whoever_sends() {
        for answers in [&[1_000_000][..], &[100_000; 10], &[2_000; 500], &[999_999, 1]] {
            for rate in [100_000, 1_000_000, 50_000_000] {
                for late in [ms(0), ms(2)] {
                    let all = sent(rate, answers, late).into_iter().max().unwrap();
                    let by_rate = 1_000_000.0 / f64::from(u32::try_from(rate).unwrap());
                    // It may begin with what was not used before.
                    let off = all.as_secs_f64() - by_rate;
                    assert!(off.abs() < 0.02, "{answers:?} at {rate}: {all:?}");
                }
            }
        }
    }

    #[test]
    fn to_each_in_turn() {
        let times = sent(1_000_000, &[500_000, 500_000, 50_000], ms(0));
        assert!(times[0].abs_diff(times[1]) < ms(20), "{times:?}");
        assert!(times[2] < ms(170), "a third of the line: {times:?}");
    }
}
