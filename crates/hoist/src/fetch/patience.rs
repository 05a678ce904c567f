use std::cell::Cell;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::Poll;
use std::time::{Duration, Instant};

use tokio::time::Sleep;

use super::meter::Meter;
use super::pace::Pace;
use super::stopwatch::Stopwatch;
use super::tidings::Tiding;
use crate::item::Origin;
use crate::outcome::classify::seconds;
use crate::outcome::{Failure, FailureKind, Phase};
use crate::plan::{GivingUp, Patience, defaults};

/// A timer that rings so late was not looked at in time: it is we who were busy, or stopped.
const LATE: Duration = Duration::from_secs(1);

/// Watches over an attempt: its deadline, which grows with the bytes received, the time until the
/// first byte and between bytes, and their pace. One timer serves the whole attempt.
#[derive(Debug)]
pub(super) struct Watch {
    progress: Duration,
    first_byte: Duration,
    /// It is the first byte of an answer that is waited for.
    awaits_first: bool,
    /// A byte of this answer has come.
    heard: bool,
    /// What this attempt tells of its origin.
    telling: Telling,
    /// The pace of the answer, once it comes.
    pace: Pace,
    /// For all attempts together; only told.
    allowed: Duration,
    deadline: Instant,
    deadline_per_mib: Duration,
    /// Bytes of body received in this attempt.
    received: u64,
    began: Instant,
    /// Time in which nothing was read because the disk was behind.
    paused: Duration,
    /// Of that, for a ceiling of ours, in the answer under way.
    held: Duration,
    /// The same of all that bring the same body, where there are others.
    shared: Option<Rc<Cell<u64>>>,
    /// Who is told of bytes on the way.
    tiding: Option<Tiding>,
    /// Waiting began here where that is later than the last byte.
    since: Instant,
    pub(super) timer: Timer,
    /// Where the time goes.
    pub(super) stopwatch: Stopwatch,
    /// The origin is to be left alone for so long after this attempt.
    pub(super) pause: Duration,
    /// The next request is the one that the schedule has counted.
    counted: bool,
    /// Whom others were sent to.
    pub(super) further: Vec<Origin>,
}

/// It serves one attempt after another: mostly it need not be set again.
pub(super) type Timer = Pin<Box<Sleep>>;

/// A timer that rings in the far future.
pub(super) fn timer() -> Timer {
    Box::pin(tokio::time::sleep(defaults::FOREVER))
}

/// What an attempt tells of its origin so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Telling {
    Nothing,
    /// A byte of an answer has come.
    Heard,
    /// It was we who took the time.
    Excused,
}

/// What ran out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Overdue {
    /// The time without a byte.
    Progress,
    /// The time for so few bytes.
    Pace,
    /// The item's deadline.
    Deadline,
}

impl Watch {
    pub(super) fn new(
        patience: &Patience,
        giving_up: &GivingUp,
        deadline: Instant,
        timer: Timer,
    ) -> Self {
        let now = Instant::now();
        Self {
            progress: patience.progress,
            first_byte: giving_up.first_byte.unwrap_or(patience.progress),
            awaits_first: false,
            heard: false,
            telling: Telling::Nothing,
            pace: Pace::new(giving_up.min_rate, giving_up.min_rate_window),
            allowed: patience.deadline,
            deadline,
            deadline_per_mib: patience.deadline_per_mib,
            received: 0,
            began: now,
            paused: Duration::ZERO,
            held: Duration::ZERO,
            shared: None,
            tiding: None,
            since: now,
            timer,
            stopwatch: Stopwatch::default(),
            pause: Duration::ZERO,
            counted: true,
            further: Vec::new(),
        }
    }

    /// The schedule has counted a request.
    pub(super) fn counted(&mut self) {
        self.counted = true;
    }

    /// A request is sent.
    pub(super) fn count_request(&mut self, origin: &Origin) {
        if !std::mem::take(&mut self.counted) {
            self.further.push(origin.clone());
        }
    }

    /// When the attempt has to be over, by what was received so far.
    pub(super) fn deadline(&self) -> Instant {
        self.deadline + self.earned()
    }

    /// The time without a byte that is allowed.
    pub(super) fn progress(&self) -> Duration {
        self.progress
    }

    /// Whether the item had time enough in this attempt for an answer to begin. None has.
    pub(super) fn was_long(&self) -> bool {
        self.began.elapsed() >= self.first_byte.min(self.allowed / 2)
    }

    /// A byte of this answer has come.
    pub(super) fn heard(&self) -> bool {
        self.heard
    }

    /// A byte of any answer has come in this attempt.
    pub(super) fn ever_heard(&self) -> bool {
        self.telling == Telling::Heard
    }

    /// What goes wrong now is not the origin's doing.
    pub(super) fn excuse(&mut self) {
        self.telling = Telling::Excused;
    }

    pub(super) fn is_excused(&self) -> bool {
        self.telling == Telling::Excused
    }

    /// What the answer did too slowly, and how far it had come.
    pub(super) fn too_slow(&self, overdue: Overdue) -> String {
        match overdue {
            Overdue::Pace => self.pace.told(),
            _ if !self.heard => format!("no answer within {}", seconds(self.first_byte)),
            _ => format!("nothing came for {}", seconds(self.progress)),
        }
    }

