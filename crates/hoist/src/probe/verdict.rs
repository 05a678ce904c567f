use std::net::{IpAddr, SocketAddr};

use domain::base::iana::Rtype;

use super::exchange::{Resolved, Settled};
use crate::outcome::{Failure, ProbeVerdict, Wildcard};
use crate::plan::{Question, RecordType};

/// What is known of a name in the end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Lookup {
    pub(crate) verdict: ProbeVerdict,
    /// IPv4 first, as answered.
    pub(crate) addresses: Vec<IpAddr>,
    /// As answered, in presentation form. None where addresses were asked for.
    pub(crate) records: Option<Box<[Box<str>]>>,
    /// The smallest on the way to these, in seconds.
    pub(crate) ttl: Option<u32>,
    /// The response code of the deciding answer.
    pub(crate) rcode: Option<u16>,
    /// Who gave the deciding answer. None: the hosts file, the system, or nobody.
    pub(crate) server: Option<SocketAddr>,
    /// Queries sent for the type that took most of them.
    pub(crate) attempts: u32,
    /// Why the verdict is unknown.
    pub(crate) failure: Option<Failure>,
    /// Whether a wildcard answers for it. None: not tested.
    pub(crate) wildcard: Option<Wildcard>,
}

impl Lookup {
    /// Found without asking a server.
    pub(super) fn found(mut addresses: Vec<IpAddr>) -> Self {
        // Stable: within a family the order says whom to prefer.
        addresses.sort_by_key(IpAddr::is_ipv6);
        Self { addresses, ..Self::bare(ProbeVerdict::Found) }
    }

    /// Not found, without asking a server.
    pub(super) fn not_found() -> Self {
        Self::bare(ProbeVerdict::NotFound)
    }

    /// Unknown, without a word from a server.
    pub(super) fn unknown(failure: Failure) -> Self {
        Self { failure: Some(failure), ..Self::bare(ProbeVerdict::Unknown) }
    }

    fn bare(verdict: ProbeVerdict) -> Self {
        Self {
            verdict,
            addresses: Vec::new(),
            records: None,
            ttl: None,
            rcode: None,
            server: None,
            attempts: 0,
            failure: None,
            wildcard: None,
        }
    }
}

/// The questions about a name, and what their answers come to.
///
/// For [`Question::Address`] what A says counts first, whether AAAA is asked at the same time
/// (eagerly) or after it, so that a verdict and its addresses do not depend on that:
///
/// | A | AAAA | verdict |
/// | --- | --- | --- |
/// | addresses | - | found, with the addresses of A |
/// | NXDOMAIN | - | not found |
/// | no data or unknown | addresses | found |
/// | no data | no data or NXDOMAIN | not found |
/// | no data | unknown | unknown |
/// | unknown | anything else | unknown |
///
/// NXDOMAIN for AAAA alone decides nothing: there are servers that say so of names that have but
/// an A record (RFC 4074 §4.2).
///
/// [`Question::Records`] has one answer, which decides. It is kept in the place of A's.
#[derive(Debug)]
pub(super) struct Inquiry {
    question: Question,
    a: Part,
    aaaa: Part,
}

#[derive(Debug)]
enum Part {
    NotAsked,
    Asked,
    Known(Settled),
}

/// What to do next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// Answers are under way.
    Wait,
    /// Ask for this type.
    Ask(Rtype),
    /// `into_lookup` has the verdict.
    Decided,
}

/// The verdict and the type whose answer decided it.
type Decision = (ProbeVerdict, Rtype);

impl Inquiry {
    /// Also the types to ask for at once.
    pub(super) fn new(question: Question, eager: bool) -> (Self, &'static [Rtype]) {
        let types = match question {
            Question::Address if !eager => &[Rtype::A],
            _ => Self::types(question),
        };
        let part = |asked| if asked { Part::Asked } else { Part::NotAsked };
        let aaaa = types.contains(&Rtype::AAAA);
        let a = types != [Rtype::AAAA];
        (Self { question, a: part(a), aaaa: part(aaaa) }, types)
    }

