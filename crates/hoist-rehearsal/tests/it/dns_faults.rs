//! Faults of queries on the wire: each by rule, byte by byte, and some by name.

use std::collections::HashSet;
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::path::Path;
use std::time::{Duration, Instant};

use hoist_rehearsal::{DnsRehearsal, DnsZone, Family, Proto, Running, Scenario, catalogue};

use crate::client::LONG;
use crate::dns::{Reply, ask, ask_tcp, exchange, query, read, spawn, wire, zone};

const A: u16 = 1;
const CNAME: u16 = 5;
const NAME: &str = "v4only-x.z.dev";
/// Long enough for anything on loopback that is going to come.
const QUIET: Duration = Duration::from_millis(300);

fn rules(text: &str) -> DnsRehearsal {
    let scenario = Scenario::parse(text, Path::new("")).unwrap();
    let seed = scenario.seed().unwrap_or(0);
    DnsRehearsal { rules: scenario.queries().to_vec(), seed, ..zone(1.0) }
}

/// A server with one rule for all queries, of these faults.
fn chain(faults: &[&str]) -> Running {
    spawn(rules(&format!("[[query]]\nchain = {faults:?}")))
}

/// Every datagram that comes for one query, from wherever.
fn datagrams(server: &Running, message: &[u8]) -> Vec<(SocketAddr, Vec<u8>)> {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_read_timeout(Some(QUIET)).unwrap();
    socket.send_to(message, server.addr()).unwrap();
    let mut all = Vec::new();
    let mut buffer = [0; 4096];
    while let Ok((n, from)) = socket.recv_from(&mut buffer) {
        all.push((from, buffer[..n].to_vec()));
    }
    all
}

fn replies(server: &Running) -> Vec<Reply> {
    let all = datagrams(server, &query(7, NAME, A, None));
    assert!(all.iter().all(|(from, _)| *from == server.addr()));
    all.iter().map(|(_, bytes)| read(bytes)).collect()
}

/// The address of `NAME`.
fn truth() -> Vec<u8> {
    zone(1.0).truth(NAME).a[0].octets().to_vec()
}

fn decision(server: &Running) -> (&'static str, Option<usize>) {
    assert!(server.settle(LONG));
    let record = server.truth().dns().pop().unwrap();
    (record.decision, record.rule)
}

#[test]
fn codes_and_nothing_else() {
    for (fault, rcode) in [
        ("servfail", 2),
        ("refused", 5),
        ("formerr", 1),
        ("notimp", 4),
        ("nxdomain", 3),
        ("nodata", 0),
    ] {
        let server = chain(&[fault]);
        for reply in [ask(&server, NAME, A), ask_tcp(&server, NAME, A)] {
            assert_eq!((reply.rcode, reply.answers.len()), (rcode, 0), "{fault}");
            let negative = matches!(fault, "nxdomain" | "nodata");
            assert_eq!(reply.authority.len(), usize::from(negative), "{fault}: with its SOA");
        }
        assert_eq!(decision(&server), (fault, Some(1)));
    }
}

#[test]
fn nothing_twice_and_late() {
    let server = chain(&["drop"]);
    assert!(replies(&server).is_empty());
    assert_eq!(decision(&server), ("drop", Some(1)));

    let server = chain(&["duplicate?n=3"]);
    let all = replies(&server);
    assert_eq!(all.len(), 3);
    assert!(all.iter().all(|reply| reply.answers[0].data == truth()));

    for late in ["late?by=400ms", "delay?for=400ms..401ms"] {
        let server = chain(&[late]);
        let began = Instant::now();
        assert_eq!(ask(&server, NAME, A).answers[0].data, truth());
        assert!(began.elapsed() >= Duration::from_millis(399), "{late}");
    }
}

