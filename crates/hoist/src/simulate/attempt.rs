//! How an attempt goes: what is decided when it begins, and what comes of it.

use std::time::{Duration, Instant};

use super::chance::{Draws, Purpose};
use super::line::{self, Line};
use super::load::Fate;
use super::model::{Dead, Mishap, Mishaps};
use super::origins::Origins;
use crate::outcome::FailureKind;
use crate::plan::{GivingUp, Patience, defaults};

/// An attempt under way.
#[derive(Debug)]
pub(super) struct Attempt {
    pub(super) began: Instant,
    /// When something is next to happen.
    pub(super) next: Instant,
    pub(super) end: End,
    /// Bytes of the body: those on their way, those that did not yet set out, and those that came.
    pub(super) coming: u64,
    pub(super) left: u64,
    pub(super) received: u64,
    /// Of these, what the schedule does not know.
    pub(super) untold: u64,
    /// The server serves it.
    pub(super) served: bool,
}

/// How it will end, unless it takes too long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    Whole,
    /// An answer without success, and when to come again.
    Status {
        status: u16,
        again: Option<Duration>,
        by_load: bool,
    },
    /// No answer, or not all of it.
    Failed(FailureKind),
    /// The item's time is over; whether it was time enough for an answer.
    Deadline {
        telling: bool,
    },
}

/// Whoever begins attempts.
#[derive(Debug)]
pub(super) struct Network<'a> {
    pub(super) origins: Origins<'a>,
    pub(super) seed: u64,
    pub(super) patience: Patience,
    pub(super) giving_up: GivingUp,
    /// The first host is slower by this.
    pub(super) slow: Option<Duration>,
}

/// What asks: an item, where, and for which time.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asked {
    pub(super) item: u64,
    pub(super) origin: u32,
    pub(super) attempt: u32,
    pub(super) deadline: Instant,
}

