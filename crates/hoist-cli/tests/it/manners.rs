//! What servers ask of robots, as options.

use std::fs;

use hoist_rehearsal::{Content, HttpRehearsal, Truth};

use crate::harness::{folder, objects, run};

#[test]
fn polite_heeds_robots_txt_and_the_reason_names_the_rule() {
    let (dir, site) = (folder(), folder());
    fs::write(site.path().join("robots.txt"), "User-agent: *\nDisallow: /no\n").unwrap();
    fs::write(site.path().join("yes"), "y").unwrap();
    fs::write(site.path().join("no"), "n").unwrap();
    let content = Content::Dir(site.path().into());
    let server = HttpRehearsal { content, truth: Truth::memory(), ..HttpRehearsal::local() };
    let server = server.spawn(&["127.0.0.1:0".parse().unwrap()]).unwrap();
    let at = format!("http://{}", server.addr());
    fs::write(dir.path().join("list"), format!("{at}/yes\n{at}/no\n")).unwrap();
    let get = ["get", "-i", "list", "-o", "out", "--format", "jsonl"];
    let said = run(dir.path(), &[&get[..], &["--polite"]].concat());
    assert_eq!(said.code, Some(1), "{said:?}");
    let outcomes = objects(&said.out);
    let no = outcomes.iter().find(|outcome| outcome["url"] == format!("{at}/no")).unwrap();
    assert_eq!((&no["outcome"], &no["kind"]), (&"failed".into(), &"disallowed".into()), "{no}");
    let reason = format!("robots.txt of {at}, line 2: Disallow: /no");
    assert_eq!(no["reason"], reason);
    assert!(said.err.contains("disallowed"), "{}", said.err);
    // Who decides otherwise asks for them again.
    let said = run(dir.path(), &[&get[..], &["--again", "disallowed"]].concat());
    assert_eq!(said.code, Some(0), "{said:?}");
    server.stop();
}

#[test]
fn a_contact_is_told_to_servers() {
    let dir = folder();
    let server = HttpRehearsal::local().spawn(&["127.0.0.1:0".parse().unwrap()]).unwrap();
    let url = format!("http://{}/headers", server.addr());
    let said = run(dir.path(), &["get", "-o", "-", "--contact", "me@example.com", &url]);
    assert_eq!(said.code, Some(0), "{said:?}");
    let agent = format!("user-agent: hoist/{} (+me@example.com)", env!("CARGO_PKG_VERSION"));
    assert!(said.out.to_ascii_lowercase().contains(&agent), "{}", said.out);
    server.stop();
}

#[test]
fn what_contradicts_is_refused() {
    let dir = folder();
    for (options, why) in [
        (&["--polite", "--per-origin", "8"] as &[&str], "cannot be used with"),
        (&["--contact", "me@example.com", "-A", "x"], "cannot be used with"),
        (&["--contact", "me@example.com", "-H", "User-Agent: x"], "both say who asks"),
        (&["--contact", "somebody"], "write a mail address or a URL, such as me@example.com"),
    ] {
        let said = run(dir.path(), &[&["get"], options, &["http://127.0.0.1:9/"]].concat());
        assert_eq!(said.code, Some(2), "{options:?} {said:?}");
        assert!(said.err.contains(why), "{options:?} {}", said.err);
    }
}
