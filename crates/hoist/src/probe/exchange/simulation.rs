//! The machine alone, at length: any number of names in virtual time, asked of servers that lose,
//! repeat, cut, refuse, and answer late. What becomes of each name is held against the truth.

mod world;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use domain::base::iana::Rtype;
use fastrand::Rng;

use world::{Question, Truth, answer, truth};

use super::{Exchange, Policy, Resolved, Settled, SocketId, Tcp, WindowPolicy};
use crate::item::WireName;
use crate::probe::chance::Chance;

/// What became of the names, and what it took.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Names with an address.
    pub found: u64,
    /// Names that do not exist.
    pub not_found: u64,
    /// Names that no server told about.
    pub unknown: u64,
    /// Of these, such whose every query or answer was lost by chance.
    pub unlucky: u64,
    /// Over UDP.
    pub queries: u64,
    /// Questions over TCP.
    pub over_tcp: u64,
    /// Sockets that were replaced.
    pub closed: u64,
    /// By the clock of the simulation.
    pub took: Duration,
}

/// The clock goes on by this.
const STEP: Duration = Duration::from_millis(1);
/// Names at once.
const PLACES: usize = 8_192;
const SERVERS: u8 = 3;
const RETRIES: u32 = 9;
/// More than the 32 s that all tries take.
const DEADLINE: Duration = Duration::from_mins(1);
/// Steps that an answer is on its way, at most. A power of two.
const LATEST: usize = 4_096;
/// Bytes of the longest answer here.
const ANSWER: usize = 112;

/// Asks for so many names; each query is lost with this chance, and so is each answer.
///
/// # Errors
///
/// What was wrong, and of which name: it was answered twice, wrongly, or not at all.
pub fn run(names: u64, loss: f64, seed: u64) -> Result<Counts, String> {
    let mut simulation = Simulation::new(names, loss, seed);
    let mut idle = 0;
    while simulation.settled < names {
        let before = simulation.settled;
        simulation.step()?;
        idle = if simulation.settled > before { 0 } else { idle + 1 };
        if STEP * idle > DEADLINE * 2 {
            return Err(format!("nothing came of {} names", names - simulation.settled));
        }
    }
    simulation.end()
}

/// A name under way, by the number that is its question's owner.
#[derive(Debug, Clone, Copy)]
struct Place {
    name: u64,
    taken: bool,
    /// An answer that decides it was handed in.
    told: bool,
    deadline: Instant,
    /// Queries that went out.
    queries: u32,
}

/// Something on its way to us.
struct Arrival {
    how: How,
    question: Question,
    decides: bool,
    bytes: [u8; ANSWER],
    length: usize,
}

enum How {
    /// By a socket, the n-th with its number.
    Datagram(SocketId, u32),
    Tcp(Tcp),
}

struct Simulation {
    exchange: Exchange,
    rng: Rng,
    loss: f64,
    began: Instant,
    now: Instant,
    names: u64,
    asked: u64,
    settled: u64,
    places: Vec<Place>,
    free: Vec<usize>,
    /// What arrives in which step, in a circle.
    wheel: Vec<Vec<Arrival>>,
    at: usize,
    spare: Vec<Vec<Arrival>>,
    /// Of each number: sockets so far that had it, and whether one is open.
    sockets: Vec<(u32, bool)>,
    counts: Counts,
    /// What the truth says, but for chance.
    expected: Counts,
}

impl Simulation {
    fn new(names: u64, loss: f64, seed: u64) -> Self {
        let servers: Vec<SocketAddr> =
            (1..=SERVERS).map(|n| (Ipv4Addr::new(192, 0, 2, n), 53).into()).collect();
        let policy = Policy {
            timeout: Duration::from_secs(1),
            timeout_max: Duration::from_secs(4),
            retries: RETRIES,
            spread: true,
            quick: true,
            window: WindowPolicy {
                start: 1000,
                max: 4096,
                fixed: false,
                timeout: Duration::from_secs(1),
            },
            rate: None,
        };
        let now = Instant::now();
        let place = Place { name: 0, taken: false, told: false, deadline: now, queries: 0 };
        Self {
            exchange: Exchange::new(policy, &servers, Chance::new(Some(seed))),
            rng: Rng::with_seed(seed),
            loss,
            began: now,
            now,
            names,
            asked: 0,
            settled: 0,
            places: vec![place; PLACES],
            free: (0..PLACES).rev().collect(),
            wheel: std::iter::repeat_with(Vec::new).take(LATEST).collect(),
            at: 0,
            spare: Vec::new(),
            sockets: Vec::new(),
            counts: Counts::default(),
            expected: Counts::default(),
        }
    }

