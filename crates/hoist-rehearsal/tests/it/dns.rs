//! DNS, asked and read byte by byte.

use std::io::{Read, Write};
use std::net::{IpAddr, SocketAddr, TcpStream, UdpSocket};
use std::time::{Duration, Instant};

use hoist_rehearsal::dns::{Fate, decide};
use hoist_rehearsal::{DnsRehearsal, DnsZone, Proto, Running, Truth};

use crate::client::LONG;

const A: u16 = 1;
const CNAME: u16 = 5;
const SOA: u16 = 6;
const AAAA: u16 = 28;
const NOERROR: u8 = 0;
const SERVFAIL: u8 = 2;
const NXDOMAIN: u8 = 3;
const REFUSED: u8 = 5;

pub(crate) fn spawn(rehearsal: DnsRehearsal) -> Running {
    let rehearsal = DnsRehearsal { truth: Truth::memory(), ..rehearsal };
    rehearsal.spawn(&["127.0.0.1:0".parse().unwrap()]).unwrap()
}

pub(crate) fn zone(rate: f64) -> DnsRehearsal {
    DnsRehearsal::new([DnsZone::generated("z.dev", rate).unwrap()])
}

pub(crate) fn wire(name: &str) -> Vec<u8> {
    let mut out = Vec::new();
    for label in name.split('.') {
        out.push(u8::try_from(label.len()).unwrap());
        out.extend_from_slice(label.as_bytes());
    }
    out.push(0);
    out
}

/// A query with recursion desired; `size` adds an OPT record.
pub(crate) fn query(id: u16, name: &str, kind: u16, size: Option<u16>) -> Vec<u8> {
    let mut out = id.to_be_bytes().to_vec();
    out.extend_from_slice(&[1, 0, 0, 1, 0, 0, 0, 0, 0, u8::from(size.is_some())]);
    out.extend_from_slice(&wire(name));
    out.extend_from_slice(&kind.to_be_bytes());
    out.extend_from_slice(&[0, 1]);
    if let Some(size) = size {
        out.extend_from_slice(&[0, 0, 41]);
        out.extend_from_slice(&size.to_be_bytes());
        out.extend_from_slice(&[0; 6]);
    }
    out
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Record {
    pub(crate) owner: Vec<u8>,
    pub(crate) kind: u16,
    pub(crate) data: Vec<u8>,
}

#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) id: u16,
    pub(crate) rcode: u8,
    pub(crate) truncated: bool,
    pub(crate) question: Vec<u8>,
    pub(crate) answers: Vec<Record>,
    pub(crate) authority: Vec<Record>,
    pub(crate) additional: Vec<Record>,
}

/// A name at `at`, pointers followed; and where the bytes after it begin.
fn read_name(message: &[u8], mut at: usize) -> (Vec<u8>, usize) {
    let (mut name, mut after) = (Vec::new(), None);
    loop {
        let length = usize::from(message[at]);
        if length >= 0xc0 {
            after.get_or_insert(at + 2);
            at = (length & 0x3f) << 8 | usize::from(message[at + 1]);
            continue;
        }
        name.extend_from_slice(&message[at..=at + length]);
        at += length + 1;
        if length == 0 {
            return (name, after.unwrap_or(at));
        }
    }
}

pub(crate) fn read(message: &[u8]) -> Reply {
    let word = |at: usize| u16::from_be_bytes([message[at], message[at + 1]]);
    assert_eq!(message[2] & 0x80, 0x80, "an answer");
    assert_eq!(message[3] & 0x80, 0x80, "recursion available");
    let (question, end) = read_name(message, 12);
    let mut at = end + 4;
    let mut section = |count: u16| {
        let mut records = Vec::new();
        for _ in 0..count {
            let (owner, after) = read_name(message, at);
            let length = usize::from(word(after + 8));
            let data = message[after + 10..after + 10 + length].to_vec();
            at = after + 10 + length;
            records.push(Record { owner, kind: word(after), data });
        }
        records
    };
    let reply = Reply {
        id: word(0),
        rcode: message[3] & 15,
        truncated: message[2] & 2 > 0,
        question,
        answers: section(word(6)),
        authority: section(word(8)),
        additional: section(word(10)),
    };
    assert_eq!(at, message.len(), "nothing after the last record");
    reply
}

