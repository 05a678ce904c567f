use std::fmt;
use std::net::IpAddr;

use domain::base::iana::{Class, OptRcode, Rcode, Rtype};
use domain::base::name::ParsedName;
use domain::base::{Message, Question, RecordSection};
use domain::rdata::{A, Aaaa, Cname, Soa};

use super::chance::Case;
use super::quick;
use super::records::Records;
use crate::item::WireName;

/// What we take over UDP without fragments, in bytes (DNS flag day 2020).
const EDNS_SIZE: u16 = 1232;
/// Bytes of the header (RFC 1035 §4.1.1).
pub(super) const HEADER: usize = 12;
/// Aliases that are followed inside one answer.
const MAX_CHAIN: usize = 16;

/// What a server says to a question that is ours.
///
/// A `ttl` is in seconds, and the smallest on the way there. That of a denial is from the zone's SOA
/// record (RFC 2308 §5); without one there is none, and it may not be kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Reply {
    /// At least one, in the order of the answer.
    Addresses { addresses: Vec<IpAddr>, ttl: u32 },
    /// At least one, of another type, in presentation form and in the order of the answer.
    Records { records: Box<[Box<str>]>, ttl: u32 },
    /// The name exists and has no such record (RFC 2308 §2.2).
    NoData { ttl: Option<u32> },
    /// The name does not exist (RFC 2308 §2.1).
    NxDomain { ttl: Option<u32> },
    /// The name is another one's alias, and the answer ends there: that one is to be asked for.
    Alias { target: WireName, ttl: u32 },
    /// The answer did not fit; it is to be had over TCP (RFC 7766 §5).
    Cut,
    /// No answer to rely on.
    Useless(Problem),
}

/// Why a reply is of no use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Problem {
    /// A response code that says nothing of the name.
    Rcode(OptRcode),
    /// The server sends us elsewhere: it does not resolve names (a lame server).
    Referral,
    /// The reply breaks the rules of the format, or contradicts itself.
    Malformed,
    /// Aliases that lead to each other.
    AliasLoop,
}

impl Problem {
    /// The response code of the reply.
    pub(crate) fn rcode(self) -> Option<u16> {
        match self {
            Self::Rcode(code) => Some(code.to_int()),
            Self::Referral | Self::AliasLoop => Some(Rcode::NOERROR.to_int().into()),
            Self::Malformed => None,
        }
    }

    /// Whether an old server may mean "I don't know EDNS" (RFC 6891 §7).
    pub(crate) fn may_be_edns(self) -> bool {
        let Self::Rcode(code) = self else { return false };
        code == OptRcode::FORMERR || code == OptRcode::NOTIMP || code == OptRcode::BADVERS
    }
}

impl fmt::Display for Problem {
    /// What the server does.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rcode(code) => write!(f, "answers {code}"),
            Self::Referral => f.write_str("refers to other servers"),
            Self::Malformed => f.write_str("answers what can't be read"),
            Self::AliasLoop => f.write_str("answers with aliases that lead in a circle"),
        }
    }
}

/// Writes a query, recursion desired, in place of what is in `buffer`.
pub(crate) fn write_query(
    buffer: &mut Vec<u8>,
    id: u16,
    name: &WireName,
    case: Case,
    rtype: Rtype,
    edns: bool,
) {
    buffer.clear();
    buffer.extend_from_slice(&id.to_be_bytes());
    // RD; one question; one additional record with EDNS.
    buffer.extend_from_slice(&[0x01, 0x00, 0, 1, 0, 0, 0, 0, 0, u8::from(edns)]);
    case.write(name.as_wire(), buffer);
    buffer.extend_from_slice(&rtype.to_int().to_be_bytes());
    buffer.extend_from_slice(&Class::IN.to_int().to_be_bytes());
    if edns {
        // The root, OPT, our size, no extended code, version 0, no flags, no options.
        buffer.push(0);
        buffer.extend_from_slice(&Rtype::OPT.to_int().to_be_bytes());
        buffer.extend_from_slice(&EDNS_SIZE.to_be_bytes());
        buffer.extend_from_slice(&[0; 6]);
    }
}

/// The id of a message that may be an answer.
pub(crate) fn id_of(bytes: &[u8]) -> Option<u16> {
    match bytes {
        // QR set.
        [high, low, flags, ..] if bytes.len() >= HEADER && flags & 0x80 != 0 => {
            Some(u16::from_be_bytes([*high, *low]))
        }
        _ => None,
    }
}

