//! Rules: who meets which fault, and that it does not depend on who comes first.

use std::path::Path;
use std::time::Duration;

use hoist_rehearsal::{End, HttpRehearsal, Running, Scenario, flags};

use crate::client::{Answer, Client, Left, all, body, get, last, spawn};

fn rehearse(scenario: &str) -> Running {
    let scenario = Scenario::parse(scenario, Path::new("")).unwrap();
    let seed = scenario.seed().unwrap_or(0);
    spawn(HttpRehearsal { scenario, seed, ..HttpRehearsal::local() })
}

#[test]
fn a_chain_works_on_what_stands_there() {
    let server = rehearse(
        r#"
        [[request]]
        path = "/flags/fr/*"
        chain = ["delay?for=50ms", "send?bytes=30", "delay?for=50ms", "send?bytes=20", "close"]
        "#,
    );
    let gif = flags::flag_gif("fr").unwrap();
    let (bytes, left) = all(&server, "/flags/fr/fr.gif");
    let answer = Answer::split(&bytes);
    assert_eq!(left, Left::Closed);
    assert_eq!(answer.header("Content-Type"), Some("image/gif"));
    assert_eq!(answer.header("Content-Length"), Some(gif.len().to_string().as_str()));
    assert_eq!(answer.body, gif[..50]);
    let record = last(&server);
    assert_eq!((record.decision, record.rule, record.body_sent), ("close", Some(1), 50));
    assert_eq!(record.delay, Duration::from_millis(100), "all the waits of the chain");
    assert_eq!(get(&server, "/flags/de/de.gif").body, flags::flag_gif("de").unwrap());
    assert_eq!((last(&server).decision, last(&server).rule), ("content", None));
}

#[test]
fn without_an_end_the_rest_follows() {
    let server = rehearse("[[request]]\nchain = [\"send?bytes=10\", \"delay?for=1ms\"]");
    let mut client = Client::to(server.addr());
    assert_eq!(client.ask("/flags/it/it.gif").answer().body, flags::flag_gif("it").unwrap());
    let nothing_there = client.ask("/nothing/there").answer();
    assert_eq!(nothing_there.body, body(1000), "made bytes where nothing stands");
    assert_eq!(last(&server).end, End::Keep);
}

#[test]
fn the_first_rule_that_fits_decides_by_attempt_method_host_and_number() {
    let server = rehearse(
        r#"
        [[request]]
        attempt = "1..2"
        path = "/a*"
        fault = "status?code=503"
        [[request]]
        host = "elsewhere"
        fault = "status?code=410"
        [[request]]
        method = "HEAD"
        fault = "status?code=418"
        [[request]]
        number = 7
        fault = "status?code=429"
        "#,
    );
    let line = |head: &str| {
        let bytes = Client::to(server.addr()).send(head.as_bytes()).rest().0;
        String::from_utf8_lossy(&bytes[9..12]).into_owned()
    };
    let close = "Connection: close\r\n\r\n";
    let a = format!("GET /a HTTP/1.1\r\nHost: h\r\n{close}");
    assert_eq!([line(&a), line(&a), line(&a)], ["503", "503", "404"]);
    assert_eq!(line(&format!("GET /b HTTP/1.1\r\nHost: Elsewhere\r\n{close}")), "410");
    assert_eq!(line(&format!("HEAD /b HTTP/1.1\r\nHost: h\r\n{close}")), "418");
    let other = format!("GET /b HTTP/1.1\r\nHost: h\r\n{close}");
    assert_eq!([line(&other), line(&other), line(&other)], ["404", "429", "404"]);
}

#[test]
fn chance_falls_the_same_in_any_order() {
    let text = "seed = 4\n[[request]]\nprobability = 0.3\nfault = \"status?code=503\"";
    let fate = |server: &Running, order: &mut dyn Iterator<Item = u32>| {
        let mut fates: Vec<_> = order
            .map(|i| (i, get(server, &format!("/flags/fr/fr.gif?{i}")).line.contains("503")))
            .collect();
        fates.sort_unstable();
        fates
    };
    let first = fate(&rehearse(text), &mut (0..200));
    let second = fate(&rehearse(text), &mut (0..200).rev());
    assert_eq!(first, second);
    let struck = first.iter().filter(|(_, struck)| *struck).count();
    assert!((35..85).contains(&struck), "{struck} of 200 at 0.3");
    let other = fate(&rehearse(&text.replace("seed = 4", "seed = 5")), &mut (0..200));
    assert_ne!(first, other);
}

#[test]
fn what_is_explained_is_what_happens() {
    let text = "[[request]]\nprobability = 0.5\nfault = \"status?code=503\"";
    let scenario = Scenario::parse(text, Path::new("")).unwrap();
    let told = HttpRehearsal { scenario, ..HttpRehearsal::local() };
    let server = rehearse(text);
    for i in 0..20 {
        let target = format!("/flags/fr/fr.gif?{i}");
        for line in told.explain("GET", "localhost", &target, 3) {
            let struck = get(&server, &target).line.contains("503");
            assert_eq!(line.contains("rule 1, status?code=503"), struck, "{target}: {line}");
        }
    }
}

#[test]
fn connections_by_number() {
    let server = rehearse("[[connection]]\nnumber = 2\nfault = \"accept-close\"");
    let ask = || Client::to(server.addr()).ask("/bytes/1?").rest_soon();
    assert!(ask().starts_with(b"HTTP/1.1 200"));
    assert_eq!(ask(), b"");
    assert!(ask().starts_with(b"HTTP/1.1 200"));
    let records = server.truth().http();
    let refused: Vec<_> = records.iter().filter(|r| r.decision == "accept-close").collect();
    assert_eq!((refused.len(), refused[0].conn, refused[0].rule), (1, 2, Some(1)));
}
