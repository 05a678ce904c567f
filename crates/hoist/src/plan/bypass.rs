use std::net::IpAddr;
use std::str::FromStr;

use url::Host;

/// Hosts that no proxy is asked for, by the rules of curl 7.86 and later (`NO_PROXY`): words with
/// commas or blanks between them.
///
/// `*` is every host. A name is that host and all below it (`example.com` and `.example.com` alike).
/// An address is that address; `10.0.0.0/8` or `fd00::/8` all that begin so; a name never matches an
/// address, nor the other way round: nothing is looked up. `HOST:PORT` is that port alone, any of the
/// others every port.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Bypass(Vec<Word>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Word {
    hosts: Hosts,
    port: Option<u16>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Hosts {
    All,
    /// Those whose first bits are these.
    Block(IpAddr, u8),
    /// That one and those below, in lower case.
    Below(String),
}

/// A word that names no hosts.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} names no hosts; write example.com, 192.0.2.1, 10.0.0.0/8, fd00::/8 or *, with commas between"
)]
pub struct BadBypass(String);

impl FromStr for Bypass {
    type Err = BadBypass;

    fn from_str(text: &str) -> Result<Self, BadBypass> {
        words(text).map(Word::parse).collect::<Result<_, _>>().map(Self)
    }
}

impl Bypass {
    /// Passes over words that name nothing: a variable of the environment is read by other programs
    /// too, each with rules of its own.
    pub fn lenient(text: &str) -> Self {
        Self(words(text).filter_map(|word| Word::parse(word).ok()).collect())
    }

    pub(crate) fn contains(&self, host: &Host<&str>, port: u16) -> bool {
        self.0.iter().any(|word| word.contains(host, port))
    }
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    let between = |c: char| c == ',' || c.is_ascii_whitespace();
    text.split(between).filter(|word| !word.is_empty())
}

impl Word {
    fn parse(word: &str) -> Result<Self, BadBypass> {
        let bad = || BadBypass(word.to_owned());
        if let Some(hosts) = Hosts::block(word) {
            return Ok(Self { hosts: hosts.ok_or_else(bad)?, port: None });
        }
        let (host, port) = match word.rsplit_once(':') {
            Some((host, port)) => (host, Some(port.parse().map_err(|_| bad())?)),
            None => (word, None),
        };
        if let Some(hosts) = Hosts::block(host) {
            return Ok(Self { hosts: hosts.ok_or_else(bad)?, port });
        }
        let hosts = if host == "*" {
            Hosts::All
        } else {
            let name = host.strip_prefix('.').unwrap_or(host);
            let name = name.strip_suffix('.').unwrap_or(name);
            // Punycode, as in URLs.
            match Host::parse(name) {
                Ok(Host::Domain(name)) => Hosts::Below(name),
                _ => return Err(bad()),
            }
        };
        Ok(Self { hosts, port })
    }

    fn contains(&self, host: &Host<&str>, port: u16) -> bool {
        if self.port.is_some_and(|only| only != port) {
            return false;
        }
        match (&self.hosts, host) {
            (Hosts::All, _) => true,
            (Hosts::Below(name), Host::Domain(host)) => {
                let host = host.strip_suffix('.').unwrap_or(host);
                host.strip_suffix(name.as_str())
                    .is_some_and(|above| above.is_empty() || above.ends_with('.'))
            }
            (Hosts::Block(first, bits), Host::Ipv4(address)) => {
                shares(*first, (*address).into(), *bits)
            }
            (Hosts::Block(first, bits), Host::Ipv6(address)) => {
                shares(*first, (*address).into(), *bits)
            }
            _ => false,
        }
    }
}

impl Hosts {
    /// `ADDRESS` or `ADDRESS/BITS`. None: it is not about addresses; `Some(None)`: it is, and wrong.
    #[expect(clippy::option_option, reason = "no address, a bad one, a good one")]
    fn block(word: &str) -> Option<Option<Self>> {
        let (address, bits) = match word.split_once('/') {
            Some((address, bits)) => (address, Some(bits)),
            None => (word, None),
        };
        let bare = address.strip_prefix('[').and_then(|bare| bare.strip_suffix(']'));
        let Ok(address) = bare.unwrap_or(address).parse::<IpAddr>() else {
            return bits.map(|_| None);
        };
        let all = if address.is_ipv4() { 32 } else { 128 };
        let bits = bits.map_or(Some(all), |bits| bits.parse().ok().filter(|bits| *bits <= all));
        Some(bits.map(|bits| Self::Block(address, bits)))
    }
}

