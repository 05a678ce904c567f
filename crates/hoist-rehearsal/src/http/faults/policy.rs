//! What a server decides: statuses, when to come again, how much is given, and pages that are not what
//! was asked for.

use std::sync::PoisonError;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::act::Act;
use super::{Case, Entry, Right};
use crate::catalogue::About;
use crate::hash::hash;
use crate::http::exchange::{Answered, Exchange};
use crate::http::reason;
use crate::spec::{Params, Wrong};
use crate::truth::End;

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Policy {
    Status {
        code: u16,
        again: Again,
    },
    Flaky {
        fail: u64,
        code: u16,
        again: Again,
    },
    Quota {
        limit: u64,
        window: Duration,
        code: u16,
        bucket: Option<String>,
    },
    /// A quota that tells what is left of it; in the old form with three fields.
    RateLimit {
        limit: u64,
        window: Duration,
        bucket: Option<String>,
        old: bool,
    },
    SoftNotFound,
    Login {
        page: bool,
    },
    Headers,
}

/// When to come again.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Again {
    Unsaid,
    /// Any text, since a client must survive any.
    Text(String),
    /// An HTTP date so many seconds from now.
    Date(i64),
}

const WHOLE_OR_FAIL: &[Right] = &[Right::Made(1000), Right::Fail];
const NOTHING_OR_FAIL: &[Right] = &[Right::Made(0), Right::Fail];

