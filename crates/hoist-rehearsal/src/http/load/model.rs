//! What a model is asked, and what it says.

use std::net::IpAddr;
use std::time::Duration;

use super::bandwidth::Bandwidth;
use super::cliff::Cliff;
use super::collapse::Collapse;
use super::greedy::Greedy;
use super::knee::Knee;

/// A request that arrives.
#[derive(Clone, Copy, Debug)]
pub(super) struct Arrival {
    /// Since the server's start.
    pub(super) now: Duration,
    /// Whose request it is.
    pub(super) client: IpAddr,
    /// Requests in flight, this one included.
    pub(super) in_flight: u64,
}

/// What a model says to a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Fate {
    pub(super) verdict: Verdict,
    /// The time from its arrival until its answer begins.
    pub(super) wait: Duration,
    /// Where it is refused: the status, and when to come again.
    pub(super) refusal: Option<(u16, Option<Duration>)>,
}

/// In one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// At the server's best.
    Served,
    /// Later than that, for what else is in flight.
    Queued,
    /// This request begins its client's penalty.
    Caught,
    /// Later, or not, within its client's penalty.
    Penalised,
    /// Not at all, for what else is in flight.
    Refused,
}

impl Verdict {
    /// As in the truth log.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Served => "served",
            Self::Queued => "queued",
            Self::Caught => "caught",
            Self::Penalised => "penalised",
            Self::Refused => "refused",
        }
    }
}

impl Fate {
    /// Served after so long.
    pub(super) fn served(wait: Duration) -> Self {
        Self { verdict: Verdict::Served, wait, refusal: None }
    }

    /// Served, later than at best where `wait` is longer.
    pub(super) fn queued(best: Duration, wait: Duration) -> Self {
        let verdict = if wait > best { Verdict::Queued } else { Verdict::Served };
        Self { verdict, wait, refusal: None }
    }
}

/// A model, with what it remembers.
#[derive(Clone, Debug)]
pub(super) enum Model {
    /// Each answer begins after this time, whatever the load.
    Latency(Duration),
    Bandwidth(Bandwidth),
    Knee(Knee),
    Cliff(Cliff),
    Collapse(Collapse),
    Greedy(Greedy),
}

impl Model {
    /// Takes a request in. Arrivals come in the order of their times, but for a moment.
    pub(super) fn meet(&mut self, arrival: Arrival) -> Fate {
        match self {
            Self::Latency(takes) => Fate::served(*takes),
            Self::Bandwidth(model) => Fate::served(model.takes()),
            Self::Knee(model) => model.meet(arrival),
            Self::Cliff(model) => model.meet(arrival),
            Self::Collapse(model) => model.meet(arrival),
            Self::Greedy(model) => model.meet(arrival),
        }
    }

    /// How many of so many bytes go next, and when; the time is since the server's start.
    pub(super) fn send(&mut self, bytes: usize, now: Duration) -> (usize, Duration) {
        match self {
            Self::Bandwidth(model) => model.send(bytes, now),
            _ => (bytes, now),
        }
    }

    /// Whether bytes wait for their turn.
    pub(super) fn paces(&self) -> bool {
        matches!(self, Self::Bandwidth(_))
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in super::super) fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    /// At so many milliseconds, with so many in flight.
    pub(in super::super) fn arrival(at: u64, in_flight: u64) -> Arrival {
        Arrival { now: ms(at), client: [127, 0, 0, 1].into(), in_flight }
    }

    #[test]
    fn latency_is_the_same_at_any_load() {
        let mut latency = Model::Latency(ms(50));
        for in_flight in [1, 10_000] {
            assert_eq!(latency.meet(arrival(0, in_flight)), Fate::served(ms(50)));
        }
        assert_eq!(latency.send(1 << 30, ms(7)), (1 << 30, ms(7)));
        assert!(!latency.paces());
    }
}
