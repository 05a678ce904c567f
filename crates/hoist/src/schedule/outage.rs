//! What the schedule does about origins that do not answer.

use std::fmt::Debug;
use std::hash::Hash;
use std::rc::Rc;
use std::time::Instant;

use super::breaker::{Trial, Trouble};
use super::lane::Lane;
use super::machine::is_at;
use super::silence::Silence;
use super::{Lapsed, Outage, Schedule, Sign, Ticket};

impl<O: Clone + Eq + Hash + Debug> Schedule<O> {
    /// Takes in what an attempt that ended tells of its origin. Where that is given up, the outage.
    pub(super) fn heed(
        &mut self,
        origin: &O,
        ticket: Ticket,
        now: Instant,
        sign: Sign,
        random: f64,
    ) -> Option<Outage> {
        let lane = self.lanes.get_mut(origin)?;
        lane.in_flight -= 1;
        self.unproven -= usize::from(!lane.proven);
        if lane.in_flight == 0 && lane.trouble.is_none() {
            lane.asked = None;
        }
        match sign {
            Sign::Whole | Sign::Partial => {
                lane.asked = lane.asked.map(|_| now);
                lane.silence = Silence::Broken;
                lane.lives = lane.lives.wrapping_add(1);
                if lane.trouble.is_some() {
                    self.recover(origin, now);
                }
                self.prove(origin, sign == Sign::Whole);
                None
            }
            Sign::Failed(why) => {
                self.prove(origin, false);
                self.fail(origin, ticket, now, why, random)
            }
            Sign::Nothing => {
                if let (Some(trouble), Some(breaker)) = (&mut lane.trouble, &self.policy.breaker) {
                    trouble.untold(breaker, ticket, now, random);
                    self.set_alarm(origin);
                }
                None
            }
        }
    }

    /// Notes whether the origin's latest attempt brought a whole answer.
    fn prove(&mut self, origin: &O, proven: bool) {
        let Some(lane) = self.lanes.get_mut(origin) else { return };
        match (std::mem::replace(&mut lane.proven, proven), proven) {
            (false, true) => {
                self.unproven -= lane.in_flight;
                if lane.turn.is_some() {
                    self.move_turn(origin);
                }
            }
            (true, false) => self.unproven += lane.in_flight,
            _ => {}
        }
    }

    fn fail(
        &mut self,
        origin: &O,
        ticket: Ticket,
        now: Instant,
        why: Rc<str>,
        random: f64,
    ) -> Option<Outage> {
        let breaker = self.policy.breaker.as_ref()?;
        let lane = self.lanes.get_mut(origin)?;
        let item = self.items.get_mut(ticket.0)?;
        let is_trial = lane.trial() == Some(Trial::Running(ticket));
        if !item.fails(lane.lives) && !is_trial {
            return None;
        }
        let since = lane.asked.unwrap_or(now);
        let lived = lane.silence == Silence::Broken;
        let trouble = lane.trouble.get_or_insert_with(|| Box::new(Trouble::new(since, lived)));
        let was_down = trouble.is_down();
        let few = lane.silence.few(lane.in_flight, breaker, since, now);
        let given_up = trouble.failed(breaker, ticket, now, random, why, few);
        if !trouble.is_down() {
            return None;
        }
        let outage = given_up.then(|| trouble.outage(now));
        self.down += usize::from(!was_down);
        if given_up {
            self.lost.push_back((origin.clone(), 0));
        }
        self.set_alarm(origin);
        outage
    }

    /// The origin showed a sign of life.
    fn recover(&mut self, origin: &O, now: Instant) {
        let Some(lane) = self.lanes.get_mut(origin) else { return };
        let (was_down, was_given_up) = (lane.is_down(), lane.is_given_up());
        lane.trouble = None;
        if was_down {
            self.down -= 1;
            self.set_alarm(origin);
            self.unlist(origin);
        }
        if was_given_up {
            self.try_all(now);
        }
    }

    /// One that was given up is back. Perhaps it was the network, and all are: they are tried soon.
    fn try_all(&mut self, now: Instant) {
        let Some(breaker) = &self.policy.breaker else { return };
        let soon = now + breaker.pause.first;
        for (_, origin) in self.trials.split_off(&(soon, 0)) {
            let Some(lane) = self.lanes.get_mut(&origin) else { continue };
            if let Some(trouble) = &mut lane.trouble {
                trouble.set_trial(Trial::At(soon));
            }
            self.set_alarm(&origin);
        }
    }

