use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use tokio::time::Sleep;
use tokio_util::sync::CancellationToken;

use super::aside::Aside;
use super::hinting::{self, Teller};
use super::job::{Conclusion, Event, Job, Read};
use super::outbox::{Outbox, Parcel};
use super::record::{Record, taken};
use crate::error::Error;
use crate::input::{Block, Delivery, Reader};
use crate::item::Position;
use crate::ledger::{Committed, Entry};
use crate::outcome::Outcome;
use crate::plan::defaults;
use crate::report::{Report, Tuned, add};
use crate::schedule::{Lapsed, Next, Schedule, Ticket};
use crate::sink::Left;

mod setting_aside;

use self::setting_aside::Held;

/// Lines looked at, and events taken, before something else has its turn.
const TURN: usize = 256;

/// The report tells what was found of so many origins,
const TOLD: usize = 5;
/// at these intervals.
const TELL: Duration = Duration::from_secs(1);

/// The loop of a run: lines are admitted while there is room, the schedule says what starts, the
/// job says what ended, outcomes go out.
pub(super) struct Drive<'a, J: Job> {
    job: &'a mut J,
    schedule: Schedule<J::Origin>,
    /// By ticket.
    items: Vec<Option<Admitted<J::Item>>>,
    reader: Reader,
    block: Option<Block>,
    /// Lines that wait outside.
    aside: Aside<J::Origin>,
    /// A line of the block that waits for room.
    held: Option<Held<J>>,
    input_ended: bool,
    /// Why the list ended where it did not end. What came before is answered first.
    input_failed: Option<Error>,
    /// Bodies that are whole, and not yet told to be saved.
    saving: usize,
    record: Option<Record<'a, J::Outcome>>,
    outbox: Outbox<J::Outcome, J::Told>,
    random: fastrand::Rng,
    report: Report,
    /// When the report is told again what was found of origins.
    tells: Option<Instant>,
    /// Who keeps that for the next run.
    teller: Option<Teller>,
}

struct Admitted<I> {
    position: Position,
    item: I,
}

/// Why the loop ended.
#[derive(Debug)]
pub(super) enum Stop {
    /// Every item has its outcome, and the reader of the run has them all.
    Complete,
    /// Nobody wants to know more.
    Cancelled,
    /// The run can't go on.
    Failed(Error),
}

impl<'a, J: Job> Drive<'a, J> {
    #[expect(clippy::too_many_arguments, reason = "each is another stage")]
    pub(super) fn new(
        job: &'a mut J,
        schedule: Schedule<J::Origin>,
        reader: Reader,
        aside: Aside<J::Origin>,
        record: Option<Record<'a, J::Outcome>>,
        outbox: Outbox<J::Outcome, J::Told>,
        random: fastrand::Rng,
        report: Report,
    ) -> Self {
        Self {
            job,
            schedule,
            items: Vec::new(),
            reader,
            block: None,
            aside,
            held: None,
            input_ended: false,
            input_failed: None,
            saving: 0,
            record,
            outbox,
            random,
            report,
            tells: None,
            teller: None,
        }
    }

    pub(super) fn telling(self, teller: Option<Teller>) -> Self {
        Self { teller, ..self }
    }

    pub(super) async fn run(mut self, cancel: &CancellationToken) -> Stop {
        let stop = self.follow(cancel).await;
        self.tell_found();
        if let Some(teller) = self.teller.take() {
            teller.tell_last(self.all_found());
        }
        if self.record.is_some() {
            // Nobody hears of them any more, but they are done.
            for outcome in self.outbox.left() {
                self.report.count(outcome.tally());
            }
        }
        stop
    }

