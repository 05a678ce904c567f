mod over_tcp;
mod servers;

use std::collections::HashMap;
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::time::{Duration, Instant};

use domain::base::iana::{Rcode, Rtype};

use super::*;
use crate::outcome::FailureKind;
use crate::probe::answers::{Answer, has_edns, name, question_of};
use crate::probe::chance::Chance;

#[path = "forger_tests.rs"]
mod forger_tests;
#[path = "property_tests.rs"]
mod property_tests;

const MS: Duration = Duration::from_millis(1);

/// The machine with a clock and sockets that are only numbers.
struct World {
    exchange: Exchange,
    now: Instant,
    sockets: HashMap<SocketId, SocketAddr>,
    no_sockets: bool,
}

/// A query that went out.
#[derive(Debug, Clone)]
struct Query {
    socket: SocketId,
    server: SocketAddr,
    bytes: Vec<u8>,
}

impl Query {
    fn answer(&self) -> Answer {
        Answer::to(&self.bytes)
    }

    fn found(&self) -> Vec<u8> {
        self.answer().a(&question_of(&self.bytes).0, [192, 0, 2, 1]).bytes()
    }
}

impl World {
    fn new(servers: usize) -> Self {
        Self::with(servers, 9)
    }

    fn with(servers: usize, retries: u32) -> Self {
        Self::under(servers, |policy| policy.retries = retries)
    }

    fn under(servers: usize, change: impl FnOnce(&mut Policy)) -> Self {
        let window = WindowPolicy { start: 1000, max: 4096, fixed: false, timeout: 1000 * MS };
        let mut policy = Policy {
            timeout: 1000 * MS,
            timeout_max: 4000 * MS,
            retries: 9,
            spread: false,
            quick: true,
            window,
            rate: None,
        };
        change(&mut policy);
        let servers: Vec<SocketAddr> =
            (0..servers).map(|n| format!("192.0.2.{}:53", n + 1).parse().unwrap()).collect();
        let exchange = Exchange::new(policy, &servers, Chance::new(Some(42)));
        Self { exchange, now: Instant::now(), sockets: HashMap::new(), no_sockets: false }
    }

    fn ask(&mut self, owner: usize) -> Handle {
        self.ask_within(owner, Duration::from_secs(30))
    }

    fn ask_within(&mut self, owner: usize, limit: Duration) -> Handle {
        let name = name(&format!("n{owner}.example"));
        self.exchange.ask(self.now, owner, name, Rtype::A, self.now + limit)
    }

    /// What goes out now.
    fn sent(&mut self) -> Vec<Query> {
        let mut sent = Vec::new();
        let mut buffer = Vec::new();
        loop {
            while let Some(id) = self.exchange.poll_close() {
                assert!(self.sockets.remove(&id).is_some());
            }
            while let Some(wanted) = self.exchange.poll_socket() {
                if self.no_sockets {
                    self.exchange.socket_failed(self.now, wanted, None);
                } else {
                    let id = self.exchange.socket_opened(wanted);
                    assert!(self.sockets.insert(id, wanted.address).is_none());
                }
            }
            while let Some(transmit) = self.exchange.poll_transmit(self.now, &mut buffer) {
                let socket = transmit.socket;
                let server = self.sockets[&socket];
                sent.push(Query { socket, server, bytes: buffer.clone() });
            }
            if !self.exchange.wants_socket() {
                return sent;
            }
        }
    }

    fn one(&mut self) -> Query {
        let mut sent = self.sent();
        assert_eq!(sent.len(), 1, "{sent:?}");
        sent.remove(0)
    }

    fn receive(&mut self, query: &Query, bytes: &[u8]) {
        self.exchange.receive(self.now, query.socket, bytes);
    }

    fn pass(&mut self, time: Duration) {
        self.now += time;
        self.exchange.handle_timeout(self.now);
    }

