//! What a client meets that uses its connections again.

use std::time::{Duration, Instant};

use hoist_rehearsal::{End, HttpRecord, Running};

use crate::client::{Answer, Client, LONG, Left, body, local};

fn records(server: &Running) -> Vec<HttpRecord> {
    assert!(server.settle(LONG));
    server.truth().http()
}

const TIMEOUT: &str = "HTTP/1.1 408 Request Timeout\r\nServer: hoist-rehearsal\r\n\
    Content-Type: text/plain; charset=utf-8\r\nContent-Length: 20\r\nConnection: close\r\n\r\n\
    408 Request Timeout\n";

#[test]
fn a_stale_connection_answers_only_once() {
    for (how, bytes, left, end) in [
        ("close", "", Left::Closed, End::Close),
        ("reset", "", Left::Reset, End::Reset),
        ("cut", "HTTP/1.1 20", Left::Closed, End::Close),
    ] {
        let server = local();
        let target = format!("/fault/stale?how={how}");
        let mut client = Client::to(server.addr());
        let first = client.ask(&target).answer();
        assert_eq!((&first.body, first.header("Connection")), (&body(1000), None), "{how}");
        assert_eq!(client.ask(&target).rest(), (bytes.into(), left), "{how}");
        let again = Client::to(server.addr()).ask(&target).answer();
        assert_eq!(again.body, body(1000), "{how}: on a new connection");

        let logged: Vec<_> =
            records(&server).iter().map(|r| (r.conn, r.attempt, r.status, r.end)).collect();
        let ok = Some(200);
        assert_eq!(
            logged,
            [(1, 1, ok, End::Keep), (1, 2, None, end), (2, 3, ok, End::Keep)],
            "{how}"
        );
    }
}

#[test]
fn a_redirect_leads_to_a_stale_connection() {
    let server = local();
    let mut client = Client::to(server.addr());
    let answer = client.ask("/redirect/to?url=/fault/stale?how=reset").answer();
    assert_eq!(answer.header("Location"), Some("/fault/stale?how=reset"));
    assert_eq!(client.ask("/fault/stale?how=reset").rest(), (Vec::new(), Left::Reset));
}

#[test]
fn a_stale_connection_may_be_silent() {
    let server = local();
    let mut client = Client::to(server.addr());
    client.ask("/fault/stale?how=silent").answer();
    client.ask("/fault/stale?how=silent");
    client.0.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
    assert_eq!(client.rest(), (Vec::new(), Left::Open));
    drop(client);
    assert_eq!(records(&server)[1].status, None);
}

#[test]
fn idle_connections_are_closed() {
    let server = local();
    let mut client = Client::to(server.addr());
    let answer = client.ask("/fault/idle-close?after=100ms").answer();
    assert_eq!((&answer.body, answer.header("Connection")), (&body(1000), None));
    let began = Instant::now();
    assert_eq!(client.rest(), (Vec::new(), Left::Closed));
    assert!(began.elapsed() < LONG / 2);
    assert_eq!(records(&server)[0].end, End::Keep, "it was kept when the answer ended");

    // A request that is there already is served.
    let mut client = Client::to(server.addr());
    let head = |target| format!("GET {target} HTTP/1.1\r\nHost: localhost\r\n\r\n");
    let both = head("/fault/idle-close?after=0&to=/bytes/3") + &head("/fault/idle-close?after=0");
    client.send(both.as_bytes());
    let redirect = client.answer();
    assert_eq!(redirect.line, "HTTP/1.1 302 Found");
    assert_eq!(redirect.header("Location"), Some("/bytes/3"));
    assert_eq!(client.answer().body, body(1000));
    assert_eq!(client.rest(), (Vec::new(), Left::Closed));
}

#[test]
fn alone_an_idle_connection_lasts_as_long_as_told() {
    let server = local();
    for name in ["idle-close", "idle-408"] {
        let mut client = Client::to(server.addr());
        let target = format!("/fault/{name}?after=500ms");
        client.ask(&target).answer();
        assert_eq!(client.ask(&target).answer().body, body(1000), "used before its time");
        let began = Instant::now();
        let (_, left) = client.rest();
        assert_eq!(left, Left::Closed);
        let took = began.elapsed().as_millis();
        assert!((450..1500).contains(&took), "{took}");
    }
}

#[test]
fn a_quiet_connection_hears_408() {
    let server = local();
    let mut client = Client::to(server.addr());
    assert_eq!(client.ask("/fault/idle-408?after=50ms").answer().body, body(1000));
    let (bytes, left) = client.rest();
    assert_eq!((String::from_utf8(bytes).unwrap().as_str(), left), (TIMEOUT, Left::Closed));
    let logged = records(&server);
    assert_eq!((logged.len(), logged[0].status, logged[0].end), (1, Some(200), End::Keep));

    let mut client = Client::to(server.addr());
    let (bytes, _) = client.ask("/fault/idle-408?after=0&to=/bytes/3").rest();
    let text = String::from_utf8(bytes).unwrap();
    assert!(text.starts_with("HTTP/1.1 302 Found\r\n") && text.ends_with(TIMEOUT), "{text}");
}

