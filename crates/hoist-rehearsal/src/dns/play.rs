//! From a chain of faults and a query to what is sent.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use super::answer::Desk;
use super::chain::Chain;
use super::fault::{Fault, OverTcp};
use super::message::{A, AAAA, ASKED, CNAME, Query, Rcode};
use super::name::Name;
use super::zone::{DnsZone, resolve};
use crate::hash::{Draws, body_bytes, hash};
use crate::http::within;
use crate::truth::Proto;

/// How long a forged answer would like to be kept, in seconds.
const FORGED_TTL: u32 = 86_400;
/// What forged answers say (RFC 5737, RFC 3849).
const FORGED_V4: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 66);
const FORGED_V6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0xbad);
/// The bytes of a message that is none.
const GARBAGE: usize = 40;

/// One message on its way.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Packet {
    /// After the query came.
    pub(crate) after: Duration,
    pub(crate) bytes: Vec<u8>,
    /// From another address than the one that was asked.
    pub(crate) elsewhere: bool,
}

/// All that one query meets.
#[derive(Debug, Default)]
pub(crate) struct Played {
    pub(crate) packets: Vec<Packet>,
    pub(crate) delay: Duration,
    pub(crate) rcode: Option<Rcode>,
    /// The connection is reset.
    pub(crate) reset: bool,
    /// A limit of the rate struck.
    pub(crate) limited: bool,
}

/// A query with what is known of it.
pub(crate) struct Asking<'a> {
    pub(crate) query: &'a Query,
    pub(crate) name: &'a Name,
    pub(crate) zone: &'a DnsZone,
    pub(crate) attempt: u32,
    pub(crate) proto: Proto,
    /// The longest answer the way it came takes.
    pub(crate) limit: usize,
    /// The rule that decided, from 1; 0 for what a name asked for itself.
    pub(crate) rule: usize,
}

impl Desk {
    pub(crate) fn play(&self, chain: &Chain, asking: &Asking<'_>) -> Played {
        let mut played = Played::default();
        let mut draws = Draws::from(hash(
            self.seed,
            &[
                asking.name.wire(),
                &asking.query.kind.to_le_bytes(),
                &asking.attempt.to_le_bytes(),
                b"play",
            ],
        ));
        for fault in chain.faults() {
            self.one(fault, asking, &mut draws, &mut played);
            if played.limited || played.reset {
                return played;
            }
        }
        if chain.ends_in_truth() {
            self.one(&Fault::Answer, asking, &mut draws, &mut played);
        }
        played
    }

    fn one(&self, fault: &Fault, asking: &Asking<'_>, draws: &mut Draws, played: &mut Played) {
        let Asking { query, name, zone, proto, limit, .. } = *asking;
        let tell = |truncate| self.tell(query, name, zone, limit, truncate);
        match fault {
            Fault::NoEdns if query.has_edns() => {
                let writer = query.begin_without_edns(Rcode::FormErr);
                played.say(Rcode::FormErr, writer.finish(limit, false).0);
            }
            Fault::Answer | Fault::NoEdns => played.truth(tell(false)),
            Fault::Delay(time) => played.delay += within(time, draws.unit()),
            Fault::Rate(limit) => {
                played.limited = !self.rates.take(asking.rule, *limit, self.started.elapsed());
            }
            Fault::Duplicate(n) => {
                for _ in 0..*n {
                    played.truth(tell(false));
                }
            }
            Fault::Say(rcode) => {
                let mut writer = query.begin(*rcode);
                if *rcode == Rcode::NxDomain {
                    writer.soa(zone.name().wire(), self.negative_ttl(), true);
                }
                played.say(*rcode, writer.finish(limit, false).0);
            }
            Fault::NoData => {
                let mut writer = query.begin(Rcode::NoError);
                writer.soa(zone.name().wire(), self.negative_ttl(), true);
                played.say(Rcode::NoError, writer.finish(limit, false).0);
            }
            Fault::Truncate(over_tcp) => match (proto, over_tcp) {
                (Proto::Udp, _) => played.truth(tell(true)),
                (Proto::Tcp, OverTcp::Right) => played.truth(tell(false)),
                (Proto::Tcp, OverTcp::Silent) => {}
                (Proto::Tcp, OverTcp::Reset) => played.reset = true,
            },
            Fault::WrongId => {
                let (rcode, mut bytes, _) = tell(false);
                let other = query.id.wrapping_add(1 + another(draws, 0xfffe));
                bytes[..2].copy_from_slice(&other.to_be_bytes());
                played.say(rcode, bytes);
            }
            Fault::WrongQuestion => {
                let (rcode, mut bytes, _) = tell(false);
                other_question(&mut bytes, query);
                played.say(rcode, bytes);
            }
            Fault::WrongSource => {
                played.truth(tell(false));
                if let Some(packet) = played.packets.last_mut() {
                    packet.elsewhere = proto == Proto::Udp;
                }
            }
            Fault::Forged(n) if proto == Proto::Udp => {
                for _ in 0..*n {
                    let id = query.id.wrapping_add(1 + another(draws, 0xfffe));
                    played.say(Rcode::NoError, forged(query, id, limit));
                }
            }
            Fault::Forged(_) | Fault::Drop => {}
            Fault::Garbage => {
                let mut bytes = vec![0; GARBAGE];
                body_bytes(0, &mut bytes);
                bytes[..2].copy_from_slice(&query.id.to_be_bytes());
                // An answer, so that it is not passed over as a query.
                bytes[2] |= 0x80;
                played.say(Rcode::NoError, bytes);
                played.rcode = None;
            }
            Fault::LowerCase => {
                let (rcode, mut bytes, _) = tell(false);
                let end = 12 + query.name().len();
                bytes[12..end].make_ascii_lowercase();
                played.say(rcode, bytes);
            }
            Fault::Rotate(n) => {
                let (rcode, bytes) = self.rotated(*n, asking, draws);
                played.say(rcode, bytes);
            }
            Fault::Aliases(n) => {
                let (rcode, bytes) = self.aliases(*n, asking);
                played.say(rcode, bytes);
            }
            Fault::AliasLoop => {
                let other = name.below(b"loop");
                let mut writer = query.begin(Rcode::NoError);
                let there = writer.answer(ASKED, CNAME, self.ttl, other.wire());
                writer.answer(there, CNAME, self.ttl, name.wire());
                played.say(Rcode::NoError, writer.finish(limit, false).0);
            }
        }
    }

