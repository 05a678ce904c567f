use std::borrow::Cow;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use idna::uts46::{AsciiDenyList, DnsLength, Hyphens, Uts46};

use crate::outcome::{Failure, FailureKind};

/// What a user's text names: a domain, or an address that needs no lookup.
///
/// As with getaddrinfo, an address in a name's place is its own answer.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum DomainName {
    /// To be looked up.
    Name(WireName),
    /// An address: IPv6, or IPv4 in any form that `inet_aton(3)` takes.
    Literal(IpAddr),
}

/// A whole domain name in the form that goes over the wire, uncompressed (RFC 1035 §3.1), its
/// letters lowered. At most 255 bytes, each label at most 63, the root's empty label last.
///
/// Shared, since an item, its questions and a table of names hold the same one.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct WireName(Arc<[u8]>);

/// Bytes of a name on the wire (RFC 1035 §2.3.4).
const MAX_WIRE: usize = 255;
/// Bytes of a label (RFC 1035 §2.3.4).
const MAX_LABEL: usize = 63;
/// What the bytes of a label become; 0 for those that no label has.
const LOWERED: [u8; 256] = {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 128 {
        if matches!(byte, b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'*') {
            table[byte as usize] = byte.to_ascii_lowercase();
        }
        byte += 1;
    }
    table
};
/// Bytes of text that are looked at: no name is longer in any script, short of one that is made
/// of characters that count for nothing.
const MAX_TEXT: usize = 4096;

impl DomainName {
    /// Reads a name as people write it. It is taken as absolute, with or without the dot at its
    /// end: there is no search list. Other scripts are converted (UTS 46, nontransitional);
    /// labels with `_` and with hyphens anywhere are allowed, as the DNS itself allows them.
    pub(crate) fn parse(text: &str) -> Result<Self, Failure> {
        match WireName::plain(text.as_bytes()) {
            Some(name) => Ok(Self::Name(name)),
            None => Self::parse_any(text),
        }
    }

    fn parse_any(text: &str) -> Result<Self, Failure> {
        let bad = |reason: String| Failure::new(FailureKind::BadName, reason);
        if text.len() > MAX_TEXT {
            return Err(bad(too_long()));
        }
        if text.contains(':')
            && let Ok(address) = text.parse()
        {
            return Ok(Self::Literal(address));
        }
        if let Some(remedy) = no_name_at_all(text) {
            return Err(bad(remedy));
        }
        let ascii = if text.is_ascii() {
            Cow::Borrowed(text)
        } else {
            Uts46::new()
                .to_ascii(text.as_bytes(), AsciiDenyList::EMPTY, Hyphens::Allow, DnsLength::Ignore)
                .map_err(|_| {
                    bad("a character that no domain name may hold (RFC 5892); check its spelling"
                        .to_owned())
                })?
        };
        // Digits of other scripts have become plain ones.
        if let Some(address) = literal(&ascii) {
            return Ok(Self::Literal(address));
        }
        match WireName::from_ascii(&ascii) {
            Ok(name) => Ok(Self::Name(name)),
            Err(reason) => Err(bad(reason)),
        }
    }
}

impl WireName {
    /// Takes the wire form of a name that was received; `None` if it is none.
    pub(crate) fn from_wire(wire: &[u8]) -> Option<Self> {
        if wire.len() > MAX_WIRE {
            return None;
        }
        let mut lowered = [0; MAX_WIRE];
        let lowered = &mut lowered[..wire.len()];
        let mut at = 0;
        loop {
            let length = usize::from(*wire.get(at)?);
            if length > MAX_LABEL {
                return None;
            }
            lowered[at] = wire[at];
            let label = wire.get(at + 1..at + 1 + length)?;
            lowered[at + 1..at + 1 + length].copy_from_slice(label);
            lowered[at + 1..at + 1 + length].make_ascii_lowercase();
            at += 1 + length;
            if length == 0 {
                return (at == wire.len()).then(|| Self(Arc::from(&*lowered)));
            }
        }
    }