#[test]
fn a_farewell_is_only_for_the_connection_it_was_meant_for() {
    let server = local();
    let mut client = Client::to(server.addr());
    client.ask("/fault/idle-408?after=10s").answer();
    client.ask("/fault/idle-close?after=50ms").answer();
    assert_eq!(client.rest(), (Vec::new(), Left::Closed));
}

#[test]
fn a_client_that_closes_hears_nothing_more() {
    let server = local();
    let mut client = Client::to(server.addr());
    client.ask("/fault/idle-408?after=10s").answer();
    client.0.shutdown(std::net::Shutdown::Write).unwrap();
    assert_eq!(client.rest(), (Vec::new(), Left::Closed));
}

#[test]
fn a_close_is_not_said() {
    let server = local();
    for (query, line, n) in
        [("", "HTTP/1.1 200 OK", 1000), ("?to=/bytes/3", "HTTP/1.1 302 Found", 0)]
    {
        let mut client = Client::to(server.addr());
        let (bytes, left) = client.ask(&format!("/fault/close-unsaid{query}")).rest();
        let answer = Answer::split(&bytes);
        assert_eq!((answer.line.as_str(), answer.header("Connection")), (line, None));
        assert_eq!((answer.body, left), (body(n), Left::Closed));
    }
    assert!(records(&server).iter().all(|r| r.end == End::Close));
}

#[test]
fn a_close_is_said_and_not_done() {
    let server = local();
    let mut client = Client::to(server.addr());
    let answer = client.ask("/fault/close-kept").answer();
    assert_eq!((answer.header("Connection"), &answer.body), (Some("close"), &body(1000)));
    client.ask("/bytes/3").0.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
    assert_eq!(client.rest(), (Vec::new(), Left::Open), "neither answered nor closed");
    drop(client);
    let logged = records(&server);
    assert_eq!((logged.len(), logged[0].body_sent, logged[0].end), (1, 1000, End::Close));
}

#[test]
fn a_forged_answer_follows() {
    let server = local();
    for (query, line, n) in
        [("", "HTTP/1.1 200 OK", 1000), ("?to=/bytes/1000", "HTTP/1.1 302 Found", 0)]
    {
        let mut client = Client::to(server.addr());
        let first = client.ask(&format!("/fault/surplus{query}")).answer();
        assert_eq!((first.line.as_str(), &first.body), (line, &body(n)));
        let forged = client.ask("/bytes/1000").answer();
        assert_eq!((forged.line.as_str(), forged.body.len()), ("HTTP/1.1 200 OK", 1000));
        assert!(forged.body.starts_with(b"forged forged "));
        assert_eq!(client.answer().body, body(1000), "the true answer comes behind it");
    }
    let logged = records(&server);
    assert_eq!((logged[0].body_promised, logged[0].end), (Some(1000), End::Keep));
    assert!(logged[0].body_sent > 2000, "more than promised");
    assert_eq!((logged[1].decision, logged[1].body_sent), ("bytes", 1000));
}

#[test]
fn a_forged_answer_follows_content_of_any_length() {
    let server = local();
    for n in [0, 999, 1001, 200_000] {
        let mut client = Client::to(server.addr());
        client.ask(&format!("/fault/surplus?of={n}"));
        assert!(client.answer().line.starts_with("HTTP/1.1 "), "{n}");
    }
}

#[test]
fn a_kept_connection_is_said_to_be_short_lived() {
    let server = local();
    let mut client = Client::to(server.addr());
    let answer = client.ask("/fault/keep-short").answer();
    assert_eq!(answer.header("Keep-Alive"), Some("timeout=0, max=1"));
    assert_eq!((answer.header("Connection"), &answer.body), (Some("keep-alive"), &body(1000)));
    let answer = client.ask("/fault/keep-short?timeout=5&max=100&to=/bytes/3").answer();
    assert_eq!(answer.header("Keep-Alive"), Some("timeout=5, max=100"));
    assert_eq!(client.ask("/bytes/3").answer().body, body(3), "but it is kept");
}

#[test]
fn heads_only_for_head() {
    let server = local();
    for name in ["stale", "idle-close", "idle-408", "close-unsaid", "surplus", "keep-short"] {
        let mut client = Client::to(server.addr());
        let head = format!("HEAD /fault/{name} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
        let (bytes, left) = client.send(head.as_bytes()).rest();
        let answer = Answer::split(&bytes);
        assert_eq!(answer.header("Content-Length"), Some("1000"), "{name}");
        assert_eq!((answer.body.as_slice(), left), (b"".as_slice(), Left::Closed), "{name}");
    }
}
