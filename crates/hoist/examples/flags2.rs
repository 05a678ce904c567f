//! Downloads all 194 flags, a few at a time, with progress, and counts what went wrong.
//!
//! `cargo run --example flags2 [BASE-URL [FOLDER]]`, the server being `hoist rehearse ERROR`.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "it is a program")]

use std::error::Error;
use std::time::Duration;

use hoist::plan::{Existing, SinkPlan};
use hoist::{GetPlan, GetVerdict, Source};
use hoist_rehearsal::flags::COUNTRY_CODES;

const AT_ONCE: std::num::NonZeroUsize = std::num::NonZeroUsize::new(50).unwrap();

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let base = args.next().unwrap_or_else(|| "http://localhost:8002/flags".to_owned());
    let root = args.next().unwrap_or_else(|| "downloaded".to_owned()).into();
    let sink = SinkPlan::Directory { root, template: None, existing: Existing::Replace };
    let mut plan = GetPlan { sink, ..GetPlan::default() };
    plan.limits.in_flight = AT_ONCE;
    plan.limits.per_origin = AT_ONCE.into();
    plan.patience.deadline = Duration::from_millis(3_100);
    plan.patience.retries = 0;

    let items = COUNTRY_CODES.map(|cc| {
        let lower = cc.to_ascii_lowercase();
        format!("{base}/{lower}/{lower}.gif\t{cc}.gif")
    });
    let mut outcomes = plan.run(Source::items(items));
    let report = outcomes.report();
    while let Some(outcome) = outcomes.next().await {
        let outcome = outcome?;
        if outcome.verdict == GetVerdict::Failed
            && let Some(failure) = outcome.failure
        {
            eprintln!("\r{}: {failure}", outcome.url);
        }
        eprint!("\r{}/{} done", report.snapshot().done(), COUNTRY_CODES.len());
    }
    let summary = report.summary();
    let counts = summary.counts;
    println!("\n{:3} flags downloaded.", counts.ok);
    println!("{:3} not found.", counts.not_found);
    println!("{:3} errors.", counts.failed + counts.deferred);
    for (kind, n) in summary.kinds {
        println!("{n:7} {kind}");
    }
    println!("Elapsed time: {:.2}s", summary.elapsed.as_secs_f64());
    Ok(())
}
