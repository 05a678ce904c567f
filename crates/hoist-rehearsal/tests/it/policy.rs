//! Statuses, when to come again, quotas, and pages that are not what was asked for.

use std::time::{Duration, SystemTime};

use hoist_rehearsal::{End, HttpRecord, Running};

use crate::client::{Answer, Client, LONG, Left, all, body, get, local};

fn records(server: &Running) -> Vec<HttpRecord> {
    assert!(server.settle(LONG));
    server.truth().http()
}

fn code(answer: &Answer) -> &str {
    &answer.line[9..12]
}

#[test]
fn any_status_comes_with_its_page() {
    let server = local();
    let mut client = Client::to(server.addr());
    for (status, line, text) in [
        ("299", "HTTP/1.1 299 ", "299\n"),
        (
            "203",
            "HTTP/1.1 203 Non-Authoritative Information",
            "203 Non-Authoritative Information\n",
        ),
        ("300", "HTTP/1.1 300 Multiple Choices", "300 Multiple Choices\n"),
        (
            "407",
            "HTTP/1.1 407 Proxy Authentication Required",
            "407 Proxy Authentication Required\n",
        ),
        ("599", "HTTP/1.1 599 ", "599\n"),
        ("777", "HTTP/1.1 777 ", "777\n"),
        ("999", "HTTP/1.1 999 ", "999\n"),
    ] {
        let answer = client.ask(&format!("/status/{status}")).answer();
        assert_eq!((answer.line.as_str(), answer.text()), (line, text));
        assert_eq!(answer.header("Proxy-Authenticate").is_some(), status == "407");
    }
    let logged = records(&server);
    assert!(logged.iter().all(|r| r.decision == "status" && r.end == End::Keep && r.conn == 1));
    assert_eq!(logged[5].status, Some(777));
}

#[test]
fn statuses_without_content_have_none() {
    let server = local();
    let mut client = Client::to(server.addr());
    let length = |answer: Answer| answer.header("Content-Length").map(ToOwned::to_owned);
    assert_eq!(length(client.ask("/status/204").answer()), None);
    assert_eq!(length(client.ask("/status/205").answer()), Some("0".into()));
    assert_eq!(length(client.ask("/status/304").answer()), None);
    assert_eq!(client.ask("/bytes/3").answer().body, body(3), "nothing came behind them");
}

#[test]
fn a_408_says_that_it_closes() {
    let server = local();
    let (bytes, left) = all(&server, "/status/408");
    let answer = Answer::split(&bytes);
    assert_eq!((answer.line.as_str(), left), ("HTTP/1.1 408 Request Timeout", Left::Closed));
    assert_eq!(answer.header("Connection"), Some("close"));
    assert_eq!(records(&server)[0].end, End::Close);
}

#[test]
fn come_again_is_said_as_asked_for() {
    let server = local();
    for (query, said) in [
        ("retry-after=999999999", Some("999999999")),
        ("retry-after=-1", Some("-1")),
        ("retry-after=soon", Some("soon")),
        ("retry-after=", Some("")),
        ("retry-date=1099511627776", Some("Fri, 31 Dec 9999 23:59:59 GMT")),
        ("retry-date=-1099511627776", Some("Thu, 01 Jan 1970 00:00:00 GMT")),
        ("x", None),
    ] {
        for target in ["/status/503", "/flaky", "/fault/flaky"] {
            let answer = get(&server, &format!("{target}?{query}"));
            assert_eq!((code(&answer), answer.header("Retry-After")), ("503", said), "{query}");
        }
    }
    for query in ["retry-date=soon", "retry-date=1&retry-after=1", "retry-date=1099511627777"] {
        assert_eq!(code(&get(&server, &format!("/flaky?{query}"))), "400", "{query}");
    }
}

#[test]
fn a_date_is_never_before_the_time_asked_for() {
    let server = local();
    for seconds in [-3600_i64, 0, 1, 60] {
        let before = SystemTime::now();
        let answer = get(&server, &format!("/status/429?retry-date={seconds}"));
        let after = SystemTime::now();
        let date = httpdate::parse_http_date(answer.header("Retry-After").unwrap()).unwrap();
        let shift = |time: SystemTime| {
            let by = Duration::from_secs(seconds.unsigned_abs());
            if seconds < 0 { time - by } else { time + by }
        };
        assert!(date >= shift(before), "{seconds}");
        assert!(date <= shift(after) + Duration::from_secs(1), "{seconds}");
    }
}

