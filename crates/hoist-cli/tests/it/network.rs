//! Proxies, users and passwords, headers from files, cookies: as typed, and as the environment says.

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::sync::{Arc, Mutex};

use hoist_rehearsal::HttpRehearsal;

use crate::harness::{folder, hoist, run, serve};

/// A server or proxy that remembers each request, in small letters, and says "ok" to all.
struct Listener {
    addr: SocketAddr,
    heard: Arc<Mutex<Vec<String>>>,
}

impl Listener {
    fn new(fields: &'static str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let addr = listener.local_addr().unwrap();
        let heard = Arc::new(Mutex::new(Vec::new()));
        let noted = Arc::clone(&heard);
        // It ends with the process.
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let mut request = Vec::new();
                let mut part = [0; 1000];
                while !request.ends_with(b"\r\n\r\n") {
                    match stream.read(&mut part) {
                        Ok(n) if n > 0 => request.extend_from_slice(&part[..n]),
                        _ => break,
                    }
                }
                noted
                    .lock()
                    .unwrap()
                    .push(String::from_utf8(request).unwrap().to_ascii_lowercase());
                let answer = format!(
                    "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n{fields}\r\nok"
                );
                let _ = stream.write_all(answer.as_bytes());
            }
        });
        Self { addr, heard }
    }

    /// What was heard since the last look.
    fn heard(&self) -> Vec<String> {
        std::mem::take(&mut self.heard.lock().unwrap())
    }
}

/// Gets a URL; the exit code, and what was said.
fn get(dir: &Path, environment: &[(&str, &str)], line: &[&str]) -> (Option<i32>, String) {
    let mut command = hoist(dir, &[&["get", "-o", "out"], line].concat());
    let output = command.envs(environment.iter().copied()).output().unwrap();
    (output.status.code(), String::from_utf8(output.stderr).unwrap())
}

#[test]
fn a_proxy_is_taken_from_the_command_line_and_then_from_the_environment() {
    let dir = folder();
    let (origin, a, b) = (Listener::new(""), Listener::new(""), Listener::new(""));
    let (at_a, at_b) = (format!("http://{}", a.addr), b.addr.to_string());
    let (at_a, at_b) = (at_a.as_str(), at_b.as_str());
    let url = format!("http://{}/x", origin.addr);
    for (environment, line, expected) in [
        (&[][..], &[][..], "origin"),
        (&[("http_proxy", at_a)], &[], "a"),
        (&[("HTTP_PROXY", at_a)], &[], "origin"),
        (&[("all_proxy", at_a)], &[], "a"),
        (&[("ALL_PROXY", at_a)], &[], "a"),
        (&[("https_proxy", at_a)], &[], "origin"),
        (&[("http_proxy", at_b), ("all_proxy", at_a)], &[], "b"),
        (&[("http_proxy", at_a)], &["-x", at_b], "b"),
        (&[("http_proxy", at_a)], &["--proxy", ""], "origin"),
        (&[("http_proxy", at_a), ("no_proxy", "127.0.0.0/8")], &[], "origin"),
        (&[("http_proxy", at_a), ("NO_PROXY", "*")], &[], "origin"),
        (&[("http_proxy", at_a), ("no_proxy", "a.example"), ("NO_PROXY", "*")], &[], "a"),
        (&[("http_proxy", at_a), ("no_proxy", "*")], &["--noproxy", ""], "a"),
        (&[("http_proxy", at_a), ("no_proxy", "a.example")], &["--noproxy", "127.0.0.1"], "origin"),
        (&[("no_proxy", "*")], &["-x", at_a], "origin"),
    ] {
        let (code, said) = get(dir.path(), environment, &[line, &[&url]].concat());
        assert_eq!(code, Some(0), "{environment:?} {line:?}: {said}");
        let all = [("origin", origin.heard()), ("a", a.heard()), ("b", b.heard())];
        let who: Vec<&str> =
            all.iter().filter(|(_, heard)| !heard.is_empty()).map(|(who, _)| *who).collect();
        assert_eq!(who, [expected], "{environment:?} {line:?}");
        let first = if expected == "origin" { "get /x " } else { &format!("get {url} ") };
        assert!(all.iter().any(|(_, heard)| heard.iter().any(|h| h.starts_with(first))), "{all:?}");
    }
}

