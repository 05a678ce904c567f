//! Records: outcomes as fields. Tags are never given another meaning; 27 to 29 are kept for more phases
//! of an attempt.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use serde::Serialize;

use super::fields::{BEYOND, Fields, Parser, Value};
use super::segment::LedgerKind;
use crate::item::{Hash, HashAlgorithm, Position};
use crate::outcome::{
    Failure, FailureKind, GetOutcome, GetVerdict, Outcome, Phase, ProbeOutcome, ProbeVerdict,
    Timing, Wildcard, microseconds,
};
use crate::report::{Class, Tallied};
use crate::sink::{Sample, Spot};

mod tag {
    pub(super) const POSITION: u32 = 1;
    pub(super) const CLASS: u32 = 2;
    pub(super) const KIND: u32 = 3;
    pub(super) const REASON: u32 = 4;
    pub(super) const STATUS: u32 = 5;
    /// The path of the file, or of the shard, below the root of its sink.
    pub(super) const NAME: u32 = 6;
    pub(super) const BYTES: u32 = 7;
    /// CRC32C of the body, or of the line in a file of lines.
    pub(super) const CRC: u32 = 8;
    pub(super) const ORIGIN: u32 = 9;
    pub(super) const ATTEMPTS: u32 = 10;
    /// Of all attempts together.
    pub(super) const MICROSECONDS: u32 = 11;
    /// When the record was made, in milliseconds since 1970.
    pub(super) const TIME: u32 = 12;
    /// The item as outcomes call it.
    pub(super) const ITEM: u32 = 13;
    pub(super) const FINAL_URL: u32 = 14;
    pub(super) const CONTENT_TYPE: u32 = 15;
    pub(super) const UNFRAMED: u32 = 16;
    /// In seconds since 1970.
    pub(super) const RETRY_AT: u32 = 17;
    /// The file takes the place of one that an earlier run of the folder made.
    pub(super) const REPLACES: u32 = 18;
    /// An earlier record of the position is history.
    pub(super) const SUPERSEDES: u32 = 19;
    /// Where its line ends in a file of lines.
    pub(super) const LINE_END: u32 = 20;
    pub(super) const QUEUE: u32 = 21;
    pub(super) const DNS: u32 = 22;
    pub(super) const CONNECT: u32 = 23;
    pub(super) const TLS: u32 = 24;
    pub(super) const FIRST_BYTE: u32 = 25;
    pub(super) const BODY: u32 = 26;
    pub(super) const ADDRESS: u32 = 30;
    pub(super) const TTL: u32 = 31;
    pub(super) const RCODE: u32 = 32;
    pub(super) const SERVER: u32 = 33;
    pub(super) const SERVER_PORT: u32 = 34;
    /// The number of the shard that the sample is in.
    pub(super) const SHARD: u32 = 40;
    /// What the body is called there.
    pub(super) const MEMBER: u32 = 41;
    /// Which sample of the shard it is, from 1.
    pub(super) const NTH: u32 = 42;
    /// Where the sample begins and ends in the shard.
    pub(super) const FROM: u32 = 43;
    pub(super) const END: u32 = 44;
    /// CRC32C of the shard from there to there.
    pub(super) const SAMPLE_CRC: u32 = 45;
    /// Of the body: a number for the algorithm, then the digest.
    pub(super) const HASH: u32 = 35;
    /// Records were asked for, and so many are there.
    pub(super) const RECORDS: u32 = 90;
    /// One of them, in presentation form.
    pub(super) const PRESENTED: u32 = 91;
    /// Whether a wildcard answers for the name, where that was tested: 0 no, 1 yes, 2 nobody knows.
    pub(super) const WILDCARD: u32 = 92;
}

/// An outcome that can be written down and read again.
pub(crate) trait Recorded: Outcome + Serialize + Sized {
    /// What ledgers of such outcomes are called.
    const KIND: LedgerKind;

    /// Writes what is its own; what all have in common is written by [`write()`].
    fn write(&self, fields: &mut Fields<'_>);

    /// The inverse.
    fn read(body: &[u8]) -> Option<Self>;

    /// Where its bytes are now.
    fn placed(&mut self, path: Option<PathBuf>, spot: &Spot);
}

impl<O: Recorded> Recorded for Box<O> {
    const KIND: LedgerKind = O::KIND;

    fn write(&self, fields: &mut Fields<'_>) {
        (**self).write(fields);
    }

