//! Redirects are followed, counted, and told no secrets.

use hoist::{GetPlan, GetVerdict};
use http::HeaderValue;
use tempfile::TempDir;

use crate::support::{files, get_one, http, plan};

fn with_secrets(mut plan: GetPlan) -> GetPlan {
    for (name, value) in [("cookie", "a=secret"), ("x-mine", "public")] {
        plan.request.headers.insert(name, HeaderValue::from_static(value));
    }
    plan
}

#[test]
fn a_chain_is_one_attempt() {
    let root = TempDir::new().unwrap();
    let server = http();
    let outcome = get_one(plan(root.path()), format!("http://{}/redirect/10", server.addr()));
    assert_eq!((outcome.verdict, outcome.attempts), (GetVerdict::Ok, 1));
    assert_ne!(outcome.final_url, None);
    assert_eq!(server.stats().requests, 11);
    assert_eq!(server.stats().connections, 1, "the answers on the way are drained");
}

#[test]
fn secrets_stay_with_their_origin() {
    let server = http();
    let other = http();
    let told_by = |url: String| {
        let root = TempDir::new().unwrap();
        let outcome = get_one(with_secrets(plan(root.path())), url);
        assert_eq!(outcome.verdict, GetVerdict::Ok, "{outcome:?}");
        let (_, headers) = files(root.path()).pop_first().unwrap();
        String::from_utf8(headers).unwrap().to_ascii_lowercase()
    };
    let (here, there) = (server.addr(), other.addr());
    let direct = told_by(format!("http://user:pass@{here}/headers"));
    let same =
        told_by(format!("http://user:pass@{here}/redirect/to?url=http%3A%2F%2F{here}%2Fheaders"));
    for told in [&direct, &same] {
        assert!(told.contains("authorization: basic dxnlcjpwyxnz"), "{told}");
        assert!(told.contains("cookie: a=secret"), "{told}");
    }
    let foreign =
        told_by(format!("http://user:pass@{here}/redirect/to?url=http%3A%2F%2F{there}%2Fheaders"));
    assert!(!foreign.contains("secret") && !foreign.contains("authorization"), "{foreign}");
    assert!(foreign.contains("x-mine: public"), "{foreign}");
}

#[test]
fn credentials_are_never_told() {
    let root = TempDir::new().unwrap();
    let server = http();
    let url = format!("http://user:pass@{}/headers", server.addr());
    let outcome = get_one(plan(root.path()), url);
    let record = serde_json::to_string(&outcome).unwrap();
    assert!(!record.contains("pass") && !record.contains("user"), "{record}");
}
