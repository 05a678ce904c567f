use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::process::Stdio;

use hoist_rehearsal::tls::{Authority, Certificate};
use hoist_rehearsal::{HttpRehearsal, Running};
use serde_json::Value;

use crate::harness::{body, end, files, folder, hoist, objects, run, run_with_stdin, serve};

fn server() -> (Running, String) {
    let server = serve(HttpRehearsal::local());
    let base = format!("http://{}", server.addr());
    (server, base)
}

#[test]
fn a_list_is_answered_line_by_line_and_its_failures_are_told() {
    let (dir, (_server, base)) = (folder(), server());
    let list = format!(
        "{base}/bytes/1000\n\n# a comment\n{base}/status/404\n{base}/fault/short?of=100&send=7\n\
         {base}/bytes/5\tfive.bin\nnonsense\n"
    );
    fs::write(dir.path().join("list.txt"), list).unwrap();
    let line = ["get", "-i", "list.txt", "-o", "out", "--retries", "0"];
    let said = run(dir.path(), &line);
    assert_eq!((said.code, said.out.as_str()), (Some(1), ""));
    let told = |start: String| said.err.lines().any(|line| line.starts_with(&start));
    assert!(told(format!("not found: {base}/status/404: status 404")), "{}", said.err);
    let short = "fault/short?of=100&send=7: truncated: ";
    assert!(told(format!("failed: {base}/{short}")), "{}", said.err);
    assert!(told("failed: nonsense: bad_input: ".to_owned()), "{}", said.err);
    assert!(told("2 ok, 1 not found, 2 failed of 5 URLs in ".to_owned()), "{}", said.err);
    assert!(told("failures: 1 bad_input, 1 truncated".to_owned()), "{}", said.err);
    assert!(told(format!("most failures: {base} 1")), "{}", said.err);
    let host = base.trim_start_matches("http://").replace(':', "_");
    let saved = files(&dir.path().join("out"));
    assert_eq!(saved, [format!("{host}/bytes/1000"), "five.bin".to_owned()]);
    let body = fs::read(dir.path().join("out/five.bin")).unwrap();
    assert_eq!(body.len(), 5);
}

#[test]
fn what_is_wrong_with_a_line_is_told_with_its_number() {
    let (dir, (_server, base)) = (folder(), server());
    let list = format!(
        "# a comment\n\nnot a url\n{base}/bytes/5\tfive\nftp://a.example/x\n\
         {base}/bytes/6\t\tmd5:00\n{base}/bytes/7\ta\tb\tc\td\n\r\n{{\"url\":1}}\n"
    );
    let list = [list.as_bytes(), b"http://a/\xFF\n"].concat();
    fs::write(dir.path().join("list"), &list).unwrap();
    let bad = |line: &[&str]| {
        let said = run(dir.path(), &[&["get"][..], line].concat());
        assert_eq!(said.code, Some(1), "{said:?}");
        for (n, url, why) in [
            (3, "not a url", "a blank in the URL"),
            (5, "ftp://a.example/x", "ftp: URLs can't be got"),
            (6, &format!("{base}/bytes/6"), "the hash: "),
            (7, &format!("{base}/bytes/7"), ""),
            (9, "{\"url\":1}", "no JSON object "),
        ] {
            let told = format!("failed: {url}: bad_input: line {n}: {why}");
            assert!(said.err.contains(&told), "{told}: {}", said.err);
        }
        said
    };
    let said = bad(&["-i", "list", "-o", "out"]);
    assert!(said.err.contains("bad_input: line 10 is not UTF-8 at byte 10\n"), "{}", said.err);
    assert!(!said.err.contains("at line 1 "), "{}", said.err);
    // The lines of the list, whatever stands before it; and there is none of an argument.
    let said = bad(&["-i", "list", "typed one", "-o", "both"]);
    assert!(said.err.contains("failed: typed one: bad_input: a blank"), "{}", said.err);
    let said = run(dir.path(), &["get", "not a url"]);
    assert!(said.err.starts_with("failed: not a url: bad_input: a blank in the URL"), "{said:?}");
    // Outcomes have it as `index`.
    let said = run(dir.path(), &["get", "-i", "list", "--format", "jsonl", "-o", "json"]);
    let all = objects(&said.out);
    let one = all.iter().find(|outcome| outcome["index"] == 2).unwrap();
    assert!(one["reason"].as_str().unwrap().starts_with("a blank in the URL"), "{one}");
}

