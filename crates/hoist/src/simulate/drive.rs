//! The loop of a simulated run: that of `run::drive`, with a heap of events in the place of the network.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::rc::Rc;
use std::time::{Duration, Instant};

use super::attempt::{Asked, Attempt, End, Network, is_told};
use super::line::Line;
use super::list::List;
use super::report::SimulationReport;
use crate::outcome::FailureKind;
use crate::report::{Report, Tuned, add};
use crate::schedule::{Came, Ended, Lapsed, Next, Retry, Schedule, Sign, Start, Ticket, Told};

/// The most events that are taken before others may begin, as in a run.
const TURN: usize = 256;
/// Outcomes between two looks at the memory, once there are many.
const LOOK: u64 = 1 << 18;
/// Outcomes that are told to the report at once.
const TELL: u64 = 1 << 12;
/// Bytes of text that an item counts for: about those of a URL.
const TEXT: usize = 64;
/// Origins of which it is told what was found.
const TUNED: usize = 5;

pub(super) struct Drive<'a> {
    pub(super) schedule: Schedule<u32>,
    pub(super) network: Network<'a>,
    pub(super) list: List,
    pub(super) items: u64,
    pub(super) cpu: Duration,
    pub(super) line: Option<Line>,
    pub(super) random: fastrand::Rng,
    pub(super) report: &'a Report,
    state: State,
}

/// What a run knows while it goes on.
struct State {
    start: Instant,
    now: Instant,
    admitted: u64,
    /// By ticket.
    asking: Vec<Option<Asking>>,
    /// One for each attempt in flight; those of the same moment in the order of their making.
    events: BinaryHeap<Reverse<(Instant, u64, usize)>>,
    made: u64,
    why: [Rc<str>; 5],
    kinds: BTreeMap<FailureKind, u64>,
    /// When all but one in a hundred had their outcome.
    settled: Option<Instant>,
    /// When the memory is looked at next, and the report told, in outcomes.
    look: u64,
    told: SimulationReport,
    result: SimulationReport,
}

/// An item that is admitted.
struct Asking {
    item: u64,
    origin: u32,
    /// Its first attempt began then.
    first: Option<Instant>,
    deadline: Instant,
    attempt: Option<Attempt>,
    /// Why its latest attempt failed.
    failed: FailureKind,
}

/// What became of an item.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Ok(u64),
    NotFound,
    Failed(FailureKind),
    Deferred,
}

impl<'a> Drive<'a> {
    #[expect(clippy::too_many_arguments, reason = "the parts of a run, put together in one place")]
    pub(super) fn new(
        schedule: Schedule<u32>,
        network: Network<'a>,
        list: List,
        items: u64,
        cpu: Duration,
        line: Option<Line>,
        random: fastrand::Rng,
        report: &'a Report,
    ) -> Self {
        let start = Instant::now();
        let state = State {
            start,
            now: start,
            admitted: 0,
            asking: Vec::new(),
            events: BinaryHeap::new(),
            made: 0,
            why: ["connect_refused", "connect_timeout", "reset", "timeout", "deadline"]
                .map(Rc::from),
            kinds: BTreeMap::new(),
            settled: None,
            look: 1,
            told: SimulationReport::default(),
            result: SimulationReport { items, ..SimulationReport::default() },
        };
        Self { schedule, network, list, items, cpu, line, random, report, state }
    }

    /// Until every item has its outcome.
    pub(super) fn run(mut self) -> SimulationReport {
        loop {
            self.take_events();
            self.admit();
            self.wake();
            self.begin();
            if self.state.admitted < self.items && self.schedule.has_room() {
                continue;
            }
            if self.schedule.is_empty() {
                // Of what has no item any more, something may yet be due.
                break;
            }
            let event = self.state.events.peek().map(|Reverse((at, ..))| *at);
            let next = event.into_iter().chain(self.schedule.next_wake()).min();
            // Where nothing is to come, all have their outcome, or the schedule has lost one.
            let Some(at) = next else { break };
            self.state.now = self.state.now.max(at);
        }
        self.look();
        self.tell();
        let Self { schedule, state, .. } = self;
        let mut result = state.result;
        result.duration = state.now - state.start;
        result.tail = state.settled.map_or(Duration::ZERO, |at| state.now - at);
        result.kinds = state.kinds.into_iter().collect();
        result.kinds.sort_by_key(|(_, count)| Reverse(*count));
        let named = |(origin, found)| Tuned::of(format!("origin {origin}"), found);
        result.tuned = schedule.found(TUNED).into_iter().map(named).collect();
        result.took = state.start.elapsed();
        result
    }

