use std::time::Duration;

use super::chance::Draws;
use crate::plan::defaults;

/// How times (`Duration`) or bytes (`u64`) are distributed.
#[derive(Debug, Clone, PartialEq)]
pub enum Distribution<T> {
    /// Always this.
    Fixed(T),
    /// Evenly from the one to the other.
    Uniform(T, T),
    /// The logarithm is normal: half are below the median, about two thirds within a factor of
    /// e^sigma around it.
    Lognormal {
        /// The median.
        median: T,
        /// The standard deviation of the natural logarithm.
        sigma: f64,
    },
    /// A heavy tail: (least / x)^shape are above x. Without a mean where the shape is 1 or less.
    Pareto {
        /// The smallest.
        least: T,
        /// The exponent.
        shape: f64,
    },
    /// Measured: each value with the share that it has. They need not come to 1.
    Parts(Vec<(T, f64)>),
}

/// What can be distributed: times and bytes.
pub trait Quantity: Copy {
    /// In seconds, or bytes.
    fn to_number(self) -> f64;
    /// From seconds, or bytes; at most what a run can have.
    fn from_number(number: f64) -> Self;
}

impl Quantity for Duration {
    fn to_number(self) -> f64 {
        self.as_secs_f64()
    }

    fn from_number(number: f64) -> Self {
        Self::try_from_secs_f64(number).unwrap_or(defaults::FOREVER).min(defaults::FOREVER)
    }
}

impl Quantity for u64 {
    #[expect(clippy::cast_precision_loss, reason = "sizes that are drawn are rough")]
    fn to_number(self) -> f64 {
        self as f64
    }

    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it saturates")]
    fn from_number(number: f64) -> Self {
        (number.round() as Self).min(defaults::MAX_BODY)
    }
}

impl<T: Quantity> Distribution<T> {
    /// One of them.
    pub(super) fn draw(&self, draws: &mut Draws) -> T {
        match self {
            Self::Fixed(value) => *value,
            Self::Uniform(least, most) => {
                let (least, most) = (least.to_number(), most.to_number());
                T::from_number(least + (most - least) * draws.unit())
            }
            Self::Lognormal { median, sigma } => {
                T::from_number(median.to_number() * (sigma * draws.normal()).exp())
            }
            Self::Pareto { least, shape } => {
                T::from_number(least.to_number() * (1.0 - draws.unit()).powf(-1.0 / shape))
            }
            Self::Parts(parts) => {
                let all: f64 = parts.iter().map(|(_, share)| share).sum();
                let mut left = draws.unit() * all;
                for (value, share) in parts {
                    left -= share;
                    if left < 0.0 {
                        return *value;
                    }
                }
                parts.last().map_or(T::from_number(0.0), |(value, _)| *value)
            }
        }
    }
}

#[cfg(test)]
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "counts of a test are small"
)]
mod tests {
    use super::*;
    use crate::simulate::chance::Purpose;

    fn drawn<T: Quantity>(distribution: &Distribution<T>) -> Vec<f64> {
        let source = |n| Draws::of(1, Purpose::Item, n);
        let mut drawn: Vec<_> =
            (0..20_000).map(|n| distribution.draw(&mut source(n)).to_number()).collect();
        drawn.sort_by(f64::total_cmp);
        drawn
    }

    fn is_about(a: f64, b: f64) {
        assert!((a / b - 1.0).abs() < 0.05, "{a} {b}");
    }

    #[test]
    fn they_have_their_quantiles() {
        let ms = Duration::from_millis;
        let quantile = |drawn: &[f64], q: f64| drawn[(q * 20_000.0) as usize];
        is_about(drawn(&Distribution::Fixed(ms(5)))[7], 0.005);
        let uniform = drawn(&Distribution::Uniform(ms(100), ms(300)));
        is_about(quantile(&uniform, 0.25), 0.15);
        let lognormal = drawn(&Distribution::Lognormal { median: 1_000_u64, sigma: 1.0 });
        is_about(quantile(&lognormal, 0.5), 1_000.0);
        is_about(quantile(&lognormal, 0.8413), 2_718.0);
        let pareto = drawn(&Distribution::Pareto { least: ms(10), shape: 2.0 });
        is_about(quantile(&pareto, 0.75), 0.02);
        assert!(pareto[0] >= 0.01);
        let parts = drawn(&Distribution::Parts(vec![(1_u64, 3.0), (5, 1.0)]));
        is_about(parts.iter().sum::<f64>(), 20_000.0 * 2.0);
        assert!(drawn(&Distribution::<u64>::Parts(Vec::new()))[0].abs() < f64::EPSILON);
    }

    #[test]
    fn what_is_beyond_all_bounds_is_cut() {
        let heavy = drawn(&Distribution::Pareto { least: Duration::from_secs(9), shape: 0.01 });
        assert!(heavy.iter().all(|time| *time <= defaults::FOREVER.as_secs_f64()));
        let heavy = drawn(&Distribution::Lognormal { median: 1_u64 << 33, sigma: 9.0 });
        assert!(heavy.iter().all(|bytes| *bytes <= (16_u64 << 30) as f64));
    }
}
