use http::HeaderMap;
use http::header::CONTENT_TYPE;

use super::answer::{Framing, content_type};
use crate::item::MediaRange;
use crate::outcome::{Failure, FailureKind};
use crate::plan::RequestPlan;

/// Which bodies are taken: their type, and their size.
#[derive(Debug)]
pub(super) struct Acceptance {
    /// Empty: any.
    types: Vec<MediaRange>,
    /// In bytes.
    min: u64,
    max: u64,
}

/// What a body is that comes without a Content-Type (RFC 9110 §8.3). Nothing is guessed from the
/// body itself.
const UNTYPED: &[u8] = b"application/octet-stream";

impl Acceptance {
    pub(super) fn new(plan: &RequestPlan) -> Self {
        Self { types: plan.accept.clone(), min: plan.min_body, max: plan.max_body }
    }

    /// Whether the head of an answer rules its body out.
    pub(super) fn judge(&self, headers: &HeaderMap, framing: Framing) -> Result<(), Failure> {
        self.judge_type(headers)?;
        match framing {
            Framing::Length(promised) if promised > self.max => Err(self.too_large(promised)),
            Framing::Length(promised) => self.judge_whole(promised),
            Framing::Chunked | Framing::UntilClose => Ok(()),
        }
    }

    /// The same of a coded body: how long it is decoded is not known yet.
    pub(super) fn judge_coded(&self, headers: &HeaderMap, framing: Framing) -> Result<(), Failure> {
        self.judge_type(headers)?;
        match framing {
            Framing::Length(promised) => self.judge_part(promised),
            Framing::Chunked | Framing::UntilClose => Ok(()),
        }
    }

    /// Whether more bytes of a body may come, now that there are so many.
    pub(super) fn judge_part(&self, bytes: u64) -> Result<(), Failure> {
        if bytes > self.max { Err(self.too_large(bytes)) } else { Ok(()) }
    }

    /// Whether a body of so many bytes is large enough.
    pub(super) fn judge_whole(&self, bytes: u64) -> Result<(), Failure> {
        if bytes >= self.min {
            return Ok(());
        }
        let reason = format!("the body has {bytes} bytes; at least {} were asked for", self.min);
        Err(Failure::new(FailureKind::NotAcceptable, reason))
    }

    fn judge_type(&self, headers: &HeaderMap) -> Result<(), Failure> {
        if self.types.is_empty() {
            return Ok(());
        }
        let accepts = |value: &[u8]| self.types.iter().any(|range| range.contains(value));
        let mut several = headers.get_all(CONTENT_TYPE).iter().map(http::HeaderValue::as_bytes);
        // Who says two things is taken at neither word alone.
        let accepted = match several.next() {
            None => accepts(UNTYPED),
            Some(first) => accepts(first) && several.all(accepts),
        };
        if accepted {
            return Ok(());
        }
        let is = match content_type(headers) {
            Some(given) => format!("is {given:?}"),
            None => "has no Content-Type".to_owned(),
        };
        let wanted: Vec<String> = self.types.iter().map(ToString::to_string).collect();
        let reason = format!("the answer {is}; {} was asked for", wanted.join(" or "));
        Err(Failure::new(FailureKind::NotAcceptable, reason))
    }

    fn too_large(&self, bytes: u64) -> Failure {
        let reason = format!("the body has {bytes} bytes or more; {} are allowed", self.max);
        Failure::new(FailureKind::TooLarge, reason)
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn accepts(ranges: &[&str], types: &[&'static str]) -> bool {
        let accept = ranges.iter().map(|range| range.parse().unwrap()).collect();
        let plan = RequestPlan { accept, ..RequestPlan::default() };
        let mut headers = HeaderMap::new();
        for value in types {
            headers.append(CONTENT_TYPE, HeaderValue::from_static(value));
        }
        Acceptance::new(&plan).judge(&headers, Framing::Chunked).is_ok()
    }

    #[test]
    fn an_untyped_body_is_a_stream_of_bytes() {
        for (ranges, untyped) in [
            (&["image/*"][..], false),
            (&["image/*", "application/octet-stream"], true),
            (&["application/*"], true),
            (&["*/*"], true),
            (&[], true),
        ] {
            assert_eq!(accepts(ranges, &[]), untyped, "{ranges:?}");
        }
    }

    #[test]
    fn one_range_must_hold_every_type_that_is_said() {
        let web = ["text/html", "image/*"];
        assert!(accepts(&web, &["image/png"]));
        assert!(accepts(&web, &["text/HTML; charset=x", "text/html"]));
        assert!(!accepts(&web, &["text/html", "text/plain"]));
        assert!(!accepts(&web, &["text/plain"]));
    }

    #[test]
    fn sizes_count_at_the_border() {
        let plan = RequestPlan { min_body: 10, max_body: 20, ..RequestPlan::default() };
        let acceptance = Acceptance::new(&plan);
        let kind = |result: Result<(), Failure>| result.map_err(|failure| failure.kind);
        for (bytes, expected) in [
            (0, Err(FailureKind::NotAcceptable)),
            (9, Err(FailureKind::NotAcceptable)),
            (10, Ok(())),
            (20, Ok(())),
            (21, Err(FailureKind::TooLarge)),
        ] {
            let promised = acceptance.judge(&HeaderMap::new(), Framing::Length(bytes));
            assert_eq!(kind(promised), expected, "{bytes}");
            let come = acceptance.judge_part(bytes).and_then(|()| acceptance.judge_whole(bytes));
            assert_eq!(kind(come), expected, "{bytes}");
        }
    }
}
