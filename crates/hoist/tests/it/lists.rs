//! Lists: one outcome a line, whatever the line.

use std::io::{Read, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use hoist::{Error, FailureKind, GetVerdict, Source};
use tempfile::TempDir;

use crate::support::{collect, http, plan, run_to_end, spawn};

#[test]
fn every_line_has_one_outcome() {
    let root = TempDir::new().unwrap();
    let server = http();
    let at = server.addr();
    let mut text = format!("\u{FEFF}http://{at}/bytes/1\r\n# a comment\n\n").into_bytes();
    text.extend(b"http://127.0.0.1/\xFF\n");
    text.extend(format!("http://{at}/{}\n", "x".repeat(70_000)).bytes());
    text.extend(format!("http://{at}/{}\n", "y".repeat(60_000)).bytes());
    text.extend(format!("http://{at}/bytes/2").bytes());
    let (outcomes, error, _) = run_to_end(plan(root.path()).run(Source::lines(&*text.leak())));
    assert!(error.is_none());
    let told: Vec<_> = outcomes
        .iter()
        .map(|o| (o.position.0, o.verdict, o.failure.as_ref().map(|failure| failure.kind)))
        .collect();
    let bad = Some(FailureKind::BadInput);
    assert_eq!(
        told,
        [
            (0, GetVerdict::Ok, None),
            (3, GetVerdict::Failed, bad),
            (4, GetVerdict::Failed, bad),
            (5, GetVerdict::NotFound, None),
            (6, GetVerdict::Ok, None),
        ]
    );
}

#[test]
fn an_empty_list_is_done_at_once() {
    let root = TempDir::new().unwrap();
    for text in ["", "\n\n", "# nothing\n"] {
        let source = Source::lines(text.as_bytes());
        let (outcomes, error, summary) = run_to_end(plan(root.path()).run(source));
        assert!(outcomes.is_empty() && error.is_none());
        assert_eq!(summary.counts.done(), 0);
    }
    assert!(!root.path().join(".hoist").exists());
}

#[test]
fn order_is_kept_where_it_is_asked_for() {
    let delay = std::time::Duration::ZERO..=std::time::Duration::from_millis(30);
    let server =
        spawn(hoist_rehearsal::HttpRehearsal { delay, ..hoist_rehearsal::HttpRehearsal::local() });
    let lines = |n: usize| {
        (0..n).map(|n| match n % 7 {
            3 => "nonsense".to_owned(),
            _ => format!("http://{}/flags/br/br.gif?id={n}", server.addr()),
        })
    };
    let root = TempDir::new().unwrap();
    let all: Vec<String> = lines(300).collect();
    let (outcomes, error) = collect(plan(root.path()).run(Source::items(all.clone())).ordered());
    assert!(error.is_none());
    let positions: Vec<u64> = outcomes.iter().map(|outcome| outcome.position.0).collect();
    assert!(positions.iter().copied().eq(0..300), "{positions:?}");
    let (outcomes, _) = collect(plan(root.path()).run(Source::items(all)));
    let positions: Vec<u64> = outcomes.iter().map(|outcome| outcome.position.0).collect();
    assert!(!positions.is_sorted(), "without it, whatever is first comes first");
    assert_eq!(positions.len(), 300);
}

/// Counts what is read of an endless list.
struct Endless {
    line: Vec<u8>,
    read: Arc<AtomicU64>,
}

impl Read for Endless {
    fn read(&mut self, mut buffer: &mut [u8]) -> std::io::Result<usize> {
        let mut n = 0;
        while buffer.len() >= self.line.len() {
            n += buffer.write(&self.line)?;
        }
        self.read.fetch_add(n as u64, Ordering::Relaxed);
        Ok(n)
    }
}

/// Reading stops where admission stops: no more is read than may be admitted, and a few blocks.
#[test]
fn a_list_is_not_read_ahead() {
    let root = TempDir::new().unwrap();
    let server = http();
    for length in [100, 60_000] {
        let read = Arc::new(AtomicU64::new(0));
        let line = format!("http://{}/slow?delay=60&x={}\n", server.addr(), "x".repeat(length));
        let bytes = line.len() as u64;
        let source = Source::lines(Endless { line: line.into_bytes(), read: Arc::clone(&read) });
        let mut outcomes = plan(root.path()).run(source);
        let report = outcomes.report();
        crate::support::block_on(async {
            let enough = std::time::Duration::from_secs(2);
            assert!(tokio::time::timeout(enough, outcomes.next()).await.is_err());
            outcomes.shutdown().await;
        });
        let admitted = report.snapshot().admitted;
        assert!(admitted <= 65_536 && admitted * bytes < 40 << 20, "{admitted} x {bytes}");
        assert!(admitted * bytes > 2 << 20, "{admitted} x {bytes}");
        let ahead = read.load(Ordering::Relaxed) - report.snapshot().input_bytes;
        assert!(ahead <= 6 * (64 << 10), "{ahead} bytes read ahead");
    }
}

struct Breaking;

impl Read for Breaking {
    fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
        Err(std::io::Error::other("the tape is torn"))
    }
}

#[test]
fn a_list_that_breaks_off_is_no_end() {
    let root = TempDir::new().unwrap();
    let server = http();
    let text = format!("http://{}/bytes/1\n", server.addr());
    let source = Source::lines(std::io::Cursor::new(text).chain(Breaking));
    let (_, error, _) = run_to_end(plan(root.path()).run(source));
    let error = error.unwrap();
    assert!(matches!(error, Error::Input { line: 1, .. }), "{error}");
    assert!(error.to_string().contains("the tape is torn"), "{error}");
}
