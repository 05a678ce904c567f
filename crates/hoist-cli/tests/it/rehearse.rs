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
