use std::str::FromStr;
use std::sync::Arc;

use url::Host;

/// "Connect there in place of this host and port" (curl's `--connect-to`):
/// `HOST1:PORT1:HOST2:PORT2`, where an empty part of the first pair is any, and one of the second
/// stays as it was. The name for TLS and the Host field stay the URL's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConnectTo {
    /// In lower case; IPv6 addresses in brackets.
    pub(crate) from_host: Option<Arc<str>>,
    pub(crate) from_port: Option<u16>,
    pub(crate) to_host: Option<Arc<str>>,
    pub(crate) to_port: Option<u16>,
}

impl ConnectTo {
    pub(crate) fn fits(&self, host: &str, port: u16) -> bool {
        self.from_host.as_deref().is_none_or(|of| of == host)
            && self.from_port.is_none_or(|of| of == port)
    }
}

/// The text names no two pairs of host and port.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "write it as HOST1:PORT1:HOST2:PORT2, such as example.com:443:127.0.0.1:8443, or with empty \
     parts ::127.0.0.1:8080; IPv6 addresses in brackets"
)]
pub struct BadConnectTo;

impl FromStr for ConnectTo {
    type Err = BadConnectTo;

    fn from_str(text: &str) -> Result<Self, BadConnectTo> {
        let (from_host, rest) = host(text)?;
        let (from_port, rest) = rest.split_once(':').ok_or(BadConnectTo)?;
        let (to_host, to_port) = host(rest)?;
        let port = |text: &str| match text {
            "" => Ok(None),
            text => match text.parse() {
                Ok(0) | Err(_) => Err(BadConnectTo),
                Ok(port) => Ok(Some(port)),
            },
        };
        Ok(Self { from_host, from_port: port(from_port)?, to_host, to_port: port(to_port)? })
    }
}

/// A host up to its colon, and what follows that.
fn host(text: &str) -> Result<(Option<Arc<str>>, &str), BadConnectTo> {
    let end = if text.starts_with('[') { text.find(']').ok_or(BadConnectTo)? } else { 0 };
    let colon = end + text[end..].find(':').ok_or(BadConnectTo)?;
    let (host, rest) = (&text[..colon], &text[colon + 1..]);
    if host.is_empty() {
        return Ok((None, rest));
    }
    let host = Host::parse(host).map_err(|_| BadConnectTo)?;
    Ok((Some(host.to_string().into()), rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_part_may_be_empty() {
        let parts = |text: &str| {
            let ConnectTo { from_host, from_port, to_host, to_port } = text.parse().unwrap();
            let text = |host: Option<Arc<str>>| host.map(|host| host.to_string());
            (text(from_host), from_port, text(to_host), to_port)
        };
        let name = |name: &str| Some(name.to_owned());
        for (text, expected) in [
            ("::127.0.0.1:8080", (None, None, name("127.0.0.1"), Some(8080))),
            (
                "A.example:443:b.example:8443",
                (name("a.example"), Some(443), name("b.example"), Some(8443)),
            ),
            ("[::1]:80:[::2]:", (name("[::1]"), Some(80), name("[::2]"), None)),
            (":80::8080", (None, Some(80), None, Some(8080))),
            (":::", (None, None, None, None)),
        ] {
            assert_eq!(parts(text), expected, "{text}");
        }
        for bad in
            ["", "a", "a:1", "a:1:b", "a:x:b:1", "a:1:b:0", "::1:1:b:2", "[::1:1:b:2", "a:1:b:2:3"]
        {
            assert_eq!(bad.parse::<ConnectTo>(), Err(BadConnectTo), "{bad}");
        }
    }
}
