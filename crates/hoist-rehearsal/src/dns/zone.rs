//! What is true of a name, computed from the name, so that it is exact for a billion names in no
//! memory.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use super::fault::{Fault, OverTcp};
use super::name::Name;
use crate::hash::{Draws, hash};

/// Aliases followed before a chain is taken for a circle.
const CHAIN: usize = 16;
/// The most addresses of a `many-N-*` name.
const MANY: u32 = 1000;

/// A zone that a rehearsal answers for.
#[derive(Clone, Debug)]
pub struct DnsZone {
    name: Name,
    names: Names,
}

#[derive(Clone, Debug)]
enum Names {
    Listed(HashMap<Name, Listed>),
    Generated { exist_rate: f64 },
}

/// What a listed name has.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Listed {
    pub(super) addresses: Vec<IpAddr>,
    /// It is an alias of this name, and has nothing else.
    pub(super) alias: Option<Name>,
    /// Other records: type and data in wire form.
    pub(super) records: Vec<(u16, Vec<u8>)>,
}

/// What is true of a name, for holding a client's verdict against.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NameTruth {
    /// It exists, be it without an address.
    pub exists: bool,
    /// Its IPv4 addresses, through aliases.
    pub a: Vec<Ipv4Addr>,
    /// Its IPv6 addresses, through aliases.
    pub aaaa: Vec<Ipv6Addr>,
    /// Whether the server ever tells. It does not for names outside its zones, for `servfail-*`,
    /// `refused-*`, `drop-*` and `loop-*`: of these a client can know nothing.
    pub told: bool,
}

impl NameTruth {
    /// Whether it has an address of either family.
    pub fn has_address(&self) -> bool {
        !self.a.is_empty() || !self.aaaa.is_empty()
    }
}

impl DnsZone {
    /// A zone of which every name and its addresses are given. A name may have none. Names are
    /// relative to the zone, or absolute when they end in a dot; one that is no name, or lies outside,
    /// is left out. None if `zone` itself is no name.
    pub fn listed<'a>(
        zone: &str,
        names: impl IntoIterator<Item = (&'a str, Vec<IpAddr>)>,
    ) -> Option<Self> {
        let name = Name::parse(zone)?;
        let mut all: HashMap<Name, Listed> = HashMap::new();
        for (text, addresses) in names {
            let full = match text {
                "" | "@" => zone.to_owned(),
                text if text.ends_with('.') => text.to_owned(),
                text if zone == "." => text.to_owned(),
                text => format!("{text}.{zone}"),
            };
            let Some(full) = Name::parse(&full).filter(|full| full.is_within(&name)) else {
                continue;
            };
            list_above(&mut all, &full, &name);
            all.entry(full).or_default().addresses.extend(addresses);
        }
        Some(Self { name, names: Names::Listed(all) })
    }

    pub(super) fn of(name: Name, names: HashMap<Name, Listed>) -> Self {
        Self { name, names: Names::Listed(names) }
    }

    /// A zone whose names exist with the rate given, 0 to 1, and take the shapes that
    /// [`dns`](crate::dns) lists. None if `zone` is no name.
    pub fn generated(zone: &str, exist_rate: f64) -> Option<Self> {
        Some(Self { name: Name::parse(zone)?, names: Names::Generated { exist_rate } })
    }

    pub(crate) fn name(&self) -> &Name {
        &self.name
    }

    /// The data of a name's records of a type, other than addresses and aliases.
    pub(super) fn records(&self, name: &Name, kind: u16) -> impl Iterator<Item = &[u8]> {
        let listed = match &self.names {
            Names::Listed(names) => names.get(name).or_else(|| wildcard(names, name)),
            Names::Generated { .. } => None,
        };
        let all = listed.into_iter().flat_map(|listed| &listed.records);
        all.filter(move |(of, _)| *of == kind).map(|(_, data)| data.as_slice())
    }

    fn look(&self, seed: u64, name: &Name) -> Found {
        match &self.names {
            Names::Listed(names) => match names.get(name).or_else(|| wildcard(names, name)) {
                Some(Listed { alias: Some(alias), .. }) => Found::Alias(alias.clone()),
                Some(Listed { addresses, .. }) => Found::Name(addresses.clone()),
                None if *name == self.name => Found::Name(Vec::new()),
                None => Found::Nothing,
            },
            Names::Generated { exist_rate } => self.generate(seed, name, *exist_rate),
        }
    }

