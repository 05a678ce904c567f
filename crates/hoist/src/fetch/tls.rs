use std::cell::OnceCell as LocalOnceCell;
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{ClientSessionMemoryCache, Resumption};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use tokio::sync::OnceCell;
use tokio_rustls::TlsConnector;

use crate::outcome::{Failure, FailureKind};
use crate::plan::{HttpVersions, TlsPlan};

/// How servers prove who they are. Certificates are read with the first https connection; a run
/// without one needs none.
#[derive(Debug)]
pub(super) struct Tls {
    plan: TlsPlan,
    versions: HttpVersions,
    config: OnceCell<Arc<ClientConfig>>,
    /// The same, for servers that want HTTP/1.1.
    http1: LocalOnceCell<Arc<ClientConfig>>,
    /// Servers whose sessions are kept for resumption: a full handshake costs as much as 15 to 25
    /// requests.
    sessions: usize,
}

impl Tls {
    pub(super) fn new(plan: TlsPlan, versions: HttpVersions, sessions: usize) -> Self {
        let (config, http1) = (OnceCell::new(), LocalOnceCell::new());
        Self { plan, versions, config, http1, sessions }
    }

    /// Offers what the plan says, or HTTP/1.1 alone.
    pub(super) async fn connector(&self, http1_alone: bool) -> Result<TlsConnector, Failure> {
        // A failure is not kept: it may have been one of the moment.
        let config = self.config.get_or_try_init(|| async {
            let plan = self.plan.clone();
            let (versions, sessions) = (self.versions, self.sessions);
            tokio::task::spawn_blocking(move || configure(&plan, versions, sessions))
                .await
                .unwrap_or_else(|error| Err(error.to_string()))
                .map_err(|reason| Failure::new(FailureKind::Tls, reason))
        });
        let config = config.await?;
        if http1_alone && self.versions != HttpVersions::Http1 {
            let http1 = self.http1.get_or_init(|| {
                // The sessions are shared.
                let mut config = ClientConfig::clone(config);
                config.alpn_protocols = vec![HTTP1.to_vec()];
                Arc::new(config)
            });
            return Ok(TlsConnector::from(Arc::clone(http1)));
        }
        Ok(TlsConnector::from(Arc::clone(config)))
    }
}

/// The protocols' names (RFC 7301 §6, RFC 9113 §3.1).
const HTTP1: &[u8] = b"http/1.1";
pub(super) const HTTP2: &[u8] = b"h2";

/// What rustls keeps of one server in TLS 1.3, at most; its cache counts in these.
const TICKETS: usize = 8;

fn configure(
    plan: &TlsPlan,
    versions: HttpVersions,
    sessions: usize,
) -> Result<Arc<ClientConfig>, String> {
    let provider = Arc::new(ring::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?;
    let mut config = if plan.insecure {
        builder.dangerous().with_custom_certificate_verifier(Arc::new(AnyCertificate(provider)))
    } else {
        let read = (plan.roots.0)();
        let read = read.map_err(|error| format!("no trusted certificates: {error}"))?;
        let mut roots = RootCertStore::empty();
        let (added, _unreadable) = roots.add_parsable_certificates(read);
        if added == 0 {
            return Err("no trusted certificates were found, so no server can prove who it is; \
                        install the system's (ca-certificates) or name a file (--cacert)"
                .to_owned());
        }
        builder.with_root_certificates(roots)
    }
    .with_no_client_auth();
    let offered: &[&[u8]] = match versions {
        HttpVersions::Negotiated => &[HTTP2, HTTP1],
        HttpVersions::Http1 => &[HTTP1],
        HttpVersions::Http2PriorKnowledge => &[HTTP2],
    };
    config.alpn_protocols = offered.iter().map(|name| name.to_vec()).collect();
    let cache = ClientSessionMemoryCache::new(sessions.saturating_mul(TICKETS));
    config.resumption = Resumption::store(Arc::new(cache));
    Ok(Arc::new(config))
}

/// Accepts any certificate, as the plan asked; signatures are still checked, so that the other
/// side at least owns the certificate that it shows.
#[derive(Debug)]
struct AnyCertificate(Arc<CryptoProvider>);

impl ServerCertVerifier for AnyCertificate {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, cert, signature, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, cert, signature, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