#[test]
fn json_lines_have_their_fields_in_the_order_of_the_list() {
    let (dir, (_server, base)) = (folder(), server());
    let list = format!("{base}/slow?delay=0.3\n{base}/redirect/1\n\n{base}/status/410\n");
    let line = ["get", "--format", "jsonl", "--ordered", "-o", "out"];
    let said = run_with_stdin(dir.path(), &line, &list);
    let all = objects(&said.out);
    let indexes: Vec<_> = all.iter().map(|o| o["index"].as_u64().unwrap()).collect();
    assert_eq!(indexes, [0, 1, 3]);
    let outcomes: Vec<_> = all.iter().map(|o| o["outcome"].as_str().unwrap()).collect();
    assert_eq!(outcomes, ["ok", "ok", "not_found"]);
    let mut fields: Vec<_> = all[1].as_object().unwrap().keys().map(String::as_str).collect();
    fields.sort_unstable();
    let expected = "attempts bytes content_type crc32c final_url index kind ms outcome path \
                    reason status timing url";
    assert_eq!(fields.join(" "), expected);
    assert_eq!(all[1]["final_url"], format!("{base}/redirect/0"));
    assert_eq!(all[1]["kind"], Value::Null);
    assert_eq!(all[2]["status"], 410);
    assert!(said.err.starts_with("2 ok, 1 not found of 3 URLs in "), "{}", said.err);
    let without = run_with_stdin(dir.path(), &["get", "--format", "jsonl", "-q"], &list);
    assert_eq!((without.err.as_str(), without.out.lines().count()), ("", 3));
}

#[test]
fn one_body_goes_to_standard_output() {
    let (dir, (_server, base)) = (folder(), server());
    let url = format!("{base}/bytes/100000");
    let output = hoist(dir.path(), &["get", "-o", "-", &url]).output().unwrap();
    assert!(output.stdout == body(100_000));
    assert_eq!((output.stderr.as_slice(), output.status.code()), (&b""[..], Some(0)));
    let missing = run(dir.path(), &["get", "-o", "-", &format!("{base}/status/404")]);
    assert_eq!((missing.code, missing.out.as_str()), (Some(1), ""));
    assert!(missing.err.starts_with("not found: "), "{}", missing.err);
    assert!(files(dir.path()).is_empty());
}

#[test]
fn arguments_replace_files_and_lists_keep_them() {
    let (dir, (_server, base)) = (folder(), server());
    let item = format!("{base}/bytes/3\tname");
    let saved = || files(dir.path());
    for _ in 0..2 {
        assert_eq!(run(dir.path(), &["get", &item]).code, Some(0));
    }
    assert_eq!(saved(), ["name"]);
    assert_eq!(run_with_stdin(dir.path(), &["get"], &item).code, Some(0));
    assert_eq!(saved(), ["name", "name~0"]);
}

#[test]
fn the_only_file_is_told_by_name() {
    let (dir, (_server, base)) = (folder(), server());
    let said =
        run(dir.path(), &["get", "--name", "{index}-{basename}", &format!("{base}/bytes/3")]);
    assert!(said.err.starts_with("1 ok of 1 URL in "), "{}", said.err);
    assert!(said.err.contains("\nsaved as ./0-3\n"), "{}", said.err);
}

#[test]
fn nothing_is_said_when_quiet_is_asked_for() {
    let (dir, (_server, base)) = (folder(), server());
    let said = run(dir.path(), &["get", "-q", &format!("{base}/status/404")]);
    assert_eq!((said.out.as_str(), said.err.as_str(), said.code), ("", "", Some(1)));
}

#[test]
fn an_empty_list_ends_well() {
    let dir = folder();
    fs::write(dir.path().join("empty"), "").unwrap();
    let said = run(dir.path(), &["get", "-i", "empty"]);
    assert_eq!((said.code, said.out.as_str()), (Some(0), ""));
    assert!(said.err.starts_with("0 ok of 0 URLs in "), "{}", said.err);
    let said = run_with_stdin(dir.path(), &["get", "--format", "jsonl"], "");
    assert_eq!((said.code, said.out.as_str()), (Some(0), ""));
}

