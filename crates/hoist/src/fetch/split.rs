//! Several ranges of one large body at once. The answer to the first request is read from its
//! beginning on, as ever; meanwhile others bring pieces from the end, until the two meet.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::time::{Duration, Instant, SystemTime};

use bytes::Bytes;
use http::header::ACCEPT_RANGES;
use http::{HeaderMap, HeaderValue};
use http_body_util::BodyExt;
use tokio::sync::Notify;

use super::answer::Framing;
use super::attempt::{Attempt, Unanswered};
use super::body::GATHER;
use super::continuing::{Going, leaves_a_part};
use super::fetcher::Fetcher;
use super::patience::{Overdue, Watch, timer};
use super::pieces::Pieces;
use super::pool::Connection;
use super::ranges;
use super::rate_limit;
use super::transport::Arriving;
use crate::outcome::classify::{Remedy, Seen};
use crate::outcome::{Failure, FailureKind};
use crate::report::add;
use crate::sink::Source;

/// A body that comes in pieces.
pub(super) struct Split<'a> {
    attempt: &'a Attempt,
    fetcher: &'a Fetcher,
    source: Source,
    length: u64,
    pieces: RefCell<Pieces>,
    /// Pieces that are on their way.
    taken: Cell<usize>,
    /// Bytes received over all connections, for the deadline.
    received: Rc<Cell<u64>>,
    /// The server obeys no ranges: one stream must do.
    refused: Cell<bool>,
    /// What is left has to wait for longer than a permit may be held meanwhile.
    postponed: Cell<bool>,
    /// A piece is there, or was put back.
    changed: Notify,
}

/// A stream of bytes that is being read.
struct Stream {
    connection: Connection,
    framing: Framing,
    body: Arriving,
}

/// A piece that is on its way: what is not handed over in the end is put back.
struct Taken<'s, 'a> {
    split: &'s Split<'a>,
    at: u64,
    to: u64,
}

/// No permit was free: how long until another look.
const LOOK: Duration = Duration::from_millis(500);

/// A piece is waited for so long with the attempt's own permit: to begin anew, what is there is read again.
const HELD: Duration = Duration::from_secs(5);

/// Whether a body is worth it, as far as its head says.
pub(super) fn is_worth_it(fetcher: &Fetcher, source: &Source, headers: &HeaderMap) -> bool {
    let long = source.length.is_some_and(|length| length >= 2 * fetcher.piece);
    let mut all = headers.get_all(ACCEPT_RANGES).iter().map(HeaderValue::as_bytes);
    fetcher.split > 1 && long && all.any(|value| value.trim_ascii() == b"bytes")
}

impl<'a> Split<'a> {
    /// `there` is what need not be asked for any more.
    pub(super) fn new(
        attempt: &'a Attempt,
        fetcher: &'a Fetcher,
        source: Source,
        there: &[(u64, u64)],
    ) -> Self {
        let length = source.length.unwrap_or_default();
        let pieces = Pieces::missing(length, there, fetcher.piece);
        Self {
            attempt,
            fetcher,
            source,
            length,
            pieces: RefCell::new(pieces),
            taken: Cell::new(0),
            received: Rc::default(),
            refused: Cell::new(false),
            postponed: Cell::new(false),
            changed: Notify::new(),
        }
    }

    /// Where the first of what is missing begins.
    pub(super) fn start(&self) -> u64 {
        self.pieces.borrow().start().unwrap_or(self.length)
    }

    /// Of the whole body.
    pub(super) fn length(&self) -> u64 {
        self.length
    }

    /// Receives all that is missing. The body was begun at the writer; its last bytes are not
    /// yet said to be the last.
    pub(super) async fn receive(
        &self,
        watch: &mut Watch,
        connection: Connection,
        framing: Framing,
        body: Arriving,
        at: u64,
    ) -> Result<(), Failure> {
        watch.share(Rc::clone(&self.received));
        let stream = Stream { connection, framing, body };
        let mut first = pin!(self.first(watch, stream, at));
        let mut others: Vec<Pin<Box<dyn Future<Output = ()> + '_>>> = Vec::new();
        for _ in 1..self.fetcher.split {
            others.push(Box::pin(self.other()));
        }
        poll_fn(|cx| {
            others.retain_mut(|other| other.as_mut().poll(cx).is_pending());
            first.as_mut().poll(cx)
        })
        .await
    }