    fn read(body: &[u8]) -> Option<Self> {
        O::read(body).map(Self::new)
    }

    fn placed(&mut self, path: Option<PathBuf>, spot: &Spot) {
        (**self).placed(path, spot);
    }
}

/// Writes a record.
pub(crate) fn write<O: Recorded>(
    fields: &mut Fields<'_>,
    outcome: &O,
    spot: &Spot,
    supersedes: bool,
    now: SystemTime,
) {
    let Tallied { class, kind, status, origin, bytes, attempts } = outcome.tally();
    fields.number(tag::POSITION, outcome.position().0);
    fields.number(tag::CLASS, class_number(class));
    if supersedes {
        fields.number(tag::SUPERSEDES, 1);
    }
    if let Some(kind) = kind {
        fields.text(tag::KIND, kind.name());
    }
    if let Some(status) = status {
        fields.number(tag::STATUS, status.into());
    }
    if bytes > 0 {
        fields.number(tag::BYTES, bytes);
    }
    if let Some(origin) = origin {
        fields.text(tag::ORIGIN, origin);
    }
    fields.number(tag::ATTEMPTS, attempts.into());
    fields.number(tag::TIME, milliseconds(now));
    spot_fields(fields, spot);
    outcome.write(fields);
}

fn spot_fields(fields: &mut Fields<'_>, spot: &Spot) {
    if let Some(name) = &spot.name {
        fields.text(tag::NAME, name);
    }
    if spot.replaces {
        fields.number(tag::REPLACES, 1);
    }
    if let Some(crc) = spot.crc {
        fields.number(tag::CRC, crc.into());
    }
    if let Some(end) = spot.line_end {
        fields.number(tag::LINE_END, end);
    }
    if let Some(Sample { member, shard, nth, from, end, crc }) = &spot.sample {
        fields.text(tag::MEMBER, member);
        fields.number(tag::SHARD, *shard);
        fields.number(tag::NTH, *nth);
        fields.number(tag::FROM, *from);
        fields.number(tag::END, *end);
        fields.number(tag::SAMPLE_CRC, u64::from(*crc));
    }
}

/// Since 1970.
pub(super) fn milliseconds(time: SystemTime) -> u64 {
    let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// Begun ones count.
fn seconds(time: SystemTime) -> u64 {
    let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    since.as_secs().saturating_add(u64::from(since.subsec_nanos() > 0))
}

fn class_number(class: Class) -> u64 {
    match class {
        Class::Ok => 0,
        Class::NotFound => 1,
        Class::Failed => 2,
        Class::Deferred => 3,
    }
}

/// What all records have in common, as a reader of the ledger needs it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Seen<'a> {
    pub(crate) position: Position,
    pub(crate) class: Class,
    pub(crate) kind: Option<FailureKind>,
    pub(crate) status: Option<u16>,
    pub(crate) origin: Option<&'a str>,
    pub(crate) bytes: u64,
    pub(crate) attempts: u32,
    pub(crate) supersedes: bool,
    /// In seconds since 1970.
    pub(crate) retry_at: Option<u64>,
    pub(crate) name: Option<&'a str>,
    pub(crate) crc: Option<u32>,
    pub(crate) replaces: bool,
    pub(crate) line_end: Option<u64>,
    pub(crate) sample: Option<Sample>,
    /// The record, whole.
    pub(crate) body: &'a [u8],
}

impl<'a> Seen<'a> {
    /// None for what is no record, or not one that this version can read.
    pub(crate) fn parse(body: &'a [u8]) -> Option<Self> {
        let mut position = None;
        let mut class = None;
        let mut seen = Self {
            position: Position(0),
            class: Class::Ok,
            kind: None,
            status: None,
            origin: None,
            bytes: 0,
            attempts: 0,
            supersedes: false,
            retry_at: None,
            name: None,
            crc: None,
            replaces: false,
            line_end: None,
            sample: None,
            body,
        };
        let sample = |seen: &mut Self, put: &dyn Fn(&mut Sample, u64), value: Value<'_>| {
            let number = value.number().filter(|n| *n < BEYOND)?;
            put(seen.sample.get_or_insert_default(), number);
            Some(())
        };
        for (tag, value) in Parser(body) {
            match tag {
                tag::POSITION => position = value.position(),
                tag::CLASS => class = value.number(),
                tag::KIND => seen.kind = Some(value.text()?.parse().ok()?),
                tag::STATUS => seen.status = value.small(),
                tag::ORIGIN => seen.origin = value.text(),
                tag::BYTES => seen.bytes = value.number()?,
                tag::ATTEMPTS => seen.attempts = value.small()?,
                tag::SUPERSEDES => seen.supersedes = true,
                tag::RETRY_AT => seen.retry_at = value.number(),
                tag::NAME => seen.name = Some(value.text().filter(|name| stays_below(name))?),
                tag::CRC => seen.crc = value.small(),
                tag::REPLACES => seen.replaces = true,
                tag::LINE_END => seen.line_end = value.number(),
                tag::MEMBER => {
                    seen.sample.get_or_insert_default().member = value.string()?;
                }
                tag::SHARD => sample(&mut seen, &|sample, n| sample.shard = n, value)?,
                tag::NTH => sample(&mut seen, &|sample, n| sample.nth = n, value)?,
                tag::FROM => sample(&mut seen, &|sample, n| sample.from = n, value)?,
                tag::END => sample(&mut seen, &|sample, n| sample.end = n, value)?,
                tag::SAMPLE_CRC => seen.sample.get_or_insert_default().crc = value.small()?,
                _ => {}
            }
        }
        seen.position = position?;
        seen.class = match class? {
            0 => Class::Ok,
            1 => Class::NotFound,
            2 => Class::Failed,
            3 => Class::Deferred,
            _ => return None,
        };
        Some(seen)
    }

