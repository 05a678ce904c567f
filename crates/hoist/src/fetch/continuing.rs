//! Going on with a body where another try, or another run, left it.

use http::header::{CONTENT_TYPE, IF_RANGE, RANGE};
use http::response::Parts;
use http::{HeaderMap, HeaderValue};

use super::answer::Framing;
use super::attempt::Attempt;
use super::fetcher::Fetcher;
use super::patience::Watch;
use super::ranges::{self, Rest};
use crate::outcome::{Failure, FailureKind};
use crate::sink::{Kept, Source};

/// What an attempt knows of its body so far.
#[derive(Debug, Default)]
pub(super) struct Going {
    /// Open at the writer, and not yet gone on with.
    kept: Option<Kept>,
    /// Of the request.
    fields: Option<[HeaderValue; 2]>,
    /// Bytes of the body that are not of this attempt.
    pub(super) before: u64,
    /// All bytes of a body that came in pieces.
    pub(super) whole: Option<u64>,
    /// Something of the body may wait at the writer when the attempt is over.
    pub(super) partial: bool,
}

impl Going {
    /// Finds what was left, where something may be. Its bytes are read again on a writer thread,
    /// where they are checked and hashed.
    pub(super) async fn open(
        attempt: &Attempt,
        fetcher: &Fetcher,
        watch: &mut Watch,
    ) -> Result<Self, Failure> {
        let asked = ranges::asked(&attempt.target.url, attempt.url(), fetcher.split > 1);
        let wanted = Box::new(attempt.wanted(fetcher, None, &HeaderMap::new(), None));
        let opening = fetcher.handover.open(attempt.ticket, wanted, asked);
        let opened = tokio::time::timeout_at(watch.deadline().into(), opening).await;
        let Ok(kept) = opened else {
            fetcher.handover.suspend(attempt.ticket).await;
            watch.excuse();
            return Err(watch.deadline_failure("what was there of the body was being read"));
        };
        let fields = kept.as_ref().and_then(|kept| ranges::fields(&kept.source, kept.bytes, None));
        Ok(Self { kept, fields, partial: true, ..Self::default() })
    }

    /// For a piece of a body.
    pub(super) fn piece(source: &Source, (from, to): (u64, u64)) -> Self {
        Self { fields: ranges::fields(source, from, Some(to)), ..Self::default() }
    }

    /// Asks for the rest, where there is a part.
    pub(super) fn ask(&self, fields: &mut HeaderMap) {
        if let Some([range, validator]) = &self.fields {
            fields.insert(RANGE, range.clone());
            fields.insert(IF_RANGE, validator.clone());
        }
    }

    /// What the answer is to that. What it need not say again of the body is added.
    pub(super) fn judge(&self, parts: &mut Parts, framing: Framing) -> Rest {
        let Some(kept) = &self.kept else { return Rest::Other };
        let rest = ranges::rest(parts, framing, kept);
        // What is between other bytes is not all of the rest.
        if matches!(rest, Rest::Next { last: false, .. }) && kept.is_scattered() {
            return Rest::Over;
        }
        if let (Rest::Next { .. }, Some(known)) = (rest, &kept.source.content_type)
            && !parts.headers.contains_key(CONTENT_TYPE)
            && let Ok(known) = HeaderValue::try_from(known)
        {
            parts.headers.insert(CONTENT_TYPE, known);
        }
        rest
    }

    /// How long the whole body is, where that is known.
    pub(super) fn length(&self) -> Option<u64> {
        self.kept.as_ref().and_then(|kept| kept.source.length)
    }

    /// What comes next is appended to this.
    pub(super) fn go_on(&mut self) -> Option<Kept> {
        let kept = self.kept.take()?;
        self.before = kept.runs.iter().map(|(from, to)| to - from).sum();
        Some(kept)
    }

    /// What was kept is not what is there now.
    pub(super) async fn start_over(&mut self, attempt: &Attempt, fetcher: &Fetcher) {
        self.fields = None;
        if self.kept.take().is_some() {
            fetcher.handover.discard(attempt.ticket).await;
        }
    }

    /// The attempt is over.
    pub(super) async fn end(&mut self, attempt: &Attempt, fetcher: &Fetcher) {
        if self.kept.take().is_some() {
            fetcher.handover.suspend(attempt.ticket).await;
        }
    }
}

impl Attempt {
    /// What the body of this answer is a part of, should it break off.
    pub(super) fn source(
        &self,
        fetcher: &Fetcher,
        parts: &Parts,
        framing: Framing,
    ) -> Option<Box<Source>> {
        if !fetcher.continues {
            return None;
        }
        let asked = ranges::asked(&self.target.url, self.url(), false);
        ranges::source(parts, framing, asked).map(Box::new)
    }
}

/// Whether the bytes that came before such a failure are good ones, and others may come after it.
pub(super) fn leaves_a_part(kind: FailureKind) -> bool {
    matches!(
        kind,
        FailureKind::Truncated
            | FailureKind::Stalled
            | FailureKind::Deadline
            | FailureKind::Reset
            | FailureKind::Timeout
    )
}