#[test]
fn other_ids_questions_and_sources() {
    let server = chain(&["wrong-id"]);
    let all = replies(&server);
    assert_eq!(all.len(), 1, "never the true one");
    assert_ne!(all[0].id, 7);
    assert_eq!(all[0].question, wire(NAME));
    assert_ne!(ask_tcp(&server, NAME, A).id, 8, "over TCP too");

    let server = chain(&["wrong-question"]);
    let all = replies(&server);
    assert_eq!((all.len(), all[0].id), (1, 7));
    assert_ne!(all[0].question, wire(NAME));
    assert_eq!(all[0].answers[0].data, truth());

    let server = chain(&["wrong-source"]);
    let all = datagrams(&server, &query(7, NAME, A, None));
    assert_eq!(all.len(), 1);
    assert_ne!(all[0].0.port(), server.port());
    assert_ne!(all[0].0.ip(), server.addr().ip());
    assert_eq!(read(&all[0].1).answers[0].data, truth());
    assert_eq!(ask_tcp(&server, NAME, A).answers[0].data, truth());
}

#[test]
fn forged_answers_come_before_the_true_one() {
    let server = chain(&["forged?n=50"]);
    let mut all = replies(&server);
    let last = all.pop().unwrap();
    assert_eq!((last.id, &last.answers[0].data), (7, &truth()));
    assert_eq!(all.len(), 50);
    assert!(all.iter().all(|reply| reply.id != 7 && reply.question == wire(NAME)));
    assert!(all.iter().all(|reply| reply.answers[0].data == [192, 0, 2, 66]));
    let ids: HashSet<_> = all.iter().map(|reply| reply.id).collect();
    assert!(ids.len() > 40, "of one who guesses");
    assert_eq!(ask_tcp(&server, NAME, A).answers[0].data, truth(), "none over TCP");
}

#[test]
fn garbage_has_the_id_and_no_sense() {
    let server = chain(&["garbage"]);
    let all = datagrams(&server, &query(0x1234, NAME, A, None));
    assert_eq!((all.len(), &all[0].1[..2]), (1, b"\x12\x34".as_slice()));
    assert_eq!(all[0].1[2] & 0x80, 0x80, "it says that it is an answer");
    assert!(!all[0].1.windows(4).any(|w| w == b"\x01z\x03d"));
}

#[test]
fn case_that_is_not_kept() {
    let server = chain(&["lower-case"]);
    let reply = exchange(&server, &query(7, "V4only-X.z.DEV", A, None));
    assert_eq!(reply.question, wire("v4only-x.z.dev"));
    assert_eq!(reply.answers[0].data, truth());
}

#[test]
fn edns_that_is_refused() {
    let server = chain(&["no-edns"]);
    let with = exchange(&server, &query(7, NAME, A, Some(1232)));
    assert_eq!((with.rcode, with.answers.len(), with.additional.len()), (1, 0, 0));
    let without = ask(&server, NAME, A);
    assert_eq!((without.rcode, &without.answers[0].data), (0, &truth()));
}

#[test]
fn truncated_and_then_by_tcp_what_was_asked_for() {
    let server = chain(&["truncate"]);
    let cut = ask(&server, NAME, A);
    assert!(cut.truncated && cut.answers.is_empty());
    assert_eq!(ask_tcp(&server, NAME, A).answers[0].data, truth());
    for (fault, end) in [
        ("truncate?tcp=silent", ErrorKind::WouldBlock),
        ("truncate?tcp=reset", ErrorKind::ConnectionReset),
    ] {
        let server = chain(&[fault]);
        assert!(ask(&server, NAME, A).truncated);
        let mut stream = TcpStream::connect(server.addr()).unwrap();
        stream.set_read_timeout(Some(QUIET)).unwrap();
        let message = query(8, NAME, A, None);
        let length = u16::try_from(message.len()).unwrap().to_be_bytes();
        stream.write_all(&[length.as_slice(), &message].concat()).unwrap();
        assert_eq!(stream.read(&mut [0]).unwrap_err().kind(), end, "{fault}");
        assert_eq!(decision(&server), ("truncate", Some(1)));
    }
}

