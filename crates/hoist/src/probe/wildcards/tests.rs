use std::collections::HashSet;
use std::net::IpAddr;
use std::time::Duration;

use proptest::prelude::*;

use super::evidence::{QUIET_MIN, TESTS_MAX};
use super::*;
use crate::outcome::{Failure, FailureKind};
use crate::plan::defaults;
use crate::probe::answers::name;

fn address(n: u8) -> IpAddr {
    [192, 0, 2, n].into()
}

fn has(addresses: &[u8]) -> Lookup {
    Lookup::found(addresses.iter().map(|n| address(*n)).collect())
}

fn unanswered() -> Lookup {
    Lookup::unknown(Failure::new(FailureKind::DnsFailed, "no answer"))
}

/// The state with a clock that stands still.
struct World {
    wildcards: Wildcards,
    now: Instant,
    tests: u32,
}

const LONG: Duration = Duration::from_secs(30);

impl World {
    fn new() -> Self {
        let wildcards = Wildcards::new(Chance::new(Some(7)), 1000);
        Self { wildcards, now: Instant::now(), tests: 0 }
    }

    fn found(&mut self, token: usize, text: &str, addresses: &[u8]) {
        self.wildcards.found(token, &name(text), self.now + LONG, has(addresses));
    }

    fn round(&mut self) -> Vec<Test> {
        let tests: Vec<_> = std::iter::from_fn(|| self.wildcards.poll_test()).collect();
        self.tests += u32::try_from(tests.len()).unwrap();
        tests
    }

    /// Answers all tests, as long as there are any.
    fn answer(&mut self, mut with: impl FnMut(&WireName) -> Lookup) {
        loop {
            let round = self.round();
            if round.is_empty() {
                return;
            }
            for test in round {
                self.wildcards.tested(test.flight, &with(&test.name));
            }
        }
    }

    fn judged(&mut self) -> Vec<(usize, Wildcard)> {
        let judged = std::iter::from_fn(|| self.wildcards.poll_judged());
        let mut judged: Vec<_> = judged.map(|(token, l)| (token, l.wildcard.unwrap())).collect();
        judged.sort_unstable_by_key(|(token, _)| *token);
        judged
    }

    /// One name beside a wildcard.
    fn one(addresses: &[u8], with: impl FnMut(&WireName) -> Lookup) -> (Wildcard, u32) {
        let mut world = Self::new();
        world.found(1, "a.example", addresses);
        world.answer(with);
        let judged = world.judged();
        assert_eq!(judged.len(), 1, "{judged:?}");
        assert!(world.wildcards.is_clean());
        (judged[0].1, world.tests)
    }
}

#[test]
fn a_random_name_is_beside_and_never_the_same() {
    let mut world = World::new();
    let mut names = HashSet::new();
    for n in 0..200 {
        world.found(n, &format!("www.n{n}.example"), &[1]);
        let test = world.round().remove(0);
        let random = test.name.to_string();
        let (label, parent) = random.split_once('.').unwrap();
        assert_eq!(parent, format!("n{n}.example"));
        assert_eq!(label.len(), LABEL);
        assert!(label.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit()), "{label}");
        assert_eq!(test.deadline, world.now + LONG);
        names.insert(label.to_owned());
    }
    assert_eq!(names.len(), 200);
}

#[test]
fn no_address_at_a_random_name_is_no_wildcard() {
    assert_eq!(World::one(&[1], |_| Lookup::not_found()), (Wildcard::No, 1));
}

#[test]
fn the_addresses_of_a_random_name_are_the_wildcards() {
    assert_eq!(World::one(&[1], |_| has(&[1])), (Wildcard::Yes, 1));
    assert_eq!(World::one(&[2, 1], |_| has(&[1, 2])), (Wildcard::Yes, 1));
    // Others are not, once that is sure.
    assert_eq!(World::one(&[2], |_| has(&[1])), (Wildcard::No, 1 + QUIET_MIN));
    assert_eq!(World::one(&[1, 2], |_| has(&[1])), (Wildcard::No, 1 + QUIET_MIN));
}

