//! Reads the replies that nearly all are, in one pass: addresses of the name asked for and nothing
//! else, or a denial with the zone's SOA record. Of any other it says nothing, and `message` looks
//! closer.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use domain::base::iana::Rtype;

use super::message::{HEADER, Reply};

/// Bytes of a record behind its owner (RFC 1035 §4.1.3).
const FIXED: usize = 10;

/// What a reply says whose question, which ends at `question_end`, is known to be ours.
pub(super) fn read(bytes: &[u8], question_end: usize, rtype: Rtype) -> Option<Reply> {
    let [_, _, flags, code, _, _, rest @ ..] = bytes else { return None };
    let [answers, denials, more] = counts(rest)?;
    // An answer, to a query (RFC 1035 §4.1.1), that is whole.
    if flags & 0b1111_1010 != 0b1000_0000 {
        return None;
    }
    match (code & 0b1111, answers, denials) {
        (0, 1..=64, 0) => read_addresses(bytes, question_end, rtype, answers, more),
        (3, 0, 1) => read_denial(bytes, question_end, more),
        _ => None,
    }
}

fn counts(bytes: &[u8]) -> Option<[u16; 3]> {
    let bytes = bytes.first_chunk::<6>()?;
    Some([0, 2, 4].map(|at| u16::from_be_bytes([bytes[at], bytes[at + 1]])))
}

fn read_addresses(
    bytes: &[u8],
    mut at: usize,
    rtype: Rtype,
    answers: u16,
    more: u16,
) -> Option<Reply> {
    let mut addresses = Vec::with_capacity(answers.into());
    let mut ttl = u32::MAX;
    for _ in 0..answers {
        // Owned by the name asked for.
        let (record, end) = record(bytes, at, HEADER..HEADER + 1)?;
        if record.rtype != rtype.to_int() {
            return None;
        }
        let address = match rtype {
            Rtype::A => IpAddr::V4(Ipv4Addr::from(<[u8; 4]>::try_from(record.data).ok()?)),
            Rtype::AAAA => IpAddr::V6(Ipv6Addr::from(<[u8; 16]>::try_from(record.data).ok()?)),
            _ => return None,
        };
        addresses.push(address);
        ttl = ttl.min(record.ttl);
        at = end;
    }
    ends(bytes, at, more).then_some(Reply::Addresses { addresses, ttl })
}

fn read_denial(bytes: &[u8], question_end: usize, more: u16) -> Option<Reply> {
    // Owned by a part of the name asked for; by which does not matter, for the zone is above it.
    let (record, end) = record(bytes, question_end, HEADER..question_end - 4)?;
    if record.rtype != Rtype::SOA.to_int() {
        return None;
    }
    // Two names, and five numbers of which the last is the minimum (RFC 1035 §3.3.13).
    let (names, numbers) = record.data.split_last_chunk::<20>()?;
    let [.., m0, m1, m2, m3] = *numbers;
    names_fill(bytes, names, HEADER..question_end - 4).then_some(())?;
    let ttl = record.ttl.min(u32::from_be_bytes([m0, m1, m2, m3]));
    ends(bytes, end, more).then_some(Reply::NxDomain { ttl: Some(ttl) })
}

struct Record<'a> {
    rtype: u16,
    ttl: u32,
    data: &'a [u8],
}

/// The record at a place, where it is of class IN and its owner is a pointer to a label that begins
/// at one of `owners`; and where it ends.
fn record(bytes: &[u8], at: usize, owners: std::ops::Range<usize>) -> Option<(Record<'_>, usize)> {
    let rest = bytes.get(at..)?;
    let [high, low, fixed @ ..] = rest else { return None };
    let owner = usize::from(u16::from_be_bytes([high & 0b0011_1111, *low]));
    if high & 0b1100_0000 != 0b1100_0000 || !begins_label(bytes, owner, &owners) {
        return None;
    }
    let fixed = fixed.first_chunk::<FIXED>()?;
    let [t0, t1, 0, 1, s0, s1, s2, s3, l0, l1] = *fixed else { return None };
    let length = usize::from(u16::from_be_bytes([l0, l1]));
    let start = at + 2 + FIXED;
    let data = bytes.get(start..start + length)?;
    let (rtype, ttl) = (u16::from_be_bytes([t0, t1]), u32::from_be_bytes([s0, s1, s2, s3]));
    Some((Record { rtype, ttl, data }, start + length))
}

/// Whether a label of the name that begins with the range begins there. The name has been read.
fn begins_label(bytes: &[u8], label: usize, owners: &std::ops::Range<usize>) -> bool {
    let mut at = owners.start;
    while owners.contains(&at) {
        if at == label {
            return true;
        }
        match bytes.get(at) {
            Some(length) => at += 1 + usize::from(*length),
            None => return false,
        }
    }
    false
}

