//! Builds answers to queries, for tests: right ones, and wrong ones.

use domain::base::iana::{Rcode, Rtype};

use crate::item::{DomainName, WireName};

/// The name of a text.
pub(super) fn name(text: &str) -> WireName {
    match DomainName::parse(text) {
        Ok(DomainName::Name(name)) => name,
        other => panic!("{text} is no name: {other:?}"),
    }
}

/// An answer to a query, to be filled.
#[derive(Debug, Clone)]
pub(super) struct Answer {
    bytes: Vec<u8>,
}

impl Answer {
    /// NOERROR with nothing in it, from a recursive server.
    pub(super) fn to(query: &[u8]) -> Self {
        let question = question_end(query);
        let mut bytes = query[..question].to_vec();
        bytes[2] = 0x81;
        bytes[3] = 0x80;
        bytes[6..12].fill(0);
        Self { bytes }
    }

    pub(super) fn rcode(mut self, rcode: Rcode) -> Self {
        self.bytes[3] = self.bytes[3] & 0xf0 | rcode.to_int();
        self
    }

    pub(super) fn cut(mut self) -> Self {
        self.bytes[2] |= 0x02;
        self
    }

    /// Neither authoritative nor recursive.
    pub(super) fn lame(mut self) -> Self {
        self.bytes[3] &= 0x7f;
        self
    }

    pub(super) fn id(mut self, id: u16) -> Self {
        self.bytes[..2].copy_from_slice(&id.to_be_bytes());
        self
    }

    pub(super) fn a(self, owner: &str, address: [u8; 4]) -> Self {
        self.record(6, owner, Rtype::A, 60, &address)
    }

    pub(super) fn aaaa(self, owner: &str, address: &str) -> Self {
        let address: std::net::Ipv6Addr = address.parse().unwrap();
        self.record(6, owner, Rtype::AAAA, 60, &address.octets())
    }

    pub(super) fn cname(self, owner: &str, target: &str) -> Self {
        self.record(6, owner, Rtype::CNAME, 30, name(target).as_wire())
    }

    pub(super) fn ns(self, owner: &str) -> Self {
        self.record(8, owner, Rtype::NS, 60, name("ns.example").as_wire())
    }

    pub(super) fn soa(self, owner: &str, ttl: u32, minimum: u32) -> Self {
        let mut data = [name("ns.example").as_wire(), name("hm.example").as_wire()].concat();
        data.extend([0; 16]);
        data.extend(minimum.to_be_bytes());
        self.record(8, owner, Rtype::SOA, ttl, &data)
    }

    /// An OPT record with the upper bits of a response code.
    pub(super) fn opt(mut self, extended: u8) -> Self {
        self.count(10);
        self.bytes.push(0);
        self.bytes.extend(Rtype::OPT.to_int().to_be_bytes());
        self.bytes.extend([0x04, 0xd0, extended, 0, 0, 0, 0, 0]);
        self
    }

    pub(super) fn record(
        mut self,
        section: usize,
        owner: &str,
        rtype: Rtype,
        ttl: u32,
        data: &[u8],
    ) -> Self {
        self.count(section);
        self.bytes.extend(name(owner).as_wire());
        self.bytes.extend(rtype.to_int().to_be_bytes());
        self.bytes.extend(1_u16.to_be_bytes());
        self.bytes.extend(ttl.to_be_bytes());
        self.bytes.extend(u16::try_from(data.len()).unwrap().to_be_bytes());
        self.bytes.extend(data);
        self
    }

    pub(super) fn bytes(self) -> Vec<u8> {
        self.bytes
    }

    fn count(&mut self, section: usize) {
        let count = u16::from_be_bytes([self.bytes[section], self.bytes[section + 1]]) + 1;
        self.bytes[section..section + 2].copy_from_slice(&count.to_be_bytes());
    }
}

/// The name and type that a query asks for.
pub(super) fn question_of(query: &[u8]) -> (String, Rtype) {
    let end = question_end(query);
    let name = WireName::from_wire(&query[12..end - 4]).unwrap();
    (name.to_string(), Rtype::from_int(u16::from_be_bytes([query[end - 4], query[end - 3]])))
}

/// Whether a query has EDNS.
pub(super) fn has_edns(query: &[u8]) -> bool {
    query[11] == 1
}

fn question_end(query: &[u8]) -> usize {
    let mut at = 12;
    while query[at] != 0 {
        at += 1 + usize::from(query[at]);
    }
    at + 5
}
