//! The handle of a run: a stream of outcomes.

use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_core::Stream;
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::error::Error;
use crate::report::Report;

/// The outcomes of a run, in the order of completion, or of input after [`Outcomes::ordered`].
///
/// The run starts at the first poll, on a thread of its own, and needs no particular runtime
/// around it. Every item gives exactly one `Ok`; an `Err` says why the run could not go on and is
/// the last thing the stream gives. The run waits for its reader: unread outcomes are bounded.
///
/// Dropping it starts nothing more and closes its sockets at once; [`Outcomes::shutdown`] also
/// waits until nothing is left.
#[must_use = "a run starts when its outcomes are first asked for"]
pub struct Outcomes<O> {
    state: State<O>,
    ordered: bool,
    report: Report,
}

enum State<O> {
    Ready(Start<O>),
    Running(Running<O>),
    Ended,
}

type Start<O> = Box<dyn FnOnce(StartedRun<O>) -> Result<(), Error> + Send>;

/// What the engine's side of a run holds.
pub(crate) struct StartedRun<O> {
    pub(crate) outcomes: mpsc::Sender<Message<O>>,
    pub(crate) cancel: CancellationToken,
    /// Dropped when nothing of the run is left.
    pub(crate) _alive: oneshot::Sender<()>,
    pub(crate) ordered: bool,
    pub(crate) report: Report,
}

/// What the engine says to the reader of the run.
pub(crate) enum Message<O> {
    /// Some outcomes.
    Batch(Batch<O>),
    /// The run could not go on. The last message.
    Failed(Error),
    /// Every item has its outcome, and nothing is left of the run. The last message.
    End,
}

/// Outcomes, however the engine keeps them.
pub(crate) type Batch<O> = Box<dyn Iterator<Item = O> + Send>;

struct Running<O> {
    batch: Batch<O>,
    batches: mpsc::Receiver<Message<O>>,
    alive: oneshot::Receiver<()>,
    cancel_on_drop: DropGuard,
}

/// Batches of outcomes between the engine and the reader. Batches are bounded in items and bytes
/// where they are made.
const BATCHES: usize = 4;

impl<O> Outcomes<O> {
    pub(crate) fn new(
        start: impl FnOnce(StartedRun<O>) -> Result<(), Error> + Send + 'static,
    ) -> Self {
        Self { state: State::Ready(Box::new(start)), ordered: false, report: Report::default() }
    }

    /// In the order of the list. Outcomes wait for those before them; they keep their admission
    /// while they wait, so that memory stays bounded by it. No effect once the run has started.
    pub fn ordered(mut self) -> Self {
        self.ordered = true;
        self
    }

    /// What the run has done so far. It stays readable during the run and after it.
    pub fn report(&self) -> Report {
        self.report.clone()
    }

    /// The next outcome; `None` after the last.
    pub async fn next(&mut self) -> Option<Result<O, Error>>
    where
        O: 'static,
    {
        poll_fn(|cx| Pin::new(&mut *self).poll_next(cx)).await
    }

    /// The next outcome, if it is here already: then without the cost of waiting.
    pub fn take_ready(&mut self) -> Option<O> {
        match &mut self.state {
            State::Running(running) => running.batch.next(),
            State::Ready(_) | State::Ended => None,
        }
    }

    /// Gives up what is in flight and waits until no thread, socket or half-written file of the
    /// run is left.
    pub async fn shutdown(self) {
        if let State::Running(Running { batches, alive, cancel_on_drop, .. }) = self.state {
            drop((batches, cancel_on_drop));
            // An error is what is waited for: the engine drops its end.
            let _ = alive.await;
        }
    }

    fn start(&mut self, start: Start<O>) -> Result<Running<O>, Error>
    where
        O: 'static,
    {
        let (outcomes, batches) = mpsc::channel(BATCHES);
        let (alive_sender, alive) = oneshot::channel();
        let cancel = CancellationToken::new();
        start(StartedRun {
            outcomes,
            cancel: cancel.clone(),
            _alive: alive_sender,
            ordered: self.ordered,
            report: self.report.clone(),
        })?;
        let batch = Box::new(std::iter::empty());
        Ok(Running { batch, batches, alive, cancel_on_drop: cancel.drop_guard() })
    }
}