impl Network<'_> {
    pub(super) fn begin(&mut self, now: Instant, asked: Asked) -> Attempt {
        let Asked { item, origin, attempt, deadline } = asked;
        let mut of_item = Draws::of(self.seed, Purpose::Item, item);
        let mut draws = Draws::of(self.seed ^ u64::from(attempt), Purpose::Attempt, item);
        let (site, server) = self.origins.of(origin);
        site.under_way += 1;
        let mut latency = site.latency + server.jitter.draw(&mut draws);
        if origin == 0 {
            latency += self.slow.unwrap_or_default();
        }
        let mut left = 0;
        let (end, next) = if let Some(dead) = server.dead {
            match dead {
                Dead::Refused => (End::Failed(FailureKind::ConnectRefused), now + latency),
                Dead::Silent => {
                    (End::Failed(FailureKind::ConnectTimeout), now + self.patience.connect)
                }
            }
        } else {
            left = server.size.draw(&mut of_item);
            let mishap =
                drawn(&server.errors, &mut of_item).or_else(|| drawn(&server.hiccups, &mut draws));
            self.ask(now, origin, latency, mishap, &mut draws)
        };
        let mut attempt = Attempt {
            began: now,
            next,
            end,
            coming: 0,
            left: if end == End::Whole { left } else { 0 },
            received: 0,
            untold: 0,
            served: false,
        };
        attempt.served = self.serve(origin, &attempt);
        if next > deadline {
            // What was left of the item's time may have been too little for any server.
            let long = self.first_byte().min(self.patience.deadline / 2);
            let telling = deadline.saturating_duration_since(now) >= long;
            attempt.end = End::Deadline { telling };
            attempt.stop(deadline.max(now));
        }
        attempt
    }

    /// How a server that lives answers, and when the answer begins.
    fn ask(
        &mut self,
        now: Instant,
        origin: u32,
        latency: Duration,
        mishap: Option<(Mishap, Option<Duration>)>,
        draws: &mut Draws,
    ) -> (End, Instant) {
        let mut at = now;
        if !self.origins.take_idle(origin, now) {
            let (_, server) = self.origins.of(origin);
            let takes = server.connect.draw(draws);
            if takes > self.patience.connect {
                let end = End::Failed(FailureKind::ConnectTimeout);
                return (end, now + self.patience.connect);
            }
            at += takes;
        }
        match mishap {
            Some((Mishap::Reset, _)) => {
                return (End::Failed(FailureKind::Reset), at + latency);
            }
            Some((Mishap::Timeout, _)) => {
                return (End::Failed(FailureKind::Timeout), at + self.first_byte());
            }
            _ => {}
        }
        let (site, server) = self.origins.of(origin);
        let fate = server.load.as_ref().map_or(Fate::Served(Duration::ZERO), |load| {
            load.meet(&mut site.loaded, at + latency / 2, u64::from(site.serving) + 1)
        });
        let wait = match fate {
            Fate::Served(wait) => wait,
            Fate::Refused(status, again) => {
                return (End::Status { status, again, by_load: true }, at + latency);
            }
        };
        let first = at + latency + wait;
        if latency + wait > self.first_byte() {
            return (End::Failed(FailureKind::Timeout), at + self.first_byte());
        }
        let end = match mishap {
            Some((Mishap::Status(status), after)) => {
                let again = after.filter(|_| matches!(status, 429 | 503));
                End::Status { status, again, by_load: false }
            }
            Some((Mishap::Deferred, _)) => {
                let again = Some(2 * self.patience.deadline.max(Duration::from_mins(1)));
                End::Status { status: 429, again, by_load: false }
            }
            _ => End::Whole,
        };
        (end, first)
    }

    fn serve(&mut self, origin: u32, attempt: &Attempt) -> bool {
        let served = match attempt.end {
            End::Whole | End::Status { by_load: false, .. } => true,
            End::Failed(kind) => kind == FailureKind::Timeout,
            _ => false,
        };
        let (site, _) = self.origins.of(origin);
        site.serving += u32::from(served);
        served
    }

    fn first_byte(&self) -> Duration {
        let progress = self.patience.progress;
        self.giving_up.first_byte.unwrap_or(progress).min(progress)
    }

    /// Lets the body go on. Whether there is more to come.
    pub(super) fn go_on(
        &mut self,
        attempt: &mut Attempt,
        origin: u32,
        client: Option<&mut Line>,
        deadline: Instant,
    ) -> bool {
        let now = attempt.next;
        attempt.received += attempt.coming;
        attempt.untold += std::mem::take(&mut attempt.coming);
        if attempt.left == 0 {
            return false;
        }
        let (site, _) = self.origins.of(origin);
        let shared = site.line.is_some() || client.is_some();
        let piece = piece(site.connection, shared, attempt.left + attempt.received);
        let bytes = piece.min(attempt.left);
        let mut due = now;
        if site.connection > 0 {
            due += line::time(bytes, site.connection);
        }
        if let Some(line) = &mut site.line {
            due = due.max(line.send(now, bytes));
        }
        if let Some(line) = client {
            due = due.max(line.send(now, bytes));
        }
        attempt.left -= bytes;
        attempt.coming = bytes;
        attempt.next = due;
        if due > now + self.patience.progress {
            attempt.fail(FailureKind::Stalled, now + self.patience.progress);
        }
        let earned = self.earned(attempt.received + attempt.coming);
        if attempt.next > deadline + earned {
            attempt.end = End::Deadline { telling: false };
            attempt.stop(now.max(deadline + earned));
        }
        true
    }

    /// What bytes that came add to an item's deadline.
    pub(super) fn earned(&self, bytes: u64) -> Duration {
        let nanos = (self.patience.deadline_per_mib.as_nanos() * u128::from(bytes)) >> 20;
        Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX)).min(defaults::FOREVER)
    }

    /// An attempt has ended, and its connection with it unless the answer is whole.
    pub(super) fn end(&mut self, origin: u32, attempt: &Attempt) {
        let (site, _) = self.origins.of(origin);
        site.under_way -= 1;
        site.serving -= u32::from(attempt.served);
        if matches!(attempt.end, End::Whole | End::Status { .. }) {
            self.origins.put_idle(origin, attempt.next);
        }
    }
}

impl Attempt {
    fn fail(&mut self, kind: FailureKind, at: Instant) {
        self.end = End::Failed(kind);
        self.stop(at);
    }

    /// Nothing more comes.
    fn stop(&mut self, at: Instant) {
        self.next = at;
        self.coming = 0;
        self.left = 0;
    }
}

fn drawn(mishaps: &Mishaps, draws: &mut Draws) -> Option<(Mishap, Option<Duration>)> {
    if mishaps.shares.is_empty() {
        return None;
    }
    let mut left = draws.unit();
    let befalls = mishaps.shares.iter().find(|(_, share)| {
        left -= share;
        left < 0.0
    });
    befalls.map(|(mishap, _)| (*mishap, mishaps.retry_after))
}

/// Bytes of which nothing is told before the end of a body.
const FEW: u64 = 64 << 10;
/// Bytes that are told of at once.
const MANY: u64 = 512 << 10;
/// A body comes in no more than about so many pieces.
const PIECES: u64 = 256;

/// Bodies come in pieces: smaller ones where others share the line, for they take turns; where not, as
/// many bytes as come in a tenth of a second.
fn piece(rate: u64, shared: bool, size: u64) -> u64 {
    let piece = if shared {
        FEW
    } else if rate == 0 {
        MANY
    } else {
        (rate / 10).clamp(FEW, MANY)
    };
    piece.max(size / PIECES)
}

/// Whether what came of a body is to be told before its end.
pub(super) fn is_told(untold: u64) -> bool {
    untold >= FEW
}
