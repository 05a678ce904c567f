use std::time::{Duration, SystemTime};

use http::header::{CONTENT_LENGTH, CONTENT_TYPE, LOCATION, RETRY_AFTER, TRANSFER_ENCODING};
use http::response::Parts;
use http::{HeaderMap, StatusCode, Version};

use crate::outcome::{Failure, FailureKind};

/// What the head of an answer says about its body (RFC 9112 §6.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Framing {
    /// So many bytes.
    Length(u64),
    /// Chunks, the last of which is marked; in HTTP/2 the frames of every body are (RFC 9113 §6.1).
    Chunked,
    /// Whatever comes until the connection ends.
    UntilClose,
}

impl Framing {
    /// hyper is lenient where a proxy in between may have read the same answer otherwise; we are
    /// not: length with transfer coding is refused (RFC 9112 §6.3, item 3). Unequal lengths have
    /// been refused by hyper.
    pub(super) fn of(parts: &Parts) -> Result<Self, Failure> {
        let malformed = |reason: &str| Failure::new(FailureKind::Malformed, reason);
        if parts.status == StatusCode::NO_CONTENT {
            return Ok(Self::Length(0));
        }
        let length = parts.headers.get(CONTENT_LENGTH);
        if let Some(coding) = parts.headers.get_all(TRANSFER_ENCODING).iter().next_back() {
            if length.is_some() {
                return Err(malformed("the answer has both Content-Length and Transfer-Encoding"));
            }
            let coding = coding.as_bytes().to_ascii_lowercase();
            let chunked = coding.rsplit(|byte| *byte == b',').next().map(<[u8]>::trim_ascii);
            return Ok(if chunked == Some(b"chunked") { Self::Chunked } else { Self::UntilClose });
        }
        let Some(length) = length else {
            let marked = parts.version == Version::HTTP_2;
            return Ok(if marked { Self::Chunked } else { Self::UntilClose });
        };
        // "5, 5" is one length said twice (RFC 9110 §8.6).
        let parsed =
            length.to_str().ok().and_then(|text| text.split(',').next()?.trim().parse().ok());
        parsed.map(Self::Length).ok_or_else(|| malformed("the Content-Length is no number"))
    }
}

/// What an answer means for its item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Meaning {
    /// The body is wanted.
    Body,
    /// There is nothing.
    Nothing,
    /// It is elsewhere.
    Elsewhere(Vec<u8>),
    /// A failure; where the server says so, with the time after which to ask again.
    Failed(Failure, Option<Duration>),
}

impl Meaning {
    /// `now` is for Retry-After as a date.
    pub(super) fn of(parts: &Parts, now: SystemTime) -> Self {
        let status = parts.status;
        match status.as_u16() {
            // 206 would be a part of the whole, which nobody asked for.
            200..=205 | 207..=299 => Self::Body,
            404 | 410 => Self::Nothing,
            301 | 302 | 303 | 307 | 308 => match parts.headers.get(LOCATION) {
                Some(location) => Self::Elsewhere(location.as_bytes().to_owned()),
                None => Self::Failed(refusal(status, ", a redirect that leads nowhere"), None),
            },
            206 => Self::Failed(refusal(status, ", a part that was not asked for"), None),
            _ => Self::Failed(refusal(status, ""), retry_after(&parts.headers, now)),
        }
    }
}

fn refusal(status: StatusCode, more: &str) -> Failure {
    let reason = status.canonical_reason().unwrap_or("a status without a name");
    Failure::new(FailureKind::Status, format!("HTTP {} {reason}{more}", status.as_u16()))
}

/// Retry-After in seconds or as a date (RFC 9110 §10.2.3). A date that has passed means now.
pub(super) fn retry_after(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        // More seconds than a u64 holds are still a number.
        return Some(Duration::from_secs(text.parse().unwrap_or(u64::MAX)));
    }
    let at = httpdate::parse_http_date(text).ok()?;
    Some(at.duration_since(now).unwrap_or(Duration::ZERO))
}

/// Bytes of a Content-Type that are kept: an honest one is far shorter.
const MAX_CONTENT_TYPE: usize = 1_000;

/// The Content-Type, as it was sent.
pub(super) fn content_type(headers: &HeaderMap) -> Option<String> {
    let value = headers.get(CONTENT_TYPE)?;
    let kept = &value.as_bytes()[..value.len().min(MAX_CONTENT_TYPE)];
    Some(String::from_utf8_lossy(kept).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(status: u16, fields: &[(&'static str, &'static str)]) -> Parts {
        let mut builder = http::Response::builder().status(status);
        for (name, value) in fields {
            builder = builder.header(*name, *value);
        }
        builder.body(()).unwrap().into_parts().0
    }

    #[test]
    fn a_body_has_one_framing() {
        let framing = |fields| Framing::of(&parts(200, fields)).map_err(|failure| failure.kind);
        assert_eq!(framing(&[("content-length", "5")]), Ok(Framing::Length(5)));
        assert_eq!(framing(&[("content-length", "5, 5")]), Ok(Framing::Length(5)));
        assert_eq!(framing(&[("transfer-encoding", "gzip, Chunked")]), Ok(Framing::Chunked));
        assert_eq!(framing(&[("transfer-encoding", "gzip")]), Ok(Framing::UntilClose));
        assert_eq!(framing(&[]), Ok(Framing::UntilClose));
        let both = [("content-length", "5"), ("transfer-encoding", "chunked")];
        assert_eq!(framing(&both), Err(FailureKind::Malformed));
        assert_eq!(Framing::of(&parts(204, &[])), Ok(Framing::Length(0)));
    }

    #[test]
    fn retry_after_is_read_in_both_forms() {
        let now = httpdate::parse_http_date("Sun, 06 Nov 1994 08:49:37 GMT").unwrap();
        let wait = |value| match Meaning::of(&parts(503, &[("retry-after", value)]), now) {
            Meaning::Failed(failure, wait) => {
                assert_eq!(failure.reason, "HTTP 503 Service Unavailable");
                wait
            }
            other => panic!("{other:?}"),
        };
        assert_eq!(wait("120"), Some(Duration::from_mins(2)));
        assert_eq!(wait("Sun, 06 Nov 1994 08:50:37 GMT"), Some(Duration::from_mins(1)));
        assert_eq!(wait("Sun, 06 Nov 1994 08:48:37 GMT"), Some(Duration::ZERO));
        assert_eq!(wait("99999999999999999999999"), Some(Duration::from_secs(u64::MAX)));
        assert_eq!(wait("soon"), None);
    }

    #[test]
    fn statuses_mean_what_they_say() {
        let meaning = |status| Meaning::of(&parts(status, &[]), SystemTime::now());
        assert_eq!(meaning(200), Meaning::Body);
        assert_eq!(meaning(404), Meaning::Nothing);
        assert_eq!(meaning(410), Meaning::Nothing);
        for status in [206, 302, 304, 400, 418, 500] {
            assert!(matches!(meaning(status), Meaning::Failed(..)), "{status}");
        }
        let moved = Meaning::of(&parts(308, &[("location", "/x")]), SystemTime::now());
        assert_eq!(moved, Meaning::Elsewhere(b"/x".to_vec()));
    }
}