pub(super) const ENTRIES: &[Entry] = &[
    Entry {
        about: About {
            name: "status",
            does: "a status and a small page; Retry-After as text, or as a date so many seconds from now",
            example: "status?code=503&retry-after=2",
            verdict: "failure, or nothing to save for 204 and 205; what stands behind a 2xx is whole, and an \
                      unknown status is like x00, one above 599 like a 5xx (RFC 9110, section 15)",
            counts: false,
        },
        make: |p| {
            let code = p.status_or("code", 503)?;
            Ok(Act::Policy(Policy::Status { code, again: again(p)? }))
        },
        cases: &[
            Case::new("/status/404", &[Right::Fail]),
            Case::new("/status/401", &[Right::Fail]),
            Case::new("/status/403", &[Right::Fail]),
            Case::new("/status/407", &[Right::Fail]),
            Case::new("/status/408", &[Right::Fail]),
            Case::new("/status/410", &[Right::Fail]),
            Case::new("/status/416", &[Right::Fail]),
            Case::new("/status/418", &[Right::Fail]),
            Case::new("/status/421", &[Right::Fail]),
            Case::new("/status/429", &[Right::Fail]),
            Case::new("/status/451", &[Right::Fail]),
            Case::new("/status/499", &[Right::Fail]),
            Case::new("/status/500", &[Right::Fail]),
            Case::new("/status/501", &[Right::Fail]),
            Case::new("/status/502", &[Right::Fail]),
            Case::new("/status/503", &[Right::Fail]),
            Case::new("/status/504", &[Right::Fail]),
            Case::new("/status/599", &[Right::Fail]),
            Case::new("/status/600", &[Right::Fail]),
            Case::new("/status/777", &[Right::Fail]),
            Case::new("/status/999", &[Right::Fail]),
            // No choice was made, and nothing was asked under a condition.
            Case::new("/status/300", &[Right::Fail]),
            Case::new("/status/304", &[Right::Fail]),
            Case::new("/status/399", &[Right::Fail]),
            Case::new("/status/203", &[Right::Bytes(|| page(203))]),
            Case::new("/status/299", &[Right::Bytes(|| page(299))]),
            // Accepted for later is not done yet.
            Case::new("/status/202", &[Right::Bytes(|| page(202)), Right::Fail]),
            Case::new("/status/204", NOTHING_OR_FAIL),
            Case::new("/status/205", NOTHING_OR_FAIL),
        ],
    },
    Entry {
        about: About {
            name: "flaky",
            does: "the first so many attempts (1) get a status (503), later ones the body",
            example: "flaky?fail=2&status=503&retry-after=1",
            verdict: "whole after trying again, not before the time asked for; or failure (RFC 9110, \
                      section 10.2.3)",
            counts: true,
        },
        make: |p| {
            let (fail, code) = (p.number_or("fail", 1)?, p.status_or("status", 503)?);
            Ok(Act::Policy(Policy::Flaky { fail, code, again: again(p)? }))
        },
        cases: &[
            Case::new("/flaky?fail=1", WHOLE_OR_FAIL),
            Case::new("/flaky?fail=1&status=408", WHOLE_OR_FAIL),
            Case::new("/flaky?fail=1&status=500", WHOLE_OR_FAIL),
            Case::new("/flaky?fail=1&retry-after=0", WHOLE_OR_FAIL),
            Case::new("/flaky?fail=1&retry-after=1", WHOLE_OR_FAIL),
            Case::new("/flaky?fail=1&retry-after=1&status=429", WHOLE_OR_FAIL),
            Case::new("/flaky?fail=1&retry-date=1", WHOLE_OR_FAIL),
            Case::new("/flaky?fail=1&retry-date=-3600", WHOLE_OR_FAIL),
            Case::new("/flaky?fail=1&retry-date=999999999999", WHOLE_OR_FAIL),
            Case::new("/flaky?fail=1&retry-after=999999999", WHOLE_OR_FAIL),
            Case::new("/flaky?fail=1&retry-after=99999999999999999999", WHOLE_OR_FAIL),
            Case::new("/flaky?fail=1&retry-after=-1", WHOLE_OR_FAIL),
            Case::new("/flaky?fail=1&retry-after=0.5", WHOLE_OR_FAIL),
            Case::new("/flaky?fail=1&retry-after=soon", WHOLE_OR_FAIL),
            Case::new("/flaky?fail=1&retry-after=", WHOLE_OR_FAIL),
        ],
    },
    Entry {
        about: About {
            name: "quota",
            does: "so many answers (10) a window (1s), then a status (429) and Retry-After; fixed windows",
            example: "quota?limit=10&window=1s&code=429&bucket=a",
            verdict: "whole, in the next window if need be; or failure (RFC 6585, section 4)",
            counts: true,
        },
        make: |p| {
            let (limit, code) = (p.number_or("limit", 10)?, p.status_or("code", 429)?);
            let window = p.time_or("window", Duration::from_secs(1))?;
            let bucket = p.text("bucket")?.map(Into::into);
            Ok(Act::Policy(Policy::Quota { limit, window, code, bucket }))
        },
        cases: &[
            Case::new("/fault/quota?limit=1", WHOLE_OR_FAIL),
            Case::new("/fault/quota?limit=0", &[Right::Fail]),
        ],
    },
    Entry {
        about: About {
            name: "rate-limit",
            does: "so many answers (10) a window (1s) that tell in RateLimit what is left, then 429",
            example: "rate-limit?limit=10&window=1s&bucket=a&form=item",
            verdict: "whole; who heeds it is never answered 429 (draft-ietf-httpapi-ratelimit-headers)",
            counts: true,
        },
        make: |p| {
            let limit = p.number_or("limit", 10)?;
            let window = p.time_or("window", Duration::from_secs(1))?;
            let bucket = p.text("bucket")?.map(Into::into);
            // One field with parameters; or one for each, as until draft 6.
            let old = p.one_of("form", &[("item", false), ("fields", true)])?;
            Ok(Act::Policy(Policy::RateLimit { limit, window, bucket, old }))
        },
        cases: &[Case::new("/fault/rate-limit?limit=1", WHOLE_OR_FAIL)],
    },
    Entry {
        about: About {
            name: "soft-404",
            does: "a page that says not found, with 200",
            example: "soft-404",
            verdict: "the page as it is: no client can know (RFC 9110, section 15.3.1)",
            counts: false,
        },
        make: |_| Ok(Act::Policy(Policy::SoftNotFound)),
        cases: &[Case::new("/fault/soft-404", &[Right::Bytes(|| NOT_FOUND.into())])],
    },
    Entry {
        about: About {
            name: "login",
            does: "a redirect to a login page, and that page with 200",
            example: "login",
            verdict: "the page as it is, or failure where redirects are not followed",
            counts: false,
        },
        make: |p| {
            let page = p.one_of("page", &[("no", false), ("yes", true)])?;
            Ok(Act::Policy(Policy::Login { page }))
        },
        cases: &[Case::new("/fault/login", &[Right::Bytes(|| LOGIN.into()), Right::Fail])],
    },
    Entry {
        about: About {
            name: "headers",
            does: "the request's header lines as they came",
            example: "headers",
            verdict: "whole",
            counts: false,
        },
        make: |_| Ok(Act::Policy(Policy::Headers)),
        cases: &[],
    },
];

