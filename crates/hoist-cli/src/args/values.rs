//! Values as people type them: durations, sizes, ranges. Each error names the form that is right.

use std::num::NonZeroU64;
use std::ops::RangeInclusive;
use std::time::Duration;

/// Of a value that has the right form.
pub(super) const TOO_LONG: &str = "it is too long a time";

/// A whole number from 1 on.
pub(super) fn some<T: TryFrom<NonZeroU64>>(text: &str) -> Result<T, String> {
    match whole(text).map(NonZeroU64::new) {
        Ok(Some(n)) => T::try_from(n).map_err(|_| too_large::<T>()),
        Ok(None) => Err("it must be at least 1".into()),
        Err(Whole::TooLarge) => Err(too_large::<T>()),
        Err(Whole::Other) => Err("write a whole number from 1 on".into()),
    }
}

/// A whole number, 0 too.
pub(super) fn number<T: TryFrom<u64>>(text: &str) -> Result<T, String> {
    match whole(text) {
        Ok(n) => T::try_from(n).map_err(|_| too_large::<T>()),
        Err(Whole::TooLarge) => Err(too_large::<T>()),
        Err(Whole::Other) => Err("write a whole number, 0 or more".into()),
    }
}

/// Why a text is no whole number.
enum Whole {
    TooLarge,
    Other,
}

fn whole(text: &str) -> Result<u64, Whole> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if !digits {
        return Err(Whole::Other);
    }
    text.parse().map_err(|_| Whole::TooLarge)
}

/// `T` has no sign.
fn too_large<T>() -> String {
    let most = u64::MAX >> (64 - 8 * size_of::<T>().min(8));
    format!("it is too large: at most {most}")
}

/// `30s`, `500ms`, `2m`, `1.5h`; a bare number is in seconds.
pub(super) fn duration(text: &str) -> Result<Duration, String> {
    let (number, unit) = split_unit(text);
    let seconds = match unit {
        "us" => 1e-6,
        "ms" => 1e-3,
        "" | "s" => 1.0,
        "m" | "min" => 60.0,
        "h" => 3_600.0,
        "d" => 86_400.0,
        _ => return Err("write it as 30s, 500ms, 2m or 1h; a bare number is in seconds".into()),
    };
    let number = parse_number(number)
        .ok_or("write it as 30s, 500ms, 2m or 1h; a bare number is in seconds")?;
    Duration::try_from_secs_f64(number * seconds).map_err(|_| TOO_LONG.into())
}

/// A duration that is not zero.
pub(super) fn some_time(text: &str) -> Result<Duration, String> {
    match duration(text)? {
        Duration::ZERO => Err("it must be more than 0".into()),
        time => Ok(time),
    }
}

/// `0.5..5`, `100ms..2s`, or one duration for both ends. A unit at the end counts for both
/// numbers.
pub(super) fn duration_range(text: &str) -> Result<RangeInclusive<Duration>, String> {
    let Some((min, max)) = text.split_once("..") else {
        return duration(text).map(|both| both..=both);
    };
    let (_, min_unit) = split_unit(min);
    let (_, max_unit) = split_unit(max);
    let min = if min_unit.is_empty() { format!("{min}{max_unit}") } else { min.to_owned() };
    let (min, max) = (duration(&min)?, duration(max)?);
    if min > max {
        return Err("the smaller comes first, as in 0.5..5".into());
    }
    Ok(min..=max)
}

/// `16G`, `10MiB`, `1000`: K, M, G, T (and KiB ...) count in 1024s, KB, MB, GB, TB in 1000s.
pub(super) fn bytes(text: &str) -> Result<u64, String> {
    const FORM: &str = "write it as 1000, 64K, 10M or 16G (of 1024), or 10MB (of 1000)";
    let (number, unit) = split_unit(text);
    let factor: u64 = match unit.to_ascii_uppercase().as_str() {
        "" | "B" => 1,
        "K" | "KIB" => 1 << 10,
        "M" | "MIB" => 1 << 20,
        "G" | "GIB" => 1 << 30,
        "T" | "TIB" => 1 << 40,
        "KB" => 1_000,
        "MB" => 1_000_000,
        "GB" => 1_000_000_000,
        "TB" => 1_000_000_000_000,
        _ => return Err(FORM.into()),
    };
    if let Ok(whole) = number.parse::<u64>() {
        return whole.checked_mul(factor).ok_or_else(|| "it is too large".into());
    }
    let number = parse_number(number).ok_or(FORM)?;
    #[expect(clippy::cast_precision_loss, reason = "sizes with a fraction are rough")]
    let size = number * factor as f64;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked")]
    if size < 1.8e19 { Ok(size as u64) } else { Err("it is too large".into()) }
}