    fn generate(&self, seed: u64, name: &Name, rate: f64) -> Found {
        if *name == self.name {
            return Found::Name(Vec::new());
        }
        let Some(parent) = name.parent() else { return Found::Nothing };
        if parent != self.name && matches!(self.look(seed, &parent), Found::Nothing) {
            return Found::Nothing;
        }
        let (_, label) = Manner::of(name.label());
        let name = &name.with_label(label);
        let mut draws = Draws::from(hash(seed, &[b"name", name.wire()]));
        let exists = draws.unit() < rate;
        let family = draws.unit();
        let (four, six) = (v4(draws.next()), v6(draws.next()));
        let (shape, rest) = split(label);
        let (number, after) = split(rest);
        match shape {
            b"v4only" if !rest.is_empty() => Found::Name(vec![four]),
            b"v6only" if !rest.is_empty() => Found::Name(vec![six]),
            b"both" if !rest.is_empty() => Found::Name(vec![four, six]),
            b"noaddr" if !rest.is_empty() => Found::Name(Vec::new()),
            b"nx" if !rest.is_empty() => Found::Nothing,
            b"cname" if !rest.is_empty() => Found::Alias(name.with_label(rest)),
            b"loop" if !rest.is_empty() => Found::Alias(name.clone()),
            b"many" if !after.is_empty() && count(number).is_some() => {
                let n = count(number).unwrap_or_default().min(MANY);
                Found::Name((0..n).map(|_| v4(draws.next())).collect())
            }
            _ if !exists => Found::Nothing,
            _ if family < 0.75 => Found::Name(vec![four]),
            _ if family < 0.9 => Found::Name(vec![four, six]),
            _ => Found::Name(vec![six]),
        }
    }

    /// How the name is to be answered; as usual outside generated zones.
    pub(crate) fn manner(&self, name: &Name) -> Manner {
        match self.names {
            Names::Generated { .. } if *name != self.name => Manner::of(name.label()).0,
            _ => Manner::default(),
        }
    }
}

/// Names above an existing one exist (RFC 8020).
pub(super) fn list_above(all: &mut HashMap<Name, Listed>, full: &Name, zone: &Name) {
    let mut above = full.parent();
    while let Some(parent) = above.filter(|parent| parent.is_within(zone)) {
        above = parent.parent();
        all.entry(parent).or_default();
    }
}

/// The `*` below the closest name above that exists, if there is one (RFC 4592, section 3.3.1).
fn wildcard<'a>(names: &'a HashMap<Name, Listed>, name: &Name) -> Option<&'a Listed> {
    let mut above = name.parent();
    while let Some(parent) = above {
        if names.contains_key(&parent) {
            return names.get(&parent.below(b"*"));
        }
        above = parent.parent();
    }
    None
}

enum Found {
    Nothing,
    Name(Vec<IpAddr>),
    Alias(Name),
}

/// A name followed to its end.
#[derive(Debug, Default)]
pub(crate) struct Resolution {
    /// The targets of the aliases on the way.
    pub(crate) chain: Vec<Name>,
    /// Addresses of both families; none when the name at the end does not exist.
    pub(crate) addresses: Option<Vec<IpAddr>>,
    /// The chain leads in a circle.
    pub(crate) circle: bool,
    /// The chain leads out of the zone.
    pub(crate) outside: bool,
}

/// The closest zone around a name.
pub(crate) fn zone_of<'a>(zones: &'a [DnsZone], name: &Name) -> Option<&'a DnsZone> {
    let around = zones.iter().filter(|zone| name.is_within(&zone.name));
    around.max_by_key(|zone| zone.name.wire().len())
}

pub(crate) fn resolve(zone: &DnsZone, seed: u64, name: &Name) -> Resolution {
    let mut resolution = Resolution::default();
    let mut name = name.clone();
    loop {
        // What lies outside of the zone is another's to tell.
        if !name.is_within(&zone.name) {
            resolution.outside = true;
            return resolution;
        }
        match zone.look(seed, &name) {
            Found::Nothing => return resolution,
            Found::Name(addresses) => {
                resolution.addresses = Some(addresses);
                return resolution;
            }
            Found::Alias(target) => {
                resolution.circle = target == name || resolution.chain.len() >= CHAIN;
                resolution.chain.push(target.clone());
                if resolution.circle {
                    return resolution;
                }
                name = target;
            }
        }
    }
}