    pub(crate) fn tally(&self) -> Tallied<'a> {
        Tallied {
            class: self.class,
            kind: self.kind,
            status: self.status,
            origin: self.origin,
            bytes: self.bytes,
            attempts: self.attempts,
        }
    }

    pub(crate) fn spot(&self) -> Spot {
        Spot {
            name: self.name.map(str::to_owned),
            bytes: self.bytes,
            crc: self.crc,
            replaces: self.replaces,
            line_end: self.line_end,
            sample: self.sample.clone(),
        }
    }

    /// The same record for another file name, as fields.
    pub(crate) fn rewrite(&self, fields: &mut Fields<'_>, spot: &Spot) {
        for (tag, value) in Parser(self.body) {
            let of_spot = [tag::NAME, tag::REPLACES, tag::CRC, tag::LINE_END, tag::SUPERSEDES];
            let of_sample = tag::SHARD..=tag::SAMPLE_CRC;
            match value {
                _ if of_spot.contains(&tag) || of_sample.contains(&tag) => {}
                Value::Number(n) => fields.number(tag, n),
                Value::Bytes(bytes) => fields.bytes(tag, bytes),
            }
        }
        fields.number(tag::SUPERSEDES, 1);
        spot_fields(fields, spot);
    }
}

/// A file's name leads to no other folder than that of its sink.
fn stays_below(name: &str) -> bool {
    name.split('/').all(|part| !matches!(part, "" | "." | ".."))
}

fn failure(kind: Option<&str>, reason: Option<&str>) -> Option<Failure> {
    Some(Failure { kind: kind?.parse().ok()?, reason: reason.unwrap_or_default().to_owned() })
}

impl Recorded for GetOutcome {
    const KIND: LedgerKind = LedgerKind::Get;

    fn write(&self, fields: &mut Fields<'_>) {
        fields.text(tag::ITEM, &self.url);
        fields.number(tag::MICROSECONDS, microseconds(self.elapsed));
        if let Some(failure) = &self.failure {
            fields.text(tag::REASON, &failure.reason);
        }
        if let Some(url) = &self.final_url {
            fields.text(tag::FINAL_URL, url);
        }
        if let Some(content_type) = &self.content_type {
            fields.text(tag::CONTENT_TYPE, content_type);
        }
        if self.unframed {
            fields.number(tag::UNFRAMED, 1);
        }
        if let Some(at) = self.retry_at {
            fields.number(tag::RETRY_AT, seconds(at));
        }
        if let Some(hash) = &self.hash {
            hash_field(fields, hash);
        }
        for (phase, tag) in PHASES {
            if let Some(time) = self.timing.microseconds(phase) {
                fields.number(tag, time);
            }
        }
    }

