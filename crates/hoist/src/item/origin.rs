use std::fmt;
use std::hash::{BuildHasher, Hash, Hasher, RandomState};
use std::sync::{Arc, LazyLock};

use url::{Host, Url};

/// Whom a run must be polite to: scheme, host and port (RFC 6454 §4).
#[derive(Debug, Clone, Eq)]
pub(crate) struct Origin {
    pub(crate) secure: bool,
    /// In lower case; IPv6 addresses in brackets.
    pub(crate) host: Arc<str>,
    pub(crate) port: u16,
    /// Of all that, with a key of this process: an origin is looked up ten times for each item.
    hash: u64,
}

impl PartialEq for Origin {
    fn eq(&self, other: &Self) -> bool {
        let same_host = Arc::ptr_eq(&self.host, &other.host) || self.host == other.host;
        (self.hash, self.secure, self.port) == (other.hash, other.secure, other.port) && same_host
    }
}

impl Hash for Origin {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.hash);
    }
}

impl Origin {
    /// The origin of an http or https URL. `None` for any other.
    pub(crate) fn of(url: &Url) -> Option<Self> {
        let secure = match url.scheme() {
            "https" => true,
            "http" => false,
            _ => return None,
        };
        let (host, port) = (url.host_str()?, url.port_or_known_default()?);
        let hash = KEY.hash_one((secure, host, port));
        Some(Self { secure, host: host.into(), port, hash })
    }

    /// Whom to connect to.
    pub(crate) fn host(&self) -> Host<&str> {
        host(&self.host)
    }

    /// The host without the dot that makes a name absolute: that is for the DNS alone. Certificates
    /// and SNI have none (RFC 6066 §3), and many servers know no host by a name that ends in one.
    pub(crate) fn bare_host(&self) -> &str {
        self.host.strip_suffix('.').unwrap_or(&self.host)
    }

    /// What the Host field holds (RFC 9110 §7.2): the port only where it is not the default.
    pub(crate) fn authority(&self) -> String {
        let default = if self.secure { 443 } else { 80 };
        if self.port == default {
            self.bare_host().to_owned()
        } else {
            format!("{}:{}", self.bare_host(), self.port)
        }
    }
}

/// Hosts come from lists of strangers: by chance, so that none can be made whose hashes are the same.
static KEY: LazyLock<RandomState> = LazyLock::new(RandomState::new);

/// Tells an address, as a URL has it, from a name.
pub(crate) fn host(text: &str) -> Host<&str> {
    if let Some(v6) = text.strip_prefix('[').and_then(|host| host.strip_suffix(']'))
        && let Ok(address) = v6.parse()
    {
        return Host::Ipv6(address);
    }
    match text.parse() {
        Ok(address) => Host::Ipv4(address),
        Err(_) => Host::Domain(text),
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.secure { "https" } else { "http" };
        write!(f, "{scheme}://{}", self.authority())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origin(url: &str) -> Option<Origin> {
        Origin::of(&Url::parse(url).unwrap())
    }

    #[test]
    fn the_default_port_is_not_told() {
        assert_eq!(origin("http://A.example:80/x").unwrap().to_string(), "http://a.example");
        assert_eq!(origin("https://a.example:80/").unwrap().to_string(), "https://a.example:80");
        assert_eq!(origin("http://a.example/"), origin("http://u:p@a.EXAMPLE:80/y"));
        assert_eq!(origin("ftp://a.example/"), None);
    }

    #[test]
    fn the_dot_of_an_absolute_name_is_for_the_dns_alone() {
        let absolute = origin("http://A.example.:8000/").unwrap();
        assert!(matches!(absolute.host(), Host::Domain("a.example.")));
        assert_eq!((absolute.bare_host(), &*absolute.authority()), ("a.example", "a.example:8000"));
        assert_ne!(Some(absolute), origin("http://a.example:8000/"));
    }

    #[test]
    fn addresses_are_told_from_names() {
        let host = |url| origin(url).unwrap();
        assert!(matches!(host("http://[::1]:8/").host(), Host::Ipv6(_)));
        assert!(matches!(host("http://127.1/").host(), Host::Ipv4(_)));
        assert!(matches!(host("http://localhost/").host(), Host::Domain("localhost")));
    }
}