    async fn follow(&mut self, cancel: &CancellationToken) -> Stop {
        let room = self.record.as_ref().map(|record| record.recorder.room());
        let mut cancelled = pin!(cancel.cancelled());
        let mut alarm = pin!(Alarm::default());
        loop {
            if let Err(error) = self.take_events() {
                return self.fail(error);
            }
            let now = Instant::now();
            if let Err(error) = self.take_back() {
                return self.fail(error);
            }
            self.take_lines();
            self.wake(now);
            self.start(now);
            let idle = self.schedule.in_flight() == 0 && self.block.is_none();
            let flush = self.job.flush(idle, now);
            let commit = match self.commit(idle, now) {
                Ok(again) => again,
                Err(error) => return self.fail(error),
            };
            if !self.send() {
                return Stop::Cancelled;
            }
            if self.is_complete() {
                return self.input_failed.take().map_or(Stop::Complete, Stop::Failed);
            }
            if self.block.is_some() && self.has_room() {
                // More lines can be admitted at once; let the network have its turn.
                tokio::task::yield_now().await;
                if cancel.is_cancelled() {
                    return Stop::Cancelled;
                }
                continue;
            }
            // What was sent may have made room.
            self.feed();
            let wants_lines = !self.input_ended && self.block.is_none() && self.has_room();
            let next_wake = [self.schedule.next_wake(), flush, commit].into_iter().flatten().min();
            let behind = self.record.as_ref().is_some_and(|record| record.recorder.is_behind());
            tokio::select! {
                biased;
                () = &mut cancelled => return Stop::Cancelled,
                event = poll_fn(|cx| self.job.poll_event(cx)) => {
                    if let Err(error) = self.handle(event, Instant::now()) {
                        return self.fail(error);
                    }
                }
                open = self.outbox.room(), if self.outbox.is_stuck() => {
                    if !open {
                        return Stop::Cancelled;
                    }
                }
                () = taken(room.as_deref()), if behind => {}
                committed = poll_fn(|cx| match &mut self.record {
                    Some(record) => record.recorder.poll_committed(cx),
                    None => Poll::Pending,
                }) => match committed {
                    Ok(committed) => self.take_committed(committed),
                    Err(error) => return self.fail(error),
                },
                back = poll_fn(|cx| self.aside.poll(cx)), if self.aside.is_busy() => {
                    if let Err(error) = self.take(back) {
                        return self.fail(error);
                    }
                }
                delivery = self.reader.next(), if wants_lines => match delivery {
                    Some(Ok(delivery)) => self.take_delivery(delivery),
                    Some(Err(error @ Error::Input { .. })) => {
                        self.input_ended = true;
                        self.input_failed = Some(error);
                    }
                    Some(Err(error)) => return self.fail(error),
                    None => {
                        self.input_ended = true;
                        if let Some(record) = &mut self.record {
                            record.list_known();
                        }
                    }
                },
                () = poll_fn(|cx| alarm.as_mut().poll(cx, next_wake)) => {}
            }
        }
    }

    /// The run can't go on; what is known is told, as far as there is room.
    fn fail(&mut self, error: Error) -> Stop {
        self.send();
        Stop::Failed(error)
    }

    fn has_room(&self) -> bool {
        let (held, weight) = self.record.as_ref().map_or((0, 0), Record::load);
        self.schedule.has_room()
            && self.has_room_aside()
            && self.schedule.fresh() < self.job.read_ahead()
            && self.record.as_ref().is_none_or(|record| record.recorder.has_room())
            && self.outbox.len() + held < defaults::ADMITTED_ITEMS.get()
            && self.outbox.weight() + weight < defaults::ADMITTED_BYTES
    }

    fn is_complete(&self) -> bool {
        self.input_ended
            && self.block.is_none()
            && self.schedule.is_empty()
            && self.aside.is_empty()
            && self.job.is_tidy()
            && self.record.as_ref().is_none_or(|record| record.load().0 == 0)
            && self.outbox.len() == 0
    }

    /// Takes what has happened since the last look, without waiting.
    fn take_events(&mut self) -> Result<(), Error> {
        // The waker that counts is given in `run`, before it waits.
        let mut cx = Context::from_waker(Waker::noop());
        let now = Instant::now();
        for _ in 0..TURN {
            let Poll::Ready(event) = self.job.poll_event(&mut cx) else { break };
            self.handle(event, now)?;
        }
        Ok(())
    }

