use std::convert::Infallible;
use std::io::ErrorKind;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use tokio_util::task::TaskTracker;

use super::wildcards::Asking;
use super::{Lookup, Resolver};
use crate::error::Error;
use crate::input::Line;
use crate::item::{DomainName, Position};
use crate::outcome::{Failure, FailureKind, ProbeOutcome, ProbeVerdict};
use crate::plan::{ProbePlan, Question, Via, defaults};
use crate::run::{Conclusion, Event, Job, Read};
use crate::schedule::{Ended, Sign, Start, Ticket};
use crate::sink::Left;

/// Probes names.
#[derive(Debug)]
pub(crate) struct ProbeJob {
    asking: Asking,
    question: Question,
}

/// A name that is admitted.
#[derive(Debug)]
pub(crate) struct ProbeItem {
    position: Position,
    shown: Box<str>,
    name: DomainName,
    started: Option<Instant>,
    lookup: Option<Lookup>,
}

impl ProbeJob {
    pub(crate) fn start(plan: &ProbePlan, seed: u64) -> Result<Self, Error> {
        if let (Question::Records(_), Via::System) = (plan.question, &plan.dns.via) {
            let what = "getaddrinfo tells addresses, and no records of other types";
            return Err(Error::System { what, source: ErrorKind::Unsupported.into() });
        }
        let tasks = TaskTracker::new();
        let (in_flight, seed) = (plan.limits.in_flight.get(), plan.seed.map(|_| seed));
        let resolver = Resolver::start(&plan.dns, None, in_flight, seed, &tasks)?;
        let asking = Asking::new(resolver, plan, seed);
        Ok(Self { asking, question: plan.question })
    }
}

fn unasked(position: Position, name: String, question: Question, failure: Failure) -> ProbeOutcome {
    ProbeOutcome {
        position,
        name,
        verdict: ProbeVerdict::Unknown,
        addresses: Vec::new(),
        records: no_records(question),
        ttl: None,
        rcode: None,
        server: None,
        attempts: 0,
        elapsed: Duration::ZERO,
        failure: Some(failure),
        wildcard: None,
    }
}

/// Where records are asked for, that there are none is said in so many words.
fn no_records(question: Question) -> Option<Box<[Box<str>]>> {
    matches!(question, Question::Records(_)).then(Box::default)
}

impl Job for ProbeJob {
    type Item = ProbeItem;
    /// All servers together: they are chosen, and sent to with care, by the exchange.
    type Origin = ();
    type End = Lookup;
    type Saved = Infallible;
    type Outcome = ProbeOutcome;
    type Told = ProbeOutcome;

    fn tell(outcome: ProbeOutcome) -> ProbeOutcome {
        outcome
    }

    fn read(&mut self, position: Position, line: Line) -> Read<ProbeItem, (), ProbeOutcome> {
        let shown = match line {
            Line::Skipped => return Read::Nothing,
            Line::Unreadable { shown, reason } => {
                let failure = Failure::new(FailureKind::BadInput, reason);
                return Read::Outcome(unasked(position, shown, self.question, failure));
            }
            Line::Asked(text) => text,
        };
        match DomainName::parse(&shown) {
            Err(failure) => Read::Outcome(unasked(position, shown, self.question, failure)),
            Ok(name) => {
                let weight = size_of::<ProbeItem>() + 2 * shown.len() + 128;
                let shown = shown.into_boxed_str();
                let item = ProbeItem { position, shown, name, started: None, lookup: None };
                Read::Item { item, origin: (), weight }
            }
        }
    }

    fn start(&mut self, start: Start, item: &mut ProbeItem) {
        item.started.get_or_insert_with(Instant::now);
        let eager = item.position.0 < defaults::EAGER_POSITIONS;
        self.asking.ask(start.ticket.0, &item.name, eager, start.deadline);
    }

    fn read_ahead(&self) -> usize {
        defaults::PROBE_READ_AHEAD
    }

    fn has_room(&self) -> bool {
        self.asking.has_room()
    }

    fn poll_event(&mut self, cx: &mut Context<'_>) -> Poll<Event<Lookup, Infallible>> {
        self.asking.poll_answered(cx).map(|(ticket, lookup)| Event::Ended(Ticket(ticket), lookup))
    }

    fn ended(&mut self, item: &mut ProbeItem, lookup: Lookup) -> (Ended<()>, Duration, Sign) {
        item.lookup = Some(lookup);
        (Ended::Done, Duration::ZERO, Sign::Nothing)
    }

    fn conclude(&mut self, item: &mut ProbeItem, _: Conclusion) -> Option<ProbeOutcome> {
        let name = std::mem::take(&mut item.shown).into_string();
        let Some(lookup) = item.lookup.take() else {
            // An attempt ends with a lookup and is not followed by another: nothing waits.
            let failure = Failure::new(FailureKind::Deadline, "not asked in time");
            return Some(unasked(item.position, name, self.question, failure));
        };
        Some(ProbeOutcome {
            position: item.position,
            name,
            verdict: lookup.verdict,
            addresses: lookup.addresses,
            records: lookup.records.or_else(|| no_records(self.question)),
            ttl: lookup.ttl,
            rcode: lookup.rcode,
            server: lookup.server,
            attempts: lookup.attempts,
            elapsed: item.started.map_or(Duration::ZERO, |started| started.elapsed()),
            failure: lookup.failure,
            wildcard: lookup.wildcard,
        })
    }

    fn saved(&mut self, _: &mut ProbeItem, saved: Infallible) -> (ProbeOutcome, Left) {
        match saved {}
    }
}
