//! For how long an answer asks that its origin be left alone: by what is left of a quota
//! (draft-ietf-httpapi-ratelimit-headers), or by Retry-After of a 429 or 503.

use std::time::{Duration, SystemTime};

use http::response::Parts;
use http::{HeaderMap, StatusCode};

use super::answer::retry_after;

/// Bytes of a field that are read: an honest one is far shorter.
const MAX_FIELD: usize = 4_000;

/// How long the origin is to be left alone after this answer. What is not understood asks for nothing.
///
/// A 503 may be about its URL alone: one that asks for more than `longest` speaks for no other.
pub(super) fn pause(parts: &Parts, longest: Duration, now: SystemTime) -> Option<Duration> {
    let again = match parts.status {
        StatusCode::TOO_MANY_REQUESTS => retry_after(&parts.headers, now),
        StatusCode::SERVICE_UNAVAILABLE => {
            retry_after(&parts.headers, now).filter(|time| *time <= longest)
        }
        _ => None,
    };
    // Retry-After comes before a quota (draft 10, section 5).
    again.or_else(|| used_up(&parts.headers, now)).filter(|time| !time.is_zero())
}

/// The time until a quota of which nothing is left has more: the longest, where there are several.
pub(super) fn used_up(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    // Most answers say nothing of the kind.
    if !headers.keys().any(|name| name.as_str().starts_with("ratelimit")) {
        return None;
    }
    let texts = |name: &str| {
        let values = headers.get_all(name).iter();
        values.filter_map(|value| value.to_str().ok().filter(|text| text.len() <= MAX_FIELD))
    };
    let items = |name: &'static str| texts(name).flat_map(|text| split(text, b','));
    // `"default";r=0;t=30`; or, until draft 7, `limit=10, remaining=0, reset=30`.
    let mut old = Quota::default();
    let mut longest = None;
    for item in items("ratelimit") {
        let mut quota = Quota::default();
        let mut words = split(item, b';');
        let name = words.next().unwrap_or_default();
        old.take(name);
        words.for_each(|word| quota.take(word));
        if quota.reset.is_none() && quota.remaining == Some(0) {
            quota.reset = window(items("ratelimit-policy"), name);
        }
        longest = longest.max(quota.pause());
    }
    // Until draft 6, in fields of their own.
    for (name, word) in [("ratelimit-remaining", "remaining"), ("ratelimit-reset", "reset")] {
        if let Some(value) = texts(name).next() {
            old.set(word, value);
        }
    }
    old.reset = old.reset.map(|reset| until(reset, now));
    longest.max(old.pause())
}

/// Seconds from which on a reset is no time but a moment, in seconds since 1970, as some servers tell it:
/// no quota lasts for thirty years.
const MOMENT: u64 = 1_000_000_000;

/// The seconds until a reset that may be told as a moment.
fn until(reset: u64, now: SystemTime) -> u64 {
    let since = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    if reset < MOMENT { reset } else { reset.saturating_sub(since.as_secs()) }
}

/// What is left of a quota, and the seconds until it is whole again.
#[derive(Debug, Default)]
struct Quota {
    remaining: Option<u64>,
    reset: Option<u64>,
}

impl Quota {
    fn take(&mut self, word: &str) {
        if let Some((key, value)) = word.split_once('=') {
            self.set(key.trim(), value);
        }
    }

    fn set(&mut self, key: &str, value: &str) {
        match key {
            "r" | "remaining" => self.remaining = number(value),
            "t" | "reset" => self.reset = number(value),
            _ => {}
        }
    }

    fn pause(&self) -> Option<Duration> {
        self.reset.filter(|_| self.remaining == Some(0)).map(Duration::from_secs)
    }
}

/// The window of the policy with this name, in seconds.
fn window<'a>(policies: impl Iterator<Item = &'a str>, name: &str) -> Option<u64> {
    let mut policies = policies.map(|policy| split(policy, b';'));
    let mut words = policies.find_map(|mut words| (words.next() == Some(name)).then_some(words))?;
    words.find_map(|word| number(word.strip_prefix("w=")?))
}

/// A whole number, not below zero; more than a u64 holds are still a number.
fn number(text: &str) -> Option<u64> {
    let text = text.trim();
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().unwrap_or(u64::MAX))
}

