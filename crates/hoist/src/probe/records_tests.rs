use std::collections::BTreeSet;

use domain::base::iana::Rcode;
use proptest::prelude::*;

use super::*;
use crate::probe::answers::{Answer, name as wire_name};
use crate::probe::chance::Case;
use crate::probe::message::{Problem, Reply, read_reply, write_query};

const TYPES: [Rtype; 6] = [Rtype::NS, Rtype::SOA, Rtype::MX, Rtype::TXT, Rtype::CNAME, Rtype::PTR];

fn to(rtype: Rtype) -> Answer {
    let mut query = Vec::new();
    write_query(&mut query, 1, &wire_name("a.example"), Case::SMALL, rtype, true);
    Answer::to(&query)
}

fn read(answer: Answer, rtype: Rtype) -> Reply {
    read_reply(&answer.bytes(), &wire_name("a.example"), rtype).expect("it answers the question")
}

fn found(answer: Answer, rtype: Rtype) -> Vec<String> {
    match read(answer, rtype) {
        Reply::Records { records, .. } => records.iter().map(|text| (**text).to_owned()).collect(),
        other => panic!("{rtype}: {other:?}"),
    }
}

/// Points to the name asked for, which stands behind the header.
const TO_ASKED: [u8; 2] = [0xc0, 12];

fn numbers(numbers: &[u32]) -> Vec<u8> {
    numbers.iter().flat_map(|n| n.to_be_bytes()).collect()
}

