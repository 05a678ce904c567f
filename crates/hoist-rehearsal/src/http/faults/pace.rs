//! Answers that come late, slowly, or never.

use std::ops::RangeInclusive;
use std::time::Duration;

use super::act::{Act, Place};
use super::{Case, Entry, Right};
use crate::catalogue::About;
use crate::http::exchange::{Answered, Exchange, Trouble};
use crate::http::within;

/// Dripped bytes gather for this long at most rates, so that a fast drip is not a packet a byte.
const TICK: Duration = Duration::from_millis(10);

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Pace {
    Delay { time: RangeInclusive<Duration> },
    Drip { of: Option<u64>, rate: u64 },
    Stall { of: Option<u64>, send: Option<u64> },
    Silent,
    SlowError { code: u16, rate: u64 },
}

pub(super) const ENTRIES: &[Entry] = &[
    Entry {
        about: About {
            name: "delay",
            does: "waits before what follows; a range (0.5s..5s) is drawn from evenly",
            example: "delay?for=2s",
            verdict: "that of what follows, unless the client's own limit is shorter",
            counts: false,
        },
        make: |p| {
            let time = p.times("for")?.unwrap_or(Duration::from_secs(1)..=Duration::from_secs(1));
            Ok(Act::Pace(Pace::Delay { time }))
        },
        cases: &[Case::new("/slow?delay=0.5", &[Right::Made(1000)])],
    },
    Entry {
        about: About {
            name: "drip",
            does: "the body at so many bytes a second (100)",
            example: "drip?rate=100&of=1000",
            verdict: "whole, unless the client's own limit is shorter",
            counts: false,
        },
        make: |p| {
            let (of, rate) = (p.number("of")?, p.number_or("rate", 100)?.max(1));
            Ok(Act::Pace(Pace::Drip { of, rate }))
        },
        cases: &[Case::new("/drip?rate=1000", &[Right::Made(1000)])],
    },
    Entry {
        about: About {
            name: "stall",
            does: "promises a length, sends a part (half), then nothing more, for ever",
            example: "stall?of=1000&send=500",
            verdict: "failure, when the client's limit is reached",
            counts: false,
        },
        make: |p| Ok(Act::Pace(Pace::Stall { of: p.number("of")?, send: p.number("send")? })),
        cases: &[Case::new("/fault/stall", &[Right::Fail])],
    },
    Entry {
        about: About {
            name: "silent",
            does: "reads the request and never answers",
            example: "silent",
            verdict: "failure, when the client's limit is reached",
            counts: false,
        },
        make: |_| Ok(Act::Pace(Pace::Silent)),
        cases: &[Case::new("/fault/silent", &[Right::Fail])],
    },
    Entry {
        about: About {
            name: "slow-error",
            does: "an error (500) whose long page comes at so many bytes a second (100)",
            example: "slow-error?code=500&rate=100",
            verdict: "failure, without waiting for the page (RFC 9110, section 15.6)",
            counts: false,
        },
        make: |p| {
            let (code, rate) = (p.status_or("code", 500)?, p.number_or("rate", 100)?.max(1));
            Ok(Act::Pace(Pace::SlowError { code, rate }))
        },
        cases: &[Case::new("/fault/slow-error", &[Right::Fail])],
    },
];

/// The length of a slow error's page: too long to wait for.
const PAGE: u64 = 1 << 20;

impl Pace {
    pub(super) fn place(&self) -> Place {
        match self {
            Self::Delay { .. } => Place::Wait,
            Self::Stall { of: None, send: None } => Place::Cut,
            _ => Place::Whole,
        }
    }

    pub(super) async fn act(&self, ex: &mut Exchange<'_>) -> Answered {
        match self {
            Self::Delay { time } => {
                let time = within(time, ex.draw(b"delay"));
                ex.delay += time;
                ex.pause(time).await
            }
            Self::Drip { of, rate } => {
                ex.resize(*of);
                ex.open().flush().await?;
                drip(ex, *rate).await
            }
            Self::Stall { of, send } => {
                ex.resize(*of);
                let of = ex.content.length();
                if !ex.has_begun() {
                    ex.more(send.unwrap_or(of / 2).min(of)).await?;
                }
                ex.outlast().await
            }
            Self::Silent => ex.outlast().await,
            Self::SlowError { code, rate } => {
                ex.resize(Some(PAGE));
                ex.head(*code).header("Content-Type", "text/html").length(PAGE).end_head();
                ex.flush().await?;
                drip(ex, *rate).await
            }
        }
    }
}

async fn drip(ex: &mut Exchange<'_>, rate: u64) -> Answered {
    if ex.request.is_head() {
        return Ok(());
    }
    let of = ex.content.length();
    let mut pacer = Pacer::new(ex, rate);
    let mut at = 0;
    while at < of {
        let to = pacer.next(ex, at, of).await?;
        ex.part(at, to).await?;
        at = to;
    }
    Ok(())
}

/// Says when the next bytes are due at a rate.
pub(crate) struct Pacer {
    began: Duration,
    due: Duration,
    rate: u64,
}

impl Pacer {
    pub(crate) fn new(ex: &Exchange<'_>, rate: u64) -> Self {
        Self { began: ex.arrived.elapsed(), due: Duration::ZERO, rate }
    }

    /// Waits until some more than `at` bytes are due, and says up to where, at most `of`.
    pub(crate) async fn next(
        &mut self,
        ex: &mut Exchange<'_>,
        at: u64,
        of: u64,
    ) -> Result<u64, Trouble> {
        let nanos = u128::from(at + 1) * 1_000_000_000;
        let next = u64::try_from(nanos.div_ceil(u128::from(self.rate))).unwrap_or(u64::MAX);
        self.due = (self.due + TICK).max(Duration::from_nanos(next));
        ex.wait(self.began + self.due).await?;
        let to = self.due.as_nanos() * u128::from(self.rate) / 1_000_000_000;
        Ok(u64::try_from(to).unwrap_or(u64::MAX).min(of).max(at))
    }
}
