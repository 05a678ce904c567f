//! From a message to its answer: what is true, the manner the name asks for, and what the plan drew.

use std::net::{IpAddr, SocketAddr};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::decide::{DnsPlan, Fate, decide_name};
use super::message::{A, AAAA, ANY, ASKED, CNAME, IN, Parsed, Query, Rcode, SOA, kind_text, parse};
use super::name::Name;
use super::zone::{DnsZone, Refusal, resolve, zone_of};
use crate::attempts::Attempts;
use crate::hash::hash;
use crate::truth::{DnsRecord, Proto, Truth};

/// How long answers may be kept, positive and negative, in seconds.
const TTL: u32 = 300;
const NEGATIVE_TTL: u32 = 60;

/// All that answering needs, shared by the sockets.
pub(crate) struct Desk {
    pub(crate) zones: Vec<DnsZone>,
    pub(crate) plan: DnsPlan,
    pub(crate) seed: u64,
    pub(crate) truth: Truth,
    pub(crate) attempts: Mutex<Attempts>,
    pub(crate) started: Instant,
}

/// What to do with one message.
pub(crate) struct Reply {
    pub(crate) delay: Duration,
    /// None for what is not answered.
    pub(crate) bytes: Option<Vec<u8>>,
}

struct Verdict {
    decision: &'static str,
    delay: Duration,
    rcode: Option<Rcode>,
    bytes: Option<Vec<u8>>,
}

impl Desk {
    /// Answers one message and logs it. Without `room` for a waiting answer, one that has to wait is
    /// given up. None for noise, which is not even logged.
    pub(crate) fn reply(
        &self,
        message: &[u8],
        proto: Proto,
        client: SocketAddr,
        room: bool,
    ) -> Option<Reply> {
        let (query, attempt, mut verdict) = match parse(message) {
            Parsed::Noise => return None,
            Parsed::Wrong(rcode, bytes) => {
                let (decision, delay) = ("malformed", Duration::ZERO);
                let verdict = Verdict { decision, delay, rcode: Some(rcode), bytes: Some(bytes) };
                (None, 1, verdict)
            }
            Parsed::Query(query) => {
                let name = Name::from_wire(query.name());
                let key = hash(0, &[name.wire(), &query.kind.to_le_bytes()]);
                let mut attempts = self.attempts.lock().unwrap_or_else(PoisonError::into_inner);
                let attempt = attempts.count(key);
                drop(attempts);
                let verdict = self.judge(&query, &name, attempt, proto);
                (Some(query), attempt, verdict)
            }
        };
        if !room && !verdict.delay.is_zero() && verdict.bytes.is_some() {
            verdict.decision = "overflow";
            (verdict.rcode, verdict.bytes) = (None, None);
        }
        if !self.truth.is_none() {
            self.truth.add_dns(DnsRecord {
                at: self.started.elapsed(),
                proto,
                client,
                name: query.as_ref().map(Query::name_text).unwrap_or_default(),
                kind: query.as_ref().map(|q| kind_text(q.kind)).unwrap_or_default(),
                attempt,
                decision: verdict.decision,
                delay: verdict.delay,
                rcode: verdict.rcode.map(Rcode::as_str),
            });
        }
        Some(Reply { delay: verdict.delay, bytes: verdict.bytes })
    }

    fn judge(&self, query: &Query, name: &Name, attempt: u32, proto: Proto) -> Verdict {
        let drawn = decide_name(self.seed, name, query.kind, attempt, &self.plan);
        let zone = zone_of(&self.zones, name);
        let manner = zone.map(|zone| zone.manner(name)).unwrap_or_default();
        let delay = drawn.delay + manner.slow;
        let limit = if proto == Proto::Udp { query.size } else { usize::from(u16::MAX) };
        let say = |decision, rcode| {
            let (bytes, _) = query.begin(rcode).finish(limit, false);
            Verdict { decision, delay, rcode: Some(rcode), bytes: Some(bytes) }
        };
        if query.is_newer_edns() {
            return say("malformed", Rcode::BadVers);
        }
        let lost = drawn.fate == Fate::Lost && proto == Proto::Udp;
        if lost || attempt <= manner.lossy || manner.refusal == Some(Refusal::Drop) {
            return Verdict { decision: "drop", delay: Duration::ZERO, rcode: None, bytes: None };
        }
        let Some(zone) = zone.filter(|_| query.class == IN) else {
            return say("refused", Rcode::Refused);
        };
        let failed = drawn.fate == Fate::ServFail || attempt <= manner.flaky;
        match manner.refusal {
            Some(Refusal::Refused) => return say("refused", Rcode::Refused),
            Some(_) => return say("servfail", Rcode::ServFail),
            None if failed => return say("servfail", Rcode::ServFail),
            None => {}
        }
        let (rcode, bytes, cut) =
            self.tell(query, name, zone, limit, manner.truncate && proto == Proto::Udp);
        let decision = if cut { "truncate" } else { "answer" };
        Verdict { decision, delay, rcode: Some(rcode), bytes: Some(bytes) }
    }

    /// The truth, as a message.
    fn tell(
        &self,
        query: &Query,
        name: &Name,
        zone: &DnsZone,
        limit: usize,
        truncate: bool,
    ) -> (Rcode, Vec<u8>, bool) {
        let mut resolution = resolve(zone, self.seed, name);
        if query.kind == CNAME && !resolution.chain.is_empty() {
            // The alias itself is asked for; where it leads is another question.
            resolution.chain.truncate(1);
            resolution.addresses = Some(Vec::new());
        }
        let exists = resolution.addresses.is_some() || resolution.circle;
        let rcode = if exists { Rcode::NoError } else { Rcode::NxDomain };
        let mut writer = query.begin(rcode);
        let mut owner = ASKED;
        for target in &resolution.chain {
            owner = writer.answer(owner, CNAME, TTL, target.wire());
        }
        let mut any = query.kind == CNAME && !resolution.chain.is_empty();
        for address in resolution.addresses.iter().flatten() {
            match address {
                IpAddr::V4(four) if matches!(query.kind, A | ANY) => {
                    writer.answer(owner, A, TTL, &four.octets());
                }
                IpAddr::V6(six) if matches!(query.kind, AAAA | ANY) => {
                    writer.answer(owner, AAAA, TTL, &six.octets());
                }
                _ => continue,
            }
            any = true;
        }
        if query.kind == SOA && name == zone.name() {
            writer.soa(zone.name().wire(), NEGATIVE_TTL, false);
        } else if !any && !resolution.circle {
            writer.soa(zone.name().wire(), NEGATIVE_TTL, true);
        }
        let (bytes, cut) = writer.finish(limit, truncate);
        (rcode, bytes, cut)
    }
}