    /// To the next timeout.
    fn wait(&mut self) -> Duration {
        let next = self.exchange.next_timeout().expect("something is under way");
        let time = next.saturating_duration_since(self.now);
        self.pass(time);
        time
    }

    fn settled(&mut self) -> Option<Settled> {
        self.exchange.poll_settled()
    }

    fn reason(&mut self) -> String {
        match self.settled().expect("it is settled").resolved {
            Resolved::Unknown(failure) => failure.to_string(),
            other => panic!("{other:?}"),
        }
    }

    fn is_found(&mut self) -> bool {
        matches!(self.settled().unwrap().resolved, Resolved::Addresses { .. })
    }

    /// Nothing is left of what was settled.
    fn assert_clean(&mut self) {
        assert_eq!(self.exchange.len(), 0);
        assert!(self.exchange.is_clean(), "{:?}", self.exchange);
        assert!(self.settled().is_none());
    }
}

#[test]
fn a_question_is_asked_and_answered() {
    let mut world = World::new(1);
    world.ask(7);
    let query = world.one();
    assert!(has_edns(&query.bytes));
    world.receive(&query, &query.found());
    let settled = world.settled().unwrap();
    assert_eq!((settled.owner, settled.queries), (7, 1));
    assert_eq!((settled.server, settled.rcode), (Some(query.server), Some(0)));
    // Again is not twice.
    world.receive(&query, &query.found());
    world.assert_clean();
    assert_eq!(world.exchange.next_timeout(), None);
}

#[test]
fn a_late_answer_to_the_first_try_counts() {
    let mut world = World::new(1);
    world.ask(0);
    let first = world.one();
    assert_eq!(world.wait(), 1000 * MS);
    let second = world.one();
    assert_ne!(first.bytes[..2], second.bytes[..2]);
    world.receive(&first, &first.found());
    assert!(world.is_found());
    world.receive(&second, &second.found());
    world.assert_clean();
}

#[test]
fn what_is_not_the_answer_is_as_if_it_had_not_come() {
    let mut world = World::new(2);
    world.ask(0);
    world.ask(1);
    let sent = world.sent();
    let (query, other) = (&sent[0], &sent[1]);
    let id = u16::from_be_bytes([query.bytes[0], query.bytes[1]]);
    // A wrong id for a question that nobody asks from this socket.
    let asks_none = Answer::to(&other.bytes).id(id ^ 1).a("n1.example", [6, 6, 6, 6]).bytes();
    if other.socket != query.socket {
        world.receive(query, &asks_none);
    }
    let wrong_name = Answer::to(&other.bytes).id(id).a("n1.example", [6, 6, 6, 6]).bytes();
    world.receive(query, &wrong_name);
    world.exchange.receive(world.now, SocketId(77), &query.found());
    world.receive(query, &query.bytes);
    world.receive(query, &[]);
    assert!(world.settled().is_none());
    world.receive(query, &query.found());
    assert!(world.is_found());
}

#[test]
fn a_guessed_id_moves_the_question_to_tcp() {
    let mut world = World::new(1);
    world.ask(0);
    let query = world.one();
    let id = u16::from_be_bytes([query.bytes[0], query.bytes[1]]);
    let forged = |id| query.answer().id(id).a("n0.example", [6, 6, 6, 6]).bytes();
    world.receive(&query, &forged(id ^ 1));
    assert!(world.settled().is_none());
    let mut buffer = Vec::new();
    let tcp = world.exchange.poll_tcp(world.now, &mut buffer).expect("it goes over TCP");
    // His next guess is right, and late.
    world.receive(&query, &forged(id));
    assert!(world.settled().is_none());
    let answer = Answer::to(&buffer).a("n0.example", [192, 0, 2, 1]).bytes();
    world.exchange.tcp_ended(world.now, tcp, TcpEnd::Answer(&answer));
    assert!(world.is_found());
    world.assert_clean();
}

