//! Starting the command and the servers it talks to.

use std::fs;
use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use hoist_rehearsal::{HttpRehearsal, Running, Truth};
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

/// Both loopback addresses, on a free port.
pub(crate) const ANYWHERE: [SocketAddr; 2] = [
    SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0),
    SocketAddr::new(IpAddr::V6(Ipv6Addr::LOCALHOST), 0),
];

/// A folder of its own, in which the command runs.
pub(crate) fn folder() -> TempDir {
    tempfile::tempdir().unwrap()
}

/// An HTTP server that remembers what it did.
pub(crate) fn serve(rehearsal: HttpRehearsal) -> Running {
    HttpRehearsal { truth: Truth::memory(), ..rehearsal }.spawn(&ANYWHERE).unwrap()
}

/// The command, in a folder, with nothing on standard input and nothing of the surroundings that
/// could change what it does.
pub(crate) fn hoist(dir: &Path, line: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hoist"));
    command.args(line).current_dir(dir).stdin(Stdio::null());
    for name in ["NO_COLOR", "SSL_CERT_FILE", "SSL_CERT_DIR", "http_proxy", "https_proxy"] {
        command.env_remove(name);
    }
    command.env("TERM", "xterm").stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// What a command said and how it ended.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) out: String,
    pub(crate) err: String,
    pub(crate) code: Option<i32>,
}

/// Runs the command to its end.
pub(crate) fn run(dir: &Path, line: &[&str]) -> Said {
    let output = hoist(dir, line).output().unwrap();
    Said {
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
        code: output.status.code(),
    }
}

/// Runs the command with a text on its standard input.
pub(crate) fn run_with_stdin(dir: &Path, line: &[&str], text: &str) -> Said {
    let mut child = hoist(dir, line).stdin(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(text.as_bytes()).unwrap();
    drop(stdin);
    end(child)
}

/// Reads a child to its end.
pub(crate) fn end(mut child: Child) -> Said {
    let mut out = String::new();
    let mut err = String::new();
    let errors = child.stderr.take().map(|mut pipe| {
        std::thread::spawn(move || {
            let mut text = String::new();
            pipe.read_to_string(&mut text).unwrap();
            text
        })
    });
    if let Some(mut pipe) = child.stdout.take() {
        pipe.read_to_string(&mut out).unwrap();
    }
    if let Some(errors) = errors {
        err = errors.join().unwrap();
    }
    let status = child.wait().unwrap();
    Said { out, err, code: status.code() }
}

/// Sends SIGINT, as Ctrl-C does.
pub(crate) fn interrupt(child: &Child) {
    let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw).unwrap();
    kill_process(pid, Signal::INT).unwrap();
}

/// Waits for the end, but not for ever.
pub(crate) fn wait(child: &mut Child, limit: Duration) -> Option<ExitStatus> {
    let until = Instant::now() + limit;
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return Some(status);
        }
        if Instant::now() > until {
            child.kill().unwrap();
            return None;
        }
        std::thread::park_timeout(Duration::from_millis(5));
    }
}

/// Every file below a folder, with its path relative to it, sorted; the engine's own left out.
pub(crate) fn files(root: &Path) -> Vec<String> {
    fn walk(root: &Path, at: &Path, all: &mut Vec<String>) {
        for entry in fs::read_dir(at).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(root, &path, all);
            } else {
                let path = path.strip_prefix(root).unwrap();
                all.push(path.to_str().unwrap().to_owned());
            }
        }
    }
    let mut all = Vec::new();
    walk(root, root, &mut all);
    all.sort();
    all
}

/// A text with the figures after `word` replaced by `N`.
pub(crate) fn without_time(text: &str) -> String {
    let Some((before, after)) = text.split_once("Elapsed time: ") else { return text.to_owned() };
    let rest = after.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.');
    format!("{before}Elapsed time: N{rest}")
}
