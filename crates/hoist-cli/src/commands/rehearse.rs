use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use hoist_rehearsal::{Content, DnsRehearsal, HttpRehearsal, Running, Truth};

use super::Ending;
use super::interrupts::Interrupts;
use crate::args::{RehearseJob, Server, TruthLog};
use crate::render::note;

/// Runs servers until Ctrl-C. That is their end, not their failure.
pub(super) fn run(job: &RehearseJob) -> Ending {
    let mut running = Vec::new();
    match start(job, &mut running).and_then(|()| wait()) {
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

fn start(job: &RehearseJob, running: &mut Vec<(Server, Running)>) -> io::Result<()> {
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
            _ => http(*server, job, truth.clone()).and_then(|plain| plain.spawn(&addrs)),
        };
        let spawned = spawned.map_err(|error| {
            let hint = if error.kind() == io::ErrorKind::AddrInUse {
                "; something listens there already, choose another port with --port"
            } else {
                ""
            };
            told(&error, format_args!("{} on port {port}{hint}", server.label()))
        })?;
        let at: Vec<_> = spawned.addrs().iter().map(|addr| address(*server, *addr)).collect();
        note(format_args!("{} listens at {}", server.label(), at.join(" and ")));
        running.push((*server, spawned));
    }
    note("Ctrl-C ends it");
    Ok(())
}

/// Puts what it is about before an error.
fn told(error: &io::Error, what: std::fmt::Arguments<'_>) -> io::Error {
    io::Error::new(error.kind(), format!("{what}: {error}"))
}

fn address(server: Server, addr: SocketAddr) -> String {
    match server {
        Server::Dns => format!("dns://{addr}"),
        _ => format!("http://{addr}/"),
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

fn http(server: Server, job: &RehearseJob, truth: Truth) -> io::Result<HttpRehearsal> {
    let mut rehearsal = HttpRehearsal { seed: job.seed, truth, ..plain(server)? };
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

fn dns(job: &RehearseJob, truth: Truth) -> DnsRehearsal {
    let zones = job.zones.clone();
    let mut rehearsal = DnsRehearsal { seed: job.seed, truth, ..DnsRehearsal::new(zones) };
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

fn wait() -> io::Result<()> {
    let mut interrupts = Interrupts::listen()?;
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    runtime.block_on(interrupts.first());
    Ok(())
}
