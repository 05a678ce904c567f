//! Servers prove who they are, or get nothing.

use std::sync::Arc;

use hoist::plan::Roots;
use hoist::{FailureKind, GetPlan, GetVerdict};
use hoist_rehearsal::HttpRehearsal;
use hoist_rehearsal::tls::{Authority, Certificate};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use tempfile::TempDir;

use crate::support::{get_all, get_one, http, plan, spawn};

/// The plan, with this authority as the only one that is trusted.
pub(crate) fn trusting(mut plan: GetPlan, authority: &Authority) -> GetPlan {
    let root = CertificateDer::from_pem_slice(authority.ca_pem().as_bytes()).unwrap();
    plan.tls.roots = Roots(Arc::new(move || Ok(vec![root.clone()])));
    plan
}

#[test]
fn a_good_certificate_is_needed() {
    let root = TempDir::new().unwrap();
    let authority = Authority::new().unwrap();
    for certificate in
        [Certificate::Good, Certificate::Expired, Certificate::WrongHost, Certificate::SelfSigned]
    {
        let identity = authority.identity(certificate).unwrap();
        let server = spawn(HttpRehearsal { tls: Some(identity), ..HttpRehearsal::local() });
        let url = format!("https://{}/bytes/100", server.addr());
        let outcome = get_one(trusting(plan(root.path()), &authority), &url);
        if certificate == Certificate::Good {
            assert_eq!(outcome.verdict, GetVerdict::Ok);
            continue;
        }
        let failure = outcome.failure.unwrap();
        assert_eq!(failure.kind, FailureKind::Tls, "{certificate:?}: {failure}");
        assert_eq!(outcome.attempts, 1, "another try can't help");
        assert_eq!(server.truth().http(), [], "nothing was asked of {certificate:?}");

        let mut careless = plan(root.path());
        careless.tls.insecure = true;
        assert_eq!(get_one(careless, &url).verdict, GetVerdict::Ok, "{certificate:?}");
    }
}

#[test]
fn without_trusted_certificates_https_fails_and_http_does_not() {
    let root = TempDir::new().unwrap();
    let authority = Authority::new().unwrap();
    let identity = authority.identity(Certificate::Good).unwrap();
    let secure = spawn(HttpRehearsal { tls: Some(identity), ..HttpRehearsal::local() });
    let plain = http();
    let urls =
        [format!("https://{}/bytes/1", secure.addr()), format!("http://{}/bytes/1", plain.addr())];
    let outcomes = get_all(plan(root.path()), urls);
    let failure = outcomes[0].failure.as_ref().unwrap();
    assert_eq!(failure.kind, FailureKind::Tls);
    assert!(failure.reason.contains("--cacert"), "{failure}");
    assert_eq!(outcomes[1].verdict, GetVerdict::Ok);
}

/// Certificates are not read before they are needed.
#[test]
fn a_run_without_https_reads_no_certificates() {
    let root = TempDir::new().unwrap();
    let server = http();
    let mut plan = plan(root.path());
    plan.tls.roots = Roots(Arc::new(|| panic!("read")));
    let outcome = get_one(plan, format!("http://{}/bytes/1", server.addr()));
    assert_eq!(outcome.verdict, GetVerdict::Ok);
}

#[test]
fn a_body_of_unknown_length_is_whole_only_if_tls_says_so() {
    let root = TempDir::new().unwrap();
    let authority = Authority::new().unwrap();
    let identity = authority.identity(Certificate::Good).unwrap();
    let server = spawn(HttpRehearsal { tls: Some(identity), ..HttpRehearsal::local() });
    let url = format!("https://{}/unframed?of=100", server.addr());
    let outcome = get_one(trusting(plan(root.path()), &authority), url);
    assert_eq!((outcome.verdict, outcome.unframed), (GetVerdict::Ok, true));
}