    fn read(body: &[u8]) -> Option<Self> {
        let seen = Seen::parse(body)?;
        let mut outcome = Self {
            position: seen.position,
            url: String::new(),
            final_url: None,
            verdict: match seen.class {
                Class::Ok => GetVerdict::Ok,
                Class::NotFound => GetVerdict::NotFound,
                Class::Failed => GetVerdict::Failed,
                Class::Deferred => GetVerdict::Deferred,
            },
            failure: None,
            status: seen.status,
            bytes: seen.bytes,
            path: seen.name.map(PathBuf::from),
            content_type: None,
            unframed: false,
            attempts: seen.attempts,
            elapsed: Duration::ZERO,
            retry_at: seen
                .retry_at
                .and_then(|at| SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(at))),
            crc32c: seen.crc,
            member: seen.sample.map(|sample| sample.member),
            hash: None,
            timing: Timing::default(),
        };
        let mut reason = None;
        for (tag, value) in Parser(body) {
            match tag {
                tag::ITEM => outcome.url = value.string()?,
                tag::MICROSECONDS => outcome.elapsed = Duration::from_micros(value.number()?),
                tag::REASON => reason = value.text(),
                tag::FINAL_URL => outcome.final_url = value.string(),
                tag::CONTENT_TYPE => outcome.content_type = value.string(),
                tag::UNFRAMED => outcome.unframed = true,
                tag::HASH => outcome.hash = hash(value),
                _ => {
                    if let Some((phase, _)) = PHASES.iter().find(|(_, phase)| *phase == tag) {
                        outcome.timing.add(*phase, Duration::from_micros(value.number()?));
                    }
                }
            }
        }
        outcome.failure = failure(seen.kind.map(FailureKind::name), reason);
        Some(outcome)
    }

    fn placed(&mut self, path: Option<PathBuf>, spot: &Spot) {
        self.path = path;
        self.crc32c = spot.crc;
        self.member = spot.sample.as_ref().map(|sample| sample.member.clone());
    }
}

impl Recorded for ProbeOutcome {
    const KIND: LedgerKind = LedgerKind::Probe;

    fn write(&self, fields: &mut Fields<'_>) {
        fields.text(tag::ITEM, &self.name);
        fields.number(tag::MICROSECONDS, microseconds(self.elapsed));
        if let Some(failure) = &self.failure {
            fields.text(tag::REASON, &failure.reason);
        }
        for address in &self.addresses {
            address_field(fields, tag::ADDRESS, *address);
        }
        if let Some(records) = &self.records {
            fields.number(tag::RECORDS, records.len() as u64);
            records.iter().for_each(|record| fields.text(tag::PRESENTED, record));
        }
        if let Some(ttl) = self.ttl {
            fields.number(tag::TTL, ttl.into());
        }
        if let Some(rcode) = self.rcode {
            fields.number(tag::RCODE, rcode.into());
        }
        if let Some(server) = self.server {
            address_field(fields, tag::SERVER, server.ip());
            fields.number(tag::SERVER_PORT, server.port().into());
        }
        if let Some(wildcard) = self.wildcard {
            fields.number(tag::WILDCARD, wildcard_number(wildcard));
        }
    }

    fn read(body: &[u8]) -> Option<Self> {
        let seen = Seen::parse(body)?;
        let mut outcome = Self {
            position: seen.position,
            name: String::new(),
            verdict: match seen.class {
                Class::Ok => ProbeVerdict::Found,
                Class::NotFound => ProbeVerdict::NotFound,
                Class::Failed | Class::Deferred => ProbeVerdict::Unknown,
            },
            addresses: Vec::new(),
            records: None,
            ttl: None,
            rcode: None,
            server: None,
            attempts: seen.attempts,
            elapsed: Duration::ZERO,
            failure: None,
            wildcard: None,
        };
        let mut reason = None;
        let (mut asked, mut records) = (false, Vec::new());
        for (tag, value) in Parser(body) {
            match tag {
                tag::ITEM => outcome.name = value.string()?,
                tag::MICROSECONDS => outcome.elapsed = Duration::from_micros(value.number()?),
                tag::REASON => reason = value.text(),
                tag::ADDRESS => outcome.addresses.push(address(value)?),
                tag::RECORDS => asked = true,
                tag::PRESENTED => records.push(value.text()?.into()),
                tag::TTL => outcome.ttl = value.small(),
                tag::RCODE => outcome.rcode = value.small(),
                tag::SERVER => outcome.server = Some(SocketAddr::new(address(value)?, 0)),
                tag::SERVER_PORT => {
                    if let (Some(server), Some(port)) = (&mut outcome.server, value.small()) {
                        server.set_port(port);
                    }
                }
                tag::WILDCARD => outcome.wildcard = wildcard(value),
                _ => {}
            }
        }
        outcome.records = asked.then(|| records.into_boxed_slice());
        outcome.failure = failure(seen.kind.map(FailureKind::name), reason);
        Some(outcome)
    }

