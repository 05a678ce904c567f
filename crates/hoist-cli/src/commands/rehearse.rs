use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::{fs, io};

use hoist_rehearsal::tls::{Authority, Certificate, TlsIdentity};
use hoist_rehearsal::{Content, DnsRehearsal, Family, HttpRehearsal, Running, Truth};
use tempfile::TempDir;

use super::drive::unwritable;
use super::interrupts::Interrupts;
use super::{Ending, check};
use crate::args::{RehearseJob, ServeJob, Server, TruthLog};
use crate::render::{Output, note};

pub(super) fn run(job: &RehearseJob) -> Ending {
    match job {
        RehearseJob::Serve(job) => serve(job),
        RehearseJob::Explain(job, what) => explain(job, what),
        RehearseJob::List => list(),
        RehearseJob::Check(job) => check::run(job),
    }
}

/// Runs servers until Ctrl-C. That is their end, not their failure.
fn serve(job: &ServeJob) -> Ending {
    let mut running = Vec::new();
    let authority = match Trusted::new(job) {
        Ok(authority) => authority,
        Err(error) => {
            note(error);
            return Ending::Stopped;
        }
    };
    match start(job, authority.as_ref(), &mut running).and_then(|()| wait()) {
        Ok(()) => {}
        Err(error) => {
            note(error);
            return Ending::Stopped;
        }
    }
    let mut ending = Ending::Clean;
    for (server, running) in running {
        let stats = running.stats();
        let truth = running.truth().clone();
        running.stop();
        note(format_args!(
            "{} answered {} requests over {} connections",
            server.label(),
            stats.requests,
            stats.connections
        ));
        if let Err(error) = truth.flush() {
            note(format_args!("the log could not be written: {error}"));
            ending = Ending::Stopped;
        }
    }
    ending
}

fn start(
    job: &ServeJob,
    authority: Option<&Trusted>,
    running: &mut Vec<(Server, Running)>,
) -> io::Result<()> {
    let truth = match &job.log {
        None => Truth::none(),
        Some(TruthLog::Stdout) => Truth::writer(io::stdout())?,
        Some(TruthLog::File(path)) => {
            Truth::file(path).map_err(|error| told(&error, format_args!("{}", path.display())))?
        }
    };
    for (server, port) in &job.servers {
        let addrs = match job.bind {
            Some(ip) => vec![SocketAddr::new(ip, *port)],
            None => vec![
                (IpAddr::from(Ipv4Addr::LOCALHOST), *port).into(),
                (IpAddr::from(Ipv6Addr::LOCALHOST), *port).into(),
            ],
        };
        let spawned = match server {
            Server::Dns => dns(job, truth.clone()).spawn(&addrs),
            _ => http(*server, job, truth.clone()).and_then(|plain| {
                let tls = authority.map(Trusted::identity).transpose()?;
                HttpRehearsal { tls, ..plain }.spawn(&addrs)
            }),
        };
        let spawned = spawned.map_err(|error| {
            let hint = if error.kind() == io::ErrorKind::AddrInUse {
                "; something listens there already, choose another port with --port"
            } else {
                ""
            };
            told(&error, format_args!("{} on port {port}{hint}", server.label()))
        })?;
        let scheme = match (server, authority) {
            (Server::Dns, _) => "dns",
            (_, None) => "http",
            (_, Some(_)) => "https",
        };
        let at = spawned.addrs().iter().map(|addr| address(scheme, *addr));
        let at: Vec<_> = at.collect();
        note(format_args!("{} listens at {}", server.label(), at.join(" and ")));
        running.push((*server, spawned));
    }
    if let Some(authority) = authority {
        authority.write()?;
        note(format_args!("its authority's certificate is {}", authority.path.display()));
    }
    note("Ctrl-C ends it");
    Ok(())
}

/// Puts what it is about before an error.
fn told(error: &io::Error, what: std::fmt::Arguments<'_>) -> io::Error {
    io::Error::new(error.kind(), format!("{what}: {error}"))
}

fn address(scheme: &str, addr: SocketAddr) -> String {
    let path = if scheme == "dns" { "" } else { "/" };
    format!("{scheme}://{addr}{path}")
}

/// The authority of this run, and the file of its certificate. A file that nobody asked for by name
/// is gone with it.
struct Trusted {
    authority: Authority,
    certificate: Certificate,
    path: PathBuf,
    /// Where the file is, if nobody named one.
    _folder: Option<TempDir>,
}

impl Trusted {
    fn new(job: &ServeJob) -> io::Result<Option<Self>> {
        let Some(certificate) = job.tls else { return Ok(None) };
        let authority = Authority::new().map_err(io::Error::other)?;
        let (path, folder) = if let Some(path) = &job.ca_file {
            (path.clone(), None)
        } else {
            let folder = tempfile::Builder::new().prefix("hoist-rehearsal-").tempdir()?;
            (folder.path().join("ca.pem"), Some(folder))
        };
        Ok(Some(Self { authority, certificate, path, _folder: folder }))
    }

    fn identity(&self) -> io::Result<TlsIdentity> {
        self.authority.identity(self.certificate).map_err(io::Error::other)
    }

