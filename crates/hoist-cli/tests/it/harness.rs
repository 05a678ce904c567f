//! Starting the command and the servers it talks to.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread::{JoinHandle, spawn};
use std::time::{Duration, Instant};

use hoist::History;
use hoist_rehearsal::{HttpRehearsal, Running, Truth, body_bytes};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
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
    for name in ["HTTPS_PROXY", "all_proxy", "ALL_PROXY", "no_proxy", "NO_PROXY", "NETRC"] {
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

/// A line of output, and when it was read.
pub(crate) type Told = Vec<(Instant, String)>;

/// Reads the lines on standard output as they come. A line that was cut short was not told.
pub(crate) fn listen(child: &mut Child) -> JoinHandle<Told> {
    let mut out = BufReader::new(child.stdout.take().unwrap());
    spawn(move || {
        let mut told = Vec::new();
        loop {
            let mut line = String::new();
            out.read_line(&mut line).unwrap();
            if !line.ends_with('\n') {
                return told;
            }
            told.push((Instant::now(), line));
        }
    })
}

/// Sends SIGINT, as Ctrl-C does.
pub(crate) fn interrupt(child: &Child) {
    signal(child, Signal::INT);
}

/// Sends SIGTERM, as the system does when it goes down.
pub(crate) fn terminate(child: &Child) {
    signal(child, Signal::TERM);
}

fn signal(child: &Child, signal: Signal) {
    let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw).unwrap();
    kill_process(pid, signal).unwrap();
}

/// Waits until something is so, but not for ever.
pub(crate) fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let until = Instant::now() + Duration::from_mins(1);
    while !is_so() {
        assert!(Instant::now() < until, "waited in vain until {what}");
        std::thread::park_timeout(Duration::from_millis(2));
    }
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
                if path.file_name().is_none_or(|name| name != ".hoist") {
                    walk(root, &path, all);
                }
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

/// So many bytes of a body, as the rehearsal sends them.
pub(crate) fn body(length: usize) -> Vec<u8> {
    let mut body = vec![0; length];
    body_bytes(0, &mut body);
    body
}

/// What GNU tar finds in a shard that is whole: of each file the name and the bytes, in order.
pub(crate) fn unpacked(shard: &Path) -> Vec<(String, Vec<u8>)> {
    let names = tar(&["-t", "--quoting-style=literal"], shard);
    let to = folder();
    tar(&["-x", "-C", to.path().to_str().unwrap()], shard);
    let names = String::from_utf8(names).unwrap();
    names.lines().map(|name| (name.to_owned(), fs::read(to.path().join(name)).unwrap())).collect()
}

fn tar(options: &[&str], shard: &Path) -> Vec<u8> {
    let output = Command::new("tar").args(options).arg("-f").arg(shard).output().unwrap();
    // It complains, too, where the end is not as it should be.
    let complaint = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success() && complaint.is_empty(), "{}: {complaint}", shard.display());
    output.stdout
}

/// The names in the shard that is being written, as far as it goes.
pub(crate) fn begun(out: &Path) -> Vec<String> {
    let mut names = Vec::new();
    for entry in fs::read_dir(out.join(".hoist/parts")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|ending| ending == "tar") {
            let output = Command::new("tar").arg("-tf").arg(path).output().unwrap();
            let listed = String::from_utf8(output.stdout).unwrap();
            names.extend(listed.lines().map(str::to_owned));
        }
    }
    names
}

/// The JSON objects of a text, one a line.
pub(crate) fn objects(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).expect("a JSON object")).collect()
}

/// What is on record for an output, each item once; by position.
pub(crate) fn on_record(output: &Path) -> BTreeMap<u64, Value> {
    let mut all = BTreeMap::new();
    for outcome in History::open(output).unwrap().outcomes().unwrap() {
        let outcome = serde_json::to_value(outcome.unwrap()).unwrap();
        let position = outcome["index"].as_u64().unwrap();
        assert!(all.insert(position, outcome).is_none(), "{position} is on record twice");
    }
    all
}

/// How often each path was asked for.
pub(crate) fn asked(server: &Running) -> BTreeMap<String, usize> {
    assert!(server.settle(Duration::from_mins(1)));
    let mut asked = BTreeMap::new();
    for record in server.truth().http() {
        *asked.entry(record.path).or_default() += 1;
    }
    asked
}

