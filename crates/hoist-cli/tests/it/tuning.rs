//! How many requests at once an origin gets, found out by the command.

use std::time::{Duration, Instant};

use crate::harness::{Here, run};

#[test]
fn what_was_found_is_told() {
    let here = Here::new();
    let lines: Vec<String> = (0..600).map(|n| format!("/slow?delay=0.02&id={n}")).collect();
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    here.write(&lines);
    let before = Instant::now();
    let said = run(here.dir.path(), &["get", "-o", "out", "-i", "list"]);
    assert_eq!(said.code, Some(0), "{said:?}");
    // Two at once would take 6 s.
    assert!(before.elapsed() < Duration::from_secs(5), "{:?}", before.elapsed());
    let told = said.err.lines().find(|line| line.ends_with(" at once")).expect("it is told");
    let (origin, count) = told.rsplit_once(": ").expect("an origin and a count");
    assert!(here.base.ends_with(origin), "{told}");
    let count: usize = count.trim_end_matches(" at once").parse().unwrap();
    assert!(count > 4, "{told}");
}

#[test]
fn a_number_is_fixed_and_other_words_are_usage_errors() {
    let here = Here::new();
    let lines: Vec<String> = (0..40).map(|n| format!("/slow?delay=0.01&id={n}")).collect();
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    here.write(&lines);
    let said = run(here.dir.path(), &["get", "-o", "out", "-i", "list", "--per-origin", "3"]);
    assert_eq!(said.code, Some(0), "{said:?}");
    assert!(!said.err.contains("at once"), "{said:?}");
    for bad in ["0", "many", "-1"] {
        let option = format!("--per-origin={bad}");
        let said = run(here.dir.path(), &["get", "-o", "out", "-i", "list", &option]);
        assert_eq!(said.code, Some(2));
        assert!(said.err.contains("write auto, or a number from 1 on"), "{}", said.err);
    }
}
