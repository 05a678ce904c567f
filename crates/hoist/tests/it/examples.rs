//! The examples do what the chapter's programs do, and stay short.

use std::path::PathBuf;
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use hoist_rehearsal::{DnsRehearsal, DnsZone, HttpRehearsal};
use tempfile::TempDir;

use crate::support::{ANY_PORT, files, http, spawn};

/// Cargo builds the examples with the tests, into a folder beside theirs.
fn run(example: &str, args: &[&str]) -> Output {
    let mut path: PathBuf = std::env::current_exe().unwrap();
    path.pop();
    path.set_file_name("examples");
    Command::new(path.join(example)).args(args).output().unwrap()
}

fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap()
}

#[test]
fn they_stay_short() {
    for example in [
        include_str!("../../examples/blogdom.rs"),
        include_str!("../../examples/flags.rs"),
        include_str!("../../examples/flags2.rs"),
    ] {
        assert!(example.lines().count() < 60);
    }
}

#[test]
fn blogdom_asks_all_at_once() {
    let zone = DnsZone::generated("dev", 0.5).unwrap();
    let delay = Duration::from_millis(300)..=Duration::from_millis(500);
    let rehearsal = DnsRehearsal { delay, ..DnsRehearsal::new([zone]) };
    let truth = rehearsal.clone();
    let server = rehearsal.spawn(&[ANY_PORT.parse().unwrap()]).unwrap();
    let begun = Instant::now();
    let output = run("blogdom", &[&server.addr().to_string()]);
    assert!(begun.elapsed() < Duration::from_secs(4), "18 times 0.3 s would be more");
    assert!(output.status.success(), "{output:?}");
    let printed = text(output.stdout);
    assert_eq!(printed.lines().count(), 18);
    for line in printed.lines() {
        let (mark, name) = line.split_at(2);
        let expected = if truth.truth(name).has_address() { "+ " } else { "  " };
        assert_eq!(mark, expected, "{name}");
    }
}

#[test]
fn flags_brings_twenty_or_fails_with_the_first_error() {
    let root = TempDir::new().unwrap();
    let server = http();
    let base = format!("http://{}/flags", server.addr());
    let output = run("flags", &[&base, root.path().to_str().unwrap()]);
    assert!(output.status.success(), "{output:?}");
    let printed = text(output.stdout);
    assert!(printed.contains("CN ") && printed.contains("FR "), "{printed}");
    assert!(printed.contains("\n20 downloads in "), "{printed}");
    let kept = files(root.path());
    assert_eq!(kept.len(), 20);
    assert_eq!(kept["BR.gif"], hoist_rehearsal::flags::flag_gif("BR").unwrap());

    let faulty = spawn(HttpRehearsal { error_rate: 0.5, ..HttpRehearsal::local() });
    let base = format!("http://{}/flags", faulty.addr());
    let output = run("flags", &[&base, root.path().to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(output.stderr).contains("418"));
}

#[test]
fn flags2_counts_every_error() {
    let root = TempDir::new().unwrap();
    let faulty = HttpRehearsal { error_rate: 0.25, seed: 3, ..HttpRehearsal::local() };
    let server = spawn(faulty);
    let base = format!("http://{}/flags", server.addr());
    let output = run("flags2", &[&base, root.path().to_str().unwrap()]);
    assert!(output.status.success(), "{output:?}");
    assert!(server.settle(Duration::from_secs(10)));
    let teapots = server.truth().http().iter().filter(|r| r.status == Some(418)).count();
    let printed = text(output.stdout);
    assert!(teapots > 10, "{teapots}");
    assert!(printed.contains(&format!("{:3} flags downloaded.", 194 - teapots)), "{printed}");
    assert!(printed.contains(&format!("{teapots:3} errors.")), "{printed}");
    assert_eq!(files(root.path()).len(), 194 - teapots);
}

/// The machine needs no runtime: threads and blocking sockets drive it as well.
#[cfg(feature = "exchange")]
#[test]
fn blocking_probe_gives_the_same_answers() {
    let zone = DnsZone::generated("dev", 0.5).unwrap();
    let rehearsal = DnsRehearsal::new([zone]);
    let truth = rehearsal.clone();
    let server = rehearsal.spawn(&[ANY_PORT.parse().unwrap()]).unwrap();
    let shapes = [
        "v4only-1",
        "v6only-1",
        "many-40-1",
        "noaddr-1",
        "nx-1",
        "cname-v4only-1",
        "cname-nx-1",
        "tc-v4only-1",
        "tc-nx-1",
        "tc-noaddr-1",
        "flaky-1-v4only-1",
        "lossy-1-v4only-1",
        "servfail-1",
    ];
    let names: Vec<String> = shapes
        .iter()
        .map(|shape| format!("{shape}.dev"))
        .chain((0..600).map(|n| format!("n{n}.dev")))
        .collect();
    let address = server.addr().to_string();
    let args: Vec<&str> =
        std::iter::once(address.as_str()).chain(names.iter().map(String::as_str)).collect();
    let output = run("blocking_probe", &args);
    assert!(output.status.success(), "{output:?}");
    let printed = text(output.stdout);
    let mut lines: Vec<&str> = printed.lines().collect();
    let mut expected: Vec<String> = names
        .iter()
        .map(|name| match truth.truth(name) {
            truth if !truth.told => format!("? {name}"),
            truth if truth.a.is_empty() => format!("  {name}"),
            _ => format!("+ {name}"),
        })
        .collect();
    lines.sort_unstable();
    expected.sort_unstable();
    assert_eq!(lines, expected);
    // Nobody listens there any more.
    drop(server);
    let output = run("blocking_probe", &[&address, "n1.dev"]);
    assert_eq!(text(output.stdout), "? n1.dev\n");
    assert_eq!(run("blocking_probe", &[]).status.code(), Some(1));
    assert_eq!(text(run("blocking_probe", &[&address, "no name"]).stdout), "? no name\n");
}