/// Whether these are two names of labels, each ended by the root or a pointer to a label that begins
/// at one of `owners`, and nothing behind them.
fn names_fill(bytes: &[u8], mut data: &[u8], owners: std::ops::Range<usize>) -> bool {
    for _ in 0..2 {
        let before = data.len();
        data = loop {
            match *data {
                [0, ref rest @ ..] => break rest,
                [high, low, ref rest @ ..] if high & 0b1100_0000 == 0b1100_0000 => {
                    let owner = usize::from(u16::from_be_bytes([high & 0b0011_1111, low]));
                    if !begins_label(bytes, owner, &owners) {
                        return false;
                    }
                    break rest;
                }
                [length @ 1..=63, ref rest @ ..] if rest.len() >= usize::from(length) => {
                    data = &rest[usize::from(length)..];
                }
                _ => return false,
            }
        };
        // With what a pointer adds it is no longer than a name may be; longer ones are looked at.
        if before - data.len() + owners.len() > 255 {
            return false;
        }
    }
    data.is_empty()
}

/// Whether the message ends there, or with an OPT record (RFC 6891 §6.1.2) that changes nothing.
fn ends(bytes: &[u8], at: usize, more: u16) -> bool {
    let Some(rest) = bytes.get(at..) else { return false };
    match more {
        0 => rest.is_empty(),
        1 => match *rest {
            // The root, OPT, their size, no upper bits of the code, version 0, flags, and options.
            [0, 0, 41, _, _, 0, 0, _, _, high, low, ref options @ ..] => {
                options.len() == usize::from(u16::from_be_bytes([high, low]))
            }
            _ => false,
        },
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::probe::answers::name;
    use crate::probe::chance::Case;
    use crate::probe::message::{read_closely, write_query};

    const NAME: &str = "a.b.example";

    /// A whole message with a pointer where names can be had by one, as most servers write them.
    fn message(rtype: Rtype, code: u8, sections: [&[&[u8]]; 3]) -> Vec<u8> {
        let mut bytes = Vec::new();
        write_query(&mut bytes, 7, &name(NAME), Case::SMALL, rtype, false);
        bytes[2] |= 0x80;
        bytes[3] = 0x80 | code;
        for (section, at) in sections.iter().zip([7, 9, 11]) {
            bytes[at] = u8::try_from(section.len()).unwrap();
            section.iter().for_each(|record| bytes.extend_from_slice(record));
        }
        bytes
    }

    const A: &[u8] = &[0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 192, 0, 2, 1];
    const OPT: &[u8] = &[0, 0, 41, 4, 208, 0, 0, 0, 0, 0, 0];

    fn aaaa() -> Vec<u8> {
        let mut record = vec![0xc0, 12, 0, 28, 0, 1, 0, 0, 0, 30, 0, 16];
        record.extend([0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
        record
    }

    /// Of `b.example`, with a minimum of 5.
    fn soa() -> Vec<u8> {
        let mut record = vec![0xc0, 14, 0, 6, 0, 1, 0, 0, 0, 9, 0, 30];
        record.extend([2, b'n', b's', 0xc0, 14, 2, b'h', b'm', 0xc0, 16]);
        record.extend([0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 4, 0, 0, 0, 5]);
        record
    }

    fn all() -> [(Rtype, Vec<u8>); 4] {
        [
            (Rtype::A, message(Rtype::A, 0, [&[A, A], &[], &[OPT]])),
            (Rtype::AAAA, message(Rtype::AAAA, 0, [&[&aaaa()], &[], &[]])),
            (Rtype::A, message(Rtype::A, 3, [&[], &[&soa()], &[OPT]])),
            (Rtype::AAAA, message(Rtype::AAAA, 3, [&[], &[&soa()], &[]])),
        ]
    }

    fn quickly(bytes: &[u8], rtype: Rtype) -> Option<Reply> {
        read(bytes, HEADER + name(NAME).as_wire().len() + 4, rtype)
    }

    #[test]
    fn what_most_servers_send_is_read() {
        let replies = all().map(|(rtype, bytes)| quickly(&bytes, rtype).unwrap());
        let one = IpAddr::from([192, 0, 2, 1]);
        assert_eq!(replies[0], Reply::Addresses { addresses: vec![one; 2], ttl: 60 });
        let one = "2001:db8::1".parse().unwrap();
        assert_eq!(replies[1], Reply::Addresses { addresses: vec![one], ttl: 30 });
        assert_eq!(replies[2], Reply::NxDomain { ttl: Some(5) });
        assert_eq!(replies[3], Reply::NxDomain { ttl: Some(5) });
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4000))]
        #[test]
        fn it_says_what_a_closer_look_says(
            which in 0_usize..4,
            changes in proptest::collection::vec((any::<usize>(), any::<u8>()), 0..4),
            cut in 0_usize..6,
            added in proptest::collection::vec(any::<u8>(), 0..3),
        ) {
            let (rtype, mut bytes) = all()[which].clone();
            let question_end = HEADER + name(NAME).as_wire().len() + 4;
            for (at, byte) in changes {
                let at = at % bytes.len();
                // The question is looked at before, and so is that it is an answer.
                if !(HEADER..question_end).contains(&at) {
                    bytes[at] = byte;
                }
            }
            bytes[2] = bytes[2] & 0b1000_0111 | 0x80;
            bytes[4..6].copy_from_slice(&[0, 1]);
            bytes.truncate(bytes.len() - cut.saturating_sub(3));
            bytes.extend(added.iter().skip(1));
            if let Some(reply) = quickly(&bytes, rtype) {
                prop_assert_eq!(read_closely(&bytes, rtype), Some(reply));
            }
        }
    }
}
