//! Proxies stand in between: what each side is told, and whose fault a failure is.

use std::sync::Arc;
use std::time::Duration;

use hoist::plan::{AddressOverride, Bypass, Cookie, CookiePlan, Credentials, Proxy, Roots};
use hoist::{FailureKind, GetOutcome, GetPlan, GetVerdict};
use hoist_rehearsal::tls::{Authority, Certificate};
use hoist_rehearsal::{DnsRehearsal, DnsZone, HttpRehearsal, Running, Truth};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use tempfile::TempDir;

use crate::support::{ANY_PORT, closed_port, dns_at, get_all, get_one, http, plan, spawn};
use crate::test_proxy::{Does, TestProxy, moved, ok, origin};

/// The plan, through this proxy. Its DNS server is a closed port: a lookup is a failure.
fn through(mut plan: GetPlan, proxy: &str) -> GetPlan {
    let proxy: Proxy = proxy.parse().unwrap();
    plan.proxies.http = Some(proxy.clone());
    plan.proxies.https = Some(proxy);
    plan
}

fn trusting(mut plan: GetPlan, roots: Vec<CertificateDer<'static>>) -> GetPlan {
    plan.tls.roots = Roots(Arc::new(move || Ok(roots.clone())));
    plan
}

/// A server with a certificate for this name, and whoever signed it.
fn secure(name: &str) -> (Running, CertificateDer<'static>) {
    let authority = Authority::new().unwrap();
    let identity = authority.identity_for([name]).unwrap();
    let server = spawn(HttpRehearsal { tls: Some(identity), ..HttpRehearsal::local() });
    (server, CertificateDer::from_pem_slice(authority.ca_pem().as_bytes()).unwrap())
}

fn assert_ok(outcome: &GetOutcome) {
    assert_eq!(outcome.verdict, GetVerdict::Ok, "{outcome:?}");
    assert_eq!(outcome.attempts, 1, "{outcome:?}");
}

#[test]
fn an_http_url_is_asked_for_as_a_whole() {
    let root = TempDir::new().unwrap();
    let server = http();
    let proxy = TestProxy::start(Does::Pass(server.addr()));
    let plan = through(plan(root.path()), &format!("http://me:secret@{}", proxy.addr));
    assert_ok(&get_one(plan, "http://nowhere.example:81/headers?x=1"));
    let told = proxy.told();
    assert_eq!(told.len(), 1);
    let head = told[0].to_ascii_lowercase();
    assert!(head.starts_with("get http://nowhere.example:81/headers?x=1 http/1.1\r\n"), "{head}");
    assert_eq!(head.matches("host: nowhere.example:81\r\n").count(), 1, "{head}");
    assert_eq!(head.matches("proxy-authorization: basic bwu6c2vjcmv0\r\n").count(), 1, "{head}");
    // Some proxies know no other spelling.
    assert!(told[0].contains("\r\nProxy-Authorization: Basic bWU6c2VjcmV0\r\n"), "{told:?}");
}

#[test]
fn an_https_url_goes_through_a_tunnel_and_its_server_proves_itself() {
    let root = TempDir::new().unwrap();
    let (server, ca) = secure("nowhere.example");
    let proxy = TestProxy::start(Does::Pass(server.addr()));
    let plan = through(plan(root.path()), &format!("me:secret@{}", proxy.addr));
    let plan = trusting(plan, vec![ca]);
    assert_ok(&get_one(plan.clone(), "https://user:pass@nowhere.example/bytes/1000"));
    let expected = "CONNECT nowhere.example:443 HTTP/1.1\r\nHost: nowhere.example:443\r\n\
                    Proxy-Authorization: Basic bWU6c2VjcmV0\r\n\r\n";
    assert_eq!(proxy.told(), [expected]);
    let asked = server.truth().http();
    assert_eq!(
        (asked[0].host.as_str(), asked[0].path.as_str()),
        ("nowhere.example", "/bytes/1000")
    );

    let failure = get_one(plan, "https://other.example/bytes/1").failure.unwrap();
    assert_eq!(failure.kind, FailureKind::Tls);
    assert!(failure.reason.starts_with("other.example could not prove who it is"), "{failure}");
}

