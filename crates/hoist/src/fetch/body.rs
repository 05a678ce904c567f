use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::BodyExt;

use super::acceptance::Acceptance;
use super::answer::Framing;
use super::coding::Codings;
use super::meter::Meter;
use super::patience::{Overdue, Watch};
use super::transport::Arriving;
use crate::outcome::classify::Seen;
use crate::outcome::{Failure, FailureKind};
use crate::report::{Report, add};
use crate::schedule::Ticket;
use crate::sink::{Coded, Handover, Wanted};

/// Bytes gathered before they are handed to a writer: a small file is one handover.
const GATHER: usize = 64 << 10;
/// The same of a body that is decoded, at first: one that is no longer is decoded in one go, and no
/// memory is kept for it.
const GATHER_CODED: usize = 256 << 10;
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
    pub(super) acceptance: &'a Acceptance,
    /// Where content codings are undone.
    pub(super) codings: Option<&'a Codings>,
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
}

impl Receiving<'_> {
    /// Receives the whole body, all but its tail handed over.
    pub(super) async fn receive(
        self,
        mut body: Arriving,
        framing: Framing,
        wanted: Wanted,
    ) -> Result<Tail, Broken> {
        let spoiled = wanted.coded.as_ref().map(|coded| Arc::clone(&coded.spoiled));
        let mut begin = Some(Box::new(wanted));
        let mut chunks = Vec::new();
        let mut gathered = 0;
        let mut enough = if spoiled.is_some() { GATHER_CODED } else { GATHER };
        loop {
            let frame = self.watch.guard(self.meter, body.frame()).await;
            let broken = |failure| Broken { failure, begun: begin.is_none() };
            let length = self.watch.received();
            let data = match frame {
                Ok(None) => {
                    // One that is coded is judged once it is decoded.
                    if spoiled.is_none() {
                        self.acceptance.judge_whole(length).map_err(broken)?;
                    }
                    return Ok(Tail { begin, chunks });
                }
                Ok(Some(Ok(frame))) => match frame.into_data() {
                    Ok(data) => data,
                    // Trailer fields: nobody asked for them.
                    Err(_) => continue,
                },
                Ok(Some(Err(error))) => {
                    let promised = match framing {
                        Framing::Length(promised) => Some(promised),
                        _ => None,
                    };
                    let seen = Seen::Body { received: length, promised };
                    return Err(broken(error.failure(self.meter, seen)));
                }
                Err(overdue) => return Err(broken(self.overdue(overdue, length))),
            };
            self.watch.count(data.len());
            add(&self.report.counters().received, data.len() as u64);
            self.acceptance.judge_part(self.watch.received()).map_err(broken)?;
            gathered += data.len();
            chunks.push(data);
            if gathered >= enough {
                gathered = 0;
                enough = GATHER;
                let paused = Instant::now();
                if let Some(coded) = begin.as_mut().and_then(|wanted| wanted.coded.as_mut()) {
                    self.reserve(coded).await?;
                }
                self.handover
                    .write(self.ticket, begin.take(), std::mem::take(&mut chunks), false)
                    .await;
                // A slow disk is not the server's fault.
                self.watch.resume(paused);
                if let Some(failure) = spoiled.as_ref().and_then(|spoiled| spoiled.get()) {
                    return Err(Broken { failure: failure.clone(), begun: true });
                }
            }
        }
    }

    /// Waits for memory to decode a long body; nothing of it has been handed over yet.
    async fn reserve(&self, coded: &mut Coded) -> Result<(), Broken> {
        let Some(codings) = self.codings else { return Ok(()) };
        if codings.reserve(coded, self.watch.deadline()).await {
            return Ok(());
        }
        let failure = self.watch.deadline_failure("it waited for memory to be decoded in");
        Err(Broken { failure, begun: false })
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