    fn take_events(&mut self) {
        for _ in 0..TURN {
            let Some(Reverse((at, ..))) = self.state.events.peek() else { return };
            if *at > self.state.now {
                return;
            }
            let Some(Reverse((at, _, ticket))) = self.state.events.pop() else { return };
            self.happen(Ticket(ticket), at);
        }
    }

    fn happen(&mut self, ticket: Ticket, at: Instant) {
        let Some(asking) = self.state.asking[ticket.0].as_mut() else { return };
        let Some(attempt) = asking.attempt.as_mut() else { return };
        let line = self.line.as_mut();
        if self.network.go_on(attempt, asking.origin, line, asking.deadline) {
            if is_told(attempt.untold) {
                let bytes = std::mem::take(&mut attempt.untold);
                self.schedule.received(ticket, self.state.now, bytes);
            }
            self.state.expect(ticket);
            return;
        }
        self.end(ticket, at);
        self.state.now += self.cpu;
    }

    fn end(&mut self, ticket: Ticket, at: Instant) {
        let state = &mut self.state;
        let Some(asking) = state.asking[ticket.0].as_mut() else { return };
        let Some(attempt) = asking.attempt.take() else { return };
        self.network.end(asking.origin, &attempt);
        let (came, pause) = state.result.count(&attempt);
        let told = Told { came, took: at - attempt.began, pause };
        let (ended, failed) = ended(&attempt.end);
        asking.failed = failed.unwrap_or(asking.failed);
        let sign = sign(&attempt.end, &state.why);
        let earned = self.network.earned(attempt.received);
        let (now, random) = (state.now, self.random.f64());
        self.schedule.tell(ticket, now, told, random);
        match self.schedule.ended(ticket, now, ended, earned, sign, random) {
            Next::Again => {}
            Next::Settled => {
                let outcome = match (failed, &attempt.end) {
                    (_, End::Status { status: 404 | 410, .. }) => Outcome::NotFound,
                    (Some(kind), _) => Outcome::Failed(kind),
                    (None, _) => Outcome::Ok(attempt.received),
                };
                self.conclude(ticket, outcome);
            }
            Next::Deferred(_) => self.conclude(ticket, Outcome::Deferred),
            Next::Down(_) => self.conclude(ticket, Outcome::Failed(FailureKind::OriginDown)),
        }
    }

    fn admit(&mut self) {
        while self.state.admitted < self.items && self.schedule.has_room() {
            let item = self.state.admitted;
            self.state.admitted += 1;
            let origin = self.list.origin(item);
            let ticket = self.schedule.admit(origin, TEXT);
            let asking = &mut self.state.asking;
            if asking.len() <= ticket.0 {
                asking.resize_with(ticket.0 + 1, || None);
            }
            let (deadline, failed) = (self.state.start, FailureKind::Deadline);
            asking[ticket.0] =
                Some(Asking { item, origin, first: None, deadline, attempt: None, failed });
        }
    }

    fn wake(&mut self) {
        while let Some(lapsed) = self.schedule.wake(self.state.now) {
            let Lapsed { ticket, outage, paused, spent } = lapsed;
            let last = self.state.asking[ticket.0].as_ref().map(|asking| asking.failed);
            let outcome = match (outage, paused) {
                (Some(_), _) => Outcome::Failed(FailureKind::OriginDown),
                (None, Some(_)) => Outcome::Deferred,
                (None, None) => {
                    let last = last.filter(|_| spent);
                    Outcome::Failed(last.unwrap_or(FailureKind::Deadline))
                }
            };
            self.conclude(ticket, outcome);
        }
    }

    fn begin(&mut self) {
        let now = self.state.now;
        while let Some(Start { ticket, attempt, deadline, .. }) = self.schedule.start(now) {
            let state = &mut self.state;
            state.result.attempts += 1;
            state.result.retries += u64::from(attempt > 1);
            let Some(asking) = state.asking[ticket.0].as_mut() else { continue };
            asking.first.get_or_insert(now);
            asking.deadline = deadline;
            let Asking { item, origin, .. } = *asking;
            let asked = Asked { item, origin, attempt, deadline };
            asking.attempt = Some(self.network.begin(now, asked));
            state.expect(ticket);
        }
        let result = &mut self.state.result;
        result.in_flight = result.in_flight.max(self.schedule.in_flight());
    }