    /// The item's deadline has come.
    pub(super) fn deadline_failure(&self, state: &str) -> Failure {
        let allowed = seconds(self.allowed + self.earned());
        Failure::new(FailureKind::Deadline, format!("not done within {allowed}: {state}"))
    }

    /// What this attempt adds to the item's deadline: by its bytes, and by the time in which they
    /// were not read.
    pub(super) fn earned(&self) -> Duration {
        const MIB: u64 = 1 << 20;
        let whole = u32::try_from(self.received() / MIB).unwrap_or(u32::MAX);
        let by_bytes = self.deadline_per_mib.saturating_mul(whole).min(defaults::FOREVER);
        by_bytes + self.paused
    }

    /// Bytes of body have come.
    pub(super) fn count(&mut self, bytes: usize) {
        self.received += bytes as u64;
        if let Some(tiding) = &mut self.tiding {
            tiding.count(bytes as u64);
        }
        if let Some(shared) = &self.shared {
            shared.set(shared.get() + bytes as u64);
        }
    }

    /// Tells of bytes on the way.
    pub(super) fn tell(&mut self, tiding: Tiding) {
        self.tiding = Some(tiding);
    }

    /// Bytes that were not told of on the way.
    pub(super) fn untold(&self) -> u64 {
        self.tiding.as_ref().map_or(self.received, Tiding::untold)
    }

    /// Its start.
    pub(super) fn began(&self) -> Instant {
        self.began
    }

    /// Since its start.
    pub(super) fn took(&self) -> Duration {
        self.began.elapsed()
    }

    /// Bytes of body so far, those of others included.
    pub(super) fn received(&self) -> u64 {
        self.shared.as_ref().map_or(self.received, |shared| shared.get())
    }

    /// Others bring the same body, and count here.
    pub(super) fn share(&mut self, shared: Rc<Cell<u64>>) {
        self.shared = Some(shared);
    }

    /// Nothing was read since then, and that was not the server's doing: it is waited for from now
    /// on.
    pub(super) fn resume(&mut self, paused: Instant) {
        self.since = Instant::now();
        let paused = self.since.saturating_duration_since(paused);
        self.paused = (self.paused + paused).min(defaults::FOREVER);
        self.pace.resume(paused);
    }

    /// Takes in how long nothing was read for a ceiling of ours: that is not the server's doing either.
    /// Whether there was more of it.
    fn heed_hold(&mut self, meter: &Meter) -> bool {
        let held = meter.held();
        let more = held.saturating_sub(self.held);
        if more.is_zero() {
            return false;
        }
        self.held = held;
        self.since = self.since.max(meter.last_received()) + more;
        self.paused = (self.paused + more).min(defaults::FOREVER);
        self.pace.resume(more);
        true
    }

    /// A request is sent: the server is waited for.
    pub(super) fn begin_answer(&mut self) {
        self.since = Instant::now();
        self.stopwatch.begin(Phase::FirstByte, self.since);
        self.awaits_first = true;
        self.heard = false;
        self.held = Duration::ZERO;
        self.pace.end();
    }

    /// The answer has begun, or there will be none.
    pub(super) fn end_answer(&mut self, meter: &Meter) {
        self.awaits_first = false;
        if let Some(first) = meter.first_received() {
            self.heard = true;
            self.telling = Telling::Heard;
            self.stopwatch.begin(Phase::Body, first);
        }
    }

    /// Runs a future while there is patience.
    pub(super) async fn guard<F: Future>(
        &mut self,
        meter: &Meter,
        future: F,
    ) -> Result<F::Output, Overdue> {
        let mut future = pin!(future);
        poll_fn(|cx| {
            if let Poll::Ready(output) = future.as_mut().poll(cx) {
                self.heed_hold(meter);
                return Poll::Ready(Ok(output));
            }
            loop {
                let silent = self.awaits_first && meter.first_received().is_none();
                let allowed = if silent { self.first_byte } else { self.progress };
                let stalled = self.since.max(meter.last_received()) + allowed;
                let deadline = self.deadline();
                let look = match (silent, self.heard || self.awaits_first) {
                    (true, _) => self.pace.next_glance(self.since),
                    (false, true) => self.pace.next_look(meter),
                    (false, false) => None,
                };
                let due = stalled.min(deadline).min(look.unwrap_or(deadline));
                // Bytes and new attempts move the moment on; the timer is set again only once it has rung.
                if self.timer.deadline().into_std() > due {
                    self.timer.as_mut().reset(due.into());
                }
                if self.timer.as_mut().poll(cx).is_pending() {
                    return Poll::Pending;
                }
                let now = Instant::now();
                if now < due {
                    self.timer.as_mut().reset(due.into());
                    continue;
                }
                if self.heed_hold(meter) {
                    continue;
                }
                if due == deadline {
                    return Poll::Ready(Err(Overdue::Deadline));
                }
                if now > due + LATE {
                    // What has come meanwhile has not been read.
                    self.resume(due);
                    continue;
                }
                if due == stalled {
                    return Poll::Ready(Err(Overdue::Progress));
                }
                if silent {
                    self.pace.glanced(now);
                } else if self.pace.is_too_slow(now, meter.received()) {
                    return Poll::Ready(Err(Overdue::Pace));
                }
            }
        })
        .await
    }
}
