use std::cell::RefCell;
use std::collections::VecDeque;
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use tokio::task::JoinSet;

use super::attempt::{Attempt, Attempted};
use super::fetcher::Fetcher;
use super::patience::timer;
use crate::polls::{Task, timed};
use crate::schedule::Ticket;

/// Tasks that make attempts, each of them one after another: to make a task, its memory and its timer anew
/// costs more than a small body.
#[derive(Debug)]
pub(super) struct Hands {
    tasks: JoinSet<()>,
    fetcher: Rc<Fetcher>,
    shared: Rc<Shared>,
}

/// Tasks that are kept while they have nothing to do.
const IDLE: usize = 256;

/// What the tasks share. There is never more in it than attempts may be in flight.
#[derive(Debug, Default)]
struct Shared {
    idle: RefCell<Vec<Rc<Hand>>>,
    ended: RefCell<VecDeque<(Ticket, Attempted)>>,
    /// Who waits for an end.
    listener: RefCell<Option<Waker>>,
}

/// Where a task gets its next attempt.
#[derive(Debug, Default)]
struct Hand {
    next: RefCell<Option<Attempt>>,
    waker: RefCell<Option<Waker>>,
}

impl Hands {
    pub(super) fn new(fetcher: Rc<Fetcher>) -> Self {
        Self { tasks: JoinSet::new(), fetcher, shared: Rc::default() }
    }

    /// Begins an attempt.
    pub(super) fn start(&mut self, attempt: Attempt) {
        let idle = self.shared.idle.borrow_mut().pop();
        if let Some(hand) = idle {
            hand.next.replace(Some(attempt));
            if let Some(waker) = hand.waker.take() {
                waker.wake();
            }
            return;
        }
        let hand = Rc::new(Hand { next: RefCell::new(Some(attempt)), ..Hand::default() });
        // In a box: a task is moved as a whole when it begins.
        let work = Box::pin(work(hand, Rc::clone(&self.shared), Rc::clone(&self.fetcher)));
        self.tasks.spawn_local(timed(Task::Attempt, work));
    }

    /// An attempt that has ended.
    pub(super) fn ended(&self) -> Option<(Ticket, Attempted)> {
        self.shared.ended.borrow_mut().pop_front()
    }

    /// The same, once there is one.
    pub(super) fn poll_ended(&mut self, cx: &mut Context<'_>) -> Poll<(Ticket, Attempted)> {
        if let Some(ended) = self.ended() {
            return Poll::Ready(ended);
        }
        while let Poll::Ready(Some(done)) = self.tasks.poll_join_next(cx) {
            // Tasks are aborted only with the run.
            if let Err(error) = done
                && error.is_panic()
            {
                std::panic::resume_unwind(error.into_panic())
            }
        }
        self.shared.listener.replace(Some(cx.waker().clone()));
        Poll::Pending
    }
}

async fn work(hand: Rc<Hand>, shared: Rc<Shared>, fetcher: Rc<Fetcher>) {
    let mut timer = timer();
    loop {
        let attempt = poll_fn(|cx| hand.poll_next(cx)).await;
        let ticket = attempt.ticket;
        let attempted;
        (attempted, timer) = attempt.run(&fetcher, timer).await;
        shared.ended.borrow_mut().push_back((ticket, attempted));
        if let Some(listener) = shared.listener.take() {
            listener.wake();
        }
        let mut idle = shared.idle.borrow_mut();
        if idle.len() >= IDLE {
            return;
        }
        idle.push(Rc::clone(&hand));
    }
}

impl Hand {
    fn poll_next(&self, cx: &Context<'_>) -> Poll<Attempt> {
        if let Some(attempt) = self.next.take() {
            return Poll::Ready(attempt);
        }
        self.waker.replace(Some(cx.waker().clone()));
        Poll::Pending
    }
}