    /// Reads a name that is written as nearly all are, in one pass. `None` of any that needs a closer
    /// look.
    fn plain(text: &[u8]) -> Option<Self> {
        let (first, last) = (text.first()?, text.last()?);
        // With the first length and the root's: 255 bytes at most.
        if text.len() > MAX_WIRE - 2 || first.is_ascii_digit() && last.is_ascii_hexdigit() {
            return None;
        }
        let mut wire = [0; MAX_WIRE];
        let mut label = 0;
        let mut at = 1;
        for &byte in text {
            let lowered = LOWERED[usize::from(byte)];
            wire[at] = lowered;
            at += 1;
            if lowered == 0 {
                if byte != b'.' {
                    return None;
                }
                let length = u8::try_from(at - label - 2).ok()?;
                if length == 0 || usize::from(length) > MAX_LABEL {
                    return None;
                }
                wire[label] = length;
                label = at - 1;
            }
        }
        let length = u8::try_from(at - label - 1).ok()?;
        if usize::from(length) > MAX_LABEL {
            return None;
        }
        wire[label] = length;
        // After a dot at the end this is the root's.
        let end = if length == 0 { at } else { at + 1 };
        Some(Self(Arc::from(&wire[..end])))
    }

    /// The name that the name of an address is asked for under (RFC 1035 §3.5, RFC 3596 §2.5).
    pub(crate) fn reverse(address: IpAddr) -> Self {
        // 32 nibbles take 64 bytes, `ip6.arpa.` 10.
        let mut wire = Vec::with_capacity(74);
        let mut label = |text: &[u8]| {
            wire.push(u8::try_from(text.len()).unwrap_or_default());
            wire.extend_from_slice(text);
        };
        match address {
            IpAddr::V4(four) => {
                for octet in four.octets().into_iter().rev() {
                    label(octet.to_string().as_bytes());
                }
                label(b"in-addr");
            }
            IpAddr::V6(six) => {
                for octet in six.octets().into_iter().rev() {
                    for nibble in [octet & 15, octet >> 4] {
                        label(&[b"0123456789abcdef"[usize::from(nibble)]]);
                    }
                }
                label(b"ip6");
            }
        }
        label(b"arpa");
        label(b"");
        Self(Arc::from(wire))
    }

    fn from_ascii(text: &str) -> Result<Self, String> {
        if text == "." {
            return Ok(Self(Arc::from([0].as_slice())));
        }
        let text = text.strip_suffix('.').unwrap_or(text);
        let mut wire = [0; MAX_WIRE];
        let mut at = 0;
        for label in text.split('.') {
            let bytes = label.as_bytes();
            if bytes.is_empty() {
                return Err(if text.is_empty() {
                    "the name is empty".to_owned()
                } else {
                    "an empty label; remove the dot too many".to_owned()
                });
            }
            if bytes.len() > MAX_LABEL {
                return Err(format!(
                    "a label of {} bytes; a label has at most {MAX_LABEL}, put a dot between them",
                    bytes.len()
                ));
            }
            // One more for the root.
            if at + 1 + bytes.len() + 1 > MAX_WIRE {
                return Err(too_long());
            }
            wire[at] = u8::try_from(bytes.len()).unwrap_or(u8::MAX);
            at += 1;
            for &byte in bytes {
                if !matches!(byte, b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'*') {
                    return Err(unfit(char::from(byte)));
                }
                wire[at] = byte.to_ascii_lowercase();
                at += 1;
            }
        }
        Ok(Self(Arc::from(&wire[..=at])))
    }

    /// The bytes that go over the wire.
    pub(crate) fn as_wire(&self) -> &[u8] {
        &self.0
    }

    /// The name of this one within a domain; `None` if that is too long for a name.
    pub(crate) fn within(&self, domain: &Self) -> Option<Self> {
        let relative = self.0.strip_suffix(&[0])?;
        let length = relative.len() + domain.0.len();
        (length <= MAX_WIRE).then(|| Self(relative.iter().chain(&*domain.0).copied().collect()))
    }

    /// The labels, from the left, without the root's.
    pub(crate) fn labels(&self) -> impl Iterator<Item = &[u8]> {
        let mut rest = self.as_wire();
        std::iter::from_fn(move || {
            let (&length, after) = rest.split_first()?;
            if length == 0 {
                return None;
            }
            let (label, next) = after.split_at_checked(usize::from(length))?;
            rest = next;
            Some(label)
        })
    }
}

impl fmt::Display for WireName {
    /// As people write it, without the dot at the end; what is not printable as `\DDD` (RFC 1035
    /// §5.1), for a name that was received may hold any byte.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut labels = self.labels().peekable();
        if labels.peek().is_none() {
            return f.write_str(".");
        }
        while let Some(label) = labels.next() {
            for &byte in label {
                match byte {
                    b'.' | b'\\' => write!(f, "\\{}", char::from(byte))?,
                    0x21..=0x7e => write!(f, "{}", char::from(byte))?,
                    other => write!(f, "\\{other:03}")?,
                }
            }
            if labels.peek().is_some() {
                f.write_str(".")?;
            }
        }
        Ok(())
    }
}

