//! Names that a wildcard answers for, told from those of their own.

use std::collections::BTreeMap;
use std::fs;
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use hoist_rehearsal::{DnsRehearsal, DnsZone, Running, Scenario, Truth};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::harness::{ANYWHERE, folder, objects, run, wait_until};

/// Below `wild` anything has the first two addresses, in `own` a name its own; `one.wild` exists, so
/// that nothing below it comes from there; `alias` leads every name to the same place.
const ZONE: &str = "\
*.wild A 192.0.2.1
*.wild A 192.0.2.2
own.wild A 192.0.2.9
same.wild A 192.0.2.2
www.one.wild A 192.0.2.1
*.six AAAA 2001:db8::1
own.six A 192.0.2.9
*.alias CNAME www
own.alias CNAME ftp
*.text TXT \"no address\"
www.text A 192.0.2.1
*.turn A 192.0.2.11
*.turn A 192.0.2.12
*.turn A 192.0.2.13
*.turn A 192.0.2.14
*.turn A 192.0.2.15
*.turn A 192.0.2.16
*.turn A 192.0.2.17
*.turn A 192.0.2.18
own.turn A 192.0.2.9
www A 192.0.2.7
ftp A 192.0.2.8
";

/// What is true of names under `test`: None where the DNS has no such name.
const TRUTH: [(&str, Option<bool>); 17] = [
    ("any.wild", Some(true)),
    ("far.below.wild", Some(true)),
    ("own.wild", Some(false)),
    // As far as anyone can tell.
    ("same.wild", Some(true)),
    ("www.one.wild", Some(false)),
    ("any.one.wild", None),
    ("any.six", Some(true)),
    ("own.six", Some(false)),
    ("any.alias", Some(true)),
    ("own.alias", Some(false)),
    ("www.text", Some(false)),
    ("any.text", None),
    ("any.turn", Some(true)),
    ("other.turn", Some(true)),
    ("own.turn", Some(false)),
    ("www", Some(false)),
    ("none", None),
];

fn names() -> Vec<String> {
    TRUTH.iter().map(|(name, _)| format!("{name}.test")).collect()
}

fn serve(rules: &str) -> (Running, String) {
    let zone = DnsZone::from_file("test", ZONE).unwrap();
    let rules = Scenario::parse(rules, Path::new("")).unwrap().queries().to_vec();
    let dns = DnsRehearsal { rules, truth: Truth::memory(), ..DnsRehearsal::new([zone]) };
    let server = dns.spawn(&ANYWHERE).unwrap();
    let via = format!("dns://{}", server.addr());
    (server, via)
}

/// Below `turn` five of eight addresses at a time: that tests never show one of them has a chance of less
/// than 1 in 100,000.
const TURN: &str = "[[query]]\nname = \"*.turn.test\"\nfault = \"rotate?n=5\"\n";

fn probe(dir: &TempDir, via: &str, options: &[&str]) -> BTreeMap<String, Value> {
    fs::write(dir.path().join("names"), names().join("\n")).unwrap();
    let line = ["probe", "--via", via, "-i", "names", "--format", "jsonl"];
    let said = run(dir.path(), &[&line[..], options].concat());
    assert_eq!(said.code, Some(0), "{said:?}");
    let all = objects(&said.out);
    assert_eq!(all.len(), TRUTH.len());
    all.into_iter().map(|o| (o["name"].as_str().unwrap().to_owned(), o)).collect()
}

/// Holds what was said against what is true.
fn check(all: &BTreeMap<String, Value>, dropped: bool) {
    for (name, expected) in TRUTH {
        let said = &all[&format!("{name}.test")];
        let is_found = expected.is_some_and(|wildcard| !(wildcard && dropped));
        let verdict = if is_found { "found" } else { "not_found" };
        assert_eq!(said["verdict"], verdict, "{said}");
        assert_eq!(said.get("wildcard"), expected.map(Value::from).as_ref(), "{said}");
        assert_eq!(said["addresses"].as_array().unwrap().is_empty(), !is_found, "{said}");
        assert_eq!(said["ttl"].is_number(), is_found, "{said}");
    }
}

#[test]
fn those_of_a_wildcard_are_marked_or_dropped() {
    let (dir, (_server, via)) = (folder(), serve(TURN));
    check(&probe(&dir, &via, &["--wildcards", "mark"]), false);
    check(&probe(&dir, &via, &["--wildcards", "drop"]), true);
    for said in probe(&dir, &via, &[]).values() {
        assert_eq!(said.get("wildcard"), None, "by default nothing is said of it: {said}");
    }
}

#[test]
fn by_default_nothing_more_is_asked() {
    let (dir, (server, via)) = (folder(), serve(""));
    let count = |options: &[&str]| {
        let before = server.truth().dns().len();
        probe(&dir, &via, &[&["-t", "A"], options].concat());
        assert!(server.settle(std::time::Duration::from_mins(1)));
        server.truth().dns().len() - before
    };
    assert_eq!(count(&["--wildcards", "keep"]), TRUTH.len());
    // `test`, `one.wild`, `six` and `text` have no such wildcard, which takes one test, and `below.wild`
    // has no name of its own. In `wild`, `alias` and `turn` there is one, which takes seven.
    let tests = count(&["--wildcards", "mark"]) - TRUTH.len();
    assert_eq!(tests, 5 + 3 * 7);
}

