//! Questions over TCP, and what goes on beside them.

use super::*;

/// Questions whose answers were cut, on their way over TCP.
fn over_tcp(world: &mut World, questions: usize) -> Vec<(Tcp, Vec<u8>)> {
    for owner in 0..questions {
        world.ask(owner);
    }
    while world.exchange.len() > 0 {
        let sent = world.sent();
        if sent.is_empty() {
            break;
        }
        for query in sent {
            world.receive(&query, &query.answer().cut().bytes());
        }
        world.pass(MS);
    }
    next_over_tcp(world)
}

fn next_over_tcp(world: &mut World) -> Vec<(Tcp, Vec<u8>)> {
    let (mut asked, mut buffer) = (Vec::new(), Vec::new());
    while let Some(tcp) = world.exchange.poll_tcp(world.now, &mut buffer) {
        asked.push((tcp, buffer.clone()));
    }
    asked
}

fn answer(world: &mut World, tcp: Tcp, query: &[u8]) {
    let bytes = Answer::to(query).a(&question_of(query).0, [192, 0, 2, 1]).bytes();
    world.exchange.tcp_ended(world.now, tcp, TcpEnd::Answer(&bytes));
    assert!(world.is_found());
}

#[test]
fn what_a_connection_leaves_is_asked_on_another() {
    let mut world = World::new(1);
    let mut asked = over_tcp(&mut world, 40);
    assert_eq!(asked.len(), 40);
    // It answers five on each connection, then closes it.
    for left in [35, 30, 25] {
        for (tcp, query) in asked.drain(..5) {
            answer(&mut world, tcp, &query);
        }
        for (tcp, _) in asked.drain(..) {
            let end = TcpEnd::Broken { answered: 5, waiting: 35 };
            world.exchange.tcp_ended(world.now, tcp, end);
        }
        assert_eq!(world.exchange.len(), left);
        asked = next_over_tcp(&mut world);
        assert_eq!(asked.len(), 10, "as many as it answered on two connections");
    }
    // One that answers nobody, alone with a question, has one more chance.
    for (tcp, _) in asked.drain(..) {
        world.exchange.tcp_ended(world.now, tcp, TcpEnd::Broken { answered: 0, waiting: 1 });
    }
    assert!(world.sent().is_empty());
    for (tcp, _) in next_over_tcp(&mut world) {
        world.exchange.tcp_ended(world.now, tcp, TcpEnd::Broken { answered: 0, waiting: 1 });
    }
    assert_eq!(world.exchange.len(), 25);
}

fn with_window(window: usize, servers: usize) -> World {
    World::under(servers, |policy| {
        policy.window = WindowPolicy { start: window, max: window, fixed: true, ..policy.window };
        policy.spread = servers > 1;
    })
}

fn cut_all(world: &mut World) -> usize {
    let sent = world.sent();
    for query in &sent {
        world.receive(query, &query.answer().cut().bytes());
    }
    sent.len()
}

#[test]
fn what_waits_for_tcp_leaves_room_for_udp() {
    let mut world = with_window(8, 1);
    let asked = over_tcp(&mut world, 40);
    assert_eq!(asked.len(), 4, "half of the window");
    // 36 wait for a place: each new name has its query, its answer, and another one's room.
    for owner in 100..200 {
        world.ask(owner);
        let query = world.one();
        world.receive(&query, &query.found());
        assert!(world.is_found());
    }
    assert_eq!(world.exchange.len(), 40);
}

#[test]
fn what_is_cut_may_still_be_answered_over_udp() {
    let mut world = World::new(1);
    world.ask(0);
    let query = world.one();
    for _ in 0..2 {
        world.receive(&query, &query.answer().cut().bytes());
    }
    assert_eq!(next_over_tcp(&mut world).len(), 1);
    world.receive(&query, &query.found());
    assert!(world.is_found());
    assert_eq!(world.exchange.len(), 0);
}

/// Names that never end, all of which are answered but the first four, which are cut: these come to
/// their turn over TCP.
fn is_not_starved(mut world: World) {
    for owner in 0..4 {
        world.ask(owner);
    }
    let mut over_tcp = Vec::new();
    let mut owner = 4;
    for _ in 0..200 {
        while world.exchange.len() < 20 {
            world.ask(owner);
            owner += 1;
        }
        for query in world.sent() {
            let (name, _) = question_of(&query.bytes);
            if ["n0.", "n1.", "n2.", "n3."].iter().any(|cut| name.starts_with(cut)) {
                world.receive(&query, &query.answer().cut().bytes());
            } else {
                world.receive(&query, &query.found());
                assert!(world.is_found());
            }
        }
        let asked = next_over_tcp(&mut world);
        over_tcp.extend(asked.iter().map(|(_, query)| question_of(query).0));
        for (tcp, query) in asked {
            answer(&mut world, tcp, &query);
        }
        let next = world.exchange.next_timeout().map_or(MS, |at| at - world.now);
        world.pass(next.min(MS));
    }
    over_tcp.sort_unstable();
    assert_eq!(over_tcp, ["n0.example", "n1.example", "n2.example", "n3.example"]);
    assert!(owner > 150, "{owner}: and the others go on");
}

#[test]
fn a_rate_leaves_some_of_it_for_tcp() {
    let rate = NonZeroU32::new(1000);
    is_not_starved(World::under(1, |policy| policy.rate = rate));
}