    /// Sets the alarm for the origin's trial, or takes it back.
    fn set_alarm(&mut self, origin: &O) {
        let Some(lane) = self.lanes.get_mut(origin) else { return };
        if let Some(alarm) = lane.alarm.take() {
            self.trials.remove(&alarm);
        }
        if let Some(Trial::At(at)) = lane.trial() {
            self.next_alarm += 1;
            lane.alarm = Some(Box::new((at, self.next_alarm)));
            self.trials.insert((at, self.next_alarm), origin.clone());
        }
    }

    /// Notes that an origin which is given up has got an item.
    pub(super) fn list(&mut self, origin: &O) {
        if let Some(lane) = self.lanes.get_mut(origin)
            && !std::mem::replace(&mut lane.listed, true)
        {
            self.given_up.insert(origin.clone());
        }
    }

    fn unlist(&mut self, origin: &O) {
        if let Some(lane) = self.lanes.get_mut(origin)
            && std::mem::take(&mut lane.listed)
        {
            self.given_up.remove(origin);
        }
    }

    /// Puts a lane that has become idle out of mind, but for an origin that is down.
    pub(super) fn forget(&mut self, origin: &O) {
        self.unlist(origin);
        let Some(mut lane) = self.lanes.remove(origin) else { return };
        self.proven.put(origin, lane.proven);
        self.leave(origin, &mut lane);
        if let Some(pacing) = &lane.pacing {
            self.rates.put(origin, pacing);
        }
        let Lane { trouble: Some(trouble), alarm, .. } = *lane else { return };
        if let Some(alarm) = alarm {
            self.trials.remove(&alarm);
        }
        if trouble.is_down() {
            self.down -= 1;
            self.remembered.put(origin.clone(), *trouble);
        }
    }

    /// What is remembered of an origin goes into its new lane.
    pub(super) fn recall(&mut self, origin: &O) {
        if let Some(trouble) = self.remembered.take(origin) {
            self.down += 1;
            self.lanes.entry(origin.clone()).or_default().trouble = Some(Box::new(trouble));
            self.set_alarm(origin);
        }
    }

    /// Lets trials begin whose time has come, and gives out an item of an origin that is given up.
    pub(super) fn wake_origins(&mut self, now: Instant) -> Option<Lapsed> {
        self.policy.breaker.as_ref()?;
        self.remembered.pass(now);
        self.wake_silent(now);
        while let Some(entry) = self.trials.first_entry()
            && entry.key().0 <= now
        {
            let origin = entry.remove();
            if let Some(lane) = self.lanes.get_mut(&origin) {
                lane.alarm = None;
                if let Some(trouble) = &mut lane.trouble {
                    trouble.set_trial(Trial::Due);
                }
            }
            self.tend(&origin);
        }
        self.make_room();
        while let Some((origin, kept)) = self.lost.front() {
            let items = &self.items;
            let lapsed = self.lanes.get_mut(origin).and_then(|lane| {
                let lost = lane.is_given_up() && lane.waiting() > *kept;
                let is_live = |ticket, epoch| is_at(items, ticket, epoch);
                let ticket = if lost { lane.pop(usize::MAX, is_live) } else { None }?;
                let outage = lane.trouble.as_ref().map(|trouble| trouble.outage(now));
                Some(Lapsed { ticket, outage, paused: None, spent: false })
            });
            if let Some(lapsed) = lapsed {
                self.settle(lapsed.ticket);
                self.come_back(lapsed.ticket);
                return Some(lapsed);
            }
            if let Some((origin, _)) = self.lost.pop_front() {
                self.tend(&origin);
            }
        }
        None
    }

    /// Admission is full while another origin could go on: items of origins that are given up do not
    /// wait for its next trial, but for one that makes the trial.
    fn make_room(&mut self) {
        if self.given_up.is_empty() || self.has_room() || self.lanes.len() <= self.down {
            return;
        }
        for origin in self.given_up.drain() {
            let Some(lane) = self.lanes.get_mut(&origin) else { continue };
            lane.listed = false;
            let kept = lane.kept();
            self.lost.push_back((origin, kept));
        }
    }

    /// The outage of an origin that is down.
    pub(super) fn outage(&self, origin: &O, now: Instant) -> Option<Outage> {
        let trouble = self.lanes.get(origin)?.trouble.as_ref()?;
        trouble.is_down().then(|| trouble.outage(now))
    }
}
