//! On the wire, as a client sees it. No URL names these faults, so they are tested from within.

use std::collections::HashSet;
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Instant;

use super::*;
use crate::scenario::{ConnectionRule, Numbers, Scenario};
use crate::{HttpRecord, HttpRehearsal, Running, Truth};

/// Far beyond what anything here takes, so that a hung test ends.
const LONG: Duration = Duration::from_secs(30);
/// Long enough to see that nothing comes.
const QUIET: Duration = Duration::from_millis(200);
const ASK: &[u8] = b"GET /bytes/3 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";

#[derive(Debug, PartialEq, Eq)]
enum Left {
    Closed,
    Reset,
    Open,
}

fn spawn(scenario: Scenario) -> Running {
    let rehearsal = HttpRehearsal { scenario, truth: Truth::memory(), ..HttpRehearsal::local() };
    rehearsal.spawn(&["127.0.0.1:0".parse().unwrap()]).unwrap()
}

fn with(fault: &str) -> Running {
    spawn(Scenario::of_connections(ConnectionFault::parse(fault).unwrap()))
}

fn connect(server: &Running) -> TcpStream {
    let stream = TcpStream::connect(server.addr()).unwrap();
    stream.set_read_timeout(Some(LONG)).unwrap();
    stream
}

/// All that comes, and how it ends.
fn rest(mut stream: &TcpStream) -> (Vec<u8>, Left) {
    let (mut bytes, mut piece) = (Vec::new(), [0; 4096]);
    loop {
        match stream.read(&mut piece) {
            Ok(0) => return (bytes, Left::Closed),
            Ok(n) => bytes.extend_from_slice(&piece[..n]),
            Err(e) if e.kind() == ErrorKind::ConnectionReset => return (bytes, Left::Reset),
            Err(e) if matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                return (bytes, Left::Open);
            }
            Err(e) => panic!("{e}"),
        }
    }
}

/// That these bytes come, and nothing after them.
#[track_caller]
fn says_and_waits(mut stream: &TcpStream, said: &[u8]) {
    let mut bytes = vec![0; said.len()];
    stream.read_exact(&mut bytes).unwrap();
    assert_eq!(bytes, said);
    stream.set_read_timeout(Some(QUIET)).unwrap();
    assert_eq!(rest(stream), (Vec::new(), Left::Open));
}

/// What the log has, once there is so much of it.
fn records(server: &Running, n: usize) -> Vec<HttpRecord> {
    let until = Instant::now() + LONG;
    while server.truth().http().len() < n && Instant::now() < until {
        std::thread::park_timeout(Duration::from_millis(1));
    }
    server.truth().http()
}

fn logged(server: &Running) -> (&'static str, Option<usize>, End) {
    let record = records(server, 1).remove(0);
    assert_eq!((record.status, record.body_sent, record.conn), (None, 0, 1));
    assert_eq!((record.method.as_str(), record.path.as_str()), ("", ""));
    (record.decision, record.rule, record.end)
}