const NOT_FOUND: &str = "<!doctype html>\n<title>Not found</title>\n<p>Nothing is here.\n";
const LOGIN: &str = "<!doctype html>\n<title>Log in</title>\n<form><input name=user></form>\n";
/// The last second that an HTTP date can say: the end of the year 9999.
const LAST: i64 = 253_402_300_799;

fn again(p: &mut Params<'_>) -> Result<Again, Wrong> {
    match (p.line("retry-after")?, p.signed("retry-date")?) {
        (None, None) => Ok(Again::Unsaid),
        (Some(text), None) => Ok(Again::Text(text.into())),
        (None, Some(seconds)) => Ok(Again::Date(seconds)),
        (Some(_), Some(_)) => Err(Wrong::new("there is one Retry-After: text or a date")),
    }
}

impl Policy {
    pub(super) async fn act(&self, ex: &mut Exchange<'_>) -> Answered {
        match self {
            Self::Status { code, again } => give(ex, *code, again).await,
            Self::Flaky { fail, code, again } => {
                if u64::from(ex.attempt) <= *fail {
                    give(ex, *code, again).await
                } else {
                    ex.rest().await
                }
            }
            Self::Quota { limit, window, code, bucket } => {
                let key = bucket_of(bucket.as_deref(), ex.rule, *limit, *window);
                match take(ex, key, (*limit, *window)) {
                    Ok(_) => ex.rest().await,
                    Err(rest) => {
                        let seconds = rest.as_nanos().div_ceil(1_000_000_000).max(1);
                        give(ex, *code, &Again::Text(seconds.to_string())).await
                    }
                }
            }
            Self::RateLimit { limit, window, bucket, old } => {
                let key = bucket_of(bucket.as_deref(), ex.rule, *limit, *window);
                rate_limit(ex, key, (*limit, *window), *old).await
            }
            Self::SoftNotFound => html(ex, NOT_FOUND).await,
            Self::Login { page: false } => {
                ex.head(302).header("Location", "/fault/login?page=yes");
                ex.end_text("log in first").await
            }
            Self::Login { page: true } => html(ex, LOGIN).await,
            Self::Headers => {
                let lines = ex.request.headers;
                let length = lines.len() as u64;
                ex.head(200).header("Content-Type", "text/plain").length(length).end_head();
                ex.body(lines).await?;
                ex.flush().await
            }
        }
    }
}

/// An answer that tells what its bucket has left.
async fn rate_limit(
    ex: &mut Exchange<'_>,
    key: u64,
    (limit, window): (u64, Duration),
    old: bool,
) -> Answered {
    let taken = take(ex, key, (limit, window));
    let (left, until) = taken.unwrap_or_else(|until| (0, until));
    let reset = until.as_nanos().div_ceil(1_000_000_000).max(1);
    let (kind, length) = (ex.content.kind, ex.content.length());
    ex.head(if taken.is_ok() { 200 } else { 429 });
    if old {
        ex.header("RateLimit-Limit", limit).header("RateLimit-Remaining", left);
        ex.header("RateLimit-Reset", reset);
    } else {
        let seconds = window.as_secs().max(1);
        ex.header("RateLimit-Policy", format_args!("\"default\";q={limit};w={seconds}"));
        ex.header("RateLimit", format_args!("\"default\";r={left};t={reset}"));
    }
    if taken.is_err() {
        return ex.end_text("too many").await;
    }
    ex.header("Content-Type", kind).length(length).end_head();
    ex.part(0, length).await?;
    ex.flush().await
}