fn too_long() -> String {
    format!("longer than the {MAX_WIRE} bytes that a name may have; shorten it")
}

fn unfit(c: char) -> String {
    match c {
        ' ' | '\t' => "a blank in the name; write one name on a line".to_owned(),
        c if c.is_ascii_control() => {
            format!("a control character ({:#04x}) in the name; remove it", u32::from(c))
        }
        c => format!("{c:?} can't be part of a name; letters, digits, - _ * and dots can"),
    }
}

/// What was meant, where the text is plainly something else.
fn no_name_at_all(text: &str) -> Option<String> {
    let host = |rest: &str| -> String {
        let end = rest.find(['/', '?', '#', ':']).unwrap_or(rest.len());
        rest[..end].chars().filter(|c| !c.is_control()).take(80).collect()
    };
    if let Some((_, rest)) = text.split_once("://") {
        // What stands before an @ may be a password.
        let rest = rest.rsplit_once('@').map_or(rest, |(_, rest)| rest);
        return Some(format!("this is a URL; probe takes names: {}", host(rest)));
    }
    if let Some((_, domain)) = text.rsplit_once('@') {
        return Some(format!("this is a mail address; probe takes names: {}", host(domain)));
    }
    if text.starts_with('[') {
        return Some("an address in brackets; write it without them".to_owned());
    }
    if let Some((name, port)) = text.split_once(':')
        && port.bytes().all(|byte| byte.is_ascii_digit())
    {
        return Some(format!("a name with a port; probe takes names: {}", host(name)));
    }
    if let Some((name, _)) = text.split_once('/')
        && name.contains('.')
    {
        return Some(format!("a name with a path; probe takes names: {}", host(name)));
    }
    None
}

/// The IPv4 address that the text is, as getaddrinfo reads it.
fn literal(text: &str) -> Option<IpAddr> {
    // Few names end in a digit, so this is all it costs.
    if !text.ends_with(|c: char| c.is_ascii_hexdigit())
        || !text.starts_with(|c: char| c.is_ascii_digit())
    {
        return None;
    }
    inet_aton(text).map(IpAddr::V4)
}

/// One to four numbers, decimal, octal with a leading 0 or hexadecimal with 0x; the last one fills
/// the bytes that are left (`inet_aton(3)`).
fn inet_aton(text: &str) -> Option<Ipv4Addr> {
    let mut parts = [0_u32; 4];
    let mut count = 0;
    for word in text.split('.') {
        let number = match word.strip_prefix("0x").or_else(|| word.strip_prefix("0X")) {
            Some(hex) => unsigned(hex, 16)?,
            None if word.len() > 1 && word.starts_with('0') => unsigned(&word[1..], 8)?,
            None => unsigned(word, 10)?,
        };
        *parts.get_mut(count)? = number;
        count += 1;
    }
    let (last, leading) = parts[..count].split_last()?;
    let mut address = 0_u32;
    for part in leading {
        address = address << 8 | u32::from(u8::try_from(*part).ok()?);
    }
    let bits = 32 - 8 * u32::try_from(leading.len()).ok()?;
    if u64::from(*last) >> bits != 0 {
        return None;
    }
    let address = (u64::from(address) << bits) | u64::from(*last);
    Some(Ipv4Addr::from(u32::try_from(address).ok()?))
}

