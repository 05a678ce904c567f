//! Whom a connection is made to, and what is said there before the origin is spoken to.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::net::TcpStream;
use url::Host;

use super::connect::server_name;
use super::leg::Leg;
use super::proxy::Gate;
use super::tls::Tls;
use super::{socks, tunnel};
use crate::item::{self, Origin};
use crate::outcome::{Failure, FailureKind, classify};
use crate::plan::{Bypass, ConnectTo, ProxyPlan, ProxyScheme};

/// The ways to all origins of a run.
#[derive(Debug)]
pub(super) struct Routes {
    http: Option<Gate>,
    https: Option<Gate>,
    bypass: Bypass,
    connect_to: Vec<ConnectTo>,
}

/// The way to one origin.
#[derive(Debug)]
pub(super) struct Route<'a> {
    /// Where the origin is spoken to.
    pub(super) destination: Place,
    gate: Option<&'a Gate>,
    /// The proxy is asked for URLs, not for a way to their server.
    pub(super) by_url: bool,
}

/// A host and its port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    /// In lower case; IPv6 addresses in brackets.
    pub(super) host: Arc<str>,
    pub(super) port: u16,
}

/// Why there is no connection.
#[derive(Debug)]
pub(super) struct Unconnected {
    pub(super) failure: Failure,
    /// It will be so the next time: a proxy that forbids a host goes on to do so.
    pub(super) hopeless: bool,
}

impl Routes {
    pub(super) fn new(proxies: ProxyPlan, connect_to: Vec<ConnectTo>) -> Self {
        let ProxyPlan { http, https, bypass } = proxies;
        Self { http: http.map(Gate::new), https: https.map(Gate::new), bypass, connect_to }
    }

    /// Whether connections may go to a proxy.
    pub(super) fn are_shared(&self) -> bool {
        self.http.is_some() || self.https.is_some()
    }

    pub(super) fn to(&self, origin: &Origin) -> Route<'_> {
        let gate = self.gate(origin);
        let fit = self.connect_to.iter().find(|to| to.fits(&origin.host, origin.port));
        let host = fit.and_then(|to| to.to_host.as_ref()).unwrap_or(&origin.host);
        let port = fit.and_then(|to| to.to_port).unwrap_or(origin.port);
        let by_url = !origin.secure && fit.is_none() && gate.is_some_and(Gate::takes_urls);
        Route { destination: Place { host: Arc::clone(host), port }, gate, by_url }
    }

    /// The proxy that is asked for the URLs of this origin, where there is one.
    pub(super) fn by_url(&self, origin: &Origin) -> Option<&Gate> {
        if origin.secure || self.http.is_none() {
            return None;
        }
        let route = self.to(origin);
        route.gate.filter(|_| route.by_url)
    }

    fn gate(&self, origin: &Origin) -> Option<&Gate> {
        let gate = if origin.secure { &self.https } else { &self.http };
        gate.as_ref().filter(|_| !self.bypass.contains(&origin.host(), origin.port))
    }
}

impl Route<'_> {
    /// Whom TCP connects to.
    pub(super) fn place(&self) -> &Place {
        self.gate.map_or(&self.destination, |gate| &gate.place)
    }

    /// Whether the proxy wants an address: then the name of the destination is looked up here.
    pub(super) fn wants_address(&self) -> bool {
        self.gate.is_some_and(|gate| gate.scheme == ProxyScheme::Socks5)
    }

    /// Says what is to be said before the origin is spoken to, through a connection to [`Self::place`].
    /// `address` is the destination's, where one was wanted.
    pub(super) async fn dial(
        &self,
        tcp: TcpStream,
        address: Option<IpAddr>,
        tls: &Tls,
        until: Instant,
        allowed: Duration,
    ) -> Result<Leg, Unconnected> {
        let Some(gate) = self.gate else { return Ok(Leg::Plain(tcp)) };
        let opened = tokio::time::timeout_at(until.into(), self.pass(gate, tcp, address, tls));
        let Ok(opened) = opened.await else {
            let whose = gate.to_string();
            return Err(classify::connect_timeout(&whose, "the way through it", allowed).into());
        };
        opened.map_err(|unconnected| gate.named(unconnected))
    }

    async fn pass(
        &self,
        gate: &Gate,
        tcp: TcpStream,
        address: Option<IpAddr>,
        tls: &Tls,
    ) -> Result<Leg, Unconnected> {
        let mut leg = match gate.scheme {
            ProxyScheme::Https => {
                let name = server_name(&gate.place.host())?;
                // In any case: the answer to CONNECT is read as HTTP/1.1.
                let connector = tls.connector(true).await?;
                let connector = connector.with_alpn(vec![b"http/1.1".to_vec()]);
                let connected = connector.connect(name, tcp).await;
                let connected =
                    connected.map_err(|error| classify::tls(&gate.place.host, &error))?;
                Leg::Tls(Box::new(connected))
            }
            _ => Leg::Plain(tcp),
        };
        match gate.scheme {
            ProxyScheme::Http | ProxyScheme::Https if self.by_url => {}
            ProxyScheme::Http | ProxyScheme::Https => {
                let authorization = gate.authorization.as_ref();
                tunnel::open(&mut leg, &self.destination, authorization).await?;
            }
            ProxyScheme::Socks5 | ProxyScheme::Socks5h => {
                let credentials = gate.credentials.as_ref();
                socks::open(&mut leg, &self.destination, address, credentials).await?;
            }
        }
        Ok(leg)
    }

    /// The connection to [`Self::place`] took too long.
    pub(super) fn late(&self, origin: &Origin, allowed: Duration) -> Unconnected {
        let whose = self.gate.map_or_else(|| origin.to_string(), Gate::to_string);
        classify::connect_timeout(&whose, "the connection", allowed).into()
    }

    /// No connection to [`Self::place`] could be made. What is the proxy's fault is not the item's.
    pub(super) fn blame(&self, failure: Failure) -> Unconnected {
        match self.gate {
            None => failure.into(),
            Some(gate) => {
                let mut unconnected = Unconnected::from(failure);
                let kind = &mut unconnected.failure.kind;
                if matches!(*kind, FailureKind::NoSuchHost | FailureKind::BadName) {
                    *kind = FailureKind::ConnectFailed;
                }
                gate.named(unconnected)
            }
        }
    }
}