impl<O: 'static> Stream for Outcomes<O> {
    type Item = Result<O, Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        loop {
            match std::mem::replace(&mut this.state, State::Ended) {
                State::Ended => return Poll::Ready(None),
                State::Ready(start) => match this.start(start) {
                    Ok(running) => this.state = State::Running(running),
                    Err(error) => return Poll::Ready(Some(Err(error))),
                },
                State::Running(mut running) => {
                    if let Some(outcome) = running.batch.next() {
                        this.state = State::Running(running);
                        return Poll::Ready(Some(Ok(outcome)));
                    }
                    match running.batches.poll_recv(cx) {
                        Poll::Pending => {
                            this.state = State::Running(running);
                            return Poll::Pending;
                        }
                        Poll::Ready(Some(Message::Batch(batch))) => {
                            running.batch = batch;
                            this.state = State::Running(running);
                        }
                        Poll::Ready(Some(Message::End)) => return Poll::Ready(None),
                        Poll::Ready(Some(Message::Failed(error))) => {
                            return Poll::Ready(Some(Err(error)));
                        }
                        // Without a last message: the engine's thread has panicked.
                        Poll::Ready(None) => return Poll::Ready(Some(Err(Error::Stopped))),
                    }
                }
            }
        }
    }
}

impl<O> Unpin for Outcomes<O> {}

impl<O> fmt::Debug for Outcomes<O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match self.state {
            State::Ready(_) => "ready",
            State::Running(_) => "running",
            State::Ended => "ended",
        };
        f.debug_struct("Outcomes")
            .field("state", &state)
            .field("ordered", &self.ordered)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(messages: Vec<Message<u32>>) -> Outcomes<u32> {
        Outcomes::new(move |started| {
            std::thread::spawn(move || {
                for message in messages {
                    if started.outcomes.blocking_send(message).is_err() {
                        return;
                    }
                }
            });
            Ok(())
        })
    }

    fn batch(outcomes: Vec<u32>) -> Message<u32> {
        Message::Batch(Box::new(outcomes.into_iter()))
    }

    fn on_a_runtime<T>(work: impl Future<Output = T>) -> T {
        tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(work)
    }

    #[test]
    fn what_is_ready_is_taken_in_its_order_and_once() {
        let mut outcomes = run(vec![batch(vec![1, 2, 3, 4]), batch(vec![5]), Message::End]);
        assert_eq!(outcomes.take_ready(), None, "it does not start the run");
        on_a_runtime(async {
            assert_eq!(outcomes.next().await.unwrap().unwrap(), 1);
            assert_eq!((outcomes.take_ready(), outcomes.take_ready()), (Some(2), Some(3)));
            // Taking and waiting go on where the other left off.
            assert_eq!(outcomes.next().await.unwrap().unwrap(), 4);
            // The next batch may be there, and is not waited for.
            assert_eq!(outcomes.take_ready(), None);
            assert_eq!(outcomes.next().await.unwrap().unwrap(), 5);
            assert_eq!(outcomes.take_ready(), None);
            assert!(outcomes.next().await.is_none());
            assert_eq!(outcomes.take_ready(), None);
        });
    }

    #[test]
    fn an_error_is_not_taken_for_nothing_ready() {
        let mut outcomes = run(vec![batch(vec![1, 2]), Message::Failed(Error::Stopped)]);
        on_a_runtime(async {
            assert_eq!(outcomes.next().await.unwrap().unwrap(), 1);
            assert_eq!((outcomes.take_ready(), outcomes.take_ready()), (Some(2), None));
            assert!(outcomes.next().await.unwrap().is_err());
            assert_eq!(outcomes.take_ready(), None);
            assert!(outcomes.next().await.is_none());
        });
    }
}
