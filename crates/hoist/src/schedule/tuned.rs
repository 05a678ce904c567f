//! What the schedule does about the number of attempts at one origin.

use std::fmt::Debug;
use std::hash::Hash;
use std::time::{Duration, Instant};

use super::lane::Lane;
use super::refusals::Refusals;
use super::silence::Silence;
use super::tuning::{Came, Found, Tuning};
use super::{Schedule, Ticket};
use crate::plan::{PerOrigin, defaults};

/// An origin has a controller once it gave so many answers,
const ANSWERS: u8 = 4;
/// and has so many items, those that were answered included: one that is seen a few times keeps the prior.
const ITEMS: usize = 16;

/// Origins without items just now of which the controller is kept, or how often they refused in a row.
pub(super) const KEPT: usize = 1024;

/// What an attempt tells of how much its origin can take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Told {
    pub(crate) came: Came,
    /// From its start.
    pub(crate) took: Duration,
    /// The origin wants to be left alone for so long.
    pub(crate) pause: Option<Duration>,
}

impl<O: Clone + Eq + Hash + Debug> Schedule<O> {
    /// Takes in what an attempt that is about to end tells of how much its origin can take.
    pub(crate) fn tell(&mut self, ticket: Ticket, now: Instant, told: Told, random: f64) {
        let Some(item) = self.items.get(ticket.0) else { return };
        // A URL that is broken each time says nothing of how many its origin can take.
        let again = item.has_failed() && told.came == Came::Broken;
        let told = if again { Told { came: Came::Nothing, ..told } } else { told };
        let origin = item.origin.clone();
        let Some(lane) = self.lanes.get_mut(&origin) else { return };
        if self.limits.per_origin == PerOrigin::Auto {
            if matches!(told.came, Came::Answer(_)) {
                lane.answers = lane.answers.saturating_add(1);
            }
            tune(lane, now, self.limits.in_flight.get(), || self.hints.get(&origin).copied());
        }
        if let Some(tuning) = &mut lane.tuning {
            if is_felt(self.hindered, now) {
                tuning.hinder();
            }
            tuning.ended(now, lane.in_flight, told.came, told.took);
            if let (Came::Refusal(status), Some(pause)) = (told.came, told.pause) {
                tuning.banned(now, lane.in_flight, told.took, pause, status);
            }
        }
        let pause = match told.came {
            Came::Refusal(_) => {
                let began = now.checked_sub(told.took).unwrap_or(now);
                let refusals = lane.refusals.get_or_insert_with(|| Box::new(Refusals::new(now)));
                let longer = refusals.count(now, began, self.policy.backoff, random);
                // Who refuses all for as long as an item may take would hold the end of the run: what
                // waits for it is put off.
                let longest = self.policy.deadline;
                let put_off = longest.saturating_add(self.policy.backoff.longest);
                let left = longest.saturating_sub(refusals.lasted(now));
                match told.pause {
                    _ if left.is_zero() => told.pause.max(Some(put_off)),
                    // The attempt that decides is not late.
                    None => longer.map(|longer| longer.min(left)),
                    told => told,
                }
            }
            Came::Answer(_) if lane.paused.is_none() => {
                lane.refusals = None;
                told.pause
            }
            _ => told.pause,
        };
        if let Some(pause) = pause {
            self.pause(&origin, now, pause);
        }
    }

    /// An earlier run found so many at once for this origin. It is tried, not trusted.
    pub(crate) fn hint(&mut self, origin: O, count: usize) {
        self.hints.insert(origin, count);
    }

    /// A ceiling on the bytes of all origins was reached: what they yield now is not what they could.
    pub(crate) fn hinder(&mut self, now: Instant) {
        self.hindered = Some(now);
    }

    /// An attempt that goes on says that its origin is to be left alone for so long.
    pub(crate) fn ask_pause(&mut self, ticket: Ticket, now: Instant, pause: Duration) {
        if let Some(origin) = self.items.get(ticket.0).map(|item| item.origin.clone()) {
            self.pause(&origin, now, pause);
        }
    }

    /// Takes in that some bytes of a body have come, before its attempt ends.
    pub(crate) fn received(&mut self, ticket: Ticket, now: Instant, bytes: u64) {
        let Some(item) = self.items.get(ticket.0) else { return };
        if self.limits.per_origin != PerOrigin::Auto {
            return;
        }
        let origin = item.origin.clone();
        let Some(lane) = self.lanes.get_mut(&origin) else { return };
        lane.answers = lane.answers.saturating_add(1);
        lane.silence = Silence::Broken;
        tune(lane, now, self.limits.in_flight.get(), || self.hints.get(&origin).copied());
        if let Some(tuning) = &mut lane.tuning {
            if is_felt(self.hindered, now) {
                tuning.hinder();
            }
            tuning.received(now, lane.in_flight, bytes);
            self.tend(&origin);
        }
    }

    /// What becomes of a lane that is forgotten: what was learned is kept for a while.
    pub(super) fn leave(&mut self, origin: &O, lane: &mut Lane) {
        if let Some(tuning) = lane.tuning.take() {
            self.learned.put(origin.clone(), tuning);
        }
    }

    /// What was found of the origins with the most answers, the most first.
    pub(crate) fn found(&self, most: usize) -> Vec<(O, Found)> {
        let lanes = self.lanes.iter().filter_map(|(origin, lane)| {
            lane.tuning.as_ref().map(|tuning| (origin, tuning.as_ref()))
        });
        let all = lanes.chain(self.learned.all());
        let mut found: Vec<_> = all
            .filter_map(|(origin, tuning)| tuning.found().map(|found| (origin, found)))
            .collect();
        found.sort_unstable_by_key(|(_, found)| std::cmp::Reverse(found.answers));
        found.truncate(most);
        found.into_iter().map(|(origin, found)| (origin.clone(), found)).collect()
    }
}

/// For so long a ceiling that was reached is still felt.
const FELT: Duration = Duration::from_secs(1);

fn is_felt(hindered: Option<Instant>, now: Instant) -> bool {
    hindered.is_some_and(|at| now.saturating_duration_since(at) < FELT)
}

/// Attempts that an origin may have in flight.
pub(super) fn limit(per_origin: PerOrigin, lane: &Lane) -> usize {
    match (per_origin, &lane.tuning) {
        (PerOrigin::Fixed(n), _) => n.get(),
        (PerOrigin::Auto, Some(tuning)) => tuning.limit(),
        (PerOrigin::Auto, None) => defaults::GET_PRIOR.get() + lane.silence.more(),
    }
}

/// The same with those on lease, which nobody waits for.
pub(super) fn leases(per_origin: PerOrigin, lane: &Lane) -> usize {
    let limit = limit(per_origin, lane);
    match (per_origin, &lane.tuning) {
        (PerOrigin::Auto, None) => limit.max(defaults::GET_RANGES.get()),
        _ => limit,
    }
}

/// Gives an origin a controller once it is worth one.
fn tune(lane: &mut Lane, now: Instant, most: usize, hint: impl FnOnce() -> Option<usize>) {
    let items = lane.waiting() + usize::from(lane.answers);
    if lane.tuning.is_none() && lane.answers >= ANSWERS && items >= ITEMS {
        let tuning = Tuning::new(now, defaults::GET_PRIOR.get(), most);
        lane.tuning = Some(Box::new(tuning.hinted(hint())));
    }
}
