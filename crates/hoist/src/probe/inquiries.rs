use std::cell::{Cell, RefCell};
use std::collections::{HashMap, VecDeque};
use std::rc::Rc;
use std::task::Waker;
use std::time::Instant;

use slab::Slab;
use tokio::sync::Notify;

use super::cache::Cache;
use super::exchange::{Exchange, Handle, Resolved};
use super::flight::{Flight, FlightKey};
use super::hosts::Hosts;
use super::silence::Silence;
use super::system::SystemPool;
use super::verdict::{Inquiry, Lookup, Step};
use crate::item::WireName;
use crate::outcome::Failure;
use crate::plan::{Question, defaults};
use crate::sys::datagrams::Arrivals;

/// What resolver and driver share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) state: RefCell<State>,
    /// For the driver.
    pub(super) wake: Notify,
    /// The driver is about to look anyway.
    pub(super) woken: Cell<bool>,
    /// Nobody is left to ask.
    pub(super) closed: Cell<bool>,
    /// Whoever waits for answers.
    pub(super) waker: RefCell<Option<Waker>>,
}

impl Shared {
    pub(super) fn new(source: Source) -> Self {
        Self {
            state: RefCell::new(State {
                source,
                inquiries: Slab::new(),
                answered: VecDeque::new(),
                flights: HashMap::new(),
                cache: Cache::new(defaults::DNS_CACHE_NAMES, defaults::DNS_CACHE_BYTES),
                silence: Silence::default(),
            }),
            wake: Notify::new(),
            woken: Cell::new(false),
            closed: Cell::new(false),
            waker: RefCell::new(None),
        }
    }

    pub(super) fn wake_driver(&self) {
        if !self.woken.replace(true) {
            self.wake.notify_one();
        }
    }

    pub(super) fn wake_asker(&self) {
        if let Some(waker) = self.waker.borrow_mut().take() {
            waker.wake();
        }
    }

    /// Hands on what has been answered. True when that raised new questions.
    pub(super) fn hand_on(&self, now: Instant) -> bool {
        let mut state = self.state.borrow_mut();
        let asked = state.hand_on(now);
        let has_answer = !state.answered.is_empty();
        drop(state);
        if has_answer {
            self.wake_asker();
        }
        asked
    }
}

/// All lookups under way.
#[derive(Debug)]
pub(super) struct State {
    pub(super) source: Source,
    inquiries: Slab<Inquiring>,
    pub(super) answered: VecDeque<(usize, Lookup)>,
    pub(super) flights: HashMap<FlightKey, Rc<Flight>>,
    /// Of what flights have brought. Probes neither use nor fill it.
    cache: Cache,
    silence: Silence,
}

/// Whom the answers come from.
#[derive(Debug)]
pub(super) enum Source {
    Dns { exchange: Box<Exchange>, arrivals: Arrivals, hosts: Hosts },
    System(SystemPool),
}

/// A name, and the questions about it.
#[derive(Debug)]
struct Inquiring {
    who: Who,
    name: WireName,
    deadline: Instant,
    inquiry: Inquiry,
    handles: [Option<Handle>; 2],
}

/// Who wants to know.
#[derive(Debug, Clone)]
pub(super) enum Who {
    /// The asker of this token.
    Probe(usize),
    Flight(Rc<Flight>),
}

impl State {
    /// Begins a lookup; `None` if it is over already.
    pub(super) fn begin(
        &mut self,
        now: Instant,
        who: Who,
        name: &WireName,
        question: Question,
        eager: bool,
        deadline: Instant,
    ) -> Option<usize> {
        let (mut inquiry, types) = Inquiry::new(question, eager);
        let mut known = [false; 2];
        if let Who::Flight(flight) = &who {
            let mut step = Step::Wait;
            for (known, rtype) in known.iter_mut().zip(types) {
                if let Some(settled) = self.cache.find(now, &flight.host, *rtype) {
                    *known = true;
                    step = inquiry.learn(settled);
                }
            }
            if step == Step::Decided {
                self.deliver(who, inquiry.into_lookup());
                return None;
            }
            flight.has_some(now, inquiry.addresses_so_far());
        }
        match &mut self.source {
            Source::System(pool) => Some(pool.ask(now, who, name, question, deadline)),
            Source::Dns { exchange, hosts, .. } => {
                // What `fetch` asks for was looked up there before it was completed.
                if let (Who::Probe(_), Some(addresses)) = (&who, hosts.find(name, question)) {
                    self.deliver(who, Lookup::found(addresses));
                    return None;
                }
                let entry = self.inquiries.vacant_entry();
                let index = entry.key();
                let mut handles = [None; 2];
                for ((handle, rtype), known) in handles.iter_mut().zip(types).zip(known) {
                    if !known {
                        *handle = Some(exchange.ask(now, index, name.clone(), *rtype, deadline));
                    }
                }
                let name = name.clone();
                entry.insert(Inquiring { who, name, deadline, inquiry, handles });
                Some(index)
            }
        }
    }

