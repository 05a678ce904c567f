//! The items, as a function of their position: a list of a billion takes no memory.

use std::time::Duration;

use super::chance::{Draws, Purpose, mix};

/// How items are spread over origins, and in which order they stand.
#[derive(Debug, Clone, PartialEq)]
pub struct Population {
    /// How many items each origin has.
    pub spread: Spread,
    /// The order of the list.
    pub order: Order,
}

/// How many items each origin has.
#[derive(Debug, Clone, PartialEq)]
pub enum Spread {
    /// All the same.
    Uniform,
    /// The n-th largest has a share that falls with n to this power (Zipf). Where it is 1, each
    /// tenfold of origins has about as many items as the tenfold before.
    Zipf(f64),
    /// Measured: shares of the origins, each with the weight of one origin.
    Parts(Vec<(f64, f64)>),
}

/// In which order the items stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// By chance.
    Shuffled,
    /// All items of an origin together, the largest first.
    Sorted,
    /// So many of one host first that is slower than the others by this time; then all else by
    /// chance.
    SlowFirst(u64, Duration),
}

/// The origin of each item.
#[derive(Debug)]
pub(super) struct List {
    items: u64,
    origins: u32,
    slow: u64,
    shuffle: Option<Shuffle>,
    inverse: Inverse,
}

/// From a share of the items to an origin.
#[derive(Debug)]
enum Inverse {
    Uniform,
    Zipf {
        exponent: f64,
        low: f64,
        high: f64,
    },
    /// Where each part ends: of the items, and of the origins.
    Parts(Vec<(f64, f64)>),
}

impl List {
    pub(super) fn new(seed: u64, items: u64, origins: u32, population: &Population) -> Self {
        let slow = match population.order {
            Order::SlowFirst(slow, _) => slow.min(items),
            _ => 0,
        };
        let (items, origins) = (items - slow, origins - u32::from(slow > 0 && origins > 1));
        let shuffle = (population.order != Order::Sorted).then(|| Shuffle::new(seed, items));
        let inverse = Inverse::of(&population.spread, origins);
        Self { items, origins, slow, shuffle, inverse }
    }

    /// The origin of the item at this position. Origin 0 has the most, or is the slow one.
    #[expect(clippy::cast_precision_loss, reason = "a share")]
    pub(super) fn origin(&self, item: u64) -> u32 {
        let Some(item) = item.checked_sub(self.slow) else { return 0 };
        let place = self.shuffle.as_ref().map_or(item, |shuffle| shuffle.at(item));
        let share = (place as f64 + 0.5) / self.items as f64;
        self.inverse.at(share, self.origins) + u32::from(self.slow > 0 && self.origins > 1)
    }
}

impl Inverse {
    fn of(spread: &Spread, origins: u32) -> Self {
        match spread {
            Spread::Uniform => Self::Uniform,
            Spread::Zipf(exponent) => {
                let sum = |x| area(*exponent, x);
                let (low, high) = (sum(0.5), sum(f64::from(origins) + 0.5));
                Self::Zipf { exponent: *exponent, low, high }
            }
            Spread::Parts(parts) => {
                let mut parts = parts.clone();
                parts.sort_by(|(_, a), (_, b)| b.total_cmp(a));
                let origins: f64 = parts.iter().map(|(share, _)| share).sum();
                let items: f64 = parts.iter().map(|(share, weight)| share * weight).sum();
                let mut end = (0.0, 0.0);
                for (share, weight) in &mut parts {
                    end = (end.0 + *share * *weight / items, end.1 + *share / origins);
                    (*share, *weight) = end;
                }
                Self::Parts(parts)
            }
        }
    }

    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "below u32")]
    fn at(&self, share: f64, origins: u32) -> u32 {
        let all = f64::from(origins);
        let origin = match self {
            Self::Uniform => share * all,
            Self::Zipf { exponent, low, high } => {
                let sum = low + share * (high - low);
                let x =
                    if is_one(*exponent) { sum.exp() } else { power(sum, 1.0 - exponent, true) };
                x - 0.5
            }
            Self::Parts(ends) => {
                let at = ends.partition_point(|(items, _)| *items <= share);
                let before = if at == 0 { (0.0, 0.0) } else { ends[at - 1] };
                let end = ends.get(at).copied().unwrap_or((1.0, 1.0));
                let within = (share - before.0) / (end.0 - before.0).max(f64::MIN_POSITIVE);
                (before.1 + within * (end.1 - before.1)) * all
            }
        };
        (origin as u32).min(origins.saturating_sub(1))
    }
}

