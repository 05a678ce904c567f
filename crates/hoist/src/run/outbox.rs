use std::collections::VecDeque;

use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;

use super::order::Order;
use crate::item::Position;
use crate::outcomes::Message;
use crate::schedule::Ticket;

/// Outcomes on their way to the reader of the run, in batches; in the order of the list where
/// that is asked for. What waits here keeps its admission.
#[derive(Debug)]
pub(super) struct Outbox<O, T> {
    sender: mpsc::Sender<Message<T>>,
    /// What the reader gets of an outcome.
    tell: fn(O) -> T,
    ready: VecDeque<Parcel<O>>,
    order: Option<Order<Parcel<O>>>,
    /// Bytes of all that waits here.
    weight: usize,
}

#[derive(Debug)]
pub(super) struct Parcel<O> {
    pub(super) outcome: O,
    /// None for an item that was never admitted, as its line could not be asked.
    pub(super) ticket: Option<Ticket>,
    pub(super) weight: usize,
}

/// A batch is cut at so many outcomes, or so many bytes.
const BATCH: usize = 256;
const BATCH_BYTES: usize = 128 << 10;

impl<O: Send + 'static, T: 'static> Outbox<O, T> {
    pub(super) fn new(sender: mpsc::Sender<Message<T>>, ordered: bool, tell: fn(O) -> T) -> Self {
        let order = ordered.then(Order::new);
        Self { sender, tell, ready: VecDeque::new(), order, weight: 0 }
    }

    /// An outcome will come for this position. Called in the order of the list.
    pub(super) fn expect(&mut self, position: Position) {
        if let Some(order) = &mut self.order {
            order.expect(position);
        }
    }

    pub(super) fn put(&mut self, position: Position, parcel: Parcel<O>) {
        self.weight += parcel.weight;
        let Some(order) = &mut self.order else {
            self.ready.push_back(parcel);
            return;
        };
        order.put(position, parcel);
        while let Some((_, parcel)) = order.next() {
            self.ready.push_back(parcel);
        }
    }

    /// What was not sent.
    pub(super) fn left(&self) -> impl Iterator<Item = &O> {
        let early = self.order.iter().flat_map(Order::early);
        self.ready.iter().chain(early).map(|parcel| &parcel.outcome)
    }

    /// Outcomes that wait, for the reader or for their turn.
    pub(super) fn len(&self) -> usize {
        self.ready.len() + self.order.as_ref().map_or(0, Order::len)
    }

    /// Bytes of the outcomes that wait.
    pub(super) fn weight(&self) -> usize {
        self.weight
    }

    /// Whether something could be sent, if only the reader had room.
    pub(super) fn is_stuck(&self) -> bool {
        !self.ready.is_empty()
    }

    /// Waits until the reader has room. False when there is no reader any more. Cancel-safe.
    pub(super) async fn room(&self) -> bool {
        self.sender.reserve().await.is_ok()
    }

    /// Sends what the reader has room for; tells of each outcome before it goes. False when there
    /// is no reader any more.
    pub(super) fn send(&mut self, mut sent: impl FnMut(&O, Option<Ticket>)) -> bool {
        while !self.ready.is_empty() {
            let permit = match self.sender.try_reserve() {
                Ok(permit) => permit,
                Err(TrySendError::Full(())) => return true,
                Err(TrySendError::Closed(())) => return false,
            };
            let mut bytes = 0;
            let mut count = 0;
            for parcel in self.ready.iter().take(BATCH) {
                bytes += parcel.weight;
                count += 1;
                if bytes >= BATCH_BYTES {
                    break;
                }
            }
            self.weight -= bytes;
            let batch = self.ready.drain(..count).map(|parcel| {
                sent(&parcel.outcome, parcel.ticket);
                parcel.outcome
            });
            let batch: Vec<O> = batch.collect();
            permit.send(Message::Batch(Box::new(batch.into_iter().map(self.tell))));
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parcel(outcome: u64, weight: usize) -> Parcel<u64> {
        Parcel { outcome, ticket: None, weight }
    }

    fn received(receiver: &mut mpsc::Receiver<Message<u64>>) -> Vec<Vec<u64>> {
        let batch = |message| match message {
            Message::Batch(batch) => batch.collect(),
            Message::Failed(_) | Message::End => panic!("no batch"),
        };
        std::iter::from_fn(|| receiver.try_recv().ok()).map(batch).collect()
    }

    #[test]
    fn in_order_means_gaps_hold_back_what_follows() {
        let (sender, mut receiver) = mpsc::channel(8);
        let mut outbox = Outbox::new(sender, true, |outcome| outcome);
        for position in [0, 2, 3, 7] {
            outbox.expect(Position(position));
        }
        for position in [3, 0, 7] {
            outbox.put(Position(position), parcel(position, 1));
        }
        assert!(outbox.send(|_, _| {}));
        assert_eq!(received(&mut receiver), [[0]]);
        assert_eq!(outbox.len(), 2);
        outbox.put(Position(2), parcel(2, 1));
        assert!(outbox.send(|_, _| {}));
        assert_eq!(received(&mut receiver), [[2, 3, 7]]);
    }

    #[test]
    fn batches_are_bounded_and_wait_for_room() {
        let (sender, mut receiver) = mpsc::channel(2);
        let mut outbox = Outbox::new(sender, false, |outcome| outcome);
        for n in 0..6 {
            outbox.put(Position(n), parcel(n, BATCH_BYTES / 2));
        }
        let mut sent = 0;
        assert!(outbox.send(|_, _| sent += 1));
        assert_eq!(sent, 4);
        assert!(outbox.is_stuck());
        assert_eq!((outbox.len(), outbox.weight()), (2, BATCH_BYTES));
        assert_eq!(received(&mut receiver), [[0, 1], [2, 3]]);
        drop(receiver);
        assert!(!outbox.send(|_, _| {}));
    }
}