    /// So many of the addresses in a row, from any on.
    fn rotated(&self, n: usize, asking: &Asking<'_>, draws: &mut Draws) -> (Rcode, Vec<u8>) {
        let Asking { query, name, zone, limit, .. } = *asking;
        let resolution = resolve(zone, self.seed, name);
        let fits = |address: &IpAddr| address.is_ipv4() == (query.kind == A);
        let all: Vec<_> = resolution.addresses.into_iter().flatten().filter(fits).collect();
        if all.is_empty() || !matches!(query.kind, A | AAAA) {
            let (rcode, bytes, _) = self.tell(query, name, zone, limit, false);
            return (rcode, bytes);
        }
        let mut writer = query.begin(Rcode::NoError);
        let mut owner = ASKED;
        for target in &resolution.chain {
            owner = writer.answer(owner, CNAME, self.ttl, target.wire());
        }
        // Below their number, so that the cast loses nothing.
        let first = usize::try_from(draws.next() % all.len() as u64).unwrap_or_default();
        for address in all.iter().cycle().skip(first).take(n.min(all.len())) {
            writer.address(owner, query.kind, self.ttl, *address);
        }
        (Rcode::NoError, writer.finish(limit, false).0)
    }

    /// So many aliases, and at their end the addresses of the name, or that there are none (RFC 2308,
    /// section 2).
    fn aliases(&self, n: u64, asking: &Asking<'_>) -> (Rcode, Vec<u8>) {
        let Asking { query, name, zone, limit, .. } = *asking;
        let resolution = resolve(zone, self.seed, name);
        let exists = resolution.addresses.is_some() || resolution.circle || resolution.outside;
        let rcode = if exists { Rcode::NoError } else { Rcode::NxDomain };
        let mut writer = query.begin(rcode);
        let mut owner = ASKED;
        for i in 1..=n {
            let alias = name.below(format!("a{i}").as_bytes());
            owner = writer.answer(owner, CNAME, self.ttl, alias.wire());
        }
        let mut any = false;
        for address in resolution.addresses.iter().flatten() {
            any |= writer.address(owner, query.kind, self.ttl, *address);
        }
        if !any {
            writer.soa(zone.name().wire(), self.negative_ttl(), true);
        }
        (rcode, writer.finish(limit, false).0)
    }
}

impl Played {
    fn truth(&mut self, (rcode, bytes, _): (Rcode, Vec<u8>, bool)) {
        self.say(rcode, bytes);
    }

    fn say(&mut self, rcode: Rcode, bytes: Vec<u8>) {
        self.rcode = Some(rcode);
        self.packets.push(Packet { after: self.delay, bytes, elsewhere: false });
    }
}

/// A number below `limit`.
fn another(draws: &mut Draws, limit: u16) -> u16 {
    u16::try_from(draws.next() % u64::from(limit)).unwrap_or_default()
}

/// Makes the question that of another name, of the same length; of another type for the root.
fn other_question(bytes: &mut [u8], query: &Query) {
    let kind_at = 12 + query.name().len();
    match bytes[12] {
        0 => bytes[kind_at + 1] ^= 1,
        _ => bytes[13] = if bytes[13].eq_ignore_ascii_case(&b'x') { b'y' } else { b'x' },
    }
}

fn forged(query: &Query, id: u16, limit: usize) -> Vec<u8> {
    let mut writer = query.begin(Rcode::NoError);
    match query.kind {
        A => drop(writer.answer(ASKED, A, FORGED_TTL, &FORGED_V4.octets())),
        AAAA => drop(writer.answer(ASKED, AAAA, FORGED_TTL, &FORGED_V6.octets())),
        _ => {}
    }
    let (mut bytes, _) = writer.finish(limit, false);
    bytes[..2].copy_from_slice(&id.to_be_bytes());
    bytes
}
