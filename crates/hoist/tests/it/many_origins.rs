//! Lists of many origins keep few connections for what may never come.

use std::num::NonZeroUsize;
use std::time::Duration;

use hoist::GetVerdict;
use hoist::plan::defaults;
use hoist_rehearsal::{HttpRehearsal, Stats};
use tempfile::TempDir;

use crate::support::{get_all, plan, spawn};

/// The server is in this process, and has as many descriptors again.
const ORIGINS: usize = 250;
const AT_ONCE: usize = 8;

/// Gets a URL of each origin in turn, so many times over.
fn rounds(rounds: usize) -> Stats {
    // The whole list is read before many have answered.
    let delay = Duration::from_millis(5)..=Duration::from_millis(5);
    let (root, server) =
        (TempDir::new().unwrap(), spawn(HttpRehearsal { delay, ..HttpRehearsal::local() }));
    let mut plan = plan(root.path());
    plan.limits.in_flight = NonZeroUsize::new(AT_ONCE).unwrap();
    // Else one that has answered has two before others have one.
    plan.limits.per_origin = NonZeroUsize::MIN.into();
    plan.address.connect_to = vec![format!("::{}", server.addr()).parse().unwrap()];
    let urls = (0..rounds * ORIGINS)
        .map(|n| format!("http://o{}.example/flags/br/br.gif?n={n}", n % ORIGINS));
    let outcomes = get_all(plan, urls);
    assert!(outcomes.iter().all(|outcome| outcome.verdict == GetVerdict::Ok));
    server.stats()
}

#[test]
fn connections_that_no_item_waits_for_are_few() {
    let stats = rounds(1);
    // The server notices a little later that one is closed.
    let most = (defaults::IDLE_UNAWAITED + AT_ONCE + 32) as u64;
    assert!(stats.max_connections <= most, "{stats:?}");
    assert_eq!(stats.connections, ORIGINS as u64);
}

#[test]
fn a_connection_that_an_item_waits_for_is_kept() {
    let stats = rounds(3);
    assert_eq!(stats.connections, ORIGINS as u64, "{stats:?}");
}
