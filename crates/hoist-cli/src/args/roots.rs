//! The certificates that are trusted: the system's, or a file's.

use std::io;
use std::path::Path;
use std::sync::Arc;

use hoist::plan::Roots;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;

use super::said::Refused;

/// The system's, or those that `SSL_CERT_FILE` and `SSL_CERT_DIR` name. They are read when the
/// first https connection is made; a run without one needs none.
pub(super) fn system() -> Roots {
    Roots(Arc::new(|| {
        let found = rustls_native_certs::load_native_certs();
        if !found.certs.is_empty() {
            return Ok(found.certs);
        }
        let why = found.errors.first().map(|error| format!(" ({error})")).unwrap_or_default();
        Err(io::Error::new(
            io::ErrorKind::NotFound,
            format!(
                "none were found{why}; install ca-certificates, or name a \
                 file with SSL_CERT_FILE or --cacert"
            ),
        ))
    }))
}

/// Those of a PEM file, which is read at once, so that a wrong file is told before anything else.
pub(super) fn from_file(path: &Path) -> Result<Roots, Refused> {
    let unusable =
        |what: &dyn std::fmt::Display| Refused::Unusable(format!("{}: {what}", path.display()));
    let pem = std::fs::read(path).map_err(|error| unusable(&error))?;
    let certificates = CertificateDer::pem_slice_iter(&pem)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| unusable(&error))?;
    if certificates.is_empty() {
        return Err(unusable(&"it holds no certificate in PEM form (BEGIN CERTIFICATE)"));
    }
    Ok(Roots(Arc::new(move || Ok(certificates.clone()))))
}