/// Whether a message of at least a header has no question.
pub(crate) fn has_no_question(bytes: &[u8]) -> bool {
    bytes.get(4..6).is_none_or(|count| count == [0, 0])
}

/// Where a message with one question has its name, if that is as long as this one.
pub(crate) fn name_of<'a>(bytes: &'a [u8], name: &WireName) -> &'a [u8] {
    bytes.get(HEADER..HEADER + name.as_wire().len()).unwrap_or_default()
}

/// Whether a message has this one question, however its letters are written.
pub(crate) fn asks(bytes: &[u8], name: &WireName, rtype: Rtype) -> bool {
    let Some((counted, rest)) = bytes.get(4..).and_then(|rest| rest.split_at_checked(HEADER - 4))
    else {
        return false;
    };
    let [one, two] = rtype.to_int().to_be_bytes();
    // Lengths of labels are below the letters, so that they are compared as they are.
    rest.split_at_checked(name.as_wire().len()).is_some_and(|(written, rest)| {
        counted[..2] == [0, 1]
            && rest.get(..4) == Some(&[one, two, 0, 1])
            && written.eq_ignore_ascii_case(name.as_wire())
    })
}

/// Reads the reply to a question. `None`: it answers another question, or none.
pub(crate) fn read_reply(bytes: &[u8], name: &WireName, rtype: Rtype) -> Option<Reply> {
    if id_of(bytes).is_none() || bytes[2] & 0b0111_1000 != 0 {
        return None;
    }
    if has_no_question(bytes) {
        // Old servers send back no more than the header when they can't read a query; it is
        // believed only where it can't decide anything about the name.
        let problem = Problem::Rcode(Rcode::masked_from_int(bytes[3]).into());
        return problem.may_be_edns().then_some(Reply::Useless(problem));
    }
    if !asks(bytes, name, rtype) {
        return None;
    }
    let question_end = HEADER + name.as_wire().len() + 4;
    match quick::read(bytes, question_end, rtype) {
        Some(reply) => Some(reply),
        None => read_closely(bytes, rtype),
    }
}

/// Reads a reply whose question is known to be ours.
pub(super) fn read_closely(bytes: &[u8], rtype: Rtype) -> Option<Reply> {
    let message = Message::from_octets(bytes).ok()?;
    let header = message.header();
    let question: Question<ParsedName<&[u8]>> = message.sole_question().ok()?;
    if header.tc() {
        return Some(Reply::Cut);
    }
    let reply = match header.rcode() {
        Rcode::NOERROR => read_answer(&message, *question.qname(), rtype),
        Rcode::NXDOMAIN => match read_answer(&message, *question.qname(), rtype) {
            // It exists and does not: nobody knows.
            Some(Reply::Addresses { .. } | Reply::Records { .. }) => {
                Some(Reply::Useless(Problem::Malformed))
            }
            Some(Reply::Useless(problem)) if problem != Problem::Referral => {
                Some(Reply::Useless(problem))
            }
            Some(Reply::NoData { ttl }) => Some(Reply::NxDomain { ttl }),
            other => other.map(|_| Reply::NxDomain { ttl: None }),
        },
        other => Some(Reply::Useless(Problem::Rcode(other.into()))),
    };
    let reply = reply.unwrap_or(Reply::Useless(Problem::Malformed));
    if matches!(reply, Reply::Addresses { .. }) {
        return Some(reply);
    }
    // The header has the lower four bits of the code, the OPT record the upper eight: what looks
    // like NOERROR may be BADVERS (RFC 6891 §6.1.3).
    let code = message.opt_rcode();
    Some(if code.is_ext() { Reply::Useless(Problem::Rcode(code)) } else { reply })
}