/// The address to name to a proxy that wants one: it can't try several at once, and any has IPv4.
pub(super) fn best(addresses: &[SocketAddr]) -> Option<IpAddr> {
    let v4 = addresses.iter().find(|address| address.is_ipv4());
    v4.or_else(|| addresses.first()).map(SocketAddr::ip)
}

impl Place {
    pub(super) fn host(&self) -> Host<&str> {
        item::host(&self.host)
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

impl From<Failure> for Unconnected {
    fn from(failure: Failure) -> Self {
        let hopeless = !failure.kind.may_retry(None);
        Self { failure, hopeless }
    }
}

#[cfg(test)]
mod tests {
    use url::Url;

    use super::*;

    fn routes(proxy: &str, bypass: &str, connect_to: &[&str]) -> Routes {
        let proxy = || (!proxy.is_empty()).then(|| proxy.parse().unwrap());
        let plan = ProxyPlan { http: proxy(), https: proxy(), bypass: Bypass::lenient(bypass) };
        Routes::new(plan, connect_to.iter().map(|text| text.parse().unwrap()).collect())
    }

    /// Whom TCP connects to, where the origin is spoken to, and whether by URL.
    fn to(routes: &Routes, url: &str) -> (String, String, bool) {
        let origin = Origin::of(&Url::parse(url).unwrap()).unwrap();
        let route = routes.to(&origin);
        assert_eq!(route.by_url, routes.by_url(&origin).is_some());
        (route.place().to_string(), route.destination.to_string(), route.by_url)
    }

    #[test]
    fn ways_are_chosen_by_origin() {
        let (a, secure_a) = ("http://a.example/", "https://a.example/");
        for (proxy, bypass, connect_to, url, place, destination, by_url) in [
            ("", "", &[][..], a, "a.example:80", "a.example:80", false),
            ("p:8", "", &[], a, "p:8", "a.example:80", true),
            ("https://p", "", &[], a, "p:443", "a.example:80", true),
            ("p:8", "", &[], secure_a, "p:8", "a.example:443", false),
            ("socks5://p", "", &[], a, "p:1080", "a.example:80", false),
            ("p:8", "a.example", &[], a, "a.example:80", "a.example:80", false),
            ("p:8", "b.example", &[], a, "p:8", "a.example:80", true),
            ("", "", &["::b.example:1"], secure_a, "b.example:1", "b.example:1", false),
            ("", "", &["a.example:443:[::1]:"], secure_a, "[::1]:443", "[::1]:443", false),
            ("", "", &["a.example:443::1"], a, "a.example:80", "a.example:80", false),
            ("", "", &["x:::1", ":80::2", ":::3"], a, "a.example:2", "a.example:2", false),
            // The URL would lead the proxy elsewhere.
            ("p:8", "", &["::b.example:1"], a, "p:8", "b.example:1", false),
            // The host of the URL counts, not where it is taken.
            ("p:8", "a.example", &["::b.example:1"], a, "b.example:1", "b.example:1", false),
        ] {
            let expected = (place.to_owned(), destination.to_owned(), by_url);
            assert_eq!(to(&routes(proxy, bypass, connect_to), url), expected, "{proxy} {url}");
        }
    }

    #[test]
    fn what_a_proxy_lacks_is_not_said_of_the_item() {
        let routes = routes("http://u:secret@p.example:3128", "", &[]);
        let origin = Origin::of(&Url::parse("http://a.example/").unwrap()).unwrap();
        let nobody = Failure::new(FailureKind::NoSuchHost, "p.example does not exist");
        let Unconnected { failure, hopeless } = routes.to(&origin).blame(nobody);
        assert_eq!(failure.kind, FailureKind::ConnectFailed);
        assert_eq!(failure.reason, "the proxy p.example:3128: p.example does not exist");
        assert!(hopeless);
    }
}