#[test]
fn guesses_are_looked_at_no_more_than_so_often() {
    let mut world = World::new(1);
    world.ask(0);
    let query = world.one();
    let id = u16::from_be_bytes([query.bytes[0], query.bytes[1]]);
    let others = Answer::to(&query.bytes).id(id ^ 1).bytes();
    let mut junk = others.clone();
    junk[13] ^= 1;
    for _ in 0..300_000 {
        world.receive(&query, &junk);
    }
    world.receive(&query, &others);
    let mut buffer = Vec::new();
    assert!(world.exchange.poll_tcp(world.now, &mut buffer).is_none());
    world.pass(10 * MS);
    world.receive(&query, &others);
    assert!(world.exchange.poll_tcp(world.now, &mut buffer).is_some());
}

/// The name as the query has it, with all letters small.
fn lowered(query: &Query) -> Vec<u8> {
    let mut bytes = query.bytes.clone();
    bytes[12..].make_ascii_lowercase();
    bytes
}

#[test]
fn a_server_that_keeps_the_case_is_not_believed_without() {
    let mut world = World::new(1);
    world.ask(0);
    let query = world.one();
    assert_ne!(lowered(&query), query.bytes);
    world.receive(&query, &query.found());
    assert!(world.is_found());
    world.ask(1);
    let query = world.one();
    let small = Answer::to(&lowered(&query)).a("n1.example", [6, 6, 6, 6]).bytes();
    world.receive(&query, &small);
    assert!(world.settled().is_none());
    let mut buffer = Vec::new();
    assert!(world.exchange.poll_tcp(world.now, &mut buffer).is_some());
    assert_eq!(buffer[2..].to_ascii_lowercase(), buffer[2..], "over TCP it is not needed");
}

#[test]
fn letters_written_wrong_again_do_not_begin_tcp_anew() {
    let mut world = World::new(1);
    world.ask(0);
    let query = world.one();
    let small = Answer::to(&lowered(&query)).a("n0.example", [6, 6, 6, 6]).bytes();
    world.receive(&query, &small);
    let mut buffer = Vec::new();
    let tcp = world.exchange.poll_tcp(world.now, &mut buffer).unwrap();
    let answer = Answer::to(&buffer).a("n0.example", [192, 0, 2, 1]).bytes();
    // A network that doubles datagrams is no reason to ask once more.
    world.receive(&query, &small);
    assert!(world.exchange.poll_tcp(world.now, &mut buffer).is_none());
    // Nor is a better guess one to believe.
    world.receive(&query, &query.answer().a("n0.example", [6, 6, 6, 6]).bytes());
    assert!(world.settled().is_none());
    world.exchange.tcp_ended(world.now, tcp, TcpEnd::Answer(&answer));
    assert!(world.is_found());
    world.assert_clean();
}

#[test]
fn a_server_that_breaks_the_case_is_asked_without() {
    let mut world = World::new(1);
    let mut buffer = Vec::new();
    for owner in 0..3 {
        world.ask(owner);
        let query = world.one();
        world.receive(&query, &Answer::to(&lowered(&query)).bytes());
        assert!(world.settled().is_none());
        let tcp = world.exchange.poll_tcp(world.now, &mut buffer).unwrap();
        world.exchange.tcp_ended(world.now, tcp, TcpEnd::Answer(&Answer::to(&buffer).bytes()));
        assert!(world.settled().is_some());
    }
    world.ask(3);
    let query = world.one();
    assert_eq!(lowered(&query), query.bytes);
    world.receive(&query, &query.found());
    assert!(world.is_found());
}

#[test]
fn tries_go_round_the_servers_with_growing_timeouts() {
    let mut world = World::with(2, 4);
    world.ask(0);
    let mut servers = Vec::new();
    let mut waits = Vec::new();
    while world.exchange.len() > 0 {
        servers.push(world.one().server.ip().to_string());
        waits.push(world.wait().as_millis());
    }
    assert_eq!(servers, ["192.0.2.1", "192.0.2.2", "192.0.2.1", "192.0.2.2", "192.0.2.1"]);
    assert_eq!(waits, [1000, 1500, 2250, 3375, 4000]);
    assert_eq!(
        world.reason(),
        "dns_failed: no answer from 192.0.2.1:53 and another to 5 queries in 12.1 s"
    );
    world.assert_clean();
}

