//! The line under a running get or probe.

use std::collections::VecDeque;
use std::time::Duration;

use hoist::report::{Snapshot, Tuned};

use super::{tuned, units};
use crate::args::Extent;

/// Rates are those of the last seconds.
const WINDOW: Duration = Duration::from_secs(5);

/// What the line is made of.
#[derive(Debug)]
pub(super) struct Progress {
    extent: Extent,
    /// What an item that ended badly is called.
    bad: &'static str,
    /// When, items done, bytes received; oldest first.
    seen: VecDeque<(Duration, u64, u64)>,
    /// What was found of the origin with the most answers.
    tuned: Option<Tuned>,
}

impl Progress {
    pub(super) fn new(extent: Extent, bad: &'static str) -> Self {
        Self { extent, bad, seen: VecDeque::new(), tuned: None }
    }

    /// Takes note of the counters, for the rates.
    pub(super) fn see(&mut self, now: &Snapshot, at: Duration) {
        while self.seen.len() > 1 && self.seen[1].0 + WINDOW <= at {
            self.seen.pop_front();
        }
        self.seen.push_back((at, now.done() - now.earlier, now.received));
    }

    /// Takes note of what was found of the origin with the most answers.
    pub(super) fn tell(&mut self, tuned: Option<Tuned>) {
        self.tuned = tuned;
    }

    /// The line, no wider than it may be: what matters least is left out first.
    pub(super) fn line(&self, now: &Snapshot, elapsed: Duration, width: usize) -> String {
        let (since, done_then, received_then) =
            self.seen.front().copied().unwrap_or((Duration::ZERO, 0, 0));
        let span = elapsed.saturating_sub(since);
        let done_now = now.done() - now.earlier;
        let pace = units::rate(done_now.saturating_sub(done_then), span);
        let total = self.total(now);

        // What the line holds, and in which order things go when it is too long.
        let mut parts: Vec<(u8, String)> = Vec::new();
        match (total, self.extent) {
            (Some(total), Extent::Items(_)) => {
                parts.push((0, format!("{}/{total}", now.done())));
            }
            (Some(total), _) if total > 0 => {
                let percent = (now.done() * 100 / total).min(100);
                parts.push((0, format!("{} done", now.done())));
                parts.push((3, format!("{percent}%")));
            }
            _ => parts.push((0, format!("{} done", now.done()))),
        }
        parts.push((2, format!("{}/s", units::per_second(pace))));
        if now.received > 0 {
            let received = now.received.saturating_sub(received_then);
            parts.push((4, units::byte_rate(received, span)));
        }
        if now.failed > 0 {
            parts.push((1, format!("{} {}", now.failed, self.bad)));
        }
        if let Some(left) = left(now.done(), total, pace) {
            parts.push((2, format!("{} left", units::clock(left))));
        }
        if let Some(of) = &self.tuned {
            parts.push((5, tuned::told(of)));
        }
        fit(parts, width.saturating_sub(1))
    }

    /// How many items there are, as far as one can tell: of a list of known length, as many as its
    /// bytes hold if the rest is like what was read.
    fn total(&self, now: &Snapshot) -> Option<u64> {
        match self.extent {
            Extent::Items(items) => Some(items),
            Extent::Bytes(bytes) if now.input_bytes > 0 => {
                let whole = u128::from(now.admitted) * u128::from(bytes);
                u64::try_from(whole / u128::from(now.input_bytes)).ok()
            }
            Extent::Bytes(_) | Extent::Unknown => None,
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "shown in seconds")]
fn left(done: u64, total: Option<u64>, pace: f64) -> Option<Duration> {
    let left = total?.checked_sub(done)?;
    if pace <= 0.0 {
        return None;
    }
    Duration::try_from_secs_f64(left as f64 / pace).ok()
}

/// Joins the parts; while they are too wide, the one with the highest number goes.
fn fit(mut parts: Vec<(u8, String)>, width: usize) -> String {
    loop {
        let line = parts.iter().map(|(_, text)| text.as_str()).collect::<Vec<_>>().join("  ");
        if line.len() <= width {
            return line;
        }
        let last = parts.iter().enumerate().max_by_key(|(at, (rank, _))| (*rank, *at));
        match last {
            Some((at, _)) if parts.len() > 1 => _ = parts.remove(at),
            _ => return line.chars().take(width).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn snapshot(done: u64, failed: u64, received: u64, admitted: u64, read: u64) -> Snapshot {
        let mut now = Snapshot::default();
        now.ok = done - failed;
        now.failed = failed;
        now.received = received;
        now.admitted = admitted;
        now.input_bytes = read;
        now
    }

    fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn the_line_has_counts_rates_failures_and_the_time_left() {
        let mut progress = Progress::new(Extent::Items(1_000), "failed");
        progress.see(&snapshot(0, 0, 0, 0, 0), at(0));
        let now = snapshot(200, 3, 4 << 20, 300, 0);
        progress.see(&now, at(4));
        let line = progress.line(&now, at(4), 60);
        assert_eq!(line, "200/1000  50.0/s  1.0 MiB/s  3 failed  00:16 left");
        assert_eq!(progress.line(&now, at(4), 40), "200/1000  50.0/s  3 failed  00:16 left");
        assert_eq!(progress.line(&now, at(4), 24), "200/1000  3 failed");
        assert_eq!(progress.line(&now, at(4), 5), "200/");
    }

    #[test]
    fn the_length_of_a_file_tells_how_much_is_left() {
        let mut progress = Progress::new(Extent::Bytes(10_000), "failed");
        progress.see(&snapshot(0, 0, 0, 0, 0), at(0));
        let now = snapshot(50, 0, 0, 100, 1_000);
        let line = progress.line(&now, at(5), 80);
        assert_eq!(line, "50 done  5%  10.0/s  01:35 left");
    }

    #[test]
    fn rates_are_those_of_the_last_seconds() {
        let mut progress = Progress::new(Extent::Unknown, "unknown");
        for second in 0..100 {
            let done = if second < 50 { second * 1_000 } else { 50_000 + second };
            progress.see(&snapshot(done, 0, 0, 0, 0), at(second));
        }
        let now = snapshot(50_100, 0, 0, 0, 0);
        progress.see(&now, at(100));
        assert_eq!(progress.line(&now, at(100), 80), "50100 done  1.0/s");
        assert!(progress.seen.len() < 10);
    }
}