/// A probability.
pub(super) fn rate(text: &str) -> Result<f64, String> {
    parse_number(text)
        .filter(|rate| *rate <= 1.0)
        .ok_or_else(|| "it goes from 0 (never) to 1 (always), as in 0.25".into())
}

fn split_unit(text: &str) -> (&str, &str) {
    let text = text.trim();
    let at = text.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(text.len());
    (text[..at].trim_end(), &text[at..])
}

/// Digits with at most one point: no signs, exponents, infinities.
fn parse_number(text: &str) -> Option<f64> {
    let plain = text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    if plain { text.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use super::*;

    #[test]
    fn durations_have_units_and_seconds_without() {
        let ms = Duration::from_millis;
        for (text, expected) in [
            ("30s", ms(30_000)),
            ("500ms", ms(500)),
            ("2m", ms(120_000)),
            ("1.5", ms(1_500)),
            ("1.5h", ms(5_400_000)),
            (".25", ms(250)),
            ("0", ms(0)),
        ] {
            assert_eq!(duration(text), Ok(expected), "{text}");
        }
        for text in ["", "s", "-1", "1e3", "inf", "1 year", "1s2", "99999999999999999999h"] {
            assert!(duration(text).is_err(), "{text}");
        }
        assert!(some_time("0s").is_err());
        assert_eq!(duration("99999999999999999999h"), Err(TOO_LONG.to_owned()));
    }

    #[test]
    fn whole_numbers_are_told_by_their_bounds() {
        assert_eq!(some("1"), Ok(NonZeroU32::MIN));
        assert_eq!(number("0"), Ok(0_u32));
        assert_eq!(number("18446744073709551615"), Ok(u64::MAX));
        for (text, why) in [
            ("0", "it must be at least 1"),
            ("4294967296", "it is too large: at most 4294967295"),
            ("99999999999999999999", "it is too large: at most 4294967295"),
            ("1e300", "write a whole number from 1 on"),
            ("+1", "write a whole number from 1 on"),
            ("-1", "write a whole number from 1 on"),
            ("1.5", "write a whole number from 1 on"),
            ("", "write a whole number from 1 on"),
        ] {
            assert_eq!(some::<NonZeroU32>(text), Err(why.to_owned()), "{text}");
        }
        assert_eq!(number::<u32>("x"), Err("write a whole number, 0 or more".into()));
        let most = format!("it is too large: at most {}", u64::MAX);
        assert_eq!(number::<u64>("18446744073709551616"), Err(most));
    }

    #[test]
    fn a_range_shares_the_unit_at_its_end() {
        let ms = Duration::from_millis;
        assert_eq!(duration_range("0.5..5"), Ok(ms(500)..=ms(5_000)));
        assert_eq!(duration_range("50..500ms"), Ok(ms(50)..=ms(500)));
        assert_eq!(duration_range("50ms..2s"), Ok(ms(50)..=ms(2_000)));
        assert_eq!(duration_range("1s"), Ok(ms(1_000)..=ms(1_000)));
        assert!(duration_range("5..1").is_err());
        assert!(duration_range("..1").is_err());
    }

    #[test]
    fn sizes_count_as_they_are_written() {
        for (text, expected) in [
            ("1000", 1_000),
            ("64K", 64 << 10),
            ("10MiB", 10 << 20),
            ("16g", 16 << 30),
            ("1.5M", 3 << 19),
            ("10MB", 10_000_000),
        ] {
            assert_eq!(bytes(text), Ok(expected), "{text}");
        }
        for text in ["", "K", "-1", "10X", "99999999T"] {
            assert!(bytes(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_rate_is_a_probability() {
        assert_eq!(rate("0.25"), Ok(0.25));
        assert!(rate("1.1").is_err());
        assert!(rate("25%").is_err());
        assert!(rate("NaN").is_err());
    }
}