pub(crate) fn socket(to: SocketAddr) -> UdpSocket {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.connect(to).unwrap();
    socket.set_read_timeout(Some(LONG)).unwrap();
    socket
}

pub(crate) fn exchange(server: &Running, message: &[u8]) -> Reply {
    let socket = socket(server.addr());
    socket.send(message).unwrap();
    let mut buffer = [0; 4096];
    let n = socket.recv(&mut buffer).unwrap();
    read(&buffer[..n])
}

pub(crate) fn ask(server: &Running, name: &str, kind: u16) -> Reply {
    exchange(server, &query(7, name, kind, None))
}

pub(crate) fn ask_tcp(server: &Running, name: &str, kind: u16) -> Reply {
    let mut stream = TcpStream::connect(server.addr()).unwrap();
    stream.set_read_timeout(Some(LONG)).unwrap();
    let message = query(8, name, kind, None);
    let length = u16::try_from(message.len()).unwrap().to_be_bytes();
    stream.write_all(&[length.as_slice(), &message].concat()).unwrap();
    read_tcp(&mut stream)
}

pub(crate) fn read_tcp(stream: &mut TcpStream) -> Reply {
    let mut length = [0; 2];
    stream.read_exact(&mut length).unwrap();
    let mut message = vec![0; usize::from(u16::from_be_bytes(length))];
    stream.read_exact(&mut message).unwrap();
    read(&message)
}

#[test]
fn what_is_answered_is_the_truth() {
    let rehearsal = zone(0.5);
    let server = spawn(rehearsal.clone());
    for i in 0..200 {
        let name = format!("n{i}.z.dev");
        let truth = rehearsal.truth(&name);
        let (four, six) = (ask(&server, &name, A), ask(&server, &name, AAAA));
        let rcode = if truth.exists { NOERROR } else { NXDOMAIN };
        assert_eq!((four.rcode, six.rcode), (rcode, rcode), "{name}");
        let data = |reply: &Reply| reply.answers.iter().map(|r| r.data.clone()).collect::<Vec<_>>();
        assert_eq!(data(&four), truth.a.iter().map(|a| a.octets().to_vec()).collect::<Vec<_>>());
        assert_eq!(data(&six), truth.aaaa.iter().map(|a| a.octets().to_vec()).collect::<Vec<_>>());
        for reply in [four, six] {
            let soa: Vec<_> = reply.authority.iter().map(|r| (r.kind, r.owner.clone())).collect();
            let expected =
                if reply.answers.is_empty() { vec![(SOA, wire("z.dev"))] } else { vec![] };
            assert_eq!(soa, expected, "{name}");
        }
    }
}

#[test]
fn the_question_keeps_its_case_and_the_answer_its_id() {
    let server = spawn(zone(1.0));
    let reply = exchange(&server, &query(0xabcd, "V4ONLY-x.Z.dEV", A, None));
    assert_eq!((reply.id, reply.answers.len()), (0xabcd, 1));
    assert_eq!(reply.question, wire("V4ONLY-x.Z.dEV"));
    assert_eq!(reply.answers[0].data, ask(&server, "v4only-x.z.dev", A).answers[0].data);
    assert_eq!(server.truth().dns()[0].name, "V4ONLY-x.Z.dEV");
}

#[test]
fn aliases_come_with_what_they_lead_to() {
    let server = spawn(zone(0.0));
    let reply = ask(&server, "cname-cname-v4only-x.z.dev", A);
    let kinds: Vec<_> = reply.answers.iter().map(|r| r.kind).collect();
    assert_eq!((reply.rcode, kinds), (NOERROR, vec![CNAME, CNAME, A]));
    assert_eq!(reply.answers[0].data, wire("cname-v4only-x.z.dev"));
    assert_eq!(reply.answers[1].owner, reply.answers[0].data);
    assert_eq!(reply.answers[1].data, wire("v4only-x.z.dev"));
    assert_eq!(reply.answers[2].owner, reply.answers[1].data);
    let nothing = ask(&server, "cname-nx-x.z.dev", A);
    assert_eq!((nothing.rcode, nothing.answers.len()), (NXDOMAIN, 1));
    let other_family = ask(&server, "cname-v4only-x.z.dev", AAAA);
    assert_eq!((other_family.rcode, other_family.answers.len()), (NOERROR, 1));
    assert_eq!(other_family.authority.len(), 1);
    let circle = ask(&server, "loop-x.z.dev", A);
    assert_eq!((circle.rcode, &circle.answers[0].data), (NOERROR, &wire("loop-x.z.dev")));
}

