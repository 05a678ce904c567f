//! Lines of JSON without a serializer in between, which takes four times as long: of a hundred million
//! names each is written.

use std::fmt::Display;
use std::io::Write;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use super::probed::{ProbeOutcome, RcodeName};

/// Bytes of a line that is made here.
const LINE: usize = 768;
/// Bytes of a name, and addresses, that fit in there with all the rest.
const NAME: usize = 256;
const ADDRESSES: usize = 4;

impl ProbeOutcome {
    /// Appends the JSON object that the outcome serializes to, and a line end.
    pub fn write_json_line(&self, lines: &mut Vec<u8>) {
        let fits = self.name.len() <= NAME && self.addresses.len() <= ADDRESSES;
        let is_usual = self.failure.is_none() && self.records.is_none() && self.wildcard.is_none();
        if !fits || !is_usual || !is_plain(&self.name) {
            // Writing to memory does not fail, and nothing of an outcome can't be told.
            let _ = serde_json::to_writer(&mut *lines, self);
            lines.push(b'\n');
            return;
        }
        let mut line = Line { bytes: [0; LINE], end: 0 };
        line.push(b"{\"index\":");
        line.push_number(self.position.0);
        line.push(b",\"name\":\"");
        line.push(self.name.as_bytes());
        line.push(b"\",\"verdict\":\"");
        line.push(self.verdict.name().as_bytes());
        line.push(b"\",\"addresses\":[");
        for (at, address) in self.addresses.iter().enumerate() {
            line.push(if at == 0 { b"\"" } else { b",\"" });
            match address {
                IpAddr::V4(address) => line.push_ipv4(*address),
                IpAddr::V6(address) => line.push_shown(address),
            }
            line.push(b"\"");
        }
        line.push(b"],\"ttl\":");
        match self.ttl {
            Some(ttl) => line.push_number(ttl.into()),
            None => line.push(b"null"),
        }
        line.push(b",\"rcode\":");
        match self.rcode.map(RcodeName) {
            None => line.push(b"null"),
            Some(rcode) => {
                line.push(b"\"");
                match rcode.known() {
                    Some(name) => line.push(name.as_bytes()),
                    None => line.push_shown(rcode),
                }
                line.push(b"\"");
            }
        }
        line.push(b",\"server\":");
        match self.server {
            None => line.push(b"null"),
            Some(server) => {
                line.push(b"\"");
                match server {
                    SocketAddr::V4(server) => {
                        line.push_ipv4(*server.ip());
                        line.push(b":");
                        line.push_number(server.port().into());
                    }
                    SocketAddr::V6(server) => line.push_shown(server),
                }
                line.push(b"\"");
            }
        }
        line.push(b",\"attempts\":");
        line.push_number(self.attempts.into());
        line.push(b",\"ms\":");
        line.push_milliseconds(super::microseconds(self.elapsed));
        line.push(b"}\n");
        lines.extend_from_slice(&line.bytes[..line.end]);
    }
}

/// Whether a text stands in JSON as it is (RFC 8259 §7).
fn is_plain(text: &str) -> bool {
    text.bytes().all(|byte| byte >= 0x20 && byte != b'"' && byte != b'\\')
}

/// A line in the making: on the stack, since each growth of a vector would be looked into.
struct Line {
    bytes: [u8; LINE],
    end: usize,
}

/// The digits of a byte, and how many they are.
const OCTETS: [([u8; 3], u8); 256] = {
    let mut table = [([0; 3], 0); 256];
    let mut n: u8 = 0;
    loop {
        let (hundreds, tens, ones) = (b'0' + n / 100, b'0' + n / 10 % 10, b'0' + n % 10);
        table[n as usize] = match n {
            0..10 => ([ones, 0, 0], 1),
            10..100 => ([tens, ones, 0], 2),
            _ => ([hundreds, tens, ones], 3),
        };
        if n == u8::MAX {
            break table;
        }
        n += 1;
    }
};

/// The last digit of a number.
fn digit(number: u64) -> u8 {
    DIGITS[(number % 10) as usize]
}