/// Data of each type, as they come, and as they are told.
fn samples() -> Vec<(Rtype, Vec<u8>, &'static str)> {
    let soa = [b"\x02NS".as_slice(), &TO_ASKED, b"\x04ho.t", &TO_ASKED].concat();
    vec![
        (Rtype::NS, [b"\x03nS1".as_slice(), &TO_ASKED].concat(), "ns1.a.example."),
        (Rtype::NS, b"\0".to_vec(), "."),
        (Rtype::CNAME, b"\x04b\"\0;\x02(@\0".to_vec(), r#"b\"\000\;.\(\@."#),
        (Rtype::PTR, b"\x03\xff x\0".to_vec(), r"\255\032x."),
        (Rtype::MX, [b"\0\x0a".as_slice(), &TO_ASKED].concat(), "10 a.example."),
        (Rtype::MX, b"\xff\xff\0".to_vec(), "65535 ."),
        (
            Rtype::SOA,
            [soa, numbers(&[u32::MAX, 2, 3, 4, 5])].concat(),
            r"ns.a.example. ho\.t.a.example. 4294967295 2 3 4 5",
        ),
        (Rtype::TXT, b"\x05v=a;b".to_vec(), r#""v=a;b""#),
        (Rtype::TXT, b"\x04a\"\\ \0\x03\x1b\x7f\xe9".to_vec(), r#""a\"\\ " "" "\027\127\233""#),
    ]
}

#[test]
fn each_type_is_told_as_master_files_have_it() {
    for (rtype, data, expected) in samples() {
        let answer = to(rtype).record(6, "a.example", rtype, 60, &data);
        assert_eq!(found(answer, rtype), [expected], "{rtype}");
    }
    // In the order of the answer, and with the smallest time to live.
    let two = to(Rtype::MX).record(6, "a.example", Rtype::MX, 60, b"\0\x14\0");
    let two = two.record(6, "A.example", Rtype::MX, 30, b"\0\x0a\0");
    let records = ["20 .".into(), "10 .".into()].into();
    assert_eq!(read(two, Rtype::MX), Reply::Records { records, ttl: 30 });
}

#[test]
fn aliases_are_followed_but_for_themselves() {
    let chain = |rtype| to(rtype).cname("a.example", "b.example").cname("b.example", "c.example");
    for (rtype, data, expected) in samples() {
        let answer = chain(rtype).record(6, "c.example", rtype, 60, &data);
        match rtype {
            Rtype::CNAME => assert_eq!(found(answer, rtype), ["b.example."]),
            _ => assert_eq!(found(answer, rtype), [expected], "{rtype}"),
        }
        // Of another name, or of another type.
        let other = to(rtype).record(6, "b.example", rtype, 60, &data).a("a.example", [1; 4]);
        assert_eq!(read(other, rtype), Reply::NoData { ttl: None }, "{rtype}");
    }
    let cut = Reply::Alias { target: wire_name("c.example"), ttl: 30 };
    assert_eq!(read(chain(Rtype::MX), Rtype::MX), cut);
}

#[test]
fn none_is_told_from_nobody_knows() {
    for rtype in TYPES {
        assert_eq!(read(to(rtype), rtype), Reply::NoData { ttl: None });
        let soa = to(rtype).soa("example", 60, 5);
        assert_eq!(read(soa.clone(), rtype), Reply::NoData { ttl: Some(5) });
        assert_eq!(read(soa.rcode(Rcode::NXDOMAIN), rtype), Reply::NxDomain { ttl: Some(5) });
        let referral = to(rtype).ns("example");
        assert_eq!(read(referral, rtype), Reply::Useless(Problem::Referral));
    }
    // It is there and is not; BADVERS in the upper bits of the code.
    for (rtype, data, _) in samples() {
        let answer = to(rtype).record(6, "a.example", rtype, 60, &data);
        let both = read(answer.clone().rcode(Rcode::NXDOMAIN), rtype);
        assert_eq!(both, Reply::Useless(Problem::Malformed), "{rtype}");
        assert!(matches!(read(answer.opt(1), rtype), Reply::Useless(Problem::Rcode(_))), "{rtype}");
    }
}

#[test]
fn a_record_that_cannot_be_read_spoils_the_answer() {
    let bad: [(Rtype, &[u8]); 14] = [
        (Rtype::NS, b""),
        (Rtype::NS, b"\x03abc"),
        (Rtype::NS, b"\x01a\0x"),
        (Rtype::CNAME, b"\x01a\0\0"),
        (Rtype::PTR, b"\x40a\0"),
        (Rtype::PTR, b"\xff\xff"),
        (Rtype::MX, b"\0"),
        (Rtype::MX, b"\0\x0a"),
        (Rtype::MX, b"\0\x0a\0\0"),
        (Rtype::SOA, b"\0\0\0\0\0\x01\0\0\0\x02\0\0\0\x03\0\0\0\x04\0\0\0"),
        (Rtype::SOA, b"\0\0\0\0\0\x01\0\0\0\x02\0\0\0\x03\0\0\0\x04\0\0\0\x05\0"),
        (Rtype::TXT, b""),
        (Rtype::TXT, b"\x05abcd"),
        (Rtype::TXT, b"\x01a\x01"),
    ];
    for (rtype, data) in bad {
        let (_, good, _) = samples().into_iter().find(|(of, ..)| *of == rtype).unwrap();
        let spoiled = to(rtype).record(6, "a.example", rtype, 60, &good);
        let spoiled = spoiled.record(6, "a.example", rtype, 60, data);
        assert_eq!(read(spoiled, rtype), Reply::Useless(Problem::Malformed), "{rtype} {data:?}");
    }
    // A name that points to itself, which begins behind its owner and its header.
    let at = u16::try_from(to(Rtype::NS).bytes().len() + 11 + 10).unwrap() | 0xc000;
    let circle = to(Rtype::NS).record(6, "a.example", Rtype::NS, 60, &at.to_be_bytes());
    assert_eq!(read(circle, Rtype::NS), Reply::Useless(Problem::Malformed));
}

/// 4,000 names of 16 bytes each, which all point to one of 250 bytes that have no letters.
#[test]
fn the_text_of_an_answer_is_bounded() {
    let label = [b"\x3d".as_slice(), &[0; 61]].concat();
    let long = [label.repeat(4), vec![0]].concat();
    let with = |n: usize| {
        let answer = to(Rtype::NS).record(6, "a.example", Rtype::NS, 60, &long);
        let at = u16::try_from(answer.clone().bytes().len() - long.len()).unwrap() | 0xc000;
        (1..n).fold(answer, |answer, _| {
            answer.record(6, "a.example", Rtype::NS, 60, &at.to_be_bytes())
        })
    };
    let one = found(with(1), Rtype::NS)[0].len();
    assert_eq!(one, 4 * 61 * 4 + 4);
    assert_eq!(found(with(TEXT_MAX / one), Rtype::NS).len(), TEXT_MAX / one);
    let one_more = read(with(TEXT_MAX / one + 1), Rtype::NS);
    assert_eq!(one_more, Reply::Useless(Problem::Malformed));
}

// A second reading of messages, slow and plain, that shares nothing with the first.

/// A name, and where what stands behind it begins.
fn plain_name(message: &[u8], mut at: usize) -> Option<(Vec<u8>, usize)> {
    let (mut wire, mut behind) = (Vec::new(), None);
    // As many labels and pointers as could make a name; more go in a circle.
    for _ in 0..600 {
        let length = *message.get(at)?;
        match length {
            0 => {
                wire.push(0);
                return (wire.len() <= 255).then(|| (wire, behind.unwrap_or(at + 1)));
            }
            1..64 => {
                wire.push(length);
                let label = message.get(at + 1..at + 1 + usize::from(length))?;
                wire.extend(label.to_ascii_lowercase());
                at += 1 + usize::from(length);
            }
            0xc0.. => {
                behind.get_or_insert(at + 2);
                at = usize::from(length & 0x3f) << 8 | usize::from(*message.get(at + 1)?);
            }
            _ => return None,
        }
    }
    None
}

/// The data of a record with its names written out, if it is as RFC 1035 §3.3 has it.
fn plain_data(message: &[u8], rtype: Rtype, from: usize, to: usize) -> Option<Vec<u8>> {
    let mut data = Vec::new();
    let mut at = from;
    let name = |at: &mut usize, data: &mut Vec<u8>| -> Option<()> {
        let (wire, behind) = plain_name(message, *at)?;
        data.extend(wire);
        *at = behind;
        Some(())
    };
    match rtype {
        Rtype::TXT => {
            while at < to {
                at += 1 + usize::from(message[at]);
            }
            data.extend(message.get(from..at)?);
            (from < to).then_some(())?;
        }
        Rtype::MX => {
            data.extend(message.get(at..at + 2)?);
            at += 2;
            name(&mut at, &mut data)?;
        }
        Rtype::SOA => {
            name(&mut at, &mut data)?;
            name(&mut at, &mut data)?;
            data.extend(message.get(at..at + 20)?);
            at += 20;
        }
        _ => name(&mut at, &mut data)?,
    }
    (at == to).then_some(data)
}

/// The data of all records of a type in the answer section, whoever their owner is.
fn plain_answer(message: &[u8], rtype: Rtype) -> Option<BTreeSet<Vec<u8>>> {
    let word = |at: usize| Some(u16::from_be_bytes([*message.get(at)?, *message.get(at + 1)?]));
    let (_, mut at) = plain_name(message, 12)?;
    at += 4;
    let mut all = BTreeSet::new();
    for _ in 0..word(6)? {
        let (_, behind) = plain_name(message, at)?;
        let (from, length) = (behind + 10, usize::from(word(behind + 8)?));
        at = from + length;
        if word(behind)? == rtype.to_int() && at <= message.len() {
            all.extend(plain_data(message, rtype, from, at));
        }
    }
    Some(all)
}

/// The bytes that a text in presentation form stands for: words of labels or of one string.
fn unpresented(rtype: Rtype, text: &str) -> Vec<u8> {
    let mut data = Vec::new();
    let mut numbers_from = usize::MAX;
    let mut bytes = text.bytes().peekable();
    let mut word = 0;
    if rtype == Rtype::MX {
        let (preference, _) = text.split_once(' ').unwrap();
        data.extend(preference.parse::<u16>().unwrap().to_be_bytes());
        bytes.nth(preference.len());
    }
    if rtype == Rtype::SOA {
        let mut ends = text.match_indices(' ').rev().map(|(at, _)| at);
        numbers_from = ends.nth(4).unwrap();
    }
    let mut at = if rtype == Rtype::MX { text.find(' ').unwrap() + 1 } else { 0 };
    let mut label = Vec::new();
    let mut within = false;
    while let Some(byte) = bytes.next() {
        if at >= numbers_from {
            break;
        }
        at += 1;
        assert!((0x20..0x7f).contains(&byte), "{text:?}");
        match byte {
            b'\\' => {
                let next = bytes.next().unwrap();
                at += 1;
                label.push(if next.is_ascii_digit() {
                    let digits = [next, bytes.next().unwrap(), bytes.next().unwrap()];
                    at += 2;
                    std::str::from_utf8(&digits).unwrap().parse().unwrap()
                } else {
                    next
                });
            }
            b'"' if rtype == Rtype::TXT => {
                if within {
                    data.push(u8::try_from(label.len()).unwrap());
                    data.append(&mut label);
                }
                within = !within;
            }
            b' ' if rtype != Rtype::TXT || !within => {}
            b'.' if rtype != Rtype::TXT => {
                if !label.is_empty() {
                    data.push(u8::try_from(label.len()).unwrap());
                    data.append(&mut label);
                }
                if bytes.peek().is_none_or(|next| *next == b' ') {
                    data.push(0);
                    word += 1;
                }
            }
            byte => label.push(byte),
        }
    }
    assert!(label.is_empty() && !within, "{text:?}");
    if rtype == Rtype::SOA {
        assert_eq!(word, 2, "{text:?}");
        for number in text[numbers_from..].split_ascii_whitespace() {
            data.extend(number.parse::<u32>().unwrap().to_be_bytes());
        }
    }
    data
}

/// Whatever is told of a message is in it, whole; and nothing breaks the reader.
fn check(bytes: &[u8], rtype: Rtype) -> bool {
    let reply = read_reply(bytes, &wire_name("a.example"), rtype);
    let Some(Reply::Records { records, .. }) = reply else { return false };
    let there = plain_answer(bytes, rtype).expect("a plain reader reads it, too");
    assert!(!records.is_empty());
    for text in records {
        assert!(there.contains(&unpresented(rtype, &text)), "{rtype} {text:?} is not in {there:?}");
    }
    true
}

fn full(rtype: Rtype) -> Vec<u8> {
    let mut answer = to(rtype);
    if rtype != Rtype::CNAME {
        answer = answer.cname("a.example", "c.example");
    }
    let owner = if rtype == Rtype::CNAME { "a.example" } else { "c.example" };
    for (of, data, _) in samples() {
        answer = answer.record(6, owner, of, 60, &data);
    }
    answer.soa("example", 60, 60).opt(0).bytes()
}

#[test]
fn the_plain_reader_sees_the_same() {
    for rtype in TYPES {
        assert!(check(&full(rtype), rtype), "{rtype}");
    }
}

/// Each byte of an answer, changed or the first that is missing.
#[test]
fn no_single_fault_makes_a_record() {
    for rtype in TYPES {
        let whole = full(rtype);
        for at in 0..whole.len() {
            check(&whole[..at], rtype);
            for bit in 0..8 {
                let mut bytes = whole.clone();
                bytes[at] ^= 1 << bit;
                check(&bytes, rtype);
            }
        }
    }
}

proptest! {
    #[test]
    fn no_bytes_make_a_record_that_is_not_there(
        bytes in proptest::collection::vec(any::<u8>(), 0..300),
        which in 0_usize..6,
    ) {
        let mut query = Vec::new();
        write_query(&mut query, 1, &wire_name("a.example"), Case::SMALL, TYPES[which], false);
        query[2] |= 0x80;
        check(&bytes, TYPES[which]);
        // Behind a question that is ours, so that it is read.
        query[7] = bytes.first().map_or(0, |byte| byte % 8);
        query.extend(bytes);
        check(&query, TYPES[which]);
    }

    #[test]
    fn no_change_makes_a_record_that_is_not_there(
        changes in proptest::collection::vec((any::<u16>(), any::<u8>()), 1..8),
        cut in 0_usize..40,
        which in 0_usize..6,
    ) {
        let mut bytes = full(TYPES[which]);
        for (at, byte) in changes {
            let length = bytes.len();
            bytes[usize::from(at) % length] = byte;
        }
        bytes.truncate(bytes.len() - cut);
        check(&bytes, TYPES[which]);
    }
}
