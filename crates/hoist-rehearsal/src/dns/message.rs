//! Messages: queries read strictly, answers written plainly (RFC 1035, section 4; RFC 6891 for OPT).

use std::net::IpAddr;

use super::name;

pub(crate) const A: u16 = 1;
pub(crate) const NS: u16 = 2;
pub(crate) const CNAME: u16 = 5;
pub(crate) const SOA: u16 = 6;
pub(crate) const PTR: u16 = 12;
pub(crate) const MX: u16 = 15;
pub(crate) const TXT: u16 = 16;
pub(crate) const AAAA: u16 = 28;
pub(crate) const ANY: u16 = 255;
const OPT: u16 = 41;
pub(crate) const IN: u16 = 1;

/// The UDP size of those who say none (RFC 1035, section 4.2.1), the largest we use, and the one we
/// tell.
const SMALLEST: u16 = 512;
const LARGEST: u16 = 4096;
const OURS: u16 = 1232;

/// Response codes (RFC 1035, section 4.1.1; RFC 6891, section 9).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rcode {
    NoError = 0,
    FormErr = 1,
    ServFail = 2,
    NxDomain = 3,
    NotImp = 4,
    Refused = 5,
    BadVers = 16,
}

impl Rcode {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::NoError => "NOERROR",
            Self::FormErr => "FORMERR",
            Self::ServFail => "SERVFAIL",
            Self::NxDomain => "NXDOMAIN",
            Self::NotImp => "NOTIMP",
            Self::Refused => "REFUSED",
            Self::BadVers => "BADVERS",
        }
    }

    fn number(self) -> u16 {
        self as u16
    }
}

/// A question and how its asker wants it answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Query {
    pub(crate) id: u16,
    recursion: bool,
    /// Name, type and class as sent, to be echoed.
    question: Vec<u8>,
    pub(crate) kind: u16,
    pub(crate) class: u16,
    /// Whether there was an OPT record, with its version.
    edns: Option<u8>,
    /// The longest UDP answer the asker takes.
    pub(crate) size: usize,
}

/// What a message turned out to be.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Parsed {
    Query(Query),
    /// No query that could be echoed: the answer's header.
    Wrong(Rcode, Vec<u8>),
    /// Not to be answered: too short, or an answer itself (which could go on for ever).
    Noise,
}

pub(crate) fn parse(message: &[u8]) -> Parsed {
    let Some((header, body)) = message.split_first_chunk::<12>() else { return Parsed::Noise };
    let word = |at: usize| u16::from_be_bytes([header[at], header[at + 1]]);
    let (id, flags) = (word(0), word(2));
    if flags & 0x8000 != 0 {
        return Parsed::Noise;
    }
    let wrong = |rcode: Rcode| {
        let flags = 0x8080 | (flags & 0x7900) | rcode.number();
        let mut out = Vec::from(id.to_be_bytes());
        out.extend_from_slice(&flags.to_be_bytes());
        out.resize(12, 0);
        Parsed::Wrong(rcode, out)
    };
    if flags & 0x7800 != 0 {
        return wrong(Rcode::NotImp);
    }
    if word(4) != 1 {
        return wrong(Rcode::FormErr);
    }
    let mut reader = Reader(body);
    let records = u32::from(word(6)) + u32::from(word(8)) + u32::from(word(10));
    match read(&mut reader, id, flags & 0x0100 != 0, records) {
        Some(query) => Parsed::Query(query),
        None => wrong(Rcode::FormErr),
    }
}

fn read(reader: &mut Reader<'_>, id: u16, recursion: bool, records: u32) -> Option<Query> {
    let whole = reader.0;
    reader.name(false)?;
    let (kind, class) = (reader.word()?, reader.word()?);
    let question = whole[..whole.len() - reader.0.len()].to_vec();
    let (mut edns, mut size) = (None, SMALLEST);
    for _ in 0..records {
        let root = reader.0.first() == Some(&0);
        reader.name(true)?;
        let (kind, class) = (reader.word()?, reader.word()?);
        let [_, version, _, _] = *reader.take::<4>()?;
        let length = usize::from(reader.word()?);
        reader.0 = reader.0.get(length..)?;
        if kind == OPT {
            if edns.replace(version).is_some() || !root {
                return None;
            }
            size = class.clamp(SMALLEST, LARGEST);
        }
    }
    reader.0.is_empty().then_some(Query {
        id,
        recursion,
        question,
        kind,
        class,
        edns,
        size: size.into(),
    })
}

struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    fn take<const N: usize>(&mut self) -> Option<&[u8; N]> {
        let (taken, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(taken)
    }

    fn word(&mut self) -> Option<u16> {
        self.take().map(|bytes| u16::from_be_bytes(*bytes))
    }

    /// Passes over a name; pointers only where `pointers` allows, and not followed.
    fn name(&mut self, pointers: bool) -> Option<()> {
        let mut total = 0;
        loop {
            let [length] = *self.take::<1>()?;
            match length {
                0 => return Some(()),
                0xc0.. if pointers => return self.take::<1>().map(|_| ()),
                64.. => return None,
                _ => {}
            }
            total += usize::from(length) + 1;
            if total >= 255 {
                return None;
            }
            self.0 = self.0.get(usize::from(length)..)?;
        }
    }
}

