//! A model of what is on record: each origin's items and quickest answer, and how everything else is
//! distributed. Memory is bounded: where there are many origins, those of a sample are looked at.

use std::collections::{BTreeMap, HashMap};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::num::NonZeroU32;
use std::time::Duration;

use super::distribution::Quantity;
use super::{
    Client, Dead, Distribution, Mishap, Mishaps, Model, Order, Population, Server, Spread,
};
use crate::error::Error;
use crate::ledger::{AnyOutcome, History, LedgerKind};
use crate::outcome::{FailureKind, GetOutcome, GetVerdict, Phase, origin_of};

/// Origins that are looked at, at most: every second, fourth, eighth ... where there are more.
const ORIGINS: usize = 1 << 16;
/// Bodies of at least so many bytes say how fast a connection is.
const LARGE: u64 = 64 << 10;
/// Steps of a histogram in which a value doubles.
const STEPS: f64 = 4.0;

impl Model {
    /// Learns from the ledger of a get. Latencies are those that it met: how much of them was due to its
    /// own requests is not on record.
    ///
    /// # Errors
    ///
    /// [`Error::Ledger`] when the ledger is of a probe, is damaged, or nothing is on record.
    pub fn learn(history: &History) -> Result<Self, Error> {
        let wrong = |reason: &str| Error::Ledger {
            path: history.folder().to_owned(),
            reason: reason.to_owned(),
        };
        if history.kind() != LedgerKind::Get {
            return Err(wrong("a model is learned from a get, and this is the ledger of a probe"));
        }
        let mut origins = Origins::default();
        for outcome in history.outcomes()? {
            if let AnyOutcome::Get(outcome) = outcome? {
                origins.see(&outcome);
            }
        }
        let mut rest = Rest::default();
        for outcome in history.outcomes()? {
            if let AnyOutcome::Get(outcome) = outcome? {
                rest.see(&outcome, &origins);
            }
        }
        if origins.items == 0 {
            return Err(wrong("nothing is on record yet that a model could be learned from"));
        }
        Ok(made(&origins, &rest))
    }
}

/// What is known of each origin of the sample.
#[derive(Default)]
struct Origins {
    items: u64,
    /// By a hash of scheme, host and port.
    known: HashMap<u64, Known>,
    /// One origin in two to this power is looked at.
    level: u32,
}

#[derive(Default)]
struct Known {
    items: u64,
    quickest: Option<Duration>,
    refused: bool,
    answered: bool,
}

/// How the rest is distributed.
#[derive(Default)]
struct Rest {
    jitter: Histogram,
    connect: Histogram,
    size: Histogram,
    rate: Histogram,
    /// Items of origins that live.
    items: u64,
    mishaps: BTreeMap<u16, u64>,
    resets: u64,
    timeouts: u64,
    deferred: u64,
    /// Of items that are ok.
    tries: u64,
    oks: u64,
}

impl Origins {
    fn see(&mut self, outcome: &GetOutcome) {
        let kind = outcome.failure.as_ref().map(|failure| failure.kind);
        if kind == Some(FailureKind::BadInput) {
            return;
        }
        self.items += 1;
        let key = key(outcome);
        if !self.has(key) {
            return;
        }
        let known = self.known.entry(key).or_default();
        known.items += 1;
        known.refused |= kind == Some(FailureKind::ConnectRefused);
        known.answered |= kind.is_none() || outcome.status.is_some();
        if let Some(took) = outcome.timing.of(Phase::FirstByte) {
            known.quickest = Some(known.quickest.map_or(took, |quickest| quickest.min(took)));
        }
        while self.known.len() > ORIGINS {
            self.level += 1;
            let level = self.level;
            self.known.retain(|key, _| is_in(*key, level));
        }
    }

    fn has(&self, key: u64) -> bool {
        is_in(key, self.level)
    }
}

/// Whether an origin is one of those that are looked at.
fn is_in(key: u64, level: u32) -> bool {
    key.trailing_zeros() >= level
}

fn key(outcome: &GetOutcome) -> u64 {
    let mut hasher = DefaultHasher::new();
    origin_of(&outcome.url).to_ascii_lowercase().hash(&mut hasher);
    hasher.finish()
}

