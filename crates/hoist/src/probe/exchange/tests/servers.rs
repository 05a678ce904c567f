//! Several servers, tries and rates.

use super::*;

/// Answers each query after the time that its server takes; never where that is none.
fn play(
    world: &mut World,
    names: usize,
    time: Duration,
    takes: impl Fn(Duration, &SocketAddr) -> Option<Duration>,
) -> (usize, HashMap<SocketAddr, usize>) {
    let start = world.now;
    let mut due: Vec<(Instant, Query)> = Vec::new();
    let mut answered: HashMap<SocketAddr, usize> = HashMap::new();
    let (mut owner, mut done) = (0, 0);
    while world.now < start + time {
        while world.exchange.len() < names {
            world.ask(owner);
            owner += 1;
        }
        for query in world.sent() {
            if let Some(takes) = takes(world.now - start, &query.server) {
                due.push((world.now + takes, query));
            }
        }
        world.pass(MS);
        let now = world.now;
        for (_, query) in due.extract_if(.., |(at, _)| *at <= now) {
            world.receive(&query, &query.found());
            *answered.entry(query.server).or_default() += 1;
        }
        while let Some(settled) = world.settled() {
            assert!(matches!(settled.resolved, Resolved::Addresses { .. }), "{settled:?}");
            done += 1;
        }
    }
    (done, answered)
}

fn spread(servers: usize) -> World {
    World::under(servers, |policy| policy.spread = true)
}

fn server(n: u8) -> SocketAddr {
    format!("192.0.2.{n}:53").parse().unwrap()
}

#[test]
fn each_server_gets_as_much_as_it_delivers() {
    let mut world = spread(2);
    let fast = server(1);
    let takes = |_, to: &SocketAddr| Some(if *to == fast { 10 * MS } else { 100 * MS });
    let (done, answered) = play(&mut world, 300, Duration::from_secs(1), takes);
    let (fast, slow) = (answered[&fast], answered[&server(2)]);
    // With as many names at each it would be ten times as much; the window of the fast one grows.
    assert!(fast / slow >= 8, "{fast} and {slow}");
    assert!(slow > 200, "{slow}");
    assert!(done > 16_500, "{done}: with half of the names at each");
}

#[test]
fn a_dead_server_costs_little_and_is_found_again() {
    let mut world = spread(2);
    let dead = server(2);
    let takes = |_, to: &SocketAddr| (*to != dead).then_some(10 * MS);
    let (done, _) = play(&mut world, 200, Duration::from_secs(3), takes);
    // 64 names wait for a second, once.
    assert!(done > 50_000, "{done} of 60,000");
    // One of many names shows whether it is back: after 2 s, 4 s, 8 s.
    let mut tried = Vec::new();
    let start = world.now;
    for owner in 0..200 {
        world.ask(owner);
        for query in world.sent() {
            if query.server == dead {
                tried.push((world.now - start).as_secs());
            } else {
                world.receive(&query, &query.found());
            }
        }
        while world.settled().is_some() {}
        world.pass(100 * MS);
    }
    assert!((2..=3).contains(&tried.len()), "{tried:?}");
    // Now it is.
    world.pass(Duration::from_secs(70));
    let (_, answered) = play(&mut world, 200, Duration::from_secs(1), |_, _| Some(10 * MS));
    assert!(answered[&dead] > 2_000, "{answered:?}");
}

#[test]
fn who_refuses_all_is_left_alone() {
    let mut world = spread(2);
    let mut refused = 0;
    for owner in 0..1000 {
        world.ask(owner);
        while world.exchange.len() > 0 {
            let query = world.one();
            if query.server == server(1) {
                refused += 1;
                world.receive(&query, &query.answer().rcode(Rcode::REFUSED).bytes());
            } else {
                world.receive(&query, &query.found());
            }
        }
        assert!(world.is_found());
        world.pass(MS);
    }
    assert_eq!(refused, 16);
}

