//! Who looks the names of hosts up: hoist itself, or the system where it is told to.

use std::fmt::Write;
use std::fs;
use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};
use std::process::Command;

use hoist_rehearsal::{DnsRehearsal, HttpRehearsal, Running, Truth};
use serde_json::Value;

use crate::harness::{ANYWHERE, Said, folder, hoist, objects, run, serve};

const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

fn dns<'a>(hosts: impl IntoIterator<Item = (&'a str, IpAddr)>) -> (Running, String) {
    let server = DnsRehearsal { truth: Truth::memory(), ..DnsRehearsal::hosts(hosts) };
    let server = server.spawn(&ANYWHERE).unwrap();
    let via = format!("dns://{}", server.addr());
    (server, via)
}

/// A library to be loaded before the C library, which counts what the resolver there is asked.
fn counter(folder: &Path) -> PathBuf {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/lookups.c");
    let library = folder.join("lookups.so");
    let mut cc = Command::new("cc");
    cc.args(["-shared", "-fPIC", "-Wall", "-Werror", "-o"]).arg(&library).arg(source).arg("-ldl");
    let output = cc.output().expect("a C compiler");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    library
}

/// Runs the command, and tells how many lookups of which sort it asked of the C library.
fn counted(folder: &Path, counter: &Path, line: &[&str]) -> (Said, String) {
    let log = folder.join("lookups");
    let _ = fs::remove_file(&log);
    let mut command = hoist(folder, line);
    command.env("LD_PRELOAD", counter).env("LOOKUPS", &log);
    let output = command.output().unwrap();
    let said = Said {
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
        code: output.status.code(),
    };
    (said, fs::read_to_string(log).unwrap_or_default())
}

#[test]
fn the_system_is_asked_where_it_is_told_to_be_and_nowhere_else() {
    let dir = folder();
    let counter = counter(dir.path());
    let server = serve(HttpRehearsal::local());
    let port = server.addr().port();
    let hosts: Vec<String> = (0..20).map(|n| format!("h{n}.example")).collect();
    let (dns, via) = dns(hosts.iter().map(|host| (host.as_str(), HERE)));
    let list = |names: &[&str]| {
        let mut list = String::new();
        for n in 0..200 {
            writeln!(list, "http://{}:{port}/bytes/{n}", names[n % names.len()]).unwrap();
        }
        fs::write(dir.path().join("list"), list).unwrap();
    };
    let get = ["get", "-i", "list", "-o", "out", "--fresh"];

    list(&hosts.iter().map(String::as_str).collect::<Vec<_>>());
    let (said, lookups) = counted(dir.path(), &counter, &[&get[..], &["--via", &via]].concat());
    assert_eq!((said.code, lookups.as_str()), (Some(0), ""), "{said:?}");
    assert_eq!(dns.truth().dns().len(), 40);

    list(&["localhost"]);
    let (said, lookups) = counted(dir.path(), &counter, &get);
    assert_eq!((said.code, lookups.as_str()), (Some(0), ""), "{said:?}");

    // Once, for all 200: it is remembered, and those who want it at the same time share it.
    let system = [&get[..], &["--via", "system"]].concat();
    let (said, lookups) = counted(dir.path(), &counter, &system);
    assert_eq!((said.code, lookups.as_str()), (Some(0), "a"), "{said:?}");
}

/// Runs the command as in a machine with these files in /etc, for those who may mount.
fn with_files(dir: &Path, resolv_conf: &str, hosts: &str, line: &[&str]) -> Option<Said> {
    fs::write(dir.join("resolv.conf"), resolv_conf).unwrap();
    fs::write(dir.join("hosts"), hosts).unwrap();
    let script = "mount --bind resolv.conf /etc/resolv.conf && mount --bind hosts /etc/hosts || \
                  exit 99; exec \"$0\" \"$@\"";
    let mut command = Command::new("unshare");
    command.args(["--mount", "sh", "-c", script, env!("CARGO_BIN_EXE_hoist")]).args(line);
    let output = command.current_dir(dir).env_remove("LOCALDOMAIN").output().ok()?;
    let said = Said {
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
        code: output.status.code(),
    };
    (said.code != Some(99) && !said.err.contains("unshare failed")).then_some(said)
}

fn outcome(said: &Said) -> Value {
    objects(&said.out).remove(0)
}

#[test]
fn short_names_are_completed_as_resolv_conf_says() {
    let dir = folder();
    let server = serve(HttpRehearsal::local());
    let port = server.addr().port();
    let (dns, via) = dns([("www.corp.example", HERE), ("www.sub", HERE)]);
    let hosts = "127.0.0.1 box.example box\n";
    let get = |resolv_conf: &str, host: &str| {
        let url = format!("http://{host}:{port}/bytes/9");
        let line = ["get", &url, "--format", "jsonl", "--retries", "0", "--via", "resolv-conf"];
        let line = [&line[..], &["--via", &via]].concat();
        let before = dns.truth().dns().len();
        let said = with_files(dir.path(), resolv_conf, hosts, &line)?;
        let asked = dns.truth().dns().split_off(before);
        let asked = asked
            .into_iter()
            .filter(|query| query.kind == "A")
            .map(|query| query.name.to_ascii_lowercase());
        Some((outcome(&said)["outcome"].as_str()?.to_owned(), asked.collect::<Vec<_>>()))
    };
    let search = "search none.example corp.example\n";
    let Some(found) = get(search, "www") else {
        eprintln!("not allowed to mount files over those in /etc: nothing was tested");
        return;
    };
    let asked = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    assert_eq!(found, ("ok".to_owned(), asked(&["www.none.example", "www.corp.example"])));
    let failed = "failed".to_owned();
    assert_eq!(get(search, "www.").unwrap(), (failed.clone(), asked(&["www"])));
    assert_eq!(get("", "www").unwrap(), (failed, asked(&["www"])));
    assert_eq!(get(search, "www.sub").unwrap(), ("ok".to_owned(), asked(&["www.sub"])));
    let two = format!("{search}options ndots:2\n");
    let expected = asked(&["www.sub.none.example", "www.sub.corp.example", "www.sub"]);
    assert_eq!(get(&two, "www.sub").unwrap(), ("ok".to_owned(), expected));
    assert_eq!(get(search, "box").unwrap(), ("ok".to_owned(), Vec::new()));
}

#[test]
fn the_dot_of_an_absolute_name_is_not_told_to_the_server() {
    let dir = folder();
    let server = serve(HttpRehearsal::local());
    let (_dns, via) = dns([("h.example", HERE)]);
    let port = server.addr().port();
    let url = format!("http://h.example.:{port}/bytes/9");
    let said = run(dir.path(), &["get", "--via", &via, &url]);
    assert_eq!(said.code, Some(0), "{said:?}");
    assert_eq!(server.truth().http()[0].host, format!("h.example:{port}"));
}