impl Query {
    /// The name in wire form, as sent.
    pub(crate) fn name(&self) -> &[u8] {
        &self.question[..self.question.len() - 4]
    }

    /// The name as text, as sent.
    pub(crate) fn name_text(&self) -> String {
        name::text(self.name())
    }

    pub(crate) fn has_edns(&self) -> bool {
        self.edns.is_some()
    }

    pub(crate) fn is_newer_edns(&self) -> bool {
        self.edns.is_some_and(|version| version > 0)
    }

    /// Begins an answer as of a server that knows no EDNS.
    pub(crate) fn begin_without_edns(&self, rcode: Rcode) -> Writer {
        Writer { edns: None, ..self.begin(rcode) }
    }

    /// Begins an answer; the question is in it.
    pub(crate) fn begin(&self, rcode: Rcode) -> Writer {
        let mut out = Vec::with_capacity(128);
        // An answer, recursion available, and whether recursion was desired.
        let flags = 0x8080 | u16::from(self.recursion) << 8 | (rcode.number() & 15);
        for word in [self.id, flags, 1, 0, 0, 0] {
            out.extend_from_slice(&word.to_be_bytes());
        }
        out.extend_from_slice(&self.question);
        let high = u8::try_from(rcode.number() >> 4).unwrap_or_default();
        Writer { out, edns: self.edns.map(|_| high), question: self.question.len() }
    }
}

/// Where the name asked for stands in every answer.
pub(crate) const ASKED: At = At(12);

/// An answer being written: answers first, then authority, then `finish`.
pub(crate) struct Writer {
    out: Vec<u8>,
    /// The high bits of the code, if an OPT record is due.
    edns: Option<u8>,
    question: usize,
}

/// The place of a name in a message, for pointing at it.
#[derive(Clone, Copy)]
pub(crate) struct At(u16);

impl Writer {
    /// Adds a record to the answer section; returns the place of its data.
    pub(crate) fn answer(&mut self, owner: At, kind: u16, ttl: u32, data: &[u8]) -> At {
        self.count(6);
        self.record(&pointer(owner), kind, ttl, data)
    }

    /// Adds the address if it is of the type asked for; tells whether it was.
    pub(crate) fn address(&mut self, owner: At, asked: u16, ttl: u32, address: IpAddr) -> bool {
        match address {
            IpAddr::V4(four) if matches!(asked, A | ANY) => {
                self.answer(owner, A, ttl, &four.octets());
            }
            IpAddr::V6(six) if matches!(asked, AAAA | ANY) => {
                self.answer(owner, AAAA, ttl, &six.octets());
            }
            _ => return false,
        }
        true
    }

    /// Adds the SOA of a zone whose wire form is the end of `owner`'s, as an answer or as authority
    /// (RFC 2308).
    pub(crate) fn soa(&mut self, zone: &[u8], ttl: u32, authority: bool) {
        self.count(if authority { 8 } else { 6 });
        let mut data = Vec::new();
        for label in [b"\x02ns".as_slice(), b"\x0ahostmaster"] {
            data.extend_from_slice(label);
            data.extend_from_slice(zone);
        }
        // Serial, refresh, retry, expire, minimum.
        for n in [1, 3600, 600, 86_400, ttl] {
            data.extend_from_slice(&n.to_be_bytes());
        }
        self.record(zone, SOA, ttl, &data);
    }

    fn record(&mut self, owner: &[u8], kind: u16, ttl: u32, data: &[u8]) -> At {
        self.out.extend_from_slice(owner);
        for word in [kind, IN] {
            self.out.extend_from_slice(&word.to_be_bytes());
        }
        self.out.extend_from_slice(&ttl.to_be_bytes());
        let length = u16::try_from(data.len()).unwrap_or_default();
        self.out.extend_from_slice(&length.to_be_bytes());
        let at = At(u16::try_from(self.out.len()).unwrap_or_default());
        self.out.extend_from_slice(data);
        at
    }

    fn count(&mut self, section: usize) {
        let n = u16::from_be_bytes([self.out[section], self.out[section + 1]]) + 1;
        self.out[section..section + 2].copy_from_slice(&n.to_be_bytes());
    }

    /// Ends the message with its OPT record. What is longer than `limit` is cut to the question and
    /// marked so (TC); the flag tells.
    pub(crate) fn finish(mut self, limit: usize, truncate: bool) -> (Vec<u8>, bool) {
        let opt = if self.edns.is_some() { 11 } else { 0 };
        let cut = truncate || self.out.len() + opt > limit;
        if cut {
            self.out.truncate(12 + self.question);
            self.out[6..12].fill(0);
            self.out[2] |= 2;
        }
        if let Some(high) = self.edns {
            self.count(10);
            self.out.push(0);
            for word in [OPT, OURS, u16::from(high) << 8, 0, 0] {
                self.out.extend_from_slice(&word.to_be_bytes());
            }
        }
        (self.out, cut)
    }
}

