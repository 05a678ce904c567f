//! https with certificates good and bad.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;

use hoist_rehearsal::tls::{Authority, Certificate, TlsIdentity};
use hoist_rehearsal::{End, HttpRehearsal, Running};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use crate::client::{LONG, body, spawn};

pub(crate) type Stream = StreamOwned<ClientConnection, TcpStream>;

fn serve(tls: TlsIdentity) -> Running {
    spawn(HttpRehearsal { tls: Some(tls), ..HttpRehearsal::local() })
}

pub(crate) fn connect(server: &Running, authority: &Authority) -> Stream {
    connect_with(server, authority, &[])
}

/// With these protocols offered by ALPN.
pub(crate) fn connect_with(server: &Running, authority: &Authority, alpn: &[&str]) -> Stream {
    let pem = authority.ca_pem();
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(pem.as_bytes()).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = alpn.iter().map(|protocol| protocol.as_bytes().to_vec()).collect();
    let name = ServerName::try_from("localhost").unwrap();
    let client = ClientConnection::new(Arc::new(config), name).unwrap();
    let stream = TcpStream::connect(server.addr()).unwrap();
    stream.set_read_timeout(Some(LONG)).unwrap();
    StreamOwned::new(client, stream)
}

/// All that comes, and the error that ended it.
pub(crate) fn ask(stream: &mut Stream, target: &str) -> (Vec<u8>, Option<ErrorKind>) {
    let head = format!("GET {target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    let mut bytes = Vec::new();
    let sent = stream.write_all(head.as_bytes());
    let read = sent.and_then(|()| stream.read_to_end(&mut bytes));
    (bytes, read.err().map(|e| e.kind()))
}

#[test]
fn a_good_certificate_is_trusted_and_the_rest_is_not() {
    let authority = Authority::new().unwrap();
    let stranger = Authority::new().unwrap();
    for (certificate, trusted) in [
        (Certificate::Good, true),
        (Certificate::Expired, false),
        (Certificate::NotYet, false),
        (Certificate::WrongHost, false),
        (Certificate::OnlyCommonName, false),
        (Certificate::SelfSigned, false),
        (Certificate::SignedByLeaf, false),
    ] {
        let server = serve(authority.identity(certificate).unwrap());
        let (bytes, error) = ask(&mut connect(&server, &authority), "/bytes/70000");
        assert_eq!(bytes.ends_with(&body(70_000)), trusted, "{certificate:?}");
        assert_eq!(error, (!trusted).then_some(ErrorKind::InvalidData), "{certificate:?}");
        let (_, error) = ask(&mut connect(&server, &stranger), "/bytes/1");
        assert_eq!(error, Some(ErrorKind::InvalidData), "{certificate:?}");
    }
    let server = serve(authority.identity_for(["other.test", "localhost"]).unwrap());
    assert_eq!(ask(&mut connect(&server, &authority), "/bytes/1").1, None);
}

#[test]
fn ends_are_told_apart_under_tls_too() {
    let authority = Authority::new().unwrap();
    let server = serve(authority.identity(Certificate::Good).unwrap());
    let (bytes, error) = ask(&mut connect(&server, &authority), "/unframed?of=10");
    assert!(bytes.ends_with(&body(10)));
    assert_eq!(error, None, "closed with close_notify");
    let (bytes, error) = ask(&mut connect(&server, &authority), "/fault/reset?after=10");
    assert!(bytes.ends_with(&body(10)));
    assert!(
        matches!(error, Some(ErrorKind::ConnectionReset | ErrorKind::UnexpectedEof)),
        "{error:?}"
    );
    assert!(server.settle(LONG));
    assert_eq!(server.truth().http()[1].end, End::Reset);
}

#[test]
fn what_is_wrong_with_a_certificate_is_what_its_name_says() {
    let authority = Authority::new().unwrap();
    for (certificate, why) in [
        (Certificate::Expired, "certificate expired"),
        (Certificate::NotYet, "certificate not valid yet"),
        (Certificate::WrongHost, "certificate not valid for name \"localhost\""),
        (Certificate::OnlyCommonName, "certificate not valid for name \"localhost\""),
        (Certificate::SelfSigned, "UnknownIssuer"),
        (Certificate::SignedByLeaf, "EndEntityUsedAsCa"),
    ] {
        let server = serve(authority.identity(certificate).unwrap());
        let error = connect(&server, &authority).write_all(b"GET").unwrap_err().to_string();
        assert!(error.contains(why), "{certificate:?}: {error}");
    }
}

#[test]
fn an_end_without_close_notify() {
    let authority = Authority::new().unwrap();
    let server = serve(authority.identity(Certificate::Good).unwrap());
    for (query, ends) in
        [("of=70000", true), ("of=70000&framed=yes", true), ("framed=chunked", false)]
    {
        let target = format!("/fault/no-close-notify?{query}");
        let (bytes, error) = ask(&mut connect(&server, &authority), &target);
        assert!(bytes.starts_with(b"HTTP/1.1 200 OK\r\n"));
        assert!(
            bytes.ends_with(&body(70_000)) == ends && bytes.ends_with(b"\r\n0\r\n\r\n") != ends
        );
        // TCP's own end, in order: a reset would be another error.
        assert_eq!(error, Some(ErrorKind::UnexpectedEof), "{query}");
    }
    assert!(server.settle(LONG));
    for (record, promised) in server.truth().http().iter().zip([None, Some(70_000), None]) {
        assert_eq!((record.decision, record.end), ("no-close-notify", End::Close));
        assert_eq!((record.status, record.body_promised), (Some(200), promised));
        assert_eq!(record.body_sent, if record.path.contains("70000") { 70_000 } else { 1000 });
    }
    let plain = crate::client::local();
    let (bytes, left) = crate::client::all(&plain, "/fault/no-close-notify?of=70000");
    assert!(bytes.ends_with(&body(70_000)));
    assert_eq!(left, crate::client::Left::Closed, "without TLS there is nothing to leave out");
}

#[test]
fn a_record_that_fails_its_check() {
    let authority = Authority::new().unwrap();
    let server = serve(authority.identity(Certificate::Good).unwrap());
    let (bytes, error) = ask(&mut connect(&server, &authority), "/fault/bad-record?of=70000");
    // A client may throw away what it has not read yet.
    let at = bytes.windows(4).position(|w| w == b"\r\n\r\n").map_or(bytes.len(), |at| at + 4);
    assert!(body(70_000).starts_with(&bytes[at..]));
    assert_eq!(error, Some(ErrorKind::InvalidData));
    assert!(server.settle(LONG));
    let record = server.truth().http().remove(0);
    assert_eq!((record.decision, record.end), ("bad-record", End::Close));
    assert_eq!((record.body_promised, record.body_sent), (None, 70_000));
    let plain = crate::client::local();
    let (bytes, _) = crate::client::all(&plain, "/fault/bad-record?of=7");
    assert!(bytes.ends_with(&body(7)), "without TLS there is nothing beneath");
}

#[test]
fn plain_http_sent_to_https_ends() {
    let authority = Authority::new().unwrap();
    let server = serve(authority.identity(Certificate::Good).unwrap());
    let mut client = crate::client::Client::to(server.addr());
    let (bytes, _) = client.ask("/bytes/1").rest();
    assert!(!bytes.starts_with(b"HTTP"));
    assert!(server.truth().http().is_empty());
}
