use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::Path;

use super::servers::read_bounded;
use crate::error::Error;
use crate::item::{DomainName, WireName};
use crate::plan::Question;

/// The hosts file: names whose addresses are known without asking.
#[derive(Debug, Default)]
pub(super) struct Hosts {
    addresses: HashMap<WireName, Vec<IpAddr>>,
}

impl Hosts {
    /// Reads a hosts(5) file, once. A missing one is empty.
    pub(super) fn read(path: &Path) -> Result<Self, Error> {
        Ok(Self::parse(&read_bounded(path)?))
    }

    fn parse(text: &str) -> Self {
        let mut addresses: HashMap<WireName, Vec<IpAddr>> = HashMap::new();
        for line in text.lines() {
            let line = line.split('#').next().unwrap_or_default();
            let mut words = line.split_ascii_whitespace();
            let Some(address) = words.next().and_then(|word| word.parse().ok()) else { continue };
            for word in words {
                if let Ok(DomainName::Name(name)) = DomainName::parse(word) {
                    let known = addresses.entry(name).or_default();
                    if !known.contains(&address) {
                        known.push(address);
                    }
                }
            }
        }
        Self { addresses }
    }

    /// The addresses that answer the question, if the file has any; without any of the wanted
    /// type the servers are asked, as the C library does. `localhost` and what is below it are
    /// this machine, whatever servers say (RFC 6761 §6.3).
    pub(super) fn find(&self, name: &WireName, question: Question) -> Option<Vec<IpAddr>> {
        let wanted = |address: &IpAddr| match question {
            Question::Address | Question::Both => true,
            Question::A => address.is_ipv4(),
            Question::Aaaa => address.is_ipv6(),
            // The file has addresses alone.
            Question::Records(_) => false,
        };
        let known = self.addresses.get(name).map(Vec::as_slice).unwrap_or_default();
        let mut found: Vec<IpAddr> = known.iter().copied().filter(wanted).collect();
        if found.is_empty() && name.labels().last() == Some(b"localhost") {
            let loopback = [Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()];
            found.extend(loopback.iter().filter(|address| wanted(address)));
        }
        (!found.is_empty()).then_some(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> WireName {
        let Ok(DomainName::Name(name)) = DomainName::parse(text) else { panic!() };
        name
    }

    fn shown(hosts: &Hosts, text: &str, question: Question) -> String {
        let found = hosts.find(&name(text), question).unwrap_or_default();
        found.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn names_and_aliases_have_their_addresses() {
        let hosts = Hosts::parse(
            "# top\n192.0.2.1 One.example one # 1\n2001:db8::1\tone.example\r\n192.0.2.1 one\n\
             nonsense two\n192.0.2.3 a!b three.\n127.0.0.2 localhost\n",
        );
        assert_eq!(shown(&hosts, "one.EXAMPLE", Question::Address), "192.0.2.1 2001:db8::1");
        assert_eq!(shown(&hosts, "one.example", Question::Aaaa), "2001:db8::1");
        assert_eq!(shown(&hosts, "one", Question::A), "192.0.2.1");
        assert_eq!(shown(&hosts, "one", Question::Aaaa), "");
        assert_eq!(shown(&hosts, "two", Question::Address), "");
        assert_eq!(shown(&hosts, "three", Question::Address), "192.0.2.3");
        assert_eq!(shown(&hosts, "localhost", Question::Address), "127.0.0.2");
    }

    #[test]
    fn localhost_is_this_machine() {
        let hosts = Hosts::default();
        assert_eq!(shown(&hosts, "localhost.", Question::Address), "127.0.0.1 ::1");
        assert_eq!(shown(&hosts, "a.b.LOCALHOST", Question::Aaaa), "::1");
        assert_eq!(shown(&hosts, "localhost.example", Question::Address), "");
    }
}
