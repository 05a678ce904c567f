//! Every fault of the rehearsal's DNS, and what a probe may make of it.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::net::IpAddr;
use std::path::Path;

use hoist_rehearsal::{DnsRehearsal, DnsZone, Family, Running, Scenario, Truth, catalogue};
use serde_json::Value;
use tempfile::TempDir;

use crate::harness::{ANYWHERE, folder, objects, run};

/// What a probe may say: the truth, or one of these.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum May {
    /// Nothing but the truth.
    Truth,
    /// Only that nobody knows: there is nothing from which more could be known.
    Unknown,
    /// The truth, where something of it came through, or that nobody knows.
    Either,
    /// The server's word is that there is nothing, and nobody can see that it is wrong.
    NotFound,
}

use May::{Either, NotFound, Unknown};

/// A fault as it is written, and what may be said of a name that has an address, of one that does not
/// exist, and of one that has none, where one server alone is asked.
const FAULTS: &[(&str, [May; 3])] = &[
    ("answer", [May::Truth; 3]),
    ("delay?for=200ms", [May::Truth; 3]),
    ("delay?for=0s..400ms", [May::Truth; 3]),
    // Beyond its tries.
    ("late?by=6s", [Either; 3]),
    // While tries go on: an answer to any of them counts.
    ("late?by=300ms", [May::Truth; 3]),
    ("drop", [Unknown; 3]),
    ("duplicate?n=2", [May::Truth; 3]),
    ("duplicate?n=50", [May::Truth; 3]),
    ("rate?limit=100", [May::Truth; 3]),
    ("truncate?tcp=right", [May::Truth; 3]),
    ("truncate?tcp=reset", [Unknown; 3]),
    ("truncate?tcp=silent", [Unknown; 3]),
    ("servfail", [Unknown; 3]),
    ("refused", [Unknown; 3]),
    ("formerr", [Unknown; 3]),
    ("notimp", [Unknown; 3]),
    ("nxdomain", [NotFound; 3]),
    ("nodata", [NotFound; 3]),
    ("wrong-id", [Unknown; 3]),
    ("wrong-question", [Unknown; 3]),
    ("wrong-source", [Either; 3]),
    ("forged?n=20", [May::Truth; 3]),
    ("forged?n=1000", [May::Truth; 3]),
    ("garbage", [Unknown; 3]),
    ("lower-case", [May::Truth; 3]),
    ("no-edns", [May::Truth; 3]),
    ("cname?n=3", [May::Truth; 3]),
    ("cname?n=16", [May::Truth; 3]),
    // More than are followed; what is not known then is not "not found".
    ("cname?n=17", [Either; 3]),
    ("cname?n=200", [Either; 3]),
    ("cname-loop", [Unknown; 3]),
    ("rotate?n=1", [May::Truth; 3]),
];

/// Where another server, which is well, is asked too: what no server can help.
const BESIDE_A_GOOD_ONE: &[(&str, [May; 3])] = &[
    // A denial is a whole answer: whoever is asked first is believed.
    ("nxdomain", [NotFound; 3]),
    ("nodata", [NotFound; 3]),
];

/// Names of each sort.
const EACH: usize = 4;
const SORTS: [&str; 3] = ["both", "nx", "noaddr"];

/// A zone in which the names of each fault stand below one of their own.
fn rehearsal(rules: &str) -> DnsRehearsal {
    let rules = Scenario::parse(rules, Path::new("")).unwrap().queries().to_vec();
    let zone = DnsZone::generated("test", 1.0).unwrap();
    DnsRehearsal { rules, truth: Truth::memory(), ..DnsRehearsal::new([zone]) }
}

/// A server on which the names of the `at`th fault meet it.
fn faulty() -> DnsRehearsal {
    let mut rules = String::new();
    for (at, (fault, _)) in FAULTS.iter().enumerate() {
        writeln!(rules, "[[query]]\nname = \"*.noaddr-{at}.test\"\nfault = \"{fault}\"").unwrap();
    }
    rehearsal(&rules)
}

fn name(at: usize, sort: &str, n: usize) -> String {
    format!("{sort}-{n}.noaddr-{at}.test")
}

fn each(mut with: impl FnMut(usize, usize, String)) {
    for at in 0..FAULTS.len() {
        for (which, sort) in SORTS.iter().enumerate() {
            (0..EACH).for_each(|n| with(at, which, name(at, sort, n)));
        }
    }
}

/// Some faults take from the others what they need of the server: the room in sockets, and its connections over
/// TCP, of which there are two. They have runs of their own.
fn run_of(fault: &str) -> usize {
    match fault {
        "forged?n=1000" => 1,
        "truncate?tcp=silent" | "truncate?tcp=reset" => 2,
        _ => 0,
    }
}

