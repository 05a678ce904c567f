use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::task::Poll;
use std::time::{Duration, Instant};

use tokio::time::Sleep;

use super::meter::Meter;
use super::stopwatch::Stopwatch;
use crate::outcome::classify::seconds;
use crate::outcome::{Failure, FailureKind, Phase};
use crate::plan::{Patience, defaults};

/// Watches over an attempt: its deadline, which grows with the bytes received, and the time
/// without a byte. One timer serves the whole attempt.
#[derive(Debug)]
pub(super) struct Watch {
    progress: Duration,
    /// For all attempts together; only told.
    allowed: Duration,
    deadline: Instant,
    deadline_per_mib: Duration,
    /// Bytes of body received in this attempt.
    received: u64,
    /// Waiting began here where that is later than the last byte.
    since: Instant,
    sleep: Pin<Box<Sleep>>,
    /// Where the time goes.
    pub(super) stopwatch: Stopwatch,
}

/// What ran out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Overdue {
    /// The time without a byte.
    Progress,
    /// The item's deadline.
    Deadline,
}

impl Watch {
    pub(super) fn new(patience: &Patience, deadline: Instant) -> Self {
        Self {
            progress: patience.progress,
            allowed: patience.deadline,
            deadline,
            deadline_per_mib: patience.deadline_per_mib,
            received: 0,
            since: Instant::now(),
            sleep: Box::pin(tokio::time::sleep_until(deadline.into())),
            stopwatch: Stopwatch::default(),
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

    /// The item's deadline has come.
    pub(super) fn deadline_failure(&self, state: &str) -> Failure {
        let allowed = seconds(self.allowed + self.earned());
        Failure::new(FailureKind::Deadline, format!("not done within {allowed}: {state}"))
    }

    /// What the bytes of this attempt add to the item's deadline.
    pub(super) fn earned(&self) -> Duration {
        const MIB: u64 = 1 << 20;
        let whole = u32::try_from(self.received / MIB).unwrap_or(u32::MAX);
        self.deadline_per_mib.saturating_mul(whole).min(defaults::FOREVER)
    }

    /// Bytes of body have come.
    pub(super) fn count(&mut self, bytes: usize) {
        self.received += bytes as u64;
    }

    /// Bytes of body so far.
    pub(super) fn received(&self) -> u64 {
        self.received
    }

    /// The server is waited for from now on.
    pub(super) fn begin(&mut self) {
        self.since = Instant::now();
    }

    /// A request is sent: the server is waited for.
    pub(super) fn begin_answer(&mut self) {
        self.begin();
        self.stopwatch.begin(Phase::FirstByte, self.since);
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
                return Poll::Ready(Ok(output));
            }
            loop {
                let stalled = self.since.max(meter.last_received()) + self.progress;
                let deadline = self.deadline();
                let due = stalled.min(deadline);
                // Bytes move the moment on; the timer is set again only once it has rung.
                if self.sleep.deadline().into_std() > due {
                    self.sleep.as_mut().reset(due.into());
                }
                if self.sleep.as_mut().poll(cx).is_pending() {
                    return Poll::Pending;
                }
                if Instant::now() < due {
                    self.sleep.as_mut().reset(due.into());
                    continue;
                }
                let overdue = if due == deadline { Overdue::Deadline } else { Overdue::Progress };
                return Poll::Ready(Err(overdue));
            }
        })
        .await
    }
}
