//! An origin never has more requests, nor connections, than it was given permits.

use std::num::NonZeroUsize;
use std::time::Duration;

use hoist::GetVerdict;
use hoist_rehearsal::HttpRehearsal;
use tempfile::TempDir;

use crate::support::{get_all, http, plan, spawn};

fn delayed() -> HttpRehearsal {
    let delay = Duration::from_millis(1)..=Duration::from_millis(20);
    HttpRehearsal { delay, ..HttpRehearsal::local() }
}

#[test]
fn permits_are_never_exceeded() {
    let countries = ["br", "cn", "in", "us", "id"];
    for (in_flight, per_origin, most) in [(256, 6, 6), (3, 100, 3), (1, 1, 1)] {
        let root = TempDir::new().unwrap();
        let server = spawn(delayed());
        let mut plan = plan(root.path());
        plan.limits.in_flight = NonZeroUsize::new(in_flight).unwrap();
        plan.ceilings.retries = None;
        plan.limits.per_origin = NonZeroUsize::new(per_origin).unwrap().into();
        // Faults, redirects and retries among them: each gives its permit back.
        let urls = (0..40).flat_map(|n| {
            let at = format!("http://{}", server.addr());
            [
                format!("{at}/flags/{cc}/{cc}.gif?id={n}", cc = countries[n % 5]),
                format!("{at}/redirect/2?id={n}"),
                format!("{at}/flaky?fail=1&id={n}"),
                format!("{at}/fault/reset?after=10&id={n}"),
                format!("{at}/status/404?n={n}"),
            ]
        });
        let outcomes = get_all(plan, urls);
        assert_eq!(outcomes.iter().filter(|o| o.verdict == GetVerdict::Ok).count(), 120);
        let stats = server.stats();
        assert!(stats.max_in_flight <= most, "{stats:?} with {most}");
        assert!(stats.max_connections <= most, "{stats:?} with {most}");
        assert!(stats.max_in_flight * 2 >= most, "{stats:?} uses few of {most}");
    }
}

#[test]
fn one_connection_or_a_thousand_bring_the_same() {
    let server = http();
    for n in [1, 1000] {
        let root = TempDir::new().unwrap();
        let mut plan = plan(root.path());
        plan.limits.in_flight = NonZeroUsize::new(n).unwrap();
        plan.limits.per_origin = NonZeroUsize::new(n).unwrap().into();
        let urls = (0..2_000).map(|n| format!("http://{}/bytes/{n}", server.addr()));
        let outcomes = get_all(plan, urls);
        for (n, outcome) in outcomes.iter().enumerate() {
            assert_eq!(outcome.verdict, GetVerdict::Ok, "{outcome:?}");
            assert_eq!(outcome.bytes, n as u64);
            let body = std::fs::read(outcome.path.as_ref().unwrap()).unwrap();
            let mut expected = vec![0; n];
            hoist_rehearsal::body_bytes(0, &mut expected);
            assert_eq!(body, expected);
        }
    }
}