#[test]
fn the_server_is_never_told_what_the_proxy_is() {
    let root = TempDir::new().unwrap();
    let (server, ca) = secure("nowhere.example");
    let proxy = TestProxy::start(Does::Pass(server.addr()));
    let mut plan = through(plan(root.path()), &format!("http://me:secret@{}", proxy.addr));
    plan.request.headers.insert("proxy-authorization", "Basic b3JpZ2lu".parse().unwrap());
    let plan = trusting(plan, vec![ca]);
    let outcome = get_one(plan.clone(), "https://nowhere.example/headers");
    assert_ok(&outcome);
    let body = std::fs::read(outcome.path.unwrap()).unwrap();
    let body = String::from_utf8(body).unwrap().to_ascii_lowercase();
    assert!(!body.contains("proxy") && body.contains("host"), "{body}");

    // One that is gone to directly, from a redirect that came through the proxy.
    let aside = origin(|_| ok(""));
    let to = format!("http://{}/x", aside.addr);
    let first = origin(move |_| moved(&to));
    let proxy = TestProxy::start(Does::Pass(first.addr));
    let mut plan = through(plan, &format!("http://me:secret@{}", proxy.addr));
    plan.proxies.bypass = "127.0.0.1".parse::<Bypass>().unwrap();
    assert_ok(&get_one(plan, "http://nowhere.example/"));
    assert!(proxy.told()[0].contains("Basic bWU6c2VjcmV0"));
    let told = aside.told();
    assert!(told.len() == 1 && told[0].starts_with("get /x http/1.1"), "{told:?}");
    assert!(!told[0].contains("proxy") && !told[0].contains("authorization"), "{told:?}");
}

#[test]
fn an_https_proxy_is_spoken_to_over_tls() {
    let root = TempDir::new().unwrap();
    let (server, ca) = secure("nowhere.example");
    let (proxy, proxy_ca) = TestProxy::secure(Does::Pass(server.addr()));
    let at = format!("https://me:secret@{}", proxy.addr);
    let both = trusting(through(plan(root.path()), &at), vec![ca.clone(), proxy_ca.clone()]);
    assert_ok(&get_one(both, "https://nowhere.example/bytes/300000"));
    assert!(proxy.told()[0].starts_with("CONNECT nowhere.example:443 HTTP/1.1\r\n"));

    let plain = http();
    let (proxy, proxy_ca) = TestProxy::secure(Does::Pass(plain.addr()));
    let at = format!("https://{}", proxy.addr);
    let only = trusting(through(plan(root.path()), &at), vec![proxy_ca]);
    assert_ok(&get_one(only, "http://nowhere.example/headers"));
    assert!(proxy.told()[0].starts_with("GET http://nowhere.example/headers "));

    let stranger = trusting(through(plan(root.path()), &at), vec![ca]);
    let failure = get_one(stranger, "http://nowhere.example/headers").failure.unwrap();
    assert_eq!(failure.kind, FailureKind::Tls);
    assert!(failure.reason.starts_with(&format!("the proxy {}: ", proxy.addr)), "{failure}");
}

#[test]
fn socks_goes_to_names_and_addresses() {
    let root = TempDir::new().unwrap();
    let (server, ca) = secure("a.example");
    let proxy = TestProxy::start(Does::Pass(server.addr()));
    let zone = DnsZone::generated("example", 1.0).unwrap();
    let dns = DnsRehearsal { truth: Truth::memory(), ..DnsRehearsal::new([zone]) };
    let dns = dns.spawn(&[ANY_PORT.parse().unwrap()]).unwrap();
    let get = |scheme: &str, url: &str| {
        let mut plan = through(plan(root.path()), &format!("{scheme}://{}", proxy.addr));
        plan.dns = dns_at(dns.addr());
        assert_ok(&get_one(trusting(plan, vec![ca.clone()]), url));
    };
    get("socks5h", "https://a.example/bytes/1");
    assert_eq!(dns.truth().dns(), [], "the proxy looks it up");
    assert_eq!(proxy.told()[0], "\u{5}\u{1}\u{0}\u{5}\u{1}\u{0}\u{3}\u{9}a.example\u{1}\u{fffd}");
    get("socks5", "https://a.example/bytes/1");
    assert!(dns.truth().dns().iter().all(|asked| asked.name.eq_ignore_ascii_case("a.example")));
    assert!(!dns.truth().dns().is_empty(), "it is looked up here");
    assert!(proxy.told()[1].starts_with("\u{5}\u{1}\u{0}\u{5}\u{1}\u{0}\u{1}"), "an address");
    let before = dns.truth().dns().len();

    let server = http();
    let proxy = TestProxy::start(Does::Pass(server.addr()));
    let get = |scheme: &str, url: &str| {
        let plan = through(plan(root.path()), &format!("{scheme}://me:secret@{}", proxy.addr));
        assert_ok(&get_one(plan, url));
    };
    get("socks5h", "http://nowhere.example/headers");
    get("socks5", "http://127.0.0.1:81/headers");
    assert!(proxy.told()[0].contains("\u{1}\u{2}me\u{6}secret"));
    assert!(proxy.told()[1].ends_with("\u{1}\u{7f}\u{0}\u{0}\u{1}\u{0}Q"), "{:?}", proxy.told());
    assert_eq!(dns.truth().dns().len(), before);
}

