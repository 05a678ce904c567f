use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use super::{Failure, FailureKind, Outcome, Timing};
use crate::item::{Hash, Position};
use crate::report::{Class, Tallied};

/// What became of a URL.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum GetVerdict {
    /// Its body was received whole and saved.
    Ok,
    /// The server says that there is nothing: 404 or 410.
    NotFound,
    /// It could not be had.
    Failed,
    /// The server asked for more patience than the deadline allows; it may be tried later.
    Deferred,
}

impl GetVerdict {
    /// The name in records.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::NotFound => "not_found",
            Self::Failed => "failed",
            Self::Deferred => "deferred",
        }
    }
}

/// The outcome of a URL.
///
/// It serializes to the JSON object of `hoist get --format jsonl`; fields are never renamed or
/// retyped.
#[derive(Debug, Clone)]
pub struct GetOutcome {
    /// The place of the URL in its list.
    pub position: Position,
    /// The URL as it was given, less any `user:password@`.
    pub url: String,
    /// Where redirects led, where they did.
    pub final_url: Option<String>,
    /// What became of it.
    pub verdict: GetVerdict,
    /// Why it is not ok. Set for `Failed` and `Deferred`.
    pub failure: Option<Failure>,
    /// The status of the last answer.
    pub status: Option<u16>,
    /// The bytes of the body that were received in the last attempt; of a body that was decoded
    /// ([`crate::plan::GetPlan::decode`]), those that were saved.
    pub bytes: u64,
    /// Where the body was saved. A shard is there once it is full, or the run complete.
    pub path: Option<PathBuf>,
    /// The Content-Type of the answer.
    pub content_type: Option<String>,
    /// The body had neither length nor chunks: its end is wherever the connection ended.
    pub unframed: bool,
    /// How many tries it took. A redirect is part of its try.
    pub attempts: u32,
    /// From the first attempt to the outcome.
    pub elapsed: Duration,
    /// When a deferred item may be tried again.
    pub retry_at: Option<SystemTime>,
    /// The CRC32C (RFC 3720 §12.1) of the body as it was saved, where a ledger is kept.
    pub crc32c: Option<u32>,
    /// What the body is called in the shard at `path`, where there are shards.
    pub member: Option<String>,
    /// The hash of the body as it was saved: the one that the plan asks for, else the one that the
    /// item promised.
    pub hash: Option<Hash>,
    /// Where the time of the last attempt went. Empty where there was none.
    pub timing: Timing,
}

impl GetOutcome {
    pub(crate) fn class(&self) -> Class {
        match self.verdict {
            GetVerdict::Ok => Class::Ok,
            GetVerdict::NotFound => Class::NotFound,
            GetVerdict::Failed => Class::Failed,
            GetVerdict::Deferred => Class::Deferred,
        }
    }

    /// Scheme, host and port that failed; none where nothing did, or the line was no URL.
    pub(crate) fn origin(&self) -> Option<&str> {
        let kind = self.failure.as_ref()?.kind;
        let url = self.final_url.as_deref().unwrap_or(&self.url);
        (kind != FailureKind::BadInput).then(|| origin_of(url))
    }
}

/// Scheme, host and port of a URL, as text.
pub(crate) fn origin_of(url: &str) -> &str {
    let host = url.find("//").map_or(0, |at| at + 2);
    let end = url[host..].find(['/', '?', '#']).map_or(url.len(), |at| host + at);
    &url[..end]
}

impl Outcome for GetOutcome {
    fn position(&self) -> Position {
        self.position
    }

    fn tally(&self) -> Tallied<'_> {
        Tallied {
            class: self.class(),
            kind: self.failure.as_ref().map(|failure| failure.kind),
            status: self.status,
            origin: self.origin(),
            bytes: self.bytes,
            attempts: self.attempts,
        }
    }

    fn weight(&self) -> usize {
        let text = |text: &Option<String>| text.as_ref().map_or(0, String::len);
        size_of::<Self>()
            + self.url.len()
            + text(&self.final_url)
            + text(&self.content_type)
            + text(&self.member)
            + self.path.as_ref().map_or(0, |path| path.as_os_str().len())
            + self.failure.as_ref().map_or(0, |failure| failure.reason.len())
    }
}

impl Serialize for GetOutcome {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("index", &self.position)?;
        map.serialize_entry("url", &self.url)?;
        map.serialize_entry("final_url", &self.final_url)?;
        map.serialize_entry("outcome", self.verdict.name())?;
        map.serialize_entry("kind", &self.failure.as_ref().map(|f| f.kind))?;
        map.serialize_entry("reason", &self.failure.as_ref().map(|f| &f.reason))?;
        map.serialize_entry("status", &self.status)?;
        map.serialize_entry("bytes", &self.bytes)?;
        map.serialize_entry("path", &self.path.as_ref().map(|p| p.to_string_lossy()))?;
        map.serialize_entry("content_type", &self.content_type)?;
        if self.unframed {
            map.serialize_entry("unframed", &true)?;
        }
        map.serialize_entry("attempts", &self.attempts)?;
        map.serialize_entry("ms", &super::milliseconds(self.elapsed))?;
        if let Some(at) = self.retry_at {
            // Not before: what is left of a second counts as one, as in the ledger.
            let since = at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
            let seconds = since.as_secs() + u64::from(since.subsec_millis() > 0);
            map.serialize_entry("retry_at", &seconds)?;
        }
        if let Some(crc) = self.crc32c {
            map.serialize_entry("crc32c", &format_args!("{crc:08x}"))?;
        }
        if let Some(member) = &self.member {
            map.serialize_entry("member", member)?;
        }
        if let Some(hash) = &self.hash {
            map.serialize_entry("hash", &format_args!("{hash}"))?;
        }
        if !self.timing.is_empty() {
            map.serialize_entry("timing", &self.timing)?;
        }
        map.end()
    }
}
