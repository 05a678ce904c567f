//! What another client of good name makes of the same answers: reqwest, over both versions of HTTP.

use std::sync::Arc;
use std::time::Duration;

use hoist::{GetOutcome, GetPlan, GetVerdict};
use hoist_rehearsal::HttpRehearsal;
use hoist_rehearsal::tls::{Authority, Certificate};
use http::Response;
use http::header::{CONTENT_LENGTH, LOCATION};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use tempfile::TempDir;

use crate::http2_server::{Secure, count, keeping};
use crate::support::{block_on, get_all, http, plan, spawn};

/// What became of a URL: the status, and the body where it is whole.
#[derive(Debug, PartialEq, Eq)]
struct Became {
    status: Option<u16>,
    body: Option<Vec<u8>>,
}

impl From<&GetOutcome> for Became {
    fn from(outcome: &GetOutcome) -> Self {
        let body = outcome.path.as_ref().map(|path| std::fs::read(path).unwrap());
        assert_eq!(body.is_some(), outcome.verdict == GetVerdict::Ok);
        Self { status: outcome.status, body }
    }
}

fn client(root: Option<CertificateDer<'static>>) -> reqwest::Client {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(root);
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut tls = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    tls.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let client = reqwest::Client::builder().tls_backend_preconfigured(tls).no_proxy();
    client.read_timeout(Duration::from_secs(10)).build().unwrap()
}

async fn ask(client: &reqwest::Client, url: &str) -> Became {
    let Ok(answer) = client.get(url).send().await else {
        return Became { status: None, body: None };
    };
    let status = answer.status();
    let body = answer.bytes().await.ok().filter(|_| status.is_success());
    Became { status: Some(status.as_u16()), body: body.map(Into::into) }
}

/// Gets all with both. Where the other client has no answer to show, we must have no body.
#[track_caller]
fn agree(mut plan: GetPlan, root: Option<CertificateDer<'static>>, urls: &[String]) {
    plan.patience.retries = 0;
    let ours = get_all(plan, urls);
    let theirs: Vec<Became> = block_on(async {
        let client = client(root);
        let mut all = Vec::new();
        for url in urls {
            all.push(ask(&client, url).await);
        }
        all
    });
    for ((url, ours), theirs) in urls.iter().zip(&ours).zip(theirs) {
        let became = Became::from(ours);
        assert_eq!(became.body, theirs.body, "{url}: {ours:?}");
        if theirs.status.is_some() {
            assert_eq!(became.status, theirs.status, "{url}: {ours:?}");
        }
    }
}

const PATHS: [&str; 22] = [
    "/bytes/0",
    "/bytes/1",
    "/bytes/100000",
    "/flags/fr/fr.gif",
    "/status/203",
    "/status/204",
    "/status/404",
    "/status/410",
    "/status/500",
    "/status/503",
    "/redirect/3",
    "/redirect/loop",
    "/unframed?of=100",
    "/fault/short?of=1000&send=10",
    "/fault/reset?after=10",
    "/fault/garbage",
    "/fault/early-close",
    "/fault/interim?n=3&status=103",
    "/fault/http10?with=length",
    "/fault/head-unusual?has=fields",
    "/fault/head-bytes",
    "/fault/reset",
];

#[test]
fn http1_is_read_as_others_read_it() {
    let root = TempDir::new().unwrap();
    let server = http();
    let urls = PATHS.map(|path| format!("http://{}{path}", server.addr()));
    agree(plan(root.path()), None, &urls);

    let authority = Authority::new().unwrap();
    let identity = authority.identity(Certificate::Good).unwrap();
    let server = spawn(HttpRehearsal { tls: Some(identity), ..HttpRehearsal::local() });
    let urls = PATHS.map(|path| format!("https://{}{path}", server.addr()));
    let trusted = CertificateDer::from_pem_slice(authority.ca_pem().as_bytes()).unwrap();
    agree(crate::tls::trusting(plan(root.path()), &authority), Some(trusted), &urls);
}

/// `/STATUS/LENGTH[/PROMISED]`; `/302/...` to the next; `/reset/...` and `/leave/...` are reset after so
/// many bytes, the latter without an error.
#[test]
fn alone_http2_is_read_as_others_read_it() {
    let root = TempDir::new().unwrap();
    let server = keeping(Some(Secure::default()), async |path, mut respond| {
        let words: Vec<&str> = path.trim_start_matches('/').split('/').collect();
        let length: usize = words[1].parse().unwrap();
        let reset = match words[0] {
            "reset" => Some(h2::Reason::INTERNAL_ERROR),
            "leave" => Some(h2::Reason::NO_ERROR),
            _ => None,
        };
        let mut answer = Response::builder();
        if let Ok(status) = words[0].parse::<u16>() {
            answer = answer.status(status);
        }
        if words[0] == "302" {
            answer = answer.header(
                LOCATION,
                if length == 0 { "/200/5".to_owned() } else { format!("/302/{}", length - 1) },
            );
        } else if words.len() > 2 {
            answer = answer.header(CONTENT_LENGTH, words[2]);
        }
        if let Some(reason) = reset.filter(|_| length == 0) {
            respond.send_reset(reason);
            return;
        }
        let Ok(mut stream) = respond.send_response(answer.body(()).unwrap(), false) else { return };
        let _ = stream.send_data(vec![b'x'; length].into(), reset.is_none());
        if let Some(reason) = reset {
            // Not before the bytes are gone, which it would overtake.
            tokio::time::sleep(Duration::from_millis(200)).await;
            stream.send_reset(reason);
        }
    });
    let paths = [
        "/200/0",
        "/200/1",
        "/200/100000",
        "/200/0/0",
        "/200/5/5",
        "/200/5/6",
        "/200/5/4",
        "/201/7",
        "/204/0",
        "/404/10",
        "/410/0",
        "/500/10",
        "/503/0",
        "/302/0",
        "/302/3",
        "/302/20",
        "/reset/0",
        "/reset/10/20",
    ];
    let urls = paths.map(|path| server.url(path));
    let trusted = server.authority().cloned();
    agree(server.plan(plan(root.path())), trusted, &urls);
    assert_eq!(count(&server.seen.connections), 2, "one for each client");

    // Others take these for whole; the server did not say that they are (RFC 9113 §8.1).
    let left = ["/leave/10", "/leave/10/20"].map(|path| server.url(path));
    for outcome in get_all(server.plan(plan(root.path())), left) {
        assert_eq!(outcome.verdict, GetVerdict::Failed, "{outcome:?}");
    }
}
