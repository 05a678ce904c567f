use std::time::Duration;

/// How long an item rests between tries: a wait drawn from zero to a step that doubles ("full
/// jitter"), so that items which failed together do not come back together.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Backoff {
    pub(crate) first: Duration,
    pub(crate) longest: Duration,
}

impl Backoff {
    /// The wait after the given number of tries; `random` is from 0 to 1.
    pub(crate) fn wait(&self, tries: u32, random: f64) -> Duration {
        let doublings = tries.saturating_sub(1).min(20);
        let step = self.first.saturating_mul(1 << doublings).min(self.longest);
        step.mul_f64(random.clamp(0.0, 1.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_step_doubles_up_to_the_longest() {
        let backoff =
            Backoff { first: Duration::from_millis(500), longest: Duration::from_secs(3) };
        let waits: Vec<u128> = (1..=5).map(|n| backoff.wait(n, 1.0).as_millis()).collect();
        assert_eq!(waits, [500, 1_000, 2_000, 3_000, 3_000]);
        assert_eq!(backoff.wait(u32::MAX, 0.5), Duration::from_millis(1_500));
        assert_eq!(backoff.wait(3, 0.0), Duration::ZERO);
    }
}