#[test]
fn aliases_in_a_row_and_in_a_loop() {
    let server = chain(&["cname?n=5"]);
    let reply = ask(&server, NAME, A);
    assert_eq!(reply.answers.len(), 6);
    assert_eq!(reply.answers[0].owner, wire(NAME));
    for pair in reply.answers.windows(2) {
        assert_eq!((pair[0].kind, &pair[0].data), (CNAME, &pair[1].owner));
    }
    assert_eq!((reply.answers[5].kind, &reply.answers[5].data), (A, &truth()));
    for (name, rcode) in [("nx-x.z.dev", 3), ("noaddr-x.z.dev", 0)] {
        let reply = ask(&server, name, A);
        let told = (reply.rcode, reply.answers.len(), reply.authority.len());
        assert_eq!(told, (rcode, 5, 1), "{name}: what its end has is told with its SOA");
    }
    let server = chain(&["cname-loop"]);
    let reply = ask(&server, NAME, A);
    let (there, back) = (&reply.answers[0], &reply.answers[1]);
    assert_eq!((&there.data, &back.data), (&back.owner, &there.owner));
    assert!(ask(&chain(&["cname?n=200"]), NAME, A).truncated, "too long for a datagram");
}

#[test]
fn some_of_the_addresses_and_then_others() {
    let name = |n: usize| format!("many-9-{n}.z.dev");
    for n in [1, 4, 9, 20] {
        let server = chain(&[&format!("rotate?n={n}")]);
        let mut seen = HashSet::new();
        for at in 0..40 {
            let truth: Vec<_> =
                zone(1.0).truth(&name(0)).a.iter().map(|a| a.octets().to_vec()).collect();
            // By attempt, and by name.
            let reply = ask(&server, &name(0), A);
            let data: Vec<_> = reply.answers.iter().map(|record| record.data.clone()).collect();
            assert_eq!(data.len(), n.min(9));
            let first = truth.iter().position(|address| *address == data[0]).unwrap();
            assert!(data.iter().enumerate().all(|(i, one)| *one == truth[(first + i) % 9]));
            seen.insert(first);
            assert_eq!(ask(&server, &name(at), A).answers.len(), n.min(9));
        }
        assert_eq!(seen.len(), 9, "each comes first some time");
    }
    let server = chain(&["rotate"]);
    assert_eq!(ask(&server, "nx-x.z.dev", A).rcode, 3);
    assert_eq!(ask(&server, "noaddr-x.z.dev", A).answers.len(), 0);
    let reply = ask(&server, "cname-v4only-x.z.dev", A);
    assert_eq!((reply.answers[0].kind, &reply.answers[1].data), (CNAME, &truth()));
}

#[test]
fn a_limit_of_the_rate() {
    let server = chain(&["rate?limit=5"]);
    // All within one of the server's seconds, or within two at the worst.
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_read_timeout(Some(QUIET)).unwrap();
    for id in 0..40 {
        socket.send_to(&query(id, &format!("v4only-{id}.z.dev"), A, None), server.addr()).unwrap();
    }
    let mut came = 0;
    let mut buffer = [0; 512];
    while socket.recv(&mut buffer).is_ok() {
        came += 1;
    }
    assert!((5..=10).contains(&came), "{came}");
    assert!(server.settle(LONG));
    let limited = server.truth().dns().iter().filter(|r| r.rcode.is_none()).count();
    assert_eq!(limited, 40 - came);
}

#[test]
fn chains_say_one_thing_after_the_other() {
    let server = chain(&["wrong-id", "delay?for=50ms", "forged?n=2", "garbage", "answer"]);
    let all = datagrams(&server, &query(7, NAME, A, None));
    assert_eq!(all.len(), 5);
    assert_eq!(read(&all[4].1).answers[0].data, truth());
    assert_eq!(decision(&server), ("answer", Some(1)));
}

#[test]
fn rules_by_name_type_way_attempt_and_number() {
    let server = spawn(rules(
        r#"
        [[query]]
        name = "*-flaky.z.dev"
        attempt = "1..2"
        fault = "servfail"
        [[query]]
        type = "AAAA"
        fault = "refused"
        [[query]]
        over = "tcp"
        fault = "nxdomain"
        [[query]]
        number = 7
        fault = "notimp"
        "#,
    ));
    let flaky = || ask(&server, "v4only-flaky.z.dev", A).rcode;
    assert_eq!([flaky(), flaky(), flaky()], [2, 2, 0]);
    assert_eq!(ask(&server, NAME, 28).rcode, 5);
    assert_eq!(ask_tcp(&server, NAME, A).rcode, 3);
    let plain = || ask(&server, NAME, A).rcode;
    assert_eq!([plain(), plain(), plain()], [0, 4, 0], "the seventh of all");
    let rules: Vec<_> = server.truth().dns().iter().map(|record| record.rule).collect();
    let some = |rule| Some(rule);
    assert_eq!(rules, [some(1), some(1), None, some(2), some(3), None, some(4), None]);
}

