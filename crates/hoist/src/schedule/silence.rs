//! How an origin of which nothing ever came is told from one of which two URLs are slow: by one more.

use std::collections::VecDeque;
use std::fmt::Debug;
use std::hash::Hash;
use std::time::{Duration, Instant};

use super::breaker::FEW;
use super::{Breaker, Schedule, tuned};
use crate::plan::PerOrigin;

/// An origin is silent when nothing came of it for this part of the patience.
const PART: u32 = 6;

/// What is known of an origin of which nothing has come since it has items.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) enum Silence {
    /// It was not asked yet.
    #[default]
    Unasked,
    /// It was asked. It is looked at after a while.
    Watched,
    /// It may have one attempt more than its permits,
    Granted,
    /// and has had it since so many seconds after it was first asked.
    Tried(u8),
    /// Something came.
    Broken,
}

/// So many URLs are no accident: an origin that is silent about them is down.
const URLS: usize = 3;

impl Silence {
    /// Attempts beyond the permits of an origin of which nothing is known.
    pub(super) fn more(self) -> usize {
        usize::from(matches!(self, Self::Granted | Self::Tried(_)))
    }

    /// After so many failures in a row the origin, asked since then, is down, where they took the
    /// whole patience. Attempts in flight count where they have been silent for half of it.
    pub(super) fn few(
        self,
        in_flight: usize,
        breaker: &Breaker,
        since: Instant,
        now: Instant,
    ) -> u32 {
        let Self::Tried(at) = self else { return FEW };
        let tried = since + Duration::from_secs(at.into());
        let silent = now.saturating_duration_since(tried) >= breaker.patience / 2;
        let others = if silent { in_flight } else { 0 };
        u32::try_from(URLS.saturating_sub(others).max(1)).unwrap_or(FEW)
    }
}

/// Origins that are watched, in the order in which they are looked at.
#[derive(Debug)]
pub(super) struct Silences<O> {
    watched: VecDeque<(Instant, O)>,
    most: usize,
}

impl<O> Silences<O> {
    /// At most so many.
    pub(super) fn new(most: usize) -> Self {
        Self { watched: VecDeque::new(), most }
    }

    /// When the next is looked at.
    pub(super) fn next(&self) -> Option<Instant> {
        self.watched.front().map(|(at, _)| *at)
    }

    /// Entries.
    #[cfg(test)]
    pub(super) fn size(&self) -> usize {
        self.watched.len()
    }

    /// In bytes.
    pub(super) fn memory(&self) -> usize {
        self.watched.capacity() * size_of::<(Instant, O)>()
    }
}

impl<O: Clone + Eq + Hash + Debug> Schedule<O> {
    /// An attempt has begun at an origin of which nothing may have come yet.
    pub(super) fn watch(&mut self, origin: &O, now: Instant) {
        let Some(breaker) = &self.policy.breaker else { return };
        let Some(lane) = self.lanes.get_mut(origin) else { return };
        let auto = self.limits.per_origin == PerOrigin::Auto && lane.tuning.is_none();
        let room = self.silences.watched.len() < self.silences.most;
        match lane.silence {
            Silence::Unasked if auto && room => {
                lane.silence = Silence::Watched;
                let at = now + breaker.patience / PART;
                self.silences.watched.push_back((at, origin.clone()));
            }
            Silence::Granted if lane.in_flight >= tuned::limit(self.limits.per_origin, lane) => {
                let asked = lane.asked.map(|since| now.saturating_duration_since(since).as_secs());
                lane.silence = Silence::Tried(u8::try_from(asked.unwrap_or(0)).unwrap_or(u8::MAX));
            }
            _ => {}
        }
    }

    /// Origins that were watched long enough get one attempt more, where they are silent yet.
    pub(super) fn wake_silent(&mut self, now: Instant) {
        while let Some((_, origin)) = self.silences.watched.pop_front_if(|(at, _)| *at <= now) {
            let Some(lane) = self.lanes.get_mut(&origin) else { continue };
            if lane.silence == Silence::Watched {
                lane.silence = if lane.in_flight > 0 { Silence::Granted } else { Silence::Unasked };
                self.tend(&origin);
            }
        }
    }
}
