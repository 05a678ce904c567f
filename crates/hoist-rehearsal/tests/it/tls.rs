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

type Stream = StreamOwned<ClientConnection, TcpStream>;

fn serve(tls: TlsIdentity) -> Running {
    spawn(HttpRehearsal { tls: Some(tls), ..HttpRehearsal::local() })
}

fn connect(server: &Running, authority: &Authority) -> Stream {
    let pem = authority.ca_pem();
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(pem.as_bytes()).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::try_from("localhost").unwrap();
    let client = ClientConnection::new(Arc::new(config), name).unwrap();
    let stream = TcpStream::connect(server.addr()).unwrap();
    stream.set_read_timeout(Some(LONG)).unwrap();
    StreamOwned::new(client, stream)
}

/// All that comes, and the error that ended it.
fn ask(stream: &mut Stream, target: &str) -> (Vec<u8>, Option<ErrorKind>) {
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
        (Certificate::WrongHost, false),
        (Certificate::SelfSigned, false),
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
fn plain_http_sent_to_https_ends() {
    let authority = Authority::new().unwrap();
    let server = serve(authority.identity(Certificate::Good).unwrap());
    let mut client = crate::client::Client::to(server.addr());
    let (bytes, _) = client.ask("/bytes/1").rest();
    assert!(!bytes.starts_with(b"HTTP"));
    assert!(server.truth().http().is_empty());
}
