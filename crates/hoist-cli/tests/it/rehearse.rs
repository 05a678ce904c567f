use std::fs;
use std::io::{BufRead, BufReader};
use std::process::Child;

use crate::harness::{end, folder, hoist, interrupt, run};

/// Reads what listens where, as one line tells it.
fn address(child: &mut Child, scheme: &str) -> (BufReader<std::process::ChildStderr>, String) {
    let mut errors = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    errors.read_line(&mut line).unwrap();
    let start = line.find(scheme).expect("the first line names an address");
    let address = line[start..].split_whitespace().next().unwrap().to_owned();
    (errors, address)
}

#[test]
fn a_server_runs_until_it_is_stopped_and_writes_its_log() {
    let dir = folder();
    let line = ["rehearse", "local", "--port", "0", "--log", "truth.jsonl"];
    let mut child = hoist(dir.path(), &line).spawn().unwrap();
    let (errors, base) = address(&mut child, "http://");
    let said = run(dir.path(), &["get", "-o", "-", &format!("{base}status/404")]);
    assert_eq!(said.code, Some(1), "{said:?}");
    interrupt(&child);
    assert_eq!(end(child).code, Some(0));
    let last = errors.lines().last().unwrap().unwrap();
    assert_eq!(last, "hoist: LOCAL answered 1 requests over 1 connections");
    let log = fs::read_to_string(dir.path().join("truth.jsonl")).unwrap();
    let record: serde_json::Value = serde_json::from_str(log.trim_end()).unwrap();
    assert_eq!((&record["path"], &record["status"]), (&"/status/404".into(), &404.into()));
}

#[test]
fn http2_is_spoken_where_it_is_asked_for() {
    let dir = folder();
    let scenario = "http2 = true\n[[connection]]\nfault = \"h2-max-streams?n=5\"\n";
    fs::write(dir.path().join("two.toml"), scenario).unwrap();
    for option in [&["--http2"][..], &["--scenario", "two.toml"]] {
        let line = [&["rehearse", "LOCAL", "--port", "0", "--log", "truth.jsonl"], option].concat();
        let mut child = hoist(dir.path(), &line).spawn().unwrap();
        let (_errors, base) = address(&mut child, "http://");
        let url = format!("{base}bytes/3");
        let curl = ["-sf", "--http2-prior-knowledge", "-w", "%{http_version}", "-o", "body", &url];
        let said = std::process::Command::new("curl").args(curl).current_dir(dir.path()).output();
        assert_eq!(said.unwrap().stdout, b"2", "{option:?}");
        interrupt(&child);
        assert_eq!(end(child).code, Some(0));
        let log = fs::read_to_string(dir.path().join("truth.jsonl")).unwrap();
        let record: serde_json::Value =
            serde_json::from_str(log.lines().next_back().unwrap()).unwrap();
        assert_eq!((&record["http"], &record["stream"]), (&2.into(), &1.into()));
    }
}

#[test]
fn a_folder_can_be_served() {
    let dir = folder();
    fs::create_dir(dir.path().join("site")).unwrap();
    fs::write(dir.path().join("site/a.txt"), "hello").unwrap();
    let line = ["rehearse", "LOCAL", "--port", "0", "--dir", "site"];
    let mut child = hoist(dir.path(), &line).spawn().unwrap();
    let (_errors, base) = address(&mut child, "http://");
    let said = run(dir.path(), &["get", "-o", "-", &format!("{base}a.txt")]);
    assert_eq!((said.out.as_str(), said.code), ("hello", Some(0)), "{said:?}");
    interrupt(&child);
    assert_eq!(end(child).code, Some(0));
}

#[test]
fn a_port_that_is_taken_is_told_with_a_remedy() {
    let dir = folder();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let said = run(dir.path(), &["rehearse", "LOCAL", "--port", &port]);
    assert_eq!(said.code, Some(3), "{said:?}");
    assert!(said.err.contains("choose another port with --port"), "{}", said.err);
}

