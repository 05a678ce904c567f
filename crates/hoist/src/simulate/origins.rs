//! What is remembered of origins: those asked lately, and those with requests under way. All else of an
//! origin is drawn anew from its number.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::time::{Duration, Instant};

use super::chance::{Draws, Purpose, mix};
use super::line::Line;
use super::load::Loaded;
use super::model::{Model, Server};
use crate::plan::defaults;

/// Origins of a generation: the last so many are remembered, and at most twice as many and those under
/// way.
const GENERATION: usize = 1 << 14;

/// An origin, as far as it is known.
#[derive(Debug)]
pub(super) struct Site {
    /// The group; that of the others comes last.
    group: u16,
    pub(super) latency: Duration,
    /// Bytes a second of a connection; 0 for no bound.
    pub(super) connection: u64,
    pub(super) line: Option<Line>,
    pub(super) loaded: Loaded,
    /// Requests that it serves now.
    pub(super) serving: u32,
    /// Attempts under way, served or not.
    pub(super) under_way: u32,
    idle: u32,
    /// When a connection last became idle, and how many have, of all origins.
    released: Option<(Instant, u64)>,
}

#[derive(Debug)]
pub(super) struct Origins<'a> {
    model: &'a Model,
    seed: u64,
    young: HashMap<u32, Site, BuildHasherDefault<Mixed>>,
    old: HashMap<u32, Site, BuildHasherDefault<Mixed>>,
    /// Connections that became idle so far.
    released: u64,
}

impl<'a> Origins<'a> {
    pub(super) fn new(model: &'a Model, seed: u64) -> Self {
        let (young, old) = (HashMap::default(), HashMap::default());
        Self { model, seed, young, old, released: 0 }
    }

    /// The origin, and what it is like.
    pub(super) fn of(&mut self, origin: u32) -> (&mut Site, &'a Server) {
        if !self.young.contains_key(&origin) {
            let site = self.old.remove(&origin);
            let site = site.unwrap_or_else(|| Site::draw(self.model, self.seed, origin));
            if self.young.len() >= GENERATION {
                let before = std::mem::replace(&mut self.old, std::mem::take(&mut self.young));
                self.young.extend(before.into_iter().filter(|(_, site)| site.under_way > 0));
            }
            self.young.insert(origin, site);
        }
        let model = self.model;
        let site = self.young.entry(origin).or_insert_with(|| Site::draw(model, self.seed, origin));
        let server = model.groups.get(usize::from(site.group)).map_or(&model.others, |of| &of.1);
        (site, server)
    }

    /// Takes an idle connection to this origin, if there is one.
    pub(super) fn take_idle(&mut self, origin: u32, now: Instant) -> bool {
        let released = self.released;
        let (site, _) = self.of(origin);
        let Some((at, number)) = site.released else { return false };
        let closed = now - at > defaults::IDLE_TIMEOUT
            || released - number >= defaults::IDLE_CONNECTIONS as u64;
        if closed {
            site.idle = 0;
        }
        let taken = site.idle > 0;
        site.idle -= u32::from(taken);
        taken
    }

    /// A connection is idle now.
    pub(super) fn put_idle(&mut self, origin: u32, now: Instant) {
        self.released += 1;
        let released = self.released;
        let (site, _) = self.of(origin);
        site.idle += 1;
        site.released = Some((now, released));
    }

    #[cfg(test)]
    fn len(&self) -> usize {
        self.young.len() + self.old.len()
    }
}

impl Site {
    fn draw(model: &Model, seed: u64, origin: u32) -> Self {
        let mut draws = Draws::of(seed, Purpose::Origin, u64::from(origin));
        let mut left = draws.unit();
        let group = model.groups.iter().position(|(share, _)| {
            left -= share;
            left < 0.0
        });
        let group = group.unwrap_or(model.groups.len());
        let server = model.groups.get(group).map_or(&model.others, |of| &of.1);
        let load = server.load.as_ref();
        let bandwidth = server.bandwidth.as_ref().map(|rate| Line::new(rate.draw(&mut draws)));
        Self {
            group: u16::try_from(group).unwrap_or(u16::MAX),
            latency: server.latency.draw(&mut draws),
            connection: server.connection.as_ref().map_or(0, |rate| rate.draw(&mut draws).max(1)),
            line: load.and_then(super::Load::line).or(bandwidth),
            loaded: load.map_or(Loaded::Nothing, super::Load::begin),
            serving: 0,
            under_way: 0,
            idle: 0,
            released: None,
        }
    }
}

/// Hashes the number of an origin.
#[derive(Debug, Default)]
struct Mixed(u64);

impl Hasher for Mixed {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u32(u32::from(*byte));
        }
    }

    fn write_u32(&mut self, n: u32) {
        self.0 = mix(self.0 ^ u64::from(n).wrapping_add(1));
    }
}

#[cfg(test)]
#[expect(clippy::cast_precision_loss, reason = "counts of a test are small")]
mod tests {
    use super::*;
    use crate::simulate::Distribution;

    #[test]
    fn origins_are_in_groups_by_their_share_and_always_the_same() {
        let named = |ms| Server {
            latency: Distribution::Fixed(Duration::from_millis(ms)),
            ..Server::default()
        };
        let groups = vec![(0.2, named(1)), (0.1, named(2))];
        let model = Model { groups, others: named(3), ..Model::default() };
        let mut origins = Origins::new(&model, 5);
        let mut latencies = Vec::new();
        for origin in 0..60_000 {
            latencies.push(origins.of(origin).0.latency);
            assert!(origins.len() <= 2 * GENERATION);
        }
        let share = |ms| {
            let of = latencies.iter().filter(|latency| **latency == Duration::from_millis(ms));
            of.count() as f64 / 60_000.0
        };
        assert!((share(1) - 0.2).abs() < 0.01 && (share(2) - 0.1).abs() < 0.01, "{}", share(1));
        assert!((0..60_000).all(|of| origins.of(of).0.latency == latencies[of as usize]));
    }

    #[test]
    fn what_is_under_way_is_never_forgotten() {
        let model = Model::default();
        let mut origins = Origins::new(&model, 5);
        origins.of(7).0.under_way = 3;
        for origin in 100..200_000 {
            origins.of(origin);
        }
        assert_eq!(origins.of(7).0.under_way, 3);
    }

    #[test]
    fn idle_connections_are_few_and_do_not_wait_for_ever() {
        let model = Model::default();
        let (mut origins, now) = (Origins::new(&model, 5), Instant::now());
        assert!(!origins.take_idle(1, now));
        origins.put_idle(1, now);
        assert!(origins.take_idle(1, now + defaults::IDLE_TIMEOUT) && !origins.take_idle(1, now));
        origins.put_idle(1, now);
        assert!(!origins.take_idle(1, now + 2 * defaults::IDLE_TIMEOUT));
        origins.put_idle(1, now);
        (0..u32::try_from(defaults::IDLE_CONNECTIONS).unwrap())
            .for_each(|n| origins.put_idle(2 + n, now));
        assert!(!origins.take_idle(1, now));
    }
}