#[test]
fn addresses_that_rotate_are_collected() {
    // In turn, one at a time: as many as the tests show, and some more before that is believed.
    for of in 2..=4_u8 {
        let mut turn = 0;
        let mut rotate = |_: &WireName| {
            turn += 1;
            has(&[turn % of])
        };
        assert_eq!(World::one(&[of - 1], &mut rotate).0, Wildcard::Yes, "{of}");
        let (said, tests) = World::one(&[200], &mut rotate);
        assert_eq!(said, Wildcard::No, "{of}");
        assert!(tests <= TESTS_MAX);
    }
    // At random: those of a wildcard are hardly ever called names of their own, and never the other way
    // round.
    let mut rng = fastrand::Rng::with_seed(3);
    for (of, at_once) in [(2, 1), (3, 1), (4, 1), (8, 1), (30, 1), (4, 2), (8, 5), (12, 11)] {
        let (mut wrong, mut own) = (0, 0);
        for _ in 0..1000 {
            let mut give = |_: &WireName| {
                let first = rng.u8(..of);
                has(&(0..at_once).map(|n| (first + n) % of).collect::<Vec<_>>())
            };
            let name = give(&name("a.example")).addresses;
            let mut world = World::new();
            let mut lookup = Lookup::found(name);
            world.wildcards.found(
                1,
                &crate::probe::answers::name("a.example"),
                world.now,
                lookup.clone(),
            );
            lookup.addresses = vec![address(200)];
            world.wildcards.found(2, &crate::probe::answers::name("b.example"), world.now, lookup);
            world.answer(&mut give);
            let judged = world.judged();
            wrong += u32::from(judged[0].1 == Wildcard::No);
            assert_ne!(judged[1].1, Wildcard::Yes);
            own += u32::from(judged[1].1 == Wildcard::No);
        }
        // One in 128, and three deviations of that.
        assert!(wrong <= 16, "{wrong} of 1000 with {at_once} of {of}");
        let is_seen_through = at_once > 1 || of <= 3;
        assert!(own == 1000 || !is_seen_through, "{own} of 1000 with {at_once} of {of}");
    }
    // Ever new ones: nobody knows.
    let mut next = 0;
    let endless = |_: &WireName| {
        next += 1;
        has(&[next])
    };
    assert_eq!(World::one(&[200], endless), (Wildcard::Unsure, TESTS_MAX));
}

#[test]
fn of_a_test_without_an_answer_nothing_is_claimed() {
    assert_eq!(World::one(&[1], |_| unanswered()), (Wildcard::Unsure, 1));
    // What was answered before still counts.
    let mut world = World::new();
    world.found(1, "a.example", &[1]);
    world.found(2, "b.example", &[2]);
    let mut n = 0;
    world.answer(|_| {
        n += 1;
        if n == 2 { unanswered() } else { has(&[1]) }
    });
    assert_eq!(world.judged(), [(1, Wildcard::Yes), (2, Wildcard::Unsure)]);
    assert_eq!(world.tests, 3);
    // Who comes later asks on, three times at most.
    for (token, tests) in [(3, 4), (4, 5), (5, 5)] {
        world.found(token, "c.example", &[3]);
        world.answer(|_| unanswered());
        assert_eq!(world.judged(), [(token, Wildcard::Unsure)]);
        assert_eq!(world.tests, tests);
    }
    world.found(6, "d.example", &[1]);
    assert_eq!(world.judged(), [(6, Wildcard::Yes)]);
    assert!(world.wildcards.is_clean());
}

#[test]
fn all_names_of_a_parent_share_its_tests() {
    let mut world = World::new();
    for token in 0..100 {
        world.found(token, &format!("n{token}.example"), &[u8::from(token % 2 == 0)]);
    }
    let first = world.round();
    assert_eq!(first.len(), 1);
    world.wildcards.tested(first[0].flight, &has(&[0]));
    let judged = world.judged();
    assert_eq!(judged.len(), 50, "at once");
    assert!(judged.iter().all(|(token, said)| token % 2 == 1 && *said == Wildcard::Yes));
    // One that comes while tests go on is judged as soon as it can be.
    world.found(200, "late.example", &[0]);
    assert_eq!(world.judged(), [(200, Wildcard::Yes)]);
    world.found(201, "later.example", &[9]);
    assert_eq!(world.judged(), []);
    world.answer(|_| has(&[0]));
    let judged = world.judged();
    assert_eq!(judged.len(), 51);
    assert!(judged.iter().all(|(_, said)| *said == Wildcard::No));
    assert_eq!(world.tests, 1 + QUIET_MIN);
    // And what is known is known.
    world.found(300, "n.example", &[0]);
    world.found(301, "m.example", &[5]);
    assert_eq!(world.judged(), [(300, Wildcard::Yes), (301, Wildcard::No)]);
    assert_eq!(world.round().len(), 0);
    assert!(world.wildcards.is_clean());
}

