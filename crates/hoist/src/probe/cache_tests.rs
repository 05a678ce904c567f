use super::*;
use crate::outcome::{Failure, FailureKind};
use crate::probe::answers::name;

fn host(text: &str) -> Host {
    Host { name: name(text), absolute: true }
}

fn answer(rtype: Rtype, resolved: Resolved, negative_ttl: Option<u32>) -> Settled {
    Settled { owner: 3, rtype, resolved, negative_ttl, server: None, rcode: Some(0), queries: 2 }
}

fn found(ttl: u32) -> Settled {
    let addresses = vec![[192, 0, 2, 1].into()];
    answer(Rtype::A, Resolved::Addresses { addresses, ttl }, None)
}

fn large() -> Cache {
    Cache::new(1000, 1 << 20)
}

/// For how long an answer is known, in seconds: exactly.
fn life(settled: &Settled) -> u64 {
    let (mut cache, now, host) = (large(), Instant::now(), host("a.example"));
    cache.keep(now, &host, settled);
    let knows = |cache: &mut Cache, at| cache.find(at, &host, settled.rtype).is_some();
    let (mut low, mut high) = (0, 1 << 40);
    while low < high {
        let middle = u64::midpoint(low, high);
        if knows(&mut cache, now + Duration::from_millis(middle)) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    assert_eq!(low % 1000, 0);
    low / 1000
}

#[test]
fn answers_are_known_for_their_time_to_live() {
    assert_eq!(life(&found(1)), 1);
    assert_eq!(life(&found(300)), 300);
    assert_eq!(life(&found(0)), 0);
    assert_eq!(life(&found(86_400)), 86_400);
    assert_eq!(life(&found(86_401)), 86_400);
    assert_eq!(life(&found(0x7fff_ffff)), 86_400);
    assert_eq!(life(&found(0x8000_0000)), 0);
    for none in [Resolved::NoData, Resolved::NxDomain] {
        let none = |ttl| answer(Rtype::AAAA, none.clone(), ttl);
        assert_eq!(life(&none(None)), 0);
        assert_eq!(life(&none(Some(0))), 0);
        assert_eq!(life(&none(Some(60))), 60);
        assert_eq!(life(&none(Some(86_400))), 3 * 3600);
    }
    let failed = Resolved::Unknown(Failure::new(FailureKind::DnsFailed, "x"));
    assert_eq!(life(&answer(Rtype::A, failed, None)), 1);
}

#[test]
fn types_and_names_are_known_by_themselves() {
    let (mut cache, now, one) = (large(), Instant::now(), host("a.example"));
    cache.keep(now, &one, &found(10));
    assert_eq!(cache.find(now, &host("A.example"), Rtype::A).unwrap().resolved, found(10).resolved);
    assert!(cache.find(now, &one, Rtype::AAAA).is_none());
    assert!(cache.find(now, &host("b.example"), Rtype::A).is_none());
    assert!(cache.find(now, &Host { absolute: false, ..one.clone() }, Rtype::A).is_none());
    cache.keep(now, &one, &answer(Rtype::AAAA, Resolved::NoData, Some(5)));
    let later = now + Duration::from_secs(7);
    assert!(cache.find(later, &one, Rtype::A).is_some());
    assert!(cache.find(later, &one, Rtype::AAAA).is_none());
    // A new answer takes the place of the old one.
    cache.keep(later, &one, &found(10));
    assert!(cache.find(now + Duration::from_secs(16), &one, Rtype::A).is_some());
    assert_eq!((cache.names.len(), cache.oldest.len()), (1, 1));
    // Even one that may not be kept.
    cache.keep(later, &one, &found(0));
    assert!(cache.find(later, &one, Rtype::A).is_none());
}

#[test]
fn names_that_are_used_stay_and_others_make_room() {
    let (mut cache, now) = (Cache::new(10, 1 << 20), Instant::now());
    let hosts: Vec<Host> = (0..15).map(|n| host(&format!("n{n}.example"))).collect();
    for host in &hosts[..10] {
        cache.keep(now, host, &found(60));
    }
    for used in [0, 3] {
        cache.find(now, &hosts[used], Rtype::A).unwrap();
    }
    for host in &hosts[10..] {
        cache.keep(now, host, &found(60));
    }
    let known = |cache: &Cache| -> Vec<usize> {
        (0..15).filter(|n| cache.names.contains_key(&hosts[*n])).collect()
    };
    assert_eq!(known(&cache), [0, 3, 7, 8, 9, 10, 11, 12, 13, 14]);
    // They were spared once; not used since, they go like others.
    for n in 0..10 {
        cache.keep(now, &host(&format!("m{n}.example")), &found(60));
    }
    assert_eq!(known(&cache), [0; 0]);
    // Even if all are used, there is room for a new one.
    for n in 0..10 {
        cache.find(now, &host(&format!("m{n}.example")), Rtype::A).unwrap();
    }
    cache.keep(now, &hosts[1], &found(60));
    assert_eq!((known(&cache), cache.names.len(), cache.oldest.len()), (vec![1], 10, 10));
}

#[test]
fn what_has_expired_goes_by_and_by() {
    let (mut cache, now) = (large(), Instant::now());
    for n in 0..100 {
        cache.keep(now, &host(&format!("n{n}.example")), &found(10));
    }
    let later = now + Duration::from_secs(10);
    for n in 0..60 {
        cache.keep(later, &host(&format!("m{n}.example")), &found(10));
    }
    assert_eq!((cache.names.len(), cache.oldest.len()), (60, 60));
    cache.names_max = 1;
    cache.keep(later, &host("last.example"), &found(10));
    let known = found(10);
    let Resolved::Addresses { addresses, .. } = known.resolved else { panic!() };
    let bytes = NAME + 14 + 16 + size_of_val(&*addresses);
    assert_eq!((cache.names.len(), cache.oldest.len(), cache.bytes), (1, 1, bytes));
}

#[test]
fn bytes_are_bounded_too() {
    let (mut cache, now) = (Cache::new(1000, 100_000), Instant::now());
    for n in 0..1000_u32 {
        let addresses = (0..n % 50).map(|n| IpAddr::from(n.to_be_bytes())).collect();
        let many = Resolved::Addresses { addresses, ttl: 60 };
        cache.keep(now, &host(&format!("n{n}.example")), &answer(Rtype::A, many, None));
        assert!(cache.bytes <= 100_000);
    }
    assert!((100..300).contains(&cache.names.len()), "{}", cache.names.len());
}

#[test]
fn what_the_system_found_is_known_for_a_while() {
    let (mut cache, now, host) = (large(), Instant::now(), host("a.example"));
    let both = [Rtype::A, Rtype::AAAA];
    let after = |seconds| now + Duration::from_secs(seconds);
    cache.keep_system(now, &host, &both, &Lookup::found(vec![[192, 0, 2, 1].into()]));
    let a = cache.find(after(59), &host, Rtype::A).unwrap().resolved;
    assert!(matches!(a, Resolved::Addresses { addresses, .. } if addresses.len() == 1));
    assert_eq!(cache.find(after(59), &host, Rtype::AAAA).unwrap().resolved, Resolved::NoData);
    assert!(cache.find(after(60), &host, Rtype::A).is_none());
    cache.keep_system(now, &host, &both, &Lookup::not_found());
    assert_eq!(cache.find(after(9), &host, Rtype::A).unwrap().resolved, Resolved::NoData);
    assert!(cache.find(after(10), &host, Rtype::A).is_none());
    let failure = Failure::new(FailureKind::DnsFailed, "x");
    cache.keep_system(now, &host, &both, &Lookup::unknown(failure));
    assert!(cache.find(now, &host, Rtype::AAAA).is_some());
    assert!(cache.find(after(1), &host, Rtype::AAAA).is_none());
}