#[test]
fn texts_and_columns_show_them() {
    let (dir, (_server, via)) = (folder(), serve(""));
    let said = |options: &[&str]| {
        let line = ["probe", "--via", &via, "--ordered"];
        let names = ["any.wild.test", "own.wild.test", "none.test"];
        run(dir.path(), &[&line[..], options, &names].concat()).out
    };
    let marked = said(&["--wildcards", "mark"]);
    assert_eq!(marked, "* any.wild.test\n+ own.wild.test\n  none.test\n");
    let dropped = said(&["--wildcards", "drop"]);
    assert_eq!(dropped, "  any.wild.test\n+ own.wild.test\n  none.test\n");
    assert_eq!(said(&[]), "+ any.wild.test\n+ own.wild.test\n  none.test\n");
    let columns = said(&["--wildcards", "mark", "--format", "columns"]);
    assert!(columns.ends_with("* any.wild.test\nown.wild.test\n\t\tnone.test\n"), "{columns}");
}

#[test]
fn on_doubt_nothing_is_claimed() {
    // Names that nobody wrote down get no answer.
    let rules = "[[query]]\nname = \"own.wild.test\"\nfault = \"answer\"\n\
                 [[query]]\nname = \"*.wild.test\"\nfault = \"servfail\"\n";
    let (dir, (_server, via)) = (folder(), serve(rules));
    for mode in ["mark", "drop"] {
        let line = ["probe", "--via", &via, "--wildcards", mode, "--format", "jsonl"];
        let said = run(dir.path(), &[&line[..], &["own.wild.test"]].concat());
        let outcome = &objects(&said.out)[0];
        assert_eq!((&outcome["verdict"], &outcome["wildcard"]), (&json!("found"), &Value::Null));
        assert!(outcome.get("wildcard").is_some(), "{outcome}");
        assert_eq!(said.code, Some(0), "it is found, whatever it comes from");
    }
}

#[test]
fn alone_tests_are_within_the_deadline() {
    let rules = "[[query]]\nname = \"own.wild.test\"\nfault = \"answer\"\n\
                 [[query]]\nname = \"*.wild.test\"\nfault = \"drop\"\n";
    let (dir, (_server, via)) = (folder(), serve(rules));
    let line = ["probe", "--via", &via, "--wildcards", "mark", "--deadline", "1s"];
    let begun = std::time::Instant::now();
    let said = run(dir.path(), &[&line[..], &["--format", "jsonl", "own.wild.test"]].concat());
    let outcome = &objects(&said.out)[0];
    assert_eq!((&outcome["verdict"], &outcome["wildcard"]), (&json!("found"), &Value::Null));
    assert!(outcome["ms"].as_f64().unwrap() < 1500.0, "{outcome}");
    assert!(begun.elapsed().as_secs() < 3, "{:?}", begun.elapsed());
}

#[test]
fn alone_each_name_has_its_own_deadline() {
    // The first test is answered after a while, so that both names wait for the next ones, and those
    // have as long as the name that began later.
    let rules = "[[query]]\nname = \"own*\"\nfault = \"answer\"\n\
                 [[query]]\nname = \"none.test\"\nfault = \"delay?for=700ms\"\n\
                 [[query]]\nnumber = \"1..4\"\nfault = \"delay?for=1200ms\"\n\
                 [[query]]\nfault = \"drop\"\n";
    let (dir, (_server, via)) = (folder(), serve(rules));
    let options = ["--wildcards", "mark", "--ordered", "--format", "jsonl", "-t", "A", "-m", "2"];
    let patience = ["--timeout", "3s", "--deadline", "2s"];
    let names = ["own.wild.test", "none.test", "own.wild.test"];
    let said =
        run(dir.path(), &[&["probe", "--via", &via][..], &options, &patience, &names].concat());
    let all = objects(&said.out);
    for outcome in [&all[0], &all[2]] {
        assert_eq!((&outcome["verdict"], &outcome["wildcard"]), (&json!("found"), &Value::Null));
        let ms = outcome["ms"].as_f64().unwrap();
        assert!((1950.0..2350.0).contains(&ms), "{outcome}");
    }
}

#[test]
fn a_list_on_record_keeps_its_way() {
    let (dir, (_server, via)) = (folder(), serve(TURN));
    let out = |mode: &str| {
        let line = ["probe", "--via", &via, "-i", "names", "--format", "jsonl", "-o", "answers"];
        run(dir.path(), &[&line[..], &["--wildcards", mode]].concat())
    };
    fs::write(dir.path().join("names"), names().join("\n")).unwrap();
    assert_eq!(out("drop").code, Some(0));
    let text = fs::read_to_string(dir.path().join("answers")).unwrap();
    let all = objects(&text).into_iter().map(|o| (o["name"].as_str().unwrap().to_owned(), o));
    check(&all.collect(), true);
    assert_eq!(out("drop").code, Some(0), "all done");
    let other = out("mark");
    assert_eq!(other.code, Some(3), "{other:?}");
    assert!(other.err.contains("wildcards drop"), "{}", other.err);
    assert_eq!(fs::read_to_string(dir.path().join("answers")).unwrap(), text);
}