    /// Only when the ports are ours: a start that fails leaves the file of another as it is.
    fn write(&self) -> io::Result<()> {
        fs::write(&self.path, self.authority.ca_pem())
            .map_err(|error| told(&error, format_args!("{}", self.path.display())))
    }
}

/// The server as it is when nothing is said about it.
pub(super) fn plain(server: Server) -> io::Result<HttpRehearsal> {
    match server {
        Server::Local => Ok(HttpRehearsal::local()),
        Server::Delay => Ok(HttpRehearsal::delay()),
        Server::Error => Ok(HttpRehearsal::error()),
        Server::Dns => Err(io::Error::new(io::ErrorKind::InvalidInput, "DNS serves no files")),
    }
}

fn http(server: Server, job: &ServeJob, truth: Truth) -> io::Result<HttpRehearsal> {
    let scenario = job.scenario.clone();
    let mut rehearsal =
        HttpRehearsal { seed: job.seed, truth, scenario, http2: job.http2, ..plain(server)? };
    if let Some(dir) = &job.dir {
        rehearsal.content = Content::Dir(dir.clone());
    }
    if let Some(delay) = &job.delay {
        rehearsal.delay = delay.clone();
    }
    if let Some(rate) = job.error_rate {
        rehearsal.error_rate = rate;
    }
    Ok(rehearsal)
}

fn dns(job: &ServeJob, truth: Truth) -> DnsRehearsal {
    let rules = job.scenario.queries().to_vec();
    let plain = DnsRehearsal::new(job.zones.clone());
    let mut rehearsal = DnsRehearsal { seed: job.seed, truth, rules, ..plain };
    if let Some(delay) = &job.delay {
        rehearsal.delay = delay.clone();
    }
    if let Some(loss) = job.loss {
        rehearsal.loss = loss;
    }
    if let Some(rate) = job.servfail_rate {
        rehearsal.servfail = rate;
    }
    rehearsal
}

/// The attempts whose fate is told.
const ATTEMPTS: u32 = 3;

/// Tells what a URL, a path or a name would meet.
fn explain(job: &ServeJob, what: &str) -> Ending {
    match told_of(job, what) {
        Ok(lines) => print(lines),
        Err(why) => {
            note(why);
            Ending::Usage
        }
    }
}

fn told_of(job: &ServeJob, what: &str) -> Result<Vec<String>, String> {
    let http_servers = || job.servers.iter().filter(|(server, _)| *server != Server::Dns);
    let (host, target) = match what.split_once("://") {
        Some(("http" | "https", rest)) => {
            let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
            rest.split_at(end)
        }
        Some((scheme, _)) => return Err(format!("{scheme}: is not served; http and https are")),
        None if what.starts_with('/') => ("localhost", what),
        None => {
            let rehearsal = dns(job, Truth::none());
            let lines = rehearsal.explain(what, ATTEMPTS);
            return lines.ok_or_else(|| format!("{what} is no URL, no path and no name"));
        }
    };
    let (target, _) = target.split_once('#').unwrap_or((target, ""));
    let target = if target.starts_with('/') { target.to_owned() } else { format!("/{target}") };
    let port = host.rsplit_once(':').and_then(|(_, port)| port.parse().ok());
    let by_port = http_servers().find(|(_, its)| Some(*its) == port);
    let Some((server, _)) = by_port.or(http_servers().next()) else {
        return Err("DNS serves no URLs; name LOCAL, DELAY or ERROR".to_owned());
    };
    let rehearsal = http(*server, job, Truth::none()).map_err(|error| error.to_string())?;
    let mut lines = vec![format!("GET {target} of {}, seed {}", server.label(), job.seed)];
    lines.extend(rehearsal.explain("GET", host, &target, ATTEMPTS));
    Ok(lines)
}

/// Tells every fault there is.
fn list() -> Ending {
    let mut lines =
        vec!["Written behind /fault/ in a URL, or in a scenario's fault or chain.".to_owned()];
    let mut last = None;
    for (family, about) in hoist_rehearsal::catalogue() {
        if last != Some(family) {
            lines.extend([String::new(), heading(family)]);
            last = Some(family);
        }
        let counts = if about.counts { " (depends on what came before)" } else { "" };
        lines.push(format!("  {:<20} {}{counts}", about.name, about.does));
        lines.push(format!("  {:<20} as in {}", "", about.example));
        lines.push(format!("  {:<20} right: {}", "", about.verdict));
    }
    print(lines)
}

fn heading(family: Family) -> String {
    let note = match family {
        Family::Connect => " (of connections: [[connection]] in a scenario, or --connection)",
        Family::Load => " (of a whole server: --load, or load = in a scenario)",
        Family::Http2 => " (with --http2; h2-alpn-lie to h2-max-streams are of connections)",
        Family::Dns => " ([[query]] in a scenario)",
        _ => "",
    };
    format!("{family}{note}")
}

fn print(lines: Vec<String>) -> Ending {
    let mut out = Output::stdout();
    let written = lines.into_iter().try_for_each(|line| out.line(line));
    match written.and_then(|()| out.flush()) {
        Ok(()) => Ending::Clean,
        Err(error) => {
            unwritable(&error);
            Ending::Stopped
        }
    }
}

fn wait() -> io::Result<()> {
    let mut interrupts = Interrupts::listen()?;
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    runtime.block_on(interrupts.first());
    Ok(())
}
