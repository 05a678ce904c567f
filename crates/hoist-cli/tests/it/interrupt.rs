use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::process::Child;
use std::time::{Duration, Instant};

use hoist_rehearsal::{HttpRehearsal, Running};

use crate::harness::{end, files, folder, hoist, interrupt, serve, wait};

/// A minute: nothing here takes a tenth of it unless it hangs.
const LONG: Duration = Duration::from_mins(1);

fn server() -> (Running, String) {
    let server = serve(HttpRehearsal::local());
    let base = format!("http://{}", server.addr());
    (server, base)
}

/// The first line of its output: from then on it runs.
fn first_line(child: &mut Child) -> String {
    let mut line = String::new();
    let mut byte = [0];
    let out = child.stdout.as_mut().unwrap();
    while out.read(&mut byte).unwrap() == 1 && byte != *b"\n" {
        line.push(byte[0].into());
    }
    line
}

#[test]
fn alone_the_report_of_what_was_done_comes_within_a_second() {
    let (dir, (_server, base)) = (folder(), server());
    let silent = format!("{base}/fault/silent\n").repeat(10_000);
    fs::write(dir.path().join("list"), format!("{base}/bytes/10\tten\n{silent}")).unwrap();
    let line = ["get", "-i", "list", "-o", "out", "--format", "jsonl", "--per-origin", "64"];
    let mut child = hoist(dir.path(), &line).spawn().unwrap();
    assert!(first_line(&mut child).contains("\"ok\""));
    let begun = Instant::now();
    interrupt(&child);
    let said = end(child);
    let took = begun.elapsed();
    assert_eq!((said.code, said.out.as_str()), (Some(130), ""), "{said:?}");
    assert!(said.err.starts_with("interrupted: 1 ok of 1 URL so far in "), "{}", said.err);
    assert!(said.err.contains("the list is not done; the same command goes on"), "{}", said.err);
    assert!(took < Duration::from_secs(1), "{took:?}");
    assert_eq!(files(&dir.path().join("out")), ["ten"]);
}

#[test]
fn flags_prints_its_report_too() {
    let minute = Duration::from_mins(1);
    let rehearsal = HttpRehearsal { delay: minute..=minute, ..HttpRehearsal::local() };
    let (dir, server) = (folder(), serve(rehearsal));
    let port = server.port().to_string();
    let line = ["flags", "-s", "DELAY", "--port", &port, "--patience", "60"];
    let mut child = hoist(dir.path(), &line).spawn().unwrap();
    first_line(&mut child);
    let until = Instant::now() + LONG;
    while server.stats().requests < 5 && Instant::now() < until {
        std::thread::park_timeout(Duration::from_millis(5));
    }
    interrupt(&child);
    let said = end(child);
    assert_eq!(said.code, Some(130), "{said:?}");
    assert!(said.out.contains("\n--------------------\n  0 flags downloaded.\n"), "{said:?}");
    assert!(!said.out.contains("error"), "{}", said.out);
    assert_eq!(server.stats().requests, 5, "nothing more was started");
}

/// The first finds the command waiting for somebody to read its output.
#[test]
fn a_second_one_leaves_at_once() {
    let (dir, (_server, _)) = (folder(), server());
    // Outcomes that need no network, more than fit into any pipe.
    fs::write(dir.path().join("list"), "nonsense\n".repeat(200_000)).unwrap();
    let line = ["get", "-i", "list", "--format", "jsonl", "-q"];
    let mut child = hoist(dir.path(), &line).spawn().unwrap();
    first_line(&mut child);
    interrupt(&child);
    // Signals that wait are one: the second has to come after the first was taken.
    let begun = Instant::now();
    let status = loop {
        interrupt(&child);
        if let Some(status) = child.try_wait().unwrap() {
            break Some(status);
        }
        if begun.elapsed() > LONG {
            break wait(&mut child, Duration::ZERO);
        }
        std::thread::park_timeout(Duration::from_millis(50));
    };
    assert_eq!(status.and_then(|status| status.code()), Some(130));
}

#[test]
fn a_list_that_is_still_being_typed_holds_nothing_up() {
    let dir = folder();
    let mut child =
        hoist(dir.path(), &["get"]).stdin(std::process::Stdio::piped()).spawn().unwrap();
    let mut note = String::new();
    BufReader::new(child.stderr.as_mut().unwrap()).read_line(&mut note).unwrap();
    interrupt(&child);
    let status = wait(&mut child, LONG);
    assert_eq!(status.and_then(|status| status.code()), Some(130));
}
