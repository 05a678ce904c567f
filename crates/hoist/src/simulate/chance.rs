//! Where chance comes from: the same seed and index give the same draws, so that nothing that was
//! drawn need be kept.

const PRIME: u64 = 0x9e37_79b9_7f4a_7c15;

/// A mixing of 64 bits (splitmix64, Steele, Lea and Flood 2014).
pub(super) fn mix(mut x: u64) -> u64 {
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

/// What is drawn for.
#[derive(Debug, Clone, Copy)]
pub(super) enum Purpose {
    Origin,
    Item,
    Attempt,
    Order,
}

/// Independent draws.
#[derive(Debug, Clone)]
pub(super) struct Draws(u64);

impl Draws {
    /// Those of one thing.
    pub(super) fn of(seed: u64, purpose: Purpose, index: u64) -> Self {
        let seed = mix(seed ^ PRIME.wrapping_mul(purpose as u64 + 1));
        Self(mix(seed ^ index.wrapping_mul(PRIME)))
    }

    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(PRIME);
        mix(self.0)
    }

    /// Evenly in `[0, 1)`.
    #[expect(clippy::cast_precision_loss, reason = "53 bits fit")]
    pub(super) fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Of the standard normal distribution (Box and Muller).
    pub(super) fn normal(&mut self) -> f64 {
        let (radius, angle) = (1.0 - self.unit(), self.unit());
        (-2.0 * radius.ln()).sqrt() * (std::f64::consts::TAU * angle).cos()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_are_even_and_the_same_for_the_same_seed() {
        let draw = |n| Draws::of(7, Purpose::Item, n);
        let mean = |of: fn(&mut Draws) -> f64| {
            (0..100_000).map(|n| of(&mut draw(n))).sum::<f64>() / 100_000.0
        };
        assert!((mean(Draws::unit) - 0.5).abs() < 0.01);
        assert!(mean(Draws::normal).abs() < 0.02);
        assert!((mean(|draws| draws.normal().powi(2)) - 1.0).abs() < 0.03);
        assert_eq!(draw(3).next(), draw(3).next());
        assert_ne!(draw(3).next(), Draws::of(7, Purpose::Attempt, 3).next());
        assert_ne!(draw(3).next(), Draws::of(8, Purpose::Item, 3).next());
    }
}
