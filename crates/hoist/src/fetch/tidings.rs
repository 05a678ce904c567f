//! Bytes of large bodies are told of while they come: an origin's goodput is known before its bodies end.

use std::time::{Duration, Instant};

use tokio::sync::mpsc;

use crate::schedule::Ticket;

/// Bytes of a body of which nothing is told before its end, and between two tidings at least.
const FEW: u64 = 64 << 10;
/// Bytes that are told of at once.
const MANY: u64 = 512 << 10;
/// Fewer are told of after this time.
const LATE: Duration = Duration::from_millis(100);
/// Tidings that wait to be read. Beyond them bytes are told of with the next.
const QUEUE: usize = 1024;

/// The attempts' way to tell.
#[derive(Debug)]
pub(super) struct Tidings(mpsc::Sender<(Ticket, u64)>);

impl Tidings {
    pub(super) fn new() -> (Self, mpsc::Receiver<(Ticket, u64)>) {
        let (sender, receiver) = mpsc::channel(QUEUE);
        (Self(sender), receiver)
    }

    pub(super) fn of(&self, ticket: Ticket, now: Instant) -> Tiding {
        Tiding { ticket, untold: 0, last: now, sender: self.0.clone() }
    }
}

/// What one connection has brought and not told of yet.
#[derive(Debug)]
pub(super) struct Tiding {
    ticket: Ticket,
    untold: u64,
    last: Instant,
    sender: mpsc::Sender<(Ticket, u64)>,
}

impl Tiding {
    /// Bytes have come.
    pub(super) fn count(&mut self, bytes: u64) {
        self.untold += bytes;
        if self.untold < FEW {
            return;
        }
        if self.untold >= MANY || self.last.elapsed() >= LATE {
            if self.sender.try_send((self.ticket, self.untold)).is_ok() {
                self.untold = 0;
            }
            self.last = Instant::now();
        }
    }

    pub(super) fn untold(&self) -> u64 {
        self.untold
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_bodies_are_told_of_at_their_end_and_large_ones_on_the_way() {
        let (tidings, mut told) = Tidings::new();
        let mut small = tidings.of(Ticket(1), Instant::now());
        small.count(FEW - 1);
        assert_eq!(small.untold(), FEW - 1);
        let mut large = tidings.of(Ticket(2), Instant::now());
        large.count(MANY + 1);
        large.count(5);
        assert_eq!((told.try_recv(), large.untold()), (Ok((Ticket(2), MANY + 1)), 5));
        assert!(told.try_recv().is_err());
        // Where nobody reads, nothing is lost.
        for _ in 0..QUEUE + 2 {
            large.count(MANY);
        }
        assert_eq!(large.untold(), 2 * MANY);
    }
}
