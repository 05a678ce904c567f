use std::fs;
use std::net::IpAddr;
use std::time::Duration;

use hoist_rehearsal::{DnsRehearsal, DnsZone, Running};
use serde_json::Value;

use crate::harness::{ANYWHERE, folder, run, run_with_stdin};

/// Five names of `.dev` exist, one of them with an IPv6 address alone.
fn server() -> (Running, String) {
    let four: IpAddr = "192.0.2.1".parse().unwrap();
    let six: IpAddr = "2001:db8::1".parse().unwrap();
    let names = [
        ("with", vec![four]),
        ("from", vec![four, six]),
        ("as", vec![six]),
        ("none", vec![]),
        ("if", vec![four]),
    ];
    let zone = DnsZone::listed("dev", names).unwrap();
    let server = DnsRehearsal::new([zone]).spawn(&ANYWHERE).unwrap();
    let via = format!("dns://{}", server.addr());
    (server, via)
}

fn sorted(text: &str) -> Vec<&str> {
    let mut lines: Vec<_> = text.lines().collect();
    lines.sort_unstable();
    lines
}

#[test]
fn without_names_it_does_the_chapters_job() {
    let (dir, (_server, via)) = (folder(), server());
    let said = run(dir.path(), &["probe", "--via", &via]);
    assert_eq!((said.code, said.err.as_str()), (Some(0), ""), "{said:?}");
    let expected = "  and.dev,  def.dev,  del.dev,  elif.dev,  else.dev,  for.dev,  in.dev,  is.dev,\
                    \x20 none.dev,  not.dev,  or.dev,  pass.dev,  true.dev,  try.dev,+ as.dev,\
                    + from.dev,+ if.dev,+ with.dev";
    assert_eq!(sorted(&said.out).join(","), expected);
}

#[test]
fn columns_are_the_chapters() {
    let (dir, (_server, via)) = (folder(), server());
    let line = ["probe", "--via", &via, "--format", "columns", "--ordered"];
    let said = run(dir.path(), &[&line[..], &["with.dev", "else.dev", "a..b"]].concat());
    assert_eq!(
        said.out,
        "FOUND\t\tNOT FOUND\n=====\t\t=========\nwith.dev\n\t\telse.dev\n\t\t? a..b\n"
    );
    assert_eq!(said.code, Some(1));
}

#[test]
fn json_lines_tell_all_there_is() {
    let (dir, (server, via)) = (folder(), server());
    let line = ["probe", "--via", &via, "--format", "jsonl", "--ordered"];
    let said = run(dir.path(), &[&line[..], &["from.dev", "else.dev", "as.dev", "a.org"]].concat());
    let all: Vec<Value> =
        said.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let verdicts: Vec<_> = all.iter().map(|o| o["verdict"].as_str().unwrap()).collect();
    assert_eq!(verdicts, ["found", "not_found", "found", "unknown"]);
    assert_eq!(all[0]["index"], 0);
    assert!(all[0]["addresses"].as_array().unwrap().contains(&"192.0.2.1".into()));
    assert_eq!(all[0]["server"], server.addr().to_string());
    assert_eq!(all[1]["rcode"], "NXDOMAIN");
    assert_eq!(all[2]["addresses"], serde_json::json!(["2001:db8::1"]));
    assert!(all[0].get("kind").is_none());
    assert_eq!(all[3]["kind"], "dns_failed", "outside of its zones it refuses");
    assert!(all[3]["reason"].is_string());
    for field in ["ttl", "attempts", "ms"] {
        assert!(all[0][field].is_number(), "{field}: {}", all[0]);
    }
    assert_eq!(said.code, Some(1));
    assert!(said.err.contains("1 unknown of 4 names"), "{}", said.err);
    assert!(said.err.contains("\nunknown: 1 dns_failed, "), "{}", said.err);
}

