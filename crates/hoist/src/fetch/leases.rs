//! Permits beside an attempt's own: each range of a body that is asked for while another comes holds one.

use std::time::Duration;

use tokio::sync::{mpsc, oneshot};

use crate::schedule::Ticket;

/// The attempts' way to the schedule. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Leases {
    wants: mpsc::Sender<Want>,
    returned: mpsc::Sender<Ticket>,
}

/// What an attempt wants of the schedule while it is under way.
#[derive(Debug)]
pub(super) enum Want {
    /// A permit; the answer is whether it has it.
    Lease(Ticket, oneshot::Sender<bool>),
    /// To send another request with its own permit; the answer is how long it has to wait first.
    Turn(Ticket, oneshot::Sender<Duration>),
    /// That its origin is left alone for so long.
    Pause(Ticket, Duration),
}

/// The job's end of it.
#[derive(Debug)]
pub(super) struct Wants {
    pub(super) wants: mpsc::Receiver<Want>,
    pub(super) returned: mpsc::Receiver<Ticket>,
}

impl Wants {
    /// Nothing has come that is not yet taken.
    pub(super) fn are_none(&self) -> bool {
        self.wants.is_empty() && self.returned.is_empty()
    }
}

/// A permit on lease; given back when dropped.
#[derive(Debug)]
pub(super) struct Lease {
    ticket: Ticket,
    /// None where it was not granted.
    returned: Option<mpsc::Sender<Ticket>>,
}

/// Wants that wait for their answer.
const QUEUE: usize = 64;

impl Leases {
    /// There are never more leases than attempts `in_flight`.
    pub(super) fn new(in_flight: usize) -> (Self, Wants) {
        let (wants, asked) = mpsc::channel(QUEUE);
        let (returned, back) = mpsc::channel(in_flight.clamp(1, 1 << 20));
        (Self { wants, returned }, Wants { wants: asked, returned: back })
    }

    /// A permit at the origin of this item, if one is free that nobody waits for.
    pub(super) async fn ask(&self, ticket: Ticket) -> Option<Lease> {
        let (answer, granted) = oneshot::channel();
        self.wants.send(Want::Lease(ticket, answer)).await.ok()?;
        let mut asked = Asked { granted, lease: Some(self.lease(ticket)) };
        let granted = (&mut asked.granted).await.unwrap_or(false);
        let lease = asked.lease.take()?;
        if granted {
            return Some(lease);
        }
        lease.void();
        None
    }

    /// How long this item has to wait before it sends another request with its own permit. None: the
    /// request is counted, and goes at once.
    pub(super) async fn turn(&self, ticket: Ticket) -> Option<Duration> {
        let (answer, told) = oneshot::channel();
        self.wants.send(Want::Turn(ticket, answer)).await.ok()?;
        told.await.ok().filter(|wait| !wait.is_zero())
    }

    /// The origin of this item asks to be left alone for so long.
    pub(super) async fn pause(&self, ticket: Ticket, pause: Duration) {
        // Nobody hears of it once the run is over.
        let _ = self.wants.send(Want::Pause(ticket, pause)).await;
    }

    fn lease(&self, ticket: Ticket) -> Lease {
        Lease { ticket, returned: Some(self.returned.clone()) }
    }
}

/// Until the answer is read: who leaves meanwhile gives back what was granted.
struct Asked {
    granted: oneshot::Receiver<bool>,
    lease: Option<Lease>,
}

impl Drop for Asked {
    fn drop(&mut self) {
        if let Some(lease) = self.lease.take()
            && !self.granted.try_recv().unwrap_or(false)
        {
            lease.void();
        }
    }
}

impl Lease {
    /// It was not granted.
    fn void(mut self) {
        self.returned = None;
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        // There is room for each that was given.
        if let Some(returned) = &self.returned {
            let _ = returned.try_send(self.ticket);
        }
    }
}
