//! How many attempts at once an origin gets, as `--per-origin auto` finds it, beside the best fixed number, 6,
//! 64, AIMD and a Vegas limiter: on modelled servers, in virtual time.
//!
//! `cargo bench -p hoist --features bench --bench tuning` prints a row for each server with what was drawn for
//! it, then averages, and how two share a server. `SEED=N` begins elsewhere, `SEEDS=N` draws so many.
//! `benches/tuning_bars.py` does the same with real sockets, and without the two limiters.

#![expect(clippy::print_stdout, reason = "a bench prints")]

use std::time::{SystemTime, UNIX_EPOCH};

use hoist::tuning_models::{Entry, Row, two, whole_table};

fn main() {
    let given = |variable| std::env::var(variable).ok().and_then(|n| n.parse::<u64>().ok());
    let clock = || SystemTime::now().duration_since(UNIX_EPOCH).map_or(1, |time| time.as_secs());
    let seed = given("SEED").unwrap_or_else(clock) % 1_000_000;
    let seeds = seed..seed + given("SEEDS").unwrap_or(5);
    println!(
        "SEED={seed}; `whole` is from start to end, `late` after 10 s, both as shares of the best fixed number\n"
    );
    println!(
        "| server | drawn | best | its answers/s | auto: whole, late | refused | caught | held | fixed 6 | fixed 64 | AIMD | Vegas |"
    );
    println!("|{}", " --- |".repeat(12));
    let rows = whole_table(seeds.clone(), print, true);
    averages(&rows);
    println!("\n| two on | drawn | the second from | larger share | hold, by one alone |");
    println!("|{}", " --- |".repeat(5));
    let pairs = two(seeds);
    for pair in &pairs {
        let from = pair.from;
        println!(
            "| {} | {} | {from} s | {:.2} | {:.2} |",
            pair.kind, pair.told, pair.share, pair.held
        );
    }
    let most = |value: &dyn Fn(usize) -> f64| (0..pairs.len()).map(value).fold(0.0, f64::max);
    println!(
        "\ntwo: the larger share at most {:.2} (bar 0.6), together at most {:.2} of one (bar 2)",
        most(&|n| pairs[n].share),
        most(&|n| pairs[n].held),
    );
}

fn print(row: &Row) {
    let [auto, others @ ..] = &row.entries[..] else { return };
    let others: Vec<_> =
        others.iter().map(|other| format!("{:.2}, {:.2}", other.whole, other.late)).collect();
    let noisy = if row.noisy { ", erratic" } else { "" };
    let missed = if holds(row) { "" } else { " *" };
    println!(
        "| {} | {}{noisy} | {} | {:.0} | {:.2}, {:.2}{missed} | {:.2} % | {} | {:.1} | {} |",
        row.kind,
        row.told,
        row.best,
        row.pace,
        auto.whole,
        auto.late,
        100.0 * auto.refused,
        auto.entered,
        auto.held,
        others.join(" | "),
    );
}

/// Whether the bars hold in this row.
fn holds(row: &Row) -> bool {
    let auto = &row.entries[0];
    match row.kind {
        "greedy" => auto.entered <= 1,
        _ => auto.whole >= 0.9 && auto.late >= 0.95 && auto.refused <= 0.01,
    }
}

fn averages(rows: &[Row]) {
    println!(
        "\n| server | way | whole: average, worst | late: average, worst | refused: average, worst | bars missed |"
    );
    println!("|{}", " --- |".repeat(6));
    let mut kinds: Vec<_> = rows.iter().map(|row| row.kind).collect();
    kinds.sort_unstable();
    kinds.dedup();
    for kind in kinds {
        let of_kind: Vec<&Row> = rows.iter().filter(|row| row.kind == kind).collect();
        for n in 0..of_kind[0].entries.len() {
            let all: Vec<&Entry> = of_kind.iter().map(|row| &row.entries[n]).collect();
            let figures = [value(&all, |one| one.whole), value(&all, |one| one.late)];
            let [whole, late] =
                figures.map(|(average, least, _)| format!("{average:.2}, {least:.2}"));
            let (refused, _, most) = value(&all, |one| 100.0 * one.refused);
            let missed = match n {
                0 => of_kind.iter().filter(|row| !holds(row)).count().to_string(),
                _ => String::new(),
            };
            let name = all[0].name;
            println!(
                "| {kind} | {name} | {whole} | {late} | {refused:.2} %, {most:.2} % | {missed} |"
            );
        }
    }
    let missed = rows.iter().filter(|row| !holds(row)).count();
    println!("\n{missed} of {} draws miss a bar", rows.len());
}

/// Average, least, most.
fn value(all: &[&Entry], of: fn(&Entry) -> f64) -> (f64, f64, f64) {
    let (mut sum, mut least, mut most, mut count) = (0.0, f64::INFINITY, f64::NEG_INFINITY, 0.0);
    for value in all.iter().map(|one| of(one)) {
        sum += value;
        count += 1.0;
        least = f64::min(least, value);
        most = f64::max(most, value);
    }
    (sum / count, least, most)
}