    fn handle(&mut self, event: Event<J::End, J::Saved>, now: Instant) -> Result<(), Error> {
        match event {
            Event::Fatal(error) => return Err(error),
            Event::Wants(ticket, answer) => {
                let granted = self.schedule.lease(ticket, now);
                if answer.send(granted).is_err() && granted {
                    self.schedule.give_back(ticket);
                }
            }
            Event::Returned(ticket) => self.schedule.give_back(ticket),
            Event::Turn(ticket, answer) => {
                let _ = answer.send(self.schedule.turn(ticket, now));
            }
            Event::Pause(ticket, pause) => self.schedule.ask_pause(ticket, now, pause),
            Event::Arrived(ticket, bytes) => {
                self.schedule.received(ticket, now, bytes);
            }
            Event::Tidied => {}
            Event::Saved(ticket, saved) => {
                let Some(admitted) = self.items[ticket.0].as_mut() else { return Ok(()) };
                let position = admitted.position;
                let (outcome, left) = self.job.saved(&mut admitted.item, saved);
                self.saving -= 1;
                self.put(position, outcome, left, Some(ticket));
            }
            Event::Ended(ticket, end) => {
                let Some(admitted) = self.items[ticket.0].as_mut() else { return Ok(()) };
                let (told, further) = (self.job.told(&end), self.job.further(&end).to_vec());
                let (ended, earned, sign) = self.job.ended(&mut admitted.item, end);
                let random = self.random.f64();
                for origin in further {
                    self.schedule.asked(&origin, now);
                }
                if let Some(told) = told {
                    self.schedule.tell(ticket, now, told, random);
                }
                match self.schedule.ended(ticket, now, ended, earned, sign, random) {
                    Next::Again => {}
                    Next::Settled => self.conclude(ticket, Conclusion::LastAttempt),
                    Next::Deferred(asked) => self.conclude(ticket, Conclusion::Deferred(asked)),
                    Next::Down(outage) => self.conclude(ticket, Conclusion::Down(outage)),
                }
            }
        }
        Ok(())
    }

    fn conclude(&mut self, ticket: Ticket, conclusion: Conclusion) {
        self.look(ticket);
        let Some(admitted) = self.items[ticket.0].as_mut() else { return };
        let position = admitted.position;
        match self.job.conclude(&mut admitted.item, conclusion) {
            Some(outcome) => self.put(position, outcome, Left::Nothing, Some(ticket)),
            None => self.saving += 1,
        }
    }

    fn put(&mut self, position: Position, outcome: J::Outcome, left: Left, ticket: Option<Ticket>) {
        if let Some(ticket) = ticket {
            self.items[ticket.0] = None;
        }
        let weight = outcome.weight();
        match &mut self.record {
            Some(record) => record.put(position, Entry { outcome, ticket, weight, left }),
            None => self.outbox.put(position, Parcel { outcome, ticket, weight }),
        }
    }

    /// Hands outcomes to the ledger, and takes those that are committed. When to call again, where some
    /// were kept back for more.
    fn commit(&mut self, idle: bool, now: Instant) -> Result<Option<Instant>, Error> {
        let Some(record) = &mut self.record else { return Ok(None) };
        let again = record.recorder.send(idle && self.saving == 0, now);
        let mut cx = Context::from_waker(Waker::noop());
        if let Poll::Ready(committed) = record.recorder.poll_committed(&mut cx) {
            self.take_committed(committed?);
        }
        Ok(again)
    }

    fn take_committed(&mut self, committed: Vec<Committed<J::Outcome>>) {
        for Committed { outcome, ticket, weight } in committed {
            self.outbox.put(outcome.position(), Parcel { outcome, ticket, weight });
        }
    }

    fn take_delivery(&mut self, delivery: Delivery) {
        match delivery {
            Delivery::Passed { lines, bytes } => {
                let counters = self.report.counters();
                add(&counters.admitted, lines);
                add(&counters.input_bytes, bytes);
            }
            Delivery::Lines { block, note } => {
                if let (Some(record), Some((note, copy))) = (&mut self.record, note) {
                    // All that was answered before has been found unchanged.
                    record.list_known();
                    record.recorder.note(note, copy);
                }
                self.block = Some(block);
            }
        }
    }

