//! Attempts follow one another on the same tasks and timers: each is judged by its own time.

use std::num::NonZeroUsize;
use std::time::Duration;

use hoist::FailureKind;
use hoist::plan::PerOrigin;
use tempfile::TempDir;

use crate::support::{get_all, http, plan};

/// More at once than tasks are kept for.
const AT_ONCE: usize = 300;

#[test]
fn alone_an_attempt_has_its_own_time_whatever_its_task_did_before() {
    let root = TempDir::new().unwrap();
    let server = http();
    let mut plan = plan(root.path());
    plan.limits.in_flight = NonZeroUsize::new(AT_ONCE).unwrap();
    plan.limits.per_origin = PerOrigin::Fixed(plan.limits.in_flight);
    plan.patience.retries = 0;
    plan.patience.progress = Duration::from_secs(2);
    plan.giving_up.first_byte = Some(Duration::from_millis(700));
    // Answers, silences, then both: behind an answer the timer is set too early, behind a silence it has rung.
    let answer = format!("http://{}/slow?delay=0.1", server.addr());
    let silence = format!("http://{}/fault/silent", server.addr());
    let url = |silent| if silent { silence.clone() } else { answer.clone() };
    let first = (0..AT_ONCE).map(|n| url(n.is_multiple_of(2)));
    let then = (0..AT_ONCE).map(|n| url(n.is_multiple_of(3)));
    let urls: Vec<String> = first.chain(then).collect();
    let outcomes = get_all(plan, urls);
    assert_eq!(outcomes.len(), 2 * AT_ONCE);
    for outcome in outcomes {
        assert!(outcome.elapsed < Duration::from_secs(5), "{outcome:?}");
        if outcome.url.contains("silent") {
            let failure = outcome.failure.unwrap();
            assert_eq!(failure.kind, FailureKind::Timeout, "{failure}");
            assert_eq!(failure.reason, "no answer within 0.7 s");
            assert!(outcome.elapsed >= Duration::from_millis(700), "{:?}", outcome.elapsed);
        } else {
            assert_eq!(outcome.failure, None);
        }
    }
}
