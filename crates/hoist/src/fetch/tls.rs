use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{ClientSessionMemoryCache, Resumption};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use tokio::sync::OnceCell;
use tokio_rustls::TlsConnector;

use crate::outcome::{Failure, FailureKind};
use crate::plan::TlsPlan;

/// How servers prove who they are. Certificates are read with the first https connection; a run
/// without one needs none.
#[derive(Debug)]
pub(super) struct Tls {
    plan: TlsPlan,
    config: OnceCell<Arc<ClientConfig>>,
    /// Sessions kept for resumption: a full handshake costs as much as 15 to 25 requests.
    sessions: usize,
}

impl Tls {
    pub(super) fn new(plan: TlsPlan, sessions: usize) -> Self {
        Self { plan, config: OnceCell::new(), sessions }
    }

    pub(super) async fn connector(&self) -> Result<TlsConnector, Failure> {
        // A failure is not kept: it may have been one of the moment.
        let config = self.config.get_or_try_init(|| async {
            let plan = self.plan.clone();
            let sessions = self.sessions;
            tokio::task::spawn_blocking(move || configure(&plan, sessions))
                .await
                .unwrap_or_else(|error| Err(error.to_string()))
                .map_err(|reason| Failure::new(FailureKind::Tls, reason))
        });
        Ok(TlsConnector::from(Arc::clone(config.await?)))
    }
}

fn configure(plan: &TlsPlan, sessions: usize) -> Result<Arc<ClientConfig>, String> {
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
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    config.resumption = Resumption::store(Arc::new(ClientSessionMemoryCache::new(sessions)));
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
