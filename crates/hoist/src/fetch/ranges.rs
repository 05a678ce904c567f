//! Whether a body can be gone on with, and whether an answer is the rest of it (RFC 9110 §13.1.5, §14,
//! §15.3.7). Pure. On doubt it is not: then the body starts over.

use std::time::Duration;

use http::header::{
    CONTENT_ENCODING, CONTENT_RANGE, CONTENT_TYPE, DATE, ETAG, HeaderName, LAST_MODIFIED,
};
use http::response::Parts;
use http::{HeaderMap, HeaderValue, StatusCode};
use url::{Position, Url};

use super::answer::{Framing, content_type};
use crate::sink::{Asked, Kept, Source, Validator};

/// Between a Last-Modified and the Date beside it: then the one is strong, though the two may be of
/// different clocks. RFC 9110 §8.8.2.2 wants a second where they are known to be of one; RFC 9111's
/// forerunners said a minute.
const CLOCKS: Duration = Duration::from_mins(1);

/// Bytes of a validator that is kept: an honest one is far shorter.
const LONGEST: usize = 1_000;

/// Where a part comes from, as far as its next request can tell.
pub(super) fn asked(item: &Url, now: &Url, scattered: bool) -> Asked {
    let from = now[..Position::AfterPath].to_owned();
    Asked { url: item.as_str().to_owned(), from, scattered }
}

/// What the body of this answer is a part of, if it breaks off. None where the rest of it could not
/// be told from the rest of another.
pub(super) fn source(parts: &Parts, framing: Framing, asked: Asked) -> Option<Source> {
    if parts.status != StatusCode::OK {
        return None;
    }
    let length = match framing {
        Framing::Length(length) => Some(length),
        Framing::Chunked => None,
        // That it broke off would not be noticed.
        Framing::UntilClose => return None,
    };
    let coding = one(&parts.headers, &CONTENT_ENCODING).ok()?.map(str::to_owned);
    let validator = strong(&parts.headers)?;
    let Asked { url, from, .. } = asked;
    let content_type = content_type(&parts.headers);
    Some(Source { url, from, validator, length, content_type, coding })
}

/// A strong validator, if there is one: an entity tag that is not weak, else a date.
fn strong(headers: &HeaderMap) -> Option<Validator> {
    if let Some(tag) = one(headers, &ETAG).ok()? {
        return is_strong_tag(tag).then(|| Validator::Etag(tag.to_owned()));
    }
    let modified = one(headers, &LAST_MODIFIED).ok()??;
    let date = httpdate::parse_http_date(one(headers, &DATE).ok()??).ok()?;
    let age = date.duration_since(httpdate::parse_http_date(modified).ok()?).ok()?;
    (age >= CLOCKS).then(|| Validator::Modified(modified.to_owned()))
}

/// In the form of RFC 9110 §8.8.3.
fn is_strong_tag(tag: &str) -> bool {
    let opaque = tag.strip_prefix('"').and_then(|tag| tag.strip_suffix('"'));
    opaque.is_some_and(|opaque| opaque.bytes().all(|byte| byte > b' ' && byte != b'"'))
}

/// A field that stands there several times, or that nobody should send.
struct Unfit;

/// The value of a field that stands there once at most.
fn one<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<Option<&'a str>, Unfit> {
    let mut all = headers.get_all(name).iter();
    let Some(first) = all.next() else { return Ok(None) };
    if all.next().is_some() || first.len() > LONGEST {
        return Err(Unfit);
    }
    first.to_str().map(|text| Some(text.trim())).map_err(|_| Unfit)
}

/// What is sent for a part of a body, or for the rest of it: `Range` and `If-Range`.
pub(super) fn fields(source: &Source, from: u64, to: Option<u64>) -> Option<[HeaderValue; 2]> {
    let last = to.map(|to| (to - 1).to_string()).unwrap_or_default();
    let range = HeaderValue::try_from(format!("bytes={from}-{last}")).ok()?;
    let (Validator::Etag(validator) | Validator::Modified(validator)) = &source.validator;
    Some([range, HeaderValue::try_from(validator).ok()?])
}