/// Follows the aliases of the answer section. `None`: it can't be read.
fn read_answer(message: &Message<&[u8]>, asked: ParsedName<&[u8]>, rtype: Rtype) -> Option<Reply> {
    let mut owner = asked;
    let mut ttl = u32::MAX;
    for followed in 0..=MAX_CHAIN {
        let step = read_step(message.answer().ok()?, &owner, rtype)?;
        ttl = ttl.min(step.ttl);
        if !step.addresses.is_empty() {
            return Some(Reply::Addresses { addresses: step.addresses, ttl });
        }
        if !step.records.is_empty() {
            return Some(Reply::Records { records: step.records.into_boxed(), ttl });
        }
        if let Some(target) = step.alias {
            owner = target;
            continue;
        }
        return Some(match read_authority(message, &owner)? {
            Authority::Soa(of_zone) => {
                Reply::NoData { ttl: of_zone.map(|of_zone| of_zone.min(ttl)) }
            }
            _ if followed > 0 => match to_wire(&owner) {
                Some(target) => Reply::Alias { target, ttl },
                None => Reply::Useless(Problem::Malformed),
            },
            Authority::Referral => Reply::Useless(Problem::Referral),
            // Neither from its own zone nor from asking others: not to be relied on.
            Authority::Nothing if !message.header().aa() && !message.header().ra() => {
                Reply::Useless(Problem::Referral)
            }
            Authority::Nothing => Reply::NoData { ttl: None },
        });
    }
    Some(Reply::Useless(Problem::AliasLoop))
}

/// What the answer section says of one name.
struct Step<'a> {
    addresses: Vec<IpAddr>,
    records: Records,
    alias: Option<ParsedName<&'a [u8]>>,
    ttl: u32,
}

fn read_step<'a>(
    section: RecordSection<'a, &'a [u8]>,
    owner: &ParsedName<&'a [u8]>,
    rtype: Rtype,
) -> Option<Step<'a>> {
    let (addresses, records) = (Vec::new(), Records::default());
    let mut step = Step { addresses, records, alias: None, ttl: u32::MAX };
    let mut alias_ttl = u32::MAX;
    for record in section {
        let record = record.ok()?;
        if record.class() != Class::IN || record.owner() != *owner {
            continue;
        }
        let address = match record.rtype() {
            Rtype::CNAME if rtype != Rtype::CNAME && step.alias.is_none() => {
                let alias = record.to_record::<Cname<ParsedName<&[u8]>>>().ok()??;
                step.alias = Some(*alias.data().cname());
                alias_ttl = record.ttl().as_secs();
                continue;
            }
            Rtype::A if rtype == Rtype::A => record.to_record::<A>().ok()??.data().addr().into(),
            Rtype::AAAA if rtype == Rtype::AAAA => {
                record.to_record::<Aaaa>().ok()??.data().addr().into()
            }
            other if other == rtype => {
                step.records.push(&record)?;
                step.ttl = step.ttl.min(record.ttl().as_secs());
                continue;
            }
            _ => continue,
        };
        step.addresses.push(address);
        step.ttl = step.ttl.min(record.ttl().as_secs());
    }
    if step.addresses.is_empty() && step.records.is_empty() {
        step.ttl = alias_ttl;
    }
    Some(step)
}

/// What the authority section says of an empty answer (RFC 2308 §2.2).
enum Authority {
    /// The zone's own word: there is no such record. How many seconds that may be kept, unless the
    /// record is of a zone that the name is not in.
    Soa(Option<u32>),
    /// Others are to be asked.
    Referral,
    Nothing,
}

fn read_authority(message: &Message<&[u8]>, name: &ParsedName<&[u8]>) -> Option<Authority> {
    let mut authority = Authority::Nothing;
    for record in message.authority().ok()? {
        let record = record.ok()?;
        match record.rtype() {
            Rtype::SOA => {
                let covers = record.class() == Class::IN && name.ends_with(&record.owner());
                let ttl = record.ttl();
                // One that can't be read still says that there is no such record.
                let soa = record.to_record::<Soa<ParsedName<&[u8]>>>().ok().flatten();
                let minimum = soa.filter(|_| covers).map(|soa| soa.data().minimum().min(ttl));
                return Some(Authority::Soa(minimum.map(|ttl| ttl.as_secs())));
            }
            Rtype::NS => authority = Authority::Referral,
            _ => {}
        }
    }
    Some(authority)
}

fn to_wire(parsed: &ParsedName<&[u8]>) -> Option<WireName> {
    let mut wire = Vec::with_capacity(64);
    for label in parsed {
        wire.push(u8::try_from(label.len()).ok()?);
        wire.extend_from_slice(label.as_slice());
    }
    WireName::from_wire(&wire)
}

#[cfg(test)]
#[path = "message_tests.rs"]
mod tests;