    fn step(&mut self) -> Result<(), String> {
        self.now += STEP;
        self.at = (self.at + 1) % LATEST;
        self.arrive();
        self.exchange.handle_timeout(self.now);
        self.ask()?;
        self.send()?;
        while let Some(settled) = self.exchange.poll_settled() {
            self.check(&settled)?;
        }
        Ok(())
    }

    fn arrive(&mut self) {
        let mut arrived = std::mem::take(&mut self.wheel[self.at]);
        for arrival in arrived.drain(..) {
            let bytes = &arrival.bytes[..arrival.length];
            match arrival.how {
                How::Datagram(socket, nth) if self.sockets[socket.0 as usize] != (nth, true) => {
                    continue;
                }
                How::Datagram(socket, _) => self.exchange.receive(self.now, socket, bytes),
                How::Tcp(tcp) => self.exchange.tcp_ended(self.now, tcp, Some(bytes).into()),
            }
            let place = &mut self.places[arrival.question.place];
            place.told |= arrival.decides && place.taken && place.name == arrival.question.name;
        }
        if self.spare.len() < 64 {
            self.spare.push(arrived);
        }
    }

    fn ask(&mut self) -> Result<(), String> {
        while self.asked < self.names {
            let Some(owner) = self.free.pop() else { break };
            let name = self.asked;
            let wire = Question { place: owner, name, target: false }.wire();
            let wire = WireName::from_wire(&wire).ok_or("the simulation made no name")?;
            let deadline = self.now + DEADLINE;
            self.places[owner] = Place { name, taken: true, told: false, deadline, queries: 0 };
            self.exchange.ask(self.now, owner, wire, Rtype::A, deadline);
            match truth(name) {
                Truth::Found(_) => self.expected.found += 1,
                Truth::NotFound => self.expected.not_found += 1,
                Truth::Silent | Truth::Broken => self.expected.unknown += 1,
            }
            self.asked += 1;
        }
        Ok(())
    }

    fn send(&mut self) -> Result<(), String> {
        let mut buffer = Vec::with_capacity(512);
        loop {
            while let Some(id) = self.exchange.poll_close() {
                self.sockets[id.0 as usize].1 = false;
                self.counts.closed += 1;
            }
            while let Some(wanted) = self.exchange.poll_socket() {
                let at = self.exchange.socket_opened(wanted).0 as usize;
                if at >= self.sockets.len() {
                    self.sockets.resize(at + 1, (0, false));
                }
                let (nth, open) = self.sockets[at];
                if open {
                    return Err(format!("socket {at} is opened again before it is closed"));
                }
                self.sockets[at] = (nth + 1, true);
            }
            while let Some(transmit) = self.exchange.poll_transmit(self.now, &mut buffer) {
                self.counts.queries += 1;
                let (nth, open) = self.sockets[transmit.socket.0 as usize];
                if !open {
                    return Err("a query goes out by a closed socket".to_owned());
                }
                let question = self.note(&buffer)?;
                if truth(question.name) == Truth::Silent || self.is_lost() || self.is_lost() {
                    continue;
                }
                self.under_way(How::Datagram(transmit.socket, nth), question, &buffer);
                // The network repeats one in a thousand.
                if self.rng.u16(..) < 65 {
                    self.under_way(How::Datagram(transmit.socket, nth), question, &buffer);
                }
            }
            if !self.exchange.wants_socket() {
                break;
            }
        }
        while let Some(tcp) = self.exchange.poll_tcp(self.now, &mut buffer) {
            self.counts.over_tcp += 1;
            let question = self.note(&buffer)?;
            self.under_way(How::Tcp(tcp), question, &buffer);
        }
        Ok(())
    }