#[test]
fn each_try_goes_to_another_server() {
    let mut world = spread(3);
    world.ask(0);
    let mut last = None;
    for _ in 0..6 {
        let query = world.one();
        assert_ne!(last, Some(query.server));
        last = Some(query.server);
        world.wait();
    }
}

#[test]
fn where_answers_are_quick_tries_come_soon_and_none_ends_sooner() {
    let mut world = World::new(1);
    for owner in 0..100 {
        world.ask(owner);
        let query = world.one();
        world.pass(5 * MS);
        world.receive(&query, &query.found());
        assert!(world.is_found());
    }
    world.ask(100);
    let mut waits = Vec::new();
    while world.exchange.len() > 0 {
        world.one();
        waits.push(world.wait().as_millis());
    }
    assert_eq!(waits, [20, 30, 1000, 1500, 2250, 3375, 4000, 4000, 4000, 9_825]);
    assert!(world.reason().contains("10 queries in 30.0 s"));
    world.assert_clean();
    // Where most that are asked again are answered, more are asked again soon; half of the tries are
    // left for a server that is away for long.
    for owner in 0..10 {
        world.ask(owner);
        world.one();
        world.wait();
        let query = world.one();
        world.receive(&query, &query.found());
        assert!(world.is_found());
    }
    world.ask(100);
    let mut waits = Vec::new();
    while world.exchange.len() > 0 {
        world.one();
        waits.push(world.wait().as_millis());
    }
    assert_eq!(waits, [20, 30, 45, 67, 101, 1000, 1500, 2250, 3375, 21_611]);
    assert!(world.reason().contains("10 queries in 30.0 s"));
    world.assert_clean();
    // Who wants one query has one, and waits as long as it may take.
    let mut world = World::with(1, 0);
    for owner in 0..100 {
        world.ask(owner);
        let query = world.one();
        world.receive(&query, &query.found());
        assert!(world.is_found());
    }
    world.ask(100);
    world.one();
    assert_eq!(world.wait(), 1000 * MS);
}

#[test]
fn a_rate_bounds_all_servers_together() {
    let mut world = World::under(2, |policy| {
        policy.spread = true;
        policy.rate = NonZeroU32::new(1000);
    });
    let (done, _) = play(&mut world, 800, Duration::from_secs(2), |_, _| Some(10 * MS));
    assert!((1960..=2000).contains(&done), "{done}");
    assert!(!world.exchange.has_room(), "what waits has its deadline running");
}

#[test]
fn a_full_window_ends_no_name_late() {
    let mut world = World::under(1, |policy| {
        policy.window = WindowPolicy { start: 10, max: 10, fixed: true, ..policy.window };
    });
    for owner in 0..30 {
        world.ask_within(owner, 500 * MS);
    }
    assert_eq!(world.sent().len(), 10);
    assert!(!world.exchange.has_room());
    let began = world.now;
    while world.exchange.len() > 0 {
        world.wait();
        world.sent();
    }
    assert!(world.now <= began + 600 * MS);
    for _ in 0..30 {
        assert!(world.reason().starts_with("deadline: "));
    }
    world.assert_clean();
}

#[test]
fn what_our_sockets_drop_cuts_the_window() {
    let mut world = World::new(1);
    for owner in 0..1000 {
        world.ask(owner);
    }
    let socket = world.sent()[0].socket;
    for _ in 0..4 {
        world.pass(MS);
        world.sent();
    }
    world.exchange.dropped(world.now, socket, 0);
    world.exchange.dropped(world.now, socket, 30);
    world.exchange.dropped(world.now, socket, 30);
    for owner in 1000..2000 {
        world.ask(owner);
    }
    // All 1,000 are overdue, and are asked again with the others.
    let mut sent = 0;
    world.pass(1100 * MS);
    for _ in 0..10 {
        sent += world.sent().len();
        world.pass(MS);
    }
    assert_eq!(sent, 700);
}