#[test]
fn the_deadline_bounds_all_tries() {
    let mut world = World::new(1);
    world.ask_within(0, 1800 * MS);
    world.one();
    assert_eq!(world.wait(), 1000 * MS);
    world.one();
    assert_eq!(world.wait(), 800 * MS);
    assert_eq!(world.reason(), "deadline: no answer from 192.0.2.1:53 to 2 queries in 1.8 s");
    world.assert_clean();
}

#[test]
fn servfail_is_asked_elsewhere_at_once() {
    let mut world = World::new(2);
    world.ask(0);
    let first = world.one();
    world.receive(&first, &first.answer().rcode(Rcode::SERVFAIL).bytes());
    let second = world.one();
    assert_ne!(first.server, second.server);
    world.receive(&second, &second.found());
    assert!(world.is_found());
    world.assert_clean();
}

#[test]
fn three_useless_replies_are_enough() {
    let mut world = World::new(1);
    world.ask(0);
    let mut waits = Vec::new();
    loop {
        let query = world.one();
        world.receive(&query, &query.answer().rcode(Rcode::REFUSED).bytes());
        if world.exchange.len() == 0 {
            break;
        }
        assert!(world.sent().is_empty());
        waits.push(world.wait().as_millis());
    }
    assert_eq!(waits, [100, 200]);
    let settled = world.settled().unwrap();
    assert_eq!((settled.rcode, settled.queries), (Some(5), 3));
    let Resolved::Unknown(failure) = settled.resolved else { panic!() };
    assert_eq!(failure.kind, FailureKind::DnsFailed);
    assert_eq!(failure.reason, "192.0.2.1:53 answers REFUSED, the last of 3 such replies");
    world.assert_clean();
}

#[test]
fn a_useless_reply_to_an_old_try_leaves_the_new_one_alone() {
    let mut world = World::new(1);
    world.ask(0);
    let first = world.one();
    world.wait();
    let second = world.one();
    world.receive(&first, &first.answer().rcode(Rcode::SERVFAIL).bytes());
    assert!(world.sent().is_empty());
    world.receive(&second, &second.found());
    assert!(world.is_found());
    world.assert_clean();
}

#[test]
fn a_server_that_edns_breaks_is_asked_without() {
    let mut world = World::with(1, 0);
    world.ask(0);
    let first = world.one();
    world.receive(&first, &first.answer().rcode(Rcode::FORMERR).bytes());
    let second = world.one();
    assert!(!has_edns(&second.bytes));
    world.receive(&second, &second.found());
    assert!(world.is_found());
    // It is remembered.
    world.ask(1);
    assert!(!has_edns(&world.one().bytes));
}

#[test]
fn formerr_without_edns_is_a_useless_reply() {
    let mut world = World::new(1);
    world.ask(0);
    for _ in 0..4 {
        let query = world.one();
        world.receive(&query, &query.answer().rcode(Rcode::FORMERR).bytes());
        if world.exchange.len() > 0 {
            world.wait();
        }
    }
    assert!(world.reason().contains("answers FORMERR"));
    world.assert_clean();
}

#[test]
fn a_server_that_is_not_there_is_given_up_soon() {
    let mut world = World::new(1);
    let began = world.now;
    for owner in 0..3 {
        world.ask(owner);
    }
    while world.exchange.len() > 0 {
        let sent = world.sent();
        if let Some(query) = sent.first() {
            world.exchange.refused(world.now, query.socket, None);
        } else {
            world.wait();
        }
    }
    assert_eq!(world.now - began, 300 * MS);
    for _ in 0..3 {
        let reason = world.reason();
        assert_eq!(reason, "dns_failed: 192.0.2.1:53 refuses: no DNS server there");
    }
    world.assert_clean();
}

