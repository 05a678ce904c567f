use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use tokio::time::Sleep;
use tokio_util::sync::CancellationToken;

use super::job::{Conclusion, Event, Job, Read};
use super::outbox::{Outbox, Parcel};
use crate::error::Error;
use crate::input::{Block, Reader};
use crate::item::Position;
use crate::plan::defaults;
use crate::report::{Report, add};
use crate::schedule::{Next, Schedule, Ticket};

/// Lines looked at, and events taken, before something else has its turn.
const TURN: usize = 256;

/// The loop of a run: lines are admitted while there is room, the schedule says what starts, the
/// job says what ended, outcomes go out.
pub(super) struct Drive<'a, J: Job> {
    job: &'a mut J,
    schedule: Schedule<J::Origin>,
    /// By ticket.
    items: Vec<Option<Admitted<J::Item>>>,
    reader: Reader,
    block: Option<Block>,
    input_ended: bool,
    outbox: Outbox<J::Outcome>,
    random: fastrand::Rng,
    report: Report,
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
    pub(super) fn new(
        job: &'a mut J,
        schedule: Schedule<J::Origin>,
        reader: Reader,
        outbox: Outbox<J::Outcome>,
        random: fastrand::Rng,
        report: Report,
    ) -> Self {
        Self {
            job,
            schedule,
            items: Vec::new(),
            reader,
            block: None,
            input_ended: false,
            outbox,
            random,
            report,
        }
    }

    pub(super) async fn run(mut self, cancel: &CancellationToken) -> Stop {
        let mut cancelled = pin!(cancel.cancelled());
        let mut alarm = pin!(Alarm::default());
        loop {
            if let Err(error) = self.take_events() {
                return Stop::Failed(error);
            }
            let now = Instant::now();
            self.take_lines();
            self.wake(now);
            self.start(now);
            if !self.send() {
                return Stop::Cancelled;
            }
            if self.is_complete() {
                return Stop::Complete;
            }
            if self.block.is_some() && self.has_room() {
                // More lines can be admitted at once; let the network have its turn.
                tokio::task::yield_now().await;
                if cancel.is_cancelled() {
                    return Stop::Cancelled;
                }
                continue;
            }
            let wants_lines = !self.input_ended && self.block.is_none() && self.has_room();
            let next_wake = self.schedule.next_wake();
            tokio::select! {
                biased;
                () = &mut cancelled => return Stop::Cancelled,
                event = poll_fn(|cx| self.job.poll_event(cx)) => {
                    if let Err(error) = self.handle(event) {
                        return Stop::Failed(error);
                    }
                }
                open = self.outbox.room(), if self.outbox.is_stuck() => {
                    if !open {
                        return Stop::Cancelled;
                    }
                }
                block = self.reader.next(), if wants_lines => match block {
                    Some(Ok(block)) => self.block = Some(block),
                    Some(Err(error)) => return Stop::Failed(error),
                    None => self.input_ended = true,
                },
                () = poll_fn(|cx| alarm.as_mut().poll(cx, next_wake)) => {}
            }
        }
    }

    fn has_room(&self) -> bool {
        self.schedule.has_room()
            && self.outbox.len() < defaults::ADMITTED_ITEMS.get()
            && self.outbox.weight() < defaults::ADMITTED_BYTES
    }

    fn is_complete(&self) -> bool {
        self.input_ended
            && self.block.is_none()
            && self.schedule.is_empty()
            && self.outbox.len() == 0
    }

    /// Takes what has happened since the last look, without waiting.
    fn take_events(&mut self) -> Result<(), Error> {
        // The waker that counts is given in `run`, before it waits.
        let mut cx = Context::from_waker(Waker::noop());
        for _ in 0..TURN {
            let Poll::Ready(event) = self.job.poll_event(&mut cx) else { break };
            self.handle(event)?;
        }
        Ok(())
    }

    fn handle(&mut self, event: Event<J::End, J::Saved>) -> Result<(), Error> {
        match event {
            Event::Fatal(error) => return Err(error),
            Event::Saved(ticket, saved) => {
                let Some(admitted) = self.items[ticket.0].as_mut() else { return Ok(()) };
                let position = admitted.position;
                let outcome = self.job.saved(&mut admitted.item, saved);
                self.put(position, outcome, Some(ticket));
            }
            Event::Ended(ticket, end) => {
                let Some(admitted) = self.items[ticket.0].as_mut() else { return Ok(()) };
                let (ended, earned) = self.job.ended(&mut admitted.item, end);
                let random = self.random.f64();
                match self.schedule.ended(ticket, Instant::now(), ended, earned, random) {
                    Next::Again => {}
                    Next::Settled => self.conclude(ticket, Conclusion::LastAttempt),
                    Next::Deferred(asked) => self.conclude(ticket, Conclusion::Deferred(asked)),
                }
            }
        }
        Ok(())
    }

    fn conclude(&mut self, ticket: Ticket, conclusion: Conclusion) {
        let Some(admitted) = self.items[ticket.0].as_mut() else { return };
        let position = admitted.position;
        if let Some(outcome) = self.job.conclude(&mut admitted.item, conclusion) {
            self.put(position, outcome, Some(ticket));
        }
    }

    fn put(&mut self, position: Position, outcome: J::Outcome, ticket: Option<Ticket>) {
        if let Some(ticket) = ticket {
            self.items[ticket.0] = None;
        }
        let weight = J::weight(&outcome);
        self.outbox.put(position, Parcel { outcome, ticket, weight });
    }

    fn take_lines(&mut self) {
        for _ in 0..TURN {
            if !self.has_room() {
                return;
            }
            let Some(block) = &mut self.block else { return };
            let Some(entry) = block.next() else {
                self.block = None;
                return;
            };
            let counters = self.report.counters();
            add(&counters.input_bytes, entry.bytes);
            let position = entry.position;
            match self.job.read(position, entry.line) {
                Read::Nothing => {}
                Read::Outcome(outcome) => {
                    add(&counters.admitted, 1);
                    self.outbox.expect(position);
                    self.put(position, outcome, None);
                }
                Read::Item { item, origin, weight } => {
                    add(&counters.admitted, 1);
                    self.outbox.expect(position);
                    let ticket = self.schedule.admit(origin, weight);
                    if self.items.len() <= ticket.0 {
                        self.items.resize_with(ticket.0 + 1, || None);
                    }
                    self.items[ticket.0] = Some(Admitted { position, item });
                }
            }
        }
    }

    fn wake(&mut self, now: Instant) {
        while let Some(ticket) = self.schedule.wake(now) {
            self.conclude(ticket, Conclusion::Overdue);
        }
    }

    fn start(&mut self, now: Instant) {
        while let Some(start) = self.schedule.start(now) {
            if start.attempt > 1 {
                add(&self.report.counters().retries, 1);
            }
            if let Some(admitted) = self.items[start.ticket.0].as_mut() {
                self.job.start(start, &mut admitted.item);
            }
        }
        self.report.set_in_flight(self.schedule.in_flight());
    }

    fn send(&mut self) -> bool {
        let Self { outbox, schedule, report, .. } = self;
        outbox.send(|outcome, ticket| {
            report.count(J::tally(outcome));
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
