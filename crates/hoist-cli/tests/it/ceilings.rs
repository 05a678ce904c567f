//! Ceilings, and what one run tells the next of its servers.

use std::fs;
use std::time::{Duration, Instant};

use crate::harness::{Here, run};

const GET: [&str; 5] = ["get", "-o", "out", "-i", "list"];

fn write(here: &Here, lines: std::ops::Range<u32>) {
    let lines: Vec<String> = lines.map(|n| format!("/slow?delay=0.02&id={n}")).collect();
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    here.write(&lines);
}

#[test]
fn a_rate_and_a_bandwidth_are_kept() {
    let here = Here::new();
    write(&here, 0..20);
    let before = Instant::now();
    let said = run(here.dir.path(), &[&GET[..], &["--rate", "20/s", "--bandwidth", "1M"]].concat());
    assert_eq!(said.code, Some(0), "{said:?}");
    assert!(before.elapsed() >= Duration::from_millis(900), "{:?}", before.elapsed());
}

#[test]
fn wrong_values_are_usage_errors() {
    let here = Here::new();
    write(&here, 0..1);
    for (option, told) in [
        ("--rate=0", "write it as 50/s, 10/m, 100/h or 5/10s"),
        ("--rate=fast", "write it as 50/s"),
        ("--bandwidth=0", "it must be more than 0"),
        ("--bandwidth=x", "write it as 1000, 64K"),
        ("--retry-budget=some", "write a whole number of percent, or none"),
    ] {
        let said = run(here.dir.path(), &[&GET[..], &[option]].concat());
        assert_eq!(said.code, Some(2), "{said:?}");
        assert!(said.err.contains(told), "{option}: {}", said.err);
    }
}

#[test]
fn what_was_found_is_a_hint_for_the_next_run() {
    let here = Here::new();
    let hints = here.path("out/.hoist/hints");
    write(&here, 0..600);
    assert_eq!(run(here.dir.path(), &GET).code, Some(0));
    let first = fs::read_to_string(&hints).unwrap();
    assert!(first.starts_with("hoist hints 1\n") && first.contains(&here.base), "{first}");
    // What is damaged, or says what can't be, is passed over.
    for text in ["", "hoist hints 9\n", &first.replace("hints 1", "hints 2"), "\0\u{e9}"] {
        fs::write(&hints, text).unwrap();
        write(&here, 1_000..1_400);
        let said = run(here.dir.path(), &[&GET[..], &["--fresh"]].concat());
        assert_eq!(said.code, Some(0), "{said:?}");
        let again = fs::read_to_string(&hints).unwrap();
        assert!(again.starts_with("hoist hints 1\n") && again.contains(&here.base), "{again}");
    }
    // One that can't be written is no reason to fail.
    fs::remove_file(&hints).unwrap();
    fs::create_dir(&hints).unwrap();
    write(&here, 2_000..2_400);
    let said = run(here.dir.path(), &[&GET[..], &["--fresh"]].concat());
    assert_eq!(said.code, Some(0), "{said:?}");
}