#[test]
fn what_is_on_record_is_what_was_told() {
    for mode in ["mark", "drop"] {
        let (dir, (server, via)) = (folder(), serve(TURN));
        let line = ["probe", "--via", &via, "-i", "names", "--format", "jsonl", "-o", "answers"];
        let line = [&line[..], &["--wildcards", mode]].concat();
        let sorted = |text: String| {
            let mut lines: Vec<_> = text.lines().map(str::to_owned).collect();
            lines.sort_unstable();
            lines
        };
        let told = || sorted(fs::read_to_string(dir.path().join("answers")).unwrap());
        let on_record = || sorted(run(dir.path(), &["outcomes", "answers"]).out);
        // The list grows, and the run goes on.
        for known in [TRUTH.len() / 2, TRUTH.len()] {
            let list = names()[..known].join("\n") + "\n";
            fs::write(dir.path().join("names"), list).unwrap();
            let said = run(dir.path(), &line);
            assert_eq!(said.code, Some(0), "{said:?}");
            assert_eq!(told().len(), known);
            assert_eq!(on_record(), told(), "{mode}");
        }
        let marked = told().iter().filter(|line| line.ends_with("\"wildcard\":true}")).count();
        assert_eq!(marked, TRUTH.iter().filter(|(_, wild)| *wild == Some(true)).count());

        let asked = server.truth().dns().len();
        assert_eq!(run(dir.path(), &line).code, Some(0), "all done");
        assert_eq!((server.truth().dns().len(), on_record()), (asked, told()));
        let rows = run(dir.path(), &["outcomes", "answers", "--format", "csv"]).out;
        let ends = |end: &str| rows.lines().filter(|row| row.ends_with(end)).count();
        assert_eq!(rows.lines().next().map(|row| row.ends_with(",records,wildcard")), Some(true));
        let own = TRUTH.iter().filter(|(_, wild)| *wild == Some(false)).count();
        assert_eq!((ends(",true"), ends(",false")), (marked, own), "{rows}");
    }
}

#[test]
fn wrong_words_are_told() {
    let said = run(folder().path(), &["probe", "--wildcards", "no", "a.test"]);
    assert_eq!(said.code, Some(2));
    assert!(said.err.contains("keep, mark, drop"), "{}", said.err);
}

/// A server by others: nsd, where there is one.
struct Nsd(Child);

impl Drop for Nsd {
    fn drop(&mut self) {
        // It asks its children to end, which a kill would leave.
        let pid = i32::try_from(self.0.id()).ok().and_then(rustix::process::Pid::from_raw);
        if let Some(pid) = pid {
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
        }
        let _ = self.0.wait();
    }
}

impl Nsd {
    fn start(dir: &Path) -> Option<(Self, SocketAddr)> {
        const NSD: &str = "/usr/sbin/nsd";
        if !Path::new(NSD).exists() {
            return None;
        }
        let address = loop {
            let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
            let address = udp.local_addr().unwrap();
            if TcpListener::bind(address).is_ok() {
                break address;
            }
        };
        let soa = "@ 60 IN SOA ns.test. root.test. 1 3600 600 86400 60\n@ IN NS ns.test.\nns A 127.0.0.1\n";
        fs::write(dir.join("zone"), format!("$ORIGIN test.\n$TTL 60\n{soa}{ZONE}")).unwrap();
        let conf = format!(
            "server:\n ip-address: {}@{}\n username: \"\"\n zonesdir: \"{2}\"\n pidfile: \"\"\n \
             database: \"\"\n zonelistfile: \"{2}/zone.list\"\n xfrdfile: \"{2}/xfrd\"\n \
             xfrdir: \"{2}\"\n server-count: 1\n logfile: \"{2}/log\"\n\
             remote-control:\n control-enable: no\n\
             zone:\n name: test\n zonefile: zone\n",
            address.ip(),
            address.port(),
            dir.display()
        );
        fs::write(dir.join("nsd.conf"), conf).unwrap();
        let child = Command::new(NSD)
            .args(["-d", "-c"])
            .arg(dir.join("nsd.conf"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let nsd = Self(child);
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.set_read_timeout(Some(std::time::Duration::from_millis(100))).unwrap();
        let query =
            b"\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x03www\x04test\x00\x00\x01\x00\x01";
        wait_until("nsd answers", || {
            let _ = socket.send_to(query, address);
            socket.recv(&mut [0; 512]).is_ok()
        });
        Some((nsd, address))
    }
}

#[test]
fn a_server_of_others_says_the_same() {
    let dir = folder();
    let Some((_nsd, address)) = Nsd::start(dir.path()) else { return };
    let via = format!("dns://{address}");
    check(&probe(&dir, &via, &["--wildcards", "mark"]), false);
    check(&probe(&dir, &via, &["--wildcards", "drop"]), true);
}