#[test]
fn a_quota_gives_so_many_and_says_when_there_is_more() {
    let server = local();
    let mut client = Client::to(server.addr());
    let codes = |client: &mut Client, target: &str, n: usize| {
        (0..n).map(|_| code(&client.ask(target).answer()).to_owned()).collect::<Vec<_>>()
    };
    let target = "/fault/quota?limit=3&window=5m&bucket=a";
    assert_eq!(codes(&mut client, target, 5), ["200", "200", "200", "429", "429"]);
    let mut other = Client::to(server.addr());
    let refused = other.ask(&format!("{target}&x=2")).answer();
    assert_eq!(code(&refused), "429", "one bucket for all connections and URLs");
    let seconds: u64 = refused.header("Retry-After").unwrap().parse().unwrap();
    assert!((200..=300).contains(&seconds), "{seconds}");
    let own = "/fault/quota?limit=3&window=5m&bucket=b&code=503";
    assert_eq!(codes(&mut client, own, 4), ["200", "200", "200", "503"]);
    let none = "/fault/quota?limit=0&window=10ms";
    let refused = client.ask(none).answer();
    assert_eq!((code(&refused), refused.header("Retry-After")), ("429", Some("1")));
    let whole = client.ask("/fault/quota?window=0").answer();
    assert_eq!((code(&whole), &whole.body), ("200", &body(1000)));

    let logged = records(&server);
    assert!(logged.iter().all(|r| r.decision == "quota"));
    let refused = |status| logged.iter().filter(|r| r.status == Some(status)).count();
    assert_eq!((refused(429), refused(503), refused(200)), (4, 1, 7));
    assert_eq!((logged[0].body_sent, logged[0].attempt, logged[1].attempt), (1000, 1, 2));
}

#[test]
fn alone_a_quota_has_more_in_the_next_window() {
    let server = local();
    let mut client = Client::to(server.addr());
    let mut began = Duration::ZERO;
    for round in 0..3 {
        let mut given = 0;
        for _ in 0..4 {
            given += usize::from(code(&client.ask("/fault/quota?limit=2").answer()) == "200");
        }
        assert_eq!(given, 2, "{round}");
        let first = records(&server)[round * 4].at;
        assert!(round == 0 || first >= began + Duration::from_secs(1), "{round}");
        began = first;
        #[expect(clippy::disallowed_methods, reason = "the window is what this waits for")]
        std::thread::sleep(Duration::from_millis(1001));
    }
}

#[test]
fn pages_that_are_not_what_they_say() {
    let server = local();
    let lost = get(&server, "/fault/soft-404");
    assert_eq!(code(&lost), "200");
    assert_eq!(lost.header("Content-Type"), Some("text/html; charset=utf-8"));
    assert!(lost.text().contains("Not found"));

    let mut client = Client::to(server.addr());
    let away = client.ask("/fault/login").answer();
    assert_eq!((code(&away), away.header("Location")), ("302", Some("/fault/login?page=yes")));
    let page = client.ask("/fault/login?page=yes").answer();
    assert_eq!(code(&page), "200");
    assert!(page.text().contains("Log in"));
    let logged = records(&server);
    assert_eq!(
        logged.iter().map(|r| r.decision).collect::<Vec<_>>(),
        ["soft-404", "login", "login"]
    );
}

#[test]
fn heads_have_no_pages() {
    let server = local();
    for target in ["/fault/soft-404", "/fault/login?page=yes", "/status/404", "/fault/quota"] {
        let mut client = Client::to(server.addr());
        client.send(
            format!("HEAD {target} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").as_bytes(),
        );
        let answer = Answer::split(&client.rest().0);
        assert!(answer.body.is_empty() && answer.header("Content-Length").is_some(), "{target}");
    }
}

#[test]
fn a_rate_limit_tells_what_is_left() {
    let server = local();
    let mut client = Client::to(server.addr());
    let mut ask = |target: &str| client.ask(target).answer();
    let said: Vec<_> = (0..3)
        .map(|_| ask("/fault/rate-limit?limit=2&window=5m"))
        .map(|answer| (code(&answer).to_owned(), answer.header("RateLimit").unwrap().to_owned()))
        .collect();
    for ((status, field), (expected, left)) in said.iter().zip([("200", 1), ("200", 0), ("429", 0)])
    {
        assert_eq!(status, expected);
        let seconds = field.strip_prefix(&format!("\"default\";r={left};t=")).unwrap();
        assert!((200..=300).contains(&seconds.parse::<u64>().unwrap()), "{field}");
    }
    let old = ask("/fault/rate-limit?limit=1&window=1m&form=fields&bucket=o");
    assert_eq!(old.body, body(1000));
    assert_eq!(old.header("RateLimit-Limit"), Some("1"));
    assert_eq!(old.header("RateLimit-Remaining"), Some("0"));
    assert_eq!(old.header("RateLimit-Reset"), Some("60"));
    assert_eq!(old.header("RateLimit"), None);
    let refused = ask("/fault/rate-limit?limit=1&window=1m&form=fields&bucket=o");
    assert_eq!((code(&refused), refused.header("Retry-After")), ("429", None));
}