#[test]
fn every_entry_is_its_own_and_its_example_and_cases_hold() {
    let mut names = HashSet::new();
    for ConnectionEntry { about, cases, family, .. } in connections() {
        assert!(names.insert(about.name), "{} twice", about.name);
        let fault = ConnectionFault::parse(about.example).unwrap();
        assert_eq!(fault.name(), about.name);
        assert!(!about.does.ends_with('.') && about.does.len() < 100, "{}", about.does);
        for case in *cases {
            let (spec, of) = match case.door {
                Door::Connection(spec) => (spec, Family::Connect),
                Door::TlsConnection(spec) => (spec, Family::Tls),
                Door::Http2Connection(spec) => (spec, Family::Http2),
                _ => panic!("{}: its case has another door", about.name),
            };
            assert_eq!(ConnectionFault::parse(spec).unwrap().name(), about.name);
            assert_eq!(of, *family);
        }
        assert!(!cases.is_empty(), "{}", about.name);
    }
    for wrong in ["refused", "refuse?x1&of=1", "accept-slow?for=11m", "tls-alert?code=256"] {
        assert!(ConnectionFault::parse(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn nobody_listens() {
    let server = with("refuse");
    let refused = TcpStream::connect(server.addr()).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
    assert_eq!(server.truth().http(), [], "nobody came, so nothing is logged");
    let addr = server.addr();
    let taken = HttpRehearsal::local().spawn(&[addr]).unwrap_err();
    assert_eq!(taken.kind(), ErrorKind::AddrInUse, "nobody else gets the port");
}

#[test]
fn nobody_answers_a_connection() {
    for _ in 0..10 {
        let server = with("unanswered");
        let late = TcpStream::connect_timeout(&server.addr(), QUIET).unwrap_err();
        assert_eq!(late.kind(), ErrorKind::TimedOut);
    }
    let any: SocketAddr = "[::]:0".parse().unwrap();
    let fault = ConnectionFault::Unanswered;
    let Ok((at, _sockets)) = fault.shut(any) else { return };
    let here = SocketAddr::new("::1".parse().unwrap(), at.port());
    let late = TcpStream::connect_timeout(&here, QUIET).unwrap_err();
    assert_eq!(late.kind(), ErrorKind::TimedOut);
}

#[test]
fn silence_lasts_until_the_client_leaves() {
    let server = with("accept-silent");
    let mut stream = connect(&server);
    stream.write_all(ASK).unwrap();
    stream.set_read_timeout(Some(QUIET)).unwrap();
    assert_eq!(rest(&stream), (Vec::new(), Left::Open));
    assert_eq!((server.stats().connections, server.truth().http().len()), (1, 0));
    drop(stream);
    assert_eq!(logged(&server), ("accept-silent", None, End::Close));
}

#[test]
fn a_reset_is_one_and_a_close_is_one_whatever_was_sent() {
    for asks in [true, false] {
        for (fault, left, end) in
            [("accept-reset", Left::Reset, End::Reset), ("accept-close", Left::Closed, End::Close)]
        {
            let server = with(fault);
            let mut stream = connect(&server);
            // The reset may be there first; then writing meets it, and reading finds nothing more.
            let met = asks && stream.write_all(ASK).is_err();
            let (bytes, how) = rest(&stream);
            assert!(bytes.is_empty());
            assert!(how == left || met && left == Left::Reset, "{fault}: {how:?}");
            drop(stream);
            assert_eq!(logged(&server), (fault, None, end));
        }
    }
}

#[test]
fn a_slow_beginning_loses_nothing() {
    let server = with("accept-slow?for=300ms");
    let began = Instant::now();
    let mut stream = connect(&server);
    stream.write_all(ASK).unwrap();
    let (bytes, left) = rest(&stream);
    assert!(began.elapsed() >= Duration::from_millis(299), "{:?}", began.elapsed());
    assert!(bytes.starts_with(b"HTTP/1.1 200 OK\r\n"));
    assert_eq!(left, Left::Closed);
    let records = records(&server, 2);
    assert_eq!((records[0].decision, records[0].end), ("accept-slow", End::Keep));
    assert_eq!(records[0].delay, Duration::from_millis(300));
    assert_eq!((records[1].decision, records[1].body_sent), ("bytes", 3));
}

#[test]
fn a_slow_beginning_ends_when_the_client_leaves() {
    for asks in [true, false] {
        let server = with("accept-slow?for=10m");
        let mut stream = connect(&server);
        if asks {
            stream.write_all(ASK).unwrap();
        }
        while server.stats().connections == 0 {
            std::thread::yield_now();
        }
        drop(stream);
        assert_eq!(logged(&server), ("accept-slow", None, End::Close));
    }
}

#[test]
fn a_server_that_speaks_first() {
    let server = with("accept-banner");
    let stream = connect(&server);
    says_and_waits(&stream, b"220 mail.example ESMTP\r\n");
    drop(stream);
    assert_eq!(logged(&server), ("accept-banner", None, End::Close));

    let server = with("accept-talk?status=503");
    let stream = connect(&server);
    let said = "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 12\r\n\
                Connection: close\r\n\r\nnobody asked";
    assert_eq!(rest(&stream), (said.into(), Left::Closed));
    drop(stream);
    assert_eq!(logged(&server), ("accept-talk", None, End::Close));
}

#[test]
fn what_a_handshake_meets() {
    let plain = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nplain";
    for (fault, said, left, end) in [
        ("tls-garbage", b"220 this is no TLS\r\n".as_slice(), Left::Closed, End::Close),
        ("tls-plain", plain.as_bytes(), Left::Closed, End::Close),
        ("tls-alert", b"\x15\x03\x03\x00\x02\x02\x28", Left::Closed, End::Close),
        ("tls-alert?code=0", b"\x15\x03\x03\x00\x02\x01\x00", Left::Closed, End::Close),
        ("tls-close", b"", Left::Closed, End::Close),
        ("tls-reset", b"", Left::Reset, End::Reset),
        ("tls-stall", b"\x16\x03\x03\x00\x7a\x02\x00\x00\x76\x03\x03", Left::Open, End::Close),
    ] {
        let server = with(fault);
        let mut stream = connect(&server);
        // The head of a ClientHello is enough to be heard.
        stream.write_all(b"\x16\x03\x01\x00\x05\x01\x00\x00\x01\x03").unwrap();
        if left == Left::Open {
            says_and_waits(&stream, said);
        } else {
            assert_eq!(rest(&stream), (said.to_vec(), left), "{fault}");
        }
        drop(stream);
        let name = fault.split('?').next().unwrap();
        assert_eq!(logged(&server), (name, None, end), "{fault}");
    }
}

#[test]
fn a_stop_ends_it_and_logs_it() {
    for fault in ["accept-silent", "accept-slow?for=10m", "accept-close"] {
        let server = with(fault);
        let stream = connect(&server);
        while server.stats().connections == 0 {
            std::thread::yield_now();
        }
        let truth = server.truth().clone();
        server.stop();
        assert_ne!(rest(&stream).1, Left::Open);
        assert_eq!(truth.http().len(), 1, "{fault}");
        assert_eq!(truth.http()[0].end, End::Close, "{fault}");
    }
}

#[test]
fn a_rule_is_for_the_connections_it_names() {
    let rule = |number, fault| ConnectionRule {
        number: Some(Numbers::parse(number).unwrap()),
        probability: 1.0,
        fault: ConnectionFault::parse(fault).unwrap(),
    };
    let connections = vec![rule("2", "refuse"), rule("2..3", "accept-close")];
    let mut scenario = Scenario::default();
    scenario.connections = connections;
    let server = spawn(scenario);
    let ends = [Left::Closed, Left::Reset, Left::Closed, Left::Closed];
    for (left, served) in ends.into_iter().zip([true, false, false, true]) {
        let mut stream = connect(&server);
        // A reset that comes before this is told here, and not again.
        let reset = stream.write_all(ASK).is_err_and(|e| e.kind() == ErrorKind::ConnectionReset);
        let (bytes, how) = rest(&stream);
        let how = if reset { Left::Reset } else { how };
        assert_eq!((how, !bytes.is_empty()), (left, served));
    }
    assert_eq!(records(&server, 2)[1].decision, "refuse", "as near as it comes for one alone");
    let rules: Vec<_> = records(&server, 4).iter().map(|r| (r.conn, r.rule)).collect();
    assert_eq!(rules, [(1, None), (2, Some(1)), (3, Some(2)), (4, None)]);
}