/// Nobody but a proxy is asked about a host that it is to look up.
#[test]
fn names_are_not_looked_up_for_a_proxy_that_does() {
    let root = TempDir::new().unwrap();
    let zone = DnsZone::generated("example", 1.0).unwrap();
    let dns = DnsRehearsal { truth: Truth::memory(), ..DnsRehearsal::new([zone]) };
    let dns = dns.spawn(&[ANY_PORT.parse().unwrap()]).unwrap();
    let server = http();
    let proxy = TestProxy::start(Does::Pass(server.addr()));
    let mut plan = through(plan(root.path()), &format!("p.example:{}", proxy.addr.port()));
    plan.dns = dns_at(dns.addr());
    // The proxy's own host is found as any other.
    plan.address.overrides = vec![AddressOverride {
        host: "p.example".to_owned(),
        port: proxy.addr.port(),
        address: proxy.addr.ip(),
    }];
    assert_ok(&get_one(plan.clone(), "http://a.example/bytes/1"));
    assert_eq!(dns.truth().dns(), []);
    plan.address.overrides.clear();
    plan.patience.retries = 0;
    plan.patience.connect = Duration::from_millis(300);
    let _ = get_one(plan, "http://a.example/bytes/1");
    assert!(!dns.truth().dns().is_empty());
    assert!(dns.truth().dns().iter().all(|asked| asked.name.eq_ignore_ascii_case("p.example")));
}

#[test]
fn what_a_proxy_does_wrong_is_said_of_it() {
    use FailureKind::{
        ConnectFailed, ConnectRefused, ConnectTimeout, Malformed, Reset, Status, Tls,
    };
    let say = |what: &[u8]| Does::Say(what.to_vec());
    let auth = b"HTTP/1.1 407 Who\r\nContent-Length: 0\r\n\r\n".as_slice();
    let (a, secure_a) = ("http://a.example/", "https://a.example/");
    for (does, scheme, url, kind, tries, word) in [
        (say(b"HTTP/1.1 403 No\r\n\r\n"), "http", secure_a, ConnectFailed, 1, "HTTP 403 Forbidden"),
        (say(auth), "http", secure_a, ConnectFailed, 1, "HTTP 407"),
        (say(b"HTTP/1.1 502 No\r\n\r\n"), "http", secure_a, ConnectFailed, 2, "a.example:443"),
        (say(auth), "http", a, Status, 1, "HTTP 407"),
        (say(b"what?\r\n\r\n"), "http", secure_a, Malformed, 1, "not HTTP"),
        (say(b"what?\r\n\r\n"), "http", a, Malformed, 1, "not HTTP"),
        (say(b""), "http", secure_a, Reset, 2, "closed"),
        (say(b""), "http", a, Reset, 2, "closed"),
        (say(b""), "socks5h", a, Reset, 2, "closed"),
        (say(b"HTTP/1.1 400 Bad Request\r\n\r\n"), "socks5h", a, ConnectFailed, 1, "SOCKS 5"),
        (say(b"\x05\xff"), "socks5h", a, ConnectFailed, 1, "user and password"),
        (say(b"\x05\x00\x05\x05\x00\x01"), "socks5h", a, ConnectRefused, 2, "a.example:80"),
        (say(b"what?"), "https", a, Tls, 1, "TLS"),
        (Does::Repeat(b"HTTP/1.1 200 OK\r\n"), "http", secure_a, Malformed, 1, "too long"),
        (Does::Repeat(b"HTTP/1.1 100 Wait\r\n\r\n"), "http", secure_a, Malformed, 1, "interim"),
        (Does::Nothing, "http", secure_a, ConnectTimeout, 2, "0.3 s"),
        (Does::Nothing, "socks5h", a, ConnectTimeout, 2, "0.3 s"),
        (Does::Nothing, "https", a, ConnectTimeout, 2, "0.3 s"),
    ] {
        let root = TempDir::new().unwrap();
        let shown = format!("{does:?} {scheme} {url}");
        let silent = matches!(does, Does::Nothing);
        let proxy = TestProxy::start(does);
        let mut plan = through(plan(root.path()), &format!("{scheme}://me:secret@{}", proxy.addr));
        plan.tls.insecure = true;
        plan.patience.retries = 1;
        if silent {
            plan.patience.connect = Duration::from_millis(300);
        }
        let outcome = get_one(plan, url);
        let failure = outcome.failure.unwrap();
        assert_eq!((failure.kind, outcome.attempts), (kind, tries), "{shown}: {failure}");
        assert!(failure.reason.contains(word), "{shown}: {failure}");
        let named = format!("the proxy {}: ", proxy.addr);
        assert_eq!(failure.reason.matches(&named).count(), 1, "{shown}: {failure}");
        assert!(!failure.reason.contains("secret"), "{shown}: {failure}");
    }
}

