//! Whom a probe asks, how much at once, and over what.

use std::collections::HashSet;
use std::fs;
use std::time::{Duration, Instant};

use hoist_rehearsal::{DnsRehearsal, DnsZone, Proto, Running, Truth};

use crate::harness::{ANYWHERE, folder, run};

/// Half of all names of `.dev` exist, or what their labels say.
fn server(change: impl FnOnce(&mut DnsRehearsal)) -> Running {
    let mut server = DnsRehearsal::new([DnsZone::generated("dev", 0.5).unwrap()]);
    server.truth = Truth::memory();
    change(&mut server);
    server.spawn(&ANYWHERE).unwrap()
}

fn list(names: impl Iterator<Item = String>) -> String {
    names.fold(String::new(), |list, name| list + &name + "\n")
}

#[test]
fn what_is_cut_shares_two_connections() {
    let (dir, server) = (folder(), server(|_| {}));
    let names = list((0..200).map(|n| format!("tc-slow-200-v4only-{n}.dev")));
    fs::write(dir.path().join("names"), names).unwrap();
    let via = format!("dns://{}", server.addr());
    let begun = Instant::now();
    let said = run(dir.path(), &["probe", "--via", &via, "-t", "A", "-i", "names"]);
    let took = begun.elapsed();
    assert_eq!((said.code, said.out.matches("+ ").count()), (Some(0), 200), "{said:?}");
    let all = server.truth().dns();
    let over_tcp = all.iter().filter(|query| query.proto == Proto::Tcp);
    let connections: HashSet<_> = over_tcp.clone().map(|query| query.client).collect();
    assert_eq!(over_tcp.count(), 200, "each is asked once");
    assert!((1..=2).contains(&connections.len()), "{connections:?}");
    // One after the other they would take 20 s on two connections.
    assert!(took < Duration::from_secs(10), "{took:?}");
}

#[test]
fn tcp_that_fails_takes_nothing_from_the_others() {
    let (dir, server) = (folder(), server(|_| {}));
    let bad = ["tcreset-v4only-1.dev", "tcreset-v4only-2.dev", "tcsilent-v4only-1.dev"];
    let names = list((0..50).map(|n| format!("tc-slow-100-v4only-{n}.dev")));
    fs::write(dir.path().join("names"), names + &bad.join("\n")).unwrap();
    let via = format!("dns://{}", server.addr());
    let line = ["probe", "--via", &via, "-t", "A", "-i", "names", "--deadline", "20s"];
    let said = run(dir.path(), &line);
    assert_eq!((said.code, said.out.matches("+ ").count()), (Some(1), 50), "{said:?}");
    for name in bad {
        assert!(said.out.contains(&format!("? {name}\n")), "{said:?}");
    }
}

#[test]
fn servers_come_from_a_file() {
    let dir = folder();
    let (one, other) = (server(|_| {}), server(|_| {}));
    // Nobody listens on the port of a socket that was closed again.
    let gone = std::net::UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let text = format!("# ours\n{}\n\ndns://{}\n{gone}\n", one.addr(), other.addr());
    fs::write(dir.path().join("resolvers"), text).unwrap();
    fs::write(dir.path().join("names"), list((0..500).map(|n| format!("v4only-{n}.dev")))).unwrap();
    let said = run(dir.path(), &["probe", "-r", "resolvers", "-t", "A", "-i", "names"]);
    assert_eq!((said.code, said.out.matches("+ ").count()), (Some(0), 500), "{said:?}");
    for server in [one, other] {
        let queries = server.truth().dns().len();
        assert!(queries > 25, "{queries}");
    }
}

#[test]
fn a_server_that_fails_is_no_matter_beside_another() {
    let dir = folder();
    let (bad, good) = (server(|server| server.servfail = 1.0), server(|_| {}));
    let via = [&bad, &good].map(|server| format!("dns://{}", server.addr()));
    fs::write(dir.path().join("names"), list((0..500).map(|n| format!("v4only-{n}.dev")))).unwrap();
    let line = ["probe", "--via", &via[0], "--via", &via[1], "-t", "A", "-i", "names"];
    let said = run(dir.path(), &line);
    assert_eq!((said.code, said.out.matches("+ ").count()), (Some(0), 500), "{said:?}");
}

#[test]
fn what_is_no_server_is_told_with_its_line() {
    let dir = folder();
    fs::write(dir.path().join("wrong"), "192.0.2.1\nns.example\n").unwrap();
    fs::write(dir.path().join("empty"), "# nobody\n").unwrap();
    let said = run(dir.path(), &["probe", "-r", "wrong", "a.dev"]);
    assert_eq!(said.code, Some(3), "{said:?}");
    assert!(
        said.err.contains("wrong, line 2: ") && said.err.contains("192.0.2.1:5300"),
        "{said:?}"
    );
    for (line, text) in [
        (&["-r", "empty"][..], "empty names no server"),
        (&["--via", "system", "--window", "9"], "--window is for DNS servers"),
        (&["--rate", "0"], "--rate"),
        (&["--window", "0"], "--window"),
    ] {
        let said = run(dir.path(), &[&["probe", "a.dev"], line].concat());
        assert_eq!(said.code, Some(2), "{said:?}");
        assert!(said.err.contains(text), "{}", said.err);
    }
}

#[test]
fn alone_a_rate_is_kept() {
    let (dir, server) = (folder(), server(|_| {}));
    fs::write(dir.path().join("names"), list((0..600).map(|n| format!("v4only-{n}.dev")))).unwrap();
    let via = format!("dns://{}", server.addr());
    let line = ["probe", "--via", &via, "-t", "A", "-i", "names", "--rate", "300"];
    let said = run(dir.path(), &line);
    assert_eq!((said.code, said.out.matches("+ ").count()), (Some(0), 600), "{said:?}");
    let all = server.truth().dns();
    let span = all[all.len() - 1].at.saturating_sub(all[0].at);
    assert!((1900..2600).contains(&span.as_millis()), "{} queries in {span:?}", all.len());
    // Evenly: what a moment of the machine holds up is not caught up with at once.
    for from in all.windows(60) {
        let span = from[59].at.saturating_sub(from[0].at);
        assert!(span > Duration::from_millis(100), "60 queries in {span:?}");
    }
}

#[test]
fn alone_a_window_is_sent_at_once() {
    let delay = Duration::from_millis(600);
    let (dir, server) = (folder(), server(|server| server.delay = delay..=delay));
    let via = format!("dns://{}", server.addr());
    fs::write(dir.path().join("names"), list((0..1000).map(|n| format!("v4only-{n}.dev"))))
        .unwrap();
    let line = ["probe", "--via", &via, "-t", "A", "-i", "names"];
    let begun = Instant::now();
    let said = run(dir.path(), &line);
    let took = begun.elapsed();
    assert_eq!((said.code, said.out.matches("+ ").count()), (Some(0), 1000), "{said:?}");
    assert!(took < 2 * delay, "{took:?}");
    let begun = Instant::now();
    let small = run(dir.path(), &[&line[..], &["--window", "250"]].concat());
    assert_eq!((small.code, small.out.matches("+ ").count()), (Some(0), 1000), "{small:?}");
    let again = begun.elapsed();
    assert!(again > 4 * delay, "four windows of 250: {again:?}");
}
