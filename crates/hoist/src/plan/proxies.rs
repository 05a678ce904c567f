use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use percent_encoding::percent_decode_str;
use url::Host;

use super::{BadCredentials, Bypass, Credentials};

/// Which proxies stand in between, and for whom they don't.
#[derive(Debug, Clone, Default)]
pub struct ProxyPlan {
    /// For http URLs. An HTTP proxy is asked for each URL as a whole (RFC 9112 §3.2.2).
    pub http: Option<Proxy>,
    /// For https URLs. An HTTP proxy is asked for a tunnel (RFC 9110 §9.3.6), and sees only host and
    /// port.
    pub https: Option<Proxy>,
    /// Hosts that are connected to directly.
    pub bypass: Bypass,
}

/// A proxy: `[SCHEME://][USER:PASS@]HOST[:PORT]`. User and password, percent-encoded where they have
/// `:`, `@`, `/` or `%` in them, are told to nobody but the proxy, and never shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proxy {
    pub(crate) scheme: ProxyScheme,
    /// In lower case; IPv6 addresses in brackets.
    pub(crate) host: Arc<str>,
    pub(crate) port: u16,
    pub(crate) credentials: Option<Credentials>,
}

/// What is spoken with a proxy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProxyScheme {
    /// HTTP/1.1.
    Http,
    /// HTTP/1.1 over TLS.
    Https,
    /// SOCKS 5 (RFC 1928); names are looked up here.
    Socks5,
    /// SOCKS 5; the proxy looks names up.
    Socks5h,
}

impl ProxyScheme {
    /// The port of a proxy that names none: 443 for https, else 1080, as curl has it.
    pub fn default_port(self) -> u16 {
        match self {
            Self::Https => 443,
            Self::Http | Self::Socks5 | Self::Socks5h => 1080,
        }
    }

    pub(crate) fn is_http(self) -> bool {
        matches!(self, Self::Http | Self::Https)
    }
}

impl FromStr for Proxy {
    type Err = BadProxy;

    fn from_str(text: &str) -> Result<Self, BadProxy> {
        let text = text.trim();
        let (scheme, rest) = match text.split_once("://") {
            None => (ProxyScheme::Http, text),
            Some((scheme, rest)) => (scheme_of(scheme)?, rest),
        };
        // A path says nothing here; a URL often ends with its slash.
        let rest = rest.split(['/', '?', '#']).next().unwrap_or_default();
        let (userinfo, authority) = match rest.rsplit_once('@') {
            Some((userinfo, authority)) => (Some(userinfo), authority),
            None => (None, rest),
        };
        let (host, port) = match authority.rsplit_once(':') {
            // A colon within brackets is none before a port.
            Some((host, port)) if !port.ends_with(']') => {
                let port = port.parse().ok().filter(|port| *port != 0);
                (host, port.ok_or(BadProxy::Port)?)
            }
            _ => (authority, scheme.default_port()),
        };
        let host = Host::parse(host).map_err(|_| BadProxy::Host)?.to_string().into();
        let credentials = userinfo.map(|userinfo| credentials(scheme, userinfo)).transpose()?;
        Ok(Self { scheme, host, port, credentials })
    }
}

fn scheme_of(text: &str) -> Result<ProxyScheme, BadProxy> {
    match text.to_ascii_lowercase().as_str() {
        "http" => Ok(ProxyScheme::Http),
        "https" => Ok(ProxyScheme::Https),
        "socks5" => Ok(ProxyScheme::Socks5),
        "socks5h" => Ok(ProxyScheme::Socks5h),
        _ => Err(BadProxy::Scheme),
    }
}

fn credentials(scheme: ProxyScheme, userinfo: &str) -> Result<Credentials, BadProxy> {
    let decode = |text| {
        let decoded = percent_decode_str(text).decode_utf8();
        decoded.map(std::borrow::Cow::into_owned).map_err(|_| BadProxy::Encoding)
    };
    let (user, password) = userinfo.split_once(':').unwrap_or((userinfo, ""));
    let credentials = Credentials::new(decode(user)?, decode(password)?)?;
    // RFC 1929 §2 has a byte for each length.
    let fits = |text: &str| (1..=255).contains(&text.len());
    if scheme.is_http() || fits(credentials.user()) && fits(credentials.password()) {
        return Ok(credentials);
    }
    Err(BadProxy::Length)
}

/// Without user and password.
impl fmt::Display for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

/// Why a text names no proxy. It may hold a password, so it isn't told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadProxy {
    /// Another protocol.
    #[error(
        "proxies speak http://, https://, socks5:// or socks5h:// (which looks names up itself)"
    )]
    Scheme,
    /// Not a host.
    #[error(
        "its host is no name and no address; write http://HOST:PORT, with %40 for an @ in a password"
    )]
    Host,
    /// Not a port.
    #[error("its port is no number from 1 to 65535; write http://HOST:PORT")]
    Port,
    /// Not UTF-8.
    #[error("its user and password are not UTF-8")]
    Encoding,
    /// Too long or empty for SOCKS.
    #[error("user and password of a SOCKS proxy have 1 to 255 bytes each")]
    Length,
    /// Can't be sent.
    #[error(transparent)]
    Credentials(#[from] BadCredentials),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proxy_is_read_as_curl_reads_it() {
        for (text, scheme, shown) in [
            ("p.example", ProxyScheme::Http, "p.example:1080"),
            ("P.example:3128", ProxyScheme::Http, "p.example:3128"),
            ("http://p.example:3128/", ProxyScheme::Http, "p.example:3128"),
            ("https://p.example", ProxyScheme::Https, "p.example:443"),
            ("SOCKS5://127.0.0.1", ProxyScheme::Socks5, "127.0.0.1:1080"),
            ("socks5h://[::1]:9050", ProxyScheme::Socks5h, "[::1]:9050"),
            ("[::1]", ProxyScheme::Http, "[::1]:1080"),
            ("http://u:p%40ss@p.example:8", ProxyScheme::Http, "p.example:8"),
            ("http://u:p@ss@p.example:8", ProxyScheme::Http, "p.example:8"),
        ] {
            let proxy: Proxy = text.parse().unwrap();
            assert_eq!((proxy.scheme, proxy.to_string()), (scheme, shown.to_owned()), "{text}");
            if text.contains('@') {
                assert_eq!(proxy.credentials, Some(Credentials::new("u", "p@ss").unwrap()));
                assert!(!format!("{proxy:?}").contains("p@ss"));
            }
        }
    }

    #[test]
    fn what_is_no_proxy_says_why_and_no_password() {
        let long = format!("socks5://u:{}@h", "x".repeat(256));
        for (text, bad) in [
            ("socks4://h", BadProxy::Scheme),
            ("ftp://u:secret@h", BadProxy::Scheme),
            ("", BadProxy::Host),
            ("http://", BadProxy::Host),
            ("http://u:sec/ret@h", BadProxy::Port),
            ("http://a b", BadProxy::Host),
            ("http://u:secret@h:0", BadProxy::Port),
            ("http://h:x", BadProxy::Port),
            ("::1", BadProxy::Host),
            ("http://u:%ff@h", BadProxy::Encoding),
            ("http://u%3a:x@h", BadProxy::Credentials(BadCredentials::Colon)),
            ("http://u:x%0d%0ay@h", BadProxy::Credentials(BadCredentials::Control)),
            ("socks5://:x@h", BadProxy::Length),
            (&long, BadProxy::Length),
        ] {
            let error = text.parse::<Proxy>().unwrap_err();
            assert_eq!(error, bad, "{text}");
            assert!(!error.to_string().contains("secret"));
        }
    }
}