#[test]
fn chance_falls_the_same_in_any_order() {
    let text = "seed = 5\n[[query]]\nprobability = 0.4\nfault = \"servfail\"";
    let fates = |order: &mut dyn Iterator<Item = u32>| {
        let server = spawn(rules(text));
        let mut all: Vec<_> =
            order.map(|i| (i, ask(&server, &format!("v4only-{i}.z.dev"), A).rcode)).collect();
        all.sort_unstable();
        all
    };
    let first = fates(&mut (0..100));
    assert_eq!(first, fates(&mut (0..100).rev()));
    let struck = first.iter().filter(|(_, rcode)| *rcode == 2).count();
    assert!((20..60).contains(&struck), "{struck}");
}

#[test]
fn names_ask_for_faults_too() {
    let rehearsal = zone(1.0);
    let server = spawn(rehearsal.clone());
    let all = |label: &str| {
        let name = format!("{label}-v4only-x.z.dev");
        let all = datagrams(&server, &query(7, &name, A, None));
        (all.len(), rehearsal.truth(&name).told, decision(&server).0)
    };
    assert_eq!(all("dup"), (2, true, "duplicate"));
    assert_eq!(all("forged-9"), (10, true, "forged"));
    assert_eq!(all("lower"), (1, true, "lower-case"));
    assert_eq!(all("noedns"), (1, true, "no-edns"));
    assert_eq!(all("wrongid"), (1, false, "wrong-id"));
    assert_eq!(all("wrongquestion"), (1, false, "wrong-question"));
    assert_eq!(all("wrongsource"), (1, false, "wrong-source"));
    assert_eq!(all("garbage"), (1, false, "garbage"));
    assert_eq!(all("tcsilent"), (1, false, "truncate"));
    assert_eq!(all("tcreset-slow-20"), (1, false, "truncate"));
}

#[test]
fn a_zone_from_a_file_with_wildcards() {
    let file = "www A 127.0.0.1\n*.wild A 127.0.0.9\nalias CNAME www\n";
    let server = spawn(DnsRehearsal::new([DnsZone::from_file("file.dev", file).unwrap()]));
    let data = |name: &str| {
        let reply = ask(&server, name, A);
        (reply.rcode, reply.answers.last().map(|record| record.data.clone()))
    };
    assert_eq!(data("www.file.dev"), (0, Some(vec![127, 0, 0, 1])));
    assert_eq!(data("any.thing.wild.file.dev"), (0, Some(vec![127, 0, 0, 9])));
    assert_eq!(data("alias.file.dev"), (0, Some(vec![127, 0, 0, 1])));
    assert_eq!(data("none.file.dev"), (3, None));
}

#[test]
fn what_is_explained_is_what_happens() {
    let told = rules("[[query]]\ntype = \"A\"\nprobability = 0.5\nfault = \"servfail\"");
    let server = spawn(told.clone());
    for i in 0..20 {
        let name = format!("v4only-{i}.z.dev");
        let lines = told.explain(&name, 2).unwrap();
        assert_eq!(lines.len(), 5, "{lines:?}");
        for line in &lines[1..3] {
            let struck = ask(&server, &name, A).rcode == 2;
            assert_eq!(line.contains("rule 1, servfail"), struck, "{line}");
        }
    }
    assert_eq!(told.explain("a..b", 2), None);
}

#[test]
fn every_fault_of_the_catalogue_can_be_a_rule() {
    let faults = catalogue().filter(|(family, _)| *family == Family::Dns);
    let mut known = 0;
    for (_, about) in faults {
        let server = chain(&[about.example]);
        drop(datagrams(&server, &query(7, NAME, A, None)));
        assert!(server.settle(LONG));
        let record = server.truth().dns().pop().unwrap();
        assert_eq!((record.proto, record.rule), (Proto::Udp, Some(1)), "{}", about.name);
        assert_eq!(record.decision, about.name);
        known += 1;
    }
    assert!(known > 20, "{known}");
}