#[test]
fn a_server_that_was_there_is_waited_for() {
    let mut world = World::new(1);
    world.ask(0);
    let query = world.one();
    world.receive(&query, &query.found());
    assert!(world.is_found());
    world.ask(1);
    for _ in 0..8 {
        let query = world.one();
        world.exchange.refused(world.now, query.socket, None);
        assert!(world.sent().is_empty());
        world.wait();
    }
    let query = world.one();
    world.receive(&query, &query.found());
    assert!(world.is_found());
    world.assert_clean();
}

#[test]
fn a_refusing_server_is_left_for_another() {
    let mut world = World::new(2);
    world.ask(0);
    let first = world.one();
    world.exchange.refused(world.now, first.socket, None);
    let second = world.one();
    assert_ne!(first.server, second.server);
    // And new names do not go there meanwhile.
    world.ask(1);
    assert_eq!(world.one().server, second.server);
}

#[test]
fn a_silent_server_rests_where_there_is_another() {
    let mut world = World::new(2);
    for owner in 0..20 {
        world.ask(owner);
    }
    let first = world.sent();
    assert!(first.iter().all(|query| query.server == first[0].server));
    world.wait();
    for query in world.sent() {
        assert_ne!(query.server, first[0].server);
        world.receive(&query, &query.found());
    }
    world.ask(20);
    assert_ne!(world.one().server, first[0].server);
    // After its rest it gets one query, no more.
    world.pass(2100 * MS);
    for owner in 30..40 {
        world.ask(owner);
    }
    let tests = world.sent().iter().filter(|query| query.server == first[0].server).count();
    assert_eq!(tests, 1);
}

#[test]
fn what_is_cut_goes_over_tcp() {
    let mut world = World::new(1);
    for owner in 0..10 {
        world.ask(owner);
    }
    for query in world.sent() {
        world.receive(&query, &query.answer().cut().bytes());
    }
    let mut buffer = Vec::new();
    let mut asked = Vec::new();
    while let Some(tcp) = world.exchange.poll_tcp(world.now, &mut buffer) {
        asked.push((tcp, buffer.clone()));
    }
    assert_eq!(asked.len(), 10);
    for (tcp, query) in asked.drain(..8) {
        let (name, _) = question_of(&query);
        let answer = Answer::to(&query).a(&name, [192, 0, 2, 1]).bytes();
        world.exchange.tcp_ended(world.now, tcp, TcpEnd::Answer(&answer));
        assert!(world.is_found());
    }
    // Of the last two, one is silent, one answers something else: that was a try.
    let (silent, wrong) = (asked[0].0, asked[1].0);
    let answer = Answer::to(&asked[1].1).id(1).a("n9.example", [6, 6, 6, 6]).bytes();
    world.exchange.tcp_ended(world.now, wrong, TcpEnd::Answer(&answer));
    assert_eq!(silent.deadline, world.now + 2000 * MS);
    world.pass(100 * MS);
    assert_eq!(world.sent().len(), 1);
    world.pass(1900 * MS);
    world.exchange.tcp_ended(world.now, silent, TcpEnd::Silence);
    assert!(world.settled().is_none());
    assert_eq!(world.exchange.len(), 2);
}

#[test]
fn aliases_are_asked_on_for_and_not_for_ever() {
    let mut world = World::new(2);
    world.ask(0);
    let first = world.one();
    world.receive(&first, &first.answer().cname("n0.example", "b.example").bytes());
    let second = world.one();
    assert_eq!(question_of(&second.bytes).0, "b.example");
    assert_eq!(first.server, second.server);
    // What was asked of the alias is no answer about its target.
    world.receive(&first, &first.found());
    assert!(world.settled().is_none());
    world.receive(&second, &second.found());
    let settled = world.settled().unwrap();
    assert!(matches!(settled.resolved, Resolved::Addresses { ttl: 30, .. }));
    assert_eq!(settled.queries, 2);

    world.ask(1);
    for n in 0..9 {
        let query = world.one();
        let (owner, _) = question_of(&query.bytes);
        let target = format!("x{n}.example");
        world.receive(&query, &query.answer().cname(&owner, &target).bytes());
    }
    assert!(world.reason().contains("after 9 aliases"));
    world.assert_clean();
}

