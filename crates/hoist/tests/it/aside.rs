//! Lines of slow origins wait on disk, so that they do not hold up the others.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::io::Cursor;
use std::path::Path;
use std::time::Duration;

use hoist::plan::LedgerPlan;
use hoist::report::Summary;
use hoist::{Error, GetOutcome, GetPlan, GetVerdict, Outcomes, Source};
use hoist_rehearsal::{HttpRehearsal, Running};
use tempfile::TempDir;

use crate::support::{block_on, collect, http, plan, spawn};

const SLOW: usize = 1_500;
const OTHERS: usize = 800;
const ADMITTED: usize = 600;
const DEAD: usize = 1_000;

/// Room for few, and a ledger.
fn tight(root: &Path) -> GetPlan {
    let mut plan = GetPlan { ledger: Some(LedgerPlan::default()), ..plan(root) };
    // What has its outcome keeps its place until that is on record, for up to a second.
    plan.limits.admitted_items = ADMITTED.try_into().unwrap();
    plan.limits.per_origin = std::num::NonZeroUsize::new(2).unwrap().into();
    plan
}

fn slow(ms: u64) -> Running {
    let delay = Duration::from_millis(ms);
    spawn(HttpRehearsal { delay: delay..=delay, ..HttpRehearsal::local() })
}

/// Lines of one origin, then of others; long ones, so that they do not fit into memory.
fn list(slow: &Running, others: &[Running], length: usize) -> String {
    let long = "x".repeat(length);
    let first = (0..SLOW).map(|n| format!("http://{}/flags/br/br.gif?n={n}&{long}\n", slow.addr()));
    let then = (0..OTHERS).map(|n| {
        let at = others[n % others.len()].addr();
        format!("http://{at}/flags/br/br.gif?n={n}\n")
    });
    first.chain(then).collect()
}

fn run(plan: GetPlan, list: &str) -> Outcomes<GetOutcome> {
    plan.run(Source::lines(Cursor::new(list.to_owned())))
}

fn to_end(outcomes: Outcomes<GetOutcome>) -> (Vec<GetOutcome>, Option<Error>, Summary) {
    let report = outcomes.report();
    let (all, error) = collect(outcomes);
    (all, error, report.summary())
}

fn all_are_ok(all: &[GetOutcome]) {
    let positions: BTreeSet<_> = all.iter().map(|outcome| outcome.position).collect();
    assert_eq!((all.len(), positions.len()), (SLOW + OTHERS, SLOW + OTHERS));
    assert!(all.iter().all(|outcome| outcome.verdict == GetVerdict::Ok), "{:?}", all[0]);
}

#[test]
fn a_slow_origin_does_not_hold_others() {
    let (root, slow) = (TempDir::new().unwrap(), slow(10));
    let others = [http(), http(), http()];
    let (all, error, summary) = to_end(run(tight(root.path()), &list(&slow, &others, 3_000)));
    assert!(error.is_none(), "{error:?}");
    all_are_ok(&all);
    let is_slow = |outcome: &GetOutcome| outcome.position.0 < SLOW as u64;
    let last = all.iter().rposition(|outcome| !is_slow(outcome)).unwrap();
    let before = all[..last].iter().filter(|outcome| is_slow(outcome)).count();
    assert!(before < SLOW / 2, "{before} of the slow ones came before the last of the others");
    let set_aside = summary.counts.set_aside;
    assert!(set_aside > (SLOW - ADMITTED) as u64, "{set_aside}");
    assert!(summary.not_set_aside.is_none());
    // In its own order, as far as two at once have one whose files are written by two threads.
    let order: Vec<_> = all.iter().filter(|o| is_slow(o)).map(|o| o.position.0).collect();
    assert!(order.windows(2).all(|pair| pair[0] < pair[1] + 100), "{order:?}");
    assert!(!root.path().join(".hoist/aside").exists());
    assert_eq!(slow.stats().max_in_flight, 2);
}