    fn conclude(&mut self, ticket: Ticket, outcome: Outcome) {
        self.schedule.discharge(ticket);
        let state = &mut self.state;
        let Some(asking) = state.asking[ticket.0].take() else { return };
        let result = &mut state.result;
        match outcome {
            Outcome::Ok(bytes) => {
                result.ok += 1;
                result.bytes += bytes;
            }
            Outcome::NotFound => result.not_found += 1,
            Outcome::Deferred => result.deferred += 1,
            Outcome::Failed(kind) => {
                result.failed += 1;
                *state.kinds.entry(kind).or_default() += 1;
            }
        }
        let took = asking.first.map_or(Duration::ZERO, |first| state.now - first);
        if took > result.longest {
            (result.longest, result.longest_position) = (took, asking.item);
        }
        let done = result.done();
        // At least 99 % of them.
        if state.settled.is_none() && done >= self.items - self.items / 100 {
            state.settled = Some(state.now);
        }
        if done >= state.look {
            state.look += done.min(LOOK);
            self.look();
        }
        if done.is_multiple_of(TELL) {
            self.tell();
        }
    }

    fn look(&mut self) {
        let memory = self.schedule.memory();
        let result = &mut self.state.result;
        result.schedule_memory = result.schedule_memory.max(memory);
    }

    /// Tells the report what has come since the last time.
    fn tell(&mut self) {
        let (counters, State { result, told, .. }) = (self.report.counters(), &mut self.state);
        add(&counters.ok, result.ok - told.ok);
        add(&counters.not_found, result.not_found - told.not_found);
        add(&counters.failed, result.failed - told.failed);
        add(&counters.deferred, result.deferred - told.deferred);
        add(&counters.received, result.bytes - told.bytes);
        add(&counters.retries, result.retries - told.retries);
        add(&counters.admitted, result.done() - told.done());
        (told.ok, told.not_found, told.failed) = (result.ok, result.not_found, result.failed);
        (told.deferred, told.bytes, told.retries) = (result.deferred, result.bytes, result.retries);
        self.report.set_in_flight(self.schedule.in_flight());
    }
}

impl State {
    /// The attempt goes on at its time.
    fn expect(&mut self, ticket: Ticket) {
        let Some(Asking { attempt: Some(attempt), .. }) = &self.asking[ticket.0] else { return };
        self.made += 1;
        self.events.push(Reverse((attempt.next, self.made, ticket.0)));
    }
}

impl SimulationReport {
    /// What an attempt tells of how much its origin can take.
    fn count(&mut self, attempt: &Attempt) -> (Came, Option<Duration>) {
        match attempt.end {
            End::Status { status: status @ (429 | 503), again, by_load } => {
                self.refusals += u64::from(by_load);
                self.other_refusals += u64::from(!by_load);
                (Came::Refusal(status), again)
            }
            End::Failed(FailureKind::ConnectRefused | FailureKind::Reset) => (Came::Broken, None),
            End::Failed(FailureKind::ConnectTimeout | FailureKind::Timeout)
            | End::Deadline { .. } => (Came::Nothing, None),
            _ => (Came::Answer(attempt.untold), None),
        }
    }
}

/// What the schedule makes of it, and the kind of failure that it is.
fn ended(end: &End) -> (Ended<u32>, Option<FailureKind>) {
    let (kind, status, again) = match end {
        End::Whole | End::Status { status: 404 | 410, .. } => return (Ended::Done, None),
        End::Status { status, again, .. } => (FailureKind::Status, Some(*status), *again),
        End::Failed(kind) => (*kind, None, None),
        End::Deadline { .. } => (FailureKind::Deadline, None, None),
    };
    let retry = again.map_or(Retry::Soon, Retry::After);
    let ended = if kind.may_retry(status) { Ended::Failed(retry) } else { Ended::Done };
    (ended, Some(kind))
}

/// What it tells of the origin.
fn sign(end: &End, why: &[Rc<str>; 5]) -> Sign {
    let at = match end {
        End::Whole | End::Status { .. } => return Sign::Whole,
        End::Failed(FailureKind::ConnectRefused) => 0,
        End::Failed(FailureKind::ConnectTimeout) => 1,
        End::Failed(FailureKind::Reset) => 2,
        End::Failed(FailureKind::Timeout) => 3,
        End::Failed(_) => return Sign::Partial,
        End::Deadline { telling: true } => 4,
        End::Deadline { telling: false } => return Sign::Nothing,
    };
    Sign::Failed(Rc::clone(&why[at]))
}