#[test]
fn queries_go_out_in_paced_bursts() {
    let mut world = World::new(1);
    for owner in 0..600 {
        world.ask(owner);
    }
    let bursts: Vec<usize> = (0..4)
        .map(|_| {
            let burst = world.sent().len();
            world.pass(MS);
            burst
        })
        .collect();
    assert_eq!(bursts, [250, 250, 100, 0]);
    assert!(world.sockets.len() > 1, "a crowd has more than one socket");
}

#[test]
fn what_could_not_be_sent_goes_first_a_little_later() {
    let mut world = World::new(1);
    world.ask(0);
    let mut buffer = Vec::new();
    assert!(world.exchange.poll_transmit(world.now, &mut buffer).is_none());
    let wanted = world.exchange.poll_socket().unwrap();
    let id = world.exchange.socket_opened(wanted);
    world.sockets.insert(id, wanted.address);
    let transmit = world.exchange.poll_transmit(world.now, &mut buffer).unwrap();
    world.exchange.not_sent(world.now, transmit);
    assert!(world.sent().is_empty());
    assert_eq!(world.wait(), MS);
    let query = world.one();
    world.receive(&query, &query.found());
    let settled = world.settled().unwrap();
    assert_eq!(settled.queries, 1);
    world.assert_clean();
}

#[test]
fn without_descriptors_names_wait_until_their_deadline() {
    let mut world = World::new(1);
    world.no_sockets = true;
    world.ask_within(0, 250 * MS);
    world.ask_within(1, Duration::from_secs(30));
    while world.exchange.len() > 1 {
        assert!(world.sent().is_empty());
        world.wait();
    }
    assert_eq!(world.reason(), "deadline: no query could be sent in 0.3 s");
    world.no_sockets = false;
    world.wait();
    let query = world.one();
    world.receive(&query, &query.found());
    assert!(world.is_found());
}

#[test]
fn worn_sockets_are_replaced_and_closed() {
    let mut world = World::new(1);
    let mut seen = std::collections::HashSet::new();
    for owner in 0..30_000 {
        world.ask(owner);
        let query = world.one();
        seen.insert(query.socket);
        world.receive(&query, &query.found());
        assert!(world.is_found());
        if owner % 200 == 0 {
            world.pass(MS);
        }
    }
    world.sent();
    assert!(seen.len() > 1, "{seen:?}");
    assert!(world.sockets.len() <= 2, "{:?}", world.sockets);
    world.assert_clean();
}

#[test]
fn memory_follows_what_is_in_flight() {
    let mut world = World::new(1);
    // One that is never answered stands in front of all that are.
    world.ask(usize::MAX >> 1);
    world.one();
    for owner in 0..20_000 {
        world.ask(owner);
        for query in world.sent() {
            if question_of(&query.bytes).0 != format!("n{}.example", usize::MAX >> 1) {
                world.receive(&query, &query.found());
                assert!(world.is_found());
            }
        }
        if owner % 200 == 0 {
            world.pass(MS);
        }
        assert!(world.exchange.waits() < 2000);
    }
}

#[test]
fn what_is_called_off_is_not_answered() {
    let mut world = World::new(1);
    let handle = world.ask(0);
    let query = world.one();
    world.exchange.cancel(handle);
    world.receive(&query, &query.found());
    world.assert_clean();
    let other = world.ask(1);
    world.exchange.cancel(handle);
    assert_eq!(world.exchange.len(), 1);
    world.exchange.cancel(other);
    assert!(world.sent().is_empty());
    world.assert_clean();
}
