//! A server that accepts connections and is silent there holds nothing else up.

use std::fmt::Write;
use std::fs;

use hoist_rehearsal::{DnsRehearsal, DnsZone};

use crate::harness::{ANYWHERE, folder, objects, run};

#[test]
fn alone_silence_over_tcp_holds_nothing_else_up() {
    let zone = DnsZone::generated("test", 1.0).unwrap();
    let server = DnsRehearsal::new([zone]).spawn(&ANYWHERE).unwrap();
    let (dir, via) = (folder(), format!("dns://{}", server.addr()));
    let mut list = String::new();
    for n in 0..200 {
        // Cut and silent over TCP, cut and answered there, not cut: what is silent comes first.
        for sort in ["tcsilent-", "tc-", ""] {
            writeln!(list, "{sort}v4only-{n}.test").unwrap();
        }
    }
    fs::write(dir.path().join("names"), &list).unwrap();
    // Half of the window, eight places, is for TCP: by waiting in turn 200 of them would take 75 s.
    let line = ["probe", "--via", &via, "-i", "names", "--format", "jsonl", "-t", "A"];
    let patience = ["--window", "16", "--timeout", "500ms", "--deadline", "5s"];
    let said = run(dir.path(), &[&line[..], &patience].concat());
    let all = objects(&said.out);
    assert_eq!((all.len(), said.code), (600, Some(1)), "{}", said.err);
    for outcome in all {
        let is_silent = outcome["name"].as_str().unwrap().starts_with("tcsilent-");
        let (verdict, most) = if is_silent { ("unknown", 5_500.0) } else { ("found", 4_500.0) };
        assert_eq!(outcome["verdict"], verdict, "{outcome}");
        assert!(outcome["ms"].as_f64().unwrap() < most, "{outcome}");
        let reason = outcome["reason"].as_str().unwrap_or_default();
        assert_eq!(reason.contains("has to be asked over TCP"), is_silent, "{outcome}");
    }
}
