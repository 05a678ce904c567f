use std::cell::Cell;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::BodyExt;

use super::acceptance::Acceptance;
use super::answer::Framing;
use super::coding::Codings;
use super::continuing::leaves_a_part;
use super::meter::Meter;
use super::patience::{Overdue, Watch};
use super::ranges::Rest;
use super::transport::Arriving;
use crate::outcome::classify::Seen;
use crate::outcome::{Failure, FailureKind};
use crate::report::{Report, add};
use crate::schedule::Ticket;
use crate::sink::{Coded, Handover, Source, Wanted};

/// Bytes gathered before they are handed to a writer: a small file is one handover.
pub(super) const GATHER: usize = 64 << 10;
/// The same of a body that says it is no longer than this, while few wait so: it is one handover then.
const GATHER_WHOLE: u64 = 256 << 10;
/// Bytes gathered of a body that is longer and comes fast, the last ones within this time: each handover
/// may wake the writer.
const GATHER_LONG: usize = 256 << 10;
const FAST: Duration = Duration::from_millis(20);
/// Bytes of all such bodies together, beyond which the others are gathered as ever.
const GATHER_ALL: u64 = 16 << 20;
/// The same of a body that is decoded, at first: one that is no longer is decoded in one go, and no
/// memory is kept for it.
const GATHER_CODED: usize = 256 << 10;
/// Bytes that are copied, at most: the buffer that they came in has several times as many.
const SHORT: usize = 2 << 10;
/// Bytes of a body nobody wants that are read to keep the connection.
pub(super) const DRAIN: u64 = 64 << 10;
/// Time given to such a body.
const DRAIN_TIME: Duration = Duration::from_secs(1);

/// Takes a body from the connection to a writer.
pub(super) struct Receiving<'a> {
    pub(super) meter: &'a Meter,
    pub(super) watch: &'a mut Watch,
    pub(super) handover: &'a Handover,
    pub(super) report: &'a Report,
    pub(super) ticket: Ticket,
    /// Bytes of bodies that are kept until they are whole, promised or there.
    pub(super) gathered: &'a Cell<u64>,
    pub(super) acceptance: &'a Acceptance,
    /// Where content codings are undone.
    pub(super) codings: Option<&'a Codings>,
    /// Where it is the rest of a body: how much that is.
    pub(super) rest: Rest,
    /// Bytes of the body that were there before.
    pub(super) before: u64,
    /// It can be gone on with: nothing of it is given up.
    pub(super) keeps: bool,
    /// Tells what it is a part of, where it is so short that this is found out only once it breaks off.
    pub(super) source: Option<&'a dyn Fn() -> Option<Box<Source>>>,
}

/// The last bytes of a body that is whole, not yet handed over.
#[derive(Debug)]
pub(super) struct Tail {
    /// What the writer must know first, where it knows nothing yet.
    pub(super) begin: Option<Box<Wanted>>,
    pub(super) chunks: Vec<Bytes>,
}

/// A body that did not become whole.
#[derive(Debug)]
pub(super) struct Broken {
    pub(super) failure: Failure,
    /// Bytes have been handed to a writer.
    pub(super) begun: bool,
    /// It can be gone on with.
    pub(super) keeps: bool,
}

/// A body that is kept until it is whole.
struct Gathering<'a> {
    all: &'a Cell<u64>,
    length: u64,
}

impl Drop for Gathering<'_> {
    fn drop(&mut self) {
        self.all.set(self.all.get() - self.length);
    }
}

impl<'a> Receiving<'a> {
    /// Receives the whole body, all but its tail handed over. `begin` is what the writer must know
    /// first, where it knows nothing yet.
    pub(super) async fn receive(
        mut self,
        body: Arriving,
        framing: Framing,
        mut begin: Option<Box<Wanted>>,
    ) -> Result<Tail, Broken> {
        let mut chunks = Vec::new();
        match self.receive_into(body, framing, &mut begin, &mut chunks).await {
            Ok(()) => Ok(Tail { begin, chunks }),
            Err(failure) => {
                let leaves = leaves_a_part(failure.kind) && !chunks.is_empty();
                if let (true, Some(source), Some(wanted)) = (leaves, self.source, &mut begin) {
                    wanted.source = source();
                    self.keeps = wanted.source.is_some();
                }
                if self.keeps && leaves {
                    self.handover.write(self.ticket, begin.take(), chunks, false).await;
                }
                Err(Broken { failure, begun: begin.is_none(), keeps: self.keeps })
            }
        }
    }

