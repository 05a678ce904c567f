//! Each fault does what its name says, and the log says so too.

use std::time::{Duration, Instant};

use hoist_rehearsal::End;

use crate::client::{Answer, Client, LONG, Left, all, body, get, last, local};

#[test]
fn statuses_have_their_phrases() {
    let server = local();
    let teapot = get(&server, "/status/418");
    assert_eq!(teapot.line, "HTTP/1.1 418 I'm a teapot");
    let busy = get(&server, "/status/503?retry-after=7");
    assert_eq!(busy.line, "HTTP/1.1 503 Service Unavailable");
    assert_eq!(busy.header("Retry-After"), Some("7"));
    let date = get(&server, "/status/429?retry-after=Fri,%2031%20Dec%202027%2023:59:59%20GMT");
    assert_eq!(date.header("Retry-After"), Some("Fri, 31 Dec 2027 23:59:59 GMT"));
    assert!(get(&server, "/status/401").header("WWW-Authenticate").is_some());
    let empty = get(&server, "/status/204");
    assert_eq!((empty.line.as_str(), empty.body.len()), ("HTTP/1.1 204 No Content", 0));
    let record = last(&server);
    assert_eq!((record.decision, record.status, record.end), ("status", Some(204), End::Keep));
}

#[test]
fn a_wrong_parameter_is_refused_not_guessed() {
    let server = local();
    for target in [
        "/status/abc",
        "/status/99",
        "/status/200?retry_after=1",
        "/status/200?retry-after=1%0d%0aX:%20y",
        "/bytes/x",
        "/bytes/-1",
        "/bytes/1099511627777",
        "/fault/short?off=1",
        "/slow?delay=-1",
        "/slow?delay=NaN",
        "/redirect/to",
        "/redirect/to?url=%0a",
    ] {
        let answer = get(&server, target);
        assert_eq!(answer.line, "HTTP/1.1 400 Bad Request", "{target}");
        assert_eq!(last(&server).decision, "refused", "{target}");
    }
}

#[test]
fn sized_bodies_are_the_bytes_they_should_be() {
    let server = local();
    for n in [0, 1, 7, 4096, 65_536, 65_537, 1_000_003] {
        assert!(get(&server, &format!("/bytes/{n}")).body == body(n), "{n}");
    }
    assert!(server.settle(LONG));
    let sent: Vec<_> = server.truth().http().iter().map(|r| r.body_sent).collect();
    assert_eq!(sent, [0, 1, 7, 4096, 65_536, 65_537, 1_000_003]);
}

#[test]
fn a_reset_is_a_reset() {
    let server = local();
    assert_eq!(all(&server, "/fault/reset"), (Vec::new(), Left::Reset));
    let record = last(&server);
    assert_eq!((record.status, record.body_sent, record.end), (None, 0, End::Reset));
    let (bytes, left) = all(&server, "/fault/reset?after=0");
    assert_eq!((bytes.len(), left), (0, Left::Reset));

    let (bytes, left) = all(&server, "/fault/reset?after=100");
    assert_eq!(left, Left::Reset);
    assert_eq!(Answer::split(&bytes).body, body(100));
    let record = last(&server);
    assert_eq!((record.body_promised, record.body_sent), (Some(1100), 100));
}

#[test]
fn a_short_body_ends_in_order() {
    let server = local();
    let (bytes, left) = all(&server, "/fault/short?of=10&send=3");
    assert_eq!(left, Left::Closed);
    let answer = Answer::split(&bytes);
    assert_eq!(answer.header("Content-Length"), Some("10"));
    assert_eq!(answer.header("Connection"), None, "it gives no warning");
    assert_eq!(answer.body, body(3));
    let record = last(&server);
    assert_eq!((record.decision, record.status), ("short", Some(200)));
    assert_eq!((record.body_promised, record.body_sent, record.end), (Some(10), 3, End::Close));
}

#[test]
fn a_long_body_has_more_than_promised() {
    let (bytes, left) = all(&local(), "/fault/long?of=10&send=13");
    assert_eq!(left, Left::Closed);
    let answer = Answer::split(&bytes);
    assert_eq!((answer.header("Content-Length"), &answer.body), (Some("10"), &body(13)));
}

#[test]
fn silence_lasts_until_the_client_leaves() {
    let server = local();
    for (target, bytes) in [("/fault/silent", 0), ("/fault/stall?of=9&send=4", 4)] {
        let mut client = Client::to(server.addr());
        client.ask(target);
        client.0.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
        let (got, left) = client.rest();
        assert_eq!(left, Left::Open);
        assert!(got.ends_with(&body(bytes)) && got.is_empty() == (bytes == 0));
        assert_eq!(server.stats().in_flight, 1);
        drop(client);
        let record = last(&server);
        assert_eq!((record.body_sent, record.end), (bytes as u64, End::Close));
    }
}

#[test]
fn garbage_is_no_http() {
    let (bytes, left) = all(&local(), "/fault/garbage");
    assert_eq!(left, Left::Closed);
    assert!(!bytes.is_empty() && !bytes.starts_with(b"HTTP/"));
}