fn is_one(exponent: f64) -> bool {
    (exponent - 1.0).abs() < 1e-9
}

/// The area under x^-exponent, up to a constant: it stands for the sum over whole numbers.
fn area(exponent: f64, x: f64) -> f64 {
    if is_one(exponent) { x.ln() } else { power(x, 1.0 - exponent, false) }
}

/// x^a / a, or its inverse.
fn power(x: f64, a: f64, inverse: bool) -> f64 {
    if inverse { (x * a).powf(1.0 / a) } else { x.powf(a) / a }
}

/// A permutation of the numbers below `n`: a Feistel network over the next power of four, walked until
/// it is back among them.
#[derive(Debug)]
struct Shuffle {
    n: u64,
    half: u32,
    keys: [u64; 4],
}

impl Shuffle {
    fn new(seed: u64, n: u64) -> Self {
        let bits = u64::BITS - n.saturating_sub(1).leading_zeros();
        let mut draws = Draws::of(seed, Purpose::Order, 0);
        Self { n, half: bits.div_ceil(2).max(1), keys: std::array::from_fn(|_| draws.next()) }
    }

    fn at(&self, mut x: u64) -> u64 {
        let mask = (1 << self.half) - 1;
        loop {
            let (mut left, mut right) = (x >> self.half, x & mask);
            for key in self.keys {
                (left, right) = (right, left ^ (mix(right ^ key) & mask));
            }
            x = (left << self.half) | right;
            if x < self.n {
                return x;
            }
        }
    }
}

#[cfg(test)]
#[expect(clippy::cast_precision_loss, reason = "counts of a test are small")]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn counts(items: u64, origins: u32, spread: Spread, order: Order) -> Vec<u64> {
        let list = List::new(3, items, origins, &Population { spread, order });
        let mut counts = vec![0; origins as usize];
        for item in 0..items {
            counts[list.origin(item) as usize] += 1;
        }
        counts
    }

    #[test]
    fn every_origin_has_its_share() {
        assert_eq!(counts(1_000, 10, Spread::Uniform, Order::Shuffled), [100; 10]);
        let zipf = counts(100_000, 1_000, Spread::Zipf(1.0), Order::Shuffled);
        assert!(zipf.is_sorted_by(|a, b| a + 1 >= *b) && zipf[999] > 0, "{zipf:?}");
        assert!((13_000..16_000).contains(&zipf[0]), "about 1 / ln(1000): {}", zipf[0]);
        assert!((zipf[0] as f64 / zipf[9] as f64 - 10.0).abs() < 2.0, "{}", zipf[9]);
        let flat = counts(100_000, 100, Spread::Zipf(0.5), Order::Sorted);
        assert!((flat[3] as f64 / flat[99] as f64 - 5.0).abs() < 0.3, "{flat:?}");
        let parts = Spread::Parts(vec![(0.9, 1.0), (0.1, 11.0)]);
        let parts = counts(2_000, 100, parts, Order::Shuffled);
        assert_eq!((parts[0], parts[9], parts[10], parts[99]), (110, 110, 10, 10));
    }

    #[test]
    fn orders_hold_the_same_items() {
        let list = |order| {
            let list = List::new(3, 1_000, 10, &Population { spread: Spread::Zipf(1.0), order });
            (0..1_000).map(|item| list.origin(item)).collect::<Vec<_>>()
        };
        let (sorted, mut shuffled) = (list(Order::Sorted), list(Order::Shuffled));
        assert!(sorted.is_sorted() && !shuffled.is_sorted());
        shuffled.sort_unstable();
        assert_eq!(sorted, shuffled);
        let slow = list(Order::SlowFirst(400, Duration::from_secs(1)));
        assert!(slow[..400].iter().all(|origin| *origin == 0));
        assert!(slow[400..].iter().all(|origin| *origin > 0) && slow.contains(&9));
        let all = List::new(
            3,
            5,
            1,
            &Population {
                spread: Spread::Uniform,
                order: Order::SlowFirst(9, Duration::from_secs(1)),
            },
        );
        assert!((0..5).all(|item| all.origin(item) == 0));
    }

    proptest! {
        #[test]
        fn a_shuffle_has_each_number_once(n in 1_u64..5_000, seed: u64) {
            let shuffle = Shuffle::new(seed, n);
            let mut all: Vec<_> = (0..n).map(|x| shuffle.at(x)).collect();
            all.sort_unstable();
            prop_assert!(all.into_iter().eq(0..n));
        }
    }
}
