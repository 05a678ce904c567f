//! How many queries each rule has let pass in the current second.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// One count a rule; there are never more than rules.
#[derive(Debug)]
pub(crate) struct Rates(Mutex<Vec<(u64, u64)>>);

impl Rates {
    /// For so many rules.
    pub(crate) fn new(rules: usize) -> Self {
        Self(Mutex::new(vec![(0, 0); rules + 1]))
    }

    /// Whether one more query of a rule passes at `now` since the start.
    pub(crate) fn take(&self, rule: usize, limit: u64, now: Duration) -> bool {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some((second, passed)) = counts.get_mut(rule) else { return true };
        if *second != now.as_secs() {
            (*second, *passed) = (now.as_secs(), 0);
        }
        let goes = *passed < limit;
        *passed += u64::from(goes);
        goes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_many_a_second_each() {
        let rates = Rates::new(2);
        let at = |millis| Duration::from_millis(millis);
        let passed = (0..10).filter(|i| rates.take(1, 3, at(i * 50))).count();
        assert_eq!(passed, 3);
        assert!(rates.take(2, 3, at(500)), "another rule has its own");
        assert!(rates.take(1, 3, at(1000)), "another second");
        assert!(!rates.take(1, 0, at(1000)));
    }
}