/// A number without a sign, which `from_str_radix` would take.
fn unsigned(digits: &str, radix: u32) -> Option<u32> {
    if !digits.starts_with(|c: char| c.is_digit(radix)) {
        return None;
    }
    u32::from_str_radix(digits, radix).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn shown(text: &str) -> String {
        match DomainName::parse(text) {
            Ok(DomainName::Name(name)) => name.to_string(),
            Ok(DomainName::Literal(address)) => format!("={address}"),
            Err(failure) => {
                assert_eq!(failure.kind, FailureKind::BadName);
                format!("!{}", failure.reason)
            }
        }
    }

    #[test]
    fn names_are_absolute_and_lowered() {
        for (text, expected) in [
            ("with.dev", "with.dev"),
            ("WITH.dev.", "with.dev"),
            ("_dmarc.a--b.-x-.example", "_dmarc.a--b.-x-.example"),
            ("*.example", "*.example"),
            ("localhost", "localhost"),
            (".", "."),
            ("bücher.example", "xn--bcher-kva.example"),
            ("faß.de", "xn--fa-hia.de"),
            ("_x.ドメイン。テスト", "_x.xn--eckwd4c7c.xn--zckzah"),
            ("1.example", "1.example"),
            ("4.3.2.1.in-addr.arpa", "4.3.2.1.in-addr.arpa"),
        ] {
            assert_eq!(shown(text), expected, "{text}");
        }
        let DomainName::Name(name) = DomainName::parse("a.bc").unwrap() else { panic!() };
        assert_eq!(name.as_wire(), b"\x01a\x02bc\0");
    }

    #[test]
    fn addresses_are_their_own_answer() {
        for (text, expected) in [
            ("192.0.2.1", "=192.0.2.1"),
            ("127.1", "=127.0.0.1"),
            ("0x7f.1", "=127.0.0.1"),
            ("017.0.0.1", "=15.0.0.1"),
            ("1", "=0.0.0.1"),
            ("4294967295", "=255.255.255.255"),
            ("::1", "=::1"),
            // These getaddrinfo would look up.
            ("256.0.0.1", "256.0.0.1"),
            ("1.2.3.4.5", "1.2.3.4.5"),
            ("4294967296", "4294967296"),
            ("09.0.0.1", "09.0.0.1"),
            ("0x.1", "0x.1"),
        ] {
            assert_eq!(shown(text), expected, "{text}");
        }
    }

    #[test]
    fn addresses_have_names_of_their_own() {
        for (address, expected) in [
            ("192.0.2.1", "1.2.0.192.in-addr.arpa".to_owned()),
            ("255.0.0.10", "10.0.0.255.in-addr.arpa".to_owned()),
            // The example of RFC 3596 §2.5.
            (
                "4321:0:1:2:3:4:567:89ab",
                "b.a.9.8.7.6.5.0.4.0.0.0.3.0.0.0.2.0.0.0.1.0.0.0.0.0.0.0.1.2.3.4.ip6.arpa"
                    .to_owned(),
            ),
            ("::", format!("{}ip6.arpa", "0.".repeat(32))),
        ] {
            let name = WireName::reverse(address.parse().unwrap());
            assert_eq!(name.to_string(), expected);
            assert_eq!(WireName::from_wire(name.as_wire()), Some(name));
        }
    }

    #[test]
    fn bad_names_say_what_to_do() {
        let long_label = "x".repeat(64);
        let long_name = format!("{}.example", ["x"; 130].join("."));
        for (text, words) in [
            ("", "empty"),
            ("a..b", "dot too many"),
            (".a", "dot too many"),
            ("a b", "one name on a line"),
            ("a\u{7}b", "control character"),
            ("https://user:secret@a.example/x", "names: a.example"),
            ("mail@a.example", "names: a.example"),
            ("a.example:53", "names: a.example"),
            ("a.example/x", "names: a.example"),
            ("[::1]", "without them"),
            ("a!b", "'!'"),
            ("::z", "':'"),
            ("\u{fdd0}.example", "no domain name"),
            (&long_label, "64 bytes"),
            (&long_name, "255"),
            (&"é".repeat(4000), "255"),
        ] {
            let said = shown(text);
            assert!(said.starts_with('!') && said.contains(words), "{text}: {said}");
            assert!(!said.contains("secret"), "{said}");
        }
    }

    #[test]
    fn limits_are_exact() {
        // 63 + 63 + 63 + 61 and their four length bytes and the root's are 255.
        let label = |n: usize| "x".repeat(n);
        let name = |last: usize| [label(63), label(63), label(63), label(last)].join(".");
        assert!(
            matches!(DomainName::parse(&name(61)), Ok(DomainName::Name(n)) if n.as_wire().len() == 255)
        );
        assert!(DomainName::parse(&name(62)).is_err());
    }

    proptest! {
        #[test]
        fn a_plain_name_is_read_as_any_other(
            text in "[a-cX0-9._*-]{0,12}|[a-z.]{240,260}|[a-z]{60,66}[.]?[a-z]{0,3}[.]?"
        ) {
            if let Some(name) = WireName::plain(text.as_bytes()) {
                prop_assert_eq!(DomainName::parse_any(&text), Ok(DomainName::Name(name)));
            }
        }

        #[test]
        fn whatever_is_parsed_is_a_name(text in "\\PC{0,300}") {
            if let Ok(DomainName::Name(name)) = DomainName::parse(&text) {
                prop_assert_eq!(WireName::from_wire(name.as_wire()), Some(name.clone()));
                prop_assert_eq!(DomainName::parse(&name.to_string()), Ok(DomainName::Name(name)));
            }
        }

        #[test]
        fn whatever_is_received_is_taken_or_refused(wire in proptest::collection::vec(any::<u8>(), 0..300)) {
            if let Some(name) = WireName::from_wire(&wire) {
                prop_assert_eq!(name.as_wire().len(), wire.len());
            }
        }
    }
}
