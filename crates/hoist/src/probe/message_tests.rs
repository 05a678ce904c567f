use proptest::prelude::*;

use super::*;
use crate::probe::answers::{Answer, name};

fn query(text: &str, rtype: Rtype) -> Vec<u8> {
    let mut buffer = Vec::new();
    write_query(&mut buffer, 0x1234, &name(text), Case::SMALL, rtype, true);
    buffer
}

fn answer() -> Answer {
    Answer::to(&query("a.example", Rtype::A))
}

fn read(answer: Answer) -> Reply {
    read_reply(&answer.bytes(), &name("a.example"), Rtype::A).expect("it answers the question")
}

fn one() -> Vec<IpAddr> {
    vec![[192, 0, 2, 1].into()]
}

#[test]
fn a_query_is_what_domain_reads() {
    let bytes = query("a.example", Rtype::AAAA);
    let message = Message::from_octets(bytes.as_slice()).unwrap();
    assert_eq!(message.header().id(), 0x1234);
    assert!(message.header().rd() && !message.header().qr());
    let question = message.sole_question().unwrap();
    assert_eq!(question.qname().to_string(), "a.example");
    assert_eq!((question.qtype(), question.qclass()), (Rtype::AAAA, Class::IN));
    assert_eq!(message.opt().unwrap().udp_payload_size(), 1232);
    let mut plain = Vec::new();
    write_query(&mut plain, 1, &name("."), Case::SMALL, Rtype::A, false);
    assert!(Message::from_octets(plain.as_slice()).unwrap().opt().is_none());
    assert_eq!(plain.len(), 12 + 1 + 4);
}

#[test]
fn addresses_are_found_through_aliases() {
    let reply = read(answer().a("A.EXAMPLE", [192, 0, 2, 1]));
    assert_eq!(reply, Reply::Addresses { addresses: one(), ttl: 60 });
    // In any order, with the smallest time to live, and without what is not asked for.
    let reply = read(
        answer()
            .a("c.example", [192, 0, 2, 1])
            .cname("b.example", "c.example")
            .a("d.example", [192, 0, 2, 9])
            .cname("a.example", "b.example"),
    );
    assert_eq!(reply, Reply::Addresses { addresses: one(), ttl: 30 });
}

#[test]
fn no_data_is_told_from_no_name() {
    let ttl = None;
    assert_eq!(read(answer().soa("example", 60, 90)), Reply::NoData { ttl: Some(60) });
    assert_eq!(read(answer()), Reply::NoData { ttl });
    assert_eq!(read(answer().rcode(Rcode::NXDOMAIN)), Reply::NxDomain { ttl });
    let chain = answer().cname("a.example", "b.example");
    assert_eq!(read(chain.clone().soa("example", 60, 90)), Reply::NoData { ttl: Some(30) });
    assert_eq!(read(chain.rcode(Rcode::NXDOMAIN)), Reply::NxDomain { ttl });
}

#[test]
fn a_denial_may_be_kept_as_long_as_its_zone_says() {
    let ttl_of = |soa: Answer| match read(soa.rcode(Rcode::NXDOMAIN)) {
        Reply::NxDomain { ttl } => ttl,
        other => panic!("{other:?}"),
    };
    assert_eq!(ttl_of(answer().soa("example", 60, 5)), Some(5));
    assert_eq!(ttl_of(answer().soa("example", 5, 60)), Some(5));
    assert_eq!(ttl_of(answer().soa("A.EXAMPLE", 7, 60)), Some(7));
    // Of another zone, or not to be read: not found all the same, and not to be kept.
    assert_eq!(ttl_of(answer().soa("ample", 60, 60)), None);
    assert_eq!(ttl_of(answer().soa("b.example", 60, 60)), None);
    assert_eq!(ttl_of(answer().record(8, "example", Rtype::SOA, 60, &[0, 0, 1])), None);
}

#[test]
fn a_chain_that_is_cut_is_asked_on() {
    let reply = read(answer().cname("a.example", "b.example").cname("b.example", "c.example"));
    assert_eq!(reply, Reply::Alias { target: name("c.example"), ttl: 30 });
}

#[test]
fn what_decides_nothing_is_useless() {
    let useless = |answer: Answer| match read(answer) {
        Reply::Useless(problem) => problem,
        other => panic!("{other:?}"),
    };
    assert_eq!(useless(answer().ns("example")), Problem::Referral);
    assert_eq!(useless(answer().lame()), Problem::Referral);
    assert_eq!(useless(answer().rcode(Rcode::SERVFAIL)), Problem::Rcode(OptRcode::SERVFAIL));
    assert_eq!(useless(answer().opt(1)), Problem::Rcode(OptRcode::BADVERS));
    assert_eq!(
        useless(answer().cname("a.example", "b.example").cname("b.example", "A.example")),
        Problem::AliasLoop
    );
    // A record of the wrong length; a name that is and is not.
    assert_eq!(useless(answer().record(6, "a.example", Rtype::A, 1, &[1, 2])), Problem::Malformed);
    let both = answer().a("a.example", [192, 0, 2, 1]).rcode(Rcode::NXDOMAIN);
    assert_eq!(useless(both), Problem::Malformed);
    let mut short = answer().a("a.example", [192, 0, 2, 1]).bytes();
    short.truncate(short.len() - 3);
    let reply = read_reply(&short, &name("a.example"), Rtype::A);
    assert_eq!(reply, Some(Reply::Useless(Problem::Malformed)));
}