/// What an answer is to a request for the rest of a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rest {
    /// The bytes that come next.
    Next {
        /// How many.
        bytes: u64,
        /// There are none behind them.
        last: bool,
    },
    /// Something else: the body starts over with a request for all of it.
    Over,
    /// No answer to the range: it means what it would mean without.
    Other,
}

/// Reads the head of an answer to a request for the rest of a body.
pub(super) fn rest(parts: &Parts, framing: Framing, kept: &Kept) -> Rest {
    match parts.status {
        StatusCode::PARTIAL_CONTENT => next(parts, framing, kept).unwrap_or(Rest::Over),
        // Also where it says that all is there already: that is said of a body whose validator it
        // does not say (§15.5.17), and a body is whole only when its server has said so.
        StatusCode::RANGE_NOT_SATISFIABLE => Rest::Over,
        _ => Rest::Other,
    }
}

fn next(parts: &Parts, framing: Framing, kept: &Kept) -> Option<Rest> {
    let [first, last, length] = part(parts, framing, &kept.source)?;
    let rest = Rest::Next { bytes: last - first + 1, last: last + 1 == length };
    (first == kept.bytes).then_some(rest)
}

/// Whether an answer is the piece that was asked for.
pub(super) fn is_piece(
    parts: &Parts,
    framing: Framing,
    source: &Source,
    (from, to): (u64, u64),
) -> bool {
    let is = |[first, last, _]: [u64; 3]| first == from && last + 1 == to;
    parts.status == StatusCode::PARTIAL_CONTENT && part(parts, framing, source).is_some_and(is)
}

/// First, last and complete length of a part, if it is one of that body.
fn part(parts: &Parts, framing: Framing, source: &Source) -> Option<[u64; 3]> {
    let headers = &parts.headers;
    let [first, last, length] = content_range(one(headers, &CONTENT_RANGE).ok()??)?;
    if source.length.is_some_and(|before| before != length) {
        return None;
    }
    let bytes = last - first + 1;
    if matches!(framing, Framing::Length(promised) if promised != bytes)
        || framing == Framing::UntilClose
    {
        return None;
    }
    let multipart = |value: &HeaderValue| {
        let value = value.as_bytes().trim_ascii_start();
        value.get(..10).is_some_and(|start| start.eq_ignore_ascii_case(b"multipart/"))
    };
    if headers.get_all(CONTENT_TYPE).iter().any(multipart) {
        return None;
    }
    let same = match &source.validator {
        Validator::Etag(tag) => one(headers, &ETAG).ok()?? == tag,
        Validator::Modified(date) => one(headers, &LAST_MODIFIED).ok()?? == date,
    };
    // A 206 need not repeat it (§15.3.7).
    let coding = one(headers, &CONTENT_ENCODING).ok()?;
    let coded_so = coding.is_none_or(|coding| Some(coding) == source.coding.as_deref());
    (same && coded_so).then_some([first, last, length])
}

/// First, last and complete length, all of them said (RFC 9110 §14.4).
fn content_range(text: &str) -> Option<[u64; 3]> {
    let (unit, range) = text.split_once(' ')?;
    if !unit.eq_ignore_ascii_case("bytes") {
        return None;
    }
    let (range, length) = range.trim_start().split_once('/')?;
    let (first, last) = range.split_once('-')?;
    let [first, last, length] = [number(first)?, number(last)?, number(length)?];
    (first <= last && last < length).then_some([first, last, length])
}

