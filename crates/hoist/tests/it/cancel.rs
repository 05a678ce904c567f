//! Dropping a run ends it: nothing more starts, its sockets close, nothing half-written stays.

use std::time::Duration;

use hoist::plan::PerOrigin;
use hoist::{GetOutcome, Outcomes, Source};
use hoist_rehearsal::Running;
use tempfile::TempDir;

use crate::support::{block_on, files, http, plan};

/// A run with bodies under way: some are being received, one is being written.
fn under_way(server: &Running, root: &TempDir) -> Outcomes<GetOutcome> {
    let at = server.addr();
    let urls = std::iter::once(format!("http://{at}/bytes/7"))
        .chain((0..3).map(move |n| format!("http://{at}/fault/stall?of=900000&send=300000&id={n}")))
        .chain((0..).map(move |n| format!("http://{at}/slow?delay=60&id={n}")));
    let mut plan = plan(root.path());
    plan.limits.per_origin = PerOrigin::Fixed(6.try_into().unwrap());
    let mut outcomes = plan.run(Source::items(urls));
    block_on(async {
        let first = outcomes.next().await.unwrap().unwrap();
        assert_eq!(first.bytes, 7);
        while server.stats().in_flight < 6 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    });
    outcomes
}

#[test]
fn shutdown_waits_until_nothing_is_left() {
    let server = http();
    let root = TempDir::new().unwrap();
    let outcomes = under_way(&server, &root);
    let report = outcomes.report();
    block_on(outcomes.shutdown());
    assert_eq!(files(root.path()).len(), 1, "{:?}", files(root.path()).keys());
    assert!(!root.path().join(".hoist").exists());
    assert_eq!(report.snapshot().done(), 1);
    let requests = server.stats().requests;
    assert!(server.settle(Duration::from_secs(20)), "its sockets are closed");
    assert_eq!(server.stats().requests, requests, "nothing more was asked");
}

#[test]
fn dropping_is_enough() {
    let server = http();
    let root = TempDir::new().unwrap();
    drop(under_way(&server, &root));
    assert!(server.settle(Duration::from_secs(20)), "its sockets are closed");
    let requests = server.stats().requests;
    std::thread::park_timeout(Duration::from_millis(100));
    assert_eq!(server.stats().requests, requests);
}

#[test]
fn a_run_that_is_never_polled_does_nothing() {
    let server = http();
    let root = TempDir::new().unwrap();
    let run = plan(&root.path().join("never"))
        .run(Source::items([format!("http://{}/bytes/1", server.addr())]));
    drop(run);
    assert_eq!(server.stats().connections, 0);
    assert!(!root.path().join("never").exists());
}
