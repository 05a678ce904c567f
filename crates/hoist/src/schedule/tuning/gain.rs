//! What different numbers of permits brought, compared.

use super::Direction;

/// What a window came to.
#[derive(Debug, Clone, Copy)]
pub(super) struct Measure {
    /// Permits in use, on average over time.
    pub(super) count: f64,
    /// Items, or bytes, a second.
    pub(super) rate: f64,
    /// The standard error of the rate, as a share of it.
    pub(super) error: f64,
    /// What it rests on.
    pub(super) events: usize,
    /// In seconds.
    pub(super) time: f64,
}

/// A higher count is kept from this elasticity on, a lower one up to that: in between nothing moves. The more an
/// item's time has grown, the more a permit must bring: at first a server's randomness makes it queue,
/// in the end only others do, and then each must give way.
const KEPT: [(f64, Kept); 3] = [
    (1.5, Kept { higher: 0.35, lower: 0.25 }),
    (CROWDED, Kept { higher: 0.55, lower: 0.45 }),
    (f64::INFINITY, Kept { higher: 0.7, lower: 0.6 }),
];

/// The same where an item takes next to no time.
const SWIFT: Kept = Kept { higher: 0.1, lower: 0.03 };

/// Items take so many times as long as they need: others must be there.
pub(super) const CROWDED: f64 = 1.75;

#[derive(Debug, Clone, Copy)]
pub(super) struct Kept {
    pub(super) higher: f64,
    pub(super) lower: f64,
}

impl Kept {
    /// Where items take so many times as long as they need; or next to no time.
    pub(super) fn of(inflation: f64, swift: bool) -> Self {
        let kept = KEPT.iter().find(|(up_to, _)| inflation < *up_to).map_or(KEPT[0].1, |of| of.1);
        if swift { SWIFT } else { kept }
    }
}

/// What one permit brought while it had not to share.
#[derive(Debug, Default)]
pub(super) struct Linear {
    units: f64,
    /// Permits in use, times seconds.
    area: f64,
    pub(super) events: usize,
}

impl Linear {
    pub(super) fn add(&mut self, measure: Measure) {
        self.units += measure.rate * measure.time;
        self.area += measure.count * measure.time;
        self.events += measure.events;
    }

    /// Units a second, of each permit.
    pub(super) fn each(&self) -> f64 {
        self.units / self.area
    }

    /// Its standard error, as a share, if answers are independent of each other.
    #[expect(clippy::cast_precision_loss, reason = "counts of events are small")]
    pub(super) fn doubt(&self) -> f64 {
        1.0 / (self.events as f64).sqrt()
    }

    /// What so many permits would bring if that held.
    pub(super) fn at(&self, count: f64) -> Measure {
        let rate = self.each() * count;
        Measure { count, rate, error: 0.0, events: self.events, time: 0.0 }
    }
}

/// What another count bought.
#[derive(Debug, Clone, Copy)]
pub(super) struct Gain {
    /// By how many percent the goodput grew for each percent of the count.
    pub(super) elasticity: f64,
    /// Its standard error, as measured.
    pub(super) error: f64,
    /// The same if answers came as independent of each other as they could.
    pub(super) doubt: f64,
    /// The standard error of what one count brought beside the other then, as a share.
    pub(super) luck: f64,
}

impl Gain {
    pub(super) fn of(before: Measure, after: Measure) -> Self {
        let ratio = (after.count / before.count).ln();
        let luck = chance(before, after);
        Self {
            elasticity: (after.rate / before.rate).ln() / ratio,
            error: before.error.hypot(after.error) / ratio.abs(),
            doubt: luck / ratio.abs(),
            luck,
        }
    }

    /// Whether more of the same would not change the verdict.
    pub(super) fn is_certain(&self, direction: Direction, bounds: Kept) -> bool {
        let doubt = 1.5 * self.doubt.max(self.error);
        match direction {
            Direction::Up => {
                self.elasticity + doubt < bounds.higher || self.elasticity - doubt > bounds.higher
            }
            Direction::Down => self.elasticity - doubt > bounds.lower,
        }
    }
}

/// The standard error of the ratio of two rates, if answers are independent of each other.
#[expect(clippy::cast_precision_loss, reason = "counts of events are small")]
fn chance(before: Measure, after: Measure) -> f64 {
    (1.0 / before.events as f64 + 1.0 / after.events as f64).sqrt()
}

/// Whether less than this share comes of what came before, beyond what chance does.
pub(super) fn is_less(share: f64, before: Measure, after: Measure) -> bool {
    after.rate < share * before.rate * (-2.5 * chance(before, after)).exp()
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "counts of permits are small and positive"
)]
pub(super) fn rounded(count: f64) -> usize {
    (count.round() as usize).max(1)
}
