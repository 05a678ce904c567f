//! Types of records, and the forms in which answers are told: the same from nsd, which is another's
//! reading of RFC 1035, and from a rehearsal of the same zones.

use std::fmt::Write;
use std::fs;
use std::net::UdpSocket;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use hoist_rehearsal::{DnsRehearsal, DnsZone, Running};
use serde_json::Value;
use tempfile::TempDir;

use crate::harness::{ANYWHERE, Said, folder, objects, on_record, run, terminate, wait_until};

const ZONES: [(&str, &str); 4] = [
    (
        "example.test",
        r#"$TTL 300
@ IN SOA NS Host\.master ( 2026 1h 10m 1d 5 )
@ IN NS ns
@ IN NS ns.Other.test.
@ 60 IN MX 20 mail.other.test.
@ 60 IN MX 10 mail
@ IN TXT "v=spf1 -all" "a \"quoted\" \\ \; \007\233"
@ IN A 192.0.2.1
ns A 192.0.2.53
mail A 192.0.2.25
www 30 IN CNAME @
deep CNAME www
away CNAME there.other.test.
nowhere CNAME none
odd IN PTR a\.b\000\(c.d
"#,
    ),
    (
        "other.test",
        "@ 60 IN SOA ns ns 1 1 1 1 60\n@ 60 IN NS ns\nns 60 IN A 192.0.2.54\nthere 20 IN MX 5 @\n\
         there 20 IN TXT there\nmail 60 IN A 192.0.2.26\n",
    ),
    (
        "2.0.192.in-addr.arpa",
        "@ 60 IN SOA ns.other.test. ns.other.test. 1 1 1 1 60\n@ 60 IN NS ns.other.test.\n\
         1 60 IN PTR example.test.\n1 60 IN PTR www.example.test.\n",
    ),
    (
        "8.b.d.0.1.0.0.2.ip6.arpa",
        "@ 60 IN SOA ns.other.test. ns.other.test. 1 1 1 1 60\n@ 60 IN NS ns.other.test.\n\
         $ORIGIN 0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa.\n\
         1.0.0.0 60 IN PTR six.example.test.\n",
    ),
];

/// The zones, with a text that needs TCP.
fn zones() -> Vec<(&'static str, String)> {
    let string = format!(" \"{}\"", "x".repeat(250));
    let large = format!("large 300 IN TXT{}\n", string.repeat(8));
    ZONES.iter().map(|(name, text)| (*name, format!("{text}{large}"))).collect()
}

fn rehearsed() -> Running {
    let zones = zones();
    let zones = zones.iter().map(|(name, text)| DnsZone::from_file(name, text).unwrap());
    DnsRehearsal::new(zones.collect::<Vec<_>>()).spawn(&ANYWHERE).unwrap()
}

/// Another's server, for as long as this lives.
struct Nsd {
    child: Child,
    port: u16,
    _dir: TempDir,
}

impl Nsd {
    fn start() -> Self {
        let dir = folder();
        for (name, text) in zones() {
            fs::write(dir.path().join(name), text).unwrap();
        }
        // Another program may take the port in between: then another one is tried.
        for tries in 1.. {
            assert!(tries <= 5, "nsd does not start");
            let port = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
            fs::write(dir.path().join("conf"), Self::conf(dir.path(), port)).unwrap();
            let mut child = Command::new("nsd")
                .env("PATH", "/usr/sbin:/usr/local/sbin:/usr/local/bin:/usr/bin:/bin")
                .args(["-d", "-c"])
                .arg(dir.path().join("conf"))
                .stdin(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .expect("nsd is needed for this test: install it (Debian's package: nsd)");
            let mut ended = false;
            wait_until("nsd answers", || {
                ended = child.try_wait().unwrap().is_some();
                ended || answers(port)
            });
            if !ended {
                return Self { child, port, _dir: dir };
            }
        }
        unreachable!()
    }

    /// As whoever runs the test, with nothing but what is in the folder.
    fn conf(dir: &Path, port: u16) -> String {
        let dir = dir.display();
        let mut conf = format!(
            "server:\n ip-address: 127.0.0.1@{port}\n username: \"\"\n zonesdir: \"{dir}\"\n \
             pidfile: \"\"\n zonelistfile: \"{dir}/zone.list\"\n xfrdfile: \"\"\n xfrdir: \"{dir}\"\n \
             logfile: \"{dir}/log\"\n server-count: 1\nremote-control:\n control-enable: no\n"
        );
        for (name, _) in ZONES {
            writeln!(conf, "zone:\n name: {name}\n zonefile: {name}").unwrap();
        }
        conf
    }

    fn via(&self) -> String {
        format!("dns://127.0.0.1:{}", self.port)
    }
}

impl Drop for Nsd {
    fn drop(&mut self) {
        // It ends those that it has forked.
        terminate(&self.child);
        let _ = self.child.wait();
    }
}

fn answers(port: u16) -> bool {
    let said = probe(&format!("dns://127.0.0.1:{port}"), &["-t", "SOA", "other.test"]);
    said.out == "+ other.test\n"
}

fn probe(via: &str, line: &[&str]) -> Said {
    let line = [&["probe", "--via", via, "--ordered", "--timeout", "250ms"], line].concat();
    run(folder().path(), &line)
}

/// JSON lines, without what is another in each run: from "server" to "records".
fn told(via: &str, line: &[&str]) -> String {
    let said = probe(via, &[line, &["--format", "jsonl"]].concat());
    let mut all = String::new();
    for line in said.out.lines() {
        let (before, rest) = line.split_once("\"server\":").expect("there is a server");
        let (_, records) = rest.split_once("\"records\":").expect("records come last");
        writeln!(all, "{before}\"records\":{records}").unwrap();
    }
    all
}

/// What is asked, and what is told of it.
const SNAPSHOT: [(&[&str], &str); 6] = [
    (
        &["-t", "NS", "example.test", "www.example.test", "mail.example.test", "none.example.test"],
        r#"{"index":0,"name":"example.test","verdict":"found","addresses":[],"ttl":300,"rcode":"NOERROR","records":["ns.example.test.","ns.other.test."]}
{"index":1,"name":"www.example.test","verdict":"found","addresses":[],"ttl":30,"rcode":"NOERROR","records":["ns.example.test.","ns.other.test."]}
{"index":2,"name":"mail.example.test","verdict":"not_found","addresses":[],"ttl":null,"rcode":"NOERROR","records":[]}
{"index":3,"name":"none.example.test","verdict":"not_found","addresses":[],"ttl":null,"rcode":"NXDOMAIN","records":[]}
"#,
    ),
    (
        &["-t", "SOA", "example.test", "www.example.test", "mail.example.test"],
        r#"{"index":0,"name":"example.test","verdict":"found","addresses":[],"ttl":300,"rcode":"NOERROR","records":["ns.example.test. host\\.master.example.test. 2026 3600 600 86400 5"]}
{"index":1,"name":"www.example.test","verdict":"found","addresses":[],"ttl":30,"rcode":"NOERROR","records":["ns.example.test. host\\.master.example.test. 2026 3600 600 86400 5"]}
{"index":2,"name":"mail.example.test","verdict":"not_found","addresses":[],"ttl":null,"rcode":"NOERROR","records":[]}
"#,
    ),
    (
        &["-t", "mx", "deep.example.test", "away.example.test", "nowhere.example.test"],
        r#"{"index":0,"name":"deep.example.test","verdict":"found","addresses":[],"ttl":30,"rcode":"NOERROR","records":["10 mail.example.test.","20 mail.other.test."]}
{"index":1,"name":"away.example.test","verdict":"found","addresses":[],"ttl":20,"rcode":"NOERROR","records":["5 other.test."]}
{"index":2,"name":"nowhere.example.test","verdict":"not_found","addresses":[],"ttl":null,"rcode":"NXDOMAIN","records":[]}
"#,
    ),
    (
        &["-t", "TXT", "example.test", "there.other.test"],
        r#"{"index":0,"name":"example.test","verdict":"found","addresses":[],"ttl":300,"rcode":"NOERROR","records":["\"v=spf1 -all\" \"a \\\"quoted\\\" \\\\ ; \\007\\233\""]}
{"index":1,"name":"there.other.test","verdict":"found","addresses":[],"ttl":20,"rcode":"NOERROR","records":["\"there\""]}
"#,
    ),
    (
        &[
            "-t",
            "CNAME",
            "deep.example.test",
            "away.example.test",
            "example.test",
            "nowhere.example.test",
        ],
        r#"{"index":0,"name":"deep.example.test","verdict":"found","addresses":[],"ttl":300,"rcode":"NOERROR","records":["www.example.test."]}
{"index":1,"name":"away.example.test","verdict":"found","addresses":[],"ttl":300,"rcode":"NOERROR","records":["there.other.test."]}
{"index":2,"name":"example.test","verdict":"not_found","addresses":[],"ttl":null,"rcode":"NOERROR","records":[]}
{"index":3,"name":"nowhere.example.test","verdict":"found","addresses":[],"ttl":300,"rcode":"NOERROR","records":["none.example.test."]}
"#,
    ),
    (
        &[
            "-t",
            "PTR",
            "192.0.2.1",
            "2001:db8::1",
            "192.0.2.2",
            "1.2.0.192.in-addr.arpa",
            "odd.example.test",
        ],
        r#"{"index":0,"name":"192.0.2.1","verdict":"found","addresses":[],"ttl":60,"rcode":"NOERROR","records":["example.test.","www.example.test."]}
{"index":1,"name":"2001:db8::1","verdict":"found","addresses":[],"ttl":60,"rcode":"NOERROR","records":["six.example.test."]}
{"index":2,"name":"192.0.2.2","verdict":"not_found","addresses":[],"ttl":null,"rcode":"NXDOMAIN","records":[]}
{"index":3,"name":"1.2.0.192.in-addr.arpa","verdict":"found","addresses":[],"ttl":60,"rcode":"NOERROR","records":["example.test.","www.example.test."]}
{"index":4,"name":"odd.example.test","verdict":"found","addresses":[],"ttl":300,"rcode":"NOERROR","records":["a\\.b\\000\\(c.d.example.test."]}
"#,
    ),
];

/// A server may give the records of a name in any order; a rehearsal has one time to live for all.
fn sorted(text: &str, ttls: bool) -> Vec<Value> {
    let mut all = objects(text);
    for object in &mut all {
        let records = object["records"].as_array_mut().unwrap();
        records.sort_unstable_by_key(ToString::to_string);
        if !ttls && !object["ttl"].is_null() {
            object["ttl"] = 0.into();
        }
    }
    all
}

fn all_types_are_told(via: &str, ttls: bool) {
    for (line, expected) in SNAPSHOT {
        let told = told(via, line);
        assert_eq!(sorted(&told, ttls), sorted(expected, ttls), "{line:?}: {told}");
        // The fields come in this order.
        for (told, expected) in told.lines().zip(expected.lines()) {
            let before = |line: &str| line.split("\"ttl\"").next().map(str::to_owned);
            assert_eq!(before(told), before(expected));
        }
    }
    // 2,000 bytes, which come over TCP.
    let large = probe(via, &["-t", "TXT", "large.example.test", "--format", "jsonl"]);
    let records = objects(&large.out)[0]["records"].clone();
    assert_eq!(records[0].as_str().unwrap().len(), 8 * 253 - 1, "{large:?}");
    // Addresses are told as ever.
    let both = probe(via, &["mail.example.test", "192.0.2.9", "--format", "jsonl"]);
    for object in objects(&both.out) {
        assert!(object.get("records").is_none() && object["verdict"] == "found", "{object}");
    }
}

#[test]
fn nsd_tells_of_all_types() {
    let nsd = Nsd::start();
    all_types_are_told(&nsd.via(), true);
}

#[test]
fn a_rehearsal_of_the_same_zones_tells_the_same() {
    let server = rehearsed();
    all_types_are_told(&format!("dns://{}", server.addr()), false);
}

#[test]
fn an_address_has_no_other_records() {
    let server = rehearsed();
    let said = probe(
        &format!("dns://{}", server.addr()),
        &["-t", "MX", "192.0.2.1", "a..b", "--format", "jsonl"],
    );
    for object in objects(&said.out) {
        assert_eq!((&object["verdict"], &object["kind"]), (&"unknown".into(), &"bad_name".into()));
        assert_eq!(object["records"], serde_json::json!([]));
    }
    assert!(
        said.out.contains("which has PTR records alone; ask for these, or give a name"),
        "{}",
        said.out
    );
    assert_eq!((said.code, server.stats().requests), (Some(1), 0));
}

#[test]
fn a_table_has_records_between_semicolons() {
    let server = rehearsed();
    let via = format!("dns://{}", server.addr());
    let line = ["-t", "TXT", "example.test", "large.test", "--format", "csv"];
    let said = probe(&via, &line);
    let mut reader = csv::Reader::from_reader(said.out.as_bytes());
    let header = reader.headers().unwrap().iter().collect::<Vec<_>>().join(",");
    let columns =
        "index,name,verdict,kind,reason,addresses,ttl,rcode,server,attempts,ms,records,wildcard";
    assert_eq!(header, columns);
    assert!(said.out.starts_with(&format!("{columns}\r\n")), "{}", said.out);
    let rows: Vec<_> = reader.records().map(Result::unwrap).collect();
    assert_eq!(rows.len(), 2);
    assert_eq!(&rows[0][11], r#""v=spf1 -all" "a \"quoted\" \\ \059 \007\233""#);
    assert_eq!((&rows[1][3], &rows[1][11]), ("dns_failed", ""));

    let said = probe(&via, &["-t", "MX", "example.test", "--format", "csv"]);
    assert!(
        said.out.ends_with(",10 mail.example.test.;20 mail.other.test.,\r\n")
            || said.out.ends_with(",20 mail.other.test.;10 mail.example.test.,\r\n"),
        "{}",
        said.out
    );
    let said = probe(&via, &["mail.example.test", "--format", "csv"]);
    assert!(said.out.contains(",192.0.2.25,") && said.out.ends_with(",,\r\n"), "{}", said.out);
    let nothing =
        crate::harness::run_with_stdin(folder().path(), &["probe", "--format", "csv"], "");
    assert_eq!((nothing.out, nothing.code), (format!("{columns}\r\n"), Some(0)));
}

#[test]
fn only_what_is_wanted_is_printed_and_all_is_counted() {
    let server = rehearsed();
    let via = format!("dns://{}", server.addr());
    let names = ["ns.example.test", "none.example.test", "a..b"];
    for (only, expected) in [
        (&["--only", "found"][..], "+ ns.example.test\n"),
        (&["--only", "not_found"], "  none.example.test\n"),
        (&["--only", "unknown,found"], "+ ns.example.test\n? a..b\n"),
        (&["--only", "unknown", "--only", "not_found"], "  none.example.test\n? a..b\n"),
    ] {
        let said = probe(&via, &[&names[..], only].concat());
        assert_eq!((said.out.as_str(), said.code), (expected, Some(1)), "{only:?}");
        assert!(said.err.contains("1 found, 1 not found, 1 unknown of 3 names"), "{}", said.err);
    }
    let csv = probe(&via, &[&names[..], &["--only", "found", "--format", "csv"]].concat());
    assert_eq!(csv.out.lines().count(), 2, "{}", csv.out);
}

#[test]
fn a_file_has_one_form_and_its_record_all_outcomes() {
    let server = rehearsed();
    let via = format!("dns://{}", server.addr());
    let dir = folder();
    let list = "none.example.test\nexample.test\na..b\nother.test\n";
    fs::write(dir.path().join("list"), list).unwrap();
    let line = ["probe", "-i", "list", "-o", "answers", "--via", &via, "--ordered", "-t", "MX"];
    let mx = |options: &[&str]| run(dir.path(), &[&line[..], options].concat());
    let said = mx(&["--only", "found", "--format", "csv"]);
    assert!(said.err.contains("1 found, 2 not found, 1 unknown of 4 names"), "{said:?}");
    let path = dir.path().join("answers");
    let text = fs::read_to_string(&path).unwrap();
    assert_eq!(text.lines().count(), 2, "{text}");
    let recorded = on_record(&path);
    assert!(recorded.keys().copied().eq(0..4));
    let mut records = recorded[&1]["records"].as_array().unwrap().clone();
    records.sort_unstable_by_key(ToString::to_string);
    assert_eq!(records, ["10 mail.example.test.", "20 mail.other.test."]);
    assert_eq!(recorded[&0]["records"], serde_json::json!([]));

    // The same again asks nothing; another form does not go into the same file.
    let before = server.stats().requests;
    assert!(before >= 3);
    mx(&["--only", "found", "--format", "csv"]);
    assert_eq!(server.stats().requests, before);
    assert_eq!(fs::read_to_string(&path).unwrap(), text);
    for other in [
        &["--format", "csv"][..],
        &["--format", "csv", "--only", "found,unknown"],
        &["--format", "jsonl", "--only", "found"],
    ] {
        let said = mx(other);
        assert_eq!(said.code, Some(3), "{said:?}");
        assert!(said.err.contains("format csv, only found, type MX"), "{}", said.err);
    }
    // What is asked again and told again is written behind.
    mx(&["--only", "found", "--format", "csv", "--again", "found"]);
    assert_eq!(fs::read_to_string(&path).unwrap().lines().count(), 3);
}

#[test]
fn what_cannot_be_asked_is_a_usage_error() {
    let dir = folder();
    for (line, says) in [
        (&["-t", "MX,TXT"][..], "one at a time"),
        (&["-t", "A", "-t", "NS"], "A and AAAA can be asked for together"),
        (&["-t", "SRV"], "A, AAAA, NS, SOA, MX, TXT, CNAME and PTR"),
        (&["-t", "MX", "--via", "system"], "--via resolv-conf"),
        (&["--only", "ok"], "found, not_found, unknown"),
    ] {
        let said = run(dir.path(), &[&["probe", "a.example"], line].concat());
        assert_eq!((said.code, said.out.as_str()), (Some(2), ""), "{said:?}");
        assert!(said.err.contains(says), "{says}: {}", said.err);
    }
}
