use std::hash::Hash;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use crate::error::Error;
use crate::input::Line;
use crate::item::Position;
use crate::ledger::Recorded;
use crate::schedule::{Ended, Outage, Schedule, Sign, Start, Ticket, Told};
use crate::sink::Left;

/// What a run does with its items: probes them, or gets them. Lives on the I/O thread.
///
/// The loop around it is the same for all: see `drive`.
pub(crate) trait Job {
    /// Whether its origins are many and may be slow, so that lines which wait for one are set aside.
    const SETS_ASIDE: bool = false;

    /// What is kept of an item while it is admitted.
    type Item;
    /// Whom to be polite to.
    type Origin: Clone + Eq + Hash + std::fmt::Debug;
    /// How an attempt ended.
    type End;
    /// What is known of an item once its bytes are safe.
    type Saved;
    /// What the run is for.
    type Outcome: Recorded;
    /// What the reader of the run gets of it.
    type Told: 'static;

    /// An outcome goes to the reader of the run.
    fn tell(outcome: Self::Outcome) -> Self::Told;

    /// Makes an item of a line; or its outcome, where the line can't be asked.
    fn read(
        &mut self,
        position: Position,
        line: Line,
    ) -> Read<Self::Item, Self::Origin, Self::Outcome>;

    /// Begins an attempt. It has its permits until it shows up in `poll_event`.
    fn start(&mut self, start: Start, item: &mut Self::Item);

    /// Items that need be at hand, not yet asked. Where origins are many, the more the better: one of
    /// them may be slow.
    fn read_ahead(&self) -> usize {
        usize::MAX
    }

    /// Whether another attempt would begin at once: while it only waits, its deadline runs. Where there
    /// is no room, attempts are under way.
    fn has_room(&self) -> bool {
        true
    }

    /// The run begins: what the schedule is to know of its plan.
    fn prepare(&self, _schedule: &mut Schedule<Self::Origin>) {}

    /// What an attempt that ended asked of others beside its own request.
    fn further<'a>(&self, _end: &'a Self::End) -> &'a [Self::Origin] {
        &[]
    }

    /// Whether a ceiling on what is read held anything back since the last call.
    fn is_hindered(&self) -> bool {
        false
    }

    /// The loop is about to wait: what was gathered goes on its way, if it is enough or nothing more
    /// comes (`idle`). Else when to call again.
    fn flush(&mut self, _idle: bool, _now: Instant) -> Option<Instant> {
        None
    }

    /// Nothing is under way but attempts.
    fn is_tidy(&self) -> bool {
        true
    }

    /// Something has happened. Pending for ever when nothing is under way.
    fn poll_event(&mut self, cx: &mut Context<'_>) -> Poll<Event<Self::End, Self::Saved>>;

    /// What an attempt that ended tells of how much its origin can take. None: nothing ever does.
    fn told(&self, _end: &Self::End) -> Option<Told> {
        None
    }

    /// What an origin is called.
    fn name(origin: &Self::Origin) -> String {
        format!("{origin:?}")
    }

    /// The origin that is called so. None: nothing is hinted of origins.
    fn origin(&self, _name: &str) -> Option<Self::Origin> {
        None
    }

    /// Notes the end of an attempt in the item. Also the time that the item has earned, and what
    /// the attempt tells of the origin that was asked.
    fn ended(
        &mut self,
        item: &mut Self::Item,
        end: Self::End,
    ) -> (Ended<Self::Origin>, Duration, Sign);

    /// The item will not be asked again: its outcome, unless its bytes are still being saved.
    fn conclude(&mut self, item: &mut Self::Item, end: Conclusion) -> Option<Self::Outcome>;

    /// The bytes are whole. Its outcome, and what it leaves to be committed with it.
    fn saved(&mut self, item: &mut Self::Item, saved: Self::Saved) -> (Self::Outcome, Left);
}

/// What a line came to.
#[derive(Debug)]
pub(crate) enum Read<I, O, R> {
    /// To be asked at an origin; takes so many bytes while it is admitted.
    Item { item: I, origin: O, weight: usize },
    /// Has its outcome already.
    Outcome(R),
    /// Asks nothing.
    Nothing,
}

/// What a job reports to the loop.
#[derive(Debug)]
pub(crate) enum Event<E, S> {
    /// An attempt is over, its permits are free.
    Ended(Ticket, E),
    /// The bytes of an item are whole.
    Saved(Ticket, S),
    /// An attempt wants another permit of its origin; whether it has it is to be told.
    Wants(Ticket, oneshot::Sender<bool>),
    /// It gives one back.
    Returned(Ticket),
    /// An attempt is about to send another request with its own permit; how long it has to wait first is to
    /// be told.
    Turn(Ticket, oneshot::Sender<Duration>),
    /// Its origin is to be left alone for so long, from now on.
    Pause(Ticket, Duration),
    /// Some bytes of its body have come.
    Arrived(Ticket, u64),
    /// What was still under way for an item that has its outcome is done.
    Tidied,
    /// The run can't go on.
    Fatal(Error),
}

/// Why an item is not asked again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Conclusion {
    /// Its last attempt decides.
    LastAttempt,
    /// The server wants this much patience, which the deadline does not allow.
    Deferred(Duration),
    /// Its origin wants to be left alone for this long, which the deadline does not allow.
    PutOff(Duration),
    /// Its deadline came while it waited.
    Overdue,
    /// It would be tried again, but its origin has had as many retries as it may.
    Spent,
    /// Its origin is down.
    Down(Outage),
}