fn pointer(at: At) -> [u8; 2] {
    (0xc000 | at.0).to_be_bytes()
}

/// The types with names of their own.
const KINDS: [(u16, &str); 11] = [
    (A, "A"),
    (NS, "NS"),
    (CNAME, "CNAME"),
    (SOA, "SOA"),
    (PTR, "PTR"),
    (MX, "MX"),
    (TXT, "TXT"),
    (AAAA, "AAAA"),
    (33, "SRV"),
    (65, "HTTPS"),
    (ANY, "ANY"),
];

/// The type that a word means: a name, or `TYPE999`.
pub(crate) fn kind_of(text: &str) -> Option<u16> {
    let text = text.to_ascii_uppercase();
    let named = KINDS.iter().find(|(_, name)| *name == text).map(|(kind, _)| *kind);
    named.or_else(|| text.strip_prefix("TYPE")?.parse().ok())
}

/// A type's name; `TYPE999` for others (RFC 3597, section 5).
pub(crate) fn kind_text(kind: u16) -> String {
    let known = KINDS.iter().find(|(known, _)| *known == kind);
    known.map_or_else(|| format!("TYPE{kind}"), |(_, name)| (*name).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A query for A of `a.dev`, recursion desired.
    const PLAIN: &[u8] = b"\x12\x34\x01\x00\0\x01\0\0\0\0\0\0\x01a\x03dev\0\0\x01\0\x01";

    fn with(edit: impl FnOnce(&mut Vec<u8>)) -> Parsed {
        let mut message = PLAIN.to_vec();
        edit(&mut message);
        parse(&message)
    }

    #[test]
    fn a_plain_query() {
        let Parsed::Query(query) = parse(PLAIN) else { panic!() };
        assert_eq!((query.id, query.kind, query.class, query.size), (0x1234, A, IN, 512));
        assert_eq!(query.name_text(), "a.dev");
        assert!(query.recursion && query.edns.is_none());
    }

    #[test]
    fn opt_is_read_wherever_it_stands() {
        let opt = b"\0\0\x29\x04\xd0\0\0\0\0\0\0";
        let parsed = with(|m| {
            m[11] = 1;
            m.extend_from_slice(opt);
        });
        let Parsed::Query(query) = parsed else { panic!() };
        assert_eq!((query.size, query.edns), (1232, Some(0)));
        let twice = with(|m| {
            m[11] = 2;
            m.extend_from_slice(opt);
            m.extend_from_slice(opt);
        });
        assert!(matches!(twice, Parsed::Wrong(Rcode::FormErr, _)));
    }

    #[test]
    fn what_is_wrong_is_told_and_noise_is_not_answered() {
        assert_eq!(with(|m| m[2] = 0x81), Parsed::Noise);
        assert_eq!(with(|m| m.truncate(11)), Parsed::Noise);
        assert!(matches!(with(|m| m[2] = 0x09), Parsed::Wrong(Rcode::NotImp, _)));
        for edit in [
            (|m| m[5] = 0) as fn(&mut Vec<u8>),
            |m| m[5] = 2,
            |m| m[7] = 1,
            |m| m.push(0),
            |m| m.truncate(20),
            |m| m[12] = 0xc0,
            |m| m[12] = 64,
        ] {
            let Parsed::Wrong(Rcode::FormErr, answer) = with(edit) else { panic!() };
            assert_eq!(answer, b"\x12\x34\x81\x81\0\0\0\0\0\0\0\0");
        }
    }

    #[test]
    fn any_bytes_can_be_read() {
        let mut draws = crate::hash::Draws::from(1);
        for _ in 0..20_000 {
            let mut message = PLAIN.to_vec();
            for _ in 0..3 {
                let at = usize::try_from(draws.next()).unwrap() % message.len();
                message[at] = u8::try_from(draws.next() & 255).unwrap();
            }
            if let Parsed::Query(query) = parse(&message) {
                query.name_text();
            }
        }
    }

    #[test]
    fn answers_are_cut_to_size() {
        let Parsed::Query(query) = parse(PLAIN) else { panic!() };
        let build = |n: u8, limit, truncate| {
            let mut writer = query.begin(Rcode::NoError);
            for i in 0..n {
                writer.answer(ASKED, A, 60, &[127, 0, 0, i]);
            }
            writer.finish(limit, truncate)
        };
        let (whole, cut) = build(2, 512, false);
        assert!(!cut);
        assert_eq!(&whole[..12], b"\x12\x34\x81\x80\0\x01\0\x02\0\0\0\0");
        assert_eq!(&whole[23..39], b"\xc0\x0c\0\x01\0\x01\0\0\0\x3c\0\x04\x7f\0\0\0");
        for (answer, cut) in [build(40, 512, false), build(2, 512, true)] {
            assert!(cut);
            assert_eq!(answer, [b"\x12\x34\x83\x80\0\x01\0\0\0\0\0\0", &PLAIN[12..]].concat());
        }
        assert!(!build(40, 65_535, false).1);
    }
}
