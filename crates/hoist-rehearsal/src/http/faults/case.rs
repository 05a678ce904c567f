//! What clients are judged by: something to ask for, and what a right client may make of it.

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

impl Case {
    pub(crate) const fn new(target: &'static str, right: &'static [Right]) -> Self {
        Self { target, door: Door::Open, credentials: false, right }
    }

    pub(crate) const fn behind(self, door: Door) -> Self {
        Self { door, ..self }
    }

    pub(crate) const fn with_credentials(self) -> Self {
        Self { credentials: true, ..self }
    }
}