    /// Counts a query for its name.
    fn note(&mut self, query: &[u8]) -> Result<Question, String> {
        let question = Question::of(query).ok_or("a query that can't be read")?;
        let place = &mut self.places[question.place];
        if !place.taken || place.name != question.name {
            return Err(format!("{question:?} is asked, and nobody waits for it"));
        }
        place.queries += 1;
        Ok(question)
    }

    fn is_lost(&mut self) -> bool {
        self.rng.f64() < self.loss
    }

    /// The server answers, soon, or after the next query has gone out.
    fn under_way(&mut self, how: How, question: Question, query: &[u8]) {
        let steps = match self.rng.u16(..) {
            0..65 => self.rng.usize(1..LATEST),
            _ => self.rng.usize(1..40),
        };
        let over_udp = matches!(how, How::Datagram(..));
        let (answer, decides) = answer(question, query, over_udp);
        let length = answer.len().min(ANSWER);
        let mut arrival = Arrival { how, question, decides, bytes: [0; ANSWER], length };
        arrival.bytes[..length].copy_from_slice(&answer[..length]);
        let slot = &mut self.wheel[(self.at + steps) % LATEST];
        if slot.capacity() == 0 {
            *slot = self.spare.pop().unwrap_or_default();
        }
        slot.push(arrival);
    }

    /// Holds what became of a name against the truth.
    fn check(&mut self, settled: &Settled) -> Result<(), String> {
        let place = self.places[settled.owner];
        let wrong = |what: &str| Err(format!("{what}: {place:?}, {settled:?}"));
        if !place.taken {
            return wrong("answered twice");
        }
        if self.now > place.deadline + STEP {
            return wrong("answered after its deadline");
        }
        if settled.queries != place.queries {
            return wrong("other queries are told than were sent");
        }
        match (&settled.resolved, truth(place.name)) {
            (Resolved::Addresses { addresses, .. }, Truth::Found(address))
                if *addresses == [IpAddr::V4(address)] =>
            {
                self.counts.found += 1;
            }
            (Resolved::NxDomain, Truth::NotFound) => self.counts.not_found += 1,
            (Resolved::Unknown(_), Truth::Silent | Truth::Broken) => self.counts.unknown += 1,
            (Resolved::Unknown(_), told) if !place.told && place.queries > RETRIES => {
                self.counts.unknown += 1;
                self.counts.unlucky += 1;
                self.expected.unknown += 1;
                match told {
                    Truth::Found(_) => self.expected.found -= 1,
                    _ => self.expected.not_found -= 1,
                }
            }
            _ => return wrong("a wrong answer"),
        }
        self.places[settled.owner].taken = false;
        self.free.push(settled.owner);
        self.settled += 1;
        Ok(())
    }

    /// All names are settled: nothing may be left, and the counts are those of the truth.
    fn end(mut self) -> Result<Counts, String> {
        // What is still on its way answers nobody.
        for _ in 0..LATEST {
            self.step()?;
        }
        if self.exchange.len() > 0 || !self.exchange.is_clean() {
            return Err("something is left behind".to_owned());
        }
        let told = |counts: &Counts| (counts.found, counts.not_found, counts.unknown);
        if told(&self.counts) != told(&self.expected) {
            return Err(format!("{:?} of {:?}", self.counts, self.expected));
        }
        self.counts.took = self.now - self.began;
        Ok(self.counts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_hundred_thousand_names_are_answered_once_and_rightly() {
        let counts = run(200_000, 0.05, 1).unwrap();
        assert_eq!(counts.found + counts.not_found + counts.unknown, 200_000);
        assert!(counts.over_tcp >= 190 && counts.closed > 0, "{counts:?}");
        // Lost are 1 - 0.95² of them, and each of these is asked again.
        assert!((210_000..230_000).contains(&counts.queries), "{counts:?}");
    }

    #[test]
    fn without_loss_no_name_is_unlucky() {
        let counts = run(20_000, 0.0, 2).unwrap();
        assert_eq!((counts.unlucky, counts.unknown), (0, 2 + 4));
    }

    #[test]
    fn where_nothing_arrives_nothing_is_known() {
        let counts = run(500, 1.0, 3).unwrap();
        assert_eq!(counts.unknown, 500);
    }
}