    /// With the attempt's own permit: what came first, and then whatever is left.
    async fn first(&self, watch: &mut Watch, stream: Stream, at: u64) -> Result<(), Failure> {
        self.stream(watch, stream, at).await?;
        loop {
            let changed = self.changed.notified();
            if !self.pieces.borrow().is_empty() {
                let turn = self.wait_for_turn(watch).await;
                turn.inspect_err(|_| self.postponed.set(true))?;
            }
            let piece = self.pieces.borrow_mut().first();
            match piece {
                Some(piece) => self.piece(watch, piece).await?,
                None if self.taken.get() == 0 => return Ok(()),
                None => {
                    // Those who bring it have limits of their own.
                    let deadline = watch.deadline().into();
                    if tokio::time::timeout_at(deadline, changed).await.is_err()
                        && tokio::time::Instant::now() >= watch.deadline().into()
                    {
                        let state = format!("{} bytes had come", self.received.get());
                        return Err(watch.deadline_failure(&state));
                    }
                }
            }
        }
    }

    /// Until another request may be sent with the attempt's own permit: its origin may be paused, or have
    /// a rate.
    async fn wait_for_turn(&self, watch: &mut Watch) -> Result<(), Failure> {
        while let Some(wait) = self.fetcher.leases.turn(self.attempt.ticket).await {
            let now = Instant::now();
            if wait > HELD || now + wait >= watch.deadline() {
                let reason = "the rest has to wait";
                return Err(Failure::new(FailureKind::Truncated, reason));
            }
            tokio::time::sleep(wait).await;
            watch.resume(now);
        }
        watch.counted();
        Ok(())
    }

    /// Whether what is left has to wait, and its permits are better given back.
    pub(super) fn is_postponed(&self) -> bool {
        self.postponed.get()
    }

    /// With permits on lease, one for each piece: so whoever waits for one gets it in between.
    async fn other(&self) {
        let mut watch = Watch::new(
            &self.fetcher.patience,
            &self.fetcher.giving_up,
            self.attempt.deadline,
            timer(),
        );
        watch.tell(self.fetcher.tidings.of(self.attempt.ticket, watch.began()));
        watch.share(Rc::clone(&self.received));
        while !self.refused.get() && !self.pieces.borrow().is_empty() {
            let Some(_lease) = self.fetcher.leases.ask(self.attempt.ticket).await else {
                tokio::time::sleep(LOOK).await;
                continue;
            };
            let piece = self.pieces.borrow_mut().last();
            let Some(piece) = piece else { return };
            watch.counted();
            // The others bring it, or find out in their turn.
            if self.piece(&mut watch, piece).await.is_err() {
                return;
            }
        }
    }

    /// Reads what comes anyway, as far as nobody else brings it.
    async fn stream(&self, watch: &mut Watch, stream: Stream, at: u64) -> Result<(), Failure> {
        let piece = self.pieces.borrow_mut().at(at);
        let Some(piece) = piece else { return Ok(()) };
        self.read(watch, stream, self.take(piece), true).await
    }

    /// Asks for a piece, and brings it.
    async fn piece(&self, watch: &mut Watch, piece: (u64, u64)) -> Result<(), Failure> {
        let taken = self.take(piece);
        let going = Going::piece(&self.source, piece);
        let mut free_retry = true;
        let (connection, answer) = loop {
            let connection = self.attempt.connection(self.fetcher, watch).await;
            let mut connection = connection.map_err(|unconnected| unconnected.failure)?;
            match self
                .attempt
                .ask(self.fetcher, watch, &mut connection, &|fields| going.ask(fields))
                .await
            {
                Ok(answer) => break (connection, answer),
                // The server closed an idle connection just as it was used again.
                Err(Unanswered { remedy: Remedy::Free, .. }) if free_retry => {
                    free_retry = false;
                    self.wait_for_turn(watch).await?;
                }
                Err(unanswered) => return Err(unanswered.failure),
            }
        };
        let (parts, body) = answer.into_parts();
        let longest = self.fetcher.patience.deadline;
        if let Some(pause) = rate_limit::pause(&parts, longest, SystemTime::now()) {
            self.fetcher.leases.pause(self.attempt.ticket, pause).await;
        }
        let framing = Framing::of(&parts)?;
        if matches!(parts.status.as_u16(), 429 | 503) {
            // It has had enough of us, which says nothing of ranges.
            let reason =
                format!("a part of the body was asked for, and HTTP {} came", parts.status);
            return Err(Failure::new(FailureKind::Truncated, reason));
        }
        if !ranges::is_piece(&parts, framing, &self.source, piece) {
            self.refused.set(true);
            let reason = "a part of the body was asked for, and another answer came";
            return Err(Failure::new(FailureKind::Truncated, reason));
        }
        self.read(watch, Stream { connection, framing, body }, taken, false).await
    }