#[test]
fn what_is_cut_goes_to_tcp_whatever_is_in_it() {
    assert_eq!(read(answer().a("a.example", [192, 0, 2, 1]).cut()), Reply::Cut);
}

#[test]
fn answers_to_other_questions_are_none() {
    let bytes = answer().a("a.example", [192, 0, 2, 1]).bytes();
    let read = |bytes: &[u8], text, rtype| read_reply(bytes, &name(text), rtype);
    assert!(read(&bytes, "A.Example", Rtype::A).is_some());
    assert_eq!(read(&bytes, "b.example", Rtype::A), None);
    assert_eq!(read(&bytes, "a.example.example", Rtype::A), None);
    assert_eq!(read(&bytes, "example", Rtype::A), None);
    assert_eq!(read(&bytes, "a.example", Rtype::AAAA), None);
    // Our own query come back.
    assert_eq!(read(&query("a.example", Rtype::A), "a.example", Rtype::A), None);
    assert_eq!(id_of(&query("a.example", Rtype::A)), None);
    assert_eq!(id_of(&bytes), Some(0x1234));
    let mut other_class = bytes.clone();
    other_class[12 + 11 + 3] = 3;
    assert_eq!(read(&other_class, "a.example", Rtype::A), None);
    let mut two = bytes;
    two[5] = 2;
    assert_eq!(read(&two, "a.example", Rtype::A), None);
}

#[test]
fn a_bare_header_is_believed_only_where_it_decides_nothing() {
    let bare = |rcode: Rcode| {
        let mut bytes = answer().rcode(rcode).bytes();
        bytes.truncate(12);
        bytes[5] = 0;
        read_reply(&bytes, &name("a.example"), Rtype::A)
    };
    assert_eq!(bare(Rcode::FORMERR), Some(Reply::Useless(Problem::Rcode(OptRcode::FORMERR))));
    assert_eq!(bare(Rcode::NXDOMAIN), None);
    assert_eq!(bare(Rcode::NOERROR), None);
}

proptest! {
    #[test]
    fn no_bytes_are_too_strange(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
        let _ = id_of(&bytes);
        let _ = read_reply(&bytes, &name("a.example"), Rtype::A);
    }

    /// Flipped bytes change an answer, or spoil it; they do not break the reader.
    #[test]
    fn no_change_is_too_strange(
        changes in proptest::collection::vec((0_usize..200, any::<u8>()), 1..8),
        length in 0_usize..200,
    ) {
        let mut bytes = answer()
            .cname("a.example", "b.example")
            .cname("b.example", "c.example")
            .a("c.example", [192, 0, 2, 1])
            .soa("example", 60, 60)
            .opt(0)
            .bytes();
        for (at, byte) in changes {
            let length = bytes.len();
            bytes[at % length] = byte;
        }
        bytes.truncate(bytes.len().max(length) - length);
        for rtype in [Rtype::A, Rtype::AAAA] {
            if let Some(Reply::Addresses { addresses, .. }) =
                read_reply(&bytes, &name("a.example"), rtype)
            {
                prop_assert!(!addresses.is_empty());
            }
        }
    }

    /// Whatever an answer holds, and however its bytes behind the question were changed, it is none to
    /// another question.
    #[test]
    fn an_answer_to_another_question_is_never_taken(
        asked in "[a-c]{1,2}(\\.[a-c]{1,2}){0,2}",
        other in "[a-c]{1,2}(\\.[a-c]{1,2}){0,2}",
        types in prop_oneof![
            Just((Rtype::A, Rtype::AAAA)),
            Just((Rtype::A, Rtype::A)),
            Just((Rtype::AAAA, Rtype::A)),
        ],
        changes in prop::collection::vec((0_usize..200, any::<u8>()), 0..8),
        flags in any::<[u8; 2]>(),
    ) {
        let question = query(&asked, types.0).len() - 11;
        let mut bytes = Answer::to(&query(&asked, types.0))
            .cname(&asked, &other)
            .a(&other, [192, 0, 2, 1])
            .a(&asked, [192, 0, 2, 2])
            .aaaa(&other, "2001:db8::1")
            .soa(&other, 60, 60)
            .opt(0)
            .bytes();
        for (at, byte) in changes {
            let rest = bytes.len() - question;
            bytes[question + at % rest] = byte;
        }
        bytes[2..4].copy_from_slice(&flags);
        let is_other = asked != other || types.0 != types.1;
        let reply = read_reply(&bytes, &name(&other), types.1);
        prop_assert!(!is_other || reply.is_none(), "{reply:?}");
    }

    /// The largest of answers, all aliases and pointers, is read in bounded time.
    #[test]
    fn a_full_message_of_aliases_ends(seed in any::<u8>()) {
        let mut answer = answer();
        for n in 0..1000_u16 {
            let owner = format!("n{}.example", n.wrapping_mul(u16::from(seed) | 1) % 1000);
            answer = answer.cname(&owner, &format!("n{}.example", (n + 1) % 1000));
        }
        let _ = read(answer.cname("a.example", "n0.example"));
    }
}
