//! What happens to a query: how long it waits, and whether it is then lost or failed. Pure.

use std::ops::RangeInclusive;
use std::time::Duration;

use super::name::Name;
use crate::hash::{Draws, hash};
use crate::http::within;

/// What a rehearsal does to its answers.
#[derive(Clone, Debug, PartialEq)]
pub struct DnsPlan {
    /// The wait before an answer is drawn from this range, uniformly.
    pub delay: RangeInclusive<Duration>,
    /// The share of queries, 0 to 1, that are lost. Only those over UDP are.
    pub loss: f64,
    /// The share of queries, 0 to 1, answered SERVFAIL, of those not lost.
    pub servfail: f64,
}

/// What was drawn for one attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DnsDecision {
    /// The wait before the answer.
    pub delay: Duration,
    /// What then happens.
    pub fate: Fate,
}

/// What happens to a query.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// The truth is told.
    Answer,
    /// SERVFAIL.
    ServFail,
    /// Nothing ever.
    Lost,
}

/// The decision for one attempt (from 1) at a name and type (`1` is A, `28` is AAAA) over UDP. Case
/// and a last dot do not matter. A text that is no name is decided like the root.
pub fn decide(seed: u64, name: &str, kind: u16, attempt: u32, plan: &DnsPlan) -> DnsDecision {
    let name = Name::parse(name).unwrap_or_else(|| Name::from_wire(&[0]));
    decide_name(seed, &name, kind, attempt, plan)
}

pub(crate) fn decide_name(
    seed: u64,
    name: &Name,
    kind: u16,
    attempt: u32,
    plan: &DnsPlan,
) -> DnsDecision {
    let parts = [name.wire(), &kind.to_le_bytes(), &attempt.to_le_bytes()];
    let mut draws = Draws::from(hash(seed, &parts));
    let delay = within(&plan.delay, draws.unit());
    let (lost, failed) = (draws.unit() < plan.loss, draws.unit() < plan.servfail);
    let fate = match (lost, failed) {
        (true, _) => Fate::Lost,
        (_, true) => Fate::ServFail,
        _ => Fate::Answer,
    };
    DnsDecision { delay, fate }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_for_the_same_in_any_case() {
        let plan =
            DnsPlan { delay: Duration::ZERO..=Duration::from_secs(1), loss: 0.2, servfail: 0.5 };
        let base = decide(1, "a.dev", 1, 1, &plan);
        assert_eq!(base, decide(1, "A.Dev.", 1, 1, &plan));
        for other in [
            decide(2, "a.dev", 1, 1, &plan),
            decide(1, "b.dev", 1, 1, &plan),
            decide(1, "a.dev", 28, 1, &plan),
            decide(1, "a.dev", 1, 2, &plan),
        ] {
            assert_ne!(base.delay, other.delay);
        }
        let count = |fate| {
            let all = (0..10_000).map(|i| decide(i, "a.dev", 1, 1, &plan).fate);
            all.filter(|f| *f == fate).count()
        };
        assert!((1850..2150).contains(&count(Fate::Lost)));
        assert!((3850..4150).contains(&count(Fate::ServFail)), "half of those not lost");
    }
}