#[test]
fn lengths_that_contradict() {
    let server = local();
    let (bytes, left) = all(&server, "/fault/lengths?a=5&b=6");
    let answer = Answer::split(&bytes);
    assert_eq!((answer.headers("Content-Length"), left), (vec!["5", "6"], Left::Closed));
    assert_eq!(answer.body, body(6));

    let mut client = Client::to(server.addr());
    let answer = client.ask("/fault/lengths?a=5&b=5").answer();
    assert_eq!(answer.headers("Content-Length"), ["5", "5"]);
    assert_eq!(client.ask("/bytes/1").answer().body, body(1), "equal ones are harmless");

    let (bytes, _) = all(&server, "/fault/length-and-chunked");
    let answer = Answer::split(&bytes);
    assert_eq!(answer.header("Content-Length"), Some("5"));
    assert_eq!(answer.header("Transfer-Encoding"), Some("chunked"));
    assert_eq!(answer.body, [b"5\r\n", body(5).as_slice(), b"\r\n0\r\n\r\n"].concat());
}

#[test]
fn chunks_whole_and_cut() {
    let server = local();
    let mut client = Client::to(server.addr());
    client.send(b"GET /chunked?of=10 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    let (bytes, _) = client.rest();
    let b = body(10);
    let whole = [b"3\r\n", &b[..3], b"\r\n3\r\n", &b[3..6], b"\r\n3\r\n", &b[6..9], b"\r\n1\r\n"];
    let expected = [&whole.concat(), &b[9..], b"\r\n0\r\n\r\n"].concat();
    assert_eq!(Answer::split(&bytes).body, expected);
    assert!(server.settle(LONG));
    assert_eq!(server.truth().http()[0].body_sent, 10, "framing is no body");

    let (bytes, left) = all(&server, "/chunked?of=10&cut=4");
    assert_eq!(left, Left::Closed);
    let expected = [b"3\r\n", &b[..3], b"\r\n1\r\n", &b[3..4], b"\r\n"].concat();
    assert_eq!(Answer::split(&bytes).body, expected);
}

#[test]
fn an_unframed_body_ends_with_the_connection() {
    let (bytes, left) = all(&local(), "/unframed?of=70000");
    let answer = Answer::split(&bytes);
    assert_eq!(left, Left::Closed);
    assert_eq!(answer.header("Content-Length").or(answer.header("Transfer-Encoding")), None);
    assert!(answer.body == body(70_000));
}

#[test]
fn late_and_slow_answers_take_their_time() {
    let server = local();
    let began = Instant::now();
    assert_eq!(get(&server, "/slow?delay=0.2").line, "HTTP/1.1 200 OK");
    assert!(began.elapsed() >= Duration::from_millis(199));
    assert_eq!(last(&server).delay, Duration::from_millis(200));

    let began = Instant::now();
    assert_eq!(get(&server, "/drip?rate=100&of=30").body, body(30));
    assert!(began.elapsed() >= Duration::from_millis(295), "{:?}", began.elapsed());
    assert!(get(&server, "/drip?rate=1000000&of=100000").body == body(100_000));
}

#[test]
fn redirects_lead_on() {
    let server = local();
    let mut client = Client::to(server.addr());
    let mut at = "/redirect/3".to_owned();
    let mut hops = 0;
    let end = loop {
        let answer = client.ask(&at).answer();
        match answer.header("Location") {
            Some(next) => at = next.to_owned(),
            None => break answer,
        }
        assert_eq!(answer.line, "HTTP/1.1 302 Found");
        hops += 1;
    };
    assert_eq!((hops, end.line.as_str()), (3, "HTTP/1.1 200 OK"));
    let looped = client.ask("/redirect/loop?x").answer();
    assert_eq!(looped.header("Location"), Some("/redirect/loop?x"));
    let to = client.ask("/redirect/to?url=http%3A%2F%2Fh%3A1%2F%3Fa%26b&status=307").answer();
    assert_eq!(to.line, "HTTP/1.1 307 Temporary Redirect");
    assert_eq!(to.header("Location"), Some("http://h:1/?a&b"));
}

#[test]
fn flaky_fails_as_often_as_told_for_each_url_of_its_own() {
    let server = local();
    let lines = |target: &str| {
        (0..4).map(|_| get(&server, target).line[9..12].to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(lines("/flaky?fail=2"), ["503", "503", "200", "200"]);
    assert_eq!(lines("/flaky?fail=2&id=other&status=500"), ["500", "500", "200", "200"]);
    assert!(server.settle(LONG));
    let attempts: Vec<_> = server.truth().http().iter().map(|r| r.attempt).collect();
    assert_eq!(attempts, [1, 2, 3, 4, 1, 2, 3, 4]);
}

#[test]
fn the_request_headers_come_back_as_they_were_sent() {
    let server = local();
    let mut client = Client::to(server.addr());
    client.send(b"GET /headers HTTP/1.1\r\nhost: A\r\nX-y:  z\r\n\r\n");
    assert_eq!(client.answer().text(), "host: A\r\nX-y:  z\r\n");
}

#[test]
fn interim_answers_come_first() {
    let server = local();
    let mut client = Client::to(server.addr());
    client.ask("/interim?n=3");
    for _ in 0..3 {
        let early = client.answer();
        assert_eq!(early.line, "HTTP/1.1 103 Early Hints");
        assert!(early.header("Link").is_some());
    }
    assert_eq!(client.answer().line, "HTTP/1.1 200 OK");
}
