//! Servers whose speed depends on their load, measured by clients that ask one after another.

use std::io::{Read, Write};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

use hoist_rehearsal::tls::{Authority, Certificate};
use hoist_rehearsal::{HttpRehearsal, Running, Scenario};

use crate::client::{Client, LONG, body, get, spawn};
use crate::frames::{HEADERS, Two, WINDOW, fields, frame};
use crate::tls;

fn under(model: &str) -> Running {
    let scenario = Scenario::default().loaded(model).unwrap();
    spawn(HttpRehearsal { scenario, http2: true, ..HttpRehearsal::local() })
}

/// Answers a second, to so many clients that ask for so long.
fn rate(server: &Running, clients: usize, time: Duration) -> f64 {
    let (began, answers) = (Instant::now(), AtomicU64::new(0));
    thread::scope(|scope| {
        for _ in 0..clients {
            scope.spawn(|| {
                let mut client = Client::to(server.addr());
                while began.elapsed() < time {
                    assert_eq!(client.ask("/bytes/100").answer().body, body(100));
                    answers.fetch_add(1, Relaxed);
                }
            });
        }
    });
    f64::from(u32::try_from(answers.into_inner()).unwrap()) / began.elapsed().as_secs_f64()
}

fn verdicts(server: &Running) -> Vec<(u64, &'static str)> {
    assert!(server.settle(LONG));
    let records = server.truth().http();
    records.iter().filter_map(|record| record.load).map(|l| (l.in_flight, l.verdict)).collect()
}

#[test]
fn beyond_a_cliff_all_are_refused_and_before_it_none() {
    let server = under("cliff?at=4&takes=1s&retry-after=7");
    let mut within: Vec<_> = (0..4).map(|_| Client::to(server.addr())).collect();
    for (n, client) in within.iter_mut().enumerate() {
        client.ask("/bytes/100");
        while server.stats().in_flight <= n as u64 {
            thread::yield_now();
        }
    }
    for _ in 0..3 {
        let refused = get(&server, "/bytes/100");
        assert_eq!(refused.line, "HTTP/1.1 429 Too Many Requests");
        assert_eq!(refused.header("Retry-After"), Some("7"));
    }
    for client in &mut within {
        assert_eq!(client.answer().body, body(100));
    }
    assert_eq!(get(&server, "/bytes/100").body, body(100), "there is room again");
    for record in server.truth().http() {
        let load = record.load.unwrap();
        assert_eq!(load.in_flight > 4, load.verdict == "refused", "{record:?}");
        assert_eq!(load.in_flight > 4, record.decision == "cliff", "{record:?}");
    }
    assert_eq!(verdicts(&server).iter().filter(|(_, verdict)| *verdict == "refused").count(), 3);
}

#[test]
fn a_cliff_counts_streams() {
    let server = under("cliff?at=4&takes=1s");
    let mut two = Two::to(&server);
    let ids: Vec<_> = (0..7).map(|_| two.ask("/bytes/100")).collect();
    let mut statuses = Vec::new();
    while statuses.len() < ids.len() {
        let frame = two.next().unwrap();
        if frame.kind == HEADERS {
            let status = fields(&frame.payload).swap_remove(0).1;
            statuses.push((frame.stream, status));
        }
    }
    statuses.sort();
    let refused = statuses.iter().filter(|(_, status)| status == "429").map(|(id, _)| *id);
    assert!(refused.eq(ids[4..].iter().copied()), "{statuses:?}");
}

#[test]
fn who_leaves_gives_its_place_back() {
    let server = under("cliff?at=1&takes=10m");
    for _ in 0..3 {
        let mut client = Client::to(server.addr());
        client.ask("/bytes/100");
        while server.stats().in_flight == 0 {
            thread::yield_now();
        }
        assert_eq!(get(&server, "/").line, "HTTP/1.1 429 Too Many Requests");
        drop(client);
        assert!(server.settle(LONG));
    }
    let placed: Vec<_> =
        verdicts(&server).into_iter().filter(|(_, verdict)| *verdict == "served").collect();
    assert_eq!(placed, [(1, "served"); 3]);
}

#[test]
fn alone_a_knee_gives_k_by_t_however_many_ask() {
    let server = under("knee?at=8&takes=40ms");
    let few = rate(&server, 4, Duration::from_secs(1));
    assert!((60.0..=101.0).contains(&few), "4 at once: {few}");
    let at_knee = rate(&server, 10, Duration::from_secs(2));
    let beyond = rate(&server, 40, Duration::from_secs(2));
    for rate in [at_knee, beyond] {
        assert!((150.0..=210.0).contains(&rate), "200 at most: {at_knee}, {beyond}");
    }
    let verdicts = verdicts(&server);
    assert!(verdicts.iter().any(|(n, verdict)| (*n, *verdict) == (40, "queued")));
    assert!(verdicts.iter().all(|(n, _)| *n <= 40));
}

