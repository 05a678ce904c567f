//! A ceiling on the bytes that are read, from all connections together: what may not be read stays where it
//! is, and TCP holds its sender back.

use std::cell::{Cell, RefCell};
use std::io;
use std::num::NonZeroU64;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};
use tokio::time::Sleep;

use crate::schedule::Bandwidth;

/// What the connections of a run share.
#[derive(Debug)]
pub(super) struct Ceiling {
    bandwidth: RefCell<Bandwidth>,
    /// Somebody has waited since the last look.
    touched: Cell<bool>,
}

impl Ceiling {
    pub(super) fn new(rate: NonZeroU64) -> Self {
        let bandwidth = RefCell::new(Bandwidth::new(rate, Instant::now()));
        Self { bandwidth, touched: Cell::new(false) }
    }

    /// Whether it held anybody back since the last call.
    pub(super) fn was_touched(&self) -> bool {
        self.touched.take()
    }
}

/// The time in which a connection was not read for the ceiling.
#[derive(Debug, Default)]
pub(super) struct Hold {
    total: Cell<Duration>,
    since: Cell<Option<Instant>>,
}

impl Hold {
    /// Up to now.
    pub(super) fn total(&self, now: Instant) -> Duration {
        let more = self.since.get().map(|since| now.saturating_duration_since(since));
        self.total.get() + more.unwrap_or_default()
    }

    fn begin(&self, now: Instant) {
        if self.since.get().is_none() {
            self.since.set(Some(now));
        }
    }

    fn end(&self, now: Instant) {
        self.total.set(self.total(now));
        self.since.set(None);
    }
}

/// A connection that is read no faster than the ceiling lets it be.
#[derive(Debug)]
pub(super) struct Throttled<T> {
    inner: T,
    /// None: there is no ceiling.
    below: Option<Below>,
}

#[derive(Debug)]
struct Below {
    ceiling: Rc<Ceiling>,
    hold: Rc<Hold>,
    /// When its turn is, where it waits for one.
    turn: Option<Instant>,
    sleep: Option<Pin<Box<Sleep>>>,
}

impl<T> Throttled<T> {
    pub(super) fn new(inner: T, ceiling: Option<&Rc<Ceiling>>) -> Self {
        let below = ceiling.map(|ceiling| Below {
            ceiling: Rc::clone(ceiling),
            hold: Rc::default(),
            turn: None,
            sleep: None,
        });
        Self { inner, below }
    }

    /// Where it tells how long it was held.
    pub(super) fn hold(&self) -> Option<Rc<Hold>> {
        self.below.as_ref().map(|below| Rc::clone(&below.hold))
    }
}

impl Below {
    /// Bytes that may be read now, from one on.
    fn poll_left(&mut self, cx: &mut Context<'_>) -> Poll<u64> {
        loop {
            let now = Instant::now();
            let mut bandwidth = self.ceiling.bandwidth.borrow_mut();
            let left = bandwidth.left(now);
            let mine = self.turn.map_or_else(|| bandwidth.is_free(now), |turn| turn <= now);
            if mine && left > 0 {
                self.hold.end(now);
                return Poll::Ready(left);
            }
            let turn = match self.turn {
                Some(turn) if turn > now => turn,
                _ => bandwidth.reserve(now),
            };
            drop(bandwidth);
            self.turn = Some(turn);
            self.hold.begin(now);
            self.ceiling.touched.set(true);
            let at = turn.into();
            let sleep = self.sleep.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(at)));
            if sleep.deadline() != at {
                sleep.as_mut().reset(at);
            }
            ready!(sleep.as_mut().poll(cx));
        }
    }

    /// What it read in its turn, if there was one to read in.
    fn read(&mut self, bytes: Option<usize>) {
        let had_turn = self.turn.take().is_some();
        let mut bandwidth = self.ceiling.bandwidth.borrow_mut();
        match bytes {
            Some(bytes) => bandwidth.take(Instant::now(), bytes as u64),
            None if had_turn => bandwidth.release(),
            None => {}
        }
    }
}

impl Drop for Below {
    fn drop(&mut self) {
        if self.turn.is_some() {
            self.ceiling.bandwidth.borrow_mut().release();
        }
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for Throttled<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let Self { inner, below } = &mut *self;
        let Some(below) = below else { return Pin::new(inner).poll_read(cx, buffer) };
        let left = ready!(below.poll_left(cx));
        let before = buffer.filled().len();
        let result = Pin::new(&mut inner.take(left)).poll_read(cx, buffer);
        below.read(result.is_ready().then(|| buffer.filled().len() - before));
        result
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Throttled<T> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}
