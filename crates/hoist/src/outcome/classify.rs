//! The only place that reads the errors of other crates: each becomes a failure kind once, where
//! it arises, with a reason for people.

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::time::Duration;

use h2::Reason;

use super::{Failure, FailureKind};

/// A TCP connection could not be made.
pub(crate) fn connect(address: SocketAddr, error: &std::io::Error) -> Failure {
    match error.kind() {
        ErrorKind::ConnectionRefused => Failure::new(
            FailureKind::ConnectRefused,
            format!("{address} refused the connection: nothing listens there"),
        ),
        ErrorKind::TimedOut => {
            Failure::new(FailureKind::ConnectTimeout, format!("{address} did not answer"))
        }
        ErrorKind::ConnectionReset => Failure::new(
            FailureKind::Reset,
            format!("{address} reset the connection as it was made"),
        ),
        _ => Failure::new(
            FailureKind::ConnectFailed,
            format!("no connection to {address}: {}", plain(error)),
        ),
    }
}

/// The connection, with its name and its handshake, took too long.
pub(crate) fn connect_timeout(origin: &str, stage: &str, allowed: Duration) -> Failure {
    Failure::new(
        FailureKind::ConnectTimeout,
        format!("{origin}: {stage} took longer than {}", seconds(allowed)),
    )
}

/// A proxy was being told where to, and the connection to it broke. Who it was is said before this.
pub(crate) fn proxy(error: &std::io::Error) -> Failure {
    match error.kind() {
        ErrorKind::ConnectionReset | ErrorKind::UnexpectedEof | ErrorKind::BrokenPipe => {
            Failure::new(FailureKind::Reset, "it closed the connection while it was told where to")
        }
        _ => Failure::new(FailureKind::ConnectFailed, plain(error)),
    }
}

/// The TLS handshake failed.
pub(crate) fn tls(host: &str, error: &std::io::Error) -> Failure {
    let by_rustls =
        error.get_ref().is_some_and(<dyn std::error::Error + Send + Sync>::is::<rustls::Error>);
    match error.kind() {
        ErrorKind::ConnectionReset | ErrorKind::UnexpectedEof | ErrorKind::BrokenPipe
            if !by_rustls =>
        {
            let reason = format!("{host} closed the connection in the TLS handshake");
            Failure::new(FailureKind::Reset, reason)
        }
        _ => {
            let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
            let reason = match inner {
                Some(rustls::Error::InvalidCertificate(why)) => {
                    format!("{host} could not prove who it is: {}", certificate(why))
                }
                _ => format!("TLS with {host}: {error}"),
            };
            Failure::new(FailureKind::Tls, reason)
        }
    }
}

/// What is wrong with a certificate, and what helps.
fn certificate(why: &rustls::CertificateError) -> String {
    use rustls::CertificateError as Bad;
    let told = match why {
        Bad::Expired | Bad::ExpiredContext { .. } => "its certificate has expired",
        Bad::NotValidYet | Bad::NotValidYetContext { .. } => "its certificate is not valid yet",
        Bad::UnknownIssuer => {
            "its certificate is signed by nobody who is trusted; trust them with --cacert"
        }
        Bad::NotValidForName | Bad::NotValidForNameContext { .. } => {
            "its certificate is for another name"
        }
        Bad::BadSignature => "the signature of its certificate is false",
        Bad::Revoked => "its certificate was revoked",
        // webpki's words for a certificate that signed itself, as servers at home have.
        Bad::Other(_) => {
            return format!("its certificate is no server's ({why:?}); trust it with --cacert");
        }
        _ => return format!("{why:?}"),
    };
    told.to_owned()
}

/// What was seen of an answer when it failed.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Seen {
    /// No byte of it.
    Nothing,
    /// Some of its head.
    PartOfHead,
    /// Its head and some of its body.
    Body {
        /// Bytes of the body so far.
        received: u64,
        /// Bytes promised, where they were.
        promised: Option<u64>,
    },
}

/// An exchange over HTTP failed. `io` is the error of the connection below, where it had one.
pub(crate) fn http(error: &hyper::Error, io: Option<ErrorKind>, seen: Seen) -> Failure {
    let how = match io {
        Some(ErrorKind::ConnectionReset) => "the server reset the connection",
        Some(ErrorKind::UnexpectedEof) => "the server ended TLS without saying so",
        Some(_) => "the connection broke",
        None => "the server closed the connection",
    };
    match seen {
        Seen::Body { received, promised } => {
            if io.is_none() && error.is_parse() {
                return malformed(error);
            }
            if io.is_none() && !error.is_incomplete_message() && !is_eof(error) {
                return malformed(error);
            }
            let reason = match promised {
                Some(promised) => format!("{how} after {received} of {promised} bytes"),
                None => format!("{how} after {received} bytes, before the end"),
            };
            Failure::new(FailureKind::Truncated, reason)
        }
        _ if io.is_none() && error.is_parse() => malformed(error),
        Seen::PartOfHead => {
            let reason = format!("{how} in the middle of the answer's head");
            Failure::new(FailureKind::Reset, reason)
        }
        Seen::Nothing => Failure::new(FailureKind::Reset, format!("{how} before any answer")),
    }
}

/// What may be done about a request that got no answer, beside telling its failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Remedy {
    None,
    /// The server has not processed it: it may be sent again at once.
    Free,
    /// The same, if the connection had carried another request before.
    FreeIfReused,
    /// It may be sent again over HTTP/1.1.
    OverHttp1,
}