#[test]
fn alone_a_collapse_does_less_the_more_ask() {
    let server = under("collapse?at=8&takes=20ms");
    let best = rate(&server, 8, Duration::from_secs(1));
    assert!((250.0..=401.0).contains(&best), "{best}");
    // 20 ms times 16: 100 a second.
    let beyond = rate(&server, 32, Duration::from_secs(2));
    assert!((60.0..=130.0).contains(&beyond), "{beyond}");
}

#[test]
fn alone_a_latency_is_the_same_for_all() {
    let server = under("latency?takes=100ms");
    for clients in [2, 50] {
        let rate = rate(&server, clients, Duration::from_secs(1));
        let best = f64::from(u32::try_from(clients).unwrap()) * 10.0;
        assert!((best * 0.7..=best).contains(&rate), "{clients}: {rate}");
    }
}

#[test]
fn alone_a_bandwidth_is_shared_and_kept() {
    const EACH: usize = 200_000;
    let server = under("bandwidth?rate=1000000&takes=0");
    for clients in [1, 10] {
        let began = Instant::now();
        let times: Vec<_> = thread::scope(|scope| {
            let ask = || {
                let answer = get(&server, &format!("/bytes/{EACH}"));
                assert_eq!(answer.body.len(), EACH);
                began.elapsed().as_secs_f64()
            };
            let all: Vec<_> = (0..clients).map(|_| scope.spawn(ask)).collect();
            all.into_iter().map(|one| one.join().unwrap()).collect()
        });
        let expected = 0.2 * f64::from(clients);
        for time in times {
            let share = time / expected;
            assert!((0.85..=1.15).contains(&share), "{clients}: {time} s for {expected} s");
        }
    }
}

#[test]
fn alone_a_bandwidth_holds_under_tls_and_for_streams() {
    let expected = 0.85..=1.15;
    let model = "bandwidth?rate=1000000&takes=0";
    let server = under(model);
    let mut two = Two::greet(&server, &[(4, 1 << 20)]);
    two.send(&frame(WINDOW, 0, 0, &(1_u32 << 20).to_be_bytes()));
    let began = Instant::now();
    let id = two.ask("/bytes/1000000");
    assert_eq!(two.answer(id).body, body(1_000_000));
    let time = began.elapsed().as_secs_f64();
    assert!(expected.contains(&time), "{time}");

    let authority = Authority::new().unwrap();
    let tls = Some(authority.identity(Certificate::Good).unwrap());
    let scenario = Scenario::default().loaded(model).unwrap();
    let server = spawn(HttpRehearsal { scenario, tls, ..HttpRehearsal::local() });
    let mut stream = tls::connect(&server, &authority);
    let began = Instant::now();
    let (bytes, _) = tls::ask(&mut stream, "/bytes/1000000");
    assert!(bytes.ends_with(&body(1_000_000)));
    let time = began.elapsed().as_secs_f64();
    assert!(expected.contains(&time), "{time}");
}

#[test]
fn alone_the_greedy_are_refused_until_their_penalty_is_over() {
    let server = under("greedy?rate=20&for=2s&then=refuse&takes=0");
    let mut client = Client::to(server.addr());
    let mut ask = || client.ask("/bytes/100").answer();
    let began = Instant::now();
    for n in 0..20 {
        assert_eq!(ask().body, body(100), "{n}");
    }
    while ask().line == "HTTP/1.1 200 OK" {
        assert!(began.elapsed() < LONG);
    }
    let refused = ask();
    assert_eq!(refused.line, "HTTP/1.1 429 Too Many Requests");
    assert_eq!(refused.header("Retry-After"), Some("2"));
    #[expect(clippy::disallowed_methods, reason = "the penalty is what this waits for")]
    thread::sleep(Duration::from_millis(2010));
    assert_eq!(ask().body, body(100));
    let verdicts: Vec<_> = verdicts(&server).into_iter().map(|(_, verdict)| verdict).collect();
    let caught = verdicts.iter().position(|verdict| *verdict == "caught").unwrap();
    assert!(verdicts[..caught].iter().all(|verdict| *verdict == "served"));
    assert_eq!(verdicts[caught + 1..], ["penalised", "served"]);
}

#[test]
fn without_a_model_the_log_says_nothing_of_load() {
    let server = crate::client::local();
    get(&server, "/bytes/1");
    assert!(server.settle(LONG));
    assert_eq!(server.truth().http()[0].load, None);
}

/// Who leaves while its bytes wait for their turn is noticed: its place is free again.
#[test]
fn a_client_that_leaves_a_bandwidth_is_noticed() {
    let server = under("bandwidth?rate=1000&takes=0");
    let mut client = std::net::TcpStream::connect(server.addr()).unwrap();
    client.write_all(b"GET /bytes/100000 HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
    let mut first = [0; 16];
    client.read_exact(&mut first).unwrap();
    drop(client);
    // All of it would take a hundred seconds.
    assert!(server.settle(Duration::from_secs(20)));
    let record = &server.truth().http()[0];
    assert!(record.body_sent < 50_000, "{record:?}");
}