#[test]
fn nobody_waits_beyond_his_deadline() {
    let mut world = World::new();
    let before = world.now + Duration::from_millis(999);
    let soon = world.now + Duration::from_secs(1);
    world.wildcards.found(1, &name("a.example"), world.now + LONG, has(&[2]));
    world.wildcards.found(2, &name("b.example"), soon, has(&[2]));
    let first = world.round();
    assert_eq!(world.wildcards.next_timeout(), Some(soon));
    world.wildcards.handle_timeout(before);
    assert_eq!(world.judged(), []);
    world.wildcards.handle_timeout(soon);
    assert_eq!(world.judged(), [(2, Wildcard::Unsure)]);
    world.wildcards.handle_timeout(world.now + LONG);
    assert_eq!(world.judged(), [(1, Wildcard::Unsure)]);
    assert_eq!(world.wildcards.next_timeout(), None);
    // Nobody waits for more tests; what the one brings is kept.
    world.wildcards.tested(first[0].flight, &Lookup::not_found());
    assert_eq!(world.round().len(), 0);
    world.found(3, "c.example", &[2]);
    assert_eq!(world.judged(), [(3, Wildcard::No)]);
    assert!(world.wildcards.is_clean());
}

#[test]
fn tests_at_once_are_bounded_and_none_is_asked_for_nobody() {
    let mut world = World::new();
    world.wildcards.asked_max = 5;
    for token in 0..20 {
        world.wildcards.found(
            token,
            &name(&format!("www.n{token}.example")),
            world.now + LONG,
            has(&[1]),
        );
    }
    let first = world.round();
    assert_eq!(first.len(), 5);
    for test in &first {
        world.wildcards.tested(test.flight, &has(&[0]));
    }
    // The turn of the others comes first; no name is judged by one test.
    assert_eq!(world.judged(), []);
    let second = world.round();
    assert_eq!(second.len(), 5);
    assert!(second.iter().all(|test| first.iter().all(|other| other.flight != test.flight)));
    world.wildcards.handle_timeout(world.now + LONG);
    assert_eq!(world.judged().len(), 20);
    assert_eq!(world.round().len(), 0);
    for test in &second {
        world.wildcards.tested(test.flight, &has(&[0]));
    }
    assert_eq!(world.round().len(), 0);
    assert!(world.wildcards.is_clean());
}

#[test]
fn the_root_has_no_parent_and_long_names_leave_no_room() {
    let mut world = World::new();
    world.found(1, ".", &[1]);
    assert_eq!(world.judged(), [(1, Wildcard::No)]);
    world.found(2, "example", &[1]);
    assert_eq!(world.round()[0].name.labels().count(), 1);
    world.wildcards.tested(0, &Lookup::not_found());
    assert_eq!(world.judged(), [(2, Wildcard::No)]);
    let label = |n: usize| "x".repeat(n);
    let parent =
        |last: usize| format!("{}.{}", [label(63), label(63), label(63)].join("."), label(last));
    // With nine of ten bytes for the label, and with none of eight.
    world.found(3, &format!("a.{}", parent(52)), &[1]);
    let test = world.round().remove(0);
    assert_eq!((test.name.as_wire().len(), test.name.as_wire()[0]), (255, 8));
    world.wildcards.tested(test.flight, &Lookup::not_found());
    world.found(4, &format!("a.{}", parent(53)), &[1]);
    assert_eq!(world.judged(), [(3, Wildcard::No), (4, Wildcard::Unsure)]);
    assert!(world.wildcards.is_clean());
}

#[test]
fn what_is_known_of_parents_is_bounded() {
    let mut world = World::new();
    let last = defaults::WILDCARD_PARENTS + 100;
    for n in 0..=last {
        world.found(n, &format!("www.n{n}.example"), &[1]);
        world.answer(|_| Lookup::not_found());
        // The first one is used all the time.
        if n % 1000 == 0 {
            world.found(last + 1, "ftp.n0.example", &[1]);
            assert_eq!(world.round().len(), 0);
        }
        world.judged();
    }
    let known = world.wildcards.known.len();
    assert!(known <= defaults::WILDCARD_PARENTS, "{known}");
    assert!(known >= defaults::WILDCARD_PARENTS / 2, "{known}");
    world.found(1, "ftp.n1.example", &[1]);
    assert_eq!(world.round().len(), 1, "the second one is forgotten");
}

