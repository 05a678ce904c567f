//! Whether a found name is one of its own, or resolves only because a wildcard does (RFC 4592).
//!
//! A wildcard answers for a name that does not exist, if it stands at the closest ancestor that does
//! (§3.3.1). So a random name beside the one in question, below the same parent, meets the same wildcard,
//! however far above that stands; and none, where the parent exists and has none. The ancestors further
//! up need no tests.
//!
//! A name whose addresses have all been seen at random names is the wildcard's, as far as anyone can
//! tell: one that is written down with the wildcard's own addresses looks the same. Aliases are followed
//! first. A name with another address is one of its own once tests have ceased to bring new ones. Where
//! they don't, or are not answered, nothing is claimed.
//!
//! Pure: `tests` are asked elsewhere, time and chance are arguments.

mod asking;
mod evidence;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::time::Instant;

use slab::Slab;

use evidence::{Evidence, Known, Round};

pub(super) use asking::Asking;

use super::chance::Chance;
use super::verdict::Lookup;
use crate::item::WireName;
use crate::outcome::{Failure, FailureKind, Wildcard};

/// Letters and digits of a random label: more than anyone names a host by chance.
const LABEL: usize = 18;
/// With fewer, a name that is there might be met. Beside a parent that leaves no room for so many, there
/// can be no test.
const LABEL_MIN: usize = 8;
/// Bytes of a name on the wire (RFC 1035 §2.3.4).
const NAME_MAX: usize = 255;

/// All found names that wait for tests, and what is known of their parents.
#[derive(Debug)]
struct Wildcards {
    chance: Chance,
    known: Known,
    flights: Slab<Flight>,
    /// By the wire form of the parent: one flight each.
    under_way: HashMap<Box<[u8]>, usize>,
    /// Which name waits where, by its deadline. Tokens make it unique.
    deadlines: BTreeMap<(Instant, usize), usize>,
    /// Flights, once for each test that they are to ask.
    tests: VecDeque<usize>,
    /// Tests that were asked and not answered, and how many may be.
    asked: usize,
    asked_max: usize,
    judged: VecDeque<(usize, Lookup)>,
}

/// The tests of a parent, and the names that wait for them.
#[derive(Debug)]
struct Flight {
    parent: Box<[u8]>,
    evidence: Evidence,
    round: Round,
    waiting: Vec<Waiting>,
}

#[derive(Debug)]
struct Waiting {
    token: usize,
    deadline: Instant,
    lookup: Lookup,
}

/// A random name to be asked for.
#[derive(Debug)]
struct Test {
    flight: usize,
    name: WireName,
    deadline: Instant,
}

impl Wildcards {
    /// No more tests are asked at once than `asked_max`.
    fn new(chance: Chance, asked_max: usize) -> Self {
        Self {
            chance,
            known: Known::default(),
            flights: Slab::new(),
            under_way: HashMap::new(),
            deadlines: BTreeMap::new(),
            tests: VecDeque::new(),
            asked: 0,
            asked_max,
            judged: VecDeque::new(),
        }
    }

    /// A name has been found. It comes out of `poll_judged`, by the deadline at the latest.
    fn found(&mut self, token: usize, name: &WireName, deadline: Instant, mut lookup: Lookup) {
        let Some(parent) = parent(name.as_wire()) else {
            lookup.wildcard = Some(Wildcard::No);
            self.judged.push_back((token, lookup));
            return;
        };
        let under_way = self.under_way.get(parent).copied();
        let evidence = match under_way {
            Some(index) => self.flights.get(index).map(|flight| &flight.evidence),
            None => self.known.find(parent),
        };
        // While a round is under way, its order must not decide.
        let said = evidence.and_then(|evidence| evidence.judge(&lookup.addresses));
        if let Some(said) = said.filter(|said| under_way.is_none() || *said == Wildcard::Yes) {
            lookup.wildcard = Some(said);
            self.judged.push_back((token, lookup));
            return;
        }
        let index = under_way.unwrap_or_else(|| {
            let evidence = self.known.take(parent).unwrap_or_default();
            let (parent, waiting) = (Box::<[u8]>::from(parent), Vec::new());
            let flight =
                Flight { parent: parent.clone(), evidence, round: Round::default(), waiting };
            let index = self.flights.insert(flight);
            self.under_way.insert(parent, index);
            index
        });
        if let Some(flight) = self.flights.get_mut(index) {
            flight.waiting.push(Waiting { token, deadline, lookup });
            self.deadlines.insert((deadline, token), index);
        }
        if under_way.is_none() {
            self.go_on(index);
        }
    }