/// All names of a run at once, of these servers.
fn probe(dir: &TempDir, servers: &[&Running], options: &[&str]) -> BTreeMap<String, Value> {
    let mut said = BTreeMap::new();
    for own in 0..3 {
        let mut list = String::new();
        each(|at, _, name| {
            if run_of(FAULTS[at].0) == own {
                list.extend([&*name, "\n"]);
            }
        });
        fs::write(dir.path().join("names"), &list).unwrap();
        let mut line = vec!["probe", "-i", "names", "--format", "jsonl"];
        line.extend(["--timeout", "200ms", "--retries", "5"]);
        line.extend(options);
        let via: Vec<_> = servers.iter().map(|server| format!("dns://{}", server.addr())).collect();
        line.extend(via.iter().flat_map(|via| ["--via", via]));
        let run = run(dir.path(), &line);
        let all = objects(&run.out);
        assert_eq!(all.len(), list.lines().count(), "each name once: {}", run.err);
        said.extend(all.into_iter().map(|o| (o["name"].as_str().unwrap().to_owned(), o)));
    }
    said
}

/// Holds what was said against the truth, and against what may be said in place of it.
fn judge(all: &BTreeMap<String, Value>, beside: bool) -> Vec<String> {
    let truth = rehearsal("");
    let mut wrong = Vec::new();
    each(|at, which, name| {
        let (fault, alone) = FAULTS[at];
        let good = BESIDE_A_GOOD_ONE.iter().find(|(other, _)| *other == fault);
        let may = match (beside, good) {
            (false, _) => alone[which],
            (true, None) => May::Truth,
            (true, Some((_, may))) => may[which],
        };
        let said = &all[&name];
        let verdict = said["verdict"].as_str().unwrap();
        let is = if truth.truth(&name).has_address() { "found" } else { "not_found" };
        let right = match may {
            May::Truth => verdict == is,
            Unknown => verdict == "unknown",
            Either => verdict == is || verdict == "unknown",
            NotFound if beside => verdict == is || verdict == "not_found",
            NotFound => verdict == "not_found",
        };
        // Whatever a forger or an alias says, found is with the name's own addresses.
        let own = truth.truth(&name);
        let is_own = |address: &Value| match address.as_str().unwrap().parse().unwrap() {
            IpAddr::V4(four) => own.a.contains(&four),
            IpAddr::V6(six) => own.aaaa.contains(&six),
        };
        let addresses = said["addresses"].as_array().unwrap();
        let whole = addresses.iter().all(is_own) && addresses.is_empty() == (verdict != "found");
        let tells_why = (verdict == "unknown") == said["reason"].is_string();
        if !(right && whole && tells_why) {
            wrong.push(format!("{fault}: of what is {is} may be said {may:?}: {said}"));
        }
    });
    wrong
}

fn assert_met(server: &Running) {
    let log = server.truth().dns();
    for (at, (fault, _)) in FAULTS.iter().enumerate() {
        let rule = Some(at + 1);
        assert!(log.iter().any(|record| record.rule == rule), "{fault} was not met");
    }
}

#[test]
fn every_fault_of_the_catalogue_has_a_row() {
    for (_, about) in catalogue().filter(|(family, _)| *family == Family::Dns) {
        let rows = FAULTS.iter().filter(|(fault, _)| fault.split('?').next() == Some(about.name));
        assert!(rows.count() > 0, "{} has no row in FAULTS: {}", about.name, about.verdict);
    }
}

#[test]
fn each_fault_of_the_only_server_gets_its_verdict() {
    both(&[&["-t", "A,AAAA"][..], &[]], |types| {
        let (dir, server) = (folder(), faulty().spawn(&ANYWHERE).unwrap());
        let options = [types, &["--deadline", "6s"][..]].concat();
        let wrong = judge(&probe(&dir, &[&server], &options), false);
        assert!(wrong.is_empty(), "{types:?}\n{}", wrong.join("\n"));
        assert_met(&server);
    });
}

#[test]
fn no_fault_of_a_server_matters_beside_a_good_one() {
    both(&[true, false], |bad_first| {
        let (dir, good) = (folder(), rehearsal("").spawn(&ANYWHERE).unwrap());
        let bad = faulty().spawn(&ANYWHERE).unwrap();
        let servers = if *bad_first { [&bad, &good] } else { [&good, &bad] };
        // A TCP that brings nothing takes 4 s, for A and then for AAAA.
        let wrong = judge(&probe(&dir, &servers, &["--deadline", "20s"]), true);
        // Which faults are met is not known: a server that fails rests.
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    });
}

/// Both at once: most of it is waiting.
fn both<T: Sync>(ways: &[T; 2], one: impl Fn(&T) + Sync) {
    std::thread::scope(|scope| ways.iter().for_each(|way| drop(scope.spawn(|| one(way)))));
}