/// What may be done about a stream of HTTP/2 that ended before any answer (RFC 9113 §8.7).
pub(crate) fn http2_remedy(error: &h2::Error) -> Remedy {
    match error.reason() {
        Some(Reason::HTTP_1_1_REQUIRED) if error.is_remote() => Remedy::OverHttp1,
        Some(Reason::REFUSED_STREAM) if error.is_remote() => Remedy::Free,
        // The server asks for rest.
        Some(Reason::ENHANCE_YOUR_CALM) => Remedy::None,
        // Streams that a GOAWAY says are processed don't end with it.
        Some(_) if error.is_remote() && error.is_go_away() => Remedy::Free,
        None if error.is_io() => Remedy::FreeIfReused,
        _ => Remedy::None,
    }
}

/// A stream of HTTP/2 failed. `alone` says that no other stream can have been the one over which the
/// connection was ended.
pub(crate) fn http2(error: &h2::Error, alone: bool, seen: Seen) -> Failure {
    let code = error.reason().map(|reason| format!("{reason:?}")).unwrap_or_default();
    let ours = error.is_library();
    let how = match error.get_io().map(std::io::Error::kind) {
        Some(ErrorKind::ConnectionReset) => "the server reset the connection".to_owned(),
        Some(ErrorKind::BrokenPipe) => "the server closed the connection".to_owned(),
        Some(ErrorKind::UnexpectedEof) => "the server ended TLS without saying so".to_owned(),
        // Of what h2 does not look at.
        Some(ErrorKind::InvalidData) if error.get_io().is_some_and(|io| io.get_ref().is_some()) => {
            let wrong = error.get_io().map(ToString::to_string).unwrap_or_default();
            return Failure::new(FailureKind::Malformed, wrong);
        }
        Some(_) => "the connection broke".to_owned(),
        None if ours && error.is_go_away() => {
            format!("the connection was ended, because the server broke HTTP/2 ({code})")
        }
        None if error.is_go_away() => format!("the server ended the connection ({code})"),
        None => format!("the server reset the stream ({code})"),
    };
    let malformed = |what: &str| {
        Failure::new(FailureKind::Malformed, format!("{what} is not HTTP/2 ({code}): {error}"))
    };
    // Whose neighbour was malformed may be tried again.
    let to_blame = ours && (alone || error.is_reset());
    match seen {
        Seen::Body { received, promised: Some(promised) }
            if ours && error.is_reset() && received < promised =>
        {
            let reason = format!("the body does not have the {promised} bytes that were promised");
            Failure::new(FailureKind::Truncated, reason)
        }
        Seen::Body { received, promised } => {
            if to_blame {
                return malformed("the body");
            }
            let reason = match promised {
                Some(promised) => format!("{how} after {received} of {promised} bytes"),
                None => format!("{how} after {received} bytes, before the end"),
            };
            Failure::new(FailureKind::Truncated, reason)
        }
        _ if to_blame => malformed("the answer"),
        _ if !error.is_io() && error.reason().is_none() => {
            let reason = format!("the request can't be sent over HTTP/2: {error}");
            Failure::new(FailureKind::BadInput, reason)
        }
        Seen::PartOfHead | Seen::Nothing => {
            Failure::new(FailureKind::Reset, format!("{how} before any answer"))
        }
    }
}

fn malformed(error: &hyper::Error) -> Failure {
    let detail = std::error::Error::source(error).map(|source| format!(" ({source})"));
    let detail = detail.unwrap_or_default();
    Failure::new(FailureKind::Malformed, format!("the answer is not HTTP: {error}{detail}"))
}

/// Whether a chunked body ended before its last chunk.
fn is_eof(error: &hyper::Error) -> bool {
    std::error::Error::source(error)
        .and_then(|source| source.downcast_ref::<std::io::Error>())
        .is_some_and(|source| source.kind() == ErrorKind::UnexpectedEof)
}

/// The system's words without "(os error N)".
fn plain(error: &std::io::Error) -> String {
    let text = error.to_string();
    match text.find(" (os error") {
        Some(at) => text[..at].to_lowercase(),
        None => text,
    }
}

/// A duration for people: `3.1 s`.
pub(crate) fn seconds(duration: Duration) -> String {
    let seconds = (duration.as_secs_f64() * 1000.0).round() / 1000.0;
    format!("{seconds} s")
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    #[test]
    fn connections_that_fail_say_how() {
        let address: SocketAddr = "127.0.0.1:9".parse().unwrap();
        for (error, kind) in [
            (ErrorKind::ConnectionRefused, FailureKind::ConnectRefused),
            (ErrorKind::TimedOut, FailureKind::ConnectTimeout),
            (ErrorKind::ConnectionReset, FailureKind::Reset),
            (ErrorKind::NetworkUnreachable, FailureKind::ConnectFailed),
        ] {
            let failure = connect(address, &io::Error::from(error));
            assert_eq!(failure.kind, kind);
            assert!(failure.reason.contains("127.0.0.1:9"), "{failure}");
        }
        let unreachable = io::Error::from_raw_os_error(101);
        let failure = connect(address, &unreachable);
        assert_eq!(failure.reason, "no connection to 127.0.0.1:9: network is unreachable");
    }

    #[test]
    fn a_closed_handshake_is_no_bad_certificate() {
        let closed = tls("a.example", &ErrorKind::UnexpectedEof.into());
        assert_eq!(closed.kind, FailureKind::Reset);
        let refused = rustls::Error::InvalidCertificate(rustls::CertificateError::Expired);
        let bad = tls("a.example", &io::Error::new(ErrorKind::InvalidData, refused));
        assert_eq!(bad.kind, FailureKind::Tls);
        assert!(bad.reason.contains("xpired"), "{bad}");
    }

    #[test]
    fn durations_are_told_briefly() {
        assert_eq!(seconds(Duration::from_millis(3_100)), "3.1 s");
        assert_eq!(seconds(Duration::from_secs(30)), "30 s");
    }
}
