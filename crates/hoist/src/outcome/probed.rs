use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use super::{Failure, Outcome};
use crate::item::Position;
use crate::report::{Class, Tallied};

/// What became of a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ProbeVerdict {
    /// The name has an address, or a record of the type asked for.
    Found,
    /// The name does not exist, or has none.
    NotFound,
    /// Nobody knows: no server gave a usable answer, or the name can't be asked.
    Unknown,
}

impl ProbeVerdict {
    /// The name in records.
    pub fn name(self) -> &'static str {
        match self {
            Self::Found => "found",
            Self::NotFound => "not_found",
            Self::Unknown => "unknown",
        }
    }
}

/// Whether a found name resolves only because a wildcard above it does (RFC 4592).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Wildcard {
    /// Random names beside it have all its addresses, too.
    Yes,
    /// It has an address that random names beside it do not have.
    No,
    /// Nobody knows: tests were not answered, or went on to bring new addresses.
    Unsure,
}

/// The outcome of a probed name.
///
/// It serializes to the JSON object of `hoist probe --format jsonl`; fields are never renamed or
/// retyped.
#[derive(Debug, Clone)]
pub struct ProbeOutcome {
    /// The place of the name in its list.
    pub position: Position,
    /// The name as it was given.
    pub name: String,
    /// What is known of it.
    pub verdict: ProbeVerdict,
    /// Its addresses, IPv4 first, as answered.
    pub addresses: Vec<IpAddr>,
    /// Its records of the type asked for, as answered, in the presentation form of master files (RFC
    /// 1035 §5.1): printable ASCII, names in lower case and with the dot at the end. At most 256 KiB.
    /// None where addresses were asked for.
    pub records: Option<Box<[Box<str>]>>,
    /// The smallest time to live of the records that led to the answer, in seconds.
    pub ttl: Option<u32>,
    /// The response code of the deciding answer (RFC 1035 §4.1.1, RFC 6895 §2.3).
    pub rcode: Option<u16>,
    /// Who gave the deciding answer. None when it came from the hosts file or the system.
    pub server: Option<SocketAddr>,
    /// How many queries were sent for the question that took most of them.
    pub attempts: u32,
    /// From the first attempt to the outcome.
    pub elapsed: Duration,
    /// Why the verdict is unknown.
    pub failure: Option<Failure>,
    /// Whether a wildcard answers for it, if that was tested ([`crate::plan::Wildcards`]).
    pub wildcard: Option<Wildcard>,
}

impl ProbeOutcome {
    pub(crate) fn class(&self) -> Class {
        match self.verdict {
            ProbeVerdict::Found => Class::Ok,
            ProbeVerdict::NotFound => Class::NotFound,
            ProbeVerdict::Unknown => Class::Failed,
        }
    }
}

impl Outcome for ProbeOutcome {
    fn position(&self) -> Position {
        self.position
    }

    fn tally(&self) -> Tallied<'_> {
        Tallied {
            class: self.class(),
            kind: self.failure.as_ref().map(|failure| failure.kind),
            status: None,
            origin: None,
            bytes: 0,
            attempts: self.attempts,
        }
    }

    fn weight(&self) -> usize {
        size_of::<Self>()
            + self.name.len()
            + self.addresses.len() * size_of::<IpAddr>()
            + self.records.iter().flatten().map(|record| 32 + record.len()).sum::<usize>()
            + self.failure.as_ref().map_or(0, |failure| failure.reason.len())
    }
}

impl Serialize for ProbeOutcome {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("index", &self.position)?;
        map.serialize_entry("name", &self.name)?;
        map.serialize_entry("verdict", self.verdict.name())?;
        if let Some(failure) = &self.failure {
            map.serialize_entry("kind", &failure.kind)?;
            map.serialize_entry("reason", &failure.reason)?;
        }
        map.serialize_entry("addresses", &self.addresses)?;
        map.serialize_entry("ttl", &self.ttl)?;
        map.serialize_entry("rcode", &self.rcode.map(RcodeName))?;
        map.serialize_entry("server", &self.server)?;
        map.serialize_entry("attempts", &self.attempts)?;
        map.serialize_entry("ms", &super::milliseconds(self.elapsed))?;
        if let Some(records) = &self.records {
            map.serialize_entry("records", records)?;
        }
        if let Some(wildcard) = self.wildcard {
            let known = match wildcard {
                Wildcard::Yes => Some(true),
                Wildcard::No => Some(false),
                Wildcard::Unsure => None,
            };
            map.serialize_entry("wildcard", &known)?;
        }
        map.end()
    }
}

/// A response code by its mnemonic (IANA, DNS RCODEs).
pub(super) struct RcodeName(pub(super) u16);

impl RcodeName {
    /// Of those that have one.
    pub(super) fn known(&self) -> Option<&'static str> {
        Some(match self.0 {
            0 => "NOERROR",
            1 => "FORMERR",
            2 => "SERVFAIL",
            3 => "NXDOMAIN",
            4 => "NOTIMP",
            5 => "REFUSED",
            6 => "YXDOMAIN",
            9 => "NOTAUTH",
            16 => "BADVERS",
            23 => "BADCOOKIE",
            _ => return None,
        })
    }
}

impl fmt::Display for RcodeName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.known() {
            Some(name) => f.write_str(name),
            None => write!(f, "RCODE{}", self.0),
        }
    }
}

impl Serialize for RcodeName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}
