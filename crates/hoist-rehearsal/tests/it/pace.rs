//! Late, slow, and never: on the wire and in the log.

use std::time::{Duration, Instant};

use crate::client::{Client, LONG, Left, body, get, last, local};

#[test]
fn a_delay_may_be_a_range() {
    let server = local();
    let answer = get(&server, "/fault/delay?for=20ms..60ms");
    assert_eq!(answer.body, body(1000));
    let delay = last(&server).delay;
    assert!((Duration::from_millis(20)..=Duration::from_millis(60)).contains(&delay));
    let other = get(&server, "/fault/delay?for=20ms..60ms&x=1");
    assert_eq!(other.body, body(1000));
    assert_ne!(last(&server).delay, delay, "another request, another draw");
    assert_eq!(last(&server).decision, "delay");
}

#[test]
fn an_errors_page_may_come_slowly() {
    let server = local();
    let mut client = Client::to(server.addr());
    client.ask("/fault/slow-error?code=502&rate=1000");
    let began = Instant::now();
    let mut head = [0; 24];
    std::io::Read::read_exact(&mut client.0, &mut head).unwrap();
    assert_eq!(&head, b"HTTP/1.1 502 Bad Gateway");
    drop(client);
    assert!(server.settle(LONG));
    let record = last(&server);
    assert_eq!((record.decision, record.status), ("slow-error", Some(502)));
    assert_eq!(record.body_promised, Some(1 << 20));
    let most = began.elapsed() + Duration::from_millis(100);
    assert!(u128::from(record.body_sent) <= most.as_millis(), "{record:?}");
}

#[test]
fn a_stall_sends_its_part_and_then_nothing_more() {
    let server = local();
    let mut client = Client::to(server.addr());
    client.0.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
    let (bytes, left) = client.ask("/fault/stall?of=100&send=40").rest();
    assert_eq!(left, Left::Open);
    assert!(bytes.ends_with(&body(40)));
    drop(client);
    assert_eq!(last(&server).body_sent, 40);
}