/// The parts between separators that are not within quotes (RFC 9651 §3.3.3), trimmed.
fn split(text: &str, at: u8) -> impl Iterator<Item = &str> {
    let mut rest = Some(text);
    std::iter::from_fn(move || {
        let text = rest?;
        let (mut quoted, mut escaped) = (false, false);
        let end = text.bytes().position(|byte| {
            let ends = !quoted && byte == at;
            quoted ^= byte == b'"' && !escaped;
            escaped = quoted && byte == b'\\' && !escaped;
            ends
        });
        rest = end.map(|end| &text[end + 1..]);
        Some(text[..end.unwrap_or(text.len())].trim())
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parts(status: u16, fields: &[(&str, &str)]) -> Parts {
        let mut builder = http::Response::builder().status(status);
        for (name, value) in fields {
            builder = builder.header(*name, *value);
        }
        builder.body(()).unwrap().into_parts().0
    }

    fn asked(status: u16, fields: &[(&str, &str)]) -> Option<u64> {
        let longest = Duration::from_mins(5);
        pause(&parts(status, fields), longest, SystemTime::UNIX_EPOCH).map(|time| time.as_secs())
    }

    #[test]
    fn a_quota_that_is_used_up_asks_for_a_pause() {
        for (fields, seconds) in [
            (&[("ratelimit", "\"default\";r=0;t=30")][..], Some(30)),
            (&[("ratelimit", "\"default\";r=1;t=30")], None),
            (&[("ratelimit", "\"a;r=0\" ; r=5;t=30, \"b\";t=7; r=0")], Some(7)),
            (&[("ratelimit", "\"a\\\"b, c\";r=0;t=4")], Some(4)),
            (&[("ratelimit", "\"a\";r=0;t=3"), ("ratelimit", "\"b\";r=0;t=9")], Some(9)),
            (
                &[
                    ("ratelimit-policy", "\"hour\";q=9;w=3600, \"burst\";q=2;w=60"),
                    ("ratelimit", "\"burst\";r=0"),
                ],
                Some(60),
            ),
            (&[("ratelimit", "\"burst\";r=0")], None),
            (&[("ratelimit", "limit=10, remaining=0, reset=12")], Some(12)),
            (&[("ratelimit-remaining", "0"), ("ratelimit-reset", " 25 ")], Some(25)),
            (&[("ratelimit-remaining", "1"), ("ratelimit-reset", "25")], None),
            (&[("ratelimit-remaining", "0")], None),
            (&[("ratelimit-remaining", "0"), ("ratelimit-reset", "0")], None),
            (&[("ratelimit-remaining", "0"), ("ratelimit-reset", "soon")], None),
            (&[("ratelimit", "\"a\";r=0;t=99999999999999999999")], Some(u64::MAX)),
            (&[("ratelimit", "\"a;r=0;t=5")], None),
            (&[("ratelimit", "\"a\";r=-1;t=5")], None),
            (&[], None),
        ] {
            for status in [200, 404, 429] {
                assert_eq!(asked(status, fields), seconds, "{status} {fields:?}");
            }
        }
    }

    #[test]
    fn retry_after_of_a_429_is_for_all_and_of_a_503_where_it_is_short() {
        let again = |seconds| [("retry-after", seconds), ("ratelimit", "\"a\";r=0;t=3")];
        assert_eq!(asked(429, &again("20")), Some(20), "it comes before a quota");
        assert_eq!(asked(429, &again("86400")), Some(86_400));
        assert_eq!(asked(503, &again("300")), Some(300));
        assert_eq!(asked(503, &[("retry-after", "301")]), None);
        assert_eq!(asked(200, &[("retry-after", "20")]), None);
        assert_eq!(asked(503, &[("retry-after", "0")]), None);
    }

    #[test]
    fn a_reset_that_is_a_moment_is_waited_for_until_then() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_hours(500_000);
        let asked = |reset| {
            let fields = [("ratelimit-remaining", "0"), ("ratelimit-reset", reset)];
            pause(&parts(200, &fields), Duration::from_mins(5), now).map(|time| time.as_secs())
        };
        assert_eq!(asked("1800000030"), Some(30));
        assert_eq!(asked("1799999999"), None, "it is over");
        assert_eq!(asked("86400"), Some(86_400));
    }

    proptest! {
        #[test]
        fn any_text_is_read(text in "[ -~]{0,60}", policy in "[\" ;,=a-z0-9\\\\]{0,60}") {
            let _ = asked(200, &[("ratelimit", &text), ("ratelimit-policy", &policy)]);
            let _ = asked(200, &[("ratelimit", &policy), ("ratelimit-policy", &text)]);
        }
    }
}
