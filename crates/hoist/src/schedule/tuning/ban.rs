use std::time::{Duration, Instant};

use super::search::LONG_REST;
use super::{Above, BRAKE, Ceiling, Phase, Tuning};
use crate::plan::defaults;

/// Who wants to be left alone for so long does not say that this is too much at once, but that it was too much.
pub(super) const LONG: Duration = Duration::from_secs(5);

/// Such a server has, as a rule, a token bucket: so many a second, and what a second brings beside that.
const BUCKET: Duration = Duration::from_secs(1);
/// This part of what was allowed so is asked for later.
const ALLOWED: f64 = 0.9;

impl Tuning {
    /// A refusal asks for a long pause. What was asked since the last such one tells how many in a second are
    /// allowed, and for long no more are tried.
    #[expect(clippy::cast_precision_loss, reason = "counts of answers and permits are small")]
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a count of permits, from above 0"
    )]
    pub(in crate::schedule) fn banned(
        &mut self,
        now: Instant,
        in_flight: usize,
        took: Duration,
        pause: Duration,
        status: u16,
    ) {
        if pause < LONG || now.checked_sub(took).is_none_or(|began| began < self.free.since) {
            return;
        }
        let time = now.saturating_duration_since(self.free.since) + BUCKET;
        let answers = self.answers - self.free.answers;
        let allowed = ALLOWED * answers as f64 / time.as_secs_f64() / self.alone;
        let count = BRAKE * in_flight as f64;
        let known = allowed.is_finite() && !self.sizes.large;
        let at = if known { count.min(allowed) } else { count };
        let at = (at.floor() as usize).max(1);
        let until = now + pause.min(defaults::FOREVER);
        self.free = Free { since: until, answers: self.answers };
        self.braked = Some(now);
        self.searched = true;
        (self.hint, self.leap, self.usual) = (None, None, None);
        let led_to = Above::Status(status);
        self.ceiling = Some(Ceiling { at, since: until, led_to, punished: true });
        self.phase = Phase::Resting(until + LONG_REST);
        self.limit = self.limit.min(in_flight.max(1));
        self.lead(now, in_flight, at);
    }
}

/// Since when nobody was banned, and the answers until then.
#[derive(Debug, Clone, Copy)]
pub(super) struct Free {
    pub(super) since: Instant,
    pub(super) answers: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pause_may_be_as_long_as_a_server_can_say() {
        let now = Instant::now();
        let mut tuning = Tuning::new(now, 2, 64);
        tuning.banned(now, 2, Duration::ZERO, Duration::MAX, 429);
        assert_eq!(tuning.limit(), 1);
    }
}