#[test]
fn a_proxy_that_is_not_there_is_named() {
    let root = TempDir::new().unwrap();
    let nobody = closed_port();
    for url in ["http://a.example/", "https://a.example/"] {
        let mut plan = through(plan(root.path()), &format!("http://me:secret@{nobody}"));
        plan.patience.retries = 0;
        let failure = get_one(plan, url).failure.unwrap();
        assert_eq!(failure.kind, FailureKind::ConnectRefused);
        assert!(failure.reason.starts_with(&format!("the proxy {nobody}: ")), "{failure}");
    }
    let zone = DnsZone::generated("example", 1.0).unwrap();
    let dns = DnsRehearsal::new([zone]).spawn(&[ANY_PORT.parse().unwrap()]).unwrap();
    let mut plan = through(plan(root.path()), "http://me:secret@nx-one.example:3128");
    plan.dns = dns_at(dns.addr());
    let outcome = get_one(plan, "http://a.example/");
    let failure = outcome.failure.unwrap();
    assert_eq!((failure.kind, outcome.attempts), (FailureKind::ConnectFailed, 1), "{failure}");
    assert!(failure.reason.starts_with("the proxy nx-one.example:3128: "), "{failure}");
}

/// A certificate of the origin that is wrong stays the origin's fault.
#[test]
fn tls_within_a_tunnel_is_the_origins() {
    let root = TempDir::new().unwrap();
    let authority = Authority::new().unwrap();
    let identity = authority.identity(Certificate::Expired).unwrap();
    let server = spawn(HttpRehearsal { tls: Some(identity), ..HttpRehearsal::local() });
    let proxy = TestProxy::start(Does::Pass(server.addr()));
    let plan = through(plan(root.path()), &proxy.addr.to_string());
    let failure =
        get_one(crate::tls::trusting(plan, &authority), "https://localhost/").failure.unwrap();
    assert_eq!(failure.kind, FailureKind::Tls);
    assert!(failure.reason.starts_with("localhost could not prove"), "{failure}");
}

#[test]
fn a_proxy_gets_no_more_connections_than_there_are_requests_at_once() {
    let root = TempDir::new().unwrap();
    let server = http();
    let proxy = TestProxy::start(Does::Pass(server.addr()));
    let mut plan = through(plan(root.path()), &proxy.addr.to_string());
    plan.limits.in_flight = 4.try_into().unwrap();
    let urls = (0..40).map(|n| format!("http://h{n}.example/bytes/10"));
    for outcome in get_all(plan, urls) {
        assert_eq!(outcome.verdict, GetVerdict::Ok, "{outcome:?}");
    }
    // Those that are on their way out may still be seen while the next come in.
    assert!((1..=8).contains(&proxy.most()), "{}", proxy.most());
}

#[test]
fn other_places_are_connected_to_under_the_same_name() {
    let root = TempDir::new().unwrap();
    let (server, ca) = secure("a.example");
    let open = http();
    let mut plan = trusting(plan(root.path()), vec![ca]);
    plan.address.connect_to = vec![
        format!("a.example:443:127.0.0.1:{}", server.port()).parse().unwrap(),
        format!("::127.0.0.1:{}", open.port()).parse().unwrap(),
    ];
    assert_ok(&get_one(plan.clone(), "https://a.example/bytes/1"));
    assert_ok(&get_one(plan.clone(), "http://b.example:81/headers"));
    assert_eq!(server.truth().http()[0].host, "a.example");
    assert_eq!(open.truth().http()[0].host, "b.example:81");

    // A proxy is asked for a tunnel to that place: the URL would lead it elsewhere.
    let proxy = TestProxy::start(Does::Pass(open.addr()));
    assert_ok(&get_one(through(plan, &proxy.addr.to_string()), "http://b.example/headers"));
    let expected = format!("CONNECT 127.0.0.1:{} HTTP/1.1\r\n", open.port());
    assert!(proxy.told()[0].starts_with(&expected), "{:?}", proxy.told());
    assert_eq!(open.truth().http()[1].host, "b.example");
}

