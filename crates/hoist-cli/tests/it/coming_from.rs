//! The page for those who come from other programs: its commands are run, and where the others are
//! installed theirs too, and what both save is compared.

use std::collections::BTreeSet;
use std::fs;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::process::{Command, Output};

use hoist_rehearsal::{Content, DnsRehearsal, DnsZone, HttpRehearsal};
use tempfile::TempDir;

use crate::harness::{ANYWHERE, body, files, folder, serve};

const PAGE: &str = include_str!("../../../../docs/coming-from.md");

/// The commands of each block: those of others, then ours.
fn blocks() -> Vec<Vec<&'static str>> {
    let mut blocks = Vec::new();
    let mut inside = None;
    for line in PAGE.lines() {
        match (&mut inside, line) {
            (None, "```sh") => inside = Some(Vec::new()),
            (Some(_), "```") => blocks.extend(inside.take()),
            (Some(lines), line) => lines.push(line),
            (None, _) => {}
        }
    }
    blocks
}

/// A folder with the files that the page speaks of.
fn prepared(base: &str, resolver: SocketAddr) -> TempDir {
    let dir = folder();
    let write = |name: &str, text: String| fs::write(dir.path().join(name), text).unwrap();
    write(
        "urls.txt",
        ["a.gif", "b.gif", "sub/c.gif"].map(|n| format!("{base}/files/{n}\n")).concat(),
    );
    write(
        "urls.aria2",
        format!("{base}/files/a.gif\n  out=one.gif\n  split=2\n{base}/files/b.gif\n"),
    );
    write("names.txt", "with.dev\nelse.dev\n".to_owned());
    write("resolvers.txt", format!("{resolver}\n"));
    let zipped = Command::new("gzip").args(["-k", "urls.txt"]).current_dir(&dir).status();
    assert!(zipped.unwrap().success());
    dir
}

fn shell(line: &str, dir: &Path) -> Output {
    let hoist = Path::new(env!("CARGO_BIN_EXE_hoist")).parent().unwrap();
    let path = format!("{}:{}", hoist.display(), std::env::var("PATH").unwrap());
    let mut command = Command::new("sh");
    for name in ["http_proxy", "https_proxy", "all_proxy"] {
        command.env_remove(name);
    }
    command.args(["-c", line]).current_dir(dir).env("PATH", path).env("HOME", dir).output().unwrap()
}

/// The files that a command has saved, by their own names: folders are called by each after its
/// fashion.
fn saved(dir: &Path) -> BTreeSet<(String, Vec<u8>)> {
    let given = ["urls.txt", "urls.txt.gz", "urls.aria2", "names.txt", "resolvers.txt"];
    let ours = files(dir).into_iter().filter(|name| !given.contains(&name.as_str()));
    ours.filter(|name| !name.starts_with('.'))
        .map(|name| {
            let bytes = fs::read(dir.join(&name)).unwrap();
            (name.rsplit('/').next().unwrap().to_owned(), bytes)
        })
        .collect()
}

fn is_installed(program: &str) -> bool {
    let line = format!("command -v {program}");
    shell(&line, Path::new("/")).status.success()
}

#[test]
fn what_the_page_says_is_so() {
    let site = folder();
    fs::create_dir_all(site.path().join("files/sub")).unwrap();
    for (n, name) in ["a.gif", "b.gif", "sub/c.gif"].iter().enumerate() {
        fs::write(site.path().join("files").join(name), body(1000 + n)).unwrap();
    }
    let content = Content::Dir(site.path().canonicalize().unwrap());
    let server = serve(HttpRehearsal { content, ..HttpRehearsal::local() });
    let base = format!("http://{}", server.addr());
    let with: IpAddr = "192.0.2.7".parse().unwrap();
    let zone = DnsZone::listed("dev", [("with", vec![with])]).unwrap();
    let dns = DnsRehearsal::new([zone]).spawn(&ANYWHERE).unwrap();
    let local = |line: &str| line.replace("http://example.com", &base);

    let (mut runs, mut compared) = (0, 0);
    for lines in blocks() {
        let (ours, theirs): (Vec<_>, Vec<_>) =
            lines.iter().partition(|line| line.starts_with("hoist "));
        assert!(!ours.is_empty(), "{lines:?}");
        let dir = prepared(&base, dns.addr());
        let mut said = Vec::new();
        for line in ours {
            let output = shell(&local(line), dir.path());
            assert!(output.status.success(), "{line}: {output:?}");
            said = output.stdout;
            runs += 1;
        }
        let files = saved(dir.path());
        assert!(!files.is_empty() || said.len() >= 1000, "{lines:?}");
        for line in theirs {
            let programs = ["curl", "aria2c", "wget2", "img2dataset", "massdns"];
            let program = programs.into_iter().find(|program| line.contains(program)).unwrap();
            if !is_installed(program) || matches!(program, "img2dataset" | "massdns") {
                continue;
            }
            let dir = prepared(&base, dns.addr());
            let output = shell(&local(line), dir.path());
            assert!(output.status.success(), "{line}: {output:?}");
            let theirs = saved(dir.path());
            let names = |files: &BTreeSet<(String, Vec<u8>)>| {
                files
                    .iter()
                    .map(|(name, bytes)| format!("{name} {}", bytes.len()))
                    .collect::<Vec<_>>()
            };
            assert!(theirs == files, "{line}: {:?}, ours {:?}", names(&theirs), names(&files));
            if theirs.is_empty() {
                assert!(output.stdout == said, "{line}");
            }
            compared += 1;
        }
    }
    assert!(runs > 15, "{runs}");
    assert!(compared > 0 || !is_installed("curl"), "{compared}");
}