    fn take_lines(&mut self) {
        for _ in 0..TURN {
            if !self.has_room() {
                return;
            }
            if self.held.is_some() {
                self.take_held();
                continue;
            }
            let Some(block) = &mut self.block else { return };
            let Some(entry) = block.next() else {
                self.block = None;
                if let Some(record) = &mut self.record {
                    record.end_block();
                }
                return;
            };
            let counters = self.report.counters();
            add(&counters.input_bytes, entry.bytes);
            let position = entry.position;
            if self.record.as_ref().is_some_and(|record| record.answered.contains(position)) {
                add(&counters.admitted, 1);
                continue;
            }
            if J::SETS_ASIDE && self.is_tight() {
                self.take_tight(position, entry.line);
                continue;
            }
            match self.job.read(position, entry.line) {
                Read::Nothing => {
                    if let Some(record) = &mut self.record {
                        record.skip(position);
                    }
                }
                Read::Outcome(outcome) => {
                    add(&counters.admitted, 1);
                    self.expect(position);
                    self.put(position, outcome, Left::Nothing, None);
                }
                Read::Item { item, origin, weight } => {
                    add(&counters.admitted, 1);
                    self.expect(position);
                    self.admit(position, item, origin, weight);
                }
            }
        }
    }

    fn admit(&mut self, position: Position, item: J::Item, origin: J::Origin, weight: usize) {
        let ticket = self.schedule.admit(origin, weight);
        if self.items.len() <= ticket.0 {
            self.items.resize_with(ticket.0 + 1, || None);
        }
        self.items[ticket.0] = Some(Admitted { position, item });
    }

    fn expect(&mut self, position: Position) {
        match self.record.as_mut().and_then(|record| record.order.as_mut()) {
            Some(order) => order.expect(position),
            None => self.outbox.expect(position),
        }
    }

    fn wake(&mut self, now: Instant) {
        while let Some(Lapsed { ticket, outage, paused, spent }) = self.schedule.wake(now) {
            let late = if spent { Conclusion::Spent } else { Conclusion::Overdue };
            let unasked = paused.map_or(late, Conclusion::PutOff);
            self.conclude(ticket, outage.map_or(unasked, Conclusion::Down));
        }
    }

    fn start(&mut self, now: Instant) {
        if self.job.is_hindered() {
            self.schedule.hinder(now);
        }
        while self.job.has_room()
            && let Some(start) = self.schedule.start(now)
        {
            if start.attempt > 1 {
                add(&self.report.counters().retries, 1);
            }
            if let Some(admitted) = self.items[start.ticket.0].as_mut() {
                self.job.start(start, &mut admitted.item);
            }
            self.look(start.ticket);
        }
        self.report.set_in_flight(self.schedule.in_flight());
        if self.tells.is_none_or(|at| at <= now) {
            self.tells = Some(now + TELL);
            self.tell_found();
            if let Some(mut teller) = self.teller.take() {
                if teller.is_due(now) {
                    teller.tell(self.all_found());
                }
                self.teller = Some(teller);
            }
        }
    }

    fn all_found(&self) -> Vec<(String, usize)> {
        let found = self.schedule.found(hinting::TOLD).into_iter();
        found.map(|(origin, found)| (J::name(&origin), found.count)).collect()
    }

    /// Tells what was found of how much origins can take.
    fn tell_found(&self) {
        let found = self.schedule.found(TOLD);
        if !found.is_empty() {
            let named = |(origin, found)| Tuned::of(J::name(&origin), found);
            self.report.set_tuned(found.into_iter().map(named).collect());
        }
    }

    fn send(&mut self) -> bool {
        let Self { outbox, schedule, report, .. } = self;
        outbox.send(|outcome, ticket| {
            report.count(outcome.tally());
            if let Some(ticket) = ticket {
                schedule.discharge(ticket);
            }
        })
    }
}

/// A timer that is set again only when the moment changes.
#[derive(Default)]
struct Alarm {
    sleep: Option<(Instant, Pin<Box<Sleep>>)>,
}

impl Alarm {
    /// Ready at the moment; never where there is none.
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>, at: Option<Instant>) -> Poll<()> {
        let Some(at) = at else { return Poll::Pending };
        match &mut self.sleep {
            Some((set, _)) if *set == at => {}
            Some((set, sleep)) => {
                sleep.as_mut().reset(at.into());
                *set = at;
            }
            empty => *empty = Some((at, Box::pin(tokio::time::sleep_until(at.into())))),
        }
        let Some((_, sleep)) = &mut self.sleep else { return Poll::Pending };
        let ready = sleep.as_mut().poll(cx);
        if ready.is_ready() {
            self.sleep = None;
        }
        ready
    }
}
