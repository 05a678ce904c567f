//! Numbers as people read them.

use std::time::Duration;

/// `999 B`, `1.5 KiB`, `12.3 MiB`: three digits or four.
#[expect(clippy::cast_precision_loss, reason = "shown with one decimal")]
pub(super) fn bytes(n: u64) -> String {
    const UNITS: [&str; 6] = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    if n < 1024 {
        return format!("{n} B");
    }
    let mut size = n as f64 / 1024.0;
    let mut unit = 0;
    while size >= 1023.95 && unit + 1 < UNITS.len() {
        size /= 1024.0;
        unit += 1;
    }
    format!("{size:.1} {}", UNITS[unit])
}

/// So many in a second: `0.5`, `12.3`, `1234`.
pub(super) fn per_second(n: f64) -> String {
    if n < 99.95 { format!("{n:.1}") } else { format!("{n:.0}") }
}

/// `MM:SS`, or `H:MM:SS` from an hour on.
pub(super) fn clock(duration: Duration) -> String {
    let seconds = duration.as_secs();
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    if hours > 0 {
        format!("{hours}:{minutes:02}:{seconds:02}")
    } else {
        format!("{minutes:02}:{seconds:02}")
    }
}

/// `1 URL`, `2 URLs`.
pub(super) fn counted(n: u64, noun: &str) -> String {
    format!("{n} {noun}{}", if n == 1 { "" } else { "s" })
}

/// A count by the time it took; 0 when no time has passed.
#[expect(clippy::cast_precision_loss, reason = "rates are rough")]
pub(super) fn rate(n: u64, time: Duration) -> f64 {
    if time.is_zero() { 0.0 } else { n as f64 / time.as_secs_f64() }
}

/// A rate of bytes, whole.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "saturates")]
pub(super) fn byte_rate(n: u64, time: Duration) -> String {
    format!("{}/s", bytes(rate(n, time) as u64))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_have_three_or_four_digits() {
        for (n, text) in [
            (0, "0 B"),
            (1023, "1023 B"),
            (1024, "1.0 KiB"),
            (1_048_575, "1.0 MiB"),
            (1_536 << 10, "1.5 MiB"),
            (u64::MAX, "16.0 EiB"),
        ] {
            assert_eq!(bytes(n), text);
        }
    }

    #[test]
    fn clocks_grow_hours_when_they_need_them() {
        let at = |s| clock(Duration::from_secs(s));
        assert_eq!([at(0), at(61), at(3599), at(36_061)], ["00:00", "01:01", "59:59", "10:01:01"]);
    }
}