    /// The types whose records may answer a question.
    pub(super) fn types(question: Question) -> &'static [Rtype] {
        match question {
            Question::Address | Question::Both => &[Rtype::A, Rtype::AAAA],
            Question::A => &[Rtype::A],
            Question::Aaaa => &[Rtype::AAAA],
            Question::Records(RecordType::Ns) => &[Rtype::NS],
            Question::Records(RecordType::Soa) => &[Rtype::SOA],
            Question::Records(RecordType::Mx) => &[Rtype::MX],
            Question::Records(RecordType::Txt) => &[Rtype::TXT],
            Question::Records(RecordType::Cname) => &[Rtype::CNAME],
            Question::Records(RecordType::Ptr) => &[Rtype::PTR],
        }
    }

    /// Takes an answer in.
    pub(super) fn learn(&mut self, settled: Settled) -> Step {
        let part = if settled.rtype == Rtype::AAAA { &mut self.aaaa } else { &mut self.a };
        *part = Part::Known(settled);
        if self.decide().is_some() {
            return Step::Decided;
        }
        if matches!((&self.a, &self.aaaa), (Part::Known(_), Part::NotAsked)) {
            self.aaaa = Part::Asked;
            return Step::Ask(Rtype::AAAA);
        }
        Step::Wait
    }

    /// The addresses known so far, IPv6 first, of both types.
    pub(super) fn addresses_so_far(&self) -> Vec<IpAddr> {
        [&self.aaaa, &self.a].into_iter().flat_map(Part::addresses).copied().collect()
    }

    /// What it came to, once decided.
    pub(super) fn into_lookup(self) -> Lookup {
        let Some((verdict, rtype)) = self.decide() else {
            debug_assert!(false, "asked for the verdict before it was decided");
            return Lookup::bare(ProbeVerdict::Unknown);
        };
        let attempts = self.a.queries().max(self.aaaa.queries());
        let both = self.question == Question::Both && verdict == ProbeVerdict::Found;
        let (deciding, other) = match rtype {
            Rtype::AAAA => (self.aaaa, self.a),
            _ => (self.a, self.aaaa),
        };
        let mut lookup = Lookup { attempts, ..Lookup::bare(verdict) };
        if let Part::Known(settled) = deciding {
            lookup.server = settled.server;
            lookup.rcode = settled.rcode;
            match settled.resolved {
                Resolved::Addresses { addresses, ttl } => {
                    lookup.addresses = addresses;
                    lookup.ttl = Some(ttl);
                }
                Resolved::Records { records, ttl } => {
                    lookup.records = Some(records);
                    lookup.ttl = Some(ttl);
                }
                Resolved::Unknown(failure) => lookup.failure = Some(failure),
                Resolved::NoData | Resolved::NxDomain => {}
            }
        }
        if let (true, Part::Known(settled)) = (both, other)
            && let Resolved::Addresses { addresses, ttl } = settled.resolved
        {
            lookup.addresses.extend(addresses);
            lookup.ttl = Some(lookup.ttl.map_or(ttl, |first| first.min(ttl)));
        }
        lookup
    }

    fn decide(&self) -> Option<Decision> {
        use ProbeVerdict::{Found, NotFound, Unknown};
        use Resolved::{Addresses, NoData, NxDomain, Records, Unknown as Unsure};
        match self.question {
            Question::A | Question::Records(_) => Some((alone(self.a.known()?), Rtype::A)),
            Question::Aaaa => Some((alone(self.aaaa.known()?), Rtype::AAAA)),
            Question::Address => Some(match (self.a.known()?, self.aaaa.known()) {
                (Addresses { .. } | Records { .. }, _) => (Found, Rtype::A),
                (NxDomain, _) | (NoData, Some(NxDomain)) => (NotFound, Rtype::A),
                (NoData | Unsure(_), None) => return None,
                (NoData | Unsure(_), Some(Addresses { .. } | Records { .. })) => {
                    (Found, Rtype::AAAA)
                }
                (NoData, Some(NoData)) => (NotFound, Rtype::AAAA),
                (NoData, Some(Unsure(_))) => (Unknown, Rtype::AAAA),
                (Unsure(_), Some(_)) => (Unknown, Rtype::A),
            }),
            Question::Both => Some(match (self.a.known()?, self.aaaa.known()?) {
                (Addresses { .. } | Records { .. }, _) => (Found, Rtype::A),
                (_, Addresses { .. } | Records { .. }) => (Found, Rtype::AAAA),
                (Unsure(_), _) => (Unknown, Rtype::A),
                (_, Unsure(_)) => (Unknown, Rtype::AAAA),
                (NoData | NxDomain, NoData | NxDomain) => (NotFound, Rtype::A),
            }),
        }
    }
}

fn alone(resolved: &Resolved) -> ProbeVerdict {
    match resolved {
        Resolved::Addresses { .. } | Resolved::Records { .. } => ProbeVerdict::Found,
        Resolved::NoData | Resolved::NxDomain => ProbeVerdict::NotFound,
        Resolved::Unknown(_) => ProbeVerdict::Unknown,
    }
}

impl Part {
    fn known(&self) -> Option<&Resolved> {
        match self {
            Self::Known(settled) => Some(&settled.resolved),
            Self::NotAsked | Self::Asked => None,
        }
    }

    fn addresses(&self) -> &[IpAddr] {
        match self.known() {
            Some(Resolved::Addresses { addresses, .. }) => addresses,
            _ => &[],
        }
    }

