//! What every fault is called, what it does, and what a right client may make of it.

use std::fmt;

use crate::{dns, http};

/// One fault, as `hoist rehearse --list` shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct About {
    /// As it is written in a scenario, and in a URL behind `/fault/`.
    pub name: &'static str,
    /// What it does, in one line.
    pub does: &'static str,
    /// One way of writing it.
    pub example: &'static str,
    /// What a right client may report, and where that is written.
    pub verdict: &'static str,
    /// Whether it remembers earlier requests. Such a fault depends on the order of arrival; all
    /// others are a function of seed, request and attempt.
    pub counts: bool,
}

/// Every fault there is, in the order of a request's life; DNS last.
pub fn catalogue() -> impl Iterator<Item = (Family, &'static About)> {
    let http = http::catalogue();
    let mut all: Vec<_> = http.chain(dns::catalogue().map(|about| (Family::Dns, about))).collect();
    all.sort_by_key(|(family, _)| *family);
    all.into_iter()
}

/// Where a fault belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Family {
    /// Before the first byte of a request: a connection's beginning.
    Connect,
    /// TLS, its certificates and its end.
    Tls,
    /// What a server's load does to all of its answers.
    Load,
    /// Status line and headers.
    Head,
    /// Where a body ends.
    Body,
    /// Answers that come late or slowly.
    Pace,
    /// Content-Encoding.
    Coding,
    /// Redirects.
    Redirect,
    /// Statuses, quotas, and pages that are not what they say.
    Policy,
    /// Ranges: going on where a body broke off.
    Resume,
    /// Connections that are used again.
    Pool,
    /// HTTP/2: its frames, streams and windows.
    Http2,
    /// DNS.
    Dns,
}

impl Family {
    /// All of them, in the order of a request's life.
    pub const ALL: [Self; 13] = [
        Self::Connect,
        Self::Tls,
        Self::Load,
        Self::Head,
        Self::Body,
        Self::Pace,
        Self::Coding,
        Self::Redirect,
        Self::Policy,
        Self::Resume,
        Self::Pool,
        Self::Http2,
        Self::Dns,
    ];

    /// As it is written: `connect`, `tls` ...
    pub fn name(self) -> &'static str {
        match self {
            Self::Connect => "connect",
            Self::Tls => "tls",
            Self::Load => "load",
            Self::Head => "head",
            Self::Body => "body",
            Self::Pace => "pace",
            Self::Coding => "coding",
            Self::Redirect => "redirect",
            Self::Policy => "policy",
            Self::Resume => "resume",
            Self::Pool => "pool",
            Self::Http2 => "http2",
            Self::Dns => "dns",
        }
    }
}

impl fmt::Display for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}