    /// Whether it is plain that no server says anything, to anyone.
    pub(super) fn is_silent(&self) -> bool {
        match &self.source {
            Source::Dns { exchange, .. } => self.silence.is_total(exchange.last_reply()),
            Source::System(_) => false,
        }
    }

    /// One who waited for a flight has given it up: others need not wait as long for the same.
    pub(super) fn gave_up(&mut self, now: Instant, flight: &Flight, failure: &Failure) {
        self.cache.fail(now, &flight.host, Inquiry::types(flight.question()), failure);
        if let Source::Dns { exchange, .. } = &self.source
            && !flight.judged.replace(true)
        {
            self.silence.gave_up(flight.began, exchange.last_reply());
        }
    }

    /// The flight to join. One that goes on for the second family alone is of use for as long as what
    /// it had of the first is.
    pub(super) fn under_way(&mut self, now: Instant, key: &FlightKey) -> Option<Rc<Flight>> {
        let flight = Rc::clone(self.flights.get(key)?);
        let types = Inquiry::types(flight.question());
        let left = flight.waiters.get() == 0;
        if left && !types.iter().any(|rtype| self.cache.find(now, &key.0, *rtype).is_some()) {
            self.call_off(&flight);
            return None;
        }
        Some(flight)
    }

    /// Nobody waits for it any more.
    pub(super) fn call_off(&mut self, flight: &Flight) {
        let index = flight.index.get();
        match &mut self.source {
            Source::System(pool) => pool.call_off(index),
            Source::Dns { exchange, .. } => {
                if let Some(gone) = self.inquiries.try_remove(index) {
                    gone.handles.into_iter().flatten().for_each(|handle| exchange.cancel(handle));
                }
            }
        }
        self.flights.remove(&flight.key());
    }

    fn hand_on(&mut self, now: Instant) -> bool {
        let mut asked = false;
        loop {
            let (who, lookup) = match &mut self.source {
                Source::System(pool) => {
                    let Some((who, lookup)) = pool.poll_answer() else { return asked };
                    if let Who::Flight(flight) = &who {
                        let types = Inquiry::types(flight.question());
                        self.cache.keep_system(now, &flight.host, types, &lookup);
                    }
                    (who, lookup)
                }
                Source::Dns { exchange, .. } => {
                    let Some(settled) = exchange.poll_settled() else { return asked };
                    let index = settled.owner;
                    let Some(asking) = self.inquiries.get_mut(index) else { continue };
                    if let Who::Flight(flight) = &asking.who {
                        self.cache.keep(now, &flight.host, &settled);
                        let unknown = matches!(settled.resolved, Resolved::Unknown(_));
                        if unknown && !flight.judged.replace(true) {
                            self.silence.gave_up(flight.began, exchange.last_reply());
                        }
                    }
                    match asking.inquiry.learn(settled) {
                        Step::Wait => {
                            if let Who::Flight(flight) = &asking.who {
                                flight.has_some(now, asking.inquiry.addresses_so_far());
                            }
                            continue;
                        }
                        Step::Ask(rtype) => {
                            let name = asking.name.clone();
                            let handle = exchange.ask(now, index, name, rtype, asking.deadline);
                            asking.handles[1] = Some(handle);
                            asked = true;
                            continue;
                        }
                        Step::Decided => {
                            let done = self.inquiries.remove(index);
                            // The other type may still be under way.
                            for handle in done.handles.into_iter().flatten() {
                                exchange.cancel(handle);
                            }
                            (done.who, done.inquiry.into_lookup())
                        }
                    }
                }
            };
            self.deliver(who, lookup);
        }
    }

    fn deliver(&mut self, who: Who, lookup: Lookup) {
        match who {
            Who::Probe(token) => self.answered.push_back((token, lookup)),
            Who::Flight(flight) => {
                self.flights.remove(&flight.key());
                flight.land(lookup);
            }
        }
    }
}
