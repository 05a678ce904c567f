//! What no client may send, and how a server ends.

use std::fmt::Write as _;
use std::fs;
use std::net::TcpStream;
use std::time::Duration;

use hoist_rehearsal::{HttpRehearsal, Truth};

use crate::client::{Answer, Client, LONG, Left, get, local};

#[test]
fn long_urls_are_served_and_endless_heads_are_not() {
    let server = local();
    let long = format!("/bytes/3?x{}", "y".repeat(60 << 10));
    assert_eq!(get(&server, &long).body.len(), 3);
    assert!(server.settle(LONG));
    assert_eq!(server.truth().http()[0].path, long);

    let too_long = |head: String| {
        let mut client = Client::to(server.addr());
        client.send(head.as_bytes());
        let (bytes, left) = client.rest();
        (Answer::split(&bytes).line, left)
    };
    let line = format!("GET /{}", "y".repeat(140 << 10));
    assert_eq!(too_long(line), ("HTTP/1.1 414 URI Too Long".into(), Left::Closed));
    let mut headers = "GET / HTTP/1.1\r\n".to_owned();
    for i in 0..14_000 {
        write!(headers, "X-{i}: y\r\n").unwrap();
    }
    let expected = "HTTP/1.1 431 Request Header Fields Too Large";
    assert_eq!(too_long(headers), (expected.into(), Left::Closed));
}

#[test]
fn other_methods_are_not_allowed_and_bad_requests_are_refused() {
    let server = local();
    let mut client = Client::to(server.addr());
    client.send(b"POST /bytes/1 HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nbody");
    let answer = client.answer();
    assert_eq!(answer.line, "HTTP/1.1 405 Method Not Allowed");
    assert_eq!(answer.header("Allow"), Some("GET, HEAD"));
    assert_eq!(client.ask("/bytes/1").answer().body.len(), 1, "the body was skipped");
    client.send(b"nonsense\r\n\r\n");
    let (bytes, left) = client.rest();
    assert_eq!(left, Left::Closed);
    assert_eq!(Answer::split(&bytes).line, "HTTP/1.1 400 Bad Request");
}

#[test]
fn http_1_0_and_close_end_the_connection() {
    let server = local();
    for head in [
        "GET /bytes/2 HTTP/1.0\r\n\r\n",
        "GET /bytes/2 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
    ] {
        let mut client = Client::to(server.addr());
        let (bytes, left) = client.send(head.as_bytes()).rest();
        let answer = Answer::split(&bytes);
        assert_eq!((answer.body.len(), left), (2, Left::Closed));
        assert_eq!(answer.header("Connection"), Some("close"));
    }
}

#[test]
fn stopping_closes_at_once_whatever_is_in_flight() {
    let server = local();
    let addr = server.addr();
    let mut idle = Client::to(addr);
    idle.ask("/bytes/1").answer();
    let mut waiting = Client::to(addr);
    waiting.ask("/fault/silent");
    while server.stats().requests < 2 {
        std::thread::yield_now();
    }
    let truth = server.truth().clone();
    server.stop();
    assert_ne!(idle.rest().1, Left::Open);
    assert_ne!(waiting.rest().1, Left::Open);
    assert!(TcpStream::connect_timeout(&addr, Duration::from_secs(1)).is_err());
    let records = truth.http();
    assert_eq!(records.len(), 2, "what was cut off is logged too");
    assert_eq!(records[1].decision, "silent");
    HttpRehearsal::local().spawn(&[addr]).expect("the port is free again");
}

#[test]
fn both_families_share_a_port() {
    let addrs = ["127.0.0.1:0", "[::1]:0"].map(|a| a.parse().unwrap());
    let server = HttpRehearsal::local().spawn(&addrs).unwrap();
    for addr in server.addrs() {
        assert_eq!(addr.port(), server.port());
        assert_eq!(Client::to(*addr).ask("/bytes/1").answer().body.len(), 1);
    }
}

#[test]
fn the_log_on_disk_is_whole_after_a_stop() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("truth.jsonl");
    let rehearsal = HttpRehearsal { truth: Truth::file(&path).unwrap(), ..HttpRehearsal::local() };
    let server = rehearsal.spawn(&["127.0.0.1:0".parse().unwrap()]).unwrap();
    let mut client = Client::to(server.addr());
    for i in 0..500 {
        client.ask(&format!("/bytes/{i}")).answer();
    }
    assert!(server.settle(LONG));
    server.stop();
    let text = fs::read_to_string(path).unwrap();
    let lines: Vec<serde_json::Value> =
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 500);
    for (i, line) in lines.iter().enumerate() {
        assert_eq!((&line["body_sent"], &line["end"]), (&i.into(), &"keep".into()));
    }
}

#[test]
fn servers_can_be_started_from_any_runtime() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let server = local();
        assert_eq!(get(&server, "/bytes/1").body.len(), 1);
    });
}
