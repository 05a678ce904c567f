//! Answers that wait for their time, soonest first.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::net::SocketAddr;

use tokio::time::{Instant, sleep_until};

/// An answer on its way.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Due {
    pub(crate) at: Instant,
    pub(crate) to: SocketAddr,
    pub(crate) bytes: Vec<u8>,
    /// From another address than the one that was asked.
    pub(crate) elsewhere: bool,
}

#[derive(Debug, Default)]
pub(crate) struct Waiting(BinaryHeap<Reverse<Due>>);

impl Waiting {
    pub(crate) fn push(&mut self, due: Due) {
        self.0.push(Reverse(due));
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// Waits until the next answer is due; for ever when there is none.
    pub(crate) async fn next(&self) {
        match self.0.peek() {
            Some(Reverse(due)) => sleep_until(due.at).await,
            None => std::future::pending().await,
        }
    }

    /// The next answer whose time has come.
    pub(crate) fn pop(&mut self, now: Instant) -> Option<Due> {
        if self.0.peek().is_some_and(|Reverse(due)| due.at <= now) {
            self.0.pop().map(|Reverse(due)| due)
        } else {
            None
        }
    }
}
