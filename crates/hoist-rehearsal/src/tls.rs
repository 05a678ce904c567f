//! Certificates made at start, good and bad, for tests of https. The keys live in memory only.

use std::fmt;
use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType::CommonName, Error, IsCa, Issuer,
    KeyPair, KeyUsagePurpose, date_time_ymd,
};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};

/// The names and addresses that a good certificate is for.
const HERE: [&str; 3] = ["localhost", "127.0.0.1", "::1"];

/// A certificate authority of its own. Who trusts it trusts the rehearsals that it signed for, and
/// nobody else ever does.
pub struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
}

/// What is wrong with a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Certificate {
    /// Nothing: it is for `localhost`, `127.0.0.1` and `::1`.
    Good,
    /// It was good until the year 2001.
    Expired,
    /// It will be good from the year 2100.
    NotYet,
    /// It is for `elsewhere.invalid`.
    WrongHost,
    /// Its common name is `127.0.0.1`, and it has no alternative names, the only ones that count.
    OnlyCommonName,
    /// It is not signed by the authority, only by itself.
    SelfSigned,
    /// It is signed by a certificate that the authority signed, but not for signing others.
    SignedByLeaf,
}

/// A certificate with its key, for an HTTP rehearsal to serve https with.
#[derive(Clone)]
pub struct TlsIdentity {
    config: Arc<ServerConfig>,
}

impl Authority {
    /// Makes a new authority.
    pub fn new() -> Result<Self, Error> {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        params.distinguished_name.push(CommonName, "hoist rehearsal authority");
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate()?)?;
        Ok(Self { issuer })
    }

    /// The authority's certificate as PEM, for a client to trust.
    pub fn ca_pem(&self) -> String {
        self.issuer.pem()
    }

    /// A certificate for `localhost`, `127.0.0.1` and `::1`, with what is asked to be wrong.
    pub fn identity(&self, certificate: Certificate) -> Result<TlsIdentity, Error> {
        let names = match certificate {
            Certificate::WrongHost => vec!["elsewhere.invalid".to_owned()],
            Certificate::OnlyCommonName => Vec::new(),
            _ => HERE.map(str::to_owned).to_vec(),
        };
        self.issue(names, certificate)
    }

    /// A good certificate for other names or addresses.
    pub fn identity_for(
        &self,
        names: impl IntoIterator<Item = impl Into<String>>,
    ) -> Result<TlsIdentity, Error> {
        self.issue(names.into_iter().map(Into::into).collect(), Certificate::Good)
    }

    fn issue(&self, names: Vec<String>, certificate: Certificate) -> Result<TlsIdentity, Error> {
        let mut params = CertificateParams::new(names)?;
        match certificate {
            Certificate::Expired => {
                params.not_before = date_time_ymd(2000, 1, 1);
                params.not_after = date_time_ymd(2001, 1, 1);
            }
            Certificate::NotYet => params.not_before = date_time_ymd(2100, 1, 1),
            Certificate::OnlyCommonName => params.distinguished_name.push(CommonName, "127.0.0.1"),
            _ => {}
        }
        let key = KeyPair::generate()?;
        let (signed, by) = match certificate {
            Certificate::SelfSigned => (params.self_signed(&key)?, None),
            Certificate::SignedByLeaf => {
                let mut by = CertificateParams::new(vec!["leaf.invalid".to_owned()])?;
                by.distinguished_name.push(CommonName, "hoist rehearsal leaf");
                let by_key = KeyPair::generate()?;
                let leaf = by.signed_by(&by_key, &self.issuer)?;
                (params.signed_by(&key, &Issuer::new(by, by_key))?, Some(leaf))
            }
            _ => (params.signed_by(&key, &self.issuer)?, None),
        };
        let chain = [Some(signed), by].into_iter().flatten();
        let chain = chain.map(|certificate| certificate.der().clone()).collect();
        TlsIdentity::new(chain, PrivatePkcs8KeyDer::from(key.serialize_der()))
            .ok_or(Error::CouldNotParseCertificate)
    }
}

impl TlsIdentity {
    fn new(chain: Vec<CertificateDer<'static>>, key: PrivatePkcs8KeyDer<'static>) -> Option<Self> {
        let provider = Arc::new(ring::default_provider());
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .ok()?
            .with_no_client_auth()
            .with_single_cert(chain, key.into())
            .ok()?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Some(Self { config: Arc::new(config) })
    }

    /// With `http2`, that is what it agrees on first.
    pub(crate) fn acceptor(&self, http2: bool) -> TlsAcceptor {
        let mut config = Arc::clone(&self.config);
        if http2 {
            let config = Arc::make_mut(&mut config);
            config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        }
        TlsAcceptor::from(config)
    }
}

impl fmt::Debug for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authority").finish_non_exhaustive()
    }
}

impl fmt::Debug for TlsIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsIdentity").finish_non_exhaustive()
    }
}
