use std::cell::Cell;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::bandwidth::Hold;
use crate::plan::defaults;

/// What a connection has carried. hyper can't say whether a byte of an answer was seen, nor which
/// error the connection had; the free retry and the stall limit need to know.
#[derive(Debug)]
pub(super) struct Meter {
    received: Cell<u64>,
    last_received: Cell<Instant>,
    /// Of the answer to the current request.
    first_received: Cell<Option<Instant>>,
    error: Cell<Option<io::ErrorKind>>,
    /// Interim answers to the current request. Counted in a callback that must be `Send`.
    interim: Arc<AtomicU32>,
    /// How long its connection was not read for a ceiling of ours, and how long that was when the current
    /// request began.
    hold: Option<Rc<Hold>>,
    held_before: Cell<Duration>,
}

impl Meter {
    pub(super) fn new(hold: Option<Rc<Hold>>) -> Self {
        Self {
            hold,
            held_before: Cell::new(Duration::ZERO),
            received: Cell::new(0),
            last_received: Cell::new(Instant::now()),
            first_received: Cell::new(None),
            error: Cell::new(None),
            interim: Arc::default(),
        }
    }

    /// Bytes received since the connection was made, heads included, TLS not.
    pub(super) fn received(&self) -> u64 {
        self.received.get()
    }

    /// When the last byte was received.
    pub(super) fn last_received(&self) -> Instant {
        self.last_received.get()
    }

    /// When the first byte since the request was received.
    pub(super) fn first_received(&self) -> Option<Instant> {
        self.first_received.get()
    }

    /// A request is about to be sent.
    pub(super) fn begin(&self) {
        self.first_received.set(None);
        if let Some(hold) = &self.hold {
            self.held_before.set(hold.total(Instant::now()));
        }
    }

    /// How long nothing was read for a ceiling of ours since the request.
    pub(super) fn held(&self) -> Duration {
        let since =
            |hold: &Rc<Hold>| hold.total(Instant::now()).saturating_sub(self.held_before.get());
        self.hold.as_ref().map_or(Duration::ZERO, since)
    }

    pub(super) fn hold(&self) -> Option<Rc<Hold>> {
        self.hold.clone()
    }

    /// The error that the connection had.
    pub(super) fn error(&self) -> Option<io::ErrorKind> {
        self.error.get()
    }

    /// The count of interim answers, set to zero for a new request.
    pub(super) fn fresh_interim(&self) -> Arc<AtomicU32> {
        self.interim.store(0, Ordering::Relaxed);
        Arc::clone(&self.interim)
    }

    /// An interim answer has come, on a stream that is metered for itself.
    pub(super) fn note_interim(&self) {
        self.interim.fetch_add(1, Ordering::Relaxed);
        self.note_head();
    }

    /// A head has come for such a stream. How many bytes it took is not known: more than none.
    pub(super) fn note_head(&self) {
        self.note_received(1);
    }

    /// Bytes have come: from below, or for such a stream.
    pub(super) fn note_received(&self, bytes: usize) {
        let now = Instant::now();
        self.received.set(self.received.get() + bytes as u64);
        self.last_received.set(now);
        if self.first_received.get().is_none() {
            self.first_received.set(Some(now));
        }
    }

    /// Whether the server sent more interim answers than it may.
    pub(super) fn too_many_interim(&self) -> bool {
        self.interim.load(Ordering::Relaxed) > defaults::MAX_INTERIM
    }

    fn note<T>(&self, result: io::Result<T>) -> io::Result<T> {
        if let Err(error) = &result {
            self.error.set(Some(error.kind()));
        }
        result
    }
}

/// A connection with its meter.
#[derive(Debug)]
pub(super) struct Metered<T> {
    inner: T,
    meter: Rc<Meter>,
}

impl<T> Metered<T> {
    pub(super) fn new(inner: T, meter: Rc<Meter>) -> Self {
        Self { inner, meter }
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for Metered<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        // Else a server could hold a connection with interim answers until the deadline.
        if self.meter.too_many_interim() {
            return Poll::Ready(Err(io::Error::other("too many interim answers")));
        }
        let before = buffer.filled().len();
        let result = ready!(Pin::new(&mut self.inner).poll_read(cx, buffer));
        let meter = &self.meter;
        meter.note(result)?;
        let n = buffer.filled().len() - before;
        if n > 0 {
            meter.note_received(n);
        }
        Poll::Ready(Ok(()))
    }
}

// Not vectored: a request of ours is in one piece, which a plain write sends for less.
impl<T: AsyncWrite + Unpin> AsyncWrite for Metered<T> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let result = ready!(Pin::new(&mut self.inner).poll_write(cx, bytes));
        Poll::Ready(self.meter.note(result))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}
