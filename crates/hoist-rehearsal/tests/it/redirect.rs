//! Redirects, and where they lead, as a client sees them.

use hoist_rehearsal::tls::{Authority, Certificate};
use hoist_rehearsal::{End, HttpRecord, HttpRehearsal, Running};

use crate::client::{Answer, Client, LONG, Left, all, body, get, local};

fn last(server: &Running) -> HttpRecord {
    assert!(server.settle(LONG));
    server.truth().http().pop().unwrap()
}

/// Where the answer to this sends a client.
fn location(server: &Running, target: &str) -> String {
    let answer = get(server, target);
    assert!(answer.line.starts_with("HTTP/1.1 3"), "{target}: {}", answer.line);
    answer.header("Location").unwrap().to_owned()
}

#[test]
fn any_status_redirects() {
    let server = local();
    for status in [300, 301, 302, 303, 307, 308, 399] {
        let mut at = format!("/redirect/3?status={status}");
        for left in [2, 1, 0] {
            let answer = get(&server, &at);
            assert!(answer.line.starts_with(&format!("HTTP/1.1 {status} ")));
            at = answer.header("Location").unwrap().to_owned();
            assert_eq!(at, format!("/redirect/{left}?status={status}"));
        }
        assert_eq!(get(&server, &at).body, body(1000));
    }
    let (bytes, _) = {
        let mut client = Client::to(server.addr());
        client.send(b"GET /redirect/1?status=304 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
        client.rest()
    };
    let answer = Answer::split(&bytes);
    assert_eq!(answer.header("Location"), Some("/redirect/0?status=304"));
    assert_eq!(answer.body, b"", "a 304 never has one");
    assert_eq!(
        location(&server, "/fault/redirect?n=1099511627776"),
        "/redirect/1099511627775?status=302"
    );
    assert_eq!(last(&server).decision, "redirect");
}

#[test]
fn loops_of_one_of_some_and_of_none() {
    let server = local();
    let target = "/redirect/loop?status=308";
    assert_eq!(location(&server, target), target);
    assert_eq!(last(&server).status, Some(308));

    let mut round = vec!["/fault/redirect-circle?n=3".to_owned()];
    for _ in 0..6 {
        round.push(location(&server, round.last().unwrap()));
    }
    let at = |n: u32| format!("/fault/redirect-circle?n=3&at={n}");
    assert_eq!(round[1..], [at(1), at(2), at(0), at(1), at(2), at(0)]);
    for of_one in ["/fault/redirect-circle?n=0", "/fault/redirect-circle?n=1"] {
        assert_eq!(location(&server, of_one), "/fault/redirect-circle?n=1&at=0");
    }

    let mut seen = std::collections::HashSet::new();
    let mut on = "/fault/redirect-endless".to_owned();
    for _ in 0..100 {
        on = location(&server, &on);
        assert!(seen.insert(on.clone()), "{on} twice");
    }
    let last = location(&server, "/fault/redirect-endless?at=1099511627776");
    assert_eq!(last, "/fault/redirect-endless?at=1");
}

#[test]
fn once_is_once_for_each_url() {
    let server = local();
    for target in ["/fault/redirect-once", "/fault/redirect-once?id=2"] {
        assert_eq!(location(&server, target), target);
        for _ in 0..2 {
            assert_eq!(get(&server, target).body, body(1000));
        }
    }
}

#[test]
fn urls_need_no_encoding_in_a_query() {
    let server = local();
    let to = location(&server, "/redirect/to?url=http://127.0.0.1:81/bytes/1000&status=307");
    assert_eq!(to, "http://127.0.0.1:81/bytes/1000");
    assert_eq!(last(&server).decision, "redirect-to");
}

#[test]
fn schemes_other_than_ours() {
    let server = local();
    for (scheme, start) in [
        ("file", "file:///"),
        ("ftp", "ftp://127.0.0.1:1/"),
        ("javascript", "javascript:"),
        ("data", "data:"),
        ("gopher", "gopher://127.0.0.1:1/"),
        ("dict", "dict://127.0.0.1:1/"),
        ("ws", "ws://127.0.0.1:1/"),
        ("mailto", "mailto:"),
        ("about", "about:"),
        ("unknown", "x-unknown://127.0.0.1:1/"),
        ("https", "https://127.0.0.1:1/"),
    ] {
        let to = location(&server, &format!("/fault/redirect-scheme?to={scheme}"));
        assert!(to.starts_with(start), "{to}");
    }
    assert!(get(&server, "/fault/redirect-scheme?to=x").text().starts_with("to is one of file"));
}

#[test]
fn locations_that_are_no_urls() {
    let server = local();
    assert_eq!(location(&server, "/fault/redirect-bad"), "http://[");
    for (is, to) in [
        ("", ""),
        ("http://%5B::1/bytes/1000", "http://[::1/bytes/1000"),
        ("//", "//"),
        ("http://127.0.0.1:1%20/x", "http://127.0.0.1:1 /x"),
        ("http://%00%01/", "http://\0\u{1}/"),
    ] {
        assert_eq!(location(&server, &format!("/fault/redirect-bad?is={is}")), to);
        assert_eq!(last(&server).decision, "redirect-bad");
    }
    for target in ["/fault/redirect-bad?is=a%0d%0ab", "/fault/redirect-raw?with=%0a"] {
        assert_eq!(get(&server, target).line, "HTTP/1.1 400 Bad Request");
    }
}

#[test]
fn a_redirect_to_nowhere_has_a_page() {
    let server = local();
    for status in [300, 301, 302, 308] {
        let answer = get(&server, &format!("/fault/redirect-none?status={status}"));
        assert!(answer.line.starts_with(&format!("HTTP/1.1 {status} ")));
        assert_eq!((answer.header("Location"), answer.text()), (None, "to nowhere\n"));
    }
}

#[test]
fn an_answer_that_only_names_another_url_is_an_answer() {
    let server = local();
    for (by, header) in [("location", "Location"), ("content-location", "Content-Location")] {
        let answer = get(&server, &format!("/fault/redirect-not?by={by}"));
        assert_eq!(
            (answer.line.as_str(), answer.header(header)),
            ("HTTP/1.1 200 OK", Some("/bytes/500"))
        );
        assert_eq!(answer.body, body(1000));
    }
}

#[test]
fn a_fragment_that_is_sent_is_refused() {
    let server = local();
    let to = location(&server, "/fault/redirect-fragment");
    assert_eq!(to, "/bytes/1000#part/of?it");
    assert_eq!(get(&server, &to).line, "HTTP/1.1 400 Bad Request");
    assert_eq!(get(&server, to.split('#').next().unwrap()).body, body(1000));
}

#[test]
fn relative_references_lead_to_the_body() {
    let server = local();
    let host = server.addr();
    let there = "/bytes/1000".to_owned();
    for (form, reference, resolved) in [
        ("path", there.clone(), there.clone()),
        ("parent", "../bytes/1000".into(), there.clone()),
        ("dots", "/a/./b/../../bytes/1000".into(), there.clone()),
        ("above", "../../../bytes/1000".into(), there.clone()),
        (
            "sibling",
            "./redirect-relative?x=there".into(),
            "/fault/redirect-relative?x=there".into(),
        ),
        ("query", "?x=there".into(), "/fault/redirect-relative?x=there".into()),
        ("network", format!("//{host}/bytes/1000"), there.clone()),
    ] {
        let mut client = Client::to(server.addr());
        let target = format!("/fault/redirect-relative?as={form}");
        let request = format!("GET {target} HTTP/1.1\r\nHost: {host}\r\n\r\n");
        let answer = client.send(request.as_bytes()).answer();
        assert_eq!(answer.header("Location"), Some(reference.as_str()), "{form}");
        assert_eq!(get(&server, &resolved).body, body(1000), "{form}");
    }
    let raw = get(&server, "/a/./b/../../bytes/1000");
    assert_eq!(raw.line, "HTTP/1.1 404 Not Found", "dots that are sent lead nowhere");
}

#[test]
fn two_locations() {
    let answer = get(&local(), "/fault/redirect-twice?a=7&b=8");
    assert_eq!(answer.line, "HTTP/1.1 302 Found");
    assert_eq!(answer.headers("Location"), ["/bytes/7", "/bytes/8"]);
}

#[test]
fn a_redirect_has_a_long_page_or_a_cut_one() {
    let server = local();
    let answer = get(&server, "/fault/redirect-body?of=300000");
    assert_eq!(
        (answer.line.as_str(), answer.header("Location")),
        ("HTTP/1.1 302 Found", Some("/bytes/1000"))
    );
    assert!(answer.body == body(300_000));
    assert_eq!(last(&server).end, End::Keep);

    let (bytes, left) = all(&server, "/fault/redirect-body?of=2000&send=1000");
    let answer = Answer::split(&bytes);
    assert_eq!((answer.header("Content-Length"), left), (Some("2000"), Left::Closed));
    assert_eq!(answer.body, body(1000));
    let record = last(&server);
    assert_eq!((record.body_promised, record.body_sent), (Some(2000), 1000));
}

#[test]
fn names_passwords_and_capitals() {
    let server = local();
    let ask = |target: &str| get(&server, target);
    let answer = ask("/fault/redirect-userinfo");
    assert_eq!(answer.header("Location"), Some("http://name:password@localhost/bytes/1000"));
    let answer = ask("/fault/redirect-case");
    assert_eq!(answer.header("Location"), None);
    assert_eq!(answer.header("LoCaTiOn"), Some("HTTP://localhost/bytes/1000"));
}

#[test]
fn under_tls_here_is_https() {
    let authority = Authority::new().unwrap();
    let tls = Some(authority.identity(Certificate::Good).unwrap());
    let server = crate::client::spawn(HttpRehearsal { tls, ..HttpRehearsal::local() });
    let (bytes, _) =
        crate::tls::ask(&mut crate::tls::connect(&server, &authority), "/fault/redirect-userinfo");
    let answer = Answer::split(&bytes);
    let to = answer.header("Location").unwrap();
    assert!(to.starts_with("https://name:password@"), "{to}");
}

#[test]
fn queries_come_as_they_are() {
    let server = local();
    for (with, raw) in
        [("%C3%A9", "\u{e9}"), ("a%20b", "a b"), ("%22%3C%3E%5C%7C", "\"<>\\|"), ("a%09b", "a\tb")]
    {
        let to = location(&server, &format!("/fault/redirect-raw?with={with}"));
        assert_eq!(to, format!("/bytes/1000?x={raw}"));
        // As a client may write it.
        assert_eq!(get(&server, &format!("/bytes/1000?x={with}")).body, body(1000));
    }
}

#[test]
fn a_location_is_as_long_as_asked() {
    let server = local();
    for (of, long) in [(0, 14), (7900, 7900), (61_440, 61_440), (1_u64 << 40, 1 << 20)] {
        let target = format!("/fault/redirect-long?of={of}");
        let request = format!("GET {target} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
        let answer = Answer::split(&Client::to(server.addr()).send(request.as_bytes()).rest().0);
        let to = answer.header("Location").unwrap();
        assert_eq!(to.len(), long);
        assert!(to.starts_with("/bytes/1000?x="));
        if long < 100_000 {
            assert_eq!(get(&server, to).body, body(1000), "the server takes it");
        }
    }
}
