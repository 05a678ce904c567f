//! So many requests are served at once, each for the same time; the others queue, first come, first
//! served. Who leaves while it waits is served all the same, as most servers do.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Duration;

use super::model::{Arrival, Fate};

#[derive(Clone, Debug)]
pub(super) struct Knee {
    at: usize,
    takes: Duration,
    /// When each server that was ever busy is free again; never more than `at`.
    free: BinaryHeap<Reverse<Duration>>,
}

impl Knee {
    pub(super) fn new(at: usize, takes: Duration) -> Self {
        Self { at, takes, free: BinaryHeap::new() }
    }

    pub(super) fn meet(&mut self, Arrival { now, .. }: Arrival) -> Fate {
        let begins = if self.free.len() < self.at {
            now
        } else {
            self.free.pop().map_or(now, |Reverse(free)| free.max(now))
        };
        let ends = begins + self.takes;
        self.free.push(Reverse(ends));
        Fate::queued(self.takes, ends.saturating_sub(now))
    }
}

#[cfg(test)]
mod tests {
    use super::super::model::Verdict;
    use super::*;
    use crate::http::load::model::tests::{arrival, ms};

    #[test]
    fn so_many_at_once_and_the_others_in_turn() {
        let mut knee = Knee::new(2, ms(10));
        let waits: Vec<_> = (1..=5).map(|n| knee.meet(arrival(0, n)).wait.as_millis()).collect();
        assert_eq!(waits, [10, 10, 20, 20, 30]);
        assert_eq!(knee.meet(arrival(15, 4)).wait, ms(15), "free again at 20");
        let idle = knee.meet(arrival(1000, 1));
        assert_eq!((idle.wait, idle.verdict), (ms(10), Verdict::Served));
    }

    #[test]
    fn clients_in_a_circle_get_k_by_t_and_no_more() {
        for clients in [1, 8, 32, 200] {
            let mut knee = Knee::new(32, ms(20));
            let mut due = BinaryHeap::from(vec![Reverse(Duration::ZERO); clients]);
            let mut answered = 0_usize;
            while let Some(Reverse(now)) = due.pop()
                && now < ms(10_000)
            {
                let at = Arrival { now, ..arrival(0, 1) };
                due.push(Reverse(now + knee.meet(at).wait));
                answered += 1;
            }
            // 1,600 a second at best; those under way at the end are counted.
            let expected = 500 * clients.min(32);
            assert!((expected..=expected + clients).contains(&answered), "{clients}: {answered}");
            assert!(knee.free.len() <= 32);
        }
    }
}