    fn placed(&mut self, _: Option<PathBuf>, _: &Spot) {}
}

/// How long each phase of the last attempt took, in microseconds.
const PHASES: [(Phase, u32); Phase::ALL.len()] = [
    (Phase::Queue, tag::QUEUE),
    (Phase::Dns, tag::DNS),
    (Phase::Connect, tag::CONNECT),
    (Phase::Tls, tag::TLS),
    (Phase::FirstByte, tag::FIRST_BYTE),
    (Phase::Body, tag::BODY),
];

fn wildcard_number(wildcard: Wildcard) -> u64 {
    match wildcard {
        Wildcard::No => 0,
        Wildcard::Yes => 1,
        Wildcard::Unsure => 2,
    }
}

/// None where it says what this version does not know.
fn wildcard(value: Value<'_>) -> Option<Wildcard> {
    let all = [Wildcard::No, Wildcard::Yes, Wildcard::Unsure];
    all.into_iter().find(|wildcard| value.number() == Some(wildcard_number(*wildcard)))
}

fn hash_number(algorithm: HashAlgorithm) -> u8 {
    match algorithm {
        HashAlgorithm::Blake3 => 0,
        HashAlgorithm::Sha256 => 1,
        HashAlgorithm::Md5 => 2,
    }
}

fn hash_field(fields: &mut Fields<'_>, hash: &Hash) {
    let mut bytes = [0; 33];
    let digest = hash.digest();
    bytes[0] = hash_number(hash.algorithm());
    bytes[1..=digest.len()].copy_from_slice(digest);
    fields.bytes(tag::HASH, &bytes[..=digest.len()]);
}

/// None where it is of an algorithm that this version does not know.
fn hash(value: Value<'_>) -> Option<Hash> {
    let (number, digest) = value.bytes()?.split_first()?;
    let algorithm = HashAlgorithm::ALL.into_iter().find(|a| hash_number(*a) == *number)?;
    Hash::new(algorithm, digest)
}

fn address_field(fields: &mut Fields<'_>, tag: u32, address: IpAddr) {
    match address {
        IpAddr::V4(v4) => fields.bytes(tag, &v4.octets()),
        IpAddr::V6(v6) => fields.bytes(tag, &v6.octets()),
    }
}