async fn give(ex: &mut Exchange<'_>, code: u16, again: &Again) -> Answered {
    if code == 408 {
        // The server is about to close (RFC 9110, section 15.5.9).
        ex.end = End::Close;
    }
    ex.head(code);
    match again {
        Again::Unsaid => {}
        Again::Text(text) => drop(ex.header("Retry-After", text)),
        Again::Date(seconds) => drop(ex.header("Retry-After", date(*seconds))),
    }
    match code {
        401 => drop(ex.header("WWW-Authenticate", "Basic realm=\"rehearsal\"")),
        407 => drop(ex.header("Proxy-Authenticate", "Basic realm=\"rehearsal\"")),
        _ => {}
    }
    ex.end_text(said(code).trim_end()).await
}

fn said(code: u16) -> String {
    format!("{code} {}", reason(code))
}

/// The page of a status.
fn page(code: u16) -> Vec<u8> {
    format!("{}\n", said(code).trim_end()).into()
}

async fn html(ex: &mut Exchange<'_>, page: &str) -> Answered {
    ex.head(200).header("Content-Type", "text/html; charset=utf-8");
    ex.length(page.len() as u64).end_head();
    ex.body(page.as_bytes()).await?;
    ex.flush().await
}

/// A date not before `seconds` from now, within what a date can say. Dates have whole seconds, so it may
/// be up to a second later.
fn date(seconds: i64) -> httpdate::HttpDate {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let now = i64::try_from(now.as_nanos().div_ceil(1_000_000_000)).unwrap_or(LAST);
    let then = now.saturating_add(seconds).clamp(0, LAST);
    (UNIX_EPOCH + Duration::from_secs(then.unsigned_abs())).into()
}

/// With a name, all who use it share a bucket; without, all requests under one rule, or all by URL. A
/// bucket of another limit or window is another.
fn bucket_of(name: Option<&str>, rule: Option<usize>, limit: u64, window: Duration) -> u64 {
    let rule = if name.is_some() { 0 } else { rule.unwrap_or(0) };
    let (limit, window) = (limit.to_le_bytes(), window.as_nanos().to_le_bytes());
    let named = [u8::from(name.is_some())];
    let name = name.unwrap_or_default().as_bytes();
    hash(0, &[&named, name, &rule.to_le_bytes(), &limit, &window])
}

fn take(ex: &Exchange<'_>, key: u64, quota: (u64, Duration)) -> Result<(u64, Duration), Duration> {
    let now = ex.shared.started.elapsed();
    ex.shared.quotas.lock().unwrap_or_else(PoisonError::into_inner).take(key, quota, now)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_within_what_can_be_said() {
        let at = |seconds| SystemTime::from(date(seconds));
        let ahead = at(100).duration_since(SystemTime::now()).unwrap();
        assert!((98..=101).contains(&ahead.as_secs()), "{ahead:?}");
        assert!(at(-100) < SystemTime::now());
        assert_eq!(date(-(1 << 40)).to_string(), "Thu, 01 Jan 1970 00:00:00 GMT");
        assert_eq!(date(1 << 40).to_string(), "Fri, 31 Dec 9999 23:59:59 GMT");
    }

    #[test]
    fn who_shares_a_bucket() {
        let second = Duration::from_secs(1);
        let bucket = |name, rule| bucket_of(name, rule, 10, second);
        assert_eq!(bucket(Some("a"), Some(1)), bucket(Some("a"), None));
        let all = [
            bucket(Some("a"), None),
            bucket(Some("b"), None),
            bucket(Some(""), None),
            bucket(None, None),
            bucket(None, Some(1)),
            bucket(None, Some(2)),
            bucket_of(None, None, 11, second),
            bucket_of(None, None, 10, second * 2),
        ];
        for (at, one) in all.iter().enumerate() {
            assert!(!all[..at].contains(one), "{at}");
        }
    }

    #[test]
    fn one_time_to_come_again() {
        let read = |query: &'static str| again(&mut Params::of(query));
        assert_eq!(read("retry-date=-5"), Ok(Again::Date(-5)));
        assert_eq!(read("retry-after=-5"), Ok(Again::Text("-5".into())));
        assert_eq!(read(""), Ok(Again::Unsaid));
        assert!(read("retry-after=1&retry-date=1").is_err());
        assert!(read("retry-date=soon").is_err());
    }
}
