use std::collections::HashMap;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Instant;

use tokio::time::{Sleep, sleep_until};

use super::{Wildcard, Wildcards};
use crate::item::{DomainName, WireName};
use crate::outcome::ProbeVerdict;
use crate::plan::{self, ProbePlan, Question, Via};
use crate::probe::chance::Chance;
use crate::probe::{Lookup, Resolver};

/// Asks for names, and where the plan wants it, for random ones beside those that are found.
#[derive(Debug)]
pub(crate) struct Asking {
    resolver: Resolver,
    question: Question,
    testing: Option<Box<Testing>>,
}

#[derive(Debug)]
struct Testing {
    wildcards: Wildcards,
    drop: bool,
    /// Only the system's answers come from no server. Others then come from the hosts file.
    by_system: bool,
    /// Names that were asked for, by their tokens.
    asked: HashMap<usize, (WireName, Instant)>,
    /// Until the next deadline of a name that waits for tests.
    sleep: Option<Pin<Box<Sleep>>>,
}

/// In a token: it is a test. The rest is its flight. Tokens of items are places in memory, and never so
/// large.
const TEST: usize = 1 << (usize::BITS - 1);

impl Asking {
    /// As many tests at once as the plan has names in flight, at most.
    pub(crate) fn new(resolver: Resolver, plan: &ProbePlan, seed: Option<u64>) -> Self {
        let of_addresses = !matches!(plan.question, Question::Records(_));
        let testing = (of_addresses && plan.wildcards != plan::Wildcards::Keep).then(|| {
            Box::new(Testing {
                wildcards: Wildcards::new(Chance::new(seed), plan.limits.in_flight.get()),
                drop: plan.wildcards == plan::Wildcards::Drop,
                by_system: plan.dns.via == Via::System,
                asked: HashMap::new(),
                sleep: None,
            })
        });
        Self { resolver, question: plan.question, testing }
    }

    /// As [`Resolver::has_room`].
    pub(crate) fn has_room(&self) -> bool {
        self.resolver.has_room()
    }

    /// As [`Resolver::ask`].
    pub(crate) fn ask(&mut self, token: usize, name: &DomainName, eager: bool, deadline: Instant) {
        if let (Some(testing), DomainName::Name(name)) = (&mut self.testing, name) {
            testing.asked.insert(token, (name.clone(), deadline));
        }
        self.resolver.ask(token, name, self.question, eager, deadline);
    }

    /// As [`Resolver::poll_answered`].
    pub(crate) fn poll_answered(&mut self, cx: &mut Context<'_>) -> Poll<(usize, Lookup)> {
        let Some(testing) = &mut self.testing else { return self.resolver.poll_answered(cx) };
        loop {
            if let Some((token, lookup)) = testing.wildcards.poll_judged() {
                return Poll::Ready((token, testing.told(lookup)));
            }
            match self.resolver.poll_answered(cx) {
                Poll::Ready((token, lookup)) => {
                    if let Some(end) = testing.answered(token, lookup) {
                        return Poll::Ready(end);
                    }
                    while let Some(test) = testing.wildcards.poll_test() {
                        let (token, name) = (TEST | test.flight, DomainName::Name(test.name));
                        self.resolver.ask(token, &name, self.question, false, test.deadline);
                    }
                }
                Poll::Pending if testing.is_overdue(cx) => {}
                Poll::Pending => return Poll::Pending,
            }
        }
    }
}

impl Testing {
    /// An answer that can be told at once.
    fn answered(&mut self, token: usize, mut lookup: Lookup) -> Option<(usize, Lookup)> {
        if token & TEST != 0 {
            self.wildcards.tested(token & !TEST, &lookup);
            return None;
        }
        let asked = self.asked.remove(&token);
        if lookup.verdict != ProbeVerdict::Found {
            return Some((token, lookup));
        }
        match asked {
            Some((name, deadline)) if self.by_system || lookup.server.is_some() => {
                self.wildcards.found(token, &name, deadline, lookup);
                None
            }
            // An address, or a name of the hosts file.
            _ => {
                lookup.wildcard = Some(Wildcard::No);
                Some((token, lookup))
            }
        }
    }

    fn told(&self, mut lookup: Lookup) -> Lookup {
        if self.drop && lookup.wildcard == Some(Wildcard::Yes) {
            lookup.verdict = ProbeVerdict::NotFound;
            lookup.addresses.clear();
            lookup.ttl = None;
        }
        lookup
    }

    /// Whether names have waited for their tests too long, and are let go.
    fn is_overdue(&mut self, cx: &mut Context<'_>) -> bool {
        let Some(next) = self.wildcards.next_timeout() else { return false };
        let next = tokio::time::Instant::from_std(next);
        let sleep = self.sleep.get_or_insert_with(|| Box::pin(sleep_until(next)));
        if sleep.deadline() != next {
            sleep.as_mut().reset(next);
        }
        if sleep.as_mut().poll(cx).is_pending() {
            return false;
        }
        self.wildcards.handle_timeout(Instant::now());
        true
    }
}
