//! A client over so many requests a second is slowed, or refused, for a while. What it asks meanwhile
//! does not prolong that. Clients are told apart by their address.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;

use super::model::{Arrival, Fate, Verdict};
use crate::attempts::Lately;
use crate::spec::LONGEST;

/// Clients that are always remembered; others begin anew.
pub(super) const CLIENTS: usize = 1 << 12;

#[derive(Clone, Debug)]
pub(super) struct Greedy {
    pub(super) allowed: Allowed,
    pub(super) takes: Duration,
    /// How long the penalty lasts.
    pub(super) lasts: Duration,
    pub(super) penalty: Penalty,
    pub(super) clients: Lately<Client>,
}

/// What a client may have: a bucket of a second's requests, filled at their rate.
#[derive(Clone, Copy, Debug)]
pub(super) struct Allowed {
    /// Requests a second.
    pub(super) rate: u32,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Penalty {
    /// Its answers begin one after another, each so much after the one before: else whoever asks for
    /// more at once would feel nothing of it.
    Slow(Duration),
    /// Each request gets this status, and when to come again.
    Refuse(u16),
}

#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Client {
    /// When its bucket is full again: a second from then it is empty.
    full_at: Duration,
    until: Duration,
    /// When its last answer within the penalty begins.
    last: Duration,
}

impl Greedy {
    pub(super) fn meet(&mut self, Arrival { now, client, .. }: Arrival) -> Fate {
        let mut hasher = DefaultHasher::new();
        client.hash(&mut hasher);
        let client = self.clients.of(hasher.finish());
        if now < client.until {
            return self.penalty.fate(Verdict::Penalised, client, now);
        }
        let each = Duration::from_secs(1) / self.allowed.rate;
        let full_at = client.full_at.max(now) + each;
        if full_at <= now + Duration::from_secs(1) {
            client.full_at = full_at;
            return Fate::served(self.takes);
        }
        // When it is over, the client begins anew.
        let last = now + self.takes;
        *client = Client { full_at: Duration::ZERO, until: now + self.lasts, last };
        self.penalty.fate(Verdict::Caught, client, now)
    }
}

impl Penalty {
    fn fate(self, verdict: Verdict, client: &mut Client, now: Duration) -> Fate {
        match self {
            Self::Slow(by) => {
                client.last = client.last.max(now) + by;
                let wait = client.last.saturating_sub(now).min(LONGEST);
                Fate { verdict, wait, refusal: None }
            }
            Self::Refuse(status) => {
                let left = client.until.saturating_sub(now);
                Fate { verdict, wait: Duration::ZERO, refusal: Some((status, Some(left))) }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::load::model::tests::{arrival, ms};

    fn greedy(penalty: Penalty) -> Greedy {
        Greedy {
            allowed: Allowed { rate: 10 },
            takes: ms(5),
            lasts: ms(30_000),
            penalty,
            clients: Lately::new(4),
        }
    }

    #[test]
    fn who_keeps_to_the_rate_is_served_for_ever() {
        let mut greedy = greedy(Penalty::Slow(ms(1000)));
        for n in 0..1000 {
            assert_eq!(greedy.meet(arrival(n * 100, 1)), Fate::served(ms(5)), "{n}");
        }
    }

    #[test]
    fn who_exceeds_it_is_slowed_for_so_long_once() {
        let mut greedy = greedy(Penalty::Slow(ms(1000)));
        let verdicts: Vec<_> = (0..12).map(|_| greedy.meet(arrival(0, 1)).verdict).collect();
        assert!(verdicts[..10].iter().all(|verdict| *verdict == Verdict::Served));
        assert_eq!(verdicts[10..], [Verdict::Caught, Verdict::Penalised]);
        let slowed: Vec<_> = (0..3).map(|_| greedy.meet(arrival(29_990, 1)).wait).collect();
        assert_eq!(slowed, [1000, 2000, 3000].map(ms), "one after another");
        assert_eq!(greedy.meet(arrival(30_000, 1)), Fate::served(ms(5)), "over");
        let other = Arrival { client: [127, 0, 0, 2].into(), ..arrival(1000, 1) };
        assert_eq!(greedy.meet(other), Fate::served(ms(5)), "another client");
    }

    #[test]
    fn or_refused_with_the_time_that_is_left() {
        let mut greedy = greedy(Penalty::Refuse(503));
        let fates: Vec<_> = (0..11).map(|n| greedy.meet(arrival(n, 1))).collect();
        assert_eq!(fates[10].refusal, Some((503, Some(ms(30_000)))));
        assert_eq!(greedy.meet(arrival(20_010, 1)).refusal, Some((503, Some(ms(10_000)))));
    }
}
