use crate::args::Allowance;

/// How many ended badly, and whether that is allowed: the last line of a summary. `bad` is what that
/// is called.
pub(crate) fn allowance(count: u64, all: u64, bad: &str, allowed: Allowance) -> String {
    #[expect(clippy::cast_precision_loss, reason = "shown to people, in percent")]
    let percent = if all == 0 { 0.0 } else { 100.0 * count as f64 / all as f64 };
    let verdict = if allowed.allows(count, all) { "no more than" } else { "more than" };
    format!("{count} of {all} {bad} ({percent:.3} %): {verdict} --fail-above {allowed}")
}