#[test]
fn users_and_passwords_go_to_whom_they_are_for() {
    let root = TempDir::new().unwrap();
    let third = origin(|_| ok(""));
    let to_third = format!("http://c.example:{}/", third.addr.port());
    let second = origin(move |_| moved(&to_third));
    let to_second = format!("http://b.example:{}/", second.addr.port());
    let first = origin(move |_| moved(&to_second));
    let mut plan = plan(root.path());
    plan.address.connect_to = vec!["::127.0.0.1:".parse().unwrap()];
    let credentials = |user: &str| Credentials::new(user, "x").unwrap();
    // Basic YTp4 is a:x, and so on.
    plan.credentials.own = Some(credentials("a"));
    plan.credentials.hosts.insert("b.example".to_owned(), credentials("b"));
    plan.credentials.default = Some(credentials("d"));
    assert_ok(&get_one(plan.clone(), format!("http://a.example:{}/", first.addr.port())));
    assert!(first.told()[0].contains("authorization: basic ytp4\r\n"), "{:?}", first.told());
    assert!(second.told()[0].contains("authorization: basic yjp4\r\n"), "{:?}", second.told());
    assert!(!third.told()[0].contains("authorization"), "{:?}", third.told());

    // The default is for who is asked directly.
    plan.credentials.own = None;
    assert_ok(&get_one(plan.clone(), format!("http://c.example:{}/", third.addr.port())));
    assert!(third.told()[1].contains("authorization: basic zdp4\r\n"), "{:?}", third.told());
    // What stands in the headers, and then in the URL, comes first.
    assert_ok(&get_one(plan.clone(), format!("http://u:x@c.example:{}/", third.addr.port())));
    assert!(third.told()[2].contains("authorization: basic dtp4\r\n"), "{:?}", third.told());
    plan.request.headers.insert("authorization", "Bearer t".parse().unwrap());
    assert_ok(&get_one(plan, format!("http://u:x@c.example:{}/", third.addr.port())));
    assert!(third.told()[3].contains("authorization: bearer t\r\n"), "{:?}", third.told());
    assert_eq!(third.told()[3].matches("authorization").count(), 1);
}

#[test]
fn cookies_go_back_to_who_set_them_and_to_nobody_else() {
    let root = TempDir::new().unwrap();
    let other = origin(|_| ok("Set-Cookie: theirs=2\r\n"));
    let to_other = format!("http://b.example:{}/", other.addr.port());
    let first = origin(move |path| match path {
        "/login" => ok("Set-Cookie: session=1; Path=/\r\nSet-Cookie: wide=1; Domain=example\r\n"),
        "/away" => moved(&to_other),
        _ => ok(""),
    });
    let mut plan = plan(root.path());
    plan.address.connect_to = vec!["::127.0.0.1:".parse().unwrap()];
    // One after the other: what runs at once may not have the other's cookies yet.
    plan.limits.in_flight = 1.try_into().unwrap();
    let at = |path: &str| format!("http://a.example:{}{path}", first.addr.port());
    let paths = ["/login", "/x", "/away"];
    for outcome in get_all(plan.clone(), paths.map(at)) {
        assert_ok(&outcome);
    }
    assert!(first.told().iter().all(|told| !told.contains("cookie")), "off unless asked for");

    let mine = Cookie::new("a.example", b"mine", b"0").unwrap();
    plan.cookies = Some(CookiePlan { loaded: vec![mine] });
    for outcome in get_all(plan, paths.map(at)) {
        assert_ok(&outcome);
    }
    let told = first.told();
    assert!(told[3].contains("\r\ncookie: mine=0\r\n"), "{told:?}");
    for told in &told[4..6] {
        assert!(told.contains("\r\ncookie: mine=0; session=1; wide=1\r\n"), "{told:?}");
    }
    assert_eq!(other.told().len(), 2);
    assert!(other.told().iter().all(|told| !told.contains("cookie")), "{:?}", other.told());
}