#[test]
fn refusals() {
    let server = spawn(zone(1.0));
    assert_eq!(ask(&server, "example.org", A).rcode, REFUSED);
    assert_eq!(ask(&server, "refused-x.z.dev", A).rcode, REFUSED);
    assert_eq!(ask(&server, "servfail-x.z.dev", A).rcode, SERVFAIL);
    let mut chaos = query(1, "x.z.dev", A, None);
    *chaos.last_mut().unwrap() = 3;
    assert_eq!(exchange(&server, &chaos).rcode, REFUSED);
    let noaddr = ask(&server, "noaddr-x.z.dev", A);
    assert_eq!((noaddr.rcode, noaddr.answers.len(), noaddr.authority.len()), (NOERROR, 0, 1));
}

#[test]
fn truncated_over_udp_is_whole_over_tcp() {
    let server = spawn(zone(1.0));
    for (name, count) in [("tc-v4only-x.z.dev", 1), ("many-40-x.z.dev", 40)] {
        let cut = ask(&server, name, A);
        assert!(cut.truncated && cut.answers.is_empty() && cut.authority.is_empty(), "{name}");
        let whole = ask_tcp(&server, name, A);
        assert!(!whole.truncated);
        assert_eq!(whole.answers.len(), count, "{name}");
    }
    let records = server.truth().dns();
    let said: Vec<_> = records.iter().map(|r| (r.proto, r.decision)).collect();
    assert_eq!(said[..2], [(Proto::Udp, "truncate"), (Proto::Tcp, "answer")]);
}

#[test]
fn opt_is_answered_with_opt_and_gives_room() {
    let server = spawn(zone(1.0));
    let reply = exchange(&server, &query(1, "many-40-x.z.dev", A, Some(1232)));
    assert!(!reply.truncated);
    assert_eq!((reply.answers.len(), reply.additional.len()), (40, 1));
    assert_eq!((reply.additional[0].kind, reply.additional[0].owner.as_slice()), (41, &[0][..]));
    let cut = exchange(&server, &query(1, "many-100-x.z.dev", A, Some(1232)));
    assert_eq!((cut.truncated, cut.additional.len()), (true, 1));
    let mut newer = query(1, "a.z.dev", A, Some(1232));
    let version = newer.len() - 5;
    newer[version] = 1;
    let bad = exchange(&server, &newer);
    assert_eq!((bad.rcode, server.truth().dns()[2].rcode), (0, Some("BADVERS")));
}

#[test]
fn attempts_are_counted_for_flaky_and_lossy_names() {
    let server = spawn(zone(1.0));
    let rcodes: Vec<_> = (0..3).map(|_| ask(&server, "flaky-2-both-x.z.dev", A).rcode).collect();
    assert_eq!(rcodes, [SERVFAIL, SERVFAIL, NOERROR]);
    assert_eq!(ask(&server, "flaky-2-both-x.z.dev", AAAA).rcode, SERVFAIL, "types count apart");

    let socket = socket(server.addr());
    for id in 1..=3 {
        socket.send(&query(id, "lossy-2-both-x.z.dev", A, None)).unwrap();
    }
    let mut buffer = [0; 512];
    let n = socket.recv(&mut buffer).unwrap();
    assert_eq!(read(&buffer[..n]).id, 3);
    let drops = server.truth().dns().iter().filter(|r| r.decision == "drop").count();
    assert_eq!(drops, 2);
}

#[test]
fn slow_answers_do_not_hold_up_others() {
    let server = spawn(zone(1.0));
    let socket = socket(server.addr());
    let began = Instant::now();
    for (id, name) in [(1, "slow-600-x.z.dev"), (2, "slow-300-x.z.dev"), (3, "drop-x.z.dev")] {
        socket.send(&query(id, name, A, None)).unwrap();
    }
    socket.send(&query(4, "x.z.dev", A, None)).unwrap();
    let mut buffer = [0; 512];
    let ids: Vec<_> = (0..3)
        .map(|_| {
            let n = socket.recv(&mut buffer).unwrap();
            read(&buffer[..n]).id
        })
        .collect();
    assert_eq!(ids, [4, 2, 1]);
    assert!(began.elapsed() >= Duration::from_millis(599));
    assert!(server.settle(LONG));
    assert_eq!(server.stats().requests, 4);
}