pub(crate) fn truth(zones: &[DnsZone], seed: u64, name: &Name) -> NameTruth {
    let Some(zone) = zone_of(zones, name) else { return NameTruth::default() };
    let resolution = resolve(zone, seed, name);
    let mut truth = NameTruth {
        exists: resolution.addresses.is_some() || resolution.circle || resolution.outside,
        told: zone.manner(name).tells() && !resolution.circle && !resolution.outside,
        ..NameTruth::default()
    };
    for address in resolution.addresses.unwrap_or_default() {
        match address {
            IpAddr::V4(four) => truth.a.push(four),
            IpAddr::V6(six) => truth.aaaa.push(six),
        }
    }
    truth
}

/// How a name asks to be answered.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Manner {
    pub(crate) truncate: bool,
    pub(crate) slow: Duration,
    pub(crate) flaky: u32,
    pub(crate) lossy: u32,
    pub(crate) refusal: Option<Refusal>,
    /// Another fault, and the word for it.
    pub(crate) fault: Option<(&'static str, Fault)>,
}

/// The name is never answered rightly.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    ServFail,
    Refused,
    Drop,
}

/// The words that ask for a fault, with its name.
const WORDS: [(&[u8], &str, Fault); 9] = [
    (b"dup", "duplicate", Fault::Duplicate(2)),
    (b"lower", "lower-case", Fault::LowerCase),
    (b"noedns", "no-edns", Fault::NoEdns),
    (b"wrongid", "wrong-id", Fault::WrongId),
    (b"wrongquestion", "wrong-question", Fault::WrongQuestion),
    (b"wrongsource", "wrong-source", Fault::WrongSource),
    (b"garbage", "garbage", Fault::Garbage),
    (b"tcsilent", "truncate", Fault::Truncate(OverTcp::Silent)),
    (b"tcreset", "truncate", Fault::Truncate(OverTcp::Reset)),
];

impl Manner {
    /// Whether the truth comes through in the end.
    fn tells(&self) -> bool {
        let never = match &self.fault {
            Some((_, fault)) => matches!(
                fault,
                Fault::WrongId
                    | Fault::WrongQuestion
                    | Fault::WrongSource
                    | Fault::Garbage
                    | Fault::Truncate(OverTcp::Silent | OverTcp::Reset)
            ),
            None => false,
        };
        self.refusal.is_none() && !never
    }

    /// The manner that a label asks for, and the label without the asking.
    fn of(mut label: &[u8]) -> (Self, &[u8]) {
        let mut manner = Self::default();
        loop {
            let (word, rest) = split(label);
            let (number, after) = split(rest);
            let counted = count(number).filter(|_| !after.is_empty());
            label = match (word, counted) {
                _ if rest.is_empty() => return (manner, label),
                (b"tc", _) => {
                    manner.truncate = true;
                    rest
                }
                (b"servfail" | b"refused" | b"drop", _) => {
                    manner.refusal = Some(match word {
                        b"servfail" => Refusal::ServFail,
                        b"refused" => Refusal::Refused,
                        _ => Refusal::Drop,
                    });
                    rest
                }
                (b"slow", Some(n)) => {
                    manner.slow += Duration::from_millis(n.into());
                    after
                }
                (b"flaky", Some(n)) => {
                    manner.flaky = n;
                    after
                }
                (b"lossy", Some(n)) => {
                    manner.lossy = n;
                    after
                }
                (b"forged", Some(n)) => {
                    manner.fault = Some(("forged", Fault::Forged(n.min(1000).into())));
                    after
                }
                (word, _) => {
                    let found = WORDS.into_iter().find(|(known, ..)| *known == word);
                    let Some((_, name, fault)) = found else { return (manner, label) };
                    manner.fault = Some((name, fault));
                    rest
                }
            };
        }
    }
}

/// A label at its first hyphen; the rest is empty when there is none.
fn split(label: &[u8]) -> (&[u8], &[u8]) {
    match label.iter().position(|&b| b == b'-') {
        Some(at) => (&label[..at], &label[at + 1..]),
        None => (label, b""),
    }
}

fn count(digits: &[u8]) -> Option<u32> {
    std::str::from_utf8(digits).ok()?.parse().ok()
}

fn v4(draw: u64) -> IpAddr {
    let [a, b, c, ..] = draw.to_be_bytes();
    // Never the network's own or its broadcast address.
    Ipv4Addr::new(127, a, b, c.clamp(1, 254)).into()
}

