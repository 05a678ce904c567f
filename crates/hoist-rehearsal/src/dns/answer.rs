//! From a message to its answer: what is true, the manner the name asks for, and what the plan drew.

use std::net::SocketAddr;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::chain::Chain;
use super::decide::{DnsPlan, Fate, decide_name};
use super::message::{ASKED, CNAME, IN, Parsed, Query, Rcode, SOA, kind_text, parse};
use super::name::Name;
use super::play::{Asking, Packet};
use super::rates::Rates;
use super::rule::{Asked, QueryRule};
use super::zone::{DnsZone, Refusal, resolve, zone_of};
use crate::attempts::Attempts;
use crate::hash::hash;
use crate::truth::{DnsRecord, Proto, Truth};

/// How long denials may be kept, at most, in seconds.
const NEGATIVE_TTL: u32 = 60;

/// All that answering needs, shared by the sockets.
pub(crate) struct Desk {
    pub(crate) zones: Vec<DnsZone>,
    pub(crate) rules: Vec<QueryRule>,
    pub(crate) rates: Rates,
    /// Queries so far.
    pub(crate) arrivals: AtomicU64,
    pub(crate) plan: DnsPlan,
    /// How long answers may be kept, in seconds.
    pub(crate) ttl: u32,
    pub(crate) seed: u64,
    pub(crate) truth: Truth,
    pub(crate) attempts: Mutex<Attempts>,
    pub(crate) started: Instant,
}

/// What to do with one message.
#[derive(Debug, Default)]
pub(crate) struct Reply {
    /// None for what is not answered.
    pub(crate) packets: Vec<Packet>,
    /// The connection is reset.
    pub(crate) reset: bool,
}

struct Verdict {
    decision: &'static str,
    rule: Option<usize>,
    delay: Duration,
    rcode: Option<Rcode>,
    reply: Reply,
}

impl Verdict {
    fn none(decision: &'static str) -> Self {
        Self { decision, rule: None, delay: Duration::ZERO, rcode: None, reply: Reply::default() }
    }

    fn one(decision: &'static str, delay: Duration, rcode: Rcode, bytes: Vec<u8>) -> Self {
        let packets = vec![Packet { after: delay, bytes, elsewhere: false }];
        let reply = Reply { packets, reset: false };
        Self { decision, rule: None, delay, rcode: Some(rcode), reply }
    }
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
                (None, 1, Verdict::one("malformed", Duration::ZERO, rcode, bytes))
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
        if !room && verdict.reply.packets.iter().any(|packet| !packet.after.is_zero()) {
            verdict.decision = "overflow";
            (verdict.rcode, verdict.reply) = (None, Reply::default());
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
                rule: verdict.rule,
                delay: verdict.delay,
                rcode: verdict.rcode.map(Rcode::as_str),
            });
        }
        Some(verdict.reply)
    }

    fn judge(&self, query: &Query, name: &Name, attempt: u32, proto: Proto) -> Verdict {
        let number = self.arrivals.fetch_add(1, Relaxed) + 1;
        let asked = Asked { name, kind: query.kind, proto, attempt, number: Some(number) };
        let numbered = self.rules.iter().enumerate().map(|(at, rule)| (at + 1, rule));
        let mut fitting = numbered.filter(|(rule, when)| when.meets(self.seed, *rule, asked));
        if let Some((rule, QueryRule { chain, .. })) = fitting.next()
            && let Some(zone) = zone_of(&self.zones, name)
        {
            let limit = limit(query, proto);
            let asking = Asking { query, name, zone, attempt, proto, limit, rule };
            return Verdict { rule: Some(rule), ..self.met(chain, &asking) };
        }
        let drawn = decide_name(self.seed, name, query.kind, attempt, &self.plan);
        let zone = zone_of(&self.zones, name);
        let manner = zone.map(|zone| zone.manner(name)).unwrap_or_default();
        let delay = drawn.delay + manner.slow;
        let limit = limit(query, proto);
        let say = |decision, rcode| {
            Verdict::one(decision, delay, rcode, query.begin(rcode).finish(limit, false).0)
        };
        if query.is_newer_edns() {
            return say("malformed", Rcode::BadVers);
        }
        let lost = drawn.fate == Fate::Lost && proto == Proto::Udp;
        if lost || attempt <= manner.lossy || manner.refusal == Some(Refusal::Drop) {
            return Verdict::none("drop");
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
        if let Some((word, fault)) = manner.fault {
            let asking = Asking { query, name, zone, attempt, proto, limit, rule: 0 };
            let mut met = self.met(&Chain::one(word, fault), &asking);
            for packet in &mut met.reply.packets {
                packet.after += delay;
            }
            return Verdict { delay: met.delay + delay, ..met };
        }
        let (rcode, bytes, cut) =
            self.tell(query, name, zone, limit, manner.truncate && proto == Proto::Udp);
        let decision = if cut { "truncate" } else { "answer" };
        Verdict::one(decision, delay, rcode, bytes)
    }

    fn met(&self, chain: &Chain, asking: &Asking<'_>) -> Verdict {
        let played = self.play(chain, asking);
        Verdict {
            decision: if played.limited { "rate" } else { chain.name() },
            rule: None,
            delay: played.delay,
            rcode: played.rcode,
            reply: Reply { packets: played.packets, reset: played.reset },
        }
    }

    /// How long denials may be kept, in seconds.
    pub(super) fn negative_ttl(&self) -> u32 {
        self.ttl.min(NEGATIVE_TTL)
    }

    /// The truth, as a message.
    pub(super) fn tell(
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
        let exists = resolution.addresses.is_some() || resolution.circle || resolution.outside;
        let rcode = if exists { Rcode::NoError } else { Rcode::NxDomain };
        let mut writer = query.begin(rcode);
        let mut owner = ASKED;
        for target in &resolution.chain {
            owner = writer.answer(owner, CNAME, self.ttl, target.wire());
        }
        let mut any = query.kind == CNAME && !resolution.chain.is_empty();
        for address in resolution.addresses.iter().flatten() {
            any |= writer.address(owner, query.kind, self.ttl, *address);
        }
        let end = resolution.chain.last().unwrap_or(name);
        for data in zone.records(end, query.kind) {
            writer.answer(owner, query.kind, self.ttl, data);
            any = true;
        }
        if query.kind == SOA && name == zone.name() && !any {
            writer.soa(zone.name().wire(), self.negative_ttl(), false);
        } else if !any && !resolution.circle && !resolution.outside {
            writer.soa(zone.name().wire(), self.negative_ttl(), true);
        }
        let (bytes, cut) = writer.finish(limit, truncate);
        (rcode, bytes, cut)
    }
}

/// The longest answer that a query takes the way it came.
fn limit(query: &Query, proto: Proto) -> usize {
    if proto == Proto::Udp { query.size } else { usize::from(u16::MAX) }
}