/// Digits alone: no sign.
fn number(text: &str) -> Option<u64> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: (&str, &str) = ("etag", "\"one\"");
    const DATED: (&str, &str) = ("date", "Thu, 01 Jan 2026 00:01:00 GMT");

    fn parts(status: u16, fields: &[(&'static str, &'static str)]) -> Parts {
        let mut builder = http::Response::builder().status(status);
        for (name, value) in fields {
            builder = builder.header(*name, *value);
        }
        builder.body(()).unwrap().into_parts().0
    }

    fn there() -> Asked {
        let item = Url::parse("http://a.example/go?x").unwrap();
        asked(&item, &Url::parse("http://b.example:8000/file?signed=1").unwrap(), false)
    }

    fn kept(bytes: u64, validator: Validator) -> Kept {
        let Asked { url, from, .. } = there();
        let length = Some(1000);
        let (content_type, coding) = (None, None);
        Kept {
            bytes,
            runs: vec![(0, bytes)],
            source: Source { url, from, validator, length, content_type, coding },
        }
    }

    fn tagged(bytes: u64) -> Kept {
        kept(bytes, Validator::Etag("\"one\"".to_owned()))
    }

    #[test]
    fn only_what_has_a_strong_validator_can_be_gone_on_with() {
        let found = |status, fields: &[(&'static str, &'static str)], framing| {
            source(&parts(status, fields), framing, there()).map(|source| source.validator)
        };
        let whole = Framing::Length(1000);
        let tag = |tag: &str| Some(Validator::Etag(tag.to_owned()));
        assert_eq!(found(200, &[ONE], whole), tag("\"one\""));
        assert_eq!(found(200, &[ONE], Framing::Chunked), tag("\"one\""));
        assert_eq!(found(200, &[("etag", "\"\"")], whole), tag("\"\""));
        assert_eq!(found(200, &[ONE], Framing::UntilClose), None);
        assert_eq!(found(203, &[ONE], whole), None);
        assert_eq!(found(200, &[], whole), None);
        for weak in ["W/\"one\"", "one", "\"", "\"a\"b\"", "\"a b\"", ""] {
            assert_eq!(found(200, &[("etag", weak)], whole), None, "{weak}");
        }
        assert_eq!(found(200, &[ONE, ("etag", "\"two\"")], whole), None);
        for (modified, strong) in [
            ("Thu, 01 Jan 2026 00:00:00 GMT", true),
            ("Thu, 01 Jan 2026 00:00:01 GMT", false),
            ("Thu, 01 Jan 2026 00:02:00 GMT", false),
            ("yesterday", false),
        ] {
            let modified = ("last-modified", modified);
            assert_eq!(found(200, &[modified, DATED], whole).is_some(), strong, "{modified:?}");
            assert_eq!(found(200, &[modified], whole), None);
            // A weak tag says that bytes may differ.
            assert_eq!(found(200, &[modified, DATED, ("etag", "W/\"x\"")], whole), None);
        }
    }

    #[test]
    fn a_part_is_known_by_where_it_came_from() {
        let Asked { url, from, .. } = there();
        assert_eq!(url, "http://a.example/go?x");
        assert_eq!(from, "http://b.example:8000/file");
        let [range, validator] = fields(&tagged(500).source, 500, None).unwrap();
        assert_eq!(
            (range.to_str().unwrap(), validator.to_str().unwrap()),
            ("bytes=500-", "\"one\"")
        );
        let [range, _] = fields(&tagged(500).source, 500, Some(600)).unwrap();
        assert_eq!(range.to_str().unwrap(), "bytes=500-599");
        // As a file that is no sidecar may say.
        let bad = kept(500, Validator::Etag("\"\r\n\"".to_owned()));
        assert!(fields(&bad.source, 500, None).is_none());
    }

    #[test]
    fn only_the_bytes_that_come_next_are_appended() {
        let judge = |fields: &[(&'static str, &'static str)], framing| {
            rest(&parts(206, fields), framing, &tagged(500))
        };
        let half = Framing::Length(500);
        let all = Rest::Next { bytes: 500, last: true };
        let fits = ("content-range", "bytes 500-999/1000");
        assert_eq!(judge(&[ONE, fits], half), all);
        assert_eq!(judge(&[ONE, fits], Framing::Chunked), all);
        assert_eq!(judge(&[ONE, fits, ("content-type", "text/plain")], half), all);
        let some = ("content-range", "Bytes 500-599/1000");
        let next = Rest::Next { bytes: 100, last: false };
        assert_eq!(judge(&[ONE, some], Framing::Length(100)), next);
        for wrong in [
            "bytes 501-999/1000",
            "bytes 499-999/1000",
            "bytes 0-999/1000",
            "bytes 500-999/999",
            "bytes 500-999/1001",
            "bytes 500-999/*",
            "bytes */1000",
            "bytes 500-1000/1000",
            "bytes 999-500/1000",
            "bytes +500-999/1000",
            "bytes 500-/1000",
            "bytes=500-999/1000",
            "500-999/1000",
            "lines 500-999/1000",
            "bytes 500-99999999999999999999/1000",
            "",
        ] {
            assert_eq!(judge(&[ONE, ("content-range", wrong)], half), Rest::Over, "{wrong}");
        }
        assert_eq!(judge(&[ONE], half), Rest::Over);
        assert_eq!(judge(&[ONE, fits, fits], half), Rest::Over);
        assert_eq!(judge(&[fits], half), Rest::Over);
        assert_eq!(judge(&[("etag", "\"two\""), fits], half), Rest::Over);
        assert_eq!(judge(&[("etag", "W/\"one\""), fits], half), Rest::Over);
        assert_eq!(judge(&[ONE, ONE, fits], half), Rest::Over);
        assert_eq!(judge(&[ONE, fits, ("content-encoding", "gzip")], half), Rest::Over);
        let multipart = ("content-type", " Multipart/byteranges; boundary=x");
        assert_eq!(judge(&[ONE, fits, multipart], half), Rest::Over);
        assert_eq!(judge(&[ONE, fits], Framing::Length(499)), Rest::Over);
        assert_eq!(judge(&[ONE, fits], Framing::UntilClose), Rest::Over);
    }

    #[test]
    fn a_piece_is_exactly_what_was_asked_for() {
        let is = |status, range| {
            let answer = parts(status, &[ONE, ("content-range", range)]);
            is_piece(&answer, Framing::Chunked, &tagged(0).source, (500, 600))
        };
        assert!(is(206, "bytes 500-599/1000"));
        for wrong in ["bytes 500-598/1000", "bytes 500-600/1000", "bytes 499-599/1000"] {
            assert!(!is(206, wrong), "{wrong}");
        }
        assert!(!is(206, "bytes 500-599/1001") && !is(200, "bytes 500-599/1000"));
    }

    #[test]
    fn the_date_and_the_coding_must_be_the_same_too() {
        let date = "Thu, 01 Jan 2026 00:00:00 GMT";
        let fits = ("content-range", "bytes 500-999/1000");
        let dated = kept(500, Validator::Modified(date.to_owned()));
        let judge = |fields: &[(&'static str, &'static str)], kept: &Kept| {
            rest(&parts(206, fields), Framing::Length(500), kept) != Rest::Over
        };
        assert!(judge(&[fits, ("last-modified", date)], &dated));
        assert!(!judge(&[fits, ("last-modified", "Fri, 02 Jan 2026 00:00:00 GMT")], &dated));
        assert!(!judge(&[fits, ONE], &dated));
        let mut coded = tagged(500);
        coded.source.coding = Some("gzip".to_owned());
        for (coding, same) in [("gzip", true), ("br", false), ("identity", false)] {
            assert_eq!(judge(&[fits, ONE, ("content-encoding", coding)], &coded), same);
        }
        assert!(judge(&[fits, ONE], &coded));
        // The length was not known before.
        let mut open = tagged(500);
        open.source.length = None;
        assert!(judge(&[fits, ONE], &open));
    }

    #[test]
    fn what_is_no_answer_to_the_range_means_what_it_means() {
        let judge = |status| rest(&parts(status, &[ONE]), Framing::Length(9), &tagged(500));
        for status in [200, 302, 404, 412, 503] {
            assert_eq!(judge(status), Rest::Other, "{status}");
        }
        let all = parts(416, &[("content-range", "bytes */500")]);
        assert_eq!(rest(&all, Framing::Length(0), &tagged(500)), Rest::Over);
    }
}