fn v6(draw: u64) -> IpAddr {
    let bits = (0x2001_0db8_u128 << 96) | u128::from(draw);
    Ipv6Addr::from_bits(bits).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> Name {
        Name::parse(text).unwrap()
    }

    fn told(zone: &DnsZone, text: &str) -> NameTruth {
        truth(std::slice::from_ref(zone), 1, &name(text))
    }

    #[test]
    fn names_exist_as_often_as_asked_in_families_as_promised() {
        let zone = DnsZone::generated("dev", 0.4).unwrap();
        let all: Vec<_> = (0..20_000).map(|i| told(&zone, &format!("n{i}.dev"))).collect();
        let share = |is: &dyn Fn(&NameTruth) -> bool| {
            let n = all.iter().filter(|t| is(t)).count();
            f64::from(u32::try_from(n).unwrap()) / 20_000.0
        };
        let found = share(&NameTruth::has_address);
        assert!((0.39..0.41).contains(&found), "{found}");
        let both = share(&|t| !t.a.is_empty() && !t.aaaa.is_empty());
        assert!((0.05..0.07).contains(&both), "{both}");
        let six = share(&|t| t.a.is_empty() && !t.aaaa.is_empty());
        assert!((0.03..0.05).contains(&six), "{six}");
        assert!(all.iter().all(|t| t.told && t.exists == t.has_address()));
    }

    #[test]
    fn shapes() {
        let zone = DnsZone::generated("z.dev", 0.0).unwrap();
        let counts = |label: &str| {
            let t = told(&zone, &format!("{label}.z.dev"));
            (t.exists, t.a.len(), t.aaaa.len(), t.told)
        };
        assert_eq!(counts("plain"), (false, 0, 0, true));
        assert_eq!(counts("v4only-x"), (true, 1, 0, true));
        assert_eq!(counts("v6only-x"), (true, 0, 1, true));
        assert_eq!(counts("both-x"), (true, 1, 1, true));
        assert_eq!(counts("many-40-x"), (true, 40, 0, true));
        assert_eq!(counts("noaddr-x"), (true, 0, 0, true));
        assert_eq!(counts("cname-both-x"), (true, 1, 1, true));
        assert_eq!(counts("cname-cname-v6only-x"), (true, 0, 1, true));
        assert_eq!(counts("cname-x"), (false, 0, 0, true));
        assert_eq!(counts("loop-x"), (true, 0, 0, false));
        assert_eq!(counts("tc-slow-5-both-x"), (true, 1, 1, true));
        assert_eq!(counts("servfail-both-x"), (true, 1, 1, false));
        assert_eq!(counts("drop-x"), (false, 0, 0, false));
        assert_eq!(counts("both-"), (false, 0, 0, true));
        assert_eq!(told(&zone, "both-x.org"), NameTruth::default());
        assert_eq!(told(&zone, "tc-both-x.z.dev"), told(&zone, "BOTH-x.Z.dev."));
        let all = DnsZone::generated("z.dev", 1.0).unwrap();
        assert!(!told(&all, "nx-x.z.dev").exists);
    }

    #[test]
    fn nothing_exists_below_what_does_not() {
        let zone = DnsZone::generated("dev", 1.0).unwrap();
        assert!(told(&zone, "a.b.dev").exists);
        assert!(!told(&zone, "a.nx-b.dev").exists);
        assert!(!told(&zone, "v4only-c.a.nx-b.dev").exists);
        assert!(told(&zone, "v4only-a.noaddr-b.dev").exists);
        assert!(told(&zone, "dev").exists);
    }

    #[test]
    fn listed_names_and_only_those() {
        let one: IpAddr = "127.0.0.1".parse().unwrap();
        let names = [("with", vec![one]), ("none", vec![]), ("a.b", vec![one])];
        let zone = DnsZone::listed("dev", names).unwrap();
        assert_eq!(told(&zone, "WITH.dev").a, [Ipv4Addr::LOCALHOST]);
        for (text, exists) in
            [("none.dev", true), ("b.dev", true), ("dev", true), ("else.dev", false)]
        {
            let t = told(&zone, text);
            assert_eq!((t.exists, t.has_address()), (exists, false), "{text}");
        }
        assert!(!told(&zone, "both-x.dev").exists, "shapes are for generated zones");
    }

    #[test]
    fn the_closest_zone_answers() {
        let zones = [DnsZone::generated("dev", 0.0), DnsZone::generated("in.dev", 1.0)];
        let zones = zones.map(Option::unwrap);
        assert!(truth(&zones, 1, &name("a.in.dev")).exists);
        assert!(!truth(&zones, 1, &name("in2.dev")).exists);
        assert!(zone_of(&zones, &name("org")).is_none());
    }
}
