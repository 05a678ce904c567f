//! Delays and errors fall as the seed says, whatever the order of arrival.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use hoist_rehearsal::http::decide;
use hoist_rehearsal::{HttpRehearsal, flags};

use crate::client::{Client, LONG, get, spawn};

fn error(seed: u64) -> HttpRehearsal {
    let delay = Duration::ZERO..=Duration::from_millis(20);
    HttpRehearsal { delay, error_rate: 0.25, seed, ..HttpRehearsal::local() }
}

fn target(cc: &str) -> String {
    let cc = cc.to_ascii_lowercase();
    format!("/flags/{cc}/{cc}.gif")
}

#[test]
fn the_server_does_what_decide_says_and_logs_it() {
    let rehearsal = error(5);
    let plan = rehearsal.plan();
    let server = spawn(rehearsal);
    let mut codes = flags::COUNTRY_CODES[..60].to_vec();
    codes.reverse();
    let mut client = Client::to(server.addr());
    for cc in &codes {
        for attempt in 1..=2 {
            let decision = decide(5, "GET", &target(cc), attempt, &plan);
            let began = Instant::now();
            let answer = client.ask(&target(cc)).answer();
            let took = began.elapsed();
            assert!(took + Duration::from_millis(1) >= decision.delay, "{took:?} {decision:?}");
            let expected = decision.status.unwrap_or(200).to_string();
            assert_eq!(&answer.line[9..12], expected, "{cc} {attempt}");
        }
    }
    assert!(server.settle(LONG));
    for record in server.truth().http() {
        let decision = decide(5, "GET", &record.path, record.attempt, &plan);
        assert_eq!((record.delay, record.status), (decision.delay, decision.status.or(Some(200))));
        assert_eq!(record.decision, if decision.status.is_some() { "error" } else { "content" });
    }
}

#[test]
fn another_host_header_counts_apart_and_meets_the_same_fate() {
    let server = spawn(error(6));
    let fates = |host: &str| {
        let mut client = Client::to(server.addr());
        let ask = |cc: &&str| {
            let head = format!("GET {} HTTP/1.1\r\nHost: {host}\r\n\r\n", target(cc));
            client.send(head.as_bytes()).answer().line
        };
        flags::COUNTRY_CODES[..40].iter().map(ask).collect::<Vec<_>>()
    };
    assert_eq!(fates("a"), fates("b:81"));
    assert!(server.settle(LONG));
    assert!(server.truth().http().iter().all(|r| r.attempt == 1));
}

#[test]
fn errors_strike_what_is_not_there_too_but_never_a_fault() {
    let always = HttpRehearsal { error_rate: 1.0, ..HttpRehearsal::local() };
    let server = spawn(always);
    assert_eq!(get(&server, "/flags/xx/xx.gif").line, "HTTP/1.1 418 I'm a teapot");
    assert_eq!(get(&server, "/bytes/1").line, "HTTP/1.1 200 OK");
}

#[test]
fn delayed_answers_wait_side_by_side() {
    let delay = Duration::from_millis(300)..=Duration::from_millis(300);
    let server = spawn(HttpRehearsal { delay, ..HttpRehearsal::local() });
    let began = Instant::now();
    let mut clients: HashMap<_, _> = (0..50).map(|i| (i, Client::to(server.addr()))).collect();
    for client in clients.values_mut() {
        client.ask("/flags/fr/fr.gif");
    }
    for client in clients.values_mut() {
        assert_eq!(client.answer().line, "HTTP/1.1 200 OK");
    }
    assert!(began.elapsed() < Duration::from_millis(50 * 300 / 2), "{:?}", began.elapsed());
    let stats = server.stats();
    assert_eq!((stats.max_in_flight, stats.max_connections), (50, 50));
}

#[test]
fn a_client_that_leaves_during_the_delay_is_let_go() {
    let delay = Duration::from_mins(9)..=Duration::from_mins(9);
    let server = spawn(HttpRehearsal { delay, ..HttpRehearsal::local() });
    let mut client = Client::to(server.addr());
    client.ask("/flags/fr/fr.gif").0.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
    assert!(client.rest().0.is_empty());
    drop(client);
    assert!(server.settle(LONG), "still waiting for a client that left");
    assert_eq!(server.truth().http()[0].body_sent, 0);
}
