//! Downloads the flags of the 20 most populous countries, all at once. Each code is printed as its
//! flag is saved; the results come back in order; the first error ends it.
//!
//! `cargo run --example flags [BASE-URL [FOLDER]]`

#![expect(clippy::print_stdout, reason = "it is a program")]

use std::error::Error;
use std::io::Write;
use std::time::{Duration, Instant};

use hoist::plan::{Existing, SinkPlan};
use hoist::{GetPlan, GetVerdict, Source};

const POP20: [&str; 20] = [
    "CN", "IN", "US", "ID", "BR", "PK", "NG", "BD", "RU", "JP", "MX", "PH", "VN", "ET", "EG", "DE",
    "IR", "TR", "CD", "FR",
];

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let base = args.next().unwrap_or_else(|| "http://localhost:8000/flags".to_owned());
    let root = args.next().unwrap_or_else(|| "downloaded".to_owned()).into();
    let sink = SinkPlan::Directory { root, template: None, existing: Existing::Replace };
    let mut plan = GetPlan { sink, ..GetPlan::default() };
    plan.limits.per_origin = plan.limits.in_flight.into();
    plan.patience.deadline = Duration::from_millis(6_100);
    plan.patience.retries = 0;

    let begun = Instant::now();
    let items = POP20.map(|cc| {
        let lower = cc.to_ascii_lowercase();
        format!("{base}/{lower}/{lower}.gif\t{cc}.gif")
    });
    let mut outcomes = plan.run(Source::items(items));
    let mut saved = [None; 20];
    while let Some(outcome) = outcomes.next().await {
        let outcome = outcome?;
        if outcome.verdict != GetVerdict::Ok {
            let why = outcome.failure.map_or("not found".to_owned(), |why| why.to_string());
            return Err(format!("{}: {why}", outcome.url).into());
        }
        let at = usize::try_from(outcome.position.0)?;
        saved[at] = Some(POP20[at]);
        print!("{} ", POP20[at]);
        std::io::stdout().flush()?;
    }
    println!(
        "\n{} downloads in {:.2}s",
        saved.iter().flatten().count(),
        begun.elapsed().as_secs_f64()
    );
    Ok(())
}
