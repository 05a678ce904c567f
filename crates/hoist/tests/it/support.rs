//! What the tests share: servers, plans for them, and a way to run a plan to its end.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use hoist::plan::{DnsPlan, Existing, SinkPlan, Via};
use hoist::report::Summary;
use hoist::{Error, GetOutcome, GetPlan, Outcomes, Source};
use hoist_rehearsal::{HttpRehearsal, Running, Truth};

pub(crate) const ANY_PORT: &str = "127.0.0.1:0";

/// An HTTP rehearsal that keeps its truth in memory.
pub(crate) fn http() -> Running {
    spawn(HttpRehearsal::local())
}

pub(crate) fn spawn(rehearsal: HttpRehearsal) -> Running {
    let rehearsal = HttpRehearsal { truth: Truth::memory(), ..rehearsal };
    rehearsal.spawn(&[ANY_PORT.parse().unwrap()]).unwrap()
}

/// Lookups that ask only this server.
pub(crate) fn dns_at(server: SocketAddr) -> DnsPlan {
    DnsPlan {
        via: Via::Dns { resolv_conf: None, servers: vec![server] },
        hosts: None,
        ..DnsPlan::default()
    }
}

/// A plan that saves into a folder, does not dawdle between tries, and asks no DNS server.
pub(crate) fn plan(root: &Path) -> GetPlan {
    let mut plan = GetPlan {
        dns: dns_at(closed_port()),
        sink: SinkPlan::Directory {
            root: root.to_owned(),
            template: None,
            existing: Existing::Keep,
        },
        ..GetPlan::default()
    };
    plan.patience.backoff = Duration::from_millis(10);
    plan
}

/// An address where nothing listens.
pub(crate) fn closed_port() -> SocketAddr {
    std::net::TcpListener::bind(ANY_PORT).unwrap().local_addr().unwrap()
}

/// All outcomes of a run, by position; the error that ended it, if one did; and its report.
pub(crate) fn run_to_end(
    outcomes: Outcomes<GetOutcome>,
) -> (Vec<GetOutcome>, Option<Error>, Summary) {
    let report = outcomes.report();
    let (mut all, error) = collect(outcomes);
    all.sort_by_key(|outcome| outcome.position);
    (all, error, report.summary())
}

/// Outcomes in the order in which they came.
pub(crate) fn collect<O: 'static>(mut outcomes: Outcomes<O>) -> (Vec<O>, Option<Error>) {
    block_on(async {
        let mut all = Vec::new();
        while let Some(outcome) = outcomes.next().await {
            match outcome {
                Ok(outcome) => all.push(outcome),
                Err(error) => return (all, Some(error)),
            }
        }
        (all, None)
    })
}

/// Gets these lines with this plan; every one must have its outcome.
pub(crate) fn get_all<L: Into<String>>(
    plan: GetPlan,
    lines: impl IntoIterator<Item = L>,
) -> Vec<GetOutcome> {
    let lines: Vec<String> = lines.into_iter().map(Into::into).collect();
    let expected = lines.len();
    let (outcomes, error, summary) = run_to_end(plan.run(Source::items(lines)));
    assert!(error.is_none(), "{error:?}");
    assert_eq!(outcomes.len(), expected);
    assert_eq!(summary.counts.done(), expected as u64);
    outcomes
}

/// Gets one line.
pub(crate) fn get_one(plan: GetPlan, line: impl Into<String>) -> GetOutcome {
    get_all(plan, [line]).remove(0)
}

pub(crate) fn block_on<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

/// All files below a folder, by relative path.
pub(crate) fn files(root: &Path) -> BTreeMap<String, Vec<u8>> {
    fn walk(root: &Path, folder: &Path, found: &mut BTreeMap<String, Vec<u8>>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(root, &path, found);
            } else {
                let name = path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
                found.insert(name, std::fs::read(&path).unwrap());
            }
        }
    }
    let mut found = BTreeMap::new();
    if root.exists() {
        walk(root, root, &mut found);
    }
    found
}

/// Runs `work` on a thread with a network of its own, whose loopback interface is down. Threads
/// that it starts are in there too.
pub(crate) fn in_own_network<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    let alone = || {
        // SAFETY: only the network namespace of this one thread changes.
        #[expect(unsafe_code, reason = "there is no safe call for it")]
        let left = unsafe { rustix::thread::unshare_unsafe(rustix::thread::UnshareFlags::NEWNET) };
        left.expect("a network namespace: this test runs as root");
        work()
    };
    std::thread::scope(|scope| scope.spawn(alone).join().unwrap())
}
