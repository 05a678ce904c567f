use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;
use std::time::SystemTime;

use hoist::FailureKind;
use hoist::outcome::Failure;
use hoist::report::{Earlier, Summary};

use super::paint::Paint;
use super::{text, tuned, units};

/// The first reason of each kind that was met: there are few kinds, so it stays small.
#[derive(Debug, Default)]
pub(crate) struct Reasons(BTreeMap<FailureKind, String>);

impl Reasons {
    /// Takes note of a failure, of an item that is this line of a list.
    pub(crate) fn see(&mut self, failure: &Failure, line: Option<u64>) {
        self.0.entry(failure.kind).or_insert_with(|| text::reason(failure, line));
    }
}

/// The end of a get, as lines for people.
///
/// `saved` is the first file; where it is the only one, its name is told.
pub(crate) fn get_summary(summary: &Summary, saved: Option<&Path>, interrupted: bool) -> String {
    get_lines(summary, saved, interrupted, Paint::stderr())
}

fn get_lines(summary: &Summary, saved: Option<&Path>, interrupted: bool, paint: Paint) -> String {
    let counts = &summary.counts;
    let mut lines = String::new();
    lines.push_str(opening(summary, interrupted));
    let ok = format!("{} ok", counts.ok);
    // Writing to a string does not fail, here and below.
    let _ = if counts.ok > 0 { write!(lines, "{}", paint.good(ok)) } else { write!(lines, "{ok}") };
    if counts.not_found > 0 {
        let _ = write!(lines, ", {}", paint.odd(format_args!("{} not found", counts.not_found)));
    }
    if counts.failed > 0 {
        let _ = write!(lines, ", {}", paint.bad(format_args!("{} failed", counts.failed)));
    }
    if counts.deferred > 0 {
        let _ = write!(lines, ", {}", paint.odd(format_args!("{} deferred", counts.deferred)));
    }
    let urls = units::counted(counts.done(), "URL");
    let _ = writeln!(lines, " of {urls}{}{}", so_far(interrupted), when(summary));
    let retries = if let Some(earlier) = told_before(summary) {
        let _ = write!(lines, "{} received in last tries", units::bytes(earlier.received));
        earlier.retries
    } else {
        let asked = counts.done() - counts.earlier;
        let pace = units::per_second(units::rate(asked, summary.elapsed));
        let received = units::bytes(counts.received);
        let bytes = units::byte_rate(counts.received, summary.elapsed);
        let _ = write!(lines, "{received} received, {bytes}, {pace} URLs/s");
        counts.retries
    };
    if retries > 0 {
        let noun = if retries == 1 { "retry" } else { "retries" };
        let _ = write!(lines, ", {retries} {noun}");
    }
    if let (1, 0, Some(path)) = (counts.ok, counts.earlier, saved) {
        let _ = write!(lines, "\nsaved as {}", text::shown(&path.to_string_lossy()));
    }
    if !summary.kinds.is_empty() {
        let _ = write!(lines, "\nfailures: {}", kinds(summary));
    }
    if !summary.worst_origins.is_empty() {
        let one = |(origin, n): &(String, u64)| format!("{} {n}", text::shown(origin));
        let all: Vec<_> = summary.worst_origins.iter().map(one).collect();
        let _ = write!(lines, "\nmost failures: {}", all.join(", "));
    }
    for of in &summary.tuned {
        let _ = write!(lines, "\n{}", tuned::told(of));
    }
    if let Some(why) = &summary.not_set_aside {
        let _ = write!(
            lines,
            "\nslow servers may have held up others: no room to set their URLs aside: {why}"
        );
    }
    lines
}

/// When the first of the URLs may be asked again that stay deferred: a moment of this clock, and how
/// long it is until then.
pub(crate) fn deferred_until(at: SystemTime, now: SystemTime) -> String {
    let left = at.duration_since(now).unwrap_or_default();
    let one = match left.as_secs() {
        0 => "now".to_owned(),
        _ => format!("at {} (in {})", units::utc(at), units::clock(left)),
    };
    format!("the first deferred URL may be asked again {one}, by the same command")
}

