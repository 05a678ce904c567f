//! The ledger alone: a million outcomes recorded, and a run over a hundred million gone on with.
//!
//! `cargo bench -p hoist --features bench --bench ledger` prints a table and ends with 1 where a bar
//! is missed. It writes about 12 GB to the system's folder for temporary files; `TMPDIR` names
//! another, `POSITIONS=N` a shorter list.

#![expect(clippy::print_stdout, clippy::unwrap_used, reason = "a bench prints, and fails loudly")]

mod process;

use std::path::Path;
use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

use process::{cpu, peak_memory};

fn main() -> ExitCode {
    // A process of its own, so that the memory of making the ledger is not counted.
    if let Some(folder) = std::env::var_os("HOIST_BENCH_RESUME") {
        let done = hoist::bench::resume(Path::new(&folder)).unwrap();
        println!("{done} {}", peak_memory());
        return ExitCode::SUCCESS;
    }
    let positions: u64 =
        std::env::var("POSITIONS").ok().and_then(|n| n.parse().ok()).unwrap_or(100_000_000);
    println!("| what | took | bar | |");
    println!("| --- | --- | --- | --- |");
    let held = [record(), resume(positions)];
    if held == [true; 2] { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// A million outcomes, committed 10,000 at a time: CPU time, making the outcomes included.
fn record() -> bool {
    let mut all = Vec::new();
    for _ in 0..5 {
        let folder = tempfile::tempdir().unwrap();
        let before = cpu();
        hoist::bench::record(folder.path(), 1_000_000, 10_000, true, |_| false).unwrap();
        all.push(cpu().saturating_sub(before));
    }
    all.sort();
    let median = all[all.len() / 2];
    row("a million outcomes recorded, synced every 10,000, CPU", median, Duration::from_millis(600))
}

/// The opening of a ledger of which one position in a hundred is unanswered.
fn resume(positions: u64) -> bool {
    let folder = tempfile::tempdir().unwrap();
    let unanswered = |n: u64| n.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 57 == 0;
    hoist::bench::record(folder.path(), positions, 10_000, false, unanswered).unwrap();
    let mut all = Vec::new();
    let mut memory = 0;
    for _ in 0..3 {
        let began = Instant::now();
        let this = std::env::current_exe().unwrap();
        let run = Command::new(this).env("HOIST_BENCH_RESUME", folder.path()).output().unwrap();
        all.push(began.elapsed());
        let text = String::from_utf8(run.stdout).unwrap();
        let (done, peak) = text.trim().split_once(' ').expect("the process says what it found");
        assert!(done.parse::<u64>().unwrap() > positions / 100 * 98);
        memory = peak.parse::<u64>().unwrap().max(memory);
    }
    all.sort();
    let took = row(
        &format!("{positions} recorded positions gone on with"),
        all[all.len() / 2],
        Duration::from_secs(5),
    );
    let held = memory < 200 << 10;
    println!("| the same, peak memory | {} MiB | 200 MiB | {} |", memory >> 10, told(held));
    took && held
}

fn row(what: &str, took: Duration, bar: Duration) -> bool {
    let held = took <= bar;
    println!("| {what} | {took:.2?} | {bar:?} | {} |", told(held));
    held
}

fn told(held: bool) -> &'static str {
    if held { "holds" } else { "FAILS" }
}