#[test]
fn a_run_that_was_interrupted_goes_on_with_what_was_set_aside() {
    let (root, slow) = (TempDir::new().unwrap(), slow(5));
    let others = [http(), http()];
    let list = list(&slow, &others, 3_000);
    let mut outcomes = run(tight(root.path()), &list);
    let report = outcomes.report();
    block_on(async {
        for _ in 0..OTHERS + 20 {
            outcomes.next().await.unwrap().unwrap();
        }
        assert!(report.snapshot().set_aside > 0 && report.snapshot().failed == 0);
        outcomes.shutdown().await;
    });
    assert!(!root.path().join(".hoist/aside").exists());
    // What a kill would have left.
    std::fs::create_dir(root.path().join(".hoist/aside")).unwrap();
    std::fs::write(root.path().join(".hoist/aside/00000000"), "left").unwrap();
    let (_, error, summary) = to_end(run(tight(root.path()), &list));
    assert!(error.is_none(), "{error:?}");
    assert_eq!(summary.counts.ok, (SLOW + OTHERS) as u64);
    assert!(!root.path().join(".hoist/aside").exists());
    // What was in flight when it ended, and what was answered and not yet on record, are asked twice.
    let asked = slow.stats().requests;
    assert!((SLOW as u64..SLOW as u64 + 200).contains(&asked), "{asked}");
}

#[test]
fn where_nothing_can_be_set_aside_others_wait_and_the_report_says_why() {
    let (root, slow) = (TempDir::new().unwrap(), slow(5));
    let others = [http(), http()];
    std::fs::create_dir(root.path().join(".hoist")).unwrap();
    std::fs::write(root.path().join(".hoist/aside"), "no folder").unwrap();
    let (all, error, summary) = to_end(run(tight(root.path()), &list(&slow, &others, 3_000)));
    assert!(error.is_none(), "{error:?}");
    all_are_ok(&all);
    assert!(summary.not_set_aside.is_some(), "{summary:?}");
}

#[test]
fn in_the_order_of_the_list_nothing_is_set_aside() {
    let (root, slow) = (TempDir::new().unwrap(), slow(1));
    let others = [http(), http()];
    let outcomes = run(tight(root.path()), &list(&slow, &others, 10)).ordered();
    let (all, error, summary) = to_end(outcomes);
    assert!(error.is_none(), "{error:?}");
    all_are_ok(&all);
    assert!(all.iter().map(|outcome| outcome.position).is_sorted());
    assert_eq!(summary.counts.set_aside, 0);
}

#[test]
fn a_paused_origin_does_not_hold_others() {
    let (root, paused, other) = (TempDir::new().unwrap(), http(), http());
    let mut lines = String::new();
    for n in 0..SLOW {
        let at = paused.addr();
        writeln!(lines, "http://{at}/flaky?fail=1&status=429&retry-after=1&id={n}").unwrap();
    }
    for n in 0..OTHERS {
        writeln!(lines, "http://{}/flags/br/br.gif?n={n}", other.addr()).unwrap();
    }
    let mut plan = tight(root.path());
    plan.patience.retries = 50;
    let mut outcomes = run(plan, &lines);
    block_on(async {
        let mut left = OTHERS;
        while left > 0 {
            let outcome = outcomes.next().await.unwrap().unwrap();
            left -= usize::from(outcome.position.0 >= SLOW as u64);
        }
        let asked = paused.stats().requests;
        assert!(asked < SLOW as u64 / 2, "{asked}: others came first");
        outcomes.shutdown().await;
    });
}

#[test]
fn lines_of_a_dead_origin_end_while_others_go_on() {
    let (root, other) = (TempDir::new().unwrap(), slow(20));
    let dead = crate::support::closed_port();
    let mut lines = String::new();
    for n in 0..DEAD {
        writeln!(lines, "http://{dead}/{n}").unwrap();
    }
    for n in 0..OTHERS {
        writeln!(lines, "http://{}/flags/br/br.gif?n={n}", other.addr()).unwrap();
    }
    let mut plan = tight(root.path());
    plan.patience.retries = 0;
    let breaker = plan.giving_up.breaker.as_mut().unwrap();
    breaker.patience = Duration::from_millis(200);
    let (all, error, _) = to_end(run(plan, &lines));
    assert!(error.is_none(), "{error:?}");
    assert_eq!(all.len(), DEAD + OTHERS);
    assert_eq!(all.iter().filter(|o| o.verdict == GetVerdict::Ok).count(), OTHERS);
    let last = all.iter().rposition(|outcome| outcome.verdict != GetVerdict::Ok).unwrap();
    assert!(last < all.len() - 20, "the dead ones end while the others go on");
}
