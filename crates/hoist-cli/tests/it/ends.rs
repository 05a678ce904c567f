//! A list with servers that are down or drip ends, says so, and can be gone on with.

use std::net::TcpListener;

use hoist_rehearsal::HttpRehearsal;

use crate::harness::{Here, folder, objects, run, run_with_stdin};

#[test]
fn what_an_origin_that_was_down_owes_is_asked_again() {
    let dir = folder();
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let line = |n| format!("http://{address}/flags/va/va.gif?n={n}\n");
    std::fs::write(dir.path().join("list"), (0..300).map(line).collect::<String>()).unwrap();
    let get = ["get", "-i", "list", "-o", "out", "--format", "jsonl"];
    let options = ["--breaker", "2", "--deadline", "1s"];
    let said = run(dir.path(), &[&get[..], &options].concat());
    assert_eq!(said.code, Some(1), "{said:?}");
    let outcomes = objects(&said.out);
    assert_eq!(outcomes.len(), 300);
    let down: Vec<_> = outcomes.iter().filter(|of| of["kind"] == "origin_down").collect();
    assert!(down.len() > 290, "{}", down.len());
    let unasked = down.iter().find(|of| of["attempts"] == 0).unwrap();
    let reason = unasked["reason"].as_str().unwrap();
    assert!(reason.contains("connect_refused") && reason.contains("nothing listens"), "{reason}");
    assert!(said.err.contains("origin_down"), "{}", said.err);

    let server = HttpRehearsal::local().spawn(&[address]).unwrap();
    let said = run(dir.path(), &[&get[..], &["--again", "origin_down,connect_refused"]].concat());
    assert_eq!((said.code, objects(&said.out).len()), (Some(0), 300), "{}", said.err);
    server.stop();
}

#[test]
fn drips_and_silence_end_by_their_options() {
    let here = Here::new();
    let lines = ["/fault/silent", "/drip?rate=10&of=1000"];
    let options = ["--first-byte", "300ms", "--min-rate", "1K", "--min-rate-window", "0.3"];
    here.write(&lines);
    let said = here.get(&options);
    assert_eq!(said.code, Some(1), "{said:?}");
    assert!(said.err.contains("no answer within 0.3 s"), "{}", said.err);
    assert!(said.err.contains("in 0.3 s after"), "{}", said.err);
}

#[test]
fn an_empty_list_is_over_at_once() {
    let dir = folder();
    let said = run_with_stdin(dir.path(), &["get", "--breaker", "0", "-o", "out"], "");
    assert_eq!(said.code, Some(0), "{said:?}");
}
