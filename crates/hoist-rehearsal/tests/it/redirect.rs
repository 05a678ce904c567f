//! Redirects of every kind on the wire; following them is left to clients.

use crate::client::{Client, body, get, last, local};

fn location(answer: &crate::client::Answer) -> &str {
    answer.header("Location").expect("a Location")
}

#[test]
fn circles_close_and_endless_ones_do_not() {
    let server = local();
    let mut client = Client::to(server.addr());
    let mut seen = vec!["/fault/redirect-circle?n=3&at=0".to_owned()];
    for _ in 0..3 {
        let answer = client.ask(seen.last().unwrap()).answer();
        assert_eq!(answer.line, "HTTP/1.1 302 Found");
        seen.push(location(&answer).to_owned());
    }
    assert_eq!(seen[0], seen[3]);
    assert_ne!(seen[0], seen[1]);
    let mut at = "/fault/redirect-endless".to_owned();
    let mut all = std::collections::HashSet::new();
    for _ in 0..100 {
        at = location(&client.ask(&at).answer()).to_owned();
        assert!(all.insert(at.clone()), "{at} again");
    }
    assert_eq!(last(&server).decision, "redirect-endless");
}

#[test]
fn locations_of_any_kind() {
    let server = local();
    for (target, to) in [
        ("/fault/redirect-scheme", "file:///etc/passwd"),
        ("/fault/redirect-scheme?url=ftp://127.0.0.1:1/x", "ftp://127.0.0.1:1/x"),
        ("/fault/redirect-bad", "http://["),
        ("/fault/redirect-bad?is=http://a%20b/", "http://a b/"),
        ("/redirect/to?url=/bytes/1000%23part", "/bytes/1000#part"),
        ("/redirect/to?url=../bytes/1000", "../bytes/1000"),
        ("/fault/redirect?n=2&status=307", "/redirect/1?status=307"),
    ] {
        assert_eq!(location(&get(&server, target)), to, "{target}");
    }
    assert_eq!(get(&server, "/fault/redirect-none").header("Location"), None);
    assert_eq!(
        get(&server, "/fault/redirect-none?status=301").line,
        "HTTP/1.1 301 Moved Permanently"
    );
    let twice = get(&server, "/fault/redirect-twice");
    assert_eq!(twice.headers("Location"), ["/bytes/1000", "/bytes/999"]);
    let long = get(&server, "/fault/redirect-long?size=5000");
    assert_eq!(location(&long).len(), "/bytes/1000?".len() + 5000);
    let page = get(&server, "/fault/redirect-body?of=70000&to=/x");
    assert_eq!(location(&page), "/x");
    assert!(page.body == body(70_000));
    assert_eq!(last(&server).status, Some(302));
}