/// A folder with a list, and the server that it is about.
pub(crate) struct Here {
    pub(crate) dir: TempDir,
    pub(crate) server: Running,
    pub(crate) base: String,
}

/// Without retries: what fails fails at once.
pub(crate) const GET: [&str; 5] = ["get", "-o", "out", "--retries", "0"];

impl Here {
    pub(crate) fn new() -> Self {
        let server = serve(HttpRehearsal::local());
        let base = format!("http://{}", server.addr());
        Self { dir: folder(), server, base }
    }

    /// The list as a text: paths become URLs; what has no slash stays as it is.
    pub(crate) fn text(&self, lines: &[&str]) -> String {
        let line = |line: &&str| {
            if line.starts_with('/') {
                format!("{}{line}\n", self.base)
            } else {
                format!("{line}\n")
            }
        };
        lines.iter().map(line).collect()
    }

    pub(crate) fn write(&self, lines: &[&str]) {
        fs::write(self.path("list"), self.text(lines)).unwrap();
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Gets the list.
    pub(crate) fn get(&self, options: &[&str]) -> Said {
        run(self.dir.path(), &[&GET[..], &["-i", "list"], options].concat())
    }

    /// Gets the list, with as many tries as usual and half a second for all of them.
    pub(crate) fn get_patiently(&self, options: &[&str]) -> Said {
        let line = ["get", "-o", "out", "-i", "list", "--deadline", "500ms"];
        run(self.dir.path(), &[&line[..], options].concat())
    }

    /// Begins to get the list, and tells outcomes.
    pub(crate) fn start(&self) -> Child {
        let line = [&GET[..], &["-i", "list", "--format", "jsonl"]].concat();
        hoist(self.dir.path(), &line).spawn().unwrap()
    }

    /// Gets what comes through a pipe.
    pub(crate) fn pipe(&self, text: &str, options: &[&str]) -> Said {
        run_with_stdin(self.dir.path(), &[&GET[..], options].concat(), text)
    }

    pub(crate) fn record(&self) -> BTreeMap<u64, Value> {
        on_record(&self.path("out"))
    }

    pub(crate) fn files(&self) -> Vec<String> {
        files(&self.path("out"))
    }

    pub(crate) fn length(&self, name: &str) -> usize {
        fs::read(self.path("out").join(name)).unwrap().len()
    }

    /// What was asked since the count was taken.
    pub(crate) fn asked_since(&self, before: &BTreeMap<String, usize>) -> Vec<String> {
        let mut since = Vec::new();
        for (path, n) in asked(&self.server) {
            let n = n - before.get(&path).copied().unwrap_or(0);
            since.extend(std::iter::repeat_n(path, n));
        }
        since
    }
}

/// The run could not go on, and says why, and what to do about it.
pub(crate) fn assert_refused(said: &Said, why: &str, advice: &str) {
    assert_eq!(said.code, Some(3), "{said:?}");
    assert!(!said.err.contains("all done before"), "{}", said.err);
    assert!(said.err.contains(why), "no {why:?}: {}", said.err);
    assert!(said.err.contains(advice), "no {advice:?}: {}", said.err);
}

/// A small file system of its own, for those who may mount one.
pub(crate) struct SmallDisk<'a>(&'a Path);

impl<'a> SmallDisk<'a> {
    /// `size` as `mount` understands it.
    pub(crate) fn mount(at: &'a Path, size: &str) -> Option<Self> {
        let options = format!("size={size}");
        let mounted =
            Command::new("mount").args(["-t", "tmpfs", "-o", &options, "tmpfs"]).arg(at).output();
        mounted.is_ok_and(|output| output.status.success()).then_some(Self(at))
    }

    pub(crate) fn resize(&self, size: &str) {
        let options = format!("remount,size={size}");
        let resized = Command::new("mount").args(["-o", &options]).arg(self.0).output().unwrap();
        assert!(resized.status.success(), "{resized:?}");
    }
}

impl Drop for SmallDisk<'_> {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(self.0).status();
    }
}

/// A text with the figures after `word` replaced by `N`.
pub(crate) fn without_time(text: &str) -> String {
    let Some((before, after)) = text.split_once("Elapsed time: ") else { return text.to_owned() };
    let rest = after.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.');
    format!("{before}Elapsed time: N{rest}")
}