    async fn receive_into(
        &mut self,
        mut body: Arriving,
        framing: Framing,
        begin: &mut Option<Box<Wanted>>,
        chunks: &mut Vec<Bytes>,
    ) -> Result<(), Failure> {
        let coded = begin.as_ref().and_then(|wanted| wanted.coded.as_ref());
        let spoiled = coded.map(|coded| Arc::clone(&coded.spoiled));
        let (mut gathered, mut since) = (0, self.meter.last_received());
        let mut gathering = match framing {
            Framing::Length(promised) if spoiled.is_none() => self.gather_whole(promised),
            _ => None,
        };
        let mut enough = match gathering {
            _ if spoiled.is_some() => GATHER_CODED,
            Some(_) => usize::MAX,
            None => GATHER,
        };
        loop {
            let frame = self.watch.guard(self.meter, body.frame()).await;
            let length = self.before + self.watch.received();
            let data = match frame {
                Ok(None) => {
                    self.judge_rest_whole()?;
                    // One that is coded is judged once it is decoded.
                    if spoiled.is_some() {
                        return Ok(());
                    }
                    return self.acceptance.judge_whole(length);
                }
                Ok(Some(Ok(frame))) => match frame.into_data() {
                    Ok(data) => data,
                    // Trailer fields: nobody asked for them.
                    Err(_) => continue,
                },
                Ok(Some(Err(error))) => {
                    let promised = match framing {
                        Framing::Length(promised) => Some(self.before + promised),
                        _ => None,
                    };
                    let seen = Seen::Body { received: length, promised };
                    return Err(error.failure(self.meter, seen));
                }
                Err(overdue) => return Err(self.overdue(overdue, length)),
            };
            self.watch.count(data.len());
            add(&self.report.counters().received, data.len() as u64);
            if let Rest::Next { bytes, .. } = self.rest
                && self.watch.received() > bytes
            {
                let reason = "the answer has more bytes than its Content-Range says";
                return Err(Failure::new(FailureKind::Malformed, reason));
            }
            self.acceptance.judge_part(self.before + self.watch.received())?;
            gathered += data.len();
            // What is short leaves the connection's buffer, which can be used again then.
            chunks.push(if data.len() <= SHORT { Bytes::copy_from_slice(&data) } else { data });
            if gathered >= enough {
                gathered = 0;
                let paused = Instant::now();
                let fast = spoiled.is_none() && paused.duration_since(since) < FAST;
                let room = || self.gather(GATHER_LONG as u64);
                gathering = if fast { gathering.or_else(room) } else { None };
                enough = if gathering.is_some() { GATHER_LONG } else { GATHER };
                if let Some(coded) = begin.as_mut().and_then(|wanted| wanted.coded.as_mut()) {
                    self.reserve(coded).await?;
                }
                self.handover.write(self.ticket, begin.take(), std::mem::take(chunks), false).await;
                // A slow disk is not the server's fault.
                self.watch.resume(paused);
                since = Instant::now();
                if let Some(failure) = spoiled.as_ref().and_then(|spoiled| spoiled.get()) {
                    return Err(failure.clone());
                }
            }
        }
    }

    /// Room to keep a body of this length until it is whole, where there is.
    fn gather_whole(&self, length: u64) -> Option<Gathering<'a>> {
        if length > GATHER_WHOLE || length <= GATHER as u64 {
            return None;
        }
        self.gather(length)
    }

    /// Room for so many bytes of a body.
    fn gather(&self, length: u64) -> Option<Gathering<'a>> {
        let all = self.gathered;
        if all.get() + length > GATHER_ALL {
            return None;
        }
        all.set(all.get() + length);
        Some(Gathering { all, length })
    }

    /// Waits for memory to decode a long body; nothing of it has been handed over yet.
    async fn reserve(&self, coded: &mut Coded) -> Result<(), Failure> {
        let Some(codings) = self.codings else { return Ok(()) };
        if codings.reserve(coded, self.watch.deadline()).await {
            return Ok(());
        }
        Err(self.watch.deadline_failure("it waited for memory to be decoded in"))
    }

    /// Whether all came that was asked for, where that was the rest of a body.
    fn judge_rest_whole(&self) -> Result<(), Failure> {
        let Rest::Next { bytes, last } = self.rest else { return Ok(()) };
        let received = self.watch.received();
        if last && received == bytes {
            return Ok(());
        }
        let reason = format!("the rest was asked for from byte {}; {received} came", self.before);
        Err(Failure::new(FailureKind::Truncated, reason))
    }

    fn overdue(&self, overdue: Overdue, received: u64) -> Failure {
        match overdue {
            Overdue::Deadline => self.watch.deadline_failure(&format!("{received} bytes had come")),
            Overdue::Progress | Overdue::Pace => {
                let reason = format!("{} after {received} bytes", self.watch.too_slow(overdue));
                Failure::new(FailureKind::Stalled, reason)
            }
        }
    }
}

/// Reads the rest of an answer that nobody wants, if it is short and comes soon, before the deadline.
/// Whether the connection can carry another request.
pub(super) async fn drain(mut body: Arriving, deadline: Instant) -> bool {
    let read = async {
        let mut bytes = 0;
        while let Some(frame) = body.frame().await {
            let Ok(frame) = frame else { return false };
            bytes += frame.data_ref().map_or(0, Bytes::len) as u64;
            if bytes > DRAIN {
                return false;
            }
        }
        true
    };
    let until = (Instant::now() + DRAIN_TIME).min(deadline);
    tokio::time::timeout_at(until.into(), read).await.unwrap_or(false)
}