#[test]
fn a_silent_standard_input_is_told_about_and_waited_for() {
    let (dir, (_server, base)) = (folder(), server());
    let mut child = hoist(dir.path(), &["get"]).stdin(Stdio::piped()).spawn().unwrap();
    let mut errors = BufReader::new(child.stderr.take().unwrap());
    let mut note = String::new();
    errors.read_line(&mut note).unwrap();
    assert_eq!(note, "hoist: reading the list from standard input\n");
    let mut stdin = child.stdin.take().unwrap();
    writeln!(stdin, "{base}/bytes/3\tthree").unwrap();
    drop(stdin);
    assert_eq!(end(child).code, Some(0));
    assert_eq!(files(dir.path()), ["three"]);
}

/// Lines are answered as they come, without waiting for the end of the list.
#[test]
fn each_line_of_a_slow_list_is_answered_at_once() {
    let (dir, (_server, base)) = (folder(), server());
    let line = ["get", "--format", "jsonl", "-q"];
    let mut child = hoist(dir.path(), &line).stdin(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let mut out = BufReader::new(child.stdout.take().unwrap());
    for index in 0..3 {
        writeln!(stdin, "{base}/bytes/{index}").unwrap();
        let mut answer = String::new();
        out.read_line(&mut answer).unwrap();
        assert_eq!(objects(&answer)[0]["index"], index);
    }
    drop(stdin);
    assert_eq!(end(child).code, Some(0));
}

#[test]
fn what_is_typed_reaches_the_server() {
    let (dir, (server, base)) = (folder(), server());
    let url = format!("http://Elsewhere.test:{}/headers", server.port());
    let to = format!("elsewhere.test:{}:{}", server.port(), server.addr().ip());
    let line = ["get", "-o", "-", "--resolve", &to, "-H", "X-One: 1", "-A", "tester/1", &url];
    let said = run(dir.path(), &line);
    assert_eq!(said.code, Some(0), "{said:?}");
    let lower = said.out.to_ascii_lowercase();
    for line in ["x-one: 1", "user-agent: tester/1", "host: elsewhere.test:"] {
        assert!(lower.contains(line), "{line}: {}", said.out);
    }
    let plain = run(dir.path(), &["get", "-o", "-", &format!("{base}/headers")]);
    let agent = concat!("user-agent: hoist/", env!("CARGO_PKG_VERSION"));
    assert!(plain.out.to_ascii_lowercase().contains(agent), "{}", plain.out);
}

#[test]
fn http_needs_no_certificates() {
    let (dir, (_server, base)) = (folder(), server());
    let url = format!("{base}/bytes/3");
    let output = hoist(dir.path(), &["get", "-o", "-", &url])
        .env("SSL_CERT_FILE", "/nowhere/certificates.pem")
        .env("SSL_CERT_DIR", "/nowhere")
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(0), "{output:?}");
}

#[test]
fn https_trusts_whom_it_is_told_to() {
    let authority = Authority::new().unwrap();
    let identity = authority.identity(Certificate::Good).unwrap();
    let server = serve(HttpRehearsal { tls: Some(identity), ..HttpRehearsal::local() });
    let dir = folder();
    fs::write(dir.path().join("ca.pem"), authority.ca_pem()).unwrap();
    fs::write(dir.path().join("no.pem"), "no certificate").unwrap();
    let url = format!("https://localhost:{}/bytes/3", server.port());
    let line = ["get", "-o", "-", "--retries", "0", url.as_str()];
    let get = |more: &[&str], trusted: &str| {
        let line = [&line[..], more].concat();
        let output = hoist(dir.path(), &line).env("SSL_CERT_FILE", trusted).output().unwrap();
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    assert_eq!(get(&[], "ca.pem"), (Some(0), String::new()));
    assert_eq!(get(&["--cacert", "ca.pem"], "/nowhere"), (Some(0), String::new()));
    assert_eq!(get(&["-k"], "/nowhere"), (Some(0), String::new()));
    let (code, errors) = get(&[], "/nowhere");
    assert_eq!(code, Some(1));
    assert!(errors.contains(": tls: ") && errors.contains("SSL_CERT_FILE"), "{errors}");
    let (code, errors) = get(&["--cacert", "no.pem"], "ca.pem");
    assert_eq!(code, Some(3));
    assert!(errors.contains("no.pem: it holds no certificate"), "{errors}");
    let other = Authority::new().unwrap().ca_pem();
    fs::write(dir.path().join("other.pem"), other).unwrap();
    let (code, errors) = get(&["--cacert", "other.pem"], "ca.pem");
    assert_eq!(code, Some(1));
    assert!(errors.contains(": tls: "), "{errors}");
}