/// Whether two addresses of one family have their first bits in common.
fn shares(a: IpAddr, b: IpAddr, bits: u8) -> bool {
    let (differ, width) = match (a, b) {
        (IpAddr::V4(a), IpAddr::V4(b)) => (u128::from(a.to_bits() ^ b.to_bits()), 32),
        (IpAddr::V6(a), IpAddr::V6(b)) => (a.to_bits() ^ b.to_bits(), 128),
        _ => return false,
    };
    differ.checked_shr(width - u32::from(bits)).unwrap_or(0) == 0
}

#[cfg(test)]
mod tests {
    use url::Url;

    use super::*;

    fn contains(list: &str, url: &str) -> bool {
        let url = Url::parse(url).unwrap();
        let host = url.host().unwrap();
        Bypass::lenient(list).contains(&host, url.port_or_known_default().unwrap())
    }

    #[test]
    fn hosts_are_passed_by_as_with_curl() {
        for (list, url, expected) in [
            ("", "http://a.example/", false),
            ("*", "http://a.example/", true),
            ("*", "http://[::1]/", true),
            ("x, *", "http://a.example/", true),
            ("a.example", "http://a.example/", true),
            ("A.Example.", "http://a.example/", true),
            ("a.example", "http://a.example./", true),
            ("a.example", "http://www.a.example/", true),
            (".a.example", "http://www.a.example/", true),
            (".a.example", "http://a.example/", true),
            ("a.example", "http://ba.example/", false),
            ("www.a.example", "http://a.example/", false),
            ("example", "http://a.example/", true),
            ("b.example,a.example", "https://a.example/", true),
            ("b.example a.example", "https://a.example/", true),
            ("b.example\ta.example,", "https://a.example/", true),
            ("m\u{fc}ller.example", "http://xn--mller-kva.example/", true),
            ("127.0.0.1", "http://127.0.0.1:8080/", true),
            ("127.0.0.1", "http://127.0.0.2/", false),
            ("0.0.1", "http://127.0.0.1/", false),
            ("127.0.0.1", "http://localhost/", false),
            ("localhost", "http://127.0.0.1/", false),
            ("10.0.0.0/8", "http://10.200.3.4/", true),
            ("10.0.0.0/8", "http://11.0.0.1/", false),
            ("192.168.0.1/16", "http://192.168.255.255/", true),
            ("192.0.2.0/31", "http://192.0.2.1/", true),
            ("192.0.2.0/31", "http://192.0.2.2/", false),
            ("0.0.0.0/0", "http://1.2.3.4/", true),
            ("0.0.0.0/0", "http://[::1]/", false),
            ("10.0.0.0/33", "http://10.0.0.0/", false),
            ("10.0.0.0/", "http://10.0.0.0/", false),
            ("fd00::/8", "http://[fd12::1]/", true),
            ("::/0", "http://[fd12::1]/", true),
            ("fd00::/8", "http://[fe80::1]/", false),
            ("::1", "http://[::1]:8080/", true),
            ("[::1]", "http://[::1]/", true),
            ("::2", "http://[::1]/", false),
            ("a.example:8080", "http://a.example:8080/", true),
            ("a.example:8080", "http://a.example/", false),
            ("[::1]:80", "http://[::1]/", true),
            ("*:443", "https://a.example/", true),
            ("192.168.*", "http://192.168.0.1/", false),
        ] {
            assert_eq!(contains(list, url), expected, "{list:?} {url}");
        }
    }

    #[test]
    fn a_word_that_names_nothing_is_told_where_it_is_typed() {
        for bad in ["10.0.0.0/33", "10.0.0.0/x", "a.example/8", "a.example:x", "a,b^c", "[::1"] {
            assert!(bad.parse::<Bypass>().is_err(), "{bad}");
        }
        assert!("a.example, 10.0.0.0/8".parse::<Bypass>().is_ok());
        assert!(contains("b^c,a.example", "http://a.example/"));
    }
}