    fn take(&self, (at, to): (u64, u64)) -> Taken<'_, 'a> {
        self.taken.set(self.taken.get() + 1);
        Taken { split: self, at, to }
    }

    /// Brings a piece; with `goes_on` also those behind it, as long as nobody else does.
    async fn read(
        &self,
        watch: &mut Watch,
        mut stream: Stream,
        mut taken: Taken<'_, 'a>,
        goes_on: bool,
    ) -> Result<(), Failure> {
        let meter = Rc::clone(&stream.connection.meter);
        let (mut chunks, mut gathered) = (Vec::new(), 0);
        let failure = loop {
            let frame = watch.guard(&meter, stream.body.frame()).await;
            let received = taken.at + gathered;
            let mut data = match frame {
                Ok(Some(Ok(frame))) => frame.into_data().unwrap_or_default(),
                Ok(None) if received == taken.to => {
                    self.hand_over(watch, &mut taken, &mut chunks, &mut gathered).await;
                    let Stream { connection, framing, .. } = stream;
                    self.attempt.give_back(self.fetcher, connection, framing);
                    return Ok(());
                }
                Ok(None) => {
                    let reason = format!("{received} of {} bytes came", taken.to);
                    break Failure::new(FailureKind::Truncated, reason);
                }
                Ok(Some(Err(error))) => {
                    let seen = Seen::Body { received, promised: Some(self.length) };
                    break error.failure(&meter, seen);
                }
                Err(Overdue::Deadline) => {
                    let received = self.received.get();
                    break watch.deadline_failure(&format!("{received} bytes had come"));
                }
                Err(overdue @ (Overdue::Progress | Overdue::Pace)) => {
                    stream.connection.transport.suspect(watch.progress());
                    let reason = format!("{} after {received} bytes", watch.too_slow(overdue));
                    break Failure::new(FailureKind::Stalled, reason);
                }
            };
            watch.count(data.len());
            add(&self.fetcher.report.counters().received, data.len() as u64);
            while !data.is_empty() {
                let room = taken.to - taken.at - gathered;
                if room == 0 {
                    let next = if goes_on { self.pieces.borrow_mut().at(taken.to) } else { None };
                    let Some((_, to)) = next else {
                        // What comes now is not needed: nor is its connection.
                        self.hand_over(watch, &mut taken, &mut chunks, &mut gathered).await;
                        return Ok(());
                    };
                    taken.to = to;
                    continue;
                }
                let some = usize::try_from(room).unwrap_or(usize::MAX).min(data.len());
                chunks.push(data.split_to(some));
                gathered += some as u64;
            }
            if gathered >= GATHER as u64 {
                self.hand_over(watch, &mut taken, &mut chunks, &mut gathered).await;
            }
        };
        if leaves_a_part(failure.kind) {
            self.hand_over(watch, &mut taken, &mut chunks, &mut gathered).await;
        }
        Err(failure)
    }

    async fn hand_over(
        &self,
        watch: &mut Watch,
        taken: &mut Taken<'_, 'a>,
        chunks: &mut Vec<Bytes>,
        gathered: &mut u64,
    ) {
        let chunks = std::mem::take(chunks);
        if !chunks.is_empty() {
            let paused = Instant::now();
            self.fetcher.handover.write_at(self.attempt.ticket, taken.at, chunks).await;
            taken.at += std::mem::take(gathered);
            // A slow disk is not the server's fault.
            watch.resume(paused);
        }
    }
}

impl Drop for Taken<'_, '_> {
    fn drop(&mut self) {
        self.split.taken.set(self.split.taken.get() - 1);
        self.split.pieces.borrow_mut().put_back(self.at, self.to);
        self.split.changed.notify_one();
    }
}
