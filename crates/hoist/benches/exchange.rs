//! The machine of `hoist probe` alone: a hundred million names in virtual time, one query or answer in
//! twenty lost, and what becomes of each held against the truth.
//!
//! `cargo bench -p hoist --features bench --bench exchange` prints a table and ends with 1 where a name
//! is answered wrongly, twice or not at all. `NAMES=N` asks for fewer, `SEED=N` in another order. The
//! time is that of the machine and of the servers that are simulated around it.

#![expect(clippy::print_stdout, clippy::unwrap_used, reason = "a bench prints, and fails loudly")]

mod process;

use std::process::ExitCode;

use process::{cpu, peak_memory};

/// Chance of a query, and of an answer, to be lost.
const LOSS: f64 = 0.05;

fn main() -> ExitCode {
    let given = |variable| std::env::var(variable).ok().and_then(|n| n.parse::<u64>().ok());
    let names = given("NAMES").unwrap_or(100_000_000);
    let before = cpu();
    let counts = match hoist::simulation::run(names, LOSS, given("SEED").unwrap_or(1)) {
        Ok(counts) => counts,
        Err(wrong) => {
            println!("FAILS: {wrong}");
            return ExitCode::FAILURE;
        }
    };
    let nanoseconds = cpu().saturating_sub(before).as_nanos() / u128::from(names.max(1));
    println!("| what | figure |");
    println!("| --- | --- |");
    println!("| names | {names} |");
    println!("| CPU a name, the simulated servers included | {nanoseconds} ns |");
    println!("| peak memory | {} MiB |", peak_memory() >> 10);
    println!(
        "| found, not found, unknown | {}, {}, {} |",
        counts.found, counts.not_found, counts.unknown
    );
    println!("| unknown because all was lost by chance | {} |", counts.unlucky);
    println!(
        "| queries, over TCP, sockets replaced | {}, {}, {} |",
        counts.queries, counts.over_tcp, counts.closed
    );
    println!("| virtual time | {:.1?} |", counts.took);
    println!("\nholds: each name has one outcome, and it is the right one");
    ExitCode::SUCCESS
}
