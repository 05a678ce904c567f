use std::fmt;
use std::str::FromStr;

use serde::{Serialize, Serializer};

/// The closed list of ways an item can fail. The names are public for good.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum FailureKind {
    /// The line is no URL or name that can be asked: syntax, encoding, length, scheme.
    BadInput,
    /// The name can't be a domain name (RFC 1035 §2.3.4, RFC 5890).
    BadName,
    /// The DNS says that the name does not exist, or that it has no address.
    NoSuchHost,
    /// No DNS server gave a usable answer.
    DnsFailed,
    /// The server refused the connection.
    ConnectRefused,
    /// The connection was not made in time.
    ConnectTimeout,
    /// The connection could not be made for another reason: no route, address not available.
    ConnectFailed,
    /// The TLS handshake failed, or the certificate was not accepted.
    Tls,
    /// The connection was reset, or closed before any byte of the answer.
    Reset,
    /// No head of an answer came in time.
    Timeout,
    /// The answer stopped coming.
    Stalled,
    /// The time allowed for all attempts was over.
    Deadline,
    /// The body ended before its promised end.
    Truncated,
    /// What came is not HTTP, or contradicts itself (RFC 9112 §6.3).
    Malformed,
    /// The body is larger than allowed.
    TooLarge,
    /// A redirect led back to where it came from.
    RedirectLoop,
    /// There were more redirects than allowed.
    TooManyRedirects,
    /// A redirect led to where it may not: https to http, or no http URL at all.
    RedirectRefused,
    /// The server answered with a status that is no success.
    Status,
    /// The answer is not of the kind or size that was asked for.
    NotAcceptable,
    /// The body does not have the hash that was promised.
    HashMismatch,
    /// The origin failed so often that it was not asked again.
    OriginDown,
    /// The origin's robots.txt does not allow it, and the plan wants that heeded (RFC 9309).
    Disallowed,
}

impl FailureKind {
    /// Every kind, in the order of a request's life.
    pub const ALL: [Self; 23] = [
        Self::BadInput,
        Self::BadName,
        Self::NoSuchHost,
        Self::DnsFailed,
        Self::ConnectRefused,
        Self::ConnectTimeout,
        Self::ConnectFailed,
        Self::Tls,
        Self::Reset,
        Self::Timeout,
        Self::Stalled,
        Self::Deadline,
        Self::Truncated,
        Self::Malformed,
        Self::TooLarge,
        Self::RedirectLoop,
        Self::TooManyRedirects,
        Self::RedirectRefused,
        Self::Status,
        Self::NotAcceptable,
        Self::HashMismatch,
        Self::OriginDown,
        Self::Disallowed,
    ];

    /// The name in records and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::BadInput => "bad_input",
            Self::BadName => "bad_name",
            Self::NoSuchHost => "no_such_host",
            Self::DnsFailed => "dns_failed",
            Self::ConnectRefused => "connect_refused",
            Self::ConnectTimeout => "connect_timeout",
            Self::ConnectFailed => "connect_failed",
            Self::Tls => "tls",
            Self::Reset => "reset",
            Self::Timeout => "timeout",
            Self::Stalled => "stalled",
            Self::Deadline => "deadline",
            Self::Truncated => "truncated",
            Self::Malformed => "malformed",
            Self::TooLarge => "too_large",
            Self::RedirectLoop => "redirect_loop",
            Self::TooManyRedirects => "too_many_redirects",
            Self::RedirectRefused => "redirect_refused",
            Self::Status => "status",
            Self::NotAcceptable => "not_acceptable",
            Self::HashMismatch => "hash_mismatch",
            Self::OriginDown => "origin_down",
            Self::Disallowed => "disallowed",
        }
    }

    /// Whether another try can help. `status` counts the HTTP status of the answer: of all the
    /// statuses only 408, 429, 500, 502, 503 and 504 are worth another try.
    pub fn may_retry(self, status: Option<u16>) -> bool {
        match self {
            Self::DnsFailed
            | Self::ConnectRefused
            | Self::ConnectTimeout
            | Self::ConnectFailed
            | Self::Reset
            | Self::Timeout
            | Self::Stalled
            | Self::Truncated => true,
            Self::Status => matches!(status, Some(408 | 429 | 500 | 502 | 503 | 504)),
            Self::BadInput
            | Self::BadName
            | Self::NoSuchHost
            | Self::Tls
            | Self::Deadline
            | Self::Malformed
            | Self::TooLarge
            | Self::RedirectLoop
            | Self::TooManyRedirects
            | Self::RedirectRefused
            | Self::NotAcceptable
            | Self::HashMismatch
            | Self::OriginDown
            | Self::Disallowed => false,
        }
    }
}

impl fmt::Display for FailureKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl Serialize for FailureKind {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

/// The word is the name of no failure kind.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no failure kind is called {0:?}")]
pub struct UnknownKind(pub String);

impl FromStr for FailureKind {
    type Err = UnknownKind;

    fn from_str(word: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|kind| kind.name() == word)
            .ok_or_else(|| UnknownKind(word.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_is_found_by_its_name() {
        for kind in FailureKind::ALL {
            assert_eq!(kind.name().parse(), Ok(kind));
        }
        assert!("toast".parse::<FailureKind>().is_err());
    }

    #[test]
    fn of_the_statuses_only_the_passing_ones_are_tried_again() {
        let again: Vec<u16> =
            (100..600).filter(|s| FailureKind::Status.may_retry(Some(*s))).collect();
        assert_eq!(again, [408, 429, 500, 502, 503, 504]);
    }
}