const DIGITS: [u8; 10] = *b"0123456789";

impl Line {
    fn push(&mut self, bytes: &[u8]) {
        self.bytes[self.end..self.end + bytes.len()].copy_from_slice(bytes);
        self.end += bytes.len();
    }

    fn push_ipv4(&mut self, address: Ipv4Addr) {
        for (at, byte) in address.octets().into_iter().enumerate() {
            if at > 0 {
                self.push(b".");
            }
            let (digits, count) = OCTETS[usize::from(byte)];
            // All three, of which those in excess are written over.
            self.bytes[self.end..self.end + 3].copy_from_slice(&digits);
            self.end += usize::from(count);
        }
    }

    fn push_number(&mut self, number: u64) {
        let mut digits = [0; 20];
        let mut at = digits.len();
        let mut rest = number;
        while rest >= 10 {
            at -= 1;
            digits[at] = digit(rest);
            rest /= 10;
        }
        at -= 1;
        digits[at] = digit(rest);
        self.push(&digits[at..]);
    }

    /// With the decimals that there are, at least one.
    fn push_milliseconds(&mut self, microseconds: u64) {
        self.push_number(microseconds / 1000);
        let rest = microseconds % 1000;
        let decimals = [b'.', digit(rest / 100), digit(rest / 10), digit(rest)];
        let kept = match decimals {
            [.., b'0', b'0'] => 2,
            [.., b'0'] => 3,
            _ => 4,
        };
        self.push(&decimals[..kept]);
    }

    fn push_shown(&mut self, shown: impl Display) {
        let mut rest = &mut self.bytes[self.end..];
        let before = rest.len();
        // It has room for anything that is shown here.
        let _ = write!(rest, "{shown}");
        self.end += before - rest.len();
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;
    use crate::item::Position;
    use crate::outcome::{Failure, FailureKind, ProbeVerdict, Wildcard};

    fn addresses() -> impl Strategy<Value = Vec<IpAddr>> {
        let one = prop_oneof![
            any::<[u8; 4]>().prop_map(IpAddr::from),
            any::<[u8; 16]>().prop_map(IpAddr::from),
        ];
        proptest::collection::vec(one, 0..4)
    }

    proptest! {
        #[test]
        fn it_is_what_serde_makes_of_it(
            (index, name) in (any::<u64>(), "[a-z.0-9-]{0,20}|\\PC{0,12}|[\"\\\\\u{1}\u{7f}a]{0,4}"),
            verdict in proptest::sample::select(vec![
                ProbeVerdict::Found, ProbeVerdict::NotFound, ProbeVerdict::Unknown,
            ]),
            addresses in addresses(),
            (ttl, rcode) in (proptest::option::of(any::<u32>()), proptest::option::of(0_u16..30)),
            server in proptest::option::of((addresses(), any::<u16>())),
            (attempts, micros) in (any::<u32>(), 0_u64..20_000_000_000),
            round in proptest::sample::select(vec![1, 10, 100, 1000]),
            (failed, listed, wild) in (
                proptest::bool::weighted(0.1),
                proptest::bool::weighted(0.1),
                proptest::bool::weighted(0.1),
            ),
        ) {
            let server = server
                .and_then(|(addresses, port)| Some(SocketAddr::new(*addresses.first()?, port)));
            let outcome = ProbeOutcome {
                position: Position(index),
                name,
                verdict,
                addresses,
                records: listed.then(|| Box::from([Box::from("10 mx.example.")])),
                ttl,
                rcode,
                server,
                attempts,
                elapsed: Duration::from_micros(micros / round * round),
                wildcard: wild.then_some(Wildcard::Unsure),
                failure: failed.then(|| Failure::new(FailureKind::DnsFailed, "why")),
            };
            let mut line = Vec::new();
            outcome.write_json_line(&mut line);
            let expected = format!("{}\n", serde_json::to_string(&outcome).unwrap());
            prop_assert_eq!(String::from_utf8(line).unwrap(), expected);
        }
    }
}