#[test]
fn tcp_answers_queries_sent_at_once_each_in_its_time() {
    let server = spawn(zone(1.0));
    let mut stream = TcpStream::connect(server.addr()).unwrap();
    stream.set_read_timeout(Some(LONG)).unwrap();
    let mut bytes = Vec::new();
    for (id, name) in [(1, "slow-200-x.z.dev"), (2, "x.z.dev"), (3, "drop-x.z.dev")] {
        let message = query(id, name, A, None);
        bytes.extend_from_slice(&u16::try_from(message.len()).unwrap().to_be_bytes());
        bytes.extend_from_slice(&message);
    }
    // In two pieces that fall within a message.
    let (first, second) = bytes.split_at(10);
    stream.write_all(first).unwrap();
    stream.write_all(second).unwrap();
    assert_eq!((read_tcp(&mut stream).id, read_tcp(&mut stream).id), (2, 1));
    assert!(server.settle(LONG), "what is dropped is not in flight");
}

#[test]
fn fates_fall_as_the_seed_says() {
    let rehearsal = DnsRehearsal {
        delay: Duration::ZERO..=Duration::from_millis(3),
        loss: 0.2,
        servfail: 0.2,
        seed: 9,
        ..zone(1.0)
    };
    let plan = rehearsal.plan();
    let server = spawn(rehearsal);
    let names: Vec<_> = (0..300_u16).map(|i| format!("n{i}.z.dev")).collect();
    let fate = |name: &str| decide(9, name, A, 1, &plan).fate;
    let socket = socket(server.addr());
    for (id, name) in (0..).zip(&names) {
        socket.send(&query(id, name, A, None)).unwrap();
    }
    let mut buffer = [0; 512];
    let answered = names.iter().filter(|name| fate(name) != Fate::Lost).count();
    assert!((180..300).contains(&answered), "{answered}");
    for _ in 0..answered {
        let n = socket.recv(&mut buffer).unwrap();
        let reply = read(&buffer[..n]);
        let expected = match fate(&names[usize::from(reply.id)]) {
            Fate::ServFail => SERVFAIL,
            Fate::Answer => NOERROR,
            Fate::Lost => panic!("{} was to be lost", names[usize::from(reply.id)]),
        };
        assert_eq!(reply.rcode, expected);
    }
    for record in server.truth().dns() {
        let decision = decide(9, &record.name, A, record.attempt, &plan);
        let expected = match decision.fate {
            Fate::Answer => "answer",
            Fate::ServFail => "servfail",
            Fate::Lost => "drop",
        };
        assert_eq!(record.decision, expected);
    }
}

#[test]
fn a_burst_of_thousands_is_not_lost() {
    let server = spawn(zone(1.0));
    let socket = socket(server.addr());
    // As many as fit into the smallest receive buffer that a system gives by default.
    let burst = 200;
    for round in 0..20 {
        for id in 0..burst {
            socket.send(&query(id, &format!("r{round}.z.dev"), A, None)).unwrap();
        }
        let mut buffer = [0; 512];
        for _ in 0..burst {
            socket.recv(&mut buffer).unwrap();
        }
    }
    assert_eq!(server.stats().requests, 20 * u64::from(burst));
}

#[test]
fn listed_hosts_lead_to_their_addresses() {
    let one: IpAddr = "127.0.0.9".parse().unwrap();
    let six: IpAddr = "::1".parse().unwrap();
    let server = spawn(DnsRehearsal::hosts([("a.test", one), ("a.test", six), ("b.org", one)]));
    assert_eq!(ask(&server, "a.test", A).answers[0].data, [127, 0, 0, 9]);
    assert_eq!(ask(&server, "a.test", AAAA).answers.len(), 1);
    assert_eq!(ask(&server, "b.org", AAAA).rcode, NOERROR);
    assert_eq!(ask(&server, "c.org", A).rcode, NXDOMAIN);
}
