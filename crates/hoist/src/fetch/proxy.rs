use std::fmt;

use http::header::PROXY_AUTHORIZATION;
use http::{HeaderValue, Request, Uri};
use url::{Position, Url};

use super::route::{Place, Unconnected};
use crate::outcome::{Failure, FailureKind};
use crate::plan::{Credentials, Proxy, ProxyScheme};

/// A proxy as connections need it.
#[derive(Debug)]
pub(super) struct Gate {
    pub(super) scheme: ProxyScheme,
    pub(super) place: Place,
    pub(super) credentials: Option<Credentials>,
    /// The same for HTTP (RFC 9110 §11.7.2).
    pub(super) authorization: Option<HeaderValue>,
}

impl Gate {
    pub(super) fn new(proxy: Proxy) -> Self {
        let Proxy { scheme, host, port, credentials } = proxy;
        let authorization = credentials.as_ref().map(Credentials::basic);
        Self { scheme, place: Place { host, port }, credentials, authorization }
    }

    /// Whether it can be asked for a URL as a whole.
    pub(super) fn takes_urls(&self) -> bool {
        self.scheme.is_http()
    }

    /// Makes a request to an origin one to this proxy for a whole URL (RFC 9112 §3.2.2).
    pub(super) fn address<B>(&self, request: &mut Request<B>, url: &Url) -> Result<(), Failure> {
        let whole = Uri::try_from(&url[..Position::AfterQuery]);
        *request.uri_mut() = whole.map_err(|error| {
            let reason = format!("the URL can't be put into a request: {error}");
            Failure::new(FailureKind::BadInput, reason)
        })?;
        if let Some(authorization) = &self.authorization {
            request.headers_mut().insert(PROXY_AUTHORIZATION, authorization.clone());
        }
        Ok(())
    }

    /// Says whose doing a failure is.
    pub(super) fn told(&self, failure: &Failure) -> Failure {
        Failure::new(failure.kind, format!("{self}: {}", failure.reason))
    }

    pub(super) fn named(&self, unconnected: Unconnected) -> Unconnected {
        let Unconnected { failure, hopeless } = unconnected;
        Unconnected { failure: self.told(&failure), hopeless }
    }
}

/// Without user and password.
impl fmt::Display for Gate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the proxy {}", self.place)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_by_url_has_all_of_it_but_secrets() {
        let gate = Gate::new("http://me:secret@p.example:3128".parse().unwrap());
        let url = Url::parse("http://a.example:8080/x?y#z").unwrap();
        let mut request = Request::new(());
        gate.address(&mut request, &url).unwrap();
        assert_eq!(request.uri(), "http://a.example:8080/x?y");
        assert_eq!(request.headers()[PROXY_AUTHORIZATION], "Basic bWU6c2VjcmV0");
        let shown = format!("{gate} {gate:?} {request:?}");
        assert!(!shown.contains("secret") && !shown.contains("bWU6"), "{shown}");
    }
}