    /// The next test to ask.
    fn poll_test(&mut self) -> Option<Test> {
        while self.asked < self.asked_max {
            let index = self.tests.pop_front()?;
            let Some(flight) = self.flights.get_mut(index) else { continue };
            let deadline = flight.waiting.iter().map(|waiting| waiting.deadline).max();
            let Some(deadline) = deadline else {
                // Nobody waits for it any more.
                if flight.round.leave_out(&mut flight.evidence) {
                    self.go_on(index);
                }
                continue;
            };
            let Some(name) = random_name(&mut self.chance, &flight.parent) else {
                let failure = Failure::new(FailureKind::DnsFailed, "no random name to ask for");
                self.learn(index, &Lookup::unknown(failure));
                continue;
            };
            self.asked += 1;
            return Some(Test { flight: index, name, deadline });
        }
        None
    }

    /// A test of this flight was answered, or given up.
    fn tested(&mut self, index: usize, lookup: &Lookup) {
        self.asked = self.asked.saturating_sub(1);
        self.learn(index, lookup);
    }

    fn learn(&mut self, index: usize, lookup: &Lookup) {
        let Some(flight) = self.flights.get_mut(index) else { return };
        if flight.evidence.learn(&mut flight.round, lookup) {
            self.go_on(index);
        } else {
            self.release(index, |said| said == Some(Wildcard::Yes));
        }
    }

    /// The next name of which it is known, or of which nobody knows.
    fn poll_judged(&mut self) -> Option<(usize, Lookup)> {
        self.judged.pop_front()
    }

    /// When to call `handle_timeout`.
    fn next_timeout(&self) -> Option<Instant> {
        self.deadlines.first_key_value().map(|((deadline, _), _)| *deadline)
    }

    /// Names whose deadline has come wait no longer.
    fn handle_timeout(&mut self, now: Instant) {
        while let Some(first) = self.deadlines.first_entry() {
            let (deadline, token) = *first.key();
            if deadline > now {
                return;
            }
            let index = first.remove();
            let Some(flight) = self.flights.get_mut(index) else { continue };
            let Some(at) = flight.waiting.iter().position(|waiting| waiting.token == token) else {
                continue;
            };
            let mut lookup = flight.waiting.swap_remove(at).lookup;
            lookup.wildcard = Some(Wildcard::Unsure);
            self.judged.push_back((token, lookup));
        }
    }

    /// No test is under way: lets those go of whom it is known, and asks on for the others.
    fn go_on(&mut self, index: usize) {
        let Some(flight) = self.flights.get_mut(index) else { return };
        if room_for_label(&flight.parent) < LABEL_MIN {
            flight.evidence.cannot_be_had();
        }
        // Those who come later may fare better, but these have waited for it.
        let has_failed = flight.round.has_failed();
        self.release(index, |said| said.is_some() || has_failed);
        let Some(flight) = self.flights.get_mut(index) else { return };
        if flight.waiting.is_empty() {
            let flight = self.flights.remove(index);
            self.under_way.remove(&flight.parent);
            self.known.keep(flight.parent, flight.evidence);
            return;
        }
        let tests = flight.evidence.next_round();
        flight.round = Round::of(tests);
        self.tests.extend((0..tests).map(|_| index));
    }

    /// Lets those go for whom what is said of them is enough.
    fn release(&mut self, index: usize, is_enough: impl Fn(Option<Wildcard>) -> bool) {
        let Some(Flight { waiting, evidence, .. }) = self.flights.get_mut(index) else { return };
        waiting.retain_mut(|waiting| {
            let said = evidence.judge(&waiting.lookup.addresses);
            if !is_enough(said) {
                return true;
            }
            self.deadlines.remove(&(waiting.deadline, waiting.token));
            let mut lookup = std::mem::replace(&mut waiting.lookup, Lookup::not_found());
            lookup.wildcard = Some(said.unwrap_or(Wildcard::Unsure));
            self.judged.push_back((waiting.token, lookup));
            false
        });
    }

    /// Whether nothing is left behind.
    #[cfg(test)]
    fn is_clean(&self) -> bool {
        self.flights.is_empty()
            && self.under_way.is_empty()
            && self.deadlines.is_empty()
            && self.tests.is_empty()
            && self.asked == 0
            && self.judged.is_empty()
    }
}

/// The name without its first label, in wire form. The root has none.
fn parent(wire: &[u8]) -> Option<&[u8]> {
    match wire.split_first() {
        Some((0, _)) | None => None,
        Some((length, rest)) => rest.get(usize::from(*length)..),
    }
}

fn room_for_label(parent: &[u8]) -> usize {
    LABEL.min(NAME_MAX.saturating_sub(1 + parent.len()))
}

/// A name that nobody has given to anything, right below a parent.
fn random_name(chance: &mut Chance, parent: &[u8]) -> Option<WireName> {
    const LETTERS: &[u8; 36] = b"abcdefghijklmnopqrstuvwxyz0123456789";
    let length = room_for_label(parent);
    let mut wire = vec![u8::try_from(length).ok()?];
    for _ in 0..length {
        let place = chance.draw(LETTERS.len())?.place;
        wire.push(*LETTERS.get(place)?);
    }
    wire.extend_from_slice(parent);
    WireName::from_wire(&wire)
}