#[test]
fn users_and_passwords_come_from_url_option_and_file_in_this_order() {
    let dir = folder();
    let origin = Listener::new("");
    let path = |name: &str, text: &str| {
        let path = dir.path().join(name);
        fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let entry = |user: &str| format!("machine 127.0.0.1 login {user} password x\n");
    let named = path("named", &entry("n"));
    let variable = path("variable", &entry("v"));
    path(".netrc", &entry("h"));
    let home = dir.path().to_str().unwrap();
    let url = format!("http://{}/", origin.addr);
    let with_user = format!("http://u:x@{}/", origin.addr);
    for (environment, line, url, expected) in [
        (&[("HOME", home)][..], &[][..], &url, None),
        (&[("HOME", home)], &["-n"], &url, Some("aDp4")),
        (&[("HOME", home), ("NETRC", &variable)], &["--netrc"], &url, Some("djp4")),
        (&[("HOME", home), ("NETRC", &variable)], &["--netrc-file", &named], &url, Some("bjp4")),
        (&[], &["--netrc-file", &named, "-u", "o:x"], &url, Some("bzp4")),
        (&[], &["--netrc-file", &named, "-u", "o:x"], &with_user, Some("dTp4")),
        (&[], &["--user", "o:x", "-H", "Authorization: Basic aaaa"], &url, Some("aaaa")),
        (&[], &["--user", "o:"], &url, Some("bzo=")),
    ] {
        let (code, said) = get(dir.path(), environment, &[line, &[url]].concat());
        assert_eq!(code, Some(0), "{line:?}: {said}");
        let heard = origin.heard();
        let told = heard[0].lines().find_map(|line| line.strip_prefix("authorization: basic "));
        let expected = expected.map(str::to_ascii_lowercase);
        assert_eq!(told, expected.as_deref(), "{line:?} {heard:?}");
    }
}

#[test]
fn headers_come_from_files_too() {
    let dir = folder();
    let origin = Listener::new("");
    fs::write(dir.path().join("one"), "# mine\nX-One: 1\n\nX-Two: 1\nUser-Agent: other/1\n")
        .unwrap();
    fs::write(dir.path().join("two"), "X-One: 2\n").unwrap();
    let url = format!("http://{}/", origin.addr);
    let files =
        ["--header-file", "one", "--header-file", "two", "-H", "X-Two: 3", "-e", "http://r/"];
    let (code, said) = get(dir.path(), &[], &[&files[..], &[&url]].concat());
    assert_eq!(code, Some(0), "{said}");
    let heard = origin.heard().concat();
    for line in ["x-one: 1", "x-one: 2", "x-two: 3", "user-agent: other/1", "referer: http://r/"] {
        assert_eq!(heard.matches(&format!("\r\n{line}\r\n")).count(), 1, "{line}: {heard}");
    }
    assert!(!heard.contains("x-two: 1"), "{heard}");
    let (_, _) = get(dir.path(), &[], &["--header-file", "one", "-A", "mine/2", &url]);
    assert!(origin.heard().concat().contains("\r\nuser-agent: mine/2\r\n"));
}

#[test]
fn cookies_are_kept_on_request_and_loaded_from_a_file() {
    let dir = folder();
    let origin = Listener::new("Set-Cookie: set=1\r\n");
    let at = |n: u8| format!("http://{}/{n}", origin.addr);
    let (one, two) = (at(1), at(2));
    let text = "# Netscape HTTP Cookie File\n127.0.0.1\tFALSE\t/\tFALSE\t0\tloaded\t1\n\
                127.0.0.1\tFALSE\t/\tTRUE\t0\tsafe\t1\n";
    fs::write(dir.path().join("jar"), text).unwrap();
    for (line, expected) in [
        (&[][..], [None, None]),
        (&["--cookies"], [None, Some("set=1")]),
        (&["--load-cookies", "jar"], [Some("loaded=1"), Some("loaded=1; set=1")]),
    ] {
        let line = [&["-m", "1"], line, &[&one, &two]].concat();
        let (code, said) = get(dir.path(), &[], &line);
        assert_eq!(code, Some(0), "{said}");
        let heard = origin.heard();
        let sent = |n: usize| heard[n].lines().find_map(|line| line.strip_prefix("cookie: "));
        assert_eq!([sent(0), sent(1)], expected, "{line:?}");
    }
}

#[test]
fn all_hosts_can_be_one_server() {
    let dir = folder();
    let server = serve(HttpRehearsal::local());
    let urls: String = (0..100)
        .map(|n| format!("h{n}.example/bytes/{n}\n"))
        .fold(String::new(), |all, line| all + "http://" + &line);
    fs::write(dir.path().join("list"), urls).unwrap();
    let to = format!("::127.0.0.1:{}", server.port());
    let (code, said) = get(dir.path(), &[], &["-i", "list", "--connect-to", &to]);
    assert_eq!(code, Some(0), "{said}");
    let hosts: std::collections::BTreeSet<String> =
        server.truth().http().into_iter().map(|record| record.host).collect();
    assert_eq!(hosts.len(), 100);
    assert!(hosts.contains("h7.example"), "{hosts:?}");
}

#[test]
fn what_is_wrong_is_told_before_anything_starts_and_without_passwords() {
    let dir = folder();
    fs::write(dir.path().join("netrc"), "machine a login b\npassword \"secret\n").unwrap();
    fs::write(dir.path().join("headers"), "X: 1\nAuthorization secret\n").unwrap();
    fs::write(dir.path().join("jar"), "a\tTRUE\t/\tFALSE\tsecret\tn\tsecret\n").unwrap();
    for (environment, line, code, why) in [
        (&[][..], &["-x", "ftp://u:secret@h"][..], 2, "--proxy: proxies speak http://"),
        (&[], &["-x", "http://u:secret@h:x"], 2, "--proxy: its port"),
        (&[("http_proxy", "socks4://u:secret@h")], &[], 2, "the variable http_proxy: "),
        (&[], &["--noproxy", "10.0.0.0/99"], 2, "10.0.0.0/8"),
        (&[], &["--connect-to", "a:b"], 2, "HOST1:PORT1:HOST2:PORT2"),
        (&[], &["-u", "secret"], 2, "--user has no password"),
        (&[], &["-n", "--netrc-file", "netrc"], 2, "cannot be used with"),
        (&[], &["-H", "Proxy-Authorization: Basic secret"], 2, "--proxy"),
        (&[], &["--netrc-file", "netrc"], 3, "netrc, line 2: a quote"),
        (&[], &["--netrc-file", "missing"], 3, "missing: No such file"),
        (&[("NETRC", "missing")], &["-n"], 3, "missing: No such file"),
        (&[("HOME", "")], &["-n"], 2, "--netrc-file"),
        (&[], &["--header-file", "headers"], 3, "headers, line 2: write it as 'Name: value'"),
        (&[], &["--load-cookies", "jar"], 3, "jar, line 1: the fifth field"),
    ] {
        let (ended, said) =
            get(dir.path(), environment, &[line, &["http://127.0.0.1:1/"]].concat());
        assert_eq!(ended, Some(code), "{line:?}: {said}");
        assert!(said.contains(why), "{line:?}: {said}");
        // The header that is typed is told by clap, as any other value.
        assert!(!said.contains("secret") || line[0] == "-H", "{line:?}: {said}");
    }
    let help = run(dir.path(), &["get", "--help"]).out;
    assert!(help.contains("--netrc-file") && help.contains("http_proxy"), "{help}");
}
