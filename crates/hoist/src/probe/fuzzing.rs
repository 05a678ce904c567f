//! What a fuzzer feeds to the reader of replies. Whatever comes, nothing panics, an answer to another
//! question is none, and what is read is what was asked for.
//!
//! The first byte says what the others are; `fuzz/README.md` says how to run it.

use domain::base::iana::Rtype;

use super::chance::Case;
use super::message::{Problem, Reply, id_of, read_reply, write_query};
use crate::item::{DomainName, WireName};

/// Bytes of the header (RFC 1035 §4.1.1), and up to the counts in it.
const HEADER: usize = 12;
const FLAGS: usize = 2;
const COUNTS: usize = 4;

/// Reads any bytes as what their first one says.
pub(crate) fn reply(bytes: &[u8]) {
    let Some((way, rest)) = bytes.split_first() else { return };
    let rtype = if way & 1 == 0 { Rtype::A } else { Rtype::AAAA };
    let name = match (way >> 1) % 3 {
        0 => name("a.example"),
        1 => name("."),
        _ => name(&["abc"; 63].join(".")),
    };
    if way & 0x80 == 0 {
        read(rest, &name, rtype);
    } else {
        read(&behind_the_question(rest, &name, rtype), &name, rtype);
    }
}

/// Bytes as the sections of a message that is about the question. The first six say how many records
/// there are in each, two more are the flags: to come upon a header and a question takes a fuzzer long.
fn behind_the_question(bytes: &[u8], name: &WireName, rtype: Rtype) -> Vec<u8> {
    let mut message = Vec::new();
    write_query(&mut message, 0x1234, name, Case::SMALL, rtype, false);
    let Some((head, rest)) = bytes.split_first_chunk::<8>() else { return message };
    message[FLAGS..COUNTS].copy_from_slice(&head[..2]);
    message[FLAGS] |= 0x80;
    message[COUNTS + 2..HEADER].copy_from_slice(&head[2..]);
    message.extend_from_slice(rest);
    message
}

fn read(bytes: &[u8], name: &WireName, rtype: Rtype) {
    let id = id_of(bytes);
    assert!(id.is_none() || bytes.len() >= HEADER);
    let Some(reply) = read_reply(bytes, name, rtype) else { return };
    assert!(id.is_some(), "what is read says that it is an answer");
    if bytes[COUNTS..COUNTS + 2] == [0, 0] {
        let decides = !matches!(reply, Reply::Useless(Problem::Rcode(_)));
        assert!(!decides, "a bare header decides nothing: {reply:?}");
    } else {
        let asked = [name.as_wire(), &rtype.to_int().to_be_bytes(), &[0, 1]].concat();
        assert_eq!(question(bytes), Some(asked), "an answer to another question: {reply:?}");
    }
    match reply {
        Reply::Addresses { addresses, .. } => {
            assert!(!addresses.is_empty() && addresses.len() * 12 <= bytes.len());
            assert!(addresses.iter().all(|address| address.is_ipv4() == (rtype == Rtype::A)));
        }
        Reply::Alias { target, .. } => {
            assert_eq!(WireName::from_wire(target.as_wire()), Some(target));
        }
        Reply::Records { records, .. } => {
            assert!(!records.is_empty() && records.len() * 11 <= bytes.len());
        }
        Reply::NoData { .. } | Reply::NxDomain { .. } | Reply::Cut | Reply::Useless(_) => {}
    }
}

/// The one question of a message, its name lowered; read here by hand, so that a mistake of the reader
/// can't excuse itself.
fn question(bytes: &[u8]) -> Option<Vec<u8>> {
    if bytes[COUNTS..COUNTS + 2] != [0, 1] {
        return None;
    }
    let mut question = Vec::new();
    let mut at = HEADER;
    let mut end = None;
    // Each of two bytes leads elsewhere, or is a label of one at least.
    for _ in 0..bytes.len() {
        let length = usize::from(*bytes.get(at)?);
        if length >= 0xc0 {
            end = end.or(Some(at + 2));
            // Into the header, if at all, where a name may stand by chance.
            at = (length & 0x3f) << 8 | usize::from(*bytes.get(at + 1)?);
            continue;
        }
        question.extend(bytes.get(at..=at + length)?.iter().map(u8::to_ascii_lowercase));
        at += 1 + length;
        if length == 0 {
            let end = end.unwrap_or(at);
            question.extend_from_slice(bytes.get(end..end + 4)?);
            return Some(question);
        }
    }
    None
}

fn name(text: &str) -> WireName {
    match DomainName::parse(text) {
        Ok(DomainName::Name(name)) => name,
        other => unreachable!("{text} is no name: {other:?}"),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::corpus::seeds;
    use crate::probe::answers::Answer;

    /// By these the fuzzer begins, too.
    #[test]
    fn seeds_are_read() {
        let seeds = seeds("dns");
        assert!(seeds.len() >= 6, "{} seeds", seeds.len());
        for mut bytes in seeds {
            for way in 0..=255 {
                bytes[0] = way;
                reply(&bytes);
            }
        }
    }

    #[test]
    fn the_way_behind_a_question_leads_to_answers() {
        let asked = name("a.example");
        let mut query = Vec::new();
        write_query(&mut query, 0x1234, &asked, Case::SMALL, Rtype::A, false);
        let whole =
            Answer::to(&query).cname("a.example", "b.example").a("b.example", [192, 0, 2, 1]);
        let whole = whole.bytes();
        let rest =
            [&whole[FLAGS..COUNTS], &whole[COUNTS + 2..HEADER], &whole[query.len()..]].concat();
        let made = behind_the_question(&rest, &asked, Rtype::A);
        assert_eq!(made, whole);
        assert!(matches!(read_reply(&made, &asked, Rtype::A), Some(Reply::Addresses { .. })));
    }

    proptest! {
        #[test]
        fn anything_is_read(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
            reply(&bytes);
        }

        /// Records that are not all strange.
        #[test]
        fn any_records_are_read(
            way in 0x80_u8..,
            flags in prop_oneof![Just([0x81, 0x80]), any::<[u8; 2]>()],
            counts in prop::array::uniform6(prop_oneof![3 => Just(0), 1 => 0..4_u8]),
            records in prop::collection::vec(
                (
                    prop_oneof![
                        3 => Just(vec![0xc0, 12]),
                        1 => (0..120_u8).prop_map(|at| vec![0xc0, at]),
                        1 => Just(vec![1, b'b', 0]),
                    ],
                    prop_oneof![Just(1_u16), Just(5), Just(28), Just(6), Just(2), Just(41), any::<u16>()],
                    any::<u16>(),
                    prop::collection::vec(any::<u8>(), 0..24),
                ),
                0..6,
            ),
        ) {
            let mut bytes = vec![way];
            bytes.extend(flags);
            // Small numbers, where there are any.
            bytes.extend(counts.chunks(2).flat_map(|count| [0, count[1]]));
            for (owner, rtype, ttl, data) in records {
                bytes.extend(owner);
                bytes.extend(rtype.to_be_bytes());
                bytes.extend([0, 1, 0, 0]);
                bytes.extend(ttl.to_be_bytes());
                bytes.extend(u16::try_from(data.len()).unwrap().to_be_bytes());
                bytes.extend(data);
            }
            reply(&bytes);
        }
    }
}