fn address(value: Value<'_>) -> Option<IpAddr> {
    let bytes = value.bytes()?;
    match <[u8; 4]>::try_from(bytes) {
        Ok(v4) => Some(v4.into()),
        Err(_) => <[u8; 16]>::try_from(bytes).ok().map(Into::into),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written<O: Recorded>(outcome: &O, spot: &Spot) -> Vec<u8> {
        let mut bytes = Vec::new();
        write(&mut Fields(&mut bytes), outcome, spot, false, SystemTime::UNIX_EPOCH);
        bytes
    }

    fn json(value: &impl serde::Serialize) -> String {
        serde_json::to_string(value).unwrap()
    }

    #[test]
    fn a_get_comes_back_as_it_was() {
        let outcome = GetOutcome {
            position: Position(1 << 40),
            url: "http://a.example/é".to_owned(),
            final_url: Some("http://b.example/".to_owned()),
            verdict: GetVerdict::Deferred,
            failure: Some(Failure::new(FailureKind::Status, "HTTP 503")),
            status: Some(503),
            bytes: 17,
            path: Some("a/b".into()),
            content_type: Some("text/html".to_owned()),
            unframed: true,
            attempts: 4,
            elapsed: Duration::from_micros(1_234_567),
            retry_at: Some(SystemTime::UNIX_EPOCH + Duration::from_secs(9_999_999)),
            crc32c: Some(0xFFFF_FFFF),
            member: Some("7.bin".to_owned()),
            hash: Hash::new(HashAlgorithm::Md5, &[7; 16]),
            timing: [
                (Phase::Queue, Duration::from_micros(1)),
                (Phase::Connect, Duration::ZERO),
                (Phase::Tls, Duration::from_secs(9)),
                (Phase::FirstByte, Duration::from_micros(300)),
                (Phase::Body, Duration::from_hours(3)),
            ]
            .into_iter()
            .collect(),
        };
        let member = "7.bin".to_owned();
        let sample = Sample { member, shard: 3, nth: 1, from: 512, end: 2_048, crc: 9 };
        let spot = Spot {
            name: Some("a/b".to_owned()),
            crc: Some(u32::MAX),
            sample: Some(sample),
            ..Spot::default()
        };
        let bytes = written(&outcome, &spot);
        assert_eq!(json(&GetOutcome::read(&bytes).unwrap()), json(&outcome));
        let seen = Seen::parse(&bytes).unwrap();
        assert_eq!((seen.origin, seen.class), (Some("http://b.example"), Class::Deferred));
        assert_eq!(seen.spot(), Spot { bytes: 17, ..spot.clone() });

        let moved = Spot { name: Some("a/b~7".to_owned()), ..spot };
        let mut amended = Vec::new();
        seen.rewrite(&mut Fields(&mut amended), &moved);
        let again = GetOutcome { path: Some("a/b~7".into()), ..outcome };
        assert_eq!(json(&GetOutcome::read(&amended).unwrap()), json(&again));
        assert!(Seen::parse(&amended).unwrap().supersedes);
    }

    #[test]
    fn hashes_of_all_algorithms_come_back() {
        for algorithm in HashAlgorithm::ALL {
            let length = if algorithm == HashAlgorithm::Md5 { 16 } else { 32 };
            let of = Hash::new(algorithm, &vec![9; length]).unwrap();
            let mut bytes = Vec::new();
            hash_field(&mut Fields(&mut bytes), &of);
            let (tag, value) = Parser(&bytes).next().unwrap();
            assert_eq!((tag, hash(value)), (tag::HASH, Some(of)));
        }
        for other in [&[][..], &[1], &[9; 33], &[2; 33]] {
            assert_eq!(hash(Value::Bytes(other)), None);
        }
    }

    #[test]
    fn a_probe_comes_back_as_it_was() {
        let outcome = ProbeOutcome {
            position: Position(5),
            name: "a.example".to_owned(),
            verdict: ProbeVerdict::Found,
            addresses: vec!["192.0.2.1".parse().unwrap(), "2001:db8::1".parse().unwrap()],
            records: None,
            ttl: Some(300),
            rcode: Some(0),
            server: Some("[::1]:5300".parse().unwrap()),
            attempts: 1,
            elapsed: Duration::from_millis(5),
            failure: None,
            wildcard: None,
        };
        let spot = Spot { line_end: Some(80), crc: Some(3), ..Spot::default() };
        let bytes = written(&outcome, &spot);
        assert_eq!(json(&ProbeOutcome::read(&bytes).unwrap()), json(&outcome));
        assert_eq!(Seen::parse(&bytes).unwrap().spot(), spot);
        // That there are no records is another thing than that none were asked for.
        for records in [vec![], vec!["10 a.example.".into(), r#""a\000b""#.into()]] {
            let outcome =
                ProbeOutcome { records: Some(records.into_boxed_slice()), ..outcome.clone() };
            let bytes = written(&outcome, &spot);
            assert_eq!(ProbeOutcome::read(&bytes).unwrap().records, outcome.records);
            assert_eq!(Seen::parse(&bytes).unwrap().spot(), spot);
        }
    }
    #[test]
    fn whether_a_wildcard_answers_comes_back() {
        let of = |wildcard| ProbeOutcome {
            position: Position(5),
            name: "a.example".to_owned(),
            verdict: ProbeVerdict::Found,
            addresses: vec!["192.0.2.1".parse().unwrap()],
            records: None,
            ttl: Some(300),
            rcode: Some(0),
            server: None,
            attempts: 1,
            elapsed: Duration::from_millis(5),
            failure: None,
            wildcard,
        };
        let untested = written(&of(None), &Spot::default());
        for wildcard in [Wildcard::Yes, Wildcard::No, Wildcard::Unsure] {
            let bytes = written(&of(Some(wildcard)), &Spot::default());
            assert_eq!(json(&ProbeOutcome::read(&bytes).unwrap()), json(&of(Some(wildcard))));
            // One field more than a record has that knows nothing of it, as older ones are.
            assert_eq!(bytes.strip_prefix(&*untested).map(<[u8]>::len), Some(3));
        }
        assert_eq!(ProbeOutcome::read(&untested).unwrap().wildcard, None);
        // What a later version may say.
        let mut later = untested;
        Fields(&mut later).number(tag::WILDCARD, 7);
        assert_eq!(json(&ProbeOutcome::read(&later).unwrap()), json(&of(None)));
    }
}