/// What earlier runs have done, where this one found nothing to do.
fn told_before(summary: &Summary) -> Option<Earlier> {
    let counts = &summary.counts;
    summary.earlier.filter(|_| counts.earlier > 0 && counts.earlier == counts.done())
}

fn opening(summary: &Summary, interrupted: bool) -> &'static str {
    match (interrupted, told_before(summary)) {
        (true, _) => "interrupted: ",
        (false, Some(_)) => "all done before: ",
        (false, None) => "",
    }
}

/// What was done is not all that the list has.
fn so_far(interrupted: bool) -> &'static str {
    if interrupted { " so far" } else { "" }
}

/// ` in 2.44 s`, and what of it was done before.
fn when(summary: &Summary) -> String {
    let seconds = summary.elapsed.as_secs_f64();
    match (told_before(summary), summary.counts.earlier) {
        (Some(earlier), _) => format!(" in {:.2} s", earlier.elapsed.as_secs_f64()),
        (None, 0) => format!(" in {seconds:.2} s"),
        (None, earlier) => format!(", {earlier} of them before, in {seconds:.2} s"),
    }
}

/// `3 status (503: 2, 418: 1), 1 truncated`, the most frequent first.
pub(super) fn kinds(summary: &Summary) -> String {
    let mut all = summary.kinds.clone();
    all.sort_by_key(|(_, n)| std::cmp::Reverse(*n));
    let one = |(kind, n): &(FailureKind, u64)| {
        let mut text = format!("{n} {kind}");
        if *kind == FailureKind::Status {
            let mut statuses = summary.statuses.clone();
            statuses.sort_by_key(|(_, n)| std::cmp::Reverse(*n));
            let told: Vec<_> = statuses.iter().map(|(s, n)| format!("{s}: {n}")).collect();
            if !told.is_empty() {
                let _ = write!(text, " ({})", told.join(", "));
            }
        }
        text
    };
    all.iter().map(one).collect::<Vec<_>>().join(", ")
}

/// The end of a probe, as lines for people.
pub(crate) fn probe_summary(summary: &Summary, reasons: &Reasons, interrupted: bool) -> String {
    let paint = Paint::stderr();
    let counts = &summary.counts;
    let mut lines = String::new();
    lines.push_str(opening(summary, interrupted));
    let found = paint.good(format_args!("{} found", counts.ok)).to_string();
    let _ = write!(lines, "{found}, {} not found", counts.not_found);
    if counts.failed > 0 {
        let _ = write!(lines, ", {}", paint.bad(format_args!("{} unknown", counts.failed)));
    }
    let names = units::counted(counts.done(), "name");
    let _ = write!(lines, " of {names}{}{}", so_far(interrupted), when(summary));
    if told_before(summary).is_none() {
        let asked = counts.done() - counts.earlier;
        let pace = units::per_second(units::rate(asked, summary.elapsed));
        let _ = write!(lines, " ({pace} names/s)");
    }
    for (kind, n) in &summary.kinds {
        let _ = write!(lines, "\nunknown: {n} {kind}");
        if let Some(reason) = reasons.0.get(kind) {
            let _ = write!(lines, ", {}{reason}", if *n > 1 { "such as: " } else { "" });
        }
    }
    let no_server = summary
        .kinds
        .iter()
        .any(|(kind, n)| *kind == FailureKind::DnsFailed && *n == counts.done());
    if no_server {
        lines.push_str(
            "\nno DNS server gave a usable answer: check the network and /etc/resolv.conf, or \
             name a server with --via dns://IP:PORT",
        );
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    // A summary can't be made here, so a run makes one: of a list without items.
    #[test]
    fn an_empty_run_is_told_in_two_lines() {
        let summary = hoist::report::Report::default().summary();
        let lines = get_lines(&summary, None, true, Paint::plain());
        assert_eq!(
            lines,
            "interrupted: 0 ok of 0 URLs so far in 0.00 s\n0 B received, 0 B/s, 0.0 URLs/s"
        );
    }
}
