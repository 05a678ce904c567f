/// Which versions of HTTP are spoken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum HttpVersions {
    /// Over TLS, HTTP/2 where the server can (ALPN, RFC 7301), else HTTP/1.1. In cleartext HTTP/1.1.
    #[default]
    Negotiated,
    /// HTTP/1.1 alone.
    Http1,
    /// HTTP/2 without asking, in cleartext too (RFC 9113 §3.3).
    Http2PriorKnowledge,
}

impl HttpVersions {
    /// Whether a connection can turn out to be one of HTTP/2.
    pub(crate) fn may_be_http2(self, secure: bool) -> bool {
        match self {
            Self::Negotiated => secure,
            Self::Http1 => false,
            Self::Http2PriorKnowledge => true,
        }
    }
}