#[test]
fn a_scenario_says_who_meets_what_and_explain_says_so_before() {
    let dir = folder();
    fs::write(
        dir.path().join("rough.toml"),
        "seed = 3\n[[request]]\npath = \"/bytes*\"\nfault = \"reset\"\n\n\
         [[request]]\npath = \"/flags/*\"\nattempt = 1\nchain = [\"send?bytes=9\", \"close\"]\n",
    )
    .unwrap();
    let told =
        run(dir.path(), &["rehearse", "--scenario", "rough.toml", "--explain", "/flags/fr/fr.gif"]);
    assert_eq!(told.code, Some(0), "{told:?}");
    assert_eq!(
        told.out.lines().collect::<Vec<_>>(),
        [
            "GET /flags/fr/fr.gif of LOCAL, seed 3",
            "attempt 1: rule 2, send?bytes=9, then close",
            "attempt 2: no rule; whatever stands there",
            "attempt 3: no rule; whatever stands there",
        ]
    );
    let line = ["rehearse", "local", "--port", "0", "--scenario", "rough.toml", "--log", "log"];
    let mut child = hoist(dir.path(), &line).spawn().unwrap();
    let (_errors, base) = address(&mut child, "http://");
    let url = format!("{base}flags/fr/fr.gif");
    let said = run(dir.path(), &["get", "-o", "-", "--retries", "0", &url]);
    assert_eq!(said.code, Some(1), "{said:?}");
    let said = run(dir.path(), &["get", "-o", "out", &url]);
    assert_eq!(said.code, Some(0), "the second attempt is met by no rule: {said:?}");
    interrupt(&child);
    assert_eq!(end(child).code, Some(0));
    let log = fs::read_to_string(dir.path().join("log")).unwrap();
    let first: serde_json::Value = serde_json::from_str(log.lines().next().unwrap()).unwrap();
    assert_eq!((&first["decision"], &first["rule"]), (&"close".into(), &2.into()));
}

#[test]
fn what_is_wrong_with_a_scenario_is_told_with_its_line() {
    let dir = folder();
    fs::write(dir.path().join("s.toml"), "[[request]]\npath = \"/\"\nfault = \"rset\"\n").unwrap();
    let said = run(dir.path(), &["rehearse", "--scenario", "s.toml"]);
    assert_eq!(said.code, Some(3), "{said:?}");
    let why = "hoist: s.toml, line 3: no fault is called rset; hoist rehearse --list shows them\n";
    assert_eq!(said.err, why);
    let said = run(dir.path(), &["rehearse", "--scenario", "none.toml"]);
    assert_eq!(said.code, Some(3), "{said:?}");
    assert!(said.err.starts_with("hoist: none.toml: No such file"), "{}", said.err);
    for (line, why) in [
        (&["rehearse", "--connection", "reset"] as &[&str], "no connection fault is called reset"),
        (&["rehearse", "--tls=odd"], "a certificate is one of good, "),
        (&["rehearse", "--load", "knee?at=none"], "--load: knee: at is a number from 1 to 100000"),
        (&["rehearse", "--load", "kne"], "no load model is called kne; there are latency, "),
        (&["rehearse", "DNS", "--load", "knee"], "--load is for LOCAL, DELAY and ERROR"),
        (&["rehearse", "DNS", "--http2"], "--http2 is for LOCAL, DELAY and ERROR"),
        (&["rehearse", "DNS", "--tls"], "--tls are for LOCAL, DELAY and ERROR"),
        (&["rehearse", "LOCAL", "--ca-file", "x"], "--ca-file needs --tls"),
    ] {
        let said = run(dir.path(), line);
        assert_eq!(said.code, Some(2), "{line:?} {said:?}");
        assert!(said.err.contains(why), "{line:?} {}", said.err);
    }
}

#[test]
fn every_fault_is_listed() {
    let dir = folder();
    let said = run(dir.path(), &["rehearse", "--list"]);
    assert_eq!(said.code, Some(0), "{said:?}");
    for (family, about) in hoist_rehearsal::catalogue() {
        assert!(said.out.contains(&format!("\n{family}")), "{family}");
        assert!(said.out.contains(about.does), "{}", about.name);
        assert!(said.out.contains(about.example), "{}", about.name);
    }
}

#[test]
fn https_is_served_with_an_authority_of_its_own() {
    let dir = folder();
    for (tls, code) in [("--tls", 0), ("--tls=expired", 1)] {
        let line = ["rehearse", "LOCAL", "--port", "0", tls, "--ca-file", "ca.pem"];
        let mut child = hoist(dir.path(), &line).spawn().unwrap();
        let (_errors, base) = address(&mut child, "https://");
        let url = format!("{base}flags/fr/metadata.json");
        let mut get = hoist(dir.path(), &["get", "-o", "-", "--retries", "0", &url]);
        let said = end(get.env("SSL_CERT_FILE", "ca.pem").spawn().unwrap());
        assert_eq!(said.code, Some(code), "{tls} {said:?}");
        interrupt(&child);
        assert_eq!(end(child).code, Some(0));
    }
}
