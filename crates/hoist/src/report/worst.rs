use std::collections::HashMap;

/// The origins with the most failures, in bounded memory: the "space-saving" counting of
/// Metwally, Agrawal and El Abbadi (2005). Counts are exact until `CAPACITY` origins have failed;
/// then a newcomer inherits the smallest count, so that a frequent origin is never missed.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct WorstOrigins {
    failures: HashMap<String, u64>,
}

const CAPACITY: usize = 256;

impl WorstOrigins {
    pub(crate) fn count(&mut self, origin: &str) {
        if let Some(count) = self.failures.get_mut(origin) {
            *count += 1;
            return;
        }
        let mut inherited = 0;
        if self.failures.len() >= CAPACITY
            && let Some((least, count)) =
                self.failures.iter().min_by_key(|(_, count)| **count).map(|(o, c)| (o.clone(), *c))
        {
            self.failures.remove(&least);
            inherited = count;
        }
        self.failures.insert(origin.to_owned(), inherited + 1);
    }

    /// All that are counted, in no order.
    pub(crate) fn all(&self) -> impl Iterator<Item = (&str, u64)> {
        self.failures.iter().map(|(origin, n)| (origin.as_str(), *n))
    }

    /// Takes a count that was written down.
    pub(crate) fn restore(&mut self, origin: &str, n: u64) {
        if self.failures.len() < CAPACITY {
            self.failures.insert(origin.to_owned(), n);
        }
    }

    /// The `n` worst, worst first; of equals the first by name.
    pub(crate) fn top(&self, n: usize) -> Vec<(String, u64)> {
        let mut all: Vec<_> = self.failures.iter().map(|(o, c)| (o.clone(), *c)).collect();
        all.sort_unstable_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        all.truncate(n);
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_frequent_ones_are_kept_among_many_rare_ones() {
        let mut worst = WorstOrigins::default();
        for n in 0..20_000 {
            worst.count(&format!("http://rare{n}"));
            if n % 10 == 0 {
                worst.count("http://often");
            }
        }
        assert!(worst.failures.len() <= CAPACITY);
        let top = worst.top(5);
        assert_eq!(top.len(), 5);
        assert_eq!(top[0].0, "http://often");
        assert!(top[0].1 >= 2_000);
    }

    #[test]
    fn few_origins_are_counted_exactly_and_listed_by_name() {
        let mut worst = WorstOrigins::default();
        for origin in ["b", "a", "c", "c"] {
            worst.count(origin);
        }
        assert_eq!(worst.top(3), [("c".into(), 2), ("a".into(), 1), ("b".into(), 1)]);
    }
}