#[test]
fn names_come_from_arguments_lists_and_words() {
    let (dir, (_server, via)) = (folder(), server());
    fs::write(dir.path().join("names"), "# the list\nwith.dev\n\nelse.dev\n").unwrap();
    fs::write(dir.path().join("words"), "From\nlongest\n").unwrap();
    let probe = |line: &[&str], stdin: Option<&str>| {
        let line = [&["probe", "--via", &via, "--ordered"], line].concat();
        let said = match stdin {
            None => run(dir.path(), &line),
            Some(text) => run_with_stdin(dir.path(), &line, text),
        };
        said.out
    };
    let file = "+ with.dev\n  else.dev\n";
    assert_eq!(probe(&["-i", "names"], None), file);
    assert_eq!(probe(&[], Some("with.dev\r\nelse.dev")), file);
    assert_eq!(probe(&["-i", "-"], Some("with.dev\nelse.dev\n")), file);
    assert_eq!(probe(&["with.dev", "else.dev"], Some("ignored.dev")), file);
    assert_eq!(probe(&["if.dev", "-i", "names"], None), format!("+ if.dev\n{file}"));
    let words = probe(&["--words", "words", "--max-len", "5", "--tld", ".dev"], None);
    assert_eq!(words, "+ from.dev\n");
    assert_eq!(probe(&["--words", "words", "--max-len", "5"], None), words);
    assert_eq!(probe(&[], Some("")), "");
}

#[test]
fn a_type_can_be_asked_for() {
    let (dir, (_server, via)) = (folder(), server());
    let probe = |types: &str| {
        let line = ["probe", "--via", &via, "--ordered", "-t", types, "as.dev", "with.dev"];
        run(dir.path(), &line).out
    };
    assert_eq!(probe("A"), "  as.dev\n+ with.dev\n");
    assert_eq!(probe("aaaa"), "+ as.dev\n  with.dev\n");
    assert_eq!(probe("A,AAAA"), "+ as.dev\n+ with.dev\n");
}

#[test]
fn a_name_that_is_none_is_told_with_its_line() {
    let (dir, (_server, via)) = (folder(), server());
    fs::write(dir.path().join("names"), "# names\na..b\n").unwrap();
    let said = run(dir.path(), &["probe", "-i", "names", "--via", &via]);
    assert!(said.err.contains("\nunknown: 1 bad_name, line 2: "), "{}", said.err);
    let said = run(dir.path(), &["probe", "a..b", "--via", &via]);
    assert!(said.err.contains("\nunknown: 1 bad_name, "), "{}", said.err);
    assert!(!said.err.contains("line"), "{}", said.err);
}

#[test]
fn answers_can_go_to_a_file() {
    let (dir, (_server, via)) = (folder(), server());
    let said = run(dir.path(), &["probe", "--via", &via, "with.dev", "-o", "answers"]);
    assert_eq!((said.out.as_str(), said.code), ("", Some(0)));
    assert_eq!(fs::read_to_string(dir.path().join("answers")).unwrap(), "+ with.dev\n");
}

#[test]
fn without_a_server_nothing_is_known_and_the_remedy_is_told() {
    let dir = folder();
    // Nobody listens on the port of a socket that was closed again.
    let port = std::net::UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let via = format!("dns://127.0.0.1:{port}");
    let line = ["probe", "--via", &via, "--timeout", "100ms", "--retries", "1", "with.dev"];
    let said = run(dir.path(), &line);
    assert_eq!((said.out.as_str(), said.code), ("? with.dev\n", Some(1)), "{said:?}");
    assert!(said.err.contains("--via dns://IP:PORT"), "{}", said.err);
}

#[test]
fn the_system_can_be_asked() {
    let dir = folder();
    let said = run(dir.path(), &["probe", "--via", "system", "localhost", "-m", "2"]);
    assert_eq!((said.out.as_str(), said.code), ("+ localhost\n", Some(0)), "{said:?}");
}

#[test]
fn alone_a_short_list_takes_as_long_as_its_slowest_answer() {
    let zone = DnsZone::generated("dev", 0.5).unwrap();
    let delay = Duration::from_millis(500);
    let server = DnsRehearsal { delay: delay..=delay, ..DnsRehearsal::new([zone]) };
    let server = server.spawn(&ANYWHERE).unwrap();
    let (dir, via) = (folder(), format!("dns://{}", server.addr()));
    let begun = std::time::Instant::now();
    let said = run(dir.path(), &["probe", "--via", &via]);
    let took = begun.elapsed();
    assert_eq!(said.out.lines().count(), 18);
    assert!(took < 2 * delay, "{took:?}");
}
