//! What a simulated run came to.

use std::fmt::Write;
use std::time::Duration;

use hoist::simulate::SimulationReport;
use serde_json::{Value, json};

use super::{tuned, units};

/// For people.
pub(crate) fn simulated_lines(result: &SimulationReport, seed: u64) -> String {
    let pace = units::per_second(units::rate(result.done(), result.duration));
    let good = units::byte_rate(result.bytes, result.duration);
    let mut lines = format!(
        "{} ok, {} not found, {} failed, {} deferred of {} at {}",
        result.ok,
        result.not_found,
        result.failed,
        result.deferred,
        units::counted(result.items, "item"),
        units::counted(u64::from(result.origins), "origin"),
    );
    if !result.kinds.is_empty() {
        let kinds = result.kinds.iter().map(|(kind, n)| format!("{} {n}", kind.name()));
        let _ = write!(lines, "\nfailures: {}", kinds.collect::<Vec<_>>().join(", "));
    }
    // Writing to a string does not fail.
    let _ = write!(
        lines,
        "\nduration {}, {pace} items/s, {} received, {good}\n\
         tail {} from 99 % to the end; longest item {} (line {})\n\
         {} attempts, {} of them retries, at most {} at once; {} refused for the load, {} for other reasons\n\
         schedule {} at most, process {}; simulated in {} with seed {seed}",
        time(result.duration),
        units::bytes(result.bytes),
        time(result.tail),
        time(result.longest),
        result.longest_position + 1,
        result.attempts,
        result.retries,
        result.in_flight,
        result.refusals,
        result.other_refusals,
        units::bytes(result.schedule_memory as u64),
        peak_memory().map_or("unknown".to_owned(), units::bytes),
        time(result.took),
    );
    for of in &result.tuned {
        let _ = write!(lines, "\n{}", tuned::told(of));
    }
    lines
}

/// For programs. Times are in milliseconds, sizes in bytes.
pub(crate) fn simulated_json(result: &SimulationReport, seed: u64) -> Value {
    let kinds: serde_json::Map<_, _> =
        result.kinds.iter().map(|(kind, n)| (kind.name().to_owned(), json!(n))).collect();
    json!({
        "items": result.items,
        "origins": result.origins,
        "seed": seed,
        "ok": result.ok,
        "not_found": result.not_found,
        "failed": result.failed,
        "deferred": result.deferred,
        "kinds": kinds,
        "ms": milliseconds(result.duration),
        "items_per_second": units::rate(result.done(), result.duration),
        "bytes": result.bytes,
        "bytes_per_second": units::rate(result.bytes, result.duration),
        "tail_ms": milliseconds(result.tail),
        "longest_ms": milliseconds(result.longest),
        "longest_index": result.longest_position,
        "attempts": result.attempts,
        "retries": result.retries,
        "refusals": result.refusals,
        "other_refusals": result.other_refusals,
        "in_flight": result.in_flight,
        "schedule_bytes": result.schedule_memory,
        "process_bytes": peak_memory(),
        "took_ms": milliseconds(result.took),
    })
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

/// `12.3 ms`, `4.50 s`, then as a clock, then days.
fn time(time: Duration) -> String {
    let seconds = time.as_secs_f64();
    match seconds {
        ..1.0 => format!("{:.1} ms", seconds * 1e3),
        1.0..60.0 => format!("{seconds:.2} s"),
        60.0..172_800.0 => units::clock(time),
        _ => format!("{:.1} days", seconds / 86_400.0),
    }
}

/// The most memory that this process has had, in bytes, where the system tells.
fn peak_memory() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib << 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_as_exact_as_is_of_use() {
        let told = |ms| time(Duration::from_millis(ms));
        assert_eq!(
            [told(12), told(1_500), told(61_000), told(400_000_000)],
            ["12.0 ms", "1.50 s", "01:01", "4.6 days"]
        );
    }
}
