//! The resolver against the rehearsal DNS, whose word on what is true it can be held to.

use std::time::{Duration, Instant};

use hoist_rehearsal::{DnsRehearsal, DnsZone};
use tokio::task::LocalSet;
use tokio_util::task::TaskTracker;

use super::Resolver;
use crate::item::DomainName;
use crate::outcome::ProbeVerdict;
use crate::plan::{DnsPlan, Question, RecordType, Via};

const SHAPES: [&str; 22] = [
    "v4only-1",
    "v6only-1",
    "both-1",
    "many-3-1",
    "many-40-1",
    "many-1000-1",
    "noaddr-1",
    "nx-1",
    "cname-v4only-1",
    "cname-cname-v6only-1",
    "cname-nx-1",
    "cname-noaddr-1",
    "loop-1",
    "tc-v4only-1",
    "tc-nx-1",
    "tc-noaddr-1",
    "slow-150-v4only-1",
    "flaky-2-v6only-1",
    "lossy-2-both-1",
    "servfail-1",
    "refused-1",
    "drop-1",
];

/// Names of all shapes, and many of none.
fn names() -> Vec<String> {
    let shapes = SHAPES.iter().map(|shape| format!("{shape}.test"));
    shapes.chain((0..1500).map(|n| format!("n{n}.test"))).collect()
}

fn probe(rehearsal: DnsRehearsal, question: Question, eager: bool) {
    let truth = rehearsal.clone();
    let running = rehearsal.spawn(&["127.0.0.1:0".parse().unwrap()]).unwrap();
    let plan = DnsPlan {
        via: Via::Dns { resolv_conf: None, servers: vec![running.addr()] },
        hosts: None,
        timeout: Duration::from_millis(100),
        retries: 4,
        ..DnsPlan::default()
    };
    let names = names();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    LocalSet::new().block_on(&runtime, async {
        let resolver =
            Resolver::start(&plan, None, names.len(), Some(1), &TaskTracker::new()).unwrap();
        let deadline = Instant::now() + Duration::from_secs(20);
        for (token, name) in names.iter().enumerate() {
            resolver.ask(token, &DomainName::parse(name).unwrap(), question, eager, deadline);
        }
        let mut answered = vec![false; names.len()];
        for _ in &names {
            let (token, lookup) = resolver.answered().await;
            assert!(!std::mem::replace(&mut answered[token], true));
            let truth = truth.truth(&names[token]);
            let has = match question {
                Question::A => !truth.a.is_empty(),
                Question::Aaaa => !truth.aaaa.is_empty(),
                Question::Address | Question::Both => truth.has_address(),
                // Its names have addresses and aliases, and nothing else.
                Question::Records(_) => false,
            };
            let expected = match (truth.told, has) {
                (false, _) => ProbeVerdict::Unknown,
                (true, true) => ProbeVerdict::Found,
                (true, false) => ProbeVerdict::NotFound,
            };
            assert_eq!(lookup.verdict, expected, "{}: {lookup:?}", names[token]);
        }
    });
}

fn rehearsal() -> DnsRehearsal {
    DnsRehearsal::new([DnsZone::generated("test", 0.5).unwrap()])
}

#[test]
fn every_shape_of_name_gets_the_right_verdict() {
    for question in [Question::Address, Question::A, Question::Aaaa, Question::Both] {
        probe(rehearsal(), question, false);
    }
    probe(rehearsal(), Question::Address, true);
    probe(rehearsal(), Question::Records(RecordType::Mx), false);
}

#[test]
fn loss_and_delay_change_no_verdict() {
    let delay = Duration::ZERO..=Duration::from_millis(100);
    probe(DnsRehearsal { delay, loss: 0.05, ..rehearsal() }, Question::Address, true);
}