/// As servers far away do, whose window is always full.
#[test]
fn a_window_that_is_full_leaves_some_of_it_for_tcp() {
    let mut world = with_window(4, 1);
    for owner in 0..4 {
        world.ask(owner);
    }
    assert_eq!(cut_all(&mut world), 4);
    let (mut owner, mut over_tcp) = (4, 0);
    let mut under_way = std::collections::VecDeque::new();
    for _ in 0..20 {
        while world.exchange.len() < 12 {
            world.ask(owner);
            owner += 1;
        }
        under_way.extend(world.sent());
        for (tcp, query) in next_over_tcp(&mut world) {
            answer(&mut world, tcp, &query);
            over_tcp += 1;
        }
        under_way.extend(world.sent());
        assert!(under_way.len() <= 4);
        if let Some(query) = under_way.pop_front() {
            world.receive(&query, &query.found());
            assert!(world.is_found());
        }
    }
    assert_eq!(over_tcp, 4);
    assert!(owner > 20, "{owner}: and the others go on");
}

#[test]
fn late_answers_keep_no_places() {
    let mut world = with_window(4, 1);
    let late = over_tcp(&mut world, 20);
    assert_eq!(late.len(), 2);
    // Nobody knows yet how long answers take.
    world.pass(510 * MS);
    let asked = next_over_tcp(&mut world);
    assert_eq!(asked.len(), 2, "two of those that wait");
    for (tcp, query) in late.into_iter().chain(asked) {
        answer(&mut world, tcp, &query);
    }
    assert_eq!(next_over_tcp(&mut world).len(), 2);
}

#[test]
fn who_waits_for_a_place_at_a_server_that_answers_others_waits_on() {
    let mut world = World::new(1);
    let mut asked = over_tcp(&mut world, 300);
    assert_eq!(asked.len(), 256, "more have no room on two connections");
    world.pass(1900 * MS);
    let (tcp, query) = asked.remove(0);
    answer(&mut world, tcp, &query);
    assert_eq!(next_over_tcp(&mut world).len(), 1);
    // The others have no answer in 2 s; 43 have waited for as long, and go on to.
    world.pass(150 * MS);
    world.pass(150 * MS);
    let mut anew = world.sent().len();
    world.pass(20 * MS);
    anew += world.sent().len();
    assert_eq!(anew, 255, "these alone try anew");
    for (tcp, _) in asked {
        world.exchange.tcp_ended(world.now, tcp, TcpEnd::Silence);
    }
    let asked = next_over_tcp(&mut world);
    assert_eq!(asked.len(), 43);
    for (tcp, query) in asked {
        answer(&mut world, tcp, &query);
    }
}

#[test]
fn where_nothing_comes_over_tcp_all_who_wait_for_it_try_anew() {
    let mut world = World::under(1, |policy| {
        policy.window = WindowPolicy { start: 4, max: 4, fixed: true, ..policy.window };
    });
    // 2 s, 3 s and 4 s: with the pauses between, and the queries over UDP.
    let asked = over_tcp(&mut world, 12);
    assert_eq!(asked.len(), 2);
    let start = world.now;
    let mut settled = 0;
    let mut held = asked;
    for turns in 0.. {
        assert!(turns < 10_000, "it does not end");
        if world.exchange.len() == 0 {
            break;
        }
        world.wait();
        for (tcp, _) in held.extract_if(.., |(tcp, _)| tcp.deadline <= world.now) {
            world.exchange.tcp_ended(world.now, tcp, TcpEnd::Silence);
        }
        cut_all(&mut world);
        held.extend(next_over_tcp(&mut world));
        while world.exchange.len() < 12 - settled {
            let reason = world.reason();
            assert!(reason.contains("has to be asked over TCP, and gives no answer"), "{reason}");
            settled += 1;
        }
    }
    for (tcp, _) in held {
        world.exchange.tcp_ended(world.now, tcp, TcpEnd::Silence);
    }
    let took = world.now - start;
    assert!(took < Duration::from_secs(19), "{took:?}: all at once, not two by two");
    world.assert_clean();
}

#[test]
fn a_place_at_another_server_is_looked_for() {
    let mut world = with_window(4, 2);
    for owner in 0..12 {
        world.ask(owner);
    }
    // The first server cuts, and answers one question after the other over TCP; the second answers.
    let slow = server_of(&mut world);
    let mut found = 0;
    let mut held: std::collections::VecDeque<_> = std::collections::VecDeque::new();
    for _ in 0..60 {
        for query in world.sent() {
            let cut = query.server == slow;
            let bytes = if cut { query.answer().cut().bytes() } else { query.found() };
            world.receive(&query, &bytes);
        }
        held.extend(next_over_tcp(&mut world));
        if let Some((tcp, query)) = held.pop_front() {
            let bytes = Answer::to(&query).a(&question_of(&query).0, [192, 0, 2, 1]).bytes();
            world.exchange.tcp_ended(world.now, tcp, TcpEnd::Answer(&bytes));
        }
        while let Some(settled) = world.settled() {
            assert!(matches!(settled.resolved, Resolved::Addresses { .. }), "{settled:?}");
            found += 1;
        }
        world.pass(500 * MS);
    }
    assert_eq!((found, world.exchange.len()), (13, 0));
}

fn server_of(world: &mut World) -> SocketAddr {
    world.ask(99);
    let first = world.sent().remove(0);
    world.receive(&first, &first.answer().cut().bytes());
    first.server
}

#[test]
fn connections_that_break_under_others_are_borne_only_so_often() {
    let mut world = World::new(1);
    let mut asked = over_tcp(&mut world, 1);
    for times in 1..=8 {
        let (tcp, _) = asked.remove(0);
        // It has answered others on each.
        world.exchange.tcp_ended(world.now, tcp, TcpEnd::Broken { answered: 3, waiting: 1 });
        asked = next_over_tcp(&mut world);
        assert_eq!(asked.len(), usize::from(times < 8), "{times}");
    }
    world.wait();
    assert_eq!(world.sent().len(), 1, "that was a try");
}