    fn queries(&self) -> u32 {
        match self {
            Self::Known(settled) => settled.queries,
            Self::NotAsked | Self::Asked => 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outcome::FailureKind;

    const ADDRESSES: &str = "addresses";
    const NO_DATA: &str = "no data";
    const NXDOMAIN: &str = "NXDOMAIN";
    const UNKNOWN: &str = "unknown";
    const ALL: [&str; 4] = [ADDRESSES, NO_DATA, NXDOMAIN, UNKNOWN];

    fn settled(rtype: Rtype, what: &str) -> Settled {
        let resolved = match what {
            ADDRESSES if rtype == Rtype::A => {
                Resolved::Addresses { addresses: vec![[192, 0, 2, 1].into()], ttl: 60 }
            }
            ADDRESSES => {
                Resolved::Addresses { addresses: vec!["2001:db8::1".parse().unwrap()], ttl: 30 }
            }
            NO_DATA => Resolved::NoData,
            NXDOMAIN => Resolved::NxDomain,
            _ => Resolved::Unknown(Failure::new(FailureKind::DnsFailed, rtype.to_string())),
        };
        Settled {
            owner: 0,
            rtype,
            resolved,
            negative_ttl: None,
            server: None,
            rcode: None,
            queries: 1,
        }
    }

    fn lazy(a: &str, aaaa: &str) -> Lookup {
        let (mut inquiry, types) = Inquiry::new(Question::Address, false);
        assert_eq!(types, [Rtype::A]);
        match inquiry.learn(settled(Rtype::A, a)) {
            Step::Decided => inquiry.into_lookup(),
            Step::Ask(rtype) => {
                assert_eq!(inquiry.learn(settled(rtype, aaaa)), Step::Decided);
                inquiry.into_lookup()
            }
            Step::Wait => panic!(),
        }
    }

    fn eager(first: (Rtype, &str), second: (Rtype, &str), question: Question) -> Lookup {
        let (mut inquiry, types) = Inquiry::new(question, true);
        assert_eq!(types, [Rtype::A, Rtype::AAAA]);
        if inquiry.learn(settled(first.0, first.1)) == Step::Wait {
            assert_eq!(inquiry.learn(settled(second.0, second.1)), Step::Decided);
        }
        inquiry.into_lookup()
    }

    #[test]
    fn the_table_holds() {
        use ProbeVerdict::{Found, NotFound, Unknown};
        for (a, aaaa, verdict) in [
            (ADDRESSES, UNKNOWN, Found),
            (NXDOMAIN, ADDRESSES, NotFound),
            (NO_DATA, ADDRESSES, Found),
            (UNKNOWN, ADDRESSES, Found),
            (NO_DATA, NO_DATA, NotFound),
            (NO_DATA, NXDOMAIN, NotFound),
            (NO_DATA, UNKNOWN, Unknown),
            (UNKNOWN, NO_DATA, Unknown),
            (UNKNOWN, NXDOMAIN, Unknown),
            (UNKNOWN, UNKNOWN, Unknown),
        ] {
            let lookup = lazy(a, aaaa);
            assert_eq!(lookup.verdict, verdict, "{a}, {aaaa}");
            assert_eq!(lookup.failure.is_some(), verdict == Unknown, "{a}, {aaaa}");
            assert_eq!(lookup.addresses.is_empty(), verdict != Found, "{a}, {aaaa}");
        }
    }

    #[test]
    fn asking_eagerly_changes_no_answer() {
        for a in ALL {
            for aaaa in ALL {
                let (x, y) = ((Rtype::A, a), (Rtype::AAAA, aaaa));
                let expected = lazy(a, aaaa);
                assert_eq!(eager(x, y, Question::Address), expected, "{a}, {aaaa}");
                assert_eq!(eager(y, x, Question::Address), expected, "{a}, {aaaa}");
            }
        }
    }

    #[test]
    fn both_wants_both() {
        let (x, y) = ((Rtype::A, ADDRESSES), (Rtype::AAAA, ADDRESSES));
        let lookup = eager(y, x, Question::Both);
        assert_eq!(lookup.addresses.len(), 2);
        assert!(lookup.addresses[0].is_ipv4());
        assert_eq!(lookup.ttl, Some(30));
        let lookup = eager((Rtype::A, UNKNOWN), y, Question::Both);
        assert_eq!((lookup.verdict, lookup.addresses.len()), (ProbeVerdict::Found, 1));
        let lookup = eager((Rtype::A, NXDOMAIN), (Rtype::AAAA, UNKNOWN), Question::Both);
        assert_eq!(lookup.verdict, ProbeVerdict::Unknown);
    }
}
