//! What clients are judged by: something to ask for, and what a right client may make of it.

use crate::http::representation::USUAL;

/// One thing to ask for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Case {
    /// Path and query. `{other}` stands for another origin (`http://host:port`), `{secure}` for one with
    /// a good certificate.
    pub(crate) target: &'static str,
    /// What is between the client and the server.
    pub(crate) door: Door,
    /// `user:password@` in the URL, which no other origin may ever see.
    pub(crate) credentials: bool,
    /// What a right client may do, any of these.
    pub(crate) right: &'static [Right],
    /// What it may do where the fault is HTTP/2's and it spoke HTTP/1.1 throughout.
    pub(crate) unmet: &'static [Right],
}

/// The way in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Door {
    /// Plain http, and a server that accepts.
    Open,
    /// Plain http, and this connection fault for every connection.
    Connection(&'static str),
    /// https, with this certificate.
    Tls(crate::tls::Certificate),
    /// https, and this connection fault.
    TlsConnection(&'static str),
    /// https, and HTTP/2 for whoever offers it.
    Http2,
    /// The same, and this connection fault for whoever does.
    Http2Connection(&'static str),
}

/// What a right client may do.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Right {
    /// Report a failure.
    Fail,
    /// Save so many of the made bytes.
    Made(u64),
    /// Save so many zeros.
    Zeros(u64),
    /// Save exactly these bytes.
    Bytes(fn() -> Vec<u8>),
}

impl Door {
    /// Whether HTTP/2 is offered behind it.
    pub(crate) fn is_http2(self) -> bool {
        matches!(self, Self::Http2 | Self::Http2Connection(_))
    }
}

impl Case {
    pub(crate) const fn new(target: &'static str, right: &'static [Right]) -> Self {
        Self { target, door: Door::Open, credentials: false, right, unmet: right }
    }

    pub(crate) const fn behind(self, door: Door) -> Self {
        Self { door, ..self }
    }

    /// Over HTTP/2; over HTTP/1.1 nothing is wrong, and the usual body comes.
    pub(crate) const fn over_two(target: &'static str, right: &'static [Right]) -> Self {
        let case = Self::new(target, right).behind(Door::Http2);
        Self { unmet: &[Right::Made(USUAL)], ..case }
    }

    /// What is right over HTTP/1.1.
    pub(crate) const fn unmet(self, unmet: &'static [Right]) -> Self {
        Self { unmet, ..self }
    }

    pub(crate) const fn with_credentials(self) -> Self {
        Self { credentials: true, ..self }
    }
}