impl Rest {
    fn see(&mut self, outcome: &GetOutcome, origins: &Origins) {
        let kind = outcome.failure.as_ref().map(|failure| failure.kind);
        let known = origins.known.get(&key(outcome));
        let lives = known.map_or_else(|| !kind.is_some_and(is_silence), |known| known.answered);
        if kind == Some(FailureKind::BadInput) || !lives {
            return;
        }
        self.items += 1;
        let of = |phase| outcome.timing.of(phase);
        if let Some(connect) = of(Phase::Connect) {
            self.connect.add((connect + of(Phase::Tls).unwrap_or_default()).as_secs_f64());
        }
        let body = of(Phase::Body).unwrap_or_default();
        if outcome.bytes >= LARGE && !body.is_zero() {
            self.rate.add(outcome.bytes.to_number() / body.as_secs_f64());
        }
        if let (Some(took), Some(Known { quickest: Some(quickest), .. })) =
            (of(Phase::FirstByte), known)
        {
            let rest = if outcome.bytes < LARGE { body } else { Duration::ZERO };
            self.jitter.add((took.saturating_sub(*quickest) + rest).as_secs_f64());
        }
        match (outcome.verdict, kind) {
            (GetVerdict::Ok, _) => {
                self.size.add(outcome.bytes.to_number());
                self.tries += u64::from(outcome.attempts.max(1));
                self.oks += 1;
            }
            (GetVerdict::NotFound, _) => *self.mishaps.entry(404).or_default() += 1,
            (GetVerdict::Deferred, _) => self.deferred += 1,
            (GetVerdict::Failed, Some(FailureKind::Reset)) => self.resets += 1,
            (GetVerdict::Failed, Some(FailureKind::Status)) => {
                *self.mishaps.entry(outcome.status.unwrap_or(400)).or_default() += 1;
            }
            (GetVerdict::Failed, Some(kind)) if is_silence(kind) => self.timeouts += 1,
            // No other try would have helped.
            (GetVerdict::Failed, _) => *self.mishaps.entry(400).or_default() += 1,
        }
    }
}

/// Whether nothing of an answer came, or no end of it.
fn is_silence(kind: FailureKind) -> bool {
    matches!(
        kind,
        FailureKind::NoSuchHost
            | FailureKind::DnsFailed
            | FailureKind::ConnectRefused
            | FailureKind::ConnectTimeout
            | FailureKind::ConnectFailed
            | FailureKind::Timeout
            | FailureKind::Stalled
            | FailureKind::Truncated
            | FailureKind::Deadline
            | FailureKind::OriginDown
    )
}

#[expect(clippy::cast_precision_loss, reason = "shares")]
fn made(origins: &Origins, rest: &Rest) -> Model {
    let known = || origins.known.values();
    let mut latency = Histogram::default();
    let mut sizes = Histogram::default();
    let mut dead = [0_u64; 2];
    for of in known() {
        sizes.add(of.items.to_number());
        if !of.answered {
            dead[usize::from(of.refused)] += 1;
        }
        if let Some(quickest) = of.quickest {
            latency.add(quickest.as_secs_f64());
        }
    }
    let share = |n: u64| n as f64 / rest.items.max(1) as f64;
    let mut shares: Vec<_> = rest
        .mishaps
        .iter()
        .map(|(status, n)| (Mishap::Status(*status), share(*n)))
        .chain([
            (Mishap::Reset, share(rest.resets)),
            (Mishap::Timeout, share(rest.timeouts)),
            (Mishap::Deferred, share(rest.deferred)),
        ])
        .collect();
    shares.retain(|(_, share)| *share > 0.0);
    let again = rest.tries - rest.oks;
    let hiccups = (again > 0)
        .then(|| (Mishap::Status(500), again as f64 / rest.tries as f64))
        .into_iter()
        .collect();
    let others = Server {
        latency: latency.distribution(),
        jitter: rest.jitter.distribution(),
        connect: rest.connect.distribution(),
        size: rest.size.distribution(),
        connection: (!rest.rate.is_empty()).then(|| rest.rate.distribution()),
        errors: Mishaps { shares, retry_after: None },
        hiccups: Mishaps { shares: hiccups, retry_after: None },
        ..Server::default()
    };
    let all = known().count().max(1);
    let groups = [Dead::Silent, Dead::Refused].into_iter().zip(dead).filter(|(_, n)| *n > 0);
    let groups = groups
        .map(|(dead, n)| (n as f64 / all as f64, Server { dead: Some(dead), ..others.clone() }));
    let groups: Vec<_> = groups.collect();
    let parts = sizes.parts().map(|(items, n)| (n / all as f64, items)).collect();
    let count = u32::try_from((all as u64).saturating_mul(1 << origins.level));
    Model {
        items: origins.items,
        origins: count.ok().and_then(NonZeroU32::new).unwrap_or(NonZeroU32::MAX),
        population: Population { spread: Spread::Parts(parts), order: Order::Shuffled },
        others,
        groups,
        client: Client::default(),
    }
}

/// Values by their size, four steps to a doubling; of each step, how many and their sum.
#[derive(Default)]
struct Histogram(BTreeMap<i16, (f64, f64)>);

impl Histogram {
    #[expect(clippy::cast_possible_truncation, reason = "it saturates")]
    fn add(&mut self, value: f64) {
        let step = if value > 0.0 { (value.log2() * STEPS).floor() as i16 } else { i16::MIN };
        let (count, sum) = self.0.entry(step).or_default();
        *count += 1.0;
        *sum += value;
    }

    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The mean of each step, and how many it has.
    fn parts(&self) -> impl Iterator<Item = (f64, f64)> {
        self.0.values().map(|(count, sum)| (sum / count, *count))
    }

    fn distribution<T: Quantity>(&self) -> Distribution<T> {
        let mut parts: Vec<_> =
            self.parts().map(|(value, count)| (T::from_number(value), count)).collect();
        match (parts.len(), parts.pop()) {
            (0 | 1, last) => {
                Distribution::Fixed(last.map_or(T::from_number(0.0), |(value, _)| value))
            }
            (_, last) => {
                parts.extend(last);
                Distribution::Parts(parts)
            }
        }
    }
}