#[test]
fn parents_of_many_addresses_are_bounded_in_bytes() {
    let mut world = World::new();
    let many = || Lookup::found((0..1500_u32).map(|n| IpAddr::from(n.to_be_bytes())).collect());
    for n in 0..2000 {
        world.found(n, &format!("www.n{n}.example"), &[1]);
        world.answer(|_| many());
        assert_eq!(world.judged(), [(n, Wildcard::Unsure)], "more than are kept");
    }
    let known = world.wildcards.known.len();
    assert!(known * 1024 * size_of::<IpAddr>() <= defaults::WILDCARD_BYTES, "{known}");
    assert!(known > 100, "{known}");
}

/// What a test may come to.
fn any_answer() -> impl Strategy<Value = Option<Vec<u8>>> {
    prop_oneof![
        3 => prop::collection::vec(0..6_u8, 0..3).prop_map(Some),
        1 => Just(None),
    ]
}

fn lookup_of(answer: Option<&Vec<u8>>) -> Lookup {
    match answer {
        None => unanswered(),
        Some(none) if none.is_empty() => Lookup::not_found(),
        Some(some) => has(some),
    }
}

proptest! {
    /// Each name comes out once, nothing is left, and tests are bounded.
    #[test]
    fn every_name_is_judged_once(
        names in prop::collection::vec((0..4_u8, 0..6_u8), 1..40),
        answers in prop::collection::vec(any_answer(), 1..60),
        order in any::<u64>(),
        early in any::<bool>(),
    ) {
        let mut world = World::new();
        let mut rng = fastrand::Rng::with_seed(order);
        let mut under_way = Vec::new();
        let mut answers = answers.iter().cycle();
        let mut judged = Vec::new();
        let mut waiting = names.iter().enumerate();
        loop {
            let next = if rng.bool() { waiting.next() } else { None };
            if let Some((token, (parent, address))) = next {
                world.found(token, &format!("n{token}.p{parent}.example"), &[*address]);
            } else if !under_way.is_empty() {
                let test: Test = under_way.swap_remove(rng.usize(..under_way.len()));
                world.wildcards.tested(test.flight, &lookup_of(answers.next().unwrap().as_ref()));
            } else if early && rng.u8(..) == 0 {
                world.wildcards.handle_timeout(world.now + LONG);
            } else if let Some((token, (parent, address))) = waiting.next() {
                world.found(token, &format!("n{token}.p{parent}.example"), &[*address]);
            }
            under_way.extend(world.round());
            judged.extend(world.judged().into_iter().map(|(token, _)| token));
            if judged.len() == names.len() && under_way.is_empty() {
                break;
            }
        }
        judged.sort_unstable();
        prop_assert_eq!(judged, (0..names.len()).collect::<Vec<_>>());
        prop_assert!(world.wildcards.is_clean());
        prop_assert!(world.tests <= 4 * (TESTS_MAX + 3 * 4), "{}", world.tests);
    }

    /// In whatever order the answers of a round come, they say the same.
    #[test]
    fn the_order_of_answers_does_not_matter(
        answers in prop::collection::vec(any_answer(), 64),
        order in any::<u64>(),
    ) {
        let said = |order: Option<u64>| {
            let mut world = World::new();
            let mut rng = fastrand::Rng::with_seed(order.unwrap_or(0));
            for n in 0..8 {
                world.found(usize::from(n), &format!("n{n}.example"), &[n]);
            }
            let mut answers = answers.iter();
            let mut all = Vec::new();
            loop {
                let mut round: Vec<_> =
                    world.round().into_iter().map(|test| (test, answers.next().unwrap())).collect();
                if round.is_empty() {
                    break;
                }
                if order.is_some() {
                    rng.shuffle(&mut round);
                }
                for (test, answer) in round {
                    world.wildcards.tested(test.flight, &lookup_of(answer.as_ref()));
                }
                all.extend(world.judged());
            }
            all.sort_unstable_by_key(|(token, _)| *token);
            (all, world.tests)
        };
        prop_assert_eq!(said(None), said(Some(order)));
    }
}
